use std::time::Duration;

use crate::frame::{DEFAULT_WINDOW, MAX_MAX_FRAME_SIZE, MAX_WINDOW, MIN_MAX_FRAME_SIZE};

/// No time is further away, so that adding one to the clock's never overflows.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// A socket that takes nothing for less than this is only busy.
const SHORTEST_STALL: Duration = Duration::from_millis(10);

/// The settings of one HTTP/2 connection that both sides have. Channels embed it whole, servers as a part of
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
    /// Bytes that the peer may send on a stream before the application has taken any: it bounds what a
    /// stream buffers while its reader is slow. Default 256 KiB. A message larger than this still arrives:
    /// the window grows to the message being read. At most 2³¹−1.
    pub initial_stream_window: u32,
    /// Bytes that the peer may have under way on the whole connection at first. Default 1 MiB.
    pub initial_connection_window: u32,
    /// How far bandwidth probing may widen the two windows. Default 16 MiB.
    pub max_window: u32,
    /// The largest frame payload that the peer may send. Default and least 16,384, at most 2²⁴−1.
    pub max_frame_size: u32,
    /// The largest header list taken, counted as name + value + 32 bytes a field (RFC 9113 §6.5.2).
    /// Default 16 KiB. A larger one costs its call, with RESOURCE_EXHAUSTED, and nothing else: it is thrown away as it
    /// comes. Past 1 MiB of encoded bytes, or 16 MiB of list, the connection ends.
    pub max_header_list_size: u32,
    /// Bytes of dynamic table for the peer's header blocks. Default 4,096.
    pub header_table_size: u32,
    /// Bytes queued on a stream above which [`Connection::send_buffered`](super::Connection::send_buffered)
    /// asks the application to wait. Default 64 KiB.
    pub max_send_buffer: usize,
    /// How long the peer may take for its preface and first SETTINGS, and for a header block that it has
    /// begun. Default 10 s.
    pub handshake_timeout: Duration,
    /// Pings to find out that the peer is gone. Default: none; [the library's servers](Keepalive::server_default) have
    /// some of their own.
    pub keepalive: Option<Keepalive>,
    /// Frames that carry no payload of a call (PING, SETTINGS, PRIORITY, empty DATA, …) that may come at
    /// once before the connection ends with ENHANCE_YOUR_CALM (CVE-2019-9512 to -9518). Each frame that
    /// carries something forgives some. Default 10,000.
    pub idle_frame_burst: u32,
    /// Such frames a second that are forgiven. Default 1,000.
    pub idle_frame_rate: u32,
    /// CONTINUATION frames of one header block (CVE-2024-27316): of empty ones no more may come before the connection
    /// ends with ENHANCE_YOUR_CALM, and beyond as many each counts as a frame that carries nothing. Default 64.
    pub max_continuations: u32,
}

/// The settings of a server's side of one HTTP/2 connection.
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
    /// The settings that a client has too.
    pub connection: Config,
    /// Streams that the client may have open at once; more are refused with REFUSED_STREAM, which
    /// clients retry. Default 200.
    pub max_concurrent_streams: u32,
    /// The pings that a client may send.
    pub ping_policy: PingPolicy,
    /// How long a connection may be without calls before it is ended gracefully (gRFC A9). Default `None`:
    /// for ever.
    pub max_connection_idle: Option<Duration>,
    /// How old a connection may become before it is ended gracefully, so that clients look for other servers
    /// now and then (gRFC A9). The engine keeps to it exactly; the library's servers vary it by 10 % either way, so that
    /// clients do not all come back at once. Default `None`: for ever.
    pub max_connection_age: Option<Duration>,
    /// How long calls may go on after `max_connection_age` before the connection is closed all the same.
    /// Default `None`: until they end.
    pub max_connection_age_grace: Option<Duration>,
    /// How long the client's system may take nothing of what is written before the library's servers close the
    /// connection. The engine has no socket and so leaves this to its driver. A reader that rests is none of this: it
    /// opens no window, its system takes what the others are sent, and what waits for it is bounded by
    /// `max_send_buffer` and the server's memory quota. `None`: for ever. Default 60 s.
    pub stall_timeout: Option<Duration>,
    /// How long a graceful shutdown waits for the client to have seen the first GOAWAY before the
    /// last one names the final stream. Default 1 s.
    pub drain_timeout: Duration,
    /// Streams whose work was wasted by a reset that may come at once before the connection ends with
    /// ENHANCE_YOUR_CALM (CVE-2023-44487, CVE-2025-8671). Default 1,000.
    ///
    /// A reset by the client costs 1 where it comes with the request and nothing once the stream has been open for 4 ms,
    /// or for half of the call's `grpc-timeout` if that is less; in proportion in between, and a quarter of that if all
    /// of an answer that has begun was taken. A reset that a broken rule provoked costs 1. A call that ends in good
    /// order makes up for one, `reset_rate` for more.
    pub reset_burst: u32,
    /// What is forgiven of `reset_burst` in a second. Default 5,000, which take some percent of a core.
    pub reset_rate: u32,
}

/// Keepalive pings (gRFC A8).
#[derive(Clone, Copy, Debug)]
pub struct Keepalive {
    /// How long nothing may have come from the peer before it is pinged.
    pub interval: Duration,
    /// How long the answer may take before the connection counts as lost.
    pub timeout: Duration,
    /// Ping also while no call is open.
    pub without_calls: bool,
}

impl Keepalive {
    /// What servers of the library do unless told otherwise, as those of other gRPC implementations (gRFC A8): every
    /// two hours, with 20 s for the answer, and also without calls, so that clients that vanished go in the end.
    pub fn server_default() -> Self {
        Self {
            interval: Duration::from_secs(2 * 3600),
            timeout: Duration::from_secs(20),
            without_calls: true,
        }
    }
}

/// How often clients may ping before their connection ends with GOAWAY `too_many_pings` (gRFC A8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PingPolicy {
    /// The least time between two pings while calls are open. Default 5 min.
    pub min_interval: Duration,
    /// Hold pings without calls to `min_interval` too, and not to two hours. Default `false`.
    pub without_calls: bool,
    /// Pings that may come too early; one more ends the connection. DATA or HEADERS that the server sends set the count
    /// back to none. 0: any number. Default 2.
    pub max_strikes: u32,
}

impl Default for PingPolicy {
    fn default() -> Self {
        Self { min_interval: Duration::from_secs(300), without_calls: false, max_strikes: 2 }
    }
}

impl Config {
    /// These settings, changed.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The values that can go on the wire: out-of-range ones are brought to the nearest that is allowed.
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
    /// These settings, changed.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// As [`Config::within_bounds`].
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

/// A server with these settings, and the defaults of what a server has besides.
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
