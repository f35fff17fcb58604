//! Python environments and the wheels.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::console::{note, step};
use crate::{packages, process, project};

const PIP_LIMIT: Duration = Duration::from_secs(600);
/// A cold build with link-time optimisation on two cores.
const BUILD_LIMIT: Duration = Duration::from_secs(1800);

/// The oldest systems that wheels are shipped for, those with glibc 2.17, by maturin's name for them and by auditwheel's.
const MANYLINUX: &str = "manylinux2014";
const AUDITED: &str = "manylinux_2_17";
/// All tries of installing.
const TRIES_LIMIT: Duration = Duration::from_secs(1200);

/// The options of `cargo xtask python`.
pub(crate) struct Options {
    build: Build,
    /// Whether installing is tried.
    tries: bool,
}

impl Options {
    pub(crate) fn parse(words: &[String]) -> Result<Self, String> {
        let mut options = Self { build: Build::Optimised, tries: false };
        for word in words {
            match word.as_str() {
                "--dev" => options.build = Build::Quick,
                "--try" => options.tries = true,
                _ => return Err(format!("python takes nothing but --dev and --try, not {word}")),
            }
        }
        if options.tries && options.build == Build::Quick {
            return Err("--try is for the wheels that are shipped, not for those of --dev".to_owned());
        }
        Ok(options)
    }
}

/// Which build of the wheels.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    /// The profile that is shipped, in `.venv`.
    Optimised,
    /// The profile of `cargo test`, in `.cache/venv-dev`.
    Quick,
}

impl Build {
    fn profile(self) -> &'static str {
        match self {
            Self::Optimised => "dist",
            Self::Quick => "dev",
        }
    }

    fn environment(self) -> PathBuf {
        match self {
            Self::Optimised => project::root().join(".venv"),
            Self::Quick => project::cache().join("venv-dev"),
        }
    }

    /// Where its wheels are put.
    fn wheels(self) -> PathBuf {
        match self {
            Self::Optimised => project::root().join("dist"),
            Self::Quick => project::cache().join("wheels-dev"),
        }
    }
}

/// `cargo xtask python`.
pub(crate) fn run(options: Options) -> Result<(), String> {
    let environment = install_carom(options.build)?;
    if options.tries {
        note(&try_installing(options.build, Tries::All)?);
    }
    step("Done");
    note(&format!("{} has `import grpc` answered by Carom", process::typed(&environment.python())));
    Ok(())
}

/// A virtual environment.
#[derive(Clone)]
pub(crate) struct Environment {
    interpreter: PathBuf,
}

impl Environment {
    /// One made elsewhere, by its interpreter.
    pub(crate) fn of(interpreter: &Path) -> Self {
        Self { interpreter: interpreter.to_path_buf() }
    }

    /// Makes it where it is missing or no longer starts (the Python it was made of may be gone).
    fn ensure(folder: &Path) -> Result<Self, String> {
        let environment = Self { interpreter: folder.join("bin/python") };
        let works = || {
            let mut pip = environment.python();
            process::quietly(pip.args(["-m", "pip", "--version"]), Duration::from_secs(60))
        };
        if environment.interpreter.exists() && works().is_ok() {
            return Ok(environment);
        }
        note(&format!("making {}", folder.display()));
        packages::ensure(&[packages::Needed { program: "python3", package: "python3" }])?;
        let mut probe = Command::new("python3");
        if process::quietly(probe.args(["-c", "import venv, ensurepip"]), Duration::from_secs(60)).is_err() {
            packages::install(&["python3-venv", "python3-pip"])?;
        }
        let mut make = Command::new("python3");
        process::quietly(make.args(["-m", "venv", "--clear"]).arg(folder), PIP_LIMIT)?;
        works()?;
        Ok(environment)
    }

    /// Its interpreter, ready for arguments. Output comes unbuffered, so that what was said is not lost.
    pub(crate) fn python(&self) -> Command {
        let mut command = Command::new(&self.interpreter);
        command.env("PYTHONUNBUFFERED", "1").env_remove("PYTHONPATH");
        command
    }

    /// Its pip, ready for arguments.
    fn pip(&self, command: &str) -> Command {
        let mut pip = self.python();
        pip.args(["-m", "pip", command, "--quiet", "--disable-pip-version-check"]);
        pip
    }

    /// A program that a package brought.
    pub(crate) fn script(&self, name: &str) -> PathBuf {
        self.folder().join("bin").join(name)
    }

