//! Python's `grpc` package: grpcio itself, and Carom in its place, by the same programs under `interop/peers/python`.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::{Peer, common_flags, home, soak_flags};
use crate::official::kit::{Certificates, Kit, flag};
use crate::python::{self, Build, Environment};
use crate::{process, project};

/// The programs under one environment.
pub(crate) struct Python {
    name: &'static str,
    environment: OnceCell<Environment>,
}

impl Python {
    pub(crate) fn grpcio() -> Self {
        Self { name: "grpcio", environment: OnceCell::new() }
    }

    pub(crate) fn carom() -> Self {
        Self { name: "carom-python", environment: OnceCell::new() }
    }

    fn folder(&self) -> PathBuf {
        home(self.name)
    }

    fn program(&self, kit: &Kit, script: &str) -> Command {
        let mut command = self.environment.get().unwrap_or(&kit.grpcio).python();
        command.arg(self.folder().join(script));
        command
    }

    /// Generates the modules by the environment's own compiler.
    fn generate(&self, environment: &Environment) -> Result<(), String> {
        let folder = self.folder();
        project::fresh_folder(&folder)?;
        project::copy_folder(&project::root().join("interop/peers/python"), &folder)?;
        let out = folder.join("gen");
        project::fresh_folder(&out)?;
        let protos = project::root().join("interop/proto");
        let mut protoc = environment.python();
        protoc.current_dir(&protos).args(["-m", "grpc_tools.protoc", "-I."]);
        protoc.arg(format!("--python_out={}", out.display()));
        protoc.arg(format!("--grpc_python_out={}", out.display()));
        protoc.args(["empty", "messages", "test"].map(|name| format!("grpc/testing/{name}.proto")));
        process::quietly(&mut protoc, Duration::from_secs(60)).map(drop)
    }
}

impl Peer for Python {
    fn name(&self) -> &'static str {
        self.name
    }

    fn install(&self, kit: &Kit) -> Result<String, String> {
        let environment = match self.name {
            "grpcio" => kit.grpcio.clone(),
            _ => {
                let environment = python::install_carom(Build::Quick)?;
                environment.ensure_packages("cryptography", &["cryptography"])?;
                environment
            }
        };
        self.generate(&environment)?;
        let mut version = environment.python();
        version.args(["-c", "import grpc; print('version', grpc.__version__)"]);
        let version = process::quietly(&mut version, Duration::from_secs(60))?;
        // Set once: a peer is installed once a run.
        let _ = self.environment.set(environment);
        Ok(version.trim().to_owned())
    }

    fn server(&self, kit: &Kit, tls: Option<&Certificates>, port: u16) -> Option<Command> {
        let mut command = self.program(kit, "interop_server.py");
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
        let mut command = self.program(kit, "interop_client.py");
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
