//! Setting a server up.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use carom_wire::conn::{Config, Keepalive, PingPolicy, ServerConfig};
use tokio::runtime::Handle;

use super::call::DetachedHandler;
use super::lifecycle::{Server, ServerShared};
use super::quota;
use super::router::Router;
use super::service::Service;
use super::{ListenAddr, ListenOptions, ServeError};
use crate::codec::CompressionEncoding;
#[cfg(feature = "tls")]
use crate::credentials::ServerTlsConfig;
use crate::interceptor::{Interceptor, Interceptors};

/// Received messages of more than this many bytes are refused by default, as gRPC implementations do.
const DEFAULT_MAX_RECV: usize = 4 * 1024 * 1024;

/// Settings of a server that its connections look at.
pub(crate) struct Settings {
    pub(crate) http2: ServerConfig,
    pub(crate) max_recv_message_size: usize,
    pub(crate) max_send_message_size: usize,
    pub(crate) compression: Option<CompressionEncoding>,
    pub(crate) handshake_timeout: Duration,
    pub(crate) max_connections: Option<usize>,
    pub(crate) max_concurrent_calls: Option<usize>,
    pub(crate) memory_quota: Option<usize>,
    pub(crate) interceptors: Interceptors,
}

/// Builds a [`Server`].
///
/// ```no_run
/// # async fn run(greeter: impl carom::server::Service) -> Result<(), Box<dyn std::error::Error>> {
/// use carom::server::Server;
///
/// let addr: std::net::SocketAddr = "[::]:50051".parse()?;
/// Server::builder().add_service(greeter).serve(addr).await?;
/// # Ok(()) }
/// ```
#[must_use]
pub struct Builder {
    router: Router,
    settings: Settings,
    listen: Vec<Listen>,
    #[cfg(feature = "tls")]
    tls: Option<ServerTlsConfig>,
    reuse_port: bool,
    shutdown_grace: Option<Duration>,
    /// The first thing that was wrong; told when the server starts.
    error: Option<ServeError>,
}

