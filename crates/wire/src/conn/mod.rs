//! One HTTP/2 connection (RFC 9113), either side, without any I/O.

mod blocks;
mod budget;
mod config;
mod error;
mod event;
mod output;
mod ping_strikes;
mod probe;
mod receive;
mod resets;
mod shutdown;
#[cfg(test)]
mod tests;
mod timers;
mod transmit;

use std::{collections::VecDeque, time::Instant};

use bytes::{Buf, BytesMut};

use crate::{
    fields::Fields,
    frame::{self, DEFAULT_WINDOW, ErrorCode, MAX_STREAM_ID, Settings},
    hpack,
    stream::{
        RecvHalf, RecvState, RecvWindow, Schedule, SendHalf, SendWindow, Stream, StreamId, StreamKey, Streams,
    },
};

pub use config::{Config, Keepalive, PingPolicy, ServerConfig};
pub use error::{Blame, ConnectionError};
pub use event::{Event, ResetBy};
pub use output::Output;

use blocks::HeaderAssembly;
use budget::Budget;
use ping_strikes::PingStrikes;
use probe::BandwidthProbe;
use receive::KnownHeads;
use shutdown::{Drain, PeerGoAway};
use timers::{Timer, Timers};

/// The side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The client, which opens streams.
    Client,
    /// The server, which answers them.
    Server,
}

/// The reason why no stream could be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// The peer's SETTINGS_MAX_CONCURRENT_STREAMS is reached; [`Event::StreamsAvailable`] follows.
    AtLimit,
    /// The connection accepts no new streams: it is closing, or its stream identifiers are exhausted.
    GoingAway,
}

/// One HTTP/2 connection, either side, as a state machine that never touches a socket or a clock.
///
/// # How to drive it
///
/// 1. **Bytes in**: append what the socket gives to [`input`](Self::input), then call
///    [`next_event`](Self::next_event) until it returns `None`. It parses one frame after another, only as far as the
///    next thing worth reporting, so the driver decides how much work to do per turn. When the socket ends, call
///    [`handle_eof`](Self::handle_eof).
/// 2. **Streams**: [`open`](Self::open), [`send_headers`](Self::send_headers),
///    [`send_data`](Self::send_data), [`send_trailers`](Self::send_trailers), [`respond`](Self::respond),
///    [`reset`](Self::reset); [`release`](Self::release) and [`expect`](Self::expect) give the peer credit.
/// 3. **Bytes out**: [`transmit`](Self::transmit) lets streams write in turn; then write
///    [`output`](Self::output) to the socket. Transmitting can produce events
///    ([`Event::Writable`], [`Event::Finished`]): continue with 1.
/// 4. **Time**: at [`poll_timeout`](Self::poll_timeout) call [`handle_timeout`](Self::handle_timeout). The times passed
///    in must never decrease.
///
/// The connection begins with its preface and SETTINGS in the output. After [`Event::Closed`] no event follows; write
/// what is left of the output, then close the socket.
///
/// # State
///
/// ```text
///               preface and SETTINGS came              GOAWAY either way,
///   Handshake ─────────────────────────────▶ Open ───── last stream ended ─────▶ Closed
///       └──────────── error, end of input ─────┴──── error, end of input ──────────▲
/// ```
pub struct Connection {
    side: Side,
    /// On a client, the settings that only servers have keep their defaults and are never used.
    config: ServerConfig,
    state: State,
    input: BytesMut,
    output: Output,
    events: VecDeque<Event>,
    /// The bytes on all streams that wait for a window or a turn.
    queued: usize,
    decoder: hpack::Decoder,
    encoder: hpack::Encoder,
    streams: Streams,
    schedule: Schedule,
    /// Streams with data that only the connection's window holds back.
    stalled: Vec<u32>,
    recv_window: RecvWindow,
    send_window: SendWindow,
    /// Our own window for new streams, after probing has widened it.
    stream_window: u32,
    /// Whether the peer has read our first SETTINGS; until then the defaults apply to it.
    settings_acknowledged: bool,
    peer: PeerSettings,
    /// The last stream that the peer opened (server).
    last_peer_stream: u32,
    /// The next stream to open (client).
    next_stream: u32,
    /// Whether `open` returned AtLimit, so that an event is due once there is room.
    open_refused: bool,
    assembly: Option<HeaderAssembly>,
    known_heads: KnownHeads,
    drain: Drain,
    /// The peer's last GOAWAY.
    peer_goaway: Option<Box<PeerGoAway>>,
    timers: Timers,
    last_received: Instant,
    /// The time since which no stream is open; `None` while one is, or until the clock is next looked at.
    idle_since: Option<Instant>,
    ping_strikes: PingStrikes,
    probe: BandwidthProbe,
    resets: Budget,
    idle_frames: Budget,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The peer's preface (server) or first SETTINGS is still to come.
    Handshake {
        preface_seen: bool,
    },
    Open,
    Closed,
}

