//! A client's connection: one task that owns the socket, the engine and the calls.
//!
//! ```text
//!   callers ── slots, pokes ──▶ mailbox ──▶ ┌────────┐ ──▶ engine ──▶ one write for all that waits
//!   callers ◀── slots, wakers ───────────── │ Driver │ ◀── engine ◀── all there is to read
//!                                           └────────┘
//! ```
//! A turn reads, handles the attempts in the mailbox, runs the timers that are due, writes, and wakes each waiting caller
//! once.

pub(crate) mod attempt;
mod handle;
pub(crate) mod observation;
mod send_log;
pub(crate) mod slot;

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use carom_wire::Status;
use carom_wire::call::{ContentType, Dialect, Ended, RequestFields};
use carom_wire::client::{Client, End, Event};
use carom_wire::conn::{Blame, ConnectionError, OpenError};
use carom_wire::frame::ErrorCode;
use carom_wire::stream::StreamKey;

use self::attempt::{Attempt, Processed};
pub(crate) use self::handle::{ClientConnection, Close, ConnectionEvent};
pub(crate) use self::send_log::ReplayBudget;
use self::slot::CallState;
use crate::clock;
use crate::deadlines::Deadlines;
use crate::interceptor::MessageInfo;
use crate::transport::ConnectionInfo;
use crate::transport::connect::Connector;
use crate::transport::error::{Stage, TransportError};
use crate::transport::io::IoStream;
use crate::transport::pump::{Idleness, Pump, Sizes};
use crate::wakers::register;

/// The bytes read or written in one turn before other tasks get theirs: a few hundred microseconds of work.
const BYTES_PER_TURN: usize = 512 * 1024;

/// A client has few connections, and they are busy.
static SIZES: Sizes = Sizes { read: (16 * 1024, 256 * 1024), least_room: 4 * 1024, transmit: 256 * 1024 };

/// An attempt that has a stream.
struct OpenAttempt {
    key: StreamKey,
    attempt: Attempt,
}

/// The connection's task, a future that resolves when the connection is over.
///
/// Uses the timer of the runtime that polls it.
pub(crate) struct Driver<R: FnMut(ConnectionEvent)> {
    pump: Pump,
    idleness: Idleness,
    client: Client,
    connector: Arc<Connector>,
    shared: Arc<ClientConnection>,
    /// The attempts, at the index of their streams.
    open: Vec<Option<OpenAttempt>>,
    /// The attempts held back by MAX_CONCURRENT_STREAMS (RFC 9113 §5.1.2).
    waiting: VecDeque<Attempt>,
    /// The number of those in `waiting` that have ended meanwhile.
    waiting_ended: usize,
    waiting_deadline: Option<Instant>,
    deadlines: Deadlines,
    /// The attempts whose connection broke; they end when the reason is known.
    lost: Vec<OpenAttempt>,
    /// The callers to wake at the end of the turn.
    wakers: Vec<Waker>,
    /// The last mailbox, emptied, to be reused.
    spare: Vec<Attempt>,
    /// Whether the mailbox has been seen and is left to fill for one round of the run queue.
    gathering: bool,
    /// The running calls whose messages were not taken when they arrived.
    unread: Vec<StreamKey>,
    /// The error of reading or writing.
    broken: Option<io::Error>,
    report: R,
    life: Life,
}

/// ```text
///   Handshake ── SETTINGS ─▶ Ready ── GOAWAY, closed here ─▶ Draining ── last call, end of the socket ─▶ Closed
///       └────────────────── either, or an error ──────────────▲
/// ```
#[derive(Clone, Copy)]
enum Life {
    /// The server's SETTINGS are still to come.
    Handshake,
    /// It accepts calls.
    Ready,
    /// It accepts no more calls, which has been reported; with the stage that it had reached.
    Draining(Stage),
    Closed(Stage),
}

impl Life {
    /// The stage that the connection has reached, for errors.
    fn stage(self) -> Stage {
        match self {
            Self::Handshake => Stage::Http2,
            Self::Ready => Stage::Ready,
            Self::Draining(stage) | Self::Closed(stage) => stage,
        }
    }

    fn is_closed(self) -> bool {
        matches!(self, Self::Closed(_))
    }
}

