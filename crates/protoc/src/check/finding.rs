//! What a rule found, and the forms in which it is printed.

use std::{fmt::Write as _, fs, io};

use crate::{
    check::view::Place,
    diagnostics::{Diagnostic, Severity},
    source::Source,
    text::json_string,
};

/// The form of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// `file:line:column: RULE: message`, with the source line below it on a terminal.
    #[default]
    Text,
    /// `file:line:column: error: message [RULE]`, as compilers print it.
    Gcc,
    /// `file(line,column) : error RULE : message`, as Visual Studio reads it.
    Msvs,
    /// One JSON object a line, with the keys of buf and `suggestion` beside them.
    Json,
}

impl Format {
    /// The form of a name that `--error_format` takes.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "text" => Self::Text,
            "gcc" => Self::Gcc,
            "msvs" => Self::Msvs,
            "json" => Self::Json,
            _ => return None,
        })
    }
}

/// The rule of findings that come from the compiler.
const COMPILE: &str = "COMPILE";

/// One breach of one rule at one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// The file as the user would open it. Empty where no file is to blame: it is gone.
    pub(crate) file: String,
    pub(crate) place: Place,
    pub(crate) rule: &'static str,
    /// What is wrong.
    pub(crate) message: String,
    /// What to write instead.
    pub(crate) suggestion: String,
}

impl Finding {
    /// An error of the compiler in the form of a finding.
    fn of_compiler(diagnostic: &Diagnostic) -> Self {
        let at = diagnostic.position.map_or((1, 1), |at| (at.line, at.column));
        Self {
            file: diagnostic.file.clone(),
            place: Place { line: at.0, column: at.1, end_line: at.0, end_column: at.1 },
            rule: COMPILE,
            message: diagnostic.message.clone(),
            suggestion: String::new(),
        }
    }

    fn render(&self, format: Format) -> String {
        let Self { file, place: Place { line, column, .. }, rule, message, suggestion, .. } = self;
        let text = if suggestion.is_empty() { message.clone() } else { format!("{message}; {suggestion}") };
        let file = if file.is_empty() { "<deleted>" } else { file };
        match format {
            Format::Text => format!("{file}:{line}:{column}: {rule}: {text}"),
            Format::Gcc => format!("{file}:{line}:{column}: error: {text} [{rule}]"),
            Format::Msvs => format!("{file}({line},{column}) : error {rule} : {text}"),
            Format::Json => self.json(),
        }
    }

    fn json(&self) -> String {
        let Self { file, place, rule, message, suggestion, .. } = self;
        let mut out = String::from("{");
        if !file.is_empty() {
            let _infallible = write!(out, "\"path\":{},", json_string(file));
        }
        let Place { line, column, end_line, end_column } = place;
        let _infallible = write!(
            out,
            "\"start_line\":{line},\"start_column\":{column},\"end_line\":{end_line},\"end_column\":{end_column},\
             \"type\":\"{rule}\",\"message\":{},\"suggestion\":{}}}",
            json_string(message),
            json_string(suggestion),
        );
        out
    }
}

/// Prints findings in the order of their places, each once. An error is one of writing.
pub(crate) fn print(
    mut findings: Vec<Finding>,
    format: Format,
    source_lines: bool,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let key = |finding: &Finding| (finding.place.line, finding.place.column, finding.rule);
    findings.sort_by(|one, other| {
        let by_place = one.file.cmp(&other.file).then_with(|| key(one).cmp(&key(other)));
        by_place.then_with(|| one.cmp(other))
    });
    findings.dedup();
    let mut source: Option<Source> = None;
    for finding in &findings {
        writeln!(out, "{}", finding.render(format))?;
        if !source_lines || format != Format::Text || finding.place == Place::START {
            continue;
        }
        // The compiler has let go of the text.
        if source.as_ref().is_none_or(|source| source.name() != finding.file) {
            source = fs::read(&finding.file).ok().map(|text| Source::new(&finding.file, text));
        }
        if let Some(line) = source.as_ref().and_then(|source| source.line_text(finding.place.line)) {
            let width = line.chars().count().min(finding.place.column as usize - 1);
            writeln!(out, "  {line}\n  {:width$}^", "")?;
        }
    }
    out.flush()
}

/// Prints what the compiler refused. The text form is that of the compiler itself.
pub(crate) fn print_errors(
    diagnostics: &[Diagnostic],
    format: Format,
    source_lines: bool,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    for diagnostic in diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error) {
        let text = match format {
            Format::Text | Format::Gcc if source_lines => diagnostic.render_with_source(),
            Format::Text | Format::Gcc => diagnostic.to_string(),
            Format::Msvs | Format::Json => Finding::of_compiler(diagnostic).render(format),
        };
        writeln!(out, "{text}")?;
    }
    out.flush()
}

#[cfg(test)]
mod tests;
