//! `cargo xtask bench`: Carom beside the others, in one run on one machine.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::console::{note, step};
use crate::packages::Needed;
use crate::process::{self, show};
use crate::python::{self, Build};
use crate::{interop, packages, project};

const BUILD_LIMIT: Duration = Duration::from_secs(3600);
const MEASURE_LIMIT: Duration = Duration::from_secs(3600);

/// The scenarios of a short look: both servers, and calls of one message each.
const SHORT_PYBENCH: &str = "^(server/(sync|aio) |client/(sync|aio)_(unary|future)[^@]*$)";

/// The options of `cargo xtask bench`.
pub(crate) struct Options {
    peers: Option<PathBuf>,
    pybench: Option<PathBuf>,
    full: bool,
}

impl Options {
    pub(crate) fn parse(words: &[String]) -> Result<Self, String> {
        let beside =
            |name: &str| Some(project::root().join("../shared").join(name)).filter(|path| path.exists());
        let named = |variable: &str| std::env::var_os(variable).map(PathBuf::from);
        let mut options = Self {
            peers: named("CAROM_PEERS").or_else(|| beside("peers")),
            pybench: named("CAROM_PYBENCH").or_else(|| beside("pybench")),
            full: false,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--full" => options.full = true,
                "--peers" | "--pybench" => {
                    let value = words.next().ok_or_else(|| format!("{word} needs a folder"))?;
                    let path = std::path::absolute(value).map_err(|error| format!("{value}: {error}"))?;
                    let harness = if word == "--peers" { &mut options.peers } else { &mut options.pybench };
                    *harness = Some(path);
                }
                _ => return Err(format!("bench does not know {word}")),
            }
        }
        Ok(options)
    }
}

/// `cargo xtask bench`.
pub(crate) fn run(options: Options) -> Result<(), String> {
    step("bench-server and bench-client");
    let mut failures = Vec::new();
    let binaries = interop::build_package("carom-bench", "release");
    if let Err(reason) = &binaries {
        note(reason);
        failures.push("bench-server and bench-client");
    }
    let sections: [(&str, &Option<PathBuf>, &str, Measure); 2] = [
        ("gRPC servers and clients", &options.peers, "--peers DIR or CAROM_PEERS", peers),
        ("Python packages", &options.pybench, "--pybench DIR or CAROM_PYBENCH", pybench),
    ];
    for (name, harness, how, measure) in sections {
        step(name);
        match harness {
            Some(folder) if folder.join("bench.py").exists() => {
                if let Err(reason) = measure(folder, &binaries, options.full) {
                    note(&format!("could not be measured: {reason}"));
                    failures.push(name);
                }
            }
            Some(folder) => {
                note(&format!("there is no bench.py in {}: left out", folder.display()));
                failures.push(name);
            }
            None => note(&format!("left out: no harness to compare with; name its folder by {how}")),
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(format!("not measured: {}", failures.join(", "))) }
}

type Measure = fn(&Path, &Result<PathBuf, String>, bool) -> Result<(), String>;

/// Copies a harness, which may lie where nothing can be written, and tells the copy's folder.
fn copy_of(harness: &Path, name: &str) -> Result<PathBuf, String> {
    let folder = project::target().join("harness").join(name);
    project::fresh_folder(&folder)?;
    project::copy_folder(harness, &folder)?;
    Ok(folder)
}

fn peers(harness: &Path, binaries: &Result<PathBuf, String>, full: bool) -> Result<(), String> {
    let binaries = binaries.as_ref().map_err(|_| "Carom's bench programs were not built".to_owned())?;
    packages::ensure(&[
        Needed { program: "h2load", package: "nghttp2-client" },
        Needed { program: "protoc", package: "protobuf-compiler" },
        Needed { program: "flock", package: "util-linux" },
    ])?;
    let folder = copy_of(harness, "peers")?;
    let grpcio = python::grpcio()?;
    let build = project::target().join("harness/peers-target");
    let python = grpcio.python().get_program().to_owned();
    let with_settings = |command: &mut Command| {
        command.current_dir(&folder);
        command.env("CARGO_TARGET_DIR", &build).env("PEERS_TARGET", &build);
        command.env("CAROM_BIN", binaries).env("PYTHON", &python);
    };
    if full {
        // The harness's own script builds every peer and says which packages it lacks.
        let mut compare = Command::new("bash");
        with_settings(&mut compare);
        return show(compare.arg("compare.sh"), MEASURE_LIMIT * 3);
    }
    for package in ["tonic-peer", "pajamax-peer", "raw-peer"] {
        let mut cargo = project::cargo(&[]);
        with_settings(&mut cargo);
        show(cargo.args(["build", "--quiet", "--release", "--package", package]), BUILD_LIMIT)?;
    }
    let mut bench = Command::new(&python);
    with_settings(&mut bench);
    short(&mut bench, "PEERS_ONLY", "carom,carom-ct,tonic,tonic-ct,pajamax");
    short(&mut bench, "PEERS_SCEN", "c1m100,c10m10,c100m10");
    short(&mut bench, "PEERS_SECS", "1");
    short(&mut bench, "PEERS_RUNS", "1");
    show(bench.args(["bench.py", "verify", "servers", "clients"]), MEASURE_LIMIT)
}

/// Sets a variable of the harness for a short look, unless the caller chose a value.
fn short(command: &mut Command, variable: &str, value: &str) {
    if std::env::var_os(variable).is_none() {
        command.env(variable, value);
    }
}

fn pybench(harness: &Path, _: &Result<PathBuf, String>, full: bool) -> Result<(), String> {
    packages::ensure(&[
        Needed { program: "h2load", package: "nghttp2-client" },
        Needed { program: "taskset", package: "util-linux" },
    ])?;
    let carom = python::install_carom(Build::Optimised)?;
    let grpcio = python::grpcio()?;
    for environment in [&carom, &grpcio] {
        environment.ensure_packages("bench", &["uvloop"])?;
    }
    let folder = copy_of(harness, "pybench")?;
    let mut bench = grpcio.python();
    bench.current_dir(&folder).env("PYBENCH_WORK", project::target().join("harness/pybench-work"));
    bench.arg("bench.py");
    bench.arg("--a").arg(grpcio.python().get_program());
    bench.arg("--b").arg(carom.python().get_program());
    bench.args(["--names", "grpcio,carom"]);
    if !full {
        bench.args(["--runs", "1", "--seconds", "2", "--only", SHORT_PYBENCH]);
    }
    note(&format!("runs {}", process::typed(&bench)));
    show(&mut bench, MEASURE_LIMIT)
}
