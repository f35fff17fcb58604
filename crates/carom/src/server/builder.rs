//! The builder of a server.

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

/// The default limit of received messages, in bytes, as in other gRPC implementations.
const DEFAULT_MAX_RECV: usize = 4 * 1024 * 1024;

/// The settings of a server that its connections use.
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

/// A builder for a [`Server`].
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
    /// The first error in the settings; returned when the server starts.
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

    /// Adds a service. Two services with the same method make the server fail to start.
    pub fn add_service(mut self, service: impl Service) -> Self {
        if let Err(path) = self.router.add(&service) {
            self.error.get_or_insert(ServeError::duplicate(path));
        }
        self
    }

    /// Sets the handler for calls of methods that no service has. Without one they are answered with UNIMPLEMENTED.
    pub fn fallback(mut self, handler: impl DetachedHandler) -> Self {
        self.router.set_fallback(Arc::new(handler));
        self
    }

    /// Adds an interceptor. The first one added sees a call first, before any of its messages is accepted. Calls to a
    /// [`fallback`](Self::fallback) handler pass through it too.
    pub fn intercept(mut self, interceptor: impl Interceptor) -> Self {
        self.settings.interceptors.push(interceptor);
        self
    }

    /// Sets the largest request message in bytes, decompressed. A larger one ends its call with RESOURCE_EXHAUSTED.
    /// `None`: no limit other than the format's 4 GiB. Default 4 MiB.
    pub fn max_recv_message_size(mut self, bytes: Option<usize>) -> Self {
        self.settings.max_recv_message_size = bytes.unwrap_or(usize::MAX);
        self
    }

    /// Sets the largest response message in bytes, before compression. A larger one ends its call with
    /// RESOURCE_EXHAUSTED. Default `None`: no limit.
    pub fn max_send_message_size(mut self, bytes: Option<usize>) -> Self {
        self.settings.max_send_message_size = bytes.unwrap_or(usize::MAX);
        self
    }

    /// Sets how responses are compressed for clients that support it; a response may override it
    /// ([`Response::set_compression`](crate::Response::set_compression)). Default: no compression. Compressed requests
    /// are always understood.
    pub fn compression(mut self, encoding: Option<CompressionEncoding>) -> Self {
        self.settings.compression = encoding;
        self
    }

    /// Sets how many calls one connection may have open at a time; handlers that still run after their call was
    /// cancelled count too. Default 200.
    pub fn max_concurrent_streams(mut self, streams: u32) -> Self {
        self.settings.http2.max_concurrent_streams = streams;
        self
    }

    /// Changes settings of HTTP/2, including those that have no method of their own here.
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

    /// Sets the time that a client has for the TLS handshake, and again for the first bytes of HTTP/2. Default 10 s.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.settings.handshake_timeout = timeout;
        self.settings.http2.connection.handshake_timeout = timeout;
        self
    }

    /// Sets the pings that detect clients that are gone (gRFC A8; `keepalive.ServerParameters` of grpc-go).
    /// Default [`Keepalive::server_default`]; `None`: no pings.
    pub fn keepalive(mut self, keepalive: Option<Keepalive>) -> Self {
        self.settings.http2.connection.keepalive = keepalive;
        self
    }

    /// Sets how often clients may ping (gRFC A8; `keepalive.EnforcementPolicy` of grpc-go). A client that pings more
    /// often gets GOAWAY with ENHANCE_YOUR_CALM and `too_many_pings`.
    pub fn ping_policy(mut self, policy: PingPolicy) -> Self {
        self.settings.http2.ping_policy = policy;
        self
    }

    /// Sets the time that a connection may be without calls before it is shut down gracefully (gRFC A9). Default
    /// `None`: unlimited.
    pub fn max_connection_idle(mut self, time: Option<Duration>) -> Self {
        self.settings.http2.max_connection_idle = time;
        self
    }

    /// Sets the age at which a connection is shut down gracefully, plus or minus 10 % at random, so that clients do not
    /// all reconnect at once (gRFC A9). Default `None`: unlimited.
    pub fn max_connection_age(mut self, time: Option<Duration>) -> Self {
        self.settings.http2.max_connection_age = time;
        self
    }

    /// Sets the time that calls may continue after [`max_connection_age`](Self::max_connection_age); then they are
    /// cancelled. Default `None`: until they end.
    pub fn max_connection_age_grace(mut self, time: Option<Duration>) -> Self {
        self.settings.http2.max_connection_age_grace = time;
        self
    }

    /// Sets the time that a client's system may accept nothing of what is written to its socket before the connection
    /// is closed. A client that merely pauses, keeping its flow-control windows closed, may do so indefinitely; what
    /// waits for it is bounded, and dropped when the [`memory_quota`](Self::memory_quota) is exceeded. Default 60 s.
    /// `None`: no limit.
    pub fn stall_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.settings.http2.stall_timeout = timeout;
        self
    }

    /// Sets how much memory, in bytes, all connections together may hold for messages not yet handed to a handler,
    /// answers not yet sent, and their own state. While they hold more, new calls end with RESOURCE_EXHAUSTED, new
    /// connections are turned away, and connections that exceed their share free memory by ending their largest calls.
    /// It is an estimate, and excludes what handlers hold. `None`: no limit. Default: half of the memory available to
    /// the process, by its control group or the machine.
    pub fn memory_quota(mut self, bytes: Option<usize>) -> Self {
        self.settings.memory_quota = bytes;
        self
    }

    /// Sets how many calls may be open at a time on all connections together; handlers that still run after their call
    /// was cancelled count too. Further calls end with RESOURCE_EXHAUSTED before they reach a handler. Default: no
    /// limit.
    pub fn max_concurrent_calls(mut self, calls: Option<usize>) -> Self {
        self.settings.max_concurrent_calls = calls;
        self
    }

    /// Sets how many connections may be open at a time. Further ones are told the reason (GOAWAY with
    /// ENHANCE_YOUR_CALM) and closed. Default: no limit.
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

    /// Listens at `addr` with its own TLS configuration.
    #[cfg(feature = "tls")]
    pub fn bind_tls(mut self, addr: impl Into<ListenAddr>, tls: ServerTlsConfig) -> Self {
        self.listen.push(Listen { addr: addr.into(), tls: Some(tls) });
        self
    }

    /// Sets the TLS configuration of all addresses that have none of their own.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: ServerTlsConfig) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Sets whether other sockets may share the ports ([`ListenOptions::reuse_port`]). Default `false`.
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
    /// No address was given, or one is in use or invalid; credentials are invalid; two services have the same method.
    pub async fn run(self) -> Result<(), ServeError> {
        self.run_with_shutdown(std::future::pending()).await
    }

    /// Like [`run`](Self::run), until `signal` resolves: then new calls are refused, running ones may finish within
    /// [`shutdown_grace`](Self::shutdown_grace), and the future resolves when all are done. Dropping it stops the server
    /// at once.
    ///
    /// # Errors
    /// Those of [`run`](Self::run).
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

    /// Starts the server on `runtime` and returns a handle. It need not have an address yet: see
    /// [`Server::add_listener`].
    ///
    /// # Errors
    /// Those of [`run`](Self::run), except for the missing address.
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
                // Not half a server: whatever was already bound is closed.
                server.shutdown(Some(Duration::ZERO));
                return Err(error);
            }
        }
        Ok(server)
    }
}

/// A guard that stops the server when its future is dropped.
struct StopOnDrop(Server);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.shutdown(Some(Duration::ZERO));
    }
}