impl<R: FnMut(ConnectionEvent)> Driver<R> {
    pub(crate) fn new(io: IoStream, info: ConnectionInfo, connector: Arc<Connector>, report: R) -> Self {
        let http2 = connector.http2();
        let shared = ClientConnection::new(info, http2.initial_stream_window);
        let client = Client::http2(http2, clock::now());
        Self {
            pump: Pump::new(io, &SIZES),
            idleness: Idleness::new(clock::now()),
            client,
            connector,
            shared,
            open: Vec::new(),
            waiting: VecDeque::new(),
            waiting_ended: 0,
            waiting_deadline: None,
            deadlines: Deadlines::default(),
            lost: Vec::new(),
            wakers: Vec::new(),
            spare: Vec::new(),
            gathering: false,
            unread: Vec::new(),
            broken: None,
            report,
            life: Life::Handshake,
        }
    }

    /// Reads what is there, up to `budget`, and handles it. Returns whether there was anything.
    fn read(&mut self, cx: &mut Context<'_>, now: Instant, budget: &mut usize) -> bool {
        let mut progress = false;
        while *budget > 0 && !self.life.is_closed() {
            match self.pump.poll_read(cx, self.client.http_mut()) {
                Poll::Ready(Ok(n)) if n > 0 => {
                    if !std::mem::replace(&mut progress, true) {
                        self.copy_out_unread();
                    }
                    *budget = budget.saturating_sub(n);
                    self.handle_events(now);
                }
                Poll::Ready(Err(error)) if error.kind() != io::ErrorKind::UnexpectedEof => {
                    self.break_off(error, now);
                    return true;
                }
                // TLS without close_notify is an end as well. HTTP/2 itself marks the ends of streams, so a truncation
                // is not mistaken for one.
                Poll::Ready(_) => {
                    self.client.http_mut().handle_eof();
                    self.handle_events(now);
                    return true;
                }
                Poll::Pending => return progress,
            }
        }
        progress
    }

    fn break_off(&mut self, error: io::Error, now: Instant) {
        self.broken.get_or_insert(error);
        self.client.http_mut().handle_eof();
        self.handle_events(now);
    }

    fn handle_events(&mut self, now: Instant) {
        let mut announce = false;
        while let Some(event) = self.client.next_event(now) {
            match event {
                Event::Head { key, head } => {
                    if let Some(open) = open_call(&mut self.open, key) {
                        let Attempt { call, id } = &open.attempt;
                        call.observe(|observation| observation.response_metadata(&head.metadata));
                        let (waker, pokes) = call.lock().receive_head(*id, head);
                        call.poke(pokes);
                        self.wakers.extend(waker);
                    }
                }
                Event::Data { key } => self.deliver(key),
                Event::End { key, end } => self.on_end(key, end),
                Event::Writable { key } => {
                    if let Some(open) = open_call(&mut self.open, key) {
                        let attempt = open.attempt.clone();
                        self.send_queued(key, &attempt, &mut attempt.call.lock());
                    }
                }
                Event::Ready => {
                    if let Life::Handshake = self.life {
                        self.life = Life::Ready;
                        announce = true;
                    }
                }
                Event::StreamsAvailable => self.open_waiting(now),
                Event::GoAway { code, debug } => {
                    if code == ErrorCode::ENHANCE_YOUR_CALM && &debug[..] == b"too_many_pings" {
                        self.connector.ping_less_often();
                    }
                    let cause = if code == ErrorCode::NO_ERROR {
                        TransportError::new(self.life.stage(), "the server is going away (GOAWAY)")
                    } else {
                        let debug = debug.escape_ascii();
                        TransportError::new(
                            self.life.stage(),
                            format!("the server sent GOAWAY with {code}: {debug}"),
                        )
                    };
                    self.end_new_calls(cause);
                }
                Event::Closed { error } => {
                    self.on_closed(error);
                    self.life = Life::Closed(self.life.stage());
                }
            }
        }
        // A server that turns connections away says so together with its SETTINGS. Such a connection was never ready:
        // the attempt failed, for a known reason, and the next one has to wait.
        if announce && matches!(self.life, Life::Ready) {
            (self.report)(ConnectionEvent::Ready(Arc::clone(&self.shared)));
        }
    }

