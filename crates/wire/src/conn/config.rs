use std::time::Duration;

use crate::frame::{DEFAULT_WINDOW, MAX_MAX_FRAME_SIZE, MAX_WINDOW, MIN_MAX_FRAME_SIZE};

/// The upper bound of all durations, so that adding one to the current time never overflows.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// The shortest stall timeout: a socket that accepts nothing for less than this is only busy.
const SHORTEST_STALL: Duration = Duration::from_millis(10);

/// The settings of one HTTP/2 connection that both sides share. Channels use it as it is, servers as a part of
/// [`ServerConfig`]; every field has a default that suits most programs.
///
/// ```
/// use carom_wire::conn::Config;
///
/// let config = Config::default().with(|config| config.max_window = 64 * 1024 * 1024);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The bytes that the peer may send on a stream before the application has taken any. This bounds what a stream
    /// buffers while its reader is slow. Default 256 KiB. A larger message still arrives: the window grows to the
    /// message being read. At most 2³¹−1.
    pub initial_stream_window: u32,
    /// The bytes that the peer may have in flight on the whole connection at first. Default 1 MiB.
    pub initial_connection_window: u32,
    /// The size up to which bandwidth probing may widen the two windows. Default 16 MiB.
    pub max_window: u32,
    /// The largest frame payload that the peer may send, in bytes. The default, 16,384, is also the minimum; at most
    /// 2²⁴−1.
    pub max_frame_size: u32,
    /// The largest header list accepted, counted as name + value + 32 bytes per field (RFC 9113 §6.5.2). Default 16
    /// KiB. A larger one fails its call with RESOURCE_EXHAUSTED, and nothing else: it is discarded as it arrives. Past
    /// 1 MiB of encoded bytes, or 16 MiB of list, the connection ends.
    pub max_header_list_size: u32,
    /// The size of the dynamic table for the peer's header blocks, in bytes. Default 4,096.
    pub header_table_size: u32,
    /// The bytes queued on a stream from which on the application should wait before it sends more: see
    /// [`Connection::send_buffered`](super::Connection::send_buffered). Default 64 KiB.
    pub max_send_buffer: usize,
    /// The time that the peer has for its preface and first SETTINGS, and for completing a header block. Default 10 s.
    pub handshake_timeout: Duration,
    /// The pings that detect a peer that is gone. Default: none; [the library's servers](Keepalive::server_default)
    /// have a default of their own.
    pub keepalive: Option<Keepalive>,
    /// The number of frames without payload of a call (PING, SETTINGS, PRIORITY, empty DATA, …) that may come at once
    /// before the connection ends with ENHANCE_YOUR_CALM (CVE-2019-9512 to -9518). Each frame that carries something
    /// forgives some of them. Default 10,000.
    pub idle_frame_burst: u32,
    /// The number of such frames that are forgiven per second. Default 1,000.
    pub idle_frame_rate: u32,
    /// The number of CONTINUATION frames that one header block may have for free (CVE-2024-27316). More empty ones than
    /// that end the connection with ENHANCE_YOUR_CALM; each further one that is not empty counts as a frame without
    /// payload. Default 64.
    pub max_continuations: u32,
}

/// The settings of the server side of one HTTP/2 connection.
///
/// ```
/// use carom_wire::conn::ServerConfig;
///
/// let config = ServerConfig::default().with(|config| {
///     config.max_concurrent_streams = 1_000;
///     config.connection.max_frame_size = 1024 * 1024;
/// });
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerConfig {
    /// The settings shared with clients.
    pub connection: Config,
    /// The number of streams that the client may have open at once; more are refused with REFUSED_STREAM, which clients
    /// retry. Default 200.
    pub max_concurrent_streams: u32,
    /// The policy on pings from the client.
    pub ping_policy: PingPolicy,
    /// The time that a connection may be without calls before it is shut down gracefully (gRFC A9). Default `None`:
    /// unlimited.
    pub max_connection_idle: Option<Duration>,
    /// The age at which a connection is shut down gracefully, so that clients look for other servers now and then (gRFC
    /// A9). The engine applies it exactly; the library's servers vary it by 10 % either way, so that clients do not all
    /// reconnect at once. Default `None`: unlimited.
    pub max_connection_age: Option<Duration>,
    /// The time that calls may continue after `max_connection_age` before the connection is closed regardless. Default
    /// `None`: until they end.
    pub max_connection_age_grace: Option<Duration>,
    /// The time that the client's system may accept nothing of what is written before the library's servers close the
    /// connection. The engine has no socket and leaves this to its driver. A reader that pauses does not count: it
    /// opens no window, its system still accepts what other streams are sent, and what waits for it is bounded by
    /// `max_send_buffer` and the server's memory quota. `None`: unlimited. Default 60 s.
    pub stall_timeout: Option<Duration>,
    /// The time that a graceful shutdown waits for the client to have seen the first GOAWAY before the second one names
    /// the final stream. Default 1 s.
    pub drain_timeout: Duration,
    /// The number of streams whose work is wasted by a reset that may come at once before the connection ends with
    /// ENHANCE_YOUR_CALM (CVE-2023-44487, CVE-2025-8671). Default 1,000.
    ///
    /// A reset by the client costs 1 if it comes with the request, nothing once the stream has been open for 4 ms or
    /// for half of the call's `grpc-timeout` if that is less, and a proportional amount in between; a quarter of that
    /// if the answer has begun and the client has taken all of it. A reset that a broken rule provoked costs 1. A call
    /// that ends normally makes up for one, `reset_rate` for more.
    pub reset_burst: u32,
    /// The amount of `reset_burst` that is forgiven per second. Default 5,000, which take a few percent of a core.
    pub reset_rate: u32,
}

