//! What there is to tell of a file, for people and for machines.

use std::io::{self, Write};

use crate::{
    diagnostics::{Diagnostics, Severity},
    text::json_string,
};

/// A file that has been dealt with.
#[derive(Debug, Default)]
pub(super) struct Finished {
    pub(super) name: String,
    /// Whether formatting changes it.
    pub(super) changed: bool,
    /// The formatted text, where that is what is printed.
    pub(super) text: Vec<u8>,
    pub(super) diff: String,
    errors: Diagnostics,
}

impl Finished {
    pub(super) fn new(name: &str, changed: bool) -> Self {
        Self { name: name.to_owned(), changed, ..Self::default() }
    }

    /// A file that does not parse.
    pub(super) fn refused(name: &str, errors: Diagnostics) -> Self {
        Self { errors, ..Self::new(name, false) }
    }

    pub(super) fn unreadable(name: &str, message: &str) -> Self {
        let mut finished = Self::new(name, false);
        finished.fail(message);
        finished
    }

    pub(super) fn fail(&mut self, message: &str) {
        self.errors.about(Severity::Error, &self.name, message.to_owned());
    }

    pub(super) fn failed(&self) -> bool {
        self.errors.has_errors()
    }
}

/// Prints what is wrong in protoc's form, with source lines where `source_lines` is set.
pub(super) fn print_errors(
    finished: &Finished,
    source_lines: bool,
    stderr: &mut dyn Write,
) -> io::Result<()> {
    for error in finished.errors.iter().filter(|diagnostic| diagnostic.severity == Severity::Error) {
        let text = if source_lines { error.render_with_source() } else { error.to_string() };
        writeln!(stderr, "{text}")?;
    }
    Ok(())
}

/// Prints a JSON object on a line.
pub(super) fn print_json(finished: &Finished, with_diff: bool, stdout: &mut dyn Write) -> io::Result<()> {
    let errors = finished.errors.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
    let errors: Vec<String> = errors
        .map(|error| {
            let place = error.position.map(|at| format!("\"line\":{},\"column\":{},", at.line, at.column));
            format!("{{{}\"message\":{}}}", place.unwrap_or_default(), json_string(&error.message))
        })
        .collect();
    let diff = if with_diff { format!(",\"diff\":{}", json_string(&finished.diff)) } else { String::new() };
    writeln!(
        stdout,
        "{{\"path\":{},\"changed\":{},\"errors\":[{}]{diff}}}",
        json_string(&finished.name),
        finished.changed,
        errors.join(",")
    )
}
