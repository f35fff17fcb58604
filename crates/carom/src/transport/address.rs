//! The address of a server, as a client sees it.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// The address of one server.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Address {
    /// TCP.
    Tcp(SocketAddr),
    /// A Unix socket in the file system.
    Unix(PathBuf),
    /// A Linux socket in the abstract namespace; the name without its leading zero byte.
    UnixAbstract(Vec<u8>),
    /// A name that only the channel's custom connector understands; see
    /// [`ChannelBuilder::connector`](crate::client::ChannelBuilder::connector).
    Named(Arc<str>),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address @ SocketAddr::V4(_)) => write!(f, "ipv4:{address}"),
            Self::Tcp(address @ SocketAddr::V6(_)) => write!(f, "ipv6:{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::UnixAbstract(name) => write!(f, "unix-abstract:{}", name.escape_ascii()),
            Self::Named(name) => f.write_str(name),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}
