//! Instructions that a call takes in the engine, and in the whole library, counted by callgrind: the same on every run, whatever else the
//! machine is doing, so that a change which makes the engine dearer is seen at once.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use crate::console::note;
use crate::{packages, process, project};

const LIMIT: Duration = Duration::from_secs(900);

/// Packages with a `benches/instructions.rs`, and the names of their figures.
const ENGINE: (&str, &str) = ("carom-wire", "");
const LIBRARY: (&str, &str) = ("carom", "library-");

/// Scenarios of each, with two numbers of units: the difference between two runs has no start-up in it.
const SCENARIOS: [((&str, &str), &str, u64, u64); 6] = [
    (ENGINE, "unary", 200, 1200),
    (ENGINE, "unary-64k", 20, 120),
    (ENGINE, "stream-16", 500, 5500),
    (LIBRARY, "unary", 200, 1200),
    (LIBRARY, "sequential", 200, 1200),
    (LIBRARY, "stream", 500, 5500),
];

/// Percent that a figure may be above what is written down: compilers and C libraries differ a little.
const TOLERANCE: u64 = 5;

/// The options of `cargo xtask instructions`.
pub(crate) struct Options {
    refresh: bool,
}

impl Options {
    pub(crate) fn parse(words: &[String]) -> Result<Self, String> {
        match words {
            [] => Ok(Self { refresh: false }),
            [option] if option == "--refresh" => Ok(Self { refresh: true }),
            _ => Err(format!("instructions takes nothing but --refresh, not {}", words.join(" "))),
        }
    }
}

/// `cargo xtask instructions`.
pub(crate) fn run(options: Options) -> Result<(), String> {
    if options.refresh {
        let mut text = String::from(
            "# Instructions a unit of work, client and server together: of crates/wire/benches/instructions.rs, and of\n\
             # crates/carom/benches/instructions.rs.\n\
             # Written by `cargo xtask instructions --refresh`.\n",
        );
        for (scenario, counted) in count()? {
            let _ = writeln!(text, "{scenario} {counted}");
        }
        return std::fs::write(baseline_path(), text)
            .map_err(|error| format!("cannot write the figures: {error}"));
    }
    check().map(|summary| println!("{summary}"))
}

/// Counts, and holds the figures against those written down.
pub(crate) fn check() -> Result<String, String> {
    let path = baseline_path();
    let text =
        std::fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let expected = parse(&text)?;
    let counted = count()?;
    let (mut words, mut worse) = (Vec::new(), Vec::new());
    for (scenario, now) in counted {
        let before =
            *expected.get(&scenario).ok_or_else(|| format!("{} has no line {scenario}", path.display()))?;
        note(&format!("{scenario}: {now} instructions, {before} written down"));
        if now * 100 > before * (100 + TOLERANCE) {
            worse
                .push(format!("{scenario} takes {now} instructions, more than {TOLERANCE} % above {before}"));
        }
        words.push(format!("{scenario} {now}"));
    }
    if worse.is_empty() {
        return Ok(words.join(", "));
    }
    Err(format!(
        "the engine has become dearer: {}.\nLook with `valgrind --tool=callgrind` at what costs; if it is worth that, run \
         `cargo xtask instructions --refresh` and say why in the commit.",
        worse.join("; ")
    ))
}

fn baseline_path() -> PathBuf {
    project::root().join("benches/instructions.txt")
}

fn parse(text: &str) -> Result<BTreeMap<String, u64>, String> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let (name, figure) =
                line.split_once(' ').ok_or_else(|| format!("not a scenario and a figure: {line}"))?;
            let figure = figure.parse().map_err(|_| format!("not a figure: {line}"))?;
            Ok((name.to_owned(), figure))
        })
        .collect()
}

/// Runs each scenario twice under callgrind.
fn count() -> Result<Vec<(String, u64)>, String> {
    packages::ensure(&[packages::Needed { program: "valgrind", package: "valgrind" }])?;
    for (package, _) in [ENGINE, LIBRARY] {
        let mut build =
            project::cargo(&["bench", "--quiet", "--package", package, "--bench", "instructions"]);
        process::show(build.arg("--no-run"), LIMIT)?;
    }
    SCENARIOS
        .into_iter()
        .map(|((package, prefix), scenario, few, many)| {
            let least = instructions(package, scenario, few)?;
            let most = instructions(package, scenario, many)?;
            Ok((format!("{prefix}{scenario}"), most.saturating_sub(least) / (many - few)))
        })
        .collect()
}

fn instructions(package: &str, scenario: &str, units: u64) -> Result<u64, String> {
    let triple = project::host()?.to_uppercase().replace('-', "_");
    let mut bench = project::cargo(&["bench", "--quiet", "--package", package, "--bench", "instructions"]);
    // Cargo runs what it built through this, so that nobody has to know where that is.
    bench.env(
        format!("CARGO_TARGET_{triple}_RUNNER"),
        "valgrind --tool=callgrind --callgrind-out-file=/dev/null",
    );
    let finished = process::capture(bench.args(["--", scenario, &units.to_string()]), LIMIT)?;
    let stderr = finished.stderr.clone();
    finished.successful(&format!("callgrind over {scenario}"))?;
    collected(&stderr)
        .ok_or_else(|| format!("callgrind gave no count:\n{}", process::last_lines(&stderr, 20)))
}

/// The figure of `==123== Collected : 456`.
fn collected(stderr: &str) -> Option<u64> {
    stderr.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::{collected, parse};

    #[test]
    fn counts_and_figures_are_read() {
        assert_eq!(collected("==7== Events    : Ir\n==7== Collected : 12345\n"), Some(12345));
        assert_eq!(collected("==7== nothing"), None);
        assert_eq!(parse("# words\nunary 10\n").unwrap()["unary"], 10);
        assert!(parse("unary ten\n").is_err());
    }
}
