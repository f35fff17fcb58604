//! `cargo xtask conformance`: protobuf's own conformance suite on the messages that `carom-codegen` generates.
//!
//! The suite calls `protobuf-testee` of the package `carom-conformance`: required and recommended cases, binary, JSON and
//! text. What may fail stands in `conformance/failures.txt` with its reason; the suite refuses an entry that passes, so
//! that the list can only shrink.

mod runner;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use runner::Runner;

use crate::console::{note, step};
use crate::{process, project};

const FAILURES: &str = "conformance/failures.txt";
const BUILD_LIMIT: Duration = Duration::from_secs(900);
const RUN_LIMIT: Duration = Duration::from_secs(300);

/// The newest edition that the suite has messages for.
const EDITION: &str = "2024";

/// Fewer cases mean that a part of the suite did not run.
const AT_LEAST: u32 = 6_000;

/// `cargo xtask conformance`.
pub(crate) fn run() -> Result<(), String> {
    Suite::obtain()?.run().map(|summary| note(&summary))
}

/// The suite, installed.
pub(crate) struct Suite {
    runner: Runner,
}

impl Suite {
    /// Installs what is missing of it.
    pub(crate) fn obtain() -> Result<Self, String> {
        step("protobuf's conformance runner");
        Runner::obtain().map(|runner| Self { runner })
    }

    /// Builds the testee and runs all cases.
    pub(crate) fn run(&self) -> Result<String, String> {
        step("Conformance of generated messages");
        let mut build = project::cargo(&[
            "build",
            "--quiet",
            "--package",
            "carom-conformance",
            "--bin",
            "protobuf-testee",
        ]);
        process::show(&mut build, BUILD_LIMIT)?;
        let lists = Lists::write()?;
        let mut suite = self.runner.command();
        suite.args(["--enforce_recommended", "--maximum_edition", EDITION]);
        suite.arg("--failure_list").arg(&lists.binary_and_json);
        suite.arg("--text_format_failure_list").arg(&lists.text);
        suite.arg("--output_dir").arg(&lists.folder);
        suite.arg(project::target().join("debug/protobuf-testee"));
        // It ends with 1 when a case fails that is not listed, or when one does not that is.
        let finished = process::capture(&mut suite, RUN_LIMIT)?;
        let said = finished.stdout + &finished.stderr;
        let totals: Vec<Totals> = said.lines().filter_map(Totals::read).collect();
        for line in said.lines().filter(|line| Totals::read(line).is_some()) {
            note(line);
        }
        let sum = |count: fn(&Totals) -> u32| totals.iter().map(count).sum::<u32>();
        let (passed, skipped, expected) = (sum(|t| t.passed), sum(|t| t.skipped), sum(|t| t.expected));
        if !finished.status.success() {
            return Err(format!(
                "the suite ended with {}:\n{}",
                finished.status,
                process::last_lines(&said, 60)
            ));
        }
        if passed < AT_LEAST {
            return Err(format!("only {passed} cases passed: a part of the suite did not run"));
        }
        Ok(format!("{passed} cases passed, {expected} fail as {FAILURES} says, {skipped} skipped"))
    }
}

/// What the runner counts at the end of each of its parts.
#[derive(Debug, PartialEq, Eq)]
struct Totals {
    passed: u32,
    skipped: u32,
    expected: u32,
}

impl Totals {
    /// Reads `CONFORMANCE SUITE PASSED: 12 successes, 3 skipped, 4 expected failures, 0 unexpected failures.`
    fn read(line: &str) -> Option<Self> {
        let (_, counts) = line.strip_prefix("CONFORMANCE SUITE ")?.split_once(": ")?;
        let mut counts = counts.split(", ").map(|part| part.split_whitespace().next()?.parse().ok());
        Some(Self { passed: counts.next()??, skipped: counts.next()??, expected: counts.next()?? })
    }
}

/// The list of failures as the runner takes it: the cases of the text format in a file of their own.
struct Lists {
    folder: PathBuf,
    binary_and_json: PathBuf,
    text: PathBuf,
}

impl Lists {
    fn write() -> Result<Self, String> {
        let path = project::root().join(FAILURES);
        let list = fs::read_to_string(&path).map_err(|error| format!("cannot read {FAILURES}: {error}"))?;
        let cases = cases(&list)?;
        let folder = project::cache().join("conformance/lists");
        project::fresh_folder(&folder)?;
        let part = |name: &str, of_text: bool| -> Result<PathBuf, String> {
            let chosen = cases.iter().filter(|case| case.contains(".TextFormat") == of_text);
            let text: String = chosen.map(|case| format!("{case}\n")).collect();
            let path = folder.join(name);
            write(&path, &text).map(|()| path)
        };
        Ok(Self {
            binary_and_json: part("binary-and-json.txt", false)?,
            text: part("text.txt", true)?,
            folder,
        })
    }
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// The names in the list: below each comment, which gives the reason, the cases that it is the reason of.
fn cases(list: &str) -> Result<Vec<&str>, String> {
    let (mut cases, mut reason) = (Vec::new(), false);
    for (number, line) in list.lines().map(str::trim).enumerate() {
        if line.is_empty() {
            reason = false;
        } else if line.starts_with('#') {
            reason = true;
        } else if reason {
            cases.push(line);
        } else {
            return Err(format!("{FAILURES}, line {}: no reason stands above {line}", number + 1));
        }
    }
    Ok(cases)
}

#[cfg(test)]
mod tests {
    use super::{Totals, cases};

    #[test]
    fn an_entry_needs_a_reason() {
        let list = "# all of this file\n\n# why\nRequired.A\nRequired.B\n\n# why not\nRequired.C\n";
        assert_eq!(cases(list).unwrap(), ["Required.A", "Required.B", "Required.C"]);
        assert!(cases("# why\nRequired.A\n\nRequired.B\n").unwrap_err().contains("line 4"));
    }

    #[test]
    fn the_counts_are_read() {
        let line = "CONFORMANCE SUITE PASSED: 5628 successes, 4 skipped, 17 expected failures, 0 unexpected failures.";
        assert_eq!(Totals::read(line), Some(Totals { passed: 5628, skipped: 4, expected: 17 }));
        assert_eq!(Totals::read("CONFORMANCE TEST BEGIN"), None);
    }
}
