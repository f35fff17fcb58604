//! A server's connection: one task that owns the socket, the engine and the calls.
//!
//! ```text
//!   socket ─ read ─▶ engine ─ events ─▶ calls ─ handlers polled in place ─▶ engine ─ one write ─▶ socket
//!                                         ▲
//!                       mailbox: woken handlers, responders of other threads
//! ```

pub(crate) mod accept;
mod calls;
#[cfg(feature = "tls")]
mod handshake;
pub(crate) mod inbox;
pub(crate) mod mailbox;
mod plan;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use carom_wire::conn::{Blame, ConnectionError};
use carom_wire::frame::ErrorCode;
use tokio::io::AsyncWrite;
use tokio::time::Sleep;

use self::calls::Calls;
use self::mailbox::Mailbox;
use crate::clock;
use crate::server::lifecycle::ServerShared;
use crate::transport::ConnectionInfo;
use crate::transport::io::IoStream;

/// Events and handlers of one turn: some hundred microseconds of work at most, then other connections go on.
const TURN_BUDGET: usize = 512;
/// Events handled before handlers run.
const EVENTS_AT_ONCE: usize = 128;
/// Bytes read in one turn: frames that make no event are work too.
const READ_BUDGET: usize = MAX_READ;
/// Bytes that streams may move into the output before it is written.
const TRANSMIT_BUDGET: usize = 128 * 1024;
/// Bytes written in one turn.
const WRITE_BUDGET: usize = 1024 * 1024;
/// How long messages that are made one after another may wait for each other.
const GATHER: Duration = Duration::from_micros(50);
/// Unwritten output above which nothing is read: a peer that does not read shall not make more of it.
const OUTPUT_LIMIT: usize = 1024 * 1024;
/// The smallest read buffer, for connections with little to say, and the largest.
const MIN_READ: usize = 4 * 1024;
const MAX_READ: usize = 128 * 1024;
/// How long a connection is idle before it gives its memory back: at first, and once calls came back within the second time
/// after it had. With a call now and then on each of many connections, building all up again would double what a call costs.
const IDLE_AFTER: Duration = Duration::from_millis(10);
const IDLE_AFTER_RETURN: Duration = Duration::from_secs(2);
/// How long the peer may take nothing of the last words, if it is allowed any time otherwise.
const LAST_WORDS_LIMIT: Duration = Duration::from_secs(60);
/// How long the peer's end of a closed connection is waited for, so that it gets to read our last words.
const LINGER: Duration = Duration::from_secs(1);

/// The task of one connection.
pub(crate) struct ServerConnection {
    io: IoStream,
    calls: Calls,
    phase: Phase,
    read_size: usize,
    /// The last turn left events behind: nothing is read before they are handled, so that a peer that sends faster than
    /// its frames are handled fills its own buffers and not ours.
    behind: bool,
    /// The socket takes no more since then.
    stalled_since: Option<Instant>,
    /// What was written is not all on its way yet.
    unflushed: bool,
    last_active: Instant,
    /// Memory was given back since the last activity.
    shrunk: bool,
    /// How long to be idle before that is done again.
    patience: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    timer_at: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// The engine has ended; the rest of the output is being written.
    Closing,
    /// All is written: waiting for the peer to close.
    Lingering {
        until: Instant,
    },
}

impl ServerConnection {
    pub(crate) fn new(
        io: IoStream,
        shared: Arc<ServerShared>,
        info: ConnectionInfo,
        mailbox: Arc<Mailbox>,
    ) -> Self {
        let now = clock::now();
        Self {
            io,
            calls: Calls::new(shared, Arc::new(info), mailbox, now),
            phase: Phase::Open,
            read_size: MIN_READ,
            behind: false,
            stalled_since: None,
            unflushed: false,
            last_active: now,
            shrunk: false,
            patience: IDLE_AFTER,
            timer: None,
            timer_at: None,
        }
    }

