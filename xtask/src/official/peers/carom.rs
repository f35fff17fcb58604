//! Carom's own programs: `interop-client` and `interop-server`.

use std::process::Command;

use super::{CAROM, Peer, common_flags, soak_flags};
use crate::official::kit::{Certificates, Kit, flag};

pub(crate) struct Carom;

impl Peer for Carom {
    fn name(&self) -> &'static str {
        CAROM
    }

    fn install(&self, _kit: &Kit) -> Result<String, String> {
        Ok(format!("version {}", env!("CARGO_PKG_VERSION")))
    }

    fn server(&self, kit: &Kit, tls: Option<&Certificates>, port: u16) -> Option<Command> {
        let mut command = kit.program("interop-server");
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
        let mut command = kit.program("interop-client");
        common_flags(&mut command, tls.is_some(), case, port);
        soak_flags(&mut command);
        if let Some(certificates) = tls {
            command.arg(flag("ca_file", &certificates.authority));
            command.arg(flag("service_account_key_file", &kit.file("account.json")));
            command.arg(flag("oauth_token_file", &kit.file("token.json")));
            command.arg("--oauth_scope=xapi.zoo");
        }
        command
    }
}
