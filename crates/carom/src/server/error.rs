//! The errors of starting a server.

use std::error::Error;
use std::fmt;
use std::io;

use super::ListenAddr;
#[cfg(feature = "tls")]
use crate::credentials::CredentialsError;

/// The reason why a server could not start, or could not listen at a further address.
#[derive(Debug)]
pub struct ServeError {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Listen {
        addr: ListenAddr,
        error: io::Error,
    },
    #[cfg(feature = "tls")]
    Credentials {
        addr: ListenAddr,
        error: CredentialsError,
    },
    DuplicateMethod {
        path: String,
    },
    NoAddress,
    Stopped,
}

impl ServeError {
    pub(crate) fn listen(addr: &ListenAddr, error: io::Error) -> Self {
        Self { kind: Kind::Listen { addr: addr.clone(), error } }
    }

    #[cfg(feature = "tls")]
    pub(crate) fn credentials(addr: &ListenAddr, error: CredentialsError) -> Self {
        Self { kind: Kind::Credentials { addr: addr.clone(), error } }
    }

    pub(crate) fn duplicate(path: String) -> Self {
        Self { kind: Kind::DuplicateMethod { path } }
    }

    pub(crate) fn no_address() -> Self {
        Self { kind: Kind::NoAddress }
    }

    pub(crate) fn stopped() -> Self {
        Self { kind: Kind::Stopped }
    }

    /// Whether the address is in use, by another program or by another server of this one.
    pub fn is_address_in_use(&self) -> bool {
        matches!(&self.kind, Kind::Listen { error, .. } if error.kind() == io::ErrorKind::AddrInUse)
    }

    /// The operating system's error, if there was one.
    pub fn io_error(&self) -> Option<&io::Error> {
        match &self.kind {
            Kind::Listen { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Listen { addr, error } if error.kind() == io::ErrorKind::AddrInUse => {
                write!(
                    f,
                    "cannot listen on {addr}: address already in use (another program uses it; {error})"
                )
            }
            Kind::Listen { addr, error } => write!(f, "cannot listen on {addr}: {error}"),
            #[cfg(feature = "tls")]
            Kind::Credentials { addr, error } => write!(f, "cannot use TLS on {addr}: {error}"),
            Kind::DuplicateMethod { path } => write!(f, "two services have the method {path}"),
            Kind::NoAddress => f.write_str("the server has no address to listen on: call Builder::bind"),
            Kind::Stopped => f.write_str("the server has been stopped and accepts no more addresses"),
        }
    }
}

impl Error for ServeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            Kind::Listen { error, .. } => Some(error),
            #[cfg(feature = "tls")]
            Kind::Credentials { error, .. } => Some(error),
            _ => None,
        }
    }
}
