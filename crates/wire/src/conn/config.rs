use std::time::Duration;

use crate::frame::{DEFAULT_WINDOW, MAX_WINDOW, MIN_MAX_FRAME_SIZE};

/// How one HTTP/2 connection behaves. Servers and channels embed it whole; every field has a default that
/// suits most programs.
#[derive(Clone, Debug)]
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
    /// Default 16 KiB. A call past it is refused alone; past four times as much the connection ends.
    pub max_header_list_size: u32,
    /// Bytes of dynamic table for the peer's header blocks. Default 4,096.
    pub header_table_size: u32,
    /// Server: streams that the client may have open at once; more are refused with REFUSED_STREAM, which
    /// clients retry. Default 200.
    pub max_concurrent_streams: u32,
    /// Bytes queued on a stream above which [`Connection::send_buffered`](super::Connection::send_buffered)
    /// asks the application to wait. Default 64 KiB.
    pub max_send_buffer: usize,
    /// How long the peer may take for its preface and first SETTINGS, and for a header block that it has
    /// begun. Default 10 s.
    pub handshake_timeout: Duration,
    /// Pings to find out that the peer is gone. Default: none.
    pub keepalive: Option<Keepalive>,
    /// Server: how long a graceful shutdown waits for the client to have seen the first GOAWAY before the
    /// last one names the final stream. Default 1 s.
    pub drain_timeout: Duration,
    /// Resets, by the peer or provoked by it, that may come at once before the connection ends with
    /// ENHANCE_YOUR_CALM (CVE-2023-44487, CVE-2025-8671). Default 1,000; see `reset_rate`.
    pub reset_burst: u32,
    /// Resets a second that are forgiven. Default 200.
    pub reset_rate: u32,
    /// Frames that carry no payload of a call (PING, SETTINGS, PRIORITY, empty DATA, …) that may come at
    /// once before the connection ends with ENHANCE_YOUR_CALM (CVE-2019-9512 to -9518). Each frame that
    /// carries something forgives some. Default 10,000.
    pub idle_frame_burst: u32,
    /// Such frames a second that are forgiven. Default 1,000.
    pub idle_frame_rate: u32,
    /// CONTINUATION frames of one header block (CVE-2024-27316). Default 64.
    pub max_continuations: u32,
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

impl Config {
    /// The values that can go on the wire: out-of-range ones are brought to the nearest that is allowed.
    pub(crate) fn within_bounds(mut self) -> Self {
        self.initial_stream_window = self.initial_stream_window.clamp(1, MAX_WINDOW);
        self.initial_connection_window = self.initial_connection_window.clamp(DEFAULT_WINDOW, MAX_WINDOW);
        self.max_window = self.max_window.min(MAX_WINDOW);
        self.max_frame_size = self.max_frame_size.clamp(MIN_MAX_FRAME_SIZE, crate::frame::MAX_MAX_FRAME_SIZE);
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
            max_concurrent_streams: 200,
            max_send_buffer: 64 * 1024,
            handshake_timeout: Duration::from_secs(10),
            keepalive: None,
            drain_timeout: Duration::from_secs(1),
            reset_burst: 1_000,
            reset_rate: 200,
            idle_frame_burst: 10_000,
            idle_frame_rate: 1_000,
            max_continuations: 64,
        }
    }
}
