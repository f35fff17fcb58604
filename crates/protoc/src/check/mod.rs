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
    pub(crate) fn code(self) -> i32 {
        match self {
            Self::Clean => 0,
            Self::Failed => 1,
            Self::Findings => 100,
        }
    }
}