    /// Delivers the complete messages to the call.
    fn deliver(&mut self, key: StreamKey) {
        let Some(open) = open_call(&mut self.open, key) else { return };
        let Some(mut wire) = self.client.call(key) else { return };
        let call = &open.attempt.call;
        // Reported when the lock is not held.
        let mut observed = Vec::new();
        let mut state = call.lock();
        let failed = loop {
            match wire.next_message() {
                Ok(Some(message)) => {
                    if call.is_observed() {
                        observed.push(MessageInfo::new(message.payload.len(), message.compressed));
                    }
                    self.wakers.extend(state.receive_message(message));
                }
                Ok(None) => break None,
                Err(status) => break Some(status),
            }
        };
        if !observed.is_empty() || failed.is_some() {
            drop(state);
            call.observe(|observation| {
                observed.into_iter().for_each(|message| observation.response_message(message));
            });
            if let Some(status) = failed {
                return self.abandon(key, status);
            }
            state = call.lock();
        }
        let awaited = !state.has_messages();
        let credit = state.take_credit();
        drop(state);
        if !awaited && self.unread.last() != Some(&key) {
            self.unread.push(key);
        }
        if credit > 0 {
            wire.release(credit);
        }
        wire.expect(awaited);
    }

    /// Detaches messages that callers have not taken since the last turn from the buffers that were read then.
    fn copy_out_unread(&mut self) {
        for key in self.unread.drain(..) {
            if let Some(open) = open_call(&mut self.open, key) {
                open.attempt.call.lock().copy_out_messages();
            }
        }
    }

    /// Ends a call that cannot continue, and its stream.
    fn abandon(&mut self, key: StreamKey, status: Status) {
        self.client.cancel(key);
        if let Some(open) = self.forget(key) {
            self.finish(&open.attempt, status);
        }
    }

    fn finish(&mut self, attempt: &Attempt, status: Status) {
        self.end(attempt, Ended::local(status), Processed::Maybe);
    }

    fn end(&mut self, attempt: &Attempt, end: Ended, processed: Processed) {
        let finished = attempt.end(end, processed);
        self.wakers.extend(finished.complete(&attempt.call));
    }

    fn forget(&mut self, key: StreamKey) -> Option<OpenAttempt> {
        let slot = self.open.get_mut(key.index())?;
        slot.take_if(|open| open.key == key)
    }

    fn on_end(&mut self, key: StreamKey, end: End) {
        let Some(open) = self.forget(key) else { return };
        let (status, processed) = match end {
            End::Status(end) => return self.end(&open.attempt, end, Processed::Maybe),
            End::Lost => {
                self.lost.push(open);
                return;
            }
            End::Reset { status, unprocessed: true, .. } => (status, Processed::No),
            End::Reset { status, .. } => (status, Processed::Maybe),
        };
        // The turn may have begun before the deadline, and the server may be just as punctual as this side.
        let expired = open.attempt.call.spec.deadline().is_some_and(|deadline| clock::now() >= deadline);
        let (status, processed) = match expired {
            true => (deadline_exceeded(), Processed::Maybe),
            false => (status, processed),
        };
        self.end(&open.attempt, Ended::local(status), processed);
    }

    /// Accepts no more calls: attempts without a stream go back to the channel.
    fn end_new_calls(&mut self, cause: TransportError) {
        self.shared.lock().refusing = true;
        std::mem::take(&mut self.waiting).into_iter().for_each(Attempt::withdraw);
        (self.waiting_ended, self.waiting_deadline) = (0, None);
        if let Life::Handshake | Life::Ready = self.life {
            self.life = Life::Draining(self.life.stage());
            (self.report)(ConnectionEvent::Ended(cause));
        }
    }

    fn on_closed(&mut self, error: Option<ConnectionError>) {
        // An error about bytes that are not HTTP/2 already describes them.
        let unexplained = error.as_ref().is_none_or(|error| error.blame != Blame::NotHttp2);
        let mut cause = match (self.broken.take(), error) {
            // The server's own words say more than that its socket is gone.
            (_, Some(error)) if error.blame == Blame::PeerSays => {
                TransportError::new(self.life.stage(), error.to_string()).with_source(error)
            }
            (Some(error), _) => TransportError::from_io(self.life.stage(), error),
            (None, Some(error)) => {
                TransportError::new(self.life.stage(), error.to_string()).with_source(error)
            }
            (None, None) => TransportError::new(self.life.stage(), "the server closed the connection"),
        };
        let handshaking = self.life.stage() != Stage::Ready;
        if handshaking && self.shared.info().tls {
            cause = cause
                .with_hint("a TLS server that requires a client certificate, or a different one, does this");
        } else if handshaking && unexplained {
            cause = cause.with_hint("a port that expects TLS does this to a channel without it");
        }
        let peer = self.shared.info().peer.to_uri();
        let target = &self.connector.target;
        let mut status = Status::unavailable(format!("connection lost: {peer}: {cause} (target: {target})"));
        status.set_source(Arc::new(cause.clone()));
        for lost in std::mem::take(&mut self.lost) {
            let expired = lost.attempt.call.spec.deadline().is_some_and(|deadline| clock::now() >= deadline);
            self.finish(&lost.attempt, if expired { deadline_exceeded() } else { status.clone() });
        }
        tracing::debug!(%peer, %cause, "connection closed");
        self.end_new_calls(cause);
    }

