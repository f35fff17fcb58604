//! The properties of a connection: both addresses and, with TLS, the identity of the peer.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

#[cfg(feature = "tls")]
use rustls_pki_types::CertificateDer;

/// The address of one end of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PeerAddr {
    /// TCP over IPv4 or IPv6.
    Tcp(SocketAddr),
    /// A Unix socket; clients usually have no path.
    Unix(Option<PathBuf>),
    /// A Linux socket in the abstract namespace; the name without its leading zero byte.
    UnixAbstract(Vec<u8>),
    /// A byte stream provided by the program, by the name that the program gave it.
    Named(Arc<str>),
}

impl PeerAddr {
    /// The socket address, if it is TCP.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(addr) => Some(*addr),
            Self::Unix(_) | Self::UnixAbstract(_) | Self::Named(_) => None,
        }
    }

    /// The address of a Unix socket.
    pub(crate) fn of_unix(addr: &tokio::net::unix::SocketAddr) -> Self {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(name) = addr.as_abstract_name() {
            return Self::UnixAbstract(name.to_vec());
        }
        Self::Unix(addr.as_pathname().map(Into::into))
    }

    /// The address in the form that gRPC programs know from `context.peer()`: `ipv4:127.0.0.1:5000`,
    /// `ipv6:%5B::1%5D:5000` (brackets percent-encoded), `unix:/path` or `unix-abstract:name`; for a stream provided by
    /// the program, its name.
    pub fn to_uri(&self) -> String {
        match self {
            Self::Tcp(SocketAddr::V4(addr)) => format!("ipv4:{addr}"),
            Self::Tcp(SocketAddr::V6(addr)) => match addr.ip().to_ipv4_mapped() {
                // The kernel's form for an IPv4 client of a dual-stack listener.
                Some(v4) => format!("ipv4:{v4}:{}", addr.port()),
                None => format!("ipv6:%5B{}%5D:{}", addr.ip(), addr.port()),
            },
            Self::Unix(Some(path)) => format!("unix:{}", path.display()),
            Self::Unix(None) => "unix:".to_owned(),
            Self::UnixAbstract(name) => format!("unix-abstract:{}", name.escape_ascii()),
            Self::Named(name) => name.to_string(),
        }
    }
}

impl fmt::Display for PeerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(f),
            Self::Unix(Some(path)) => write!(f, "unix:{}", path.display()),
            Self::Unix(None) => f.write_str("unix:(unnamed)"),
            Self::UnixAbstract(_) => f.write_str(&self.to_uri()),
            Self::Named(name) => f.write_str(name),
        }
    }
}

impl From<SocketAddr> for PeerAddr {
    fn from(addr: SocketAddr) -> Self {
        Self::Tcp(addr)
    }
}

/// The properties of a connection, shared by all of its calls.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// The address of the other end.
    pub peer: PeerAddr,
    /// The address of this end.
    pub local: PeerAddr,
    /// Whether the connection uses TLS.
    pub tls: bool,
    /// The certificate chain that the peer authenticated with, leaf first; `None` without TLS or if it presented none.
    #[cfg(feature = "tls")]
    pub peer_certs: Option<Arc<Vec<CertificateDer<'static>>>>,
}

impl ConnectionInfo {
    /// Creates the properties of a connection without TLS.
    pub fn new(peer: PeerAddr, local: PeerAddr) -> Self {
        Self {
            peer,
            local,
            tls: false,
            #[cfg(feature = "tls")]
            peer_certs: None,
        }
    }
}
