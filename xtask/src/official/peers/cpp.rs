//! gRPC C++: small programs of our own under `interop/peers/cpp`, on the library that Debian has.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{INSTALL_LIMIT, Peer, common_flags, home, soak_flags};
use crate::console::note;
use crate::official::kit::{Certificates, Kit, flag};
use crate::{packages, process, project};

/// Debian's own, by their paths: another `protoc` in the path may be too new for the library.
const PROTOC: &str = "/usr/bin/protoc";
const PLUGIN: &str = "/usr/bin/grpc_cpp_plugin";
const COMPILER: &str = "/usr/bin/g++";
const PKG_CONFIG: &str = "/usr/bin/pkg-config";

/// A file that must be there, and the Debian package that brings it.
const NEEDED: [(&str, &str); 5] = [
    (COMPILER, "g++"),
    (PKG_CONFIG, "pkg-config"),
    (PROTOC, "protobuf-compiler"),
    (PLUGIN, "protobuf-compiler-grpc"),
    ("/usr/include/grpcpp/grpcpp.h", "libgrpc++-dev"),
];

const PROTOS: [&str; 3] =
    ["grpc/testing/empty.proto", "grpc/testing/messages.proto", "grpc/testing/test.proto"];

/// What both programs are linked with, without the ending.
const GENERATED: [&str; 4] = ["empty.pb", "messages.pb", "test.pb", "test.grpc.pb"];

const PROGRAMS: [&str; 2] = ["client", "server"];

const QUICK: Duration = Duration::from_secs(60);

pub(crate) struct Cpp;

fn folder() -> PathBuf {
    home("grpc-cpp")
}

fn sources() -> PathBuf {
    project::root().join("interop/peers/cpp")
}

fn protos() -> PathBuf {
    project::root().join("interop/proto")
}

/// The words of pkg-config's answer.
fn pkg_config(arguments: &[&str]) -> Result<Vec<String>, String> {
    let said = process::quietly(Command::new(PKG_CONFIG).args(arguments), QUICK)?;
    Ok(said.split_whitespace().map(str::to_owned).collect())
}

fn ensure_packages() -> Result<(), String> {
    let missing = || NEEDED.iter().filter(|(file, _)| !Path::new(file).exists());
    let packages: Vec<&str> = missing().map(|(_, package)| *package).collect();
    if packages.is_empty() {
        return Ok(());
    }
    packages::install(&packages)?;
    match missing().next() {
        None => Ok(()),
        Some((file, package)) => Err(format!("the package {package} is installed, yet there is no {file}")),
    }
}

/// All that a build is made from: when it changes, the programs are built again.
fn inputs(version: &str) -> Result<String, String> {
    let mut inputs = format!("version {version}\n");
    let files = PROTOS.iter().map(|name| protos().join(name));
    for file in project::files_below(&sources())?.into_iter().chain(files) {
        let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        inputs.push_str(&text);
    }
    Ok(inputs)
}

fn build() -> Result<(), String> {
    let out = folder();
    project::fresh_folder(&out)?;
    note("g++ client.cc server.cc");
    let mut protoc = Command::new(PROTOC);
    protoc.current_dir(protos()).arg("-I.").arg(format!("--cpp_out={}", out.display()));
    protoc.arg(format!("--plugin=protoc-gen-grpc={PLUGIN}")).arg(format!("--grpc_out={}", out.display()));
    process::quietly(protoc.args(PROTOS), QUICK)?;

    let mut compile = Command::new(COMPILER);
    compile.current_dir(&out).args(["-std=c++17", "-O1", "-Wall", "-c"]);
    compile.arg(format!("-I{}", out.display()));
    compile.args(pkg_config(&["--cflags", "grpc++", "protobuf"])?);
    compile.args(GENERATED.map(|name| format!("grpc/testing/{name}.cc")));
    compile.args(PROGRAMS.map(|name| sources().join(format!("{name}.cc"))));
    process::quietly(&mut compile, INSTALL_LIMIT)?;

    let libraries = pkg_config(&["--libs", "grpc++", "protobuf"])?;
    for program in PROGRAMS {
        let mut link = Command::new(COMPILER);
        link.current_dir(&out).args(["-pthread", "-o", program]).arg(format!("{program}.o"));
        link.args(GENERATED.map(|name| format!("{name}.o"))).args(&libraries);
        process::quietly(&mut link, INSTALL_LIMIT)?;
    }
    Ok(())
}

impl Peer for Cpp {
    fn name(&self) -> &'static str {
        "grpc-cpp"
    }

    fn install(&self, _kit: &Kit) -> Result<String, String> {
        ensure_packages()?;
        let version = pkg_config(&["--modversion", "grpc++"])?.concat();
        let stamp = folder().join("inputs");
        let wanted = inputs(&version)?;
        if !std::fs::read_to_string(&stamp).is_ok_and(|built| built == wanted) {
            build()?;
            std::fs::write(&stamp, &wanted).map_err(|error| format!("{}: {error}", stamp.display()))?;
        }
        Ok(format!("version {version}"))
    }

    fn server(&self, _kit: &Kit, tls: Option<&Certificates>, port: u16) -> Option<Command> {
        let mut command = Command::new(folder().join("server"));
        command.arg(format!("--port={port}"));
        if let Some(certificates) = tls {
            command.arg("--use_tls=true");
            command.arg(flag("tls_cert_file", &certificates.chain));
            command.arg(flag("tls_key_file", &certificates.key));
        }
        Some(command)
    }

    fn client(&self, kit: &Kit, tls: Option<&Certificates>, case: &str, port: u16) -> Command {
        let mut command = Command::new(folder().join("client"));
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