/// The peer's SETTINGS currently in force.
struct PeerSettings {
    initial_window: u32,
    max_frame_size: u32,
    max_concurrent_streams: u32,
    max_header_list_size: Option<u32>,
}

impl Connection {
    /// Creates the client side of a new connection, with its first bytes in the output. Values of `config` that are out
    /// of range are clamped to the nearest allowed.
    pub fn client(config: Config, now: Instant) -> Self {
        Self::new(Side::Client, config.into(), now)
    }

    /// Creates the server side of a new connection. Otherwise like [`client`](Self::client).
    pub fn server(config: ServerConfig, now: Instant) -> Self {
        Self::new(Side::Server, config, now)
    }

    fn new(side: Side, config: ServerConfig, now: Instant) -> Self {
        let config = config.within_bounds();
        let connection = &config.connection;
        let mut connection = Self {
            side,
            state: State::Handshake { preface_seen: side == Side::Client },
            input: BytesMut::new(),
            output: Output::default(),
            events: VecDeque::new(),
            queued: 0,
            decoder: hpack::Decoder::new(
                connection.header_table_size as usize,
                connection.max_header_list_size as usize,
            ),
            encoder: hpack::Encoder::new(),
            streams: Streams::default(),
            schedule: Schedule::default(),
            stalled: Vec::new(),
            recv_window: RecvWindow::new(DEFAULT_WINDOW, DEFAULT_WINDOW),
            send_window: SendWindow::new(DEFAULT_WINDOW),
            stream_window: connection.initial_stream_window,
            settings_acknowledged: false,
            peer: PeerSettings {
                initial_window: DEFAULT_WINDOW,
                max_frame_size: frame::MIN_MAX_FRAME_SIZE,
                max_concurrent_streams: u32::MAX,
                max_header_list_size: None,
            },
            last_peer_stream: 0,
            next_stream: 1,
            open_refused: false,
            assembly: None,
            known_heads: KnownHeads::default(),
            drain: Drain::default(),
            peer_goaway: None,
            timers: Timers::default(),
            last_received: now,
            idle_since: None,
            ping_strikes: PingStrikes::default(),
            probe: BandwidthProbe::new(now),
            resets: Budget::new(config.reset_burst, config.reset_rate, now),
            idle_frames: Budget::new(connection.idle_frame_burst, connection.idle_frame_rate, now),
            config,
        };
        connection.greet(now);
        connection
    }

    fn greet(&mut self, now: Instant) {
        let (config, out) = (&self.config.connection, &mut self.output.tail);
        let mut settings = Settings {
            header_table_size: Some(config.header_table_size).filter(|&size| size != 4096),
            initial_window_size: Some(config.initial_stream_window).filter(|&size| size != DEFAULT_WINDOW),
            max_frame_size: Some(config.max_frame_size).filter(|&size| size != frame::MIN_MAX_FRAME_SIZE),
            max_header_list_size: Some(config.max_header_list_size),
            no_rfc7540_priorities: Some(true),
            ..Settings::default()
        };
        match self.side {
            Side::Client => {
                out.extend_from_slice(frame::PREFACE);
                settings.enable_push = Some(false);
            }
            Side::Server => settings.max_concurrent_streams = Some(self.config.max_concurrent_streams),
        }
        settings.encode(out);
        if let Some(increment) = self.recv_window.grow(config.initial_connection_window) {
            frame::encode_window_update(out, 0, increment);
        }
        self.timers.set(Timer::Handshake, now + config.handshake_timeout);
    }

    /// The buffer that received bytes are appended to. The engine keeps what it could not parse yet.
    pub fn input(&mut self) -> &mut BytesMut {
        &mut self.input
    }