struct Listen {
    addr: ListenAddr,
    #[cfg(feature = "tls")]
    tls: Option<ServerTlsConfig>,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            router: Router::default(),
            settings: Settings {
                http2: Config::default()
                    .with(|config| config.keepalive = Some(Keepalive::server_default()))
                    .into(),
                max_recv_message_size: DEFAULT_MAX_RECV,
                max_send_message_size: usize::MAX,
                compression: None,
                handshake_timeout: Duration::from_secs(10),
                max_connections: None,
                max_concurrent_calls: None,
                memory_quota: quota::half_of_memory(),
                interceptors: Interceptors::default(),
            },
            listen: Vec::new(),
            #[cfg(feature = "tls")]
            tls: None,
            reuse_port: false,
            shutdown_grace: None,
            error: None,
        }
    }

    /// Adds a service. Two services with the same method are an error when the server starts.
    pub fn add_service(mut self, service: impl Service) -> Self {
        if let Err(path) = self.router.add(&service) {
            self.error.get_or_insert(ServeError::duplicate(path));
        }
        self
    }

    /// Hands calls of methods that no service has to `handler`. Without one they are answered with UNIMPLEMENTED.
    pub fn fallback(mut self, handler: impl DetachedHandler) -> Self {
        self.router.set_fallback(Arc::new(handler));
        self
    }

    /// Adds an interceptor. The first one added sees a call first, before any of its messages is taken. Calls that go to a
    /// [`fallback`](Self::fallback) handler pass it too.
    pub fn intercept(mut self, interceptor: impl Interceptor) -> Self {
        self.settings.interceptors.push(interceptor);
        self
    }

    /// The largest request message in bytes, decompressed. A larger one ends its call with RESOURCE_EXHAUSTED. `None`:
    /// no limit but the format's 4 GiB. Default 4 MiB.
    pub fn max_recv_message_size(mut self, bytes: Option<usize>) -> Self {
        self.settings.max_recv_message_size = bytes.unwrap_or(usize::MAX);
        self
    }

    /// The largest response message in bytes, before compression. A larger one ends its call with RESOURCE_EXHAUSTED.
    /// Default `None`: no limit.
    pub fn max_send_message_size(mut self, bytes: Option<usize>) -> Self {
        self.settings.max_send_message_size = bytes.unwrap_or(usize::MAX);
        self
    }

    /// How responses are compressed for clients that can read it; a response may say otherwise
    /// ([`Response::set_compression`](crate::Response::set_compression)). Default: not at all. Compressed requests are
    /// always understood.
    pub fn compression(mut self, encoding: Option<CompressionEncoding>) -> Self {
        self.settings.compression = encoding;
        self
    }

    /// How many calls one connection may have open at a time; handlers that still run after their call was cancelled
    /// count too. Default 200.
    pub fn max_concurrent_streams(mut self, streams: u32) -> Self {
        self.settings.http2.max_concurrent_streams = streams;
        self
    }

    /// Changes settings of HTTP/2, those among them that have no method of their own here.
    ///
    /// ```
    /// # use carom::server::Server;
    /// let builder = Server::builder().with_http2(|config| {
    ///     config.connection.max_header_list_size = 64 * 1024;
    ///     config.drain_timeout = std::time::Duration::from_secs(5);
    /// });
    /// ```
    pub fn with_http2(mut self, change: impl FnOnce(&mut ServerConfig)) -> Self {
        change(&mut self.settings.http2);
        self
    }

    /// How long a client may take for the TLS handshake, and again for the first bytes of HTTP/2. Default 10 s.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.settings.handshake_timeout = timeout;
        self.settings.http2.connection.handshake_timeout = timeout;
        self
    }

    /// Pings that find out whether clients are still there (gRFC A8; `keepalive.ServerParameters` of grpc-go).
    /// Default [`Keepalive::server_default`]; `None`: no pings.
    pub fn keepalive(mut self, keepalive: Option<Keepalive>) -> Self {
        self.settings.http2.connection.keepalive = keepalive;
        self
    }

    /// How often clients may ping (gRFC A8; `keepalive.EnforcementPolicy` of grpc-go). Who pings more often gets GOAWAY
    /// with ENHANCE_YOUR_CALM and `too_many_pings`.
    pub fn ping_policy(mut self, policy: PingPolicy) -> Self {
        self.settings.http2.ping_policy = policy;
        self
    }

    /// How long a connection may be without calls before it is ended gracefully (gRFC A9). Default `None`: for ever.
    pub fn max_connection_idle(mut self, time: Option<Duration>) -> Self {
        self.settings.http2.max_connection_idle = time;
        self
    }

    /// How old a connection may become before it is ended gracefully, give or take 10 % at random, so that clients do
    /// not all come back at once (gRFC A9). Default `None`: any age.
    pub fn max_connection_age(mut self, time: Option<Duration>) -> Self {
        self.settings.http2.max_connection_age = time;
        self
    }

    /// How long calls may go on after [`max_connection_age`](Self::max_connection_age); then they are cancelled.
    /// Default `None`: until they end.
    pub fn max_connection_age_grace(mut self, time: Option<Duration>) -> Self {
        self.settings.http2.max_connection_age_grace = time;
        self
    }

    /// How long a client's system may take nothing of what is written to its socket before the connection is closed.
    /// A client that only rests, so that its flow-control windows stay shut, may do so for any time; what waits for it is
    /// bounded, and given up when the [`memory_quota`](Self::memory_quota) is exceeded. Default 60 s. `None`: no limit.
    pub fn stall_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.settings.http2.stall_timeout = timeout;
        self
    }

    /// How much memory, in bytes, connections may hold together for what was received and not handed to a handler, what
    /// was answered and not sent, and their own state. While it is more, new calls end with RESOURCE_EXHAUSTED, new
    /// connections are turned away, and connections that hold more than their share give it back by ending their
    /// largest calls. It is an estimate; what handlers hold is not in it. `None`: no limit. Default: half of the memory
    /// that the process may have, by its control group or the machine.
    pub fn memory_quota(mut self, bytes: Option<usize>) -> Self {
        self.settings.memory_quota = bytes;
        self
    }

    /// How many calls may be open at a time on all connections together; handlers that still run after their call was
    /// cancelled count too. More end with RESOURCE_EXHAUSTED before they reach a handler. Default: no limit.
    pub fn max_concurrent_calls(mut self, calls: Option<usize>) -> Self {
        self.settings.max_concurrent_calls = calls;
        self
    }

    /// How many connections are open at a time. More are told so (GOAWAY with ENHANCE_YOUR_CALM and the reason) and
    /// closed. Default: no limit.
    pub fn max_connections(mut self, connections: Option<usize>) -> Self {
        self.settings.max_connections = connections;
        self
    }

    /// Listens at `addr`: a socket address or the path of a Unix socket. May be called several times.
    pub fn bind(mut self, addr: impl Into<ListenAddr>) -> Self {
        self.listen.push(Listen {
            addr: addr.into(),
            #[cfg(feature = "tls")]
            tls: None,
        });
        self
    }

    /// Listens at `addr` with TLS settings of its own.
    #[cfg(feature = "tls")]
    pub fn bind_tls(mut self, addr: impl Into<ListenAddr>, tls: ServerTlsConfig) -> Self {
        self.listen.push(Listen { addr: addr.into(), tls: Some(tls) });
        self
    }

    /// TLS at all addresses that have no settings of their own.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: ServerTlsConfig) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Lets other sockets share the ports ([`ListenOptions::reuse_port`]). Default `false`.
    pub fn reuse_port(mut self, reuse: bool) -> Self {
        self.reuse_port = reuse;
        self
    }

    /// How long calls may go on once [`run_with_shutdown`](Self::run_with_shutdown) was told to stop; those that still run
    /// then end with UNAVAILABLE. Default `None`: as long as they take, so that one open stream keeps the server.
    pub fn shutdown_grace(mut self, grace: Option<Duration>) -> Self {
        self.shutdown_grace = grace;
        self
    }

    /// Serves at `addr` until the server fails to start or the future is dropped: [`bind`](Self::bind) and
    /// [`run`](Self::run) in one.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn serve(self, addr: SocketAddr) -> Result<(), ServeError> {
        self.bind(addr).run().await
    }

    /// As [`serve`](Self::serve), until `signal` resolves: see [`run_with_shutdown`](Self::run_with_shutdown).
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn serve_with_shutdown(
        self,
        addr: SocketAddr,
        signal: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        self.bind(addr).run_with_shutdown(signal).await
    }

    /// Runs the server at the addresses it was [bound](Self::bind) to, in the current tokio runtime, until it fails to start
    /// or the future is dropped.
    ///
    /// # Errors
    /// No address was given, or one is taken or not usable; credentials are not usable; two services have one method.
    pub async fn run(self) -> Result<(), ServeError> {
        self.run_with_shutdown(std::future::pending()).await
    }

    /// As [`run`](Self::run), until `signal` resolves: then new calls are refused, those that run may finish within
    /// [`shutdown_grace`](Self::shutdown_grace), and it returns when all is over. Dropping it stops the server at once.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_with_shutdown(self, signal: impl Future<Output = ()>) -> Result<(), ServeError> {
        if self.listen.is_empty() {
            return Err(ServeError::no_address());
        }
        let grace = self.shutdown_grace;
        let server = StopOnDrop(self.start(Handle::current())?);
        signal.await;
        server.0.shutdown(grace);
        server.0.terminated().await;
        Ok(())
    }

    /// Starts the server on `runtime` and returns a handle. It may have no address yet: see
    /// [`Server::add_listener`].
    ///
    /// # Errors
    /// As [`run`](Self::run), but for the missing address.
    pub fn start(self, runtime: Handle) -> Result<Server, ServeError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let server = Server::from_shared(ServerShared::new(self.router, self.settings, runtime));
        let options = ListenOptions { reuse_port: self.reuse_port, ..ListenOptions::default() };
        for listen in self.listen {
            let bound = server.add_listener(
                listen.addr,
                #[cfg(feature = "tls")]
                listen.tls.as_ref().or(self.tls.as_ref()),
                options,
            );
            if let Err(error) = bound {
                // Not half a server: what was bound before is given back.
                server.shutdown(Some(Duration::ZERO));
                return Err(error);
            }
        }
        Ok(server)
    }
}

/// Stops a server whose future is dropped.
struct StopOnDrop(Server);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.shutdown(Some(Duration::ZERO));
    }
}
