//! Errors in certificates and keys.

use std::error::Error;
use std::fmt;

/// The error of certificates or keys that cannot be used. It says which, and why.
#[derive(Debug)]
pub struct CredentialsError {
    what: &'static str,
    problem: String,
}

impl CredentialsError {
    /// Creates an error. `what` is the part of the credentials, such as "certificate chain of the identity".
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
