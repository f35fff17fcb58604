//! The client of the official interop cases: `interop-client --server_host=HOST --server_port=PORT --test_case=CASE
//! [--use_tls --use_test_ca --ca_file=PEM] ...`. Silent and 0 if the case passed.

use std::process::ExitCode;

use carom_interop::official::cases;
use carom_interop::official::flags::Flags;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let outcome = match Flags::parse(&cases::FLAGS, std::env::args().skip(1)) {
        Ok(flags) => cases::run(&flags).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("interop-client: {reason}");
            ExitCode::FAILURE
        }
    }
}
