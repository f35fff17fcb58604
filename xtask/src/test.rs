//! `cargo xtask test`: everything that must hold before a change goes in.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::conformance::Suite;
use crate::console::{self, Counts, Outcome, Row, note, quote};
use crate::process::{quietly, show};
use crate::project::cargo;
use crate::python::{self, Build, Environment, Tries};
use crate::{
    codegen_corpora, fuzz, instructions, interop, official, process, project, protoc_compare, rules,
};

const CARGO_LIMIT: Duration = Duration::from_secs(1800);
/// Parts of `carom` that have to do without the others.
const FEATURES: [&str; 4] = ["client", "server", "client,tls", "server,tls"];

const PYTEST_LIMIT: Duration = Duration::from_secs(900);

type Step = fn(&mut State) -> Result<String, String>;

/// The steps in their order: cheap ones first, so that a slip shows early.
const STEPS: [(&str, Step); 15] = [
    ("format", format),
    ("locks", locks),
    ("rules", |_| rules::check()),
    ("clippy", clippy),
    ("docs", docs),
    ("rust", rust_tests),
    ("python", python_tests),
    ("install", installing),
    ("protoc-compare", |_| protoc_compare::short()),
    ("codegen-corpora", |_| codegen_corpora::sample()),
    ("conformance", conformance),
    ("interop", crosswise),
    ("official", official),
    ("fuzz", |_| fuzz::smoke()),
    ("instructions", |_| instructions::check()),
];

/// The options of `cargo xtask test`.
pub(crate) struct Options {
    only: Option<Vec<String>>,
}

impl Options {
    pub(crate) fn parse(words: &[String]) -> Result<Self, String> {
        match words {
            [] => Ok(Self { only: None }),
            [option, names] if option == "--only" => {
                let names: Vec<String> = names.split(',').map(str::to_owned).collect();
                match names.iter().find(|name| STEPS.iter().all(|step| step.0 != name.as_str())) {
                    None => Ok(Self { only: Some(names) }),
                    Some(name) => Err(format!("there is no step {name:?}")),
                }
            }
            _ => Err(format!("test takes nothing but --only LIST, not {}", words.join(" "))),
        }
    }
}

/// What may be missing where `CI` is set, by the names that steps give it, with the reason. Whatever else could not be run
/// there fails: a gate that is absent holds nothing back.
const MAY_BE_MISSING: [(&str, &str); 0] = [];

/// What steps leave for later ones.
#[derive(Default)]
struct State {
    carom: Option<Environment>,
    /// What the current step could not try, each with the reason.
    missing: Vec<String>,
}

impl State {
    fn carom(&mut self) -> Result<Environment, String> {
        match &self.carom {
            Some(environment) => Ok(environment.clone()),
            None => {
                let environment = python::install_carom(Build::Quick)?;
                self.carom = Some(environment.clone());
                Ok(environment)
            }
        }
    }
}

/// `cargo xtask test`.
pub(crate) fn run(options: Options) -> Result<(), String> {
    let wanted = |name: &str| options.only.as_ref().is_none_or(|only| only.iter().any(|one| one == name));
    let mut state = State::default();
    let mut rows = Vec::new();
    for (name, step) in STEPS.iter().filter(|step| wanted(step.0)) {
        println!("\n================ {name} ================");
        let start = Instant::now();
        let result = step(&mut state);
        let outcome = judge(result, std::mem::take(&mut state.missing), process::in_ci(), &MAY_BE_MISSING);
        let took = start.elapsed();
        match &outcome {
            Outcome::Passed(text) => note(&format!("passed in {:.1} s: {text}", took.as_secs_f64())),
            Outcome::NotRun(missing) => note(&format!("NOT RUN: {missing}")),
            Outcome::Failed(reason) => {
                quote(reason);
                note(&format!("FAILED after {:.1} s", took.as_secs_f64()));
            }
        }
        rows.push(Row { name: (*name).to_owned(), outcome, took });
    }
    console::table("Steps:", &rows);
    let Counts { passed, not_run, failed } = console::count(&rows);
    match not_run {
        0 => println!("\n{passed} passed, {failed} failed"),
        _ => println!("\n{passed} passed, {failed} failed, {not_run} skipped"),
    }
    if failed == 0 { Ok(()) } else { Err("not everything passed".to_owned()) }
}