    /// Handles the attempts in the mailbox. Returns whether there were any.
    fn run_mailbox(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let _old;
        let (mut poked, close) = {
            let mut mailbox = self.shared.lock();
            _old = register(&mut mailbox.waker, cx);
            if !mailbox.notified {
                return false;
            }
            if !std::mem::replace(&mut self.gathering, true) {
                // Callers behind this task in the run queue are about to start calls too: theirs go out with the same
                // write. The next poll is due to this wake.
                cx.waker().wake_by_ref();
                return false;
            }
            self.gathering = false;
            mailbox.notified = false;
            (std::mem::replace(&mut mailbox.poked, std::mem::take(&mut self.spare)), mailbox.close.take())
        };
        for attempt in poked.drain(..) {
            self.look_at(attempt, now);
        }
        if poked.capacity() <= 1024 {
            self.spare = poked;
        }
        match close {
            None => {}
            Some(Close::AfterCalls) => {
                self.end_new_calls(TransportError::new(self.life.stage(), "the channel was closed"));
                self.client.http_mut().shutdown(now);
                self.handle_events(now);
            }
            Some(Close::AtOnce(status)) => self.close_at_once(&status, now),
        }
        true
    }

    fn close_at_once(&mut self, status: &Status, now: Instant) {
        self.end_new_calls(TransportError::new(self.life.stage(), "the channel was closed"));
        let open: Vec<_> = self.open.iter_mut().filter_map(Option::take).collect();
        for open in open {
            self.finish(&open.attempt, status.clone());
            self.client.cancel(open.key);
        }
        self.client.http_mut().close(ErrorCode::NO_ERROR, "the channel was closed");
        self.handle_events(now);
    }

    fn look_at(&mut self, attempt: Attempt, now: Instant) {
        let Attempt { call, id } = &attempt;
        let mut state = call.lock();
        state.looked_at(*id);
        let Some(key) = state.key(*id) else {
            if state.is_over(*id) {
                drop(state);
                self.waiting_ended += 1;
                if self.waiting_ended * 2 > self.waiting.len() {
                    self.waiting.retain(|attempt| !attempt.has_ended());
                    self.waiting_ended = 0;
                }
            } else if state.is_queued_on(*id, &self.shared) {
                // Otherwise it waits here, or was poked before it went elsewhere.
                drop(state);
                self.open_call(attempt, now);
            }
            return;
        };
        if open_call(&mut self.open, key).is_none() {
            return;
        }
        if state.is_over(*id) {
            // Cancelled by its caller, or overtaken by another attempt.
            drop(state);
            self.client.cancel(key);
            self.forget(key);
            return;
        }
        let credit = state.take_credit();
        if credit > 0 {
            self.client.http_mut().release(key, credit);
        }
        self.send_queued(key, &attempt, &mut state);
    }

    /// Opens a stream for a new attempt, or makes it wait for one.
    fn open_call(&mut self, attempt: Attempt, now: Instant) {
        if !self.waiting.is_empty() {
            return self.wait_for_stream(attempt);
        }
        if let Err(attempt) = self.try_open(attempt, now) {
            self.wait_for_stream(attempt);
        }
    }

    fn wait_for_stream(&mut self, attempt: Attempt) {
        if let Some(deadline) = attempt.call.spec.deadline() {
            self.waiting_deadline = Some(self.waiting_deadline.map_or(deadline, |first| first.min(deadline)));
        }
        attempt.call.lock().wait_for_stream(attempt.id);
        self.waiting.push_back(attempt);
    }

    fn open_waiting(&mut self, now: Instant) {
        while let Some(attempt) = self.waiting.pop_front() {
            if let Err(attempt) = self.try_open(attempt, now) {
                self.waiting.push_front(attempt);
                return;
            }
        }
    }

