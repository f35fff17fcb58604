//! What all parts of a run share: Carom's programs, certificates, an account, and servers on ports that are picked.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::Trial;
use crate::console::{note, step};
use crate::process::{self, Finished, Server};
use crate::python::Environment;
use crate::{interop, programs, project, python};

pub(crate) const READY_LIMIT: Duration = Duration::from_secs(30);

/// The name that all test certificates are for, the official ones too.
pub(crate) const HOST_NAME: &str = "foo.test.google.fr";

/// What is made once a run.
pub(crate) struct Kit {
    /// Carom's programs.
    pub(crate) binaries: PathBuf,
    /// Files of this run, made anew each time.
    pub(crate) folder: PathBuf,
    /// The environment with grpcio; scripts of the rig run in it too.
    pub(crate) grpcio: Environment,
    /// Made the files, and answers at the account's token endpoint.
    _accounts: Server,
}

impl Kit {
    pub(crate) fn prepare() -> Result<Self, String> {
        step("Carom's interop programs");
        let binaries = interop::build_package("carom-interop", "dev")?;
        interop::build_package("carom-conformance", "dev")?;
        let grpcio = python::grpcio()?;
        step("Certificates and accounts of this run");
        let folder = project::target().join("official");
        project::fresh_folder(&folder)?;
        let mut make = grpcio.python();
        make.arg(project::root().join("interop/python/account_server.py")).arg(&folder);
        let accounts = Server::start(&mut make, "ready", READY_LIMIT)?;
        note(&format!("in {}", folder.display()));
        Ok(Self { binaries, folder, grpcio, _accounts: accounts })
    }

    /// A file of this run.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A program of Carom's.
    pub(crate) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.binaries.join(name));
        command.env("RUST_BACKTRACE", "0");
        command
    }
}

/// The certificates that one server shows: the authority, the chain and its key.
#[derive(Clone)]
pub(crate) struct Certificates {
    pub(crate) authority: PathBuf,
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
}

impl Certificates {
    /// Those of this run.
    pub(crate) fn of(kit: &Kit) -> Self {
        Self { authority: kit.file("ca.pem"), chain: kit.file("server.pem"), key: kit.file("server.key") }
    }
}

/// `--name=path`.
pub(crate) fn flag(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

/// Starts a server on a port that is free, and waits until it can be connected to.
pub(crate) fn serve(command: impl FnOnce(u16) -> Option<Command>) -> Result<(Server, u16), String> {
    let port = programs::free_port()?;
    let mut command = command(port).ok_or("it has no server")?;
    let server = Server::start_on(&mut command, port, READY_LIMIT)?;
    Ok((server, port))
}

/// Runs a client to its end; it must succeed.
pub(crate) fn attempt(
    place: &str,
    case: &str,
    mut client: Command,
    limit: Duration,
    server: &mut Server,
) -> Trial {
    let start = Instant::now();
    let outcome = process::capture(&mut client, limit).and_then(|finished| passed(&finished, server));
    Trial { place: place.to_owned(), case: case.to_owned(), outcome, took: start.elapsed() }
}

fn passed(finished: &Finished, server: &mut Server) -> Result<(), String> {
    let said = || process::last_lines(&format!("{}{}", finished.stdout, finished.stderr), 12);
    if !server.is_running() {
        return Err(server.failure(&format!("ended while it was asked; the client had said:\n{}", said())));
    }
    if finished.status.success() {
        return Ok(());
    }
    Err(format!("{}; {}", finished.status, said()))
}