    /// A connection that there is no room for: it is told `why` and closed.
    pub(crate) fn turned_away(
        io: IoStream,
        shared: Arc<ServerShared>,
        info: ConnectionInfo,
        mailbox: Arc<Mailbox>,
        why: &'static str,
    ) -> Self {
        let mut connection = Self::new(io, shared, info, mailbox);
        connection.calls.server.http_mut().close(ErrorCode::ENHANCE_YOUR_CALM, why);
        connection
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut now = clock::now();
        let (mut budget, mut read_budget) = (TURN_BUDGET, READ_BUDGET);
        loop {
            self.calls.set_now(now);
            let mut progress = false;
            if self.phase == Phase::Open {
                if std::mem::take(&mut self.behind) {
                    progress = true;
                } else if let Some(read) = self.read(cx)? {
                    progress = true;
                    read_budget = read_budget.saturating_sub(read);
                    self.calls.copy_out_unread();
                }
                progress |= self.work(&mut budget);
                self.go_on(&mut budget);
                if self.calls.closed.is_some() {
                    self.phase = Phase::Closing;
                }
            }
            progress |= self.write(cx, now)?;
            if progress {
                self.be_active(now);
            }
            if self.phase != Phase::Open {
                return self.finish(cx, now);
            }
            // What came while a handler kept this task from looking has been read by now: nobody is late who was not.
            let due = self.next_timeout().is_some_and(|at| at <= now);
            if due {
                self.run_timers(now)?;
            }
            let spent = budget == 0 || read_budget == 0 || !tokio::task::coop::has_budget_remaining();
            if spent || (!progress && self.calls.has_ready()) {
                // Others first; then this goes on. Without the runtime's own budget nothing would be ready any more.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if due {
                continue;
            }
            if !progress {
                if self.wait_for_timer(cx).is_pending() {
                    self.calls.drop_read_buffer();
                    return Poll::Pending;
                }
                now = clock::now();
            }
        }
    }

    /// Handles events, and lets the handlers that they wake run after each few of them: what a handler takes at once need
    /// not be kept. Says whether there was anything to do.
    fn work(&mut self, budget: &mut usize) -> bool {
        let mut any = false;
        loop {
            let share = EVENTS_AT_ONCE.min(*budget);
            let mut left = share;
            any |= self.calls.run_events(&mut left);
            *budget -= share - left;
            self.behind = left == 0;
            any |= self.calls.run_mailbox();
            any |= self.calls.run_ready(budget);
            if !self.behind || *budget == 0 {
                return any;
            }
        }
    }

    /// Lets handlers that have more to say go on for a little before anything is written: what they send is often so small
    /// that a write for each few messages would cost more than making them.
    fn go_on(&mut self, budget: &mut usize) {
        if !self.calls.has_ready() {
            return;
        }
        let until = clock::now() + GATHER;
        while *budget > 0 && self.calls.has_ready() && clock::now() < until {
            self.calls.run_ready(budget);
        }
    }

    fn be_active(&mut self, now: Instant) {
        if std::mem::take(&mut self.shrunk) && now >= self.last_active + IDLE_AFTER_RETURN {
            self.patience = IDLE_AFTER;
        }
        self.last_active = now;
    }

    /// Reads what the socket has, once. How many bytes came, 0 at their end; `None` if nothing did.
    fn read(&mut self, cx: &mut Context<'_>) -> io::Result<Option<usize>> {
        let http = self.calls.server.http_mut();
        if http.is_closed() || http.output().remaining() > OUTPUT_LIMIT {
            return Ok(None);
        }
        match self.io.poll_read_ready(cx)? {
            Poll::Ready(()) => {}
            Poll::Pending => return Ok(None),
        }
        let input = http.input();
        input.reserve(self.read_size);
        let room = input.capacity() - input.len();
        match self.io.poll_read_buf(cx, input) {
            Poll::Pending => Ok(None),
            Poll::Ready(Ok(0)) => {
                http.handle_eof();
                Ok(Some(0))
            }
            Poll::Ready(Ok(n)) => {
                if n >= room {
                    self.read_size = (self.read_size * 2).min(MAX_READ);
                } else if n < self.read_size / 4 {
                    self.read_size = (self.read_size / 2).max(MIN_READ);
                }
                Ok(Some(n))
            }
            Poll::Ready(Err(error)) => Err(error),
        }
    }