    /// Opens a stream; returns the attempt if none is free.
    fn try_open(&mut self, attempt: Attempt, now: Instant) -> Result<(), Attempt> {
        let Attempt { call, id } = &attempt;
        let mut state = call.lock();
        if state.is_over(*id) {
            return Ok(());
        }
        let spec = &call.spec;
        let timeout = spec.deadline().map(|deadline| deadline.saturating_duration_since(now));
        if timeout.is_some_and(|left| left.is_zero()) {
            drop(state);
            self.finish(&attempt, deadline_exceeded());
            return Ok(());
        }
        if let Some(authority) = &spec.authority
            && let Err(reason) = self.connector.check_authority(authority, self.shared.info())
        {
            drop(state);
            self.finish(&attempt, Status::unavailable(reason));
            return Ok(());
        }
        let metadata = state.request_metadata(*id);
        let fields = RequestFields {
            scheme: self.connector.scheme(),
            authority: spec.authority.as_deref().unwrap_or(&self.connector.authority),
            path: &spec.path,
            timeout,
            user_agent: &self.connector.user_agent,
            content_type: ContentType { dialect: Dialect::Grpc, subtype: spec.subtype },
            encoding: spec.encoding,
            accept_encoding: Some(crate::codec::ACCEPT_ENCODING),
            previous_attempts: state.previous_attempts(),
            metadata: &metadata,
        };
        if let Err(status) = fields.check_size(self.client.http().peer_max_header_list_size()) {
            drop(metadata);
            drop(state);
            self.finish(&attempt, status);
            return Ok(());
        }
        let opened = self.client.open(&fields, spec.limits().max_recv);
        drop(metadata);
        let key = match opened {
            Ok(key) => key,
            Err(OpenError::AtLimit) => {
                drop(state);
                return Err(attempt);
            }
            Err(OpenError::GoingAway) => {
                drop(state);
                attempt.withdraw();
                self.end_new_calls(TransportError::new(
                    self.life.stage(),
                    "the connection accepts no more calls",
                ));
                return Ok(());
            }
        };
        state.opened(*id, key);
        self.send_queued(key, &attempt, &mut state);
        drop(state);
        if let Some(deadline) = call.spec.deadline() {
            let open = &self.open;
            let is_open =
                |key: StreamKey| matches!(open.get(key.index()), Some(Some(open)) if open.key == key);
            self.deadlines.insert(deadline, key, self.client.http().active_streams(), is_open);
        }
        if self.open.len() <= key.index() {
            self.open.resize_with(key.index() + 1, || None);
        }
        self.open[key.index()] = Some(OpenAttempt { key, attempt });
        Ok(())
    }

    /// Moves what the call has to send into the engine, as far as that accepts it.
    fn send_queued(&mut self, key: StreamKey, attempt: &Attempt, state: &mut CallState) {
        let Some(mut wire) = self.client.call(key) else { return };
        // Computed only when something was queued before, which is never so for a unary call.
        let mut fresh = !state.has_sent(attempt.id);
        while fresh || !wire.is_full() {
            fresh = false;
            let Some((chunk, last)) = state.next_chunk(attempt.id, attempt.call.replay_budget()) else {
                break;
            };
            wire.send(chunk, last);
            if last {
                break;
            }
        }
        self.wakers.extend(state.take_ready_waker());
    }

    fn handle_due(&mut self, now: Instant) {
        let http = self.client.http_mut();
        if http.poll_timeout().is_some_and(|at| at <= now) {
            http.handle_timeout(now);
            self.handle_events(now);
        }
        while let Some(key) = self.deadlines.expired(now) {
            if open_call(&mut self.open, key).is_some() {
                self.abandon(key, deadline_exceeded());
            }
        }
        if self.waiting_deadline.is_some_and(|at| at <= now) {
            let expired =
                |attempt: &Attempt| attempt.call.spec.deadline().is_some_and(|deadline| deadline <= now);
            for attempt in self.waiting.iter().filter(|attempt| expired(attempt)).cloned().collect::<Vec<_>>()
            {
                self.finish(&attempt, deadline_exceeded());
            }
            self.waiting.retain(|attempt| !expired(attempt));
            self.waiting_deadline =
                self.waiting.iter().filter_map(|attempt| attempt.call.spec.deadline()).min();
        }
    }

    /// Arms the timer, so that the task is woken when something is due.
    fn arm(&mut self, cx: &mut Context<'_>) {
        let idle = self.idleness.due().filter(|_| self.is_idle());
        let due = [self.client.http().poll_timeout(), self.deadlines.next(), self.waiting_deadline, idle];
        if self.pump.poll_timer(cx, due.into_iter().flatten().min()).is_ready() {
            cx.waker().wake_by_ref();
        }
    }

