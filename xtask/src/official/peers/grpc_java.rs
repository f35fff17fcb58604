//! grpc-java: the official programs, from the jars that Maven fetches. Their certificates lie in one of the jars.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{INSTALL_LIMIT, Peer, common_flags, home, soak_flags};
use crate::console::note;
use crate::official::kit::{Certificates, Kit, flag};
use crate::packages::{self, Needed};
use crate::{process, project};

const PACKAGE: &str = "io.grpc.testing.integration";

/// Its programs with the transport of Netty, or the client with that of OkHttp.
pub(crate) struct GrpcJava {
    pub(crate) okhttp: bool,
}

impl GrpcJava {
    fn home() -> PathBuf {
        home("grpc-java")
    }

    fn program(class: &str) -> Command {
        let mut command = Command::new("java");
        // Most of a run is the start of the machine; the second compiler never pays for itself.
        command.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-cp"]);
        command.arg(Self::home().join("jars/*")).arg(format!("{PACKAGE}.{class}"));
        command
    }

    /// The client of the negative HTTP/2 cases.
    pub(crate) fn http2_client(&self, case: &str, port: u16) -> Command {
        let mut command = Self::program("Http2Client");
        command.args(["--server_host=127.0.0.1", &format!("--server_port={port}")]);
        command.arg(format!("--test_case={case}"));
        command
    }
}

/// The jars, as `interop/peers/grpc-java/pom.xml` lists them.
fn fetch(folder: &Path, pom: &Path) -> Result<(), String> {
    packages::ensure(&[
        Needed { program: "java", package: "default-jre-headless" },
        Needed { program: "mvn", package: "maven" },
    ])?;
    note("mvn dependency:copy-dependencies");
    let mut maven = Command::new("mvn");
    maven.args(["--batch-mode", "--quiet", "--file"]).arg(pom);
    maven.args(["dependency:copy-dependencies", "-DincludeScope=runtime"]);
    maven.arg(format!("-DoutputDirectory={}", folder.join("jars").display()));
    process::quietly(&mut maven, INSTALL_LIMIT).map(drop)
}

impl Peer for GrpcJava {
    fn name(&self) -> &'static str {
        if self.okhttp { "grpc-java-okhttp" } else { "grpc-java" }
    }

    fn install(&self, kit: &Kit) -> Result<String, String> {
        let pom = project::root().join("interop/peers/grpc-java/pom.xml");
        let wanted = std::fs::read_to_string(&pom).map_err(|error| format!("{}: {error}", pom.display()))?;
        let version = wanted
            .lines()
            .filter_map(|line| line.trim().strip_prefix("<version>")?.strip_suffix("</version>"))
            .find(|version| *version != "0")
            .ok_or_else(|| format!("{} names no version", pom.display()))?
            .to_owned();
        let stamp = Self::home().join("pom.xml");
        if !std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            project::fresh_folder(&Self::home())?;
            fetch(&Self::home(), &pom)?;
            let jar = Self::home().join("jars").join(format!("grpc-testing-{version}.jar"));
            let mut unpack = kit.grpcio.python();
            unpack.args(["-m", "zipfile", "-e"]).arg(jar).arg(Self::home().join("testing"));
            process::quietly(&mut unpack, Duration::from_secs(60))?;
            std::fs::write(&stamp, &wanted).map_err(|error| format!("{}: {error}", stamp.display()))?;
        }
        Ok(format!("version {version}"))
    }

    fn certificates(&self, _kit: &Kit) -> Option<Certificates> {
        let file = |name: &str| Self::home().join("testing/certs").join(name);
        Some(Certificates { authority: file("ca.pem"), chain: file("server1.pem"), key: file("server1.key") })
    }

    fn server(&self, _kit: &Kit, tls: Option<&Certificates>, port: u16) -> Option<Command> {
        if self.okhttp {
            return None;
        }
        let mut command = Self::program("TestServiceServer");
        command.args([format!("--port={port}"), format!("--use_tls={}", tls.is_some())]);
        Some(command)
    }

    fn client(&self, kit: &Kit, tls: Option<&Certificates>, case: &str, port: u16) -> Command {
        let mut command = Self::program("TestServiceClient");
        common_flags(&mut command, tls.is_some(), case, port);
        soak_flags(&mut command);
        if self.okhttp {
            command.arg("--use_okhttp=true");
        }
        if tls.is_some() {
            command.arg(flag("service_account_key_file", &kit.file("account.json")));
            command.arg("--default_service_account=interop@carom.invalid");
            command.arg("--oauth_scope=xapi.zoo");
        }
        command
    }
}