/// What came of a step that could not try what is `missing`.
fn judge(
    result: Result<String, String>,
    missing: Vec<String>,
    in_ci: bool,
    may_be_missing: &[(&str, &str)],
) -> Outcome {
    let allowed = |missing: &String| may_be_missing.iter().any(|(name, _)| missing.starts_with(name));
    match result {
        Err(reason) => Outcome::Failed(reason),
        Ok(text) if missing.is_empty() => Outcome::Passed(text),
        Ok(_) if in_ci && !missing.iter().all(allowed) => {
            Outcome::Failed(format!("not run, which CI does not let pass: {}", missing.join("; ")))
        }
        Ok(text) => Outcome::NotRun(format!("{}; {text}", missing.join("; "))),
    }
}

/// The toolchain's own formatter and linter, which a minimal installation lacks.
fn ensure_component(name: &str, probe: &str) -> Result<(), String> {
    if quietly(&mut cargo(&[probe, "--version"]), Duration::from_secs(60)).is_ok() {
        return Ok(());
    }
    note(&format!("rustup component add {name}"));
    quietly(Command::new("rustup").args(["component", "add", name]), Duration::from_secs(600))
        .map(|_| ())
        .map_err(|reason| format!("the Rust component {name} is missing and could not be added: {reason}"))
}

/// Packages outside the workspace, which cargo's workspace commands do not see.
fn excluded_manifests() -> Vec<PathBuf> {
    let manifests = ["fuzz/Cargo.toml", "interop/peers/tonic/Cargo.toml"];
    manifests.map(|path| project::root().join(path)).into_iter().filter(|path| path.exists()).collect()
}

fn format(_: &mut State) -> Result<String, String> {
    ensure_component("rustfmt", "fmt")?;
    show(&mut cargo(&["fmt", "--all", "--", "--check", "-l"]), CARGO_LIMIT)?;
    for manifest in excluded_manifests() {
        let mut fmt = cargo(&["fmt", "--manifest-path"]);
        show(fmt.arg(manifest).args(["--", "--check", "-l"]), CARGO_LIMIT)?;
    }
    Ok("all sources are formatted".to_owned())
}

/// The lock files of packages outside the workspace are only looked at where they are built, which for a peer may be nowhere.
fn locks(_: &mut State) -> Result<String, String> {
    let manifests = excluded_manifests();
    for manifest in &manifests {
        let mut metadata =
            cargo(&["metadata", "--quiet", "--format-version", "1", "--locked", "--manifest-path"]);
        quietly(metadata.arg(manifest), CARGO_LIMIT).map_err(|reason| {
            format!("{reason}\ncargo update --workspace in its folder mends a lock file")
        })?;
    }
    Ok(format!("{} lock files of packages outside the workspace", manifests.len()))
}

fn clippy(_: &mut State) -> Result<String, String> {
    ensure_component("clippy", "clippy")?;
    show(
        &mut cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]),
        CARGO_LIMIT,
    )?;
    for features in FEATURES {
        let mut alone = cargo(&["clippy", "--quiet", "--package", "carom", "--no-default-features"]);
        show(alone.args(["--features", features, "--", "-D", "warnings"]), CARGO_LIMIT)?;
    }
    Ok("no warnings".to_owned())
}

fn docs(_: &mut State) -> Result<String, String> {
    let mut doc = cargo(&["doc", "--quiet", "--workspace", "--no-deps"]);
    show(doc.env("RUSTDOCFLAGS", "-D warnings"), CARGO_LIMIT)?;
    Ok("no warnings".to_owned())
}

fn rust_tests(_: &mut State) -> Result<String, String> {
    // Built first and in sight, since that is what takes long.
    show(&mut cargo(&["test", "--quiet", "--workspace", "--no-run"]), CARGO_LIMIT)?;
    let mut test = cargo(&["test", "--workspace"]);
    note(&process::typed(&test));
    let finished = process::capture(&mut test, CARGO_LIMIT)?;
    let passed: usize = finished.stdout.lines().filter_map(passed_in).sum();
    if !finished.status.success() {
        quote(&process::last_lines(&finished.stderr, 30));
        quote(&process::last_lines(&finished.stdout, 60));
        return Err(format!("cargo test ended with {} after {passed} passed tests", finished.status));
    }
    Ok(format!("{passed} tests"))
}

