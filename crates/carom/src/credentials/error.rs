//! What can be wrong with certificates and keys.

use std::error::Error;
use std::fmt;

/// Certificates or keys that cannot be used. Says which of them, and why.
#[derive(Debug)]
pub struct CredentialsError {
    what: &'static str,
    problem: String,
}

impl CredentialsError {
    /// `what`: the part of the credentials, such as "certificate chain of the identity".
    #[cfg(feature = "tls")]
    pub(crate) fn new(what: &'static str, problem: impl fmt::Display) -> Self {
        Self { what, problem: problem.to_string() }
    }
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.problem)
    }
}

impl Error for CredentialsError {}
