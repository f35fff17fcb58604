//! What the compiler has to say about a file, in protoc's form.

use std::fmt;

use crate::source::{Position, Source};

/// How grave a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is accepted.
    Warning,
}

/// One message about one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the file is refused because of it.
    pub severity: Severity,
    /// The name of the file as imports spell it.
    pub file: String,
    /// The place, where there is one.
    pub position: Option<Position>,
    /// What is wrong, in protoc's words.
    pub message: String,
    /// The source line at `position`, for display; `None` where it is too long for that.
    pub source_line: Option<String>,
    /// How far reading had come when it was found, in tokens.
    progress: u32,
}

impl fmt::Display for Diagnostic {
    /// `file:line:column: message`, as protoc prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(at) = self.position {
            write!(f, ":{}:{}", at.line, at.column)?;
        }
        let word = if self.severity == Severity::Warning { "warning: " } else { "" };
        write!(f, ": {word}{}", self.message)
    }
}

impl Diagnostic {
    /// The message followed by the source line with a caret under the place, where the place is known.
    pub fn render_with_source(&self) -> String {
        match (&self.source_line, self.position) {
            (Some(line), Some(at)) => {
                let width = line.chars().count().min(at.column.saturating_sub(1) as usize);
                format!("{self}\n  {line}\n  {:width$}^", "")
            }
            _ => self.to_string(),
        }
    }
}

/// All diagnostics of a run, in the order in which they were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    progress: u32,
}

/// A file full of errors is reported up to here; protoc users read the first few.
const MAX_PER_FILE: usize = 1000;

impl Diagnostics {
    /// Adds a message about a byte offset of a file.
    pub(crate) fn at(&mut self, severity: Severity, source: &Source, offset: u32, message: String) {
        if self.is_full(source.name()) {
            return;
        }
        if source.is_placeless() {
            return self.about(severity, source.name(), message);
        }
        let position = source.position(offset);
        let source_line = source.line_text(position.line);
        self.list.push(Diagnostic {
            severity,
            file: source.name().to_owned(),
            position: Some(position),
            message,
            source_line,
            progress: self.progress,
        });
    }

    /// Adds a message about a file as a whole.
    pub(crate) fn about(&mut self, severity: Severity, file: &str, message: String) {
        if self.is_full(file) {
            return;
        }
        self.list.push(Diagnostic {
            severity,
            file: file.to_owned(),
            position: None,
            message,
            source_line: None,
            progress: self.progress,
        });
    }

    /// Adds an error or a warning about a file as a whole.
    pub(crate) fn about_file(&mut self, is_error: bool, file: &str, message: String) {
        let severity = if is_error { Severity::Error } else { Severity::Warning };
        self.about(severity, file, message);
    }

    fn is_full(&self, file: &str) -> bool {
        self.list.iter().rev().take_while(|diagnostic| diagnostic.file == file).count() >= MAX_PER_FILE
    }

    /// The diagnostics in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// Each, with its file by the name that `shown` gives it.
    pub(crate) fn with_files(&self, shown: impl Fn(&str) -> String) -> impl Iterator<Item = Diagnostic> {
        self.iter().map(move |diagnostic| Diagnostic { file: shown(&diagnostic.file), ..diagnostic.clone() })
    }

    /// Whether nothing was reported.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether any of them is an error.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|d| d.severity == Severity::Error)
    }

    /// Tells that reading has come to a token.
    pub(crate) fn reach(&mut self, token: u32) {
        self.progress = token;
    }

    /// Puts the messages of tokenizer and parser, which report apart, in the order in which protoc, whose parser
    /// asks for each token, finds them.
    pub(crate) fn sort(&mut self) {
        self.list.sort_by_key(|diagnostic| diagnostic.progress);
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.list.extend(other.list);
    }
}

impl fmt::Display for Diagnostics {
    /// One diagnostic a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in &self.list {
            writeln!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}
