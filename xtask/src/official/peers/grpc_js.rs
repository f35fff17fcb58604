//! grpc-js: small programs of our own under `interop/peers/grpc-js`, on the packages that npm fetches.

use std::path::PathBuf;
use std::process::Command;

use super::{INSTALL_LIMIT, Peer, common_flags, home, soak_flags};
use crate::console::note;
use crate::official::kit::{Certificates, Kit, flag};
use crate::packages::{self, Needed};
use crate::{process, project};

pub(crate) struct GrpcJs;

fn folder() -> PathBuf {
    home("grpc-js")
}

fn sources() -> PathBuf {
    project::root().join("interop/peers/grpc-js")
}

fn read(path: PathBuf) -> Result<String, String> {
    std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Fetches what the lock file names. No script of a package is run.
fn fetch(lock: &str) -> Result<(), String> {
    let stamp = folder().join("installed-lock.json");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    note("npm ci");
    let mut npm = Command::new("npm");
    npm.current_dir(folder()).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    process::quietly(&mut npm, INSTALL_LIMIT)?;
    std::fs::write(&stamp, lock).map_err(|error| format!("{}: {error}", stamp.display()))
}

impl GrpcJs {
    fn program(script: &str) -> Command {
        let mut command = Command::new("node");
        command.arg(folder().join(script));
        command
    }
}

impl Peer for GrpcJs {
    fn name(&self) -> &'static str {
        "grpc-js"
    }

    fn install(&self, _kit: &Kit) -> Result<String, String> {
        packages::ensure(&[
            Needed { program: "node", package: "nodejs" },
            Needed { program: "npm", package: "npm" },
        ])?;
        project::copy_folder(&sources(), &folder())?;
        project::copy_folder(&project::root().join("interop/proto"), &folder().join("proto"))?;
        fetch(&read(sources().join("package-lock.json"))?)?;
        let manifest = read(folder().join("node_modules/@grpc/grpc-js/package.json"))?;
        let version = manifest.split_once("\"version\": \"").and_then(|(_, rest)| rest.split_once('"'));
        Ok(format!("version {}", version.map_or("unknown", |(version, _)| version)))
    }

    fn server(&self, kit: &Kit, tls: Option<&Certificates>, port: u16) -> Option<Command> {
        let mut command = Self::program("server.js");
        command.arg(format!("--port={port}"));
        command.arg(flag("service_account_key_file", &kit.file("account.json")));
        command.arg(flag("oauth_token_file", &kit.file("token.json")));
        if let Some(certificates) = tls {
            command.arg("--use_tls=true");
            command.arg(flag("tls_cert_file", &certificates.chain));
            command.arg(flag("tls_key_file", &certificates.key));
        }
        Some(command)
    }

    fn client(&self, kit: &Kit, tls: Option<&Certificates>, case: &str, port: u16) -> Command {
        let mut command = Self::program("client.js");
        common_flags(&mut command, tls.is_some(), case, port);
        soak_flags(&mut command);
        if let Some(certificates) = tls {
            command.arg(flag("ca_file", &certificates.authority));
            command.arg(flag("service_account_key_file", &kit.file("account.json")));
            command.arg(flag("oauth_token_file", &kit.file("token.json")));
        }
        command
    }
}
