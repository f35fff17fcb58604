//! What `lint` and `breaking` have in common: their command lines, the elements of compiled files with their places,
//! and findings.
//!
//! ```text
//! arguments → inputs (files and directories to import names, compiled) → views → rules → findings
//! ```

pub(crate) mod arguments;
pub(crate) mod finding;
pub(crate) mod inputs;
pub(crate) mod names;
pub(crate) mod rule;
pub(crate) mod view;

use std::{
    ffi::OsString,
    io::{self, Write},
};

use arguments::{Arguments, Flags};
use finding::{Finding, Format};
use rule::Rule;

use crate::diagnostics::Diagnostic;

/// How a command ended, as its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// There is nothing to complain of.
    Clean,
    /// The command could not do its work: wrong arguments, files that cannot be read or do not compile.
    Failed,
    /// The rules found something.
    Findings,
}

impl Outcome {
    /// 0, 1 and 100, which are the codes that buf ends with.
    fn code(self) -> i32 {
        match self {
            Self::Clean => 0,
            Self::Failed => 1,
            Self::Findings => 100,
        }
    }
}

/// A command that applies rules.
pub(crate) struct Command<Check: 'static> {
    pub(crate) help: &'static str,
    pub(crate) flags: Flags,
    pub(crate) rules: &'static [Rule<Check>],
    /// Whose rules are applied unless others are named.
    pub(crate) default_category: &'static str,
}

/// Where a command writes to, and how.
pub(crate) struct Output<'a> {
    format: Format,
    source_lines: bool,
    stdout: &'a mut dyn Write,
    stderr: &'a mut dyn Write,
}

impl<Check> Command<Check> {
    /// Reads the arguments that follow the command's name and does what they ask for: `work` where that is to apply
    /// rules to files. Returns the exit code.
    pub(crate) fn run(
        &self,
        source_lines: bool,
        args: &[OsString],
        stdout: &mut dyn Write,
        stderr: &mut dyn Write,
        work: impl FnOnce(&Arguments, &[&Rule<Check>], &mut Output<'_>) -> Result<Outcome, String>,
    ) -> i32 {
        let mut output = Output { format: Format::default(), source_lines, stdout, stderr };
        let outcome = self.try_run(args, &mut output, work).unwrap_or_else(|message| {
            // Where even the message cannot be written, the exit code has to say it.
            let _unwritable = writeln!(output.stderr, "{message}");
            Outcome::Failed
        });
        outcome.code()
    }

    fn try_run(
        &self,
        args: &[OsString],
        output: &mut Output<'_>,
        work: impl FnOnce(&Arguments, &[&Rule<Check>], &mut Output<'_>) -> Result<Outcome, String>,
    ) -> Result<Outcome, String> {
        let arguments = Arguments::parse(args, &self.flags)?;
        if arguments.help || arguments.list_rules {
            let text = if arguments.help { self.help.to_owned() } else { rule::list(self.rules) };
            output.stdout.write_all(text.as_bytes()).map_err(unwritable)?;
            return Ok(Outcome::Clean);
        }
        let default = [self.default_category.to_owned()];
        let wanted = if arguments.rules.is_empty() { &default[..] } else { &arguments.rules };
        let rules = rule::select(self.rules, wanted, &arguments.except)?;
        if arguments.inputs.is_empty() {
            return Err("Missing input: name .proto files or directories.".to_owned());
        }
        output.format = arguments.format;
        work(&arguments, &rules, output)
    }
}

impl Output<'_> {
    /// Ends with what the rules found.
    pub(crate) fn findings(&mut self, findings: Vec<Finding>) -> Result<Outcome, String> {
        let outcome = if findings.is_empty() { Outcome::Clean } else { Outcome::Findings };
        finding::print(findings, self.format, self.source_lines, self.stdout).map_err(unwritable)?;
        Ok(outcome)
    }

    /// Ends with what the compiler refused. Who reads JSON reads all of it in one place.
    pub(crate) fn errors(&mut self, diagnostics: &[Diagnostic]) -> Result<Outcome, String> {
        let out = if self.format == Format::Json { &mut *self.stdout } else { &mut *self.stderr };
        finding::print_errors(diagnostics, self.format, self.source_lines, out).map_err(unwritable)?;
        Ok(Outcome::Failed)
    }
}

fn unwritable(error: io::Error) -> String {
    format!("Cannot write the findings: {error}")
}
