//! How a connection ends: gracefully by GOAWAY (RFC 9113 §6.8, gRFC A9), or not; and how a silent peer is detected
//! (gRFC A8).

use std::time::Instant;

use bytes::Bytes;

use super::{Blame, Connection, ConnectionError, Event, ResetBy, Side, State, Timer};
use crate::frame::{self, ErrorCode, MAX_STREAM_ID};

/// The progress of our own graceful shutdown.
///
/// ```text
///             shutdown (server)            ping answered, or time is up
///   Running ────────────────────▶ Warned ───────────────────────────────▶ Final
///      └──────────────────── shutdown (client) ────────────────────────────▲
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Drain {
    #[default]
    Running,
    /// GOAWAY(2³¹−1) is out: the client stops opening streams, those in flight are still accepted.
    Warned,
    /// No stream above this one is accepted any more.
    Final { last: u32 },
}

impl Drain {
    pub(super) fn refuses_streams(self) -> bool {
        self != Self::Running
    }
}

/// What a GOAWAY of the peer's said.
pub(super) struct PeerGoAway {
    /// The last stream that it lets live.
    last: u32,
    code: ErrorCode,
    debug: Bytes,
}

impl PeerGoAway {
    /// Longer words are cut: they go into the status of each call that the connection had.
    const MAX_DEBUG: usize = 512;

    /// The connection's end, by the peer's own account.
    fn error(&self) -> ConnectionError {
        let debug = &self.debug[..self.debug.len().min(Self::MAX_DEBUG)];
        let reason = if debug.is_empty() { "GOAWAY".into() } else { debug.escape_ascii().to_string().into() };
        ConnectionError { blame: Blame::PeerSays, code: self.code, reason }
    }
}

impl Connection {
    pub(super) const DRAIN_PING: [u8; 8] = *b"drain\0\0\0";
    pub(super) const KEEPALIVE_PING: [u8; 8] = *b"alive\0\0\0";
    pub(super) const PROBE_PING: [u8; 8] = *b"probe\0\0\0";

    /// Shuts down gracefully: lets open streams end and accepts no new ones; [`Event::Closed`] follows when the last
    /// has ended.
    ///
    /// A server warns first (GOAWAY with the highest identifier, and a PING), so that requests already in flight are
    /// still served, and names its last stream when the client has seen the warning. A client opens no more streams.
    pub fn shutdown(&mut self, now: Instant) {
        self.shut_down_because(b"", now);
    }

    fn shut_down_because(&mut self, debug: &[u8], now: Instant) {
        if self.state == State::Closed || self.drain != Drain::Running {
            return;
        }
        match self.side {
            Side::Client => {
                self.drain = Drain::Final { last: 0 };
                frame::encode_goaway(&mut self.output.tail, 0, ErrorCode::NO_ERROR, debug);
                self.close_if_drained();
            }
            Side::Server => {
                self.drain = Drain::Warned;
                frame::encode_goaway(&mut self.output.tail, MAX_STREAM_ID, ErrorCode::NO_ERROR, debug);
                frame::encode_ping(&mut self.output.tail, Self::DRAIN_PING, false);
                self.timers.set(Timer::Drain, now + self.config.drain_timeout);
            }
        }
    }

    /// Whether a graceful shutdown has begun, on either side.
    pub fn is_draining(&self) -> bool {
        self.drain != Drain::Running || self.peer_goaway.is_some()
    }

    pub(super) fn finish_drain(&mut self) {
        if self.drain == Drain::Warned {
            self.timers.stop(Timer::Drain);
            let last = self.last_peer_stream;
            self.drain = Drain::Final { last };
            frame::encode_goaway(&mut self.output.tail, last, ErrorCode::NO_ERROR, b"");
            self.close_if_drained();
        }
    }

    /// Whether a stream of the peer is above the last one of our GOAWAY.
    pub(super) fn is_past_last_stream(&self, id: u32) -> bool {
        matches!(self.drain, Drain::Final { last } if id > last)
    }

    /// Closes the connection at once: sends GOAWAY with `code` and `debug`, and ends every stream.
    pub fn close(&mut self, code: ErrorCode, debug: &'static str) {
        self.fail(ConnectionError { blame: Blame::Local, code, reason: debug.into() });
    }

    /// Takes note that the socket has ended: no more input comes.
    pub fn handle_eof(&mut self) {
        if self.state == State::Closed {
            return;
        }
        let reason = match self.state {
            State::Handshake { .. } => "the peer closed the connection before it sent HTTP/2 SETTINGS",
            _ if self.streams.len() > 0 => "the peer closed the connection with calls open",
            _ => return self.end(None),
        };
        let error = match &self.peer_goaway {
            Some(goaway) if goaway.code != ErrorCode::NO_ERROR => goaway.error(),
            _ => ConnectionError { blame: Blame::Network, code: ErrorCode::NO_ERROR, reason: reason.into() },
        };
        self.end(Some(error));
    }

    /// Ends the connection with `error`, and tells the peer if it can understand.
    pub(super) fn fail(&mut self, error: ConnectionError) {
        if self.state == State::Closed {
            return;
        }
        if error.blame != Blame::NotHttp2 {
            frame::encode_goaway(
                &mut self.output.tail,
                self.last_peer_stream,
                error.code,
                error.reason.as_bytes(),
            );
        }
        self.end(Some(error));
    }

