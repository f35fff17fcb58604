use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

/// The stage that a connection had reached when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// The socket was being opened.
    Connect,
    /// The TLS handshake was in progress.
    Tls,
    /// The server's first SETTINGS were awaited (RFC 9113 §3.4).
    Http2,
    /// The connection was ready for calls.
    Ready,
}

/// The failure of a connection: the stage it was in, a description, and the underlying error, if there is one.
///
/// A channel's statuses carry it as their [`source`](Error::source). The underlying error is an [`io::Error`], an error
/// of rustls, or a [`ConnectionError`](super::ConnectionError) of the HTTP/2 engine, which also tells what the server's
/// GOAWAY said:
///
/// ```
/// use std::error::Error;
/// use std::io;
///
/// use carom::Status;
/// use carom::transport::TransportError;
///
/// fn was_refused(status: &Status) -> bool {
///     let transport = status.source().and_then(|source| source.downcast_ref::<TransportError>());
///     let below = transport.and_then(|error| error.source()?.downcast_ref::<io::Error>());
///     below.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
/// }
/// ```
#[derive(Debug, Clone)]
pub struct TransportError {
    stage: Stage,
    message: Cow<'static, str>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl TransportError {
    pub(crate) fn new(stage: Stage, message: impl Into<Cow<'static, str>>) -> Self {
        Self { stage, message: message.into(), source: None }
    }

    /// Creates an error from one that needs no further description.
    pub(crate) fn from_io(stage: Stage, error: io::Error) -> Self {
        Self::new(stage, error.to_string()).with_source(error)
    }

    pub(crate) fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Appends a hint to the description.
    pub(crate) fn with_hint(mut self, hint: &str) -> Self {
        self.message = format!("{}; {hint}", self.message).into();
        self
    }

    /// The stage that the connection had reached.
    pub fn stage(&self) -> Stage {
        self.stage
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