    /// The search path with its programs first.
    fn path(&self) -> Result<OsString, String> {
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.folder().join("bin")).chain(std::env::split_paths(&inherited));
        std::env::join_paths(folders).map_err(|error| format!("PATH: {error}"))
    }

    fn folder(&self) -> &Path {
        self.interpreter.parent().and_then(Path::parent).unwrap_or(Path::new("."))
    }

    /// Installs packages from PyPI unless this very list was installed before.
    pub(crate) fn ensure_packages(&self, name: &str, packages: &[&str]) -> Result<(), String> {
        let stamp = self.folder().join(format!("installed-{name}"));
        let wanted = packages.join("\n");
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            return Ok(());
        }
        note(&format!("pip install {}", packages.join(" ")));
        process::quietly(self.pip("install").arg("--upgrade").args(packages), PIP_LIMIT)?;
        fs::write(&stamp, wanted).map_err(|error| format!("cannot write {}: {error}", stamp.display()))
    }
}

/// An environment with the real grpcio, for crosswise runs.
pub(crate) fn grpcio() -> Result<Environment, String> {
    step("Environment with grpcio: .cache/venv-grpcio");
    let environment = Environment::ensure(&project::cache().join("venv-grpcio"))?;
    // The release that Carom is compared with; trustme makes the certificates of the crosswise runs.
    environment.ensure_packages("grpcio", &["grpcio==1.85.*", "grpcio-tools==1.85.*", "trustme"])?;
    Ok(environment)
}

/// Interpreters with old releases of protobuf.
pub(crate) fn old_protobufs() -> Result<Vec<String>, String> {
    let environment = |version: &str| {
        let environment = Environment::ensure(&project::cache().join(format!("venv-protobuf-{version}")))?;
        environment.ensure_packages("protobuf", &[&format!("protobuf=={version}.*")])?;
        Ok(environment.interpreter.display().to_string())
    };
    ["4.25", "5.29"].into_iter().map(environment).collect()
}

/// An environment for tools that are written in Python.
pub(crate) fn tools() -> Result<Environment, String> {
    Environment::ensure(&project::cache().join("venv-tools"))
}

/// How much of installing is tried.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tries {
    /// What takes less than a minute.
    Short,
    All,
}

/// Tries the wheels that were built in fresh environments, with pip and other installers.
pub(crate) fn try_installing(build: Build, tries: Tries) -> Result<String, String> {
    step("Installing in fresh environments");
    let tools = tools()?;
    tools.ensure_packages("installers", &["pytest", "pytest-timeout", "uv"])?;
    let mut pytest = tools.python();
    pytest.args(["-m", "pytest", "-q", "--timeout=300", "-p", "no:cacheprovider"]);
    match tries {
        Tries::Short => pytest.args(["-m", "not long"]),
        Tries::All => {
            // Where a build from source leaves what the next one can use.
            pytest.env("CARGO_TARGET_DIR", project::cache().join("target-sdist"));
            // Poetry asks for exact releases of much else.
            let poetry = Environment::ensure(&project::cache().join("venv-poetry"))?;
            poetry.ensure_packages("poetry", &["poetry"])?;
            pytest.env("CAROM_POETRY", poetry.script("poetry"))
        }
    };
    pytest.arg(project::root().join("crates/python/stand-ins/tests"));
    pytest.env("CAROM_WHEELS", build.wheels()).env("CAROM_UV", tools.script("uv"));
    note(&process::typed(&pytest));
    let finished = process::capture(&mut pytest, TRIES_LIMIT)?;
    let last = finished.stdout.lines().last().unwrap_or_default().trim_matches([' ', '=']).to_owned();
    finished.successful("pytest").map(|_| last)
}