/// Keepalive pings (gRFC A8).
#[derive(Clone, Copy, Debug)]
pub struct Keepalive {
    /// The time without anything from the peer after which it is pinged.
    pub interval: Duration,
    /// The time that the answer may take before the connection is considered lost.
    pub timeout: Duration,
    /// Whether to ping even while no call is open.
    pub without_calls: bool,
}

impl Keepalive {
    /// The default of the library's servers, like that of other gRPC implementations (gRFC A8): a ping every two hours,
    /// with 20 s for the answer, even without calls, so that clients that vanished are dropped eventually.
    pub fn server_default() -> Self {
        Self {
            interval: Duration::from_secs(2 * 3600),
            timeout: Duration::from_secs(20),
            without_calls: true,
        }
    }
}

/// The policy on pings from clients, who are disconnected with GOAWAY `too_many_pings` if they exceed it (gRFC A8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PingPolicy {
    /// The minimum time between two pings while calls are open. Default 5 min.
    pub min_interval: Duration,
    /// Whether `min_interval` also applies to pings without calls, instead of two hours. Default `false`.
    pub without_calls: bool,
    /// The number of pings that may come too early; one more ends the connection. DATA or HEADERS sent by the server
    /// reset the count. 0: any number. Default 2.
    pub max_strikes: u32,
}

impl Default for PingPolicy {
    fn default() -> Self {
        Self { min_interval: Duration::from_secs(300), without_calls: false, max_strikes: 2 }
    }
}

impl Config {
    /// Returns these settings with a change applied.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Clamps the values to what can go on the wire.
    fn within_bounds(mut self) -> Self {
        self.initial_stream_window = self.initial_stream_window.clamp(1, MAX_WINDOW);
        self.initial_connection_window = self.initial_connection_window.clamp(DEFAULT_WINDOW, MAX_WINDOW);
        self.max_window = self.max_window.min(MAX_WINDOW);
        self.max_frame_size = self.max_frame_size.clamp(MIN_MAX_FRAME_SIZE, MAX_MAX_FRAME_SIZE);
        self.handshake_timeout = self.handshake_timeout.min(FOR_EVER);
        if let Some(keepalive) = &mut self.keepalive {
            keepalive.interval = keepalive.interval.min(FOR_EVER);
            keepalive.timeout = keepalive.timeout.min(FOR_EVER);
        }
        self
    }
}

impl ServerConfig {
    /// Returns these settings with a change applied.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Like [`Config::within_bounds`].
    pub(crate) fn within_bounds(mut self) -> Self {
        self.connection = self.connection.within_bounds();
        self.drain_timeout = self.drain_timeout.min(FOR_EVER);
        self.ping_policy.min_interval = self.ping_policy.min_interval.min(FOR_EVER);
        for limit in [
            &mut self.max_connection_idle,
            &mut self.max_connection_age,
            &mut self.max_connection_age_grace,
            &mut self.stall_timeout,
        ] {
            *limit = limit.map(|limit| limit.min(FOR_EVER));
        }
        self.stall_timeout = self.stall_timeout.map(|timeout| timeout.max(SHORTEST_STALL));
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            initial_stream_window: 256 * 1024,
            initial_connection_window: 1024 * 1024,
            max_window: 16 * 1024 * 1024,
            max_frame_size: MIN_MAX_FRAME_SIZE,
            max_header_list_size: 16 * 1024,
            header_table_size: 4096,
            max_send_buffer: 64 * 1024,
            handshake_timeout: Duration::from_secs(10),
            keepalive: None,
            idle_frame_burst: 10_000,
            idle_frame_rate: 1_000,
            max_continuations: 64,
        }
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Config::default().into()
    }
}

/// The settings of a server with these shared ones, and defaults for the rest.
impl From<Config> for ServerConfig {
    fn from(connection: Config) -> Self {
        Self {
            connection,
            max_concurrent_streams: 200,
            ping_policy: PingPolicy::default(),
            max_connection_idle: None,
            max_connection_age: None,
            max_connection_age_grace: None,
            stall_timeout: Some(Duration::from_secs(60)),
            drain_timeout: Duration::from_secs(1),
            reset_burst: 1_000,
            reset_rate: 5_000,
        }
    }
}
