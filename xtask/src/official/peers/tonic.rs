//! tonic: a crate of its own under `interop/peers/tonic`.

use std::process::Command;

use super::{INSTALL_LIMIT, Peer, common_flags, soak_flags};
use crate::official::kit::{Certificates, Kit, flag};
use crate::{process, project};

pub(crate) struct Tonic;

impl Tonic {
    fn program(role: &str) -> Command {
        let mut command = Command::new(project::target().join("tonic-peer/debug/tonic-peer"));
        command.arg(role);
        command
    }
}

impl Peer for Tonic {
    fn name(&self) -> &'static str {
        "tonic"
    }

    fn install(&self, _kit: &Kit) -> Result<String, String> {
        let folder = project::root().join("interop/peers/tonic");
        // Its tests have tonic and Carom serve and call one set of prost messages.
        for action in ["build", "test"] {
            let mut cargo = project::cargo(&[action, "--quiet", "--locked", "--target-dir"]);
            cargo.current_dir(&folder).arg(project::target().join("tonic-peer"));
            process::quietly(&mut cargo, INSTALL_LIMIT)?;
        }
        let lock = folder.join("Cargo.lock");
        let lock = std::fs::read_to_string(&lock).map_err(|error| format!("{}: {error}", lock.display()))?;
        let version =
            lock.split_once("name = \"tonic\"\nversion = \"").and_then(|(_, rest)| rest.split_once('"'));
        Ok(format!("version {}", version.map_or("unknown", |(version, _)| version)))
    }

    fn server(&self, _kit: &Kit, tls: Option<&Certificates>, port: u16) -> Option<Command> {
        let mut command = Self::program("server");
        command.arg(format!("--port={port}"));
        if let Some(certificates) = tls {
            command.arg("--use_tls=true");
            command.arg(flag("tls_cert_file", &certificates.chain));
            command.arg(flag("tls_key_file", &certificates.key));
        }
        Some(command)
    }

    fn client(&self, _kit: &Kit, tls: Option<&Certificates>, case: &str, port: u16) -> Command {
        let mut command = Self::program("client");
        common_flags(&mut command, tls.is_some(), case, port);
        soak_flags(&mut command);
        if let Some(certificates) = tls {
            command.arg(flag("ca_file", &certificates.authority));
        }
        command
    }
}
