//! grpc-go: the official programs, built from its module.

use std::process::Command;

use super::{Peer, common_flags, home, soak_flags};
use crate::official::kit::{Certificates, Kit, flag};
use crate::packages;

const VERSION: &str = "v1.85.0";

pub(crate) struct GrpcGo;

impl GrpcGo {
    fn program(&self, name: &str) -> Command {
        Command::new(home(self.name()).join(VERSION).join(name))
    }

    /// The client of the negative HTTP/2 cases.
    pub(crate) fn http2_client(&self, case: &str, port: u16) -> Command {
        let mut command = self.program("http2");
        command.args(["-server_host=127.0.0.1", &format!("-server_port={port}")]);
        command.arg(format!("-test_case={case}"));
        command
    }
}

impl Peer for GrpcGo {
    fn name(&self) -> &'static str {
        "grpc-go"
    }

    fn install(&self, _kit: &Kit) -> Result<String, String> {
        let programs = ["client", "server", "http2"];
        let packages = programs.map(|name| format!("google.golang.org/grpc/interop/{name}@{VERSION}"));
        packages::go_install(&home(self.name()).join(VERSION), &programs, &packages)?;
        Ok(format!("version {VERSION}"))
    }

    fn server(&self, _kit: &Kit, tls: Option<&Certificates>, port: u16) -> Option<Command> {
        let mut command = self.program("server");
        command.arg(format!("-port={port}"));
        if let Some(certificates) = tls {
            command.arg("-use_tls=true");
            command.arg(flag("tls_cert_file", &certificates.chain));
            command.arg(flag("tls_key_file", &certificates.key));
        }
        Some(command)
    }

    fn client(&self, kit: &Kit, tls: Option<&Certificates>, case: &str, port: u16) -> Command {
        let mut command = self.program("client");
        common_flags(&mut command, tls.is_some(), case, port);
        soak_flags(&mut command);
        if let Some(certificates) = tls {
            command.arg(flag("ca_file", &certificates.authority));
            command.arg(flag("service_account_key_file", &kit.file("account.json")));
            command.arg("--oauth_scope=xapi.zoo");
        }
        command
    }
}