    /// Ends the connection: nothing is read or opened from here on.
    fn end(&mut self, error: Option<ConnectionError>) {
        self.state = State::Closed;
        self.timers = Default::default();
        self.assembly = None;
        self.input.clear();
        let code = error.as_ref().map_or(ErrorCode::NO_ERROR, |error| error.code);
        let keys: Vec<_> = self.streams.keys().collect();
        for key in keys {
            self.streams.remove(key);
            self.events.push_back(Event::Reset { key, code, by: ResetBy::ConnectionLost });
        }
        self.schedule = Default::default();
        self.stalled = Vec::new();
        self.queued = 0;
        self.events.push_back(Event::Closed { error });
    }

    /// Handles the peer's GOAWAY: streams above `last` were not processed (§6.8). A later one can only lower it.
    pub(super) fn handle_goaway(
        &mut self,
        last: u32,
        code: ErrorCode,
        debug: &[u8],
    ) -> Result<Event, ConnectionError> {
        if self.peer_goaway.as_ref().is_some_and(|before| last > before.last) {
            return Err(ConnectionError::peer(
                ErrorCode::PROTOCOL_ERROR,
                "a GOAWAY with a higher last stream than the one before (RFC 9113 §6.8)",
            ));
        }
        let debug = Bytes::copy_from_slice(debug);
        self.peer_goaway = Some(Box::new(PeerGoAway { last, code, debug: debug.clone() }));
        if self.side == Side::Client {
            let unprocessed: Vec<_> = self.streams.keys().filter(|key| key.id.0 > last).collect();
            for key in unprocessed {
                self.events.push_back(Event::Reset { key, code, by: ResetBy::GoAway });
                self.forget(key);
            }
        }
        self.close_if_drained();
        Ok(Event::GoAway { last: crate::stream::StreamId(last), code, debug })
    }

    /// Ends the connection after a GOAWAY once its last stream has ended. A server that received the GOAWAY waits for
    /// its client to close.
    pub(super) fn close_if_drained(&mut self) {
        let final_word = match self.side {
            Side::Client => self.drain.refuses_streams() || self.peer_goaway.is_some(),
            Side::Server => matches!(self.drain, Drain::Final { .. }),
        };
        if final_word && self.streams.len() == 0 && self.state != State::Closed {
            self.end(None);
        }
    }

    /// Starts the idle timer if keepalive applies now.
    pub(super) fn start_keepalive(&mut self) {
        if let Some(keepalive) = self.config.connection.keepalive
            && !self.timers.is_set(Timer::KeepaliveIdle)
            && !self.timers.is_set(Timer::KeepaliveAck)
            && self.state == State::Open
            && (keepalive.without_calls || self.streams.len() > 0)
        {
            self.timers.set(Timer::KeepaliveIdle, self.last_received + keepalive.interval);
        }
    }

    /// Handles the idle timer. It is not rearmed with every received frame: whether something did come meanwhile is
    /// checked only here.
    pub(super) fn keepalive_due(&mut self, now: Instant) {
        let Some(keepalive) = self.config.connection.keepalive else {
            return;
        };
        if !keepalive.without_calls && self.streams.len() == 0 {
            return;
        }
        let due = self.last_received + keepalive.interval;
        if due > now {
            self.timers.set(Timer::KeepaliveIdle, due);
        } else {
            frame::encode_ping(&mut self.output.tail, Self::KEEPALIVE_PING, false);
            self.timers.set(Timer::KeepaliveAck, now + keepalive.timeout);
        }
    }

    /// Handles a missing answer to a keepalive ping. Whatever else came meanwhile proves just as well that the peer is
    /// there: its answer may be queued behind megabytes of data.
    pub(super) fn keepalive_unanswered(&mut self, now: Instant) {
        let timeout =
            self.config.connection.keepalive.map_or_else(Default::default, |keepalive| keepalive.timeout);
        if self.last_received + timeout > now {
            return self.start_keepalive();
        }
        self.fail(ConnectionError {
            blame: Blame::Network,
            code: ErrorCode::NO_ERROR,
            reason: "the peer did not answer a keepalive ping in time".into(),
        });
    }

    /// Server: starts counting the age and idle time of a connection that is ready (gRFC A9).
    pub(super) fn start_ageing(&mut self, now: Instant) {
        if self.side == Side::Client {
            return;
        }
        if let Some(age) = self.config.max_connection_age {
            self.timers.set(Timer::Age, now + age);
        }
        if let Some(idle) = self.config.max_connection_idle {
            self.idle_since = Some(now);
            self.timers.set(Timer::Idle, now + idle);
        }
    }

    pub(super) fn age_due(&mut self, now: Instant) {
        self.shut_down_because(b"max_age", now);
        if let Some(grace) = self.config.max_connection_age_grace
            && self.state != State::Closed
        {
            self.timers.set(Timer::AgeGrace, now + grace);
        }
    }

    /// Notes that no stream is open, the first time that the clock is looked at after the last one ended.
    pub(super) fn note_idle(&mut self, now: Instant) {
        if self.idle_since.is_none() && self.streams.len() == 0 {
            self.idle_since = Some(now);
        }
    }

    /// Handles the timer of the idle connection. As with keepalive, it is not rearmed with every call: what happened
    /// meanwhile is checked only here.
    pub(super) fn idle_due(&mut self, now: Instant) {
        self.note_idle(now);
        let Some(idle) = self.config.max_connection_idle else {
            return;
        };
        let since = if self.streams.len() > 0 { now } else { self.idle_since.unwrap_or(now) };
        if since + idle > now {
            self.timers.set(Timer::Idle, since + idle);
        } else {
            self.shut_down_because(b"max_idle", now);
        }
    }
}
