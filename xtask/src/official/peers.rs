//! The implementations that take part, each installed by itself and started by its own flags.

mod carom;
mod cpp;
mod grpc_go;
mod grpc_java;
mod grpc_js;
mod python;
mod tonic;

pub(crate) use self::carom::Carom;
pub(crate) use self::grpc_go::GrpcGo;
pub(crate) use self::grpc_java::GrpcJava;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::kit::{Certificates, Kit};
use crate::project;

/// Carom's name among the peers.
pub(crate) const CAROM: &str = "carom";

/// Downloads and builds of a peer.
const INSTALL_LIMIT: Duration = Duration::from_secs(1200);

/// One implementation of the official programs.
pub(crate) trait Peer {
    fn name(&self) -> &'static str;

    /// Makes sure that it is there, and says which version. Again and again it must cost little.
    fn install(&self, kit: &Kit) -> Result<String, String>;

    /// The certificates that its programs insist on; `None`: it takes any.
    fn certificates(&self, _kit: &Kit) -> Option<Certificates> {
        None
    }

    /// Its server on a port of the loopback interface; `None`: it has none of its own.
    fn server(&self, kit: &Kit, tls: Option<&Certificates>, port: u16) -> Option<Command>;

    /// Its client with one case. It succeeds if the case passed.
    fn client(&self, kit: &Kit, tls: Option<&Certificates>, case: &str, port: u16) -> Command;
}

/// All of them, in the order of the matrix.
pub(crate) fn all() -> Vec<Box<dyn Peer>> {
    vec![
        Box::new(Carom),
        Box::new(GrpcGo),
        Box::new(python::Python::grpcio()),
        Box::new(python::Python::carom()),
        Box::new(GrpcJava { okhttp: false }),
        Box::new(GrpcJava { okhttp: true }),
        Box::new(tonic::Tonic),
        Box::new(cpp::Cpp),
        Box::new(grpc_js::GrpcJs),
    ]
}

pub(crate) fn names() -> Vec<&'static str> {
    all().iter().map(|peer| peer.name()).collect()
}

/// The folder that a peer is installed into; it stays from run to run.
fn home(name: &str) -> PathBuf {
    project::cache().join("peers").join(name)
}

/// The flags that all official clients have in common.
fn common_flags(command: &mut Command, tls: bool, case: &str, port: u16) {
    command.args(["--server_host=127.0.0.1", &format!("--server_port={port}")]);
    command.arg(format!("--test_case={case}"));
    command.arg(format!("--use_tls={tls}"));
    if tls {
        command.arg("--use_test_ca=true");
        command.arg(format!("--server_host_override={}", super::kit::HOST_NAME));
    }
}

/// What the soak cases are held to: a machine that is busy with other things must not fail them.
fn soak_flags(command: &mut Command) {
    command.arg("--soak_iterations=20");
    command.arg("--soak_per_iteration_max_acceptable_latency_ms=10000");
    command.arg("--soak_overall_timeout_seconds=50");
}
