//! Errors of channels, from building them and from the layers below calls.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use carom_wire::Status;

use super::service_config::InvalidServiceConfig;
use super::target::InvalidTarget;
#[cfg(feature = "tls")]
use crate::credentials::CredentialsError;

/// A shared error: every call that fails because of it has it as its [source](Error::source).
pub type SharedError = Arc<dyn Error + Send + Sync>;

/// The reason why a channel could not be built or connected.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The target string cannot be used.
    Target(InvalidTarget),
    /// Certificates, keys or the server's name cannot be used.
    #[cfg(feature = "tls")]
    Credentials(CredentialsError),
    /// A text that is sent with each request, such as the user agent, has characters that HTTP does not allow there.
    HeaderText {
        /// Which text: `authority` or `user agent`.
        what: &'static str,
        /// The text.
        text: String,
    },
    /// The default service config is not valid.
    ServiceConfig(InvalidServiceConfig),
    /// There is no tokio runtime: the builder was not given one and is not used inside one.
    NoRuntime,
    /// There is no connection; the status names target, address and cause. Only from `connect`; a lazy channel reports
    /// it through its calls.
    Unavailable(Status),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(error) => error.fmt(f),
            #[cfg(feature = "tls")]
            Self::Credentials(error) => error.fmt(f),
            Self::ServiceConfig(error) => error.fmt(f),
            Self::HeaderText { what, text } => {
                write!(f, "the {what} {text:?} has characters other than visible ASCII and spaces")
            }
            Self::NoRuntime => f.write_str(
                "no tokio runtime: build the channel inside one, or pass a handle to the builder with runtime()",
            ),
            Self::Unavailable(status) => f.write_str(status.message()),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Target(error) => Some(error),
            #[cfg(feature = "tls")]
            Self::Credentials(error) => Some(error),
            Self::ServiceConfig(error) => Some(error),
            Self::Unavailable(status) => status.source(),
            Self::HeaderText { .. } | Self::NoRuntime => None,
        }
    }
}

impl From<InvalidTarget> for ConnectError {
    fn from(error: InvalidTarget) -> Self {
        Self::Target(error)
    }
}

impl From<InvalidServiceConfig> for ConnectError {
    fn from(error: InvalidServiceConfig) -> Self {
        Self::ServiceConfig(error)
    }
}

#[cfg(feature = "tls")]
impl From<CredentialsError> for ConnectError {
    fn from(error: CredentialsError) -> Self {
        Self::Credentials(error)
    }
}

impl From<ConnectError> for Status {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Unavailable(status) => status,
            error => Self::internal(error.to_string()),
        }
    }
}