    /// The bytes to be written to the socket.
    pub fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    /// Whether bytes wait for the socket or a stream could write some.
    pub fn wants_transmit(&self) -> bool {
        self.output.has_remaining() || !self.schedule.is_empty()
    }

    /// Whether an event is ready without more input: the application's own actions and the passage of time cause events
    /// too.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// The bytes held for this connection: input that is not a complete frame yet, a header block in pieces, data that
    /// waits for a window or a turn, and output that the socket has not accepted.
    pub fn buffered(&self) -> usize {
        let assembled = self.assembly.as_ref().map_or(0, HeaderAssembly::len);
        self.input.len() + assembled + self.queued + self.output.remaining()
    }

    /// The number of streams that have not ended.
    pub fn active_streams(&self) -> usize {
        self.streams.len()
    }

    /// Whether the connection has ended; see [`Event::Closed`].
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// The largest header list that the peer accepts, if it announced one (RFC 9113 §6.5.2).
    pub fn peer_max_header_list_size(&self) -> Option<u32> {
        self.peer.max_header_list_size
    }

    /// The settings in force.
    pub fn config(&self) -> &Config {
        &self.config.connection
    }

    /// Frees memory that an idle connection does not need: call it before waiting for a silent socket.
    pub fn shrink(&mut self) {
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
        self.output.shrink();
        if self.streams.len() == 0 {
            self.streams.shrink();
            self.schedule.shrink();
            self.stalled = Vec::new();
            if self.events.is_empty() {
                self.events = VecDeque::new();
            }
        }
    }

    /// Like [`shrink`](Self::shrink), and forgets the header blocks that were read and written: for a connection that
    /// has been idle for a while. The next call takes a few microseconds longer.
    pub fn hibernate(&mut self) {
        self.shrink();
        self.encoder.forget_groups();
        self.decoder.forget_blocks();
        self.known_heads = KnownHeads::default();
    }

    /// Client: whether [`open`](Self::open) would succeed.
    pub fn can_open(&self) -> bool {
        self.openable().is_ok()
    }

    fn openable(&self) -> Result<(), OpenError> {
        let going = self.state == State::Closed || self.drain.refuses_streams() || self.peer_goaway.is_some();
        if going || self.next_stream > MAX_STREAM_ID {
            Err(OpenError::GoingAway)
        } else if self.streams.len() >= self.peer.max_concurrent_streams as usize {
            Err(OpenError::AtLimit)
        } else {
            Ok(())
        }
    }

    /// Client: opens a stream and writes its head. With `end_stream`, nothing follows.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing has been written then.
    pub fn open(&mut self, fields: &dyn Fields, end_stream: bool) -> Result<StreamKey, OpenError> {
        debug_assert_eq!(self.side, Side::Client, "only a client opens streams");
        if let Err(error) = self.openable() {
            self.open_refused |= error == OpenError::AtLimit;
            return Err(error);
        }
        let id = StreamId(self.next_stream);
        self.next_stream += 2;
        let key = self.streams.insert(Stream {
            id,
            recv: RecvHalf::new(RecvState::AwaitingHead, self.new_stream_window()),
            send: SendHalf::new(self.peer.initial_window),
            priority: crate::stream::Priority::default(),
            ripe_at: None,
        });
        self.start_keepalive();
        self.send_headers(key, fields, end_stream);
        Ok(key)
    }

    /// The bytes that the peer may send on a new stream: at least the default until it has read that they are fewer
    /// (§6.9.3).
    fn new_stream_window(&self) -> u32 {
        if self.settings_acknowledged { self.stream_window } else { self.stream_window.max(DEFAULT_WINDOW) }
    }

    /// The bytes queued on the stream that still wait for a window or a turn. Once they reach
    /// [`Config::max_send_buffer`], stop sending until [`Event::Writable`].
    pub fn send_buffered(&mut self, key: StreamKey) -> usize {
        let limit = self.config.connection.max_send_buffer;
        self.streams.get_mut(key).map_or(0, |stream| {
            let queued = stream.send.queued();
            stream.send.held_back |= queued >= limit;
            queued
        })
    }

