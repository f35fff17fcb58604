//! Opening a connection: the socket, and TLS if it is configured.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use carom_wire::conn::Config;
use tokio::net::{TcpStream, UnixStream};

use super::error::{Stage, TransportError};
use super::io::{ByteStream, IoStream, Socket, abstract_path};
#[cfg(feature = "tls")]
use super::tls::ClientTls;
use super::{Address, ConnectionInfo, PeerAddr};

/// The connector of a channel: what all of its connections have in common.
pub(crate) struct Connector {
    /// `None`: without TLS.
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<ClientTls>,
    /// The server's name as the user gave it, for messages.
    pub(crate) target: String,
    http2: Config,
    /// The factor on the keepalive interval: it grows when servers complain (gRFC A8).
    ping_factor: AtomicU32,
    /// The `:authority` of calls that do not set one.
    pub(crate) authority: String,
    pub(crate) user_agent: String,
    /// The custom connector, which opens byte streams in place of sockets.
    pub(crate) own: Option<Arc<dyn Connect>>,
}

/// The future of a byte stream that is being opened.
pub type Connecting = Pin<Box<dyn Future<Output = io::Result<Box<dyn ByteStream>>> + Send>>;

/// A connector, which opens the byte streams that carry a channel's connections, in place of TCP and Unix sockets.
/// Closures implement it.
pub trait Connect: Send + Sync + 'static {
    /// Opens a stream to `address`. Dropping the future abandons the attempt.
    fn connect(&self, address: &Address) -> Connecting;
}

impl<F: Fn(&Address) -> Connecting + Send + Sync + 'static> Connect for F {
    fn connect(&self, address: &Address) -> Connecting {
        self(address)
    }
}

/// The minimum keepalive interval of clients: servers treat more frequent pings as abuse (gRFC A8).
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

    /// Makes the next connections ping half as often, after a server closed one for `too_many_pings` (gRFC A8).
    pub(crate) fn ping_less_often(&self) {
        /// The largest factor: it makes days of any interval that a server complained about.
        const MAX_FACTOR: u32 = 1 << 16;
        let double = |factor: u32| (factor < MAX_FACTOR).then_some(factor * 2);
        let _ = self.ping_factor.fetch_update(Ordering::Relaxed, Ordering::Relaxed, double);
    }

    /// Whether connections are encrypted and the server is authenticated.
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
        let socket = opened.map_err(|error| TransportError::from_io(Stage::Connect, error))?;
        let peer = match address {
            Address::Unix(path) => PeerAddr::Unix(Some(path.clone())),
            _ => socket.peer_addr().map_err(|error| TransportError::from_io(Stage::Connect, error))?,
        };
        let local = socket.local_addr().map_err(|error| TransportError::from_io(Stage::Connect, error))?;
        let info = ConnectionInfo::new(peer, local);
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return tls.handshake(socket, info).await;
        }
        Ok((IoStream::Plain(socket), info))
    }

    /// Checks that a call may use `authority`: with TLS, the server's certificate must be valid for it (gRFC A81).
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
            // A request is written in one piece; Nagle's algorithm would only delay it until an ACK.
            stream.set_nodelay(true)?;
            Ok(Socket::Tcp(stream))
        }
        Address::Unix(path) => UnixStream::connect(path).await.map(Socket::Unix),
        Address::UnixAbstract(name) => UnixStream::connect(abstract_path(name)).await.map(Socket::Unix),
        Address::Named(name) => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!("{name:?} is a name for a connector of the channel's own, and it has none"),
        )),
    }
}
