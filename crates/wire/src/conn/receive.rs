//! Reading: frames in, events out, each rule where RFC 9113 states it.

use std::time::Instant;

use bytes::{Buf, Bytes};

use super::{Blame, Connection, ConnectionError, Event, ResetBy, Side, State, Timer};
use crate::{
    fields::HeaderBlock,
    frame::{self, ErrorCode, Frame, FrameHead, HEAD_LEN, PREFACE, Settings, flag, kind},
    memo::Memo,
    stream::{
        Priority, RecvHalf, RecvState, SendHalf, SendState, Stream, StreamError, StreamId, StreamKey,
        WindowError,
        validate::{self, RequestFacts},
    },
};

/// The request heads known to be well-formed, so that a repeated one need not be checked again.
pub(super) type KnownHeads = Memo<HeaderBlock, RequestFacts, 4>;

pub(super) type Handled = Result<Option<Event>, ConnectionError>;

/// The outcome of reading the input.
enum Progress {
    /// A frame was handled; it may have caused an event.
    Handled(Option<Event>),
    /// There is no complete frame.
    Incomplete,
}

const HEADERS_AFTER_THE_END: StreamError =
    StreamError::closed("HEADERS after the end of the stream (RFC 9113 §5.1)");
const TRAILERS_WITHOUT_END: StreamError =
    StreamError::protocol("trailers without END_STREAM (RFC 9113 §8.1)");

impl Connection {
    /// The number of frames without payload that one useful frame makes up for. A peer that reads a stream of small
    /// messages may well answer each with a WINDOW_UPDATE or two.
    pub(super) const USEFUL_FRAME_FORGIVES: u32 = 3;

