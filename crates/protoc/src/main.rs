//! protoc's command line, served by Carom's compiler.

use std::{
    env,
    io::{self, IsTerminal},
    process::ExitCode,
};

use carom_protoc::driver;

fn main() -> ExitCode {
    let options = driver::Options { source_lines: io::stderr().is_terminal(), ..driver::Options::default() };
    let code =
        driver::run_with(options, env::args_os().skip(1), &mut io::stdout().lock(), &mut io::stderr().lock());
    if code == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
