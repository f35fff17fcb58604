//! What the commands print: steps as they happen, tables at the end.

use std::time::Duration;

/// Announces what happens next.
pub(crate) fn step(text: &str) {
    println!("\n==> {text}");
}

/// Something worth knowing about the step that runs.
pub(crate) fn note(text: &str) {
    println!("    {text}");
}

/// The output of a program, set apart from our own lines.
pub(crate) fn quote(output: &str) {
    for line in output.lines() {
        println!("    | {line}");
    }
}

/// What came of one line of a closing table.
pub(crate) enum Outcome {
    Passed(String),
    /// It, or a part of it, could not be tried: what was missing.
    NotRun(String),
    Failed(String),
}

impl Outcome {
    pub(crate) fn has_passed(&self) -> bool {
        matches!(self, Self::Passed(_))
    }
}

impl From<Result<String, String>> for Outcome {
    fn from(result: Result<String, String>) -> Self {
        result.map_or_else(Self::Failed, Self::Passed)
    }
}

/// One line of a closing table.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) outcome: Outcome,
    pub(crate) took: Duration,
}

/// Prints the rows in columns, a failure with its first line only.
pub(crate) fn table(title: &str, rows: &[Row]) {
    println!("\n{title}");
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
    for row in rows {
        let (mark, text) = match &row.outcome {
            Outcome::Passed(text) => ("ok     ", text.as_str()),
            Outcome::NotRun(missing) => ("not run", missing.lines().next().unwrap_or("")),
            Outcome::Failed(reason) => ("FAILED ", reason.lines().next().unwrap_or("")),
        };
        let padding = " ".repeat(width - row.name.chars().count());
        println!("  {mark}  {}{padding}  {:>6.1} s  {text}", row.name, row.took.as_secs_f64());
    }
}

/// How many rows passed, were not run, and failed.
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) not_run: usize,
    pub(crate) failed: usize,
}

pub(crate) fn count(rows: &[Row]) -> Counts {
    let number = |is: fn(&Outcome) -> bool| rows.iter().filter(|row| is(&row.outcome)).count();
    Counts {
        passed: number(Outcome::has_passed),
        not_run: number(|outcome| matches!(outcome, Outcome::NotRun(_))),
        failed: number(|outcome| matches!(outcome, Outcome::Failed(_))),
    }
}