    fn is_idle(&self) -> bool {
        self.client.http().active_streams() == 0 && self.waiting.is_empty()
    }

    /// Frees what an idle connection does not need. All of it is allocated again with the next call.
    fn shrink(&mut self) {
        let used = !self.open.is_empty();
        self.pump.shrink();
        self.client.hibernate();
        self.open = Vec::new();
        self.deadlines = Deadlines::default();
        self.unread = Vec::new();
        self.wakers = Vec::new();
        self.idleness.freed(used);
    }

    /// Writes what waits, up to `budget`. Returns whether anything was written.
    fn write(&mut self, cx: &mut Context<'_>, now: Instant, budget: &mut usize) -> bool {
        if self.broken.is_some() || *budget == 0 {
            return false;
        }
        let written = match self.pump.write(cx, self.client.http_mut(), now, *budget) {
            Ok(written) => written,
            // What the server sent before it closed can still be read; the end of that ends the connection.
            Err(error) => {
                self.broken = Some(error);
                0
            }
        };
        *budget = budget.saturating_sub(written);
        if self.client.http().has_events() {
            // The bytes written made room for more.
            self.handle_events(now);
        }
        written > 0
    }

    fn wake_callers(&mut self) {
        for waker in self.wakers.drain(..) {
            waker.wake();
        }
        if self.wakers.capacity() > 1024 {
            self.wakers = Vec::new();
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = clock::now();
        let (mut read_budget, mut write_budget) = (BYTES_PER_TURN, BYTES_PER_TURN);
        loop {
            let mut progress = self.read(cx, now, &mut read_budget);
            if self.broken.is_some() && !progress && !self.life.is_closed() {
                // Writing failed, and everything that the server sent has been read.
                self.client.http_mut().handle_eof();
                self.handle_events(now);
            }
            progress |= self.run_mailbox(cx, now);
            self.handle_due(now);
            if self.client.http().has_events() {
                // A call that was cancelled, or is out of time, makes room for one that waits for a stream.
                self.handle_events(now);
            }
            progress |= self.write(cx, now, &mut write_budget);
            self.wake_callers();
            if self.life.is_closed() {
                return Poll::Ready(());
            }
            if !progress {
                break;
            }
            self.idleness.be_active(now);
            if read_budget == 0 || write_budget == 0 {
                cx.waker().wake_by_ref();
                break;
            }
        }
        if self.is_idle() && self.idleness.due().is_some_and(|due| due <= now) {
            self.shrink();
        }
        self.arm(cx);
        Poll::Pending
    }
}

impl<R: FnMut(ConnectionEvent) + Unpin> Future for Driver<R> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.turn(cx).is_pending() {
            return Poll::Pending;
        }
        // The final output and TLS's close_notify, as far as the socket accepts them now.
        let _ = this.pump.poll_shutdown(cx, clock::now());
        Poll::Ready(())
    }
}

impl<R: FnMut(ConnectionEvent)> Drop for Driver<R> {
    /// Whatever ended the task, even the shutdown of its runtime: nobody must wait for a call forever.
    fn drop(&mut self) {
        let _waker;
        let poked = {
            let mut mailbox = self.shared.lock();
            mailbox.refusing = true;
            _waker = mailbox.waker.take();
            std::mem::take(&mut mailbox.poked)
        };
        for attempt in poked {
            let state = attempt.call.lock();
            let id = attempt.id;
            if state.key(id).is_none() && !state.is_over(id) && !state.is_waiting(id) {
                drop(state);
                attempt.withdraw();
            }
        }
        self.end_new_calls(TransportError::new(self.life.stage(), "the connection was dropped"));
        for open in std::mem::take(&mut self.open).into_iter().flatten() {
            self.finish(&open.attempt, Status::unavailable("the task of the connection has ended"));
        }
        self.wake_callers();
    }
}

fn open_call(open: &mut [Option<OpenAttempt>], key: StreamKey) -> Option<&mut OpenAttempt> {
    open.get_mut(key.index())?.as_mut().filter(|open| open.key == key)
}

/// The status of a call out of time, with the text that gRPC programs know.
pub(crate) fn deadline_exceeded() -> Status {
    Status::deadline_exceeded("Deadline Exceeded")
}
