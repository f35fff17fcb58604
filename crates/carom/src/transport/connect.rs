//! Opening a connection: socket, and TLS where it is wanted.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStringExt;

use carom_wire::conn::Config;
use tokio::net::{TcpStream, UnixStream};

use super::io::{IoStream, Socket};
use super::{Address, ConnectionInfo, PeerAddr};
#[cfg(feature = "tls")]
use crate::credentials::ClientTls;

/// Why a connection could not be made, or is over.
#[derive(Debug, Clone)]
pub(crate) struct TransportError {
    cause: Cow<'static, str>,
}

impl TransportError {
    pub(crate) fn new(cause: impl Into<Cow<'static, str>>) -> Self {
        Self { cause: cause.into() }
    }

    pub(crate) fn from_io(error: &io::Error) -> Self {
        Self::new(error.to_string())
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)
    }
}

/// What all connections of a channel have in common.
pub(crate) struct Connector {
    /// `None`: without TLS.
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<ClientTls>,
    pub(crate) http2: Config,
    /// The `:authority` of calls that have none of their own.
    pub(crate) authority: String,
    pub(crate) user_agent: String,
}

impl Connector {
    /// Whether connections are encrypted and the server proved who it is.
    pub(crate) fn is_secure(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        false
    }

    pub(crate) fn scheme(&self) -> &'static str {
        if self.is_secure() { "https" } else { "http" }
    }

    /// Connects to `address`, TLS handshake included.
    pub(crate) async fn connect(&self, address: &Address) -> Result<(IoStream, ConnectionInfo), TransportError> {
        let socket = open_socket(address).await.map_err(|error| TransportError::from_io(&error))?;
        let peer = match address {
            Address::Unix(path) => PeerAddr::Unix(Some(path.clone())),
            _ => socket.peer_addr().map_err(|error| TransportError::from_io(&error))?,
        };
        let local = socket.local_addr().map_err(|error| TransportError::from_io(&error))?;
        let info = ConnectionInfo::new(peer, local);
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return tls.handshake(socket, info).await;
        }
        Ok((IoStream::Plain(socket), info))
    }

    /// Whether a call may name `authority`: under TLS only what the server's certificate proves (gRFC A81).
    pub(crate) fn check_authority(&self, authority: &str, info: &ConnectionInfo) -> Result<(), String> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls
            && authority != self.authority
        {
            return tls.check_authority(authority, info);
        }
        let _ = (authority, info);
        Ok(())
    }
}

async fn open_socket(address: &Address) -> io::Result<Socket> {
    match address {
        Address::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            // A request is written whole; Nagle's algorithm would only hold it back for a delayed ACK.
            stream.set_nodelay(true)?;
            Ok(Socket::Tcp(stream))
        }
        Address::Unix(path) => UnixStream::connect(path).await.map(Socket::Unix),
        Address::UnixAbstract(name) => {
            // The form in which tokio takes abstract names.
            let path = [b"\0", &name[..]].concat();
            let path = std::ffi::OsString::from_vec(path);
            UnixStream::connect(path).await.map(Socket::Unix)
        }
    }
}