    /// Returns the next event, or `None` when more input is needed (or the connection has ended).
    pub fn next_event(&mut self, now: Instant) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                if let Event::Finished { key } = event {
                    self.streams.vacate(key);
                }
                return Some(event);
            }
            if self.state == State::Closed {
                return None;
            }
            match self.next_frame(now) {
                Ok(Progress::Handled(Some(event))) => return Some(event),
                Ok(Progress::Handled(None)) => {}
                Ok(Progress::Incomplete) if self.events.is_empty() => return None,
                Ok(Progress::Incomplete) => {}
                Err(error) => self.fail(error),
            }
        }
    }

    /// Handles the next complete frame of the input.
    fn next_frame(&mut self, now: Instant) -> Result<Progress, ConnectionError> {
        if let State::Handshake { preface_seen: false } = self.state
            && !self.take_preface()?
        {
            return Ok(Progress::Incomplete);
        }
        let Some(head) = self.input.first_chunk::<HEAD_LEN>() else {
            return Ok(Progress::Incomplete);
        };
        let head = FrameHead::parse(head);
        if matches!(self.state, State::Handshake { .. }) {
            self.expect_settings(head)?;
        }
        if head.len > self.config.connection.max_frame_size {
            return Err(ConnectionError::peer(
                ErrorCode::FRAME_SIZE_ERROR,
                format!(
                    "a frame of {} bytes, more than the {} allowed (RFC 9113 §4.2)",
                    head.len, self.config.connection.max_frame_size
                ),
            ));
        }
        let total = HEAD_LEN + head.len as usize;
        if self.input.len() < total {
            if matches!(head.kind, kind::HEADERS | kind::CONTINUATION) {
                self.await_header_block(now);
            }
            return Ok(Progress::Incomplete);
        }
        self.last_received = now;
        if let Some(assembly) = &self.assembly
            && (head.kind != kind::CONTINUATION || head.stream != assembly.stream)
        {
            return Err(ConnectionError::peer(
                ErrorCode::PROTOCOL_ERROR,
                "a header block was interrupted by another frame (RFC 9113 §6.10)",
            ));
        }
        let handled = if head.kind == kind::DATA {
            let mut frame = self.input.split_to(total);
            frame.advance(HEAD_LEN);
            self.handle_data(head, frame.freeze(), now)
        } else {
            // The input is set aside while its frame is handled, so that the payload need not be copied.
            let input = std::mem::take(&mut self.input);
            let handled = match Frame::parse(head, &input[HEAD_LEN..total]) {
                Ok(frame) => self.handle_frame(head, frame, now),
                Err(error) if error.connection || head.stream == 0 => Err(error.into()),
                Err(error) => self.stream_error(head.stream, StreamError::new(error.code, error.reason), now),
            };
            if self.state != State::Closed {
                self.input = input;
                self.input.advance(total);
            }
            handled
        };
        handled.map(Progress::Handled)
    }

    /// Server: reads the client's first 24 bytes (§3.4). `false`: they have not all arrived yet.
    fn take_preface(&mut self) -> Result<bool, ConnectionError> {
        let n = self.input.len().min(PREFACE.len());
        if self.input[..n] != PREFACE[..n] {
            return Err(not_http2(&self.input, "the client"));
        }
        if n < PREFACE.len() {
            return Ok(false);
        }
        self.input.advance(n);
        self.state = State::Handshake { preface_seen: true };
        Ok(true)
    }

    /// Checks that the first frame is SETTINGS (§3.4).
    fn expect_settings(&self, head: FrameHead) -> Result<(), ConnectionError> {
        if head.kind == kind::SETTINGS && !head.has(flag::ACK) && head.stream == 0 {
            return Ok(());
        }
        if self.side == Side::Client {
            return Err(not_http2(&self.input, "the server"));
        }
        Err(ConnectionError::peer(
            ErrorCode::PROTOCOL_ERROR,
            "the first frame is not SETTINGS (RFC 9113 §3.4)",
        ))
    }

    fn handle_frame(&mut self, head: FrameHead, frame: Frame<'_>, now: Instant) -> Handled {
        match frame {
            Frame::Headers { fragment, end_headers: true, end_stream } => {
                self.handle_block(head.stream, fragment, end_stream, now)
            }
            Frame::Headers { fragment, end_headers: false, end_stream } => {
                self.begin_block(head.stream, fragment, end_stream, now);
                Ok(None)
            }
            Frame::Continuation { fragment, end_headers } => self.continue_block(fragment, end_headers, now),
            Frame::Reset { code } => self.handle_reset(head.stream, code, now),
            Frame::WindowUpdate { increment } => {
                self.count_idle_frame(now)?;
                self.handle_window_update(head.stream, increment, now)
            }
            Frame::Settings(settings) => {
                self.count_idle_frame(now)?;
                self.handle_settings(&settings, now)
            }
            Frame::Ping { payload, ack: false } => {
                self.count_idle_frame(now)?;
                let calls = self.streams.len() > 0;
                if self.side == Side::Server
                    && !self.ping_strikes.permits(&self.config.ping_policy, calls, now)
                {
                    // The exact text that makes clients ping less often (gRFC A8).
                    return Err(ConnectionError::peer(ErrorCode::ENHANCE_YOUR_CALM, "too_many_pings"));
                }
                frame::encode_ping(&mut self.output.tail, payload, true);
                Ok(None)
            }
            Frame::Ping { payload, ack: true } => {
                self.count_idle_frame(now)?;
                self.handle_ping_ack(payload, now);
                Ok(None)
            }
            Frame::GoAway { last_stream, code, debug } => {
                self.count_idle_frame(now)?;
                self.handle_goaway(last_stream, code, debug).map(Some)
            }
            Frame::PushPromise => Err(ConnectionError::peer(
                ErrorCode::PROTOCOL_ERROR,
                "PUSH_PROMISE, which SETTINGS_ENABLE_PUSH=0 forbids (RFC 9113 §8.4)",
            )),
            Frame::PriorityUpdate { stream, value } => {
                self.count_idle_frame(now)?;
                self.handle_priority_update(stream, value)
            }
            Frame::SettingsAck => {
                self.count_idle_frame(now)?;
                self.decoder.settings_acknowledged();
                self.narrow_windows(now);
                Ok(None)
            }
            Frame::Priority | Frame::Unknown => {
                self.count_idle_frame(now)?;
                Ok(None)
            }
        }
    }

    pub(super) fn count_idle_frame(&mut self, now: Instant) -> Result<(), ConnectionError> {
        self.spend_idle_frames(1.0, now)
    }

    pub(super) fn spend_idle_frames(&mut self, amount: f64, now: Instant) -> Result<(), ConnectionError> {
        if self.idle_frames.spend(amount, now) {
            return Ok(());
        }
        Err(ConnectionError::peer(ErrorCode::ENHANCE_YOUR_CALM, "too many frames that carry nothing"))
    }

    /// Whether a stream has not been opened yet (§5.1.1: identifiers only increase).
    pub(super) fn is_idle(&self, id: u32) -> bool {
        match self.side {
            Side::Server => id.is_multiple_of(2) || id > self.last_peer_stream,
            Side::Client => id.is_multiple_of(2) || id >= self.next_stream,
        }
    }

    pub(super) fn handle_request(
        &mut self,
        id: u32,
        block: HeaderBlock,
        end_stream: bool,
        now: Instant,
    ) -> Handled {
        if id.is_multiple_of(2) {
            return Err(ConnectionError::peer(
                ErrorCode::PROTOCOL_ERROR,
                format!("a client opened stream {id}, which is even (RFC 9113 §5.1.1)"),
            ));
        }
        if self.is_past_last_stream(id) {
            return Ok(None);
        }
        self.last_peer_stream = id;
        let facts = match self.known_heads.find(|known| known.ptr_eq(&block)) {
            Some(facts) => *facts,
            None => match validate::request(&block) {
                Ok(facts) => {
                    self.known_heads.keep(block.clone(), facts);
                    facts
                }
                Err(error) => return self.stream_error(id, error, now),
            },
        };
        if self.streams.len() >= self.config.max_concurrent_streams as usize {
            let refused = StreamError::new(ErrorCode::REFUSED_STREAM, "too many streams at once");
            return self.stream_error(id, refused, now);
        }
        let open = RecvState::Open { content_left: facts.content_length };
        let mut recv = RecvHalf::new(open, self.new_stream_window());
        if end_stream {
            if let Err(error) = recv.count(0, true) {
                return self.stream_error(id, error, now);
            }
            recv.state = RecvState::Ended;
        }
        let send = SendHalf::new(self.peer.initial_window);
        let ripe_at = Some(now + Self::RIPE_AFTER);
        let priority = facts.priority;
        let key = self.streams.insert(Stream { id: StreamId(id), recv, send, priority, ripe_at });
        self.start_keepalive();
        Ok(Some(Event::Headers { key, block, end_stream }))
    }

    /// Handles trailers of a request. gRPC has none, so only the end is reported (RFC 9113 §8.1).
    pub(super) fn handle_request_trailers(
        &mut self,
        key: StreamKey,
        block: &HeaderBlock,
        end_stream: bool,
        now: Instant,
    ) -> Handled {
        let Some(stream) = self.streams.get_mut(key) else {
            return Ok(None);
        };
        if stream.recv.has_ended() {
            return self.stream_error(key.id.0, HEADERS_AFTER_THE_END, now);
        }
        let checked = if end_stream { validate::trailers(block) } else { Err(TRAILERS_WITHOUT_END) };
        if let Err(error) = checked.and_then(|()| stream.recv.count(0, true)) {
            return self.stream_error(key.id.0, error, now);
        }
        stream.recv.state = RecvState::Ended;
        self.recv_half_ended(key);
        Ok(Some(Event::Data { key, data: Bytes::new(), end_stream: true }))
    }

    /// Handles a response head or trailers.
    pub(super) fn handle_response_block(
        &mut self,
        key: StreamKey,
        block: HeaderBlock,
        end_stream: bool,
        now: Instant,
    ) -> Handled {
        let Some(stream) = self.streams.get_mut(key) else {
            return Ok(None);
        };
        let recv = &mut stream.recv;
        let mut informational = false;
        let checked = match recv.state {
            RecvState::AwaitingHead => validate::response(&block).and_then(|facts| {
                informational = facts.informational;
                if informational {
                    return if end_stream {
                        Err(StreamError::protocol("a 1xx response that ends the stream (RFC 9113 §8.1)"))
                    } else {
                        Ok(())
                    };
                }
                recv.state = RecvState::Open { content_left: facts.content_length };
                Ok(())
            }),
            RecvState::Open { .. } if !end_stream => Err(TRAILERS_WITHOUT_END),
            RecvState::Open { .. } => validate::trailers(&block),
            RecvState::Ended => {
                return self.stream_error(key.id.0, HEADERS_AFTER_THE_END, now);
            }
        };
        // The length is checked at trailers only: a head that ends the stream may answer anything.
        if let Err(error) = checked {
            return self.stream_error(key.id.0, error, now);
        }
        if end_stream {
            recv.state = RecvState::Ended;
            self.recv_half_ended(key);
        }
        if informational {
            // There may be any number of them, and none advances the call.
            self.count_idle_frame(now)?;
        } else {
            self.idle_frames.forgive(Self::USEFUL_FRAME_FORGIVES);
        }
        Ok(Some(Event::Headers { key, block, end_stream }))
    }

    /// Handles DATA (§6.1). The connection's window is replenished at once: what a slow reader may hold is bounded by
    /// the streams' windows, and one slow stream must not stop the others.
    fn handle_data(&mut self, head: FrameHead, mut payload: Bytes, now: Instant) -> Handled {
        let (start, len) = frame::data_range(head, &payload)?;
        if self.recv_window.consume(head.len).is_err() {
            return Err(ConnectionError::peer(
                ErrorCode::FLOW_CONTROL_ERROR,
                "more data than the connection's window allows (RFC 9113 §6.9.1)",
            ));
        }
        if let Some(increment) = self.recv_window.release(head.len as usize) {
            frame::encode_window_update(&mut self.output.tail, 0, increment);
        }
        if self.probe.on_data(len, now) {
            frame::encode_ping(&mut self.output.tail, Self::PROBE_PING, false);
        }
        let end_stream = head.has(flag::END_STREAM);
        let Some(key) = self.streams.find(head.stream) else {
            return self.handle_stray_data(head, now);
        };
        if len == 0 && !end_stream {
            self.count_idle_frame(now)?;
        } else {
            self.idle_frames.forgive(Self::USEFUL_FRAME_FORGIVES);
        }
        let Some(stream) = self.streams.get_mut(key) else {
            return Ok(None);
        };
        let recv = &mut stream.recv;
        let checked = match recv.state {
            RecvState::Ended => Err(StreamError::closed("DATA after the end of the stream (RFC 9113 §6.1)")),
            RecvState::AwaitingHead => Err(StreamError::protocol("DATA before the head (RFC 9113 §8.1)")),
            RecvState::Open { .. } if recv.window.consume(head.len).is_err() => Err(StreamError::new(
                ErrorCode::FLOW_CONTROL_ERROR,
                "more data than the stream's window allows (RFC 9113 §6.9.1)",
            )),
            RecvState::Open { .. } => recv.count(len, end_stream),
        };
        if let Err(error) = checked {
            return self.stream_error(head.stream, error, now);
        }
        let padding = head.len as usize - len;
        recv.padded |= padding > 0;
        if end_stream {
            recv.state = RecvState::Ended;
            self.recv_half_ended(key);
        } else if padding > 0 {
            self.release(key, padding);
        }
        payload.advance(start);
        payload.truncate(len);
        Ok(Some(Event::Data { key, data: payload, end_stream }))
    }

    /// Handles DATA for a stream that does not exist (§5.1).
    fn handle_stray_data(&mut self, head: FrameHead, now: Instant) -> Handled {
        if self.is_idle(head.stream) {
            if self.is_past_last_stream(head.stream) {
                return Ok(None);
            }
            return Err(ConnectionError::peer(
                ErrorCode::PROTOCOL_ERROR,
                format!("DATA on stream {}, which was never opened (RFC 9113 §5.1)", head.stream),
            ));
        }
        // An honest upload that was answered early is still in flight, up to a window of it.
        self.count_idle_frame(now)?;
        if !self.streams.was_reset(head.stream) && self.side == Side::Server {
            frame::encode_reset(&mut self.output.tail, head.stream, ErrorCode::STREAM_CLOSED);
            self.streams.remember_reset(StreamId(head.stream));
        }
        Ok(None)
    }

    /// Handles the end of the peer's half, END_STREAM.
    fn recv_half_ended(&mut self, key: StreamKey) {
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        if matches!(stream.send.state, SendState::Ended) {
            self.finish(key);
        } else if self.side == Side::Client {
            // The response is complete, so the call is over, even if the request is not.
            self.queued -= stream.send.queued();
            stream.send.discard();
            frame::encode_reset(&mut self.output.tail, key.id.0, ErrorCode::NO_ERROR);
            self.streams.remember_reset(key.id);
            self.finish(key);
        }
    }

    fn handle_reset(&mut self, id: u32, code: ErrorCode, now: Instant) -> Handled {
        if self.is_idle(id) && !self.is_past_last_stream(id) {
            return Err(ConnectionError::peer(
                ErrorCode::PROTOCOL_ERROR,
                format!("RST_STREAM on stream {id}, which was never opened (RFC 9113 §6.4)"),
            ));
        }
        let Some(key) = self.streams.find(id) else {
            // It crossed our own end of the stream in flight.
            self.count_idle_frame(now)?;
            return Ok(None);
        };
        self.charge_reset(key, now)?;
        self.forget(key);
        self.note_idle(now);
        Ok(Some(Event::Reset { key, code, by: ResetBy::Peer }))
    }

    fn handle_window_update(&mut self, id: u32, increment: u32, now: Instant) -> Handled {
        if id == 0 {
            let closed = self.send_window.available() == 0;
            self.send_window.add(increment).map_err(|WindowError| window_overflow("the connection's"))?;
            if closed {
                self.unstall();
            }
            return Ok(None);
        }
        let Some(key) = self.streams.find(id) else {
            if self.is_idle(id) && !self.is_past_last_stream(id) {
                return Err(ConnectionError::peer(
                    ErrorCode::PROTOCOL_ERROR,
                    format!("WINDOW_UPDATE on stream {id}, which was never opened (RFC 9113 §5.1)"),
                ));
            }
            return Ok(None);
        };
        let Some(stream) = self.streams.get_mut(key) else {
            return Ok(None);
        };
        if stream.send.window.add(increment).is_err() {
            let reason = "WINDOW_UPDATE past 2^31-1 (RFC 9113 §6.9.1)";
            return self.stream_error(id, StreamError::new(ErrorCode::FLOW_CONTROL_ERROR, reason), now);
        }
        self.make_ready(key);
        Ok(None)
    }

    /// Applies all settings, then acknowledges them (§6.5.3).
    fn handle_settings(&mut self, settings: &Settings, now: Instant) -> Handled {
        if let Some(size) = settings.header_table_size {
            self.encoder.set_max_table_size(size);
        }
        if let Some(size) = settings.max_frame_size {
            self.peer.max_frame_size = size;
        }
        if settings.max_header_list_size.is_some() {
            self.peer.max_header_list_size = settings.max_header_list_size;
        }
        if let Some(limit) = settings.max_concurrent_streams {
            self.peer.max_concurrent_streams = limit;
            if self.open_refused && self.can_open() {
                self.open_refused = false;
                self.events.push_back(Event::StreamsAvailable);
            }
        }
        if settings.enable_push == Some(true) && self.side == Side::Client {
            return Err(ConnectionError::peer(
                ErrorCode::PROTOCOL_ERROR,
                "a server sent SETTINGS_ENABLE_PUSH=1 (RFC 9113 §6.5.2)",
            ));
        }
        if let Some(size) = settings.initial_window_size {
            self.change_initial_window(size)?;
        }
        frame::encode_settings_ack(&mut self.output.tail);
        if matches!(self.state, State::Handshake { .. }) {
            self.state = State::Open;
            self.timers.stop(Timer::Handshake);
            self.start_keepalive();
            self.start_ageing(now);
            return Ok(Some(Event::Ready));
        }
        Ok(None)
    }

    /// Changes the initial window, which applies to every open stream and may make windows negative (§6.9.2).
    fn change_initial_window(&mut self, size: u32) -> Result<(), ConnectionError> {
        let delta = i64::from(size) - i64::from(self.peer.initial_window);
        self.peer.initial_window = size;
        let mut opened = Vec::new();
        for (key, stream) in self.streams.iter_mut() {
            stream.send.window.adjust(delta).map_err(|WindowError| window_overflow("a stream's"))?;
            if delta > 0 && stream.send.is_ready() {
                opened.push(key);
            }
        }
        for key in opened {
            self.make_ready(key);
        }
        Ok(())
    }

    fn handle_ping_ack(&mut self, payload: [u8; 8], now: Instant) {
        match payload {
            Self::DRAIN_PING => self.finish_drain(),
            Self::KEEPALIVE_PING => {
                self.timers.stop(Timer::KeepaliveAck);
                self.start_keepalive();
            }
            Self::PROBE_PING => self.widen_windows(now),
            _ => {}
        }
    }

    /// Narrows the windows of streams that began with more than our SETTINGS allow, now that the peer has read them
    /// (§6.9.3).
    fn narrow_windows(&mut self, now: Instant) {
        if std::mem::replace(&mut self.settings_acknowledged, true) {
            return;
        }
        self.probe.on_settings_acknowledged(now);
        let surplus = frame::DEFAULT_WINDOW.saturating_sub(self.stream_window);
        if surplus > 0 {
            for (_, stream) in self.streams.iter_mut() {
                stream.recv.window.narrow(surplus);
            }
        }
    }

    /// Widens the windows if the probe that came back shows that the path carries more.
    fn widen_windows(&mut self, now: Instant) {
        let Some(window) =
            self.probe.on_answer(self.recv_window.target(), self.config.connection.max_window, now)
        else {
            return;
        };
        if let Some(increment) = self.recv_window.grow(window) {
            frame::encode_window_update(&mut self.output.tail, 0, increment);
        }
        // A stream gets a part of it: new ones by SETTINGS (§6.9.2), old ones by credit.
        let stream_window = (window / 2).max(self.stream_window);
        if stream_window > self.stream_window && self.settings_acknowledged {
            self.stream_window = stream_window;
            let settings = Settings { initial_window_size: Some(stream_window), ..Settings::default() };
            settings.encode(&mut self.output.tail);
            for (_, stream) in self.streams.iter_mut() {
                // The peer adds the difference itself when it reads the SETTINGS.
                stream.recv.window.widen(stream_window);
            }
        }
    }

    /// Handles PRIORITY_UPDATE (RFC 9218 §7.1). One for a stream that does not exist, or no longer exists, is ignored.
    fn handle_priority_update(&mut self, id: u32, value: &[u8]) -> Handled {
        if self.side == Side::Client {
            return Err(ConnectionError::peer(
                ErrorCode::PROTOCOL_ERROR,
                "a server sent PRIORITY_UPDATE (RFC 9218 §7.1)",
            ));
        }
        if let Some(key) = self.streams.find(id)
            && let Some(stream) = self.streams.get_mut(key)
        {
            let before = std::mem::replace(&mut stream.priority, Priority::parse(value));
            let after = stream.priority;
            if stream.send.scheduled && !self.stalled.contains(&key.index) {
                self.schedule.remove(key.index, before);
                self.schedule.push(key.index, after);
            }
        }
        Ok(None)
    }

    /// Resets a stream on which the peer broke a rule (§5.4.2).
    #[cold]
    fn stream_error(&mut self, id: u32, error: StreamError, now: Instant) -> Handled {
        let StreamError { code, reason } = error;
        if self.streams.find(id).is_none() && self.is_idle(id) {
            return Err(ConnectionError::peer(code, reason));
        }
        self.charge_provoked_reset(now)?;
        frame::encode_reset(&mut self.output.tail, id, code);
        self.streams.remember_reset(StreamId(id));
        let Some(key) = self.streams.find(id) else {
            return Ok(None);
        };
        self.forget(key);
        Ok(Some(Event::Reset { key, code, by: ResetBy::Engine(reason.into()) }))
    }
}

