//! The official interop cases by tonic: `tonic-peer server|client FLAGS`, with the flags of the gRPC project's own
//! programs in the form `--name=value`. Silent and 0 if a case passed.

mod client;
mod server;

use std::collections::HashMap;
use std::error::Error;
use std::process::ExitCode;

/// The package `grpc.testing`.
pub mod proto {
    tonic::include_proto!("grpc.testing");
}

pub type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

pub const ECHO_INITIAL: &str = "x-grpc-test-echo-initial";
pub const ECHO_TRAILING: &str = "x-grpc-test-echo-trailing-bin";

/// The flags of a command line.
pub struct Flags(HashMap<String, String>);

impl Flags {
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    pub fn port(&self, name: &str) -> Outcome<u16> {
        Ok(self.text(name).parse()?)
    }

    pub fn tls(&self) -> bool {
        self.text("use_tls") == "true"
    }

    pub fn file(&self, name: &str) -> Outcome<String> {
        let path = self.text(name);
        std::fs::read_to_string(path).map_err(|error| format!("--{name}: {path:?}: {error}").into())
    }
}

async fn run() -> Outcome {
    let mut words = std::env::args().skip(1);
    let role = words.next().unwrap_or_default();
    let flags = words.filter_map(|word| {
        let (name, value) = word.strip_prefix("--")?.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    let flags = Flags(flags.collect());
    match role.as_str() {
        "server" => server::run(&flags).await,
        "client" => client::run(&flags).await,
        _ => Err("usage: tonic-peer server|client FLAGS".into()),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tonic-peer: {error}");
            ExitCode::FAILURE
        }
    }
}