/// Builds the wheels and installs them; an environment that has these wheels already stays as it is.
pub(crate) fn install_carom(build: Build) -> Result<Environment, String> {
    step(&format!("Wheels of crates/python, profile {}", build.profile()));
    let manifest = project::root().join("crates/python/Cargo.toml");
    if !manifest.exists() {
        return Err("there is no crates/python in this checkout: nothing to build a wheel from".to_owned());
    }
    let wheels = build_wheels(build, &manifest)?;
    step(&format!("Environment with Carom: {}", build.environment().display()));
    let environment = Environment::ensure(&build.environment())?;
    environment.ensure_packages("runtime", &["protobuf", "googleapis-common-protos"])?;
    let installed = environment.folder().join("installed-wheels");
    let names = wheels.iter().map(|wheel| file_name(wheel)).collect::<Vec<_>>().join(" ");
    if same_files(&wheels, &installed)? {
        note(&format!("{names} are installed already"));
        return Ok(environment);
    }
    note(&format!("pip install {names}"));
    // First out with all that there is: pip would remove an older distribution's files after it has written those of another.
    let mut pip = environment.pip("uninstall");
    process::quietly(pip.arg("--yes").args(wheels.iter().map(|wheel| distribution(wheel))), PIP_LIMIT)?;
    let mut pip = environment.pip("install");
    process::quietly(pip.arg("--no-deps").args(&wheels), PIP_LIMIT)?;
    project::fresh_folder(&installed)?;
    for wheel in &wheels {
        let copy = installed.join(file_name(wheel));
        fs::copy(wheel, &copy)
            .map_err(|error| format!("cannot copy {} to {}: {error}", wheel.display(), copy.display()))?;
    }
    Ok(environment)
}

/// Builds the engine's wheel and the stand-ins that belong to it; beside those that are shipped, the source distribution.
fn build_wheels(build: Build, manifest: &Path) -> Result<Vec<PathBuf>, String> {
    let tools = tools()?;
    tools.ensure_packages("maturin", &["maturin>=1.16,<2"])?;
    let out = build.wheels();
    project::fresh_folder(&out)?;
    let maturin = |command: &str, options: &[&str]| -> Result<(), String> {
        let mut maturin = Command::new(tools.script("maturin"));
        maturin.arg(command).args(options).arg("--manifest-path").arg(manifest).arg("--out").arg(&out);
        // maturin looks for zig in the first Python of the path.
        maturin.env("PATH", tools.path()?);
        // Fixed, so that the same content makes the same wheel and is not installed twice.
        maturin.env("SOURCE_DATE_EPOCH", "1735689600");
        process::show(&mut maturin, BUILD_LIMIT)
    };
    let mut options = vec!["--quiet", "--interpreter", "python3", "--profile", build.profile()];
    let for_old_systems = build == Build::Optimised && cfg!(all(target_os = "linux", target_env = "gnu"));
    if for_old_systems {
        tools.ensure_packages("manylinux", &["ziglang", "auditwheel"])?;
        options.extend(["--zig", "--compatibility", MANYLINUX]);
    }
    maturin("build", &options)?;
    let [carom] = wheels_in(&out)?.try_into().map_err(|wheels: Vec<_>| {
        format!("maturin left {} wheels in {}, not one", wheels.len(), out.display())
    })?;
    if for_old_systems {
        audit(&tools, &carom)?;
    }
    if build == Build::Optimised {
        maturin("sdist", &[])?;
    }
    let mut stand_ins = tools.python();
    stand_ins.arg(project::root().join("crates/python/stand-ins/build.py")).arg(carom).arg(&out);
    process::quietly(&mut stand_ins, Duration::from_secs(60))?;
    wheels_in(&out)
}

/// Whether the wheel keeps to what its name says, by a tool that is not the one that made it.
fn audit(tools: &Environment, wheel: &Path) -> Result<(), String> {
    let mut auditwheel = Command::new(tools.script("auditwheel"));
    let said = process::quietly(auditwheel.arg("show").arg(wheel), Duration::from_secs(60))?;
    let tag = format!("platform tag:\n\"{AUDITED}_{}\".", std::env::consts::ARCH);
    if said.contains(&tag) {
        note(&format!("auditwheel finds it consistent with {AUDITED}"));
        return Ok(());
    }
    Err(format!("the wheel is not what {MANYLINUX} allows:\n{said}"))
}

fn wheels_in(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut files = project::files_below(folder)?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "whl"));
    Ok(files)
}

/// Whether a folder holds copies of these files and nothing else.
fn same_files(files: &[PathBuf], folder: &Path) -> Result<bool, String> {
    if !folder.exists() {
        return Ok(false);
    }
    let same = |file: &PathBuf| same_bytes(file, &folder.join(file_name(file)));
    Ok(project::files_below(folder)?.len() == files.len() && files.iter().all(same))
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The name of the distribution in a wheel, which its file's name begins with.
fn distribution(wheel: &Path) -> String {
    file_name(wheel).split('-').next().unwrap_or_default().replace('_', "-")
}

fn same_bytes(one: &Path, other: &Path) -> bool {
    match (fs::read(one), fs::read(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}