fn window_overflow(whose: &str) -> ConnectionError {
    ConnectionError::peer(
        ErrorCode::FLOW_CONTROL_ERROR,
        format!("{whose} window was pushed past 2^31-1 (RFC 9113 §6.9.1)"),
    )
}

/// Says what the bytes look like, because whoever reads the log will ask just that.
fn not_http2(bytes: &[u8], who: &str) -> ConnectionError {
    let looks = match bytes {
        [0x16, 0x03, ..] => "TLS on a port without TLS".into(),
        [0x15, 0x03, ..] => "a TLS alert: the port expects TLS".into(),
        b if b.starts_with(b"HTTP/1.") => "HTTP/1.1: the port belongs to a server that is not gRPC".into(),
        b if is_http1_request(b) => "HTTP/1.1".into(),
        b => format!("unknown bytes: {}", b[..b.len().min(16)].escape_ascii()),
    };
    ConnectionError {
        blame: Blame::NotHttp2,
        code: ErrorCode::PROTOCOL_ERROR,
        reason: format!("{who} does not speak HTTP/2; this looks like {looks}").into(),
    }
}

fn is_http1_request(bytes: &[u8]) -> bool {
    [&b"GET "[..], b"POST ", b"HEAD ", b"PUT ", b"OPTIONS ", b"DELETE ", b"PATCH ", b"CONNECT "]
        .iter()
        .any(|method| bytes.starts_with(method) || method.starts_with(bytes))
}