    /// Writes as much as the socket takes. Says whether something was written.
    fn write(&mut self, cx: &mut Context<'_>, now: Instant) -> io::Result<bool> {
        let http = self.calls.server.http_mut();
        let mut written = 0;
        loop {
            if http.wants_transmit() {
                http.transmit(now, TRANSMIT_BUDGET);
            }
            if !http.output().has_remaining() {
                // TLS holds records that the socket did not take: they go on when it does, even if nothing new is written.
                self.unflushed = self.unflushed && Pin::new(&mut self.io).poll_flush(cx)?.is_pending();
                if self.unflushed {
                    self.stalled_since.get_or_insert(now);
                } else {
                    self.stalled_since = None;
                }
                return Ok(written > 0);
            }
            match self.io.poll_write_buf(cx, http.output()) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(n)) => {
                    written += n;
                    self.unflushed = true;
                    self.stalled_since = None;
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    self.stalled_since.get_or_insert(now);
                    return Ok(written > 0);
                }
            }
            if written >= WRITE_BUDGET {
                return Ok(true);
            }
        }
    }

    /// After the engine's end: writes the rest and waits a little for the peer, whose system would otherwise throw
    /// away what it has not read yet (a reset follows when a socket with unread input is closed).
    fn finish(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<io::Result<()>> {
        if self.stalled_until().is_some_and(|until| until <= now) {
            return Poll::Ready(Err(reads_nothing()));
        }
        if self.calls.server.http_mut().output().has_remaining() {
            if self.stalled_since.is_none() {
                // The turn's share is written, and the socket would take more.
                cx.waker().wake_by_ref();
            }
            return self.wait(cx);
        }
        if self.phase == Phase::Closing {
            let io = Pin::new(&mut self.io);
            // Under TLS this flushes, and says goodbye, before it closes.
            if io.poll_shutdown(cx)?.is_pending() {
                self.stalled_since.get_or_insert(now);
                return self.wait(cx);
            }
            self.stalled_since = None;
            // Who stops a server at once does not want to wait for its clients.
            let linger = if self.calls.is_aborted() { Duration::ZERO } else { LINGER };
            self.phase = Phase::Lingering { until: now + linger };
        }
        let mut scrap = BytesMut::with_capacity(MIN_READ);
        for _ in 0..TURN_BUDGET {
            scrap.clear();
            match self.io.poll_read_buf(cx, &mut scrap) {
                Poll::Ready(Ok(n)) if n > 0 => {}
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => break,
            }
        }
        if matches!(self.phase, Phase::Lingering { until } if until <= now) {
            return Poll::Ready(Ok(()));
        }
        self.wait(cx)
    }

    /// Waits for the socket or a timer; a timer that is due brings the next turn.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.wait_for_timer(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn next_timeout(&mut self) -> Option<Instant> {
        let idle = self.phase == Phase::Open && self.calls.is_idle() && !self.shrunk;
        let idle = idle.then(|| self.last_active + self.patience);
        let stalled = self.stalled_until();
        let own = match self.phase {
            Phase::Open => self.calls.next_timeout(),
            Phase::Closing => None,
            Phase::Lingering { until } => Some(until),
        };
        [idle, stalled, own].into_iter().flatten().min()
    }

    /// When the peer will have taken nothing for too long.
    fn stalled_until(&self) -> Option<Instant> {
        let limit = match (self.phase, self.calls.stall_timeout()) {
            (_, Some(timeout)) => timeout,
            (Phase::Open, None) => return None,
            (Phase::Closing | Phase::Lingering { .. }, None) => LAST_WORDS_LIMIT,
        };
        self.stalled_since.map(|since| since + limit)
    }

    fn run_timers(&mut self, now: Instant) -> io::Result<()> {
        if self.stalled_until().is_some_and(|until| until <= now) {
            return Err(reads_nothing());
        }
        if self.calls.is_idle() && !self.shrunk && self.last_active + self.patience <= now {
            self.shrunk = true;
            self.read_size = MIN_READ;
            // What calls made may be wanted again soon; what the handshake left is not.
            self.patience = if self.calls.shrink() { IDLE_AFTER_RETURN } else { IDLE_AFTER };
        }
        if self.phase == Phase::Open {
            self.calls.run_timers();
        }
        Ok(())
    }

    /// Ready when the next timeout is due. The timer is moved only to earlier times: moving it costs more than waking
    /// up once too often.
    fn wait_for_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(next) = self.next_timeout() else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(next.into())));
        if self.timer_at.is_none_or(|at| next < at) {
            timer.as_mut().reset(next.into());
            self.timer_at = Some(next);
        }
        ready!(timer.as_mut().poll(cx));
        self.timer_at = None;
        Poll::Ready(())
    }

    /// Says in the log how the connection ended, if that is worth it.
    fn report(&self, result: &io::Result<()>) {
        let peer = &self.calls.info.peer;
        match &self.calls.closed {
            Some(Some(ConnectionError { blame: Blame::NotHttp2 | Blame::Peer, reason, .. })) => {
                tracing::warn!(%peer, %reason, "closed a connection");
            }
            Some(Some(error)) => tracing::debug!(%peer, %error, "a connection ended"),
            Some(None) => tracing::debug!(%peer, "a connection ended in good order"),
            None => match result {
                Err(error) if !accept::is_disconnect(error) => {
                    tracing::debug!(%peer, %error, "a connection failed");
                }
                _ => tracing::debug!(%peer, "a connection was lost"),
            },
        }
    }
}

impl Future for ServerConnection {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        this.calls.mailbox.set_task(cx.waker());
        let mut result = this.turn(cx);
        if result.is_pending() {
            if this.calls.settle_share() {
                // To write how the calls ended.
                cx.waker().wake_by_ref();
            } else if this.stalled_since.is_some() && this.calls.is_too_large() {
                // No call is left that could give memory back, and the peer takes nothing of what it was sent.
                result = Poll::Ready(Err(reads_nothing()));
            }
        }
        let result = ready!(result);
        this.report(&result);
        Poll::Ready(())
    }
}

fn reads_nothing() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the peer reads nothing")
}

impl Drop for ServerConnection {
    fn drop(&mut self) {
        self.calls.end_all();
    }
}
