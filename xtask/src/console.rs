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

/// One line of a closing table.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) outcome: Result<String, String>,
    pub(crate) took: Duration,
}

/// Prints the rows in columns, a failure with its first line only.
pub(crate) fn table(title: &str, rows: &[Row]) {
    println!("\n{title}");
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
    for row in rows {
        let (mark, text) = match &row.outcome {
            Ok(text) => ("ok    ", text.as_str()),
            Err(reason) => ("FAILED", reason.lines().next().unwrap_or("")),
        };
        let padding = " ".repeat(width - row.name.chars().count());
        println!("  {mark}  {}{padding}  {:>6.1} s  {text}", row.name, row.took.as_secs_f64());
    }
}

/// How many rows are a success, and how many are not.
pub(crate) fn count(rows: &[Row]) -> (usize, usize) {
    let passed = rows.iter().filter(|row| row.outcome.is_ok()).count();
    (passed, rows.len() - passed)
}
