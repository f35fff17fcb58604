//! Python environments and the wheel.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::console::{note, step};
use crate::{packages, process, project};

const PIP_LIMIT: Duration = Duration::from_secs(600);
/// A cold build with link-time optimisation on two cores.
const BUILD_LIMIT: Duration = Duration::from_secs(1800);

/// The options of `cargo xtask python`.
pub(crate) struct Options {
    build: Build,
}

impl Options {
    pub(crate) fn parse(words: &[String]) -> Result<Self, String> {
        match words {
            [] => Ok(Self { build: Build::Optimised }),
            [word] if word == "--dev" => Ok(Self { build: Build::Quick }),
            _ => Err(format!("python takes nothing but --dev, not {}", words.join(" "))),
        }
    }
}

/// Which build of the wheel.
#[derive(Clone, Copy)]
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
}

/// `cargo xtask python`.
pub(crate) fn run(options: Options) -> Result<(), String> {
    let environment = install_carom(options.build)?;
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

    /// A program that a package brought.
    pub(crate) fn script(&self, name: &str) -> PathBuf {
        self.folder().join("bin").join(name)
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
        let mut pip = self.python();
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]);
        process::quietly(pip.args(packages), PIP_LIMIT)?;
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

/// Builds the wheel and installs it; an environment that has this wheel already stays as it is.
pub(crate) fn install_carom(build: Build) -> Result<Environment, String> {
    step(&format!("Wheel of crates/python, profile {}", build.profile()));
    let manifest = project::root().join("crates/python/Cargo.toml");
    if !manifest.exists() {
        return Err("there is no crates/python in this checkout: nothing to build a wheel from".to_owned());
    }
    let wheel = build_wheel(build, &manifest)?;
    step(&format!("Environment with Carom: {}", build.environment().display()));
    let environment = Environment::ensure(&build.environment())?;
    environment.ensure_packages("runtime", &["protobuf"])?;
    let installed = environment.folder().join("installed.whl");
    let name = wheel.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if same_bytes(&wheel, &installed) {
        note(&format!("{name} is installed already"));
        return Ok(environment);
    }
    note(&format!("pip install {name}"));
    let mut pip = environment.python();
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--force-reinstall",
        "--no-deps",
    ]);
    process::quietly(pip.arg(&wheel), PIP_LIMIT)?;
    fs::copy(&wheel, &installed)
        .map_err(|error| format!("cannot copy {} to {}: {error}", wheel.display(), installed.display()))?;
    Ok(environment)
}

fn build_wheel(build: Build, manifest: &Path) -> Result<PathBuf, String> {
    let tools = tools()?;
    tools.ensure_packages("maturin", &["maturin>=1.16,<2"])?;
    let out = project::cache().join(format!("wheels-{}", build.profile()));
    project::fresh_folder(&out)?;
    let mut maturin = Command::new(tools.script("maturin"));
    maturin
        .args([
            "build",
            "--quiet",
            "--interpreter",
            "python3",
            "--profile",
            build.profile(),
            "--manifest-path",
        ])
        .arg(manifest)
        .arg("--out")
        .arg(&out)
        // Fixed, so that the same content makes the same wheel and is not installed twice.
        .env("SOURCE_DATE_EPOCH", "1735689600");
    process::show(&mut maturin, BUILD_LIMIT)?;
    let wheels: Vec<PathBuf> = project::files_below(&out)?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .collect();
    match wheels.as_slice() {
        [wheel] => Ok(wheel.clone()),
        _ => Err(format!("maturin left {} wheels in {}, not one", wheels.len(), out.display())),
    }
}

fn same_bytes(one: &Path, other: &Path) -> bool {
    match (fs::read(one), fs::read(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}
