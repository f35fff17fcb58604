//! Opening a connection: socket, and TLS where it is wanted.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use carom_wire::conn::Config;
use tokio::net::{TcpStream, UnixStream};

use super::io::{ByteStream, IoStream, Socket};
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

impl std::error::Error for TransportError {}

/// What all connections of a channel have in common.
pub(crate) struct Connector {
    /// `None`: without TLS.
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<ClientTls>,
    /// How the user named the server, for messages.
    pub(crate) target: String,
    http2: Config,
    /// What keepalive's interval is multiplied with: servers asked for that (gRFC A8).
    ping_factor: AtomicU32,
    /// The `:authority` of calls that have none of their own.
    pub(crate) authority: String,
    pub(crate) user_agent: String,
    /// Opens byte streams in place of sockets.
    pub(crate) own: Option<Arc<dyn Connect>>,
}

/// A byte stream that is being opened.
pub type Connecting = Pin<Box<dyn Future<Output = io::Result<Box<dyn ByteStream>>> + Send>>;

/// Opens what carries a channel's connections, in place of TCP and Unix sockets. Closures do.
pub trait Connect: Send + Sync + 'static {
    /// Opens a stream to `address`. Dropping the future gives up.
    fn connect(&self, address: &Address) -> Connecting;
}

impl<F: Fn(&Address) -> Connecting + Send + Sync + 'static> Connect for F {
    fn connect(&self, address: &Address) -> Connecting {
        self(address)
    }
}

/// Servers count more frequent pings as abuse; clients keep to this (gRFC A8).
const MIN_KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

impl Connector {
    pub(crate) fn new(target: String, authority: String, user_agent: String, mut http2: Config) -> Self {
        if let Some(keepalive) = &mut http2.keepalive {
            keepalive.interval = keepalive.interval.max(MIN_KEEPALIVE_INTERVAL);
        }
        Self {
            #[cfg(feature = "tls")]
            tls: None,
            target,
            http2,
            ping_factor: AtomicU32::new(1),
            authority,
            user_agent,
            own: None,
        }
    }

    /// The settings of the next connection.
    pub(crate) fn http2(&self) -> Config {
        let mut config = self.http2.clone();
        if let Some(keepalive) = &mut config.keepalive {
            keepalive.interval = keepalive.interval.saturating_mul(self.ping_factor.load(Ordering::Relaxed));
        }
        config
    }

    /// A server closed a connection for `too_many_pings`: the next ones ping half as often (gRFC A8).
    pub(crate) fn ping_less_often(&self) {
        /// At this many times the interval it stays: days, for any interval that made a server complain.
        const MAX_FACTOR: u32 = 1 << 16;
        let double = |factor: u32| (factor < MAX_FACTOR).then_some(factor * 2);
        let _ = self.ping_factor.fetch_update(Ordering::Relaxed, Ordering::Relaxed, double);
    }

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
    pub(crate) async fn connect(
        &self,
        address: &Address,
    ) -> Result<(IoStream, ConnectionInfo), TransportError> {
        let opened = match &self.own {
            Some(own) => own.connect(address).await.map(|stream| {
                let peer = match address {
                    Address::Tcp(address) => PeerAddr::Tcp(*address),
                    other => PeerAddr::Named(other.to_string().into()),
                };
                Socket::Own { stream, peer }
            }),
            None => open_socket(address).await,
        };
        let socket = opened.map_err(|error| TransportError::from_io(&error))?;
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
        Address::Named(name) => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!("{name:?} is a name for a connector of the channel's own, and it has none"),
        )),
    }
}