/// The count in `test result: ok. 12 passed; ...`.
fn passed_in(line: &str) -> Option<usize> {
    let rest = line.strip_prefix("test result: ")?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

fn python_tests(state: &mut State) -> Result<String, String> {
    let environment = state.carom()?;
    environment.ensure_packages(
        "tests",
        &["pytest", "pytest-timeout", "cryptography", "gevent", "mypy", "types-grpcio", "types-protobuf"],
    )?;
    let old = python::old_protobufs()?.join(":");
    let tests = project::root().join("crates/python/tests");
    let mut pytest = environment.python();
    pytest.current_dir(project::root().join("crates/python")).env("CAROM_OLD_PROTOBUF", old);
    pytest.args(["-m", "pytest", "-q", "--timeout=60", "-p", "no:cacheprovider"]).arg(&tests);
    note(&process::typed(&pytest));
    let finished = process::capture(&mut pytest, PYTEST_LIMIT)?;
    if !finished.status.success() {
        quote(&process::last_lines(&finished.stdout, 80));
        quote(&process::last_lines(&finished.stderr, 20));
        return Err(format!("pytest ended with {}", finished.status));
    }
    Ok(finished.stdout.lines().last().unwrap_or_default().trim_matches([' ', '=']).to_owned())
}

/// The wheels in fresh environments, with what is quick.
fn installing(state: &mut State) -> Result<String, String> {
    state.carom()?;
    python::try_installing(Build::Quick, Tries::Short)
}

fn crosswise(state: &mut State) -> Result<String, String> {
    let tested = interop::Tested::carom(state.carom()?);
    let grpcio = python::grpcio()?;
    let binaries = interop::build_rust("dev")?;
    let mut rows = interop::matrix(&grpcio, &interop::parties(&grpcio, &tested, Some(binaries)))?;
    rows.extend(interop::trouble(&tested)?);
    console::table("Crosswise:", &rows);
    match console::count(&rows) {
        Counts { passed, failed: 0, .. } => Ok(format!("{passed} lines of the matrix")),
        Counts { passed, failed, .. } => {
            Err(format!("{failed} of {} lines of the matrix failed", passed + failed))
        }
    }
}

/// Protobuf's conformance suite, where its runner can be had.
fn conformance(state: &mut State) -> Result<String, String> {
    match Suite::obtain() {
        Ok(suite) => suite.run(),
        Err(reason) => {
            state.missing.push(format!("the runner of protobuf's conformance suite: {reason}"));
            Ok("nothing of it was tried".to_owned())
        }
    }
}

/// The official interop cases with what is quick, and h2spec.
fn official(state: &mut State) -> Result<String, String> {
    let summary = official::look(&official::Options::short())?;
    state.missing.extend_from_slice(summary.absent());
    summary.verdict()?;
    Ok(summary.text())
}

#[cfg(test)]
mod tests {
    use super::{Outcome, judge, passed_in};

    #[test]
    fn what_is_missing_fails_in_ci_unless_it_is_named() {
        let ran = || Ok("12 trials".to_owned());
        let missing = || vec!["grpc-java: no Maven".to_owned()];
        assert!(judge(ran(), Vec::new(), true, &[]).has_passed());
        assert!(
            matches!(judge(ran(), missing(), false, &[]), Outcome::NotRun(text) if text.contains("no Maven"))
        );
        assert!(matches!(judge(ran(), missing(), true, &[]), Outcome::Failed(_)));
        let named = [("grpc-java", "has no Maven there")];
        assert!(matches!(judge(ran(), missing(), true, &named), Outcome::NotRun(_)));
        let both = [missing(), vec!["h2spec: no Go".to_owned()]].concat();
        assert!(matches!(judge(ran(), both, true, &named), Outcome::Failed(_)));
        assert!(matches!(judge(Err("no".to_owned()), missing(), false, &named), Outcome::Failed(_)));
    }

    #[test]
    fn the_count_of_passed_tests_is_read() {
        assert_eq!(passed_in("test result: ok. 12 passed; 0 failed; 1 ignored"), Some(12));
        assert_eq!(passed_in("running 12 tests"), None);
    }
}