    /// Ends a stream abnormally: drops queued data and sends RST_STREAM; no event follows for it.
    pub fn reset(&mut self, key: StreamKey, code: ErrorCode) {
        if let Some(stream) = self.streams.get(key) {
            // A client's stream begins with its head, so that something has always been sent on it.
            debug_assert!(self.side == Side::Server || !stream.send.is_idle());
            frame::encode_reset(&mut self.output.tail, key.id.0, code);
            self.streams.remember_reset(key.id);
            self.forget(key);
        }
        // Events of the stream that were not taken yet, even its end, are dropped.
        let streams = &mut self.streams;
        self.events.retain(|event| {
            if matches!(event, Event::Finished { key: finished } if *finished == key) {
                streams.vacate(key);
            }
            event.stream() != Some(key)
        });
    }

    /// Releases `n` received bytes of the stream that the application is done with: the peer may send as many more.
    pub fn release(&mut self, key: StreamKey, n: usize) {
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        if !stream.recv.has_ended()
            && let Some(increment) = stream.recv.window.release(n)
        {
            frame::encode_window_update(&mut self.output.tail, key.id.0, increment);
        }
    }

    /// Announces that a message is being read of which `wanted` bytes are still to come: the stream's window is opened
    /// as far as they need, or, where the peer is near, bit by bit, and not a byte further: what follows the message
    /// waits until the application takes it. Call it again whenever some have arrived.
    ///
    /// `awaited` says that the application has taken all that came before this message, or waits for the end after it.
    /// One byte of room is left then: nghttp2, and so Node.js, does not even end a stream while its window is closed,
    /// though the end costs nothing. A peer that pads its frames gets room for the padding of one more, since padding
    /// counts (RFC 9113 §6.9.1) and such a peer would be stuck before the last bytes.
    pub fn expect(&mut self, key: StreamKey, wanted: usize, awaited: bool) {
        /// The byte of the padding length, and the largest length that it can hold.
        const MAX_PADDING: usize = 256;
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        let room = match awaited {
            false => 0,
            true if wanted > 0 && stream.recv.padded => MAX_PADDING,
            true => 1,
        };
        let wanted = wanted.saturating_add(room);
        if !stream.recv.has_ended()
            && let Some(increment) = stream.recv.window.expect(wanted, self.probe.is_near())
        {
            frame::encode_window_update(&mut self.output.tail, key.id.0, increment);
        }
    }

    /// The time at which [`handle_timeout`](Self::handle_timeout) must be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Handles the timers that are due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.expire(now) {
            match timer {
                Timer::Handshake => self.fail(ConnectionError {
                    blame: Blame::Network,
                    code: ErrorCode::SETTINGS_TIMEOUT,
                    reason: "the peer's HTTP/2 preface and SETTINGS did not come in time".into(),
                }),
                Timer::HeaderBlock => self.fail(ConnectionError::peer(
                    ErrorCode::ENHANCE_YOUR_CALM,
                    "a header block was begun and not finished in time",
                )),
                Timer::KeepaliveIdle => self.keepalive_due(now),
                Timer::KeepaliveAck => self.keepalive_unanswered(now),
                Timer::Drain => self.finish_drain(),
                Timer::Idle => self.idle_due(now),
                Timer::Age => self.age_due(now),
                Timer::AgeGrace => self.fail(ConnectionError {
                    blame: Blame::Local,
                    code: ErrorCode::NO_ERROR,
                    reason: "max_connection_age_grace has passed".into(),
                }),
            }
        }
    }

    /// Removes a stream and everything queued for it.
    fn forget(&mut self, key: StreamKey) {
        if self.dequeue(key) {
            self.streams.remove(key);
            self.stream_ended();
        }
    }

    /// Removes a stream whose two halves have ended.
    fn finish(&mut self, key: StreamKey) {
        self.events.push_back(Event::Finished { key });
        self.resets.forgive(Self::FINISHED_CALL_FORGIVES);
        if self.dequeue(key) {
            self.streams.retire(key);
            self.stream_ended();
        }
    }

    /// Takes a stream out of the queues; `false` if it does not exist.
    fn dequeue(&mut self, key: StreamKey) -> bool {
        let Some(stream) = self.streams.get(key) else {
            return false;
        };
        self.queued -= stream.send.queued();
        if stream.send.scheduled {
            self.schedule.remove(key.index, stream.priority);
            self.stalled.retain(|&index| index != key.index);
        }
        true
    }

    fn stream_ended(&mut self) {
        self.idle_since = None;
        if self.open_refused && self.can_open() {
            self.open_refused = false;
            self.events.push_back(Event::StreamsAvailable);
        }
        self.close_if_drained();
    }
}
