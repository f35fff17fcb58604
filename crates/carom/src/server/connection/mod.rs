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

use self::calls::Calls;
use self::mailbox::Mailbox;
use crate::clock;
use crate::server::lifecycle::ServerShared;
use crate::transport::ConnectionInfo;
use crate::transport::io::IoStream;
use crate::transport::pump::{Idleness, Pump, Sizes};

/// The number of events and handlers per turn: a few hundred microseconds of work at most, then other connections
/// continue.
const TURN_BUDGET: usize = 512;
/// The number of events handled before handlers run.
const EVENTS_AT_ONCE: usize = 128;
/// The bytes read in one turn: frames that cause no event are work too.
const READ_BUDGET: usize = MAX_READ;
/// The bytes written in one turn.
const WRITE_BUDGET: usize = 1024 * 1024;
/// The time that messages produced one after another may wait for each other.
const GATHER: Duration = Duration::from_micros(50);
/// The size of the unwritten output above which nothing is read: a peer that does not read must not cause more of it.
const OUTPUT_LIMIT: usize = 1024 * 1024;
/// Many of a server's connections are quiet, so read buffers start small.
static SIZES: Sizes = Sizes { read: (MIN_READ, MAX_READ), least_room: MAX_READ, transmit: 128 * 1024 };
const MIN_READ: usize = 4 * 1024;
const MAX_READ: usize = 128 * 1024;
/// The time that the peer may accept nothing of the final output, if there is no stall timeout.
const LAST_WORDS_LIMIT: Duration = Duration::from_secs(60);
/// The time to wait for the peer to close its end of a closed connection, so that it can read the final output.
const LINGER: Duration = Duration::from_secs(1);

/// The task of one connection.
pub(crate) struct ServerConnection {
    pump: Pump,
    calls: Calls,
    phase: Phase,
    /// Whether the last turn left events behind: nothing is read before they are handled, so that a peer that sends
    /// faster than its frames are handled fills its own buffers and not ours.
    behind: bool,
    idleness: Idleness,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// The engine has ended; the rest of the output is being written.
    Closing,
    /// Everything is written: waiting for the peer to close.
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
            pump: Pump::new(io, &SIZES),
            calls: Calls::new(shared, Arc::new(info), mailbox, now),
            phase: Phase::Open,
            behind: false,
            idleness: Idleness::new(now),
        }
    }

    /// Creates a connection that is not admitted: it is told `why` and closed.
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
                self.gather(&mut budget);
                if self.calls.closed.is_some() {
                    self.phase = Phase::Closing;
                }
            }
            progress |= self.pump.write(cx, self.calls.server.http_mut(), now, WRITE_BUDGET)? > 0;
            if progress {
                self.idleness.be_active(now);
            }
            if self.phase != Phase::Open {
                return self.finish(cx, now);
            }
            // What arrived while a handler kept this task busy has been read by now, so that a client that was in time
            // is not mistaken for one that was late.
            let due = self.next_timeout().is_some_and(|at| at <= now);
            if due {
                self.run_timers(now)?;
            }
            let spent = budget == 0 || read_budget == 0 || !tokio::task::coop::has_budget_remaining();
            if spent || (!progress && self.calls.has_ready()) {
                // Other tasks first, then this continues. With the runtime's own budget exhausted, nothing would be
                // ready any more.
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

    /// Handles events, and runs the handlers that they wake after every few of them: what a handler takes at once need
    /// not be kept. Returns whether there was anything to do.
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

    /// Lets handlers with more to send continue for a moment before anything is written: their messages are often so
    /// small that a write for every few would cost more than producing them.
    fn gather(&mut self, budget: &mut usize) {
        if !self.calls.has_ready() {
            return;
        }
        let until = clock::now() + GATHER;
        while *budget > 0 && self.calls.has_ready() && clock::now() < until {
            self.calls.run_ready(budget);
        }
    }

    /// Reads from the socket, once. Returns the number of bytes, 0 at the end; `None` if there was nothing.
    fn read(&mut self, cx: &mut Context<'_>) -> io::Result<Option<usize>> {
        let http = self.calls.server.http_mut();
        if http.is_closed() || http.output().remaining() > OUTPUT_LIMIT {
            return Ok(None);
        }
        match self.pump.poll_read(cx, http)? {
            Poll::Ready(n) => {
                if n == 0 {
                    http.handle_eof();
                }
                Ok(Some(n))
            }
            Poll::Pending => Ok(None),
        }
    }

    /// Finishes after the engine's end: writes the rest and waits a moment for the peer, whose system would otherwise
    /// discard what it has not read yet (a reset follows when a socket with unread input is closed).
    fn finish(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<io::Result<()>> {
        if self.stalled_until().is_some_and(|until| until <= now) {
            return Poll::Ready(Err(reads_nothing()));
        }
        if self.calls.server.http_mut().output().has_remaining() {
            if self.pump.stalled_since().is_none() {
                // The turn's share is written, and the socket would accept more.
                cx.waker().wake_by_ref();
            }
            return self.wait(cx);
        }
        if self.phase == Phase::Closing {
            // With TLS this flushes and sends close_notify before it closes.
            if self.pump.poll_shutdown(cx, now)?.is_pending() {
                return self.wait(cx);
            }
            // A server that is stopped at once does not wait for its clients.
            let linger = if self.calls.is_aborted() { Duration::ZERO } else { LINGER };
            self.phase = Phase::Lingering { until: now + linger };
        }
        let mut scrap = BytesMut::with_capacity(MIN_READ);
        for _ in 0..TURN_BUDGET {
            match self.pump.poll_discard(cx, &mut scrap) {
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

    /// Waits for the socket or a timer; a timer that is due starts the next turn.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.wait_for_timer(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn next_timeout(&mut self) -> Option<Instant> {
        let may_shrink = self.phase == Phase::Open && self.calls.is_idle();
        let idle = self.idleness.due().filter(|_| may_shrink);
        let stalled = self.stalled_until();
        let own = match self.phase {
            Phase::Open => self.calls.next_timeout(),
            Phase::Closing => None,
            Phase::Lingering { until } => Some(until),
        };
        [idle, stalled, own].into_iter().flatten().min()
    }

    /// The time at which the peer will have accepted nothing for too long.
    fn stalled_until(&self) -> Option<Instant> {
        let limit = match (self.phase, self.calls.stall_timeout()) {
            (_, Some(timeout)) => timeout,
            (Phase::Open, None) => return None,
            (Phase::Closing | Phase::Lingering { .. }, None) => LAST_WORDS_LIMIT,
        };
        self.pump.stalled_since().map(|since| since + limit)
    }

    fn run_timers(&mut self, now: Instant) -> io::Result<()> {
        if self.stalled_until().is_some_and(|until| until <= now) {
            return Err(reads_nothing());
        }
        if self.calls.is_idle() && self.idleness.due().is_some_and(|due| due <= now) {
            self.pump.shrink();
            let used = self.calls.shrink();
            self.idleness.freed(used);
        }
        if self.phase == Phase::Open {
            self.calls.run_timers();
        }
        Ok(())
    }

    /// Ready when the next timeout is due.
    fn wait_for_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let due = self.next_timeout();
        self.pump.poll_timer(cx, due)
    }

    /// Logs how the connection ended, if that is worth it.
    fn report(&self, result: &io::Result<()>) {
        let peer = &self.calls.info.peer;
        match &self.calls.closed {
            Some(Some(ConnectionError { blame: Blame::NotHttp2 | Blame::Peer, reason, .. })) => {
                tracing::warn!(%peer, %reason, "closed a connection");
            }
            Some(Some(error)) => tracing::debug!(%peer, %error, "a connection ended"),
            Some(None) => tracing::debug!(%peer, "a connection ended normally"),
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
        this.calls.mailbox.set_task(cx);
        let mut result = this.turn(cx);
        if result.is_pending() {
            if this.calls.update_share() {
                // Another turn writes how the calls ended.
                cx.waker().wake_by_ref();
            } else if this.pump.stalled_since().is_some() && this.calls.is_too_large() {
                // No call is left that could free memory, and the peer accepts nothing of what it was sent.
                result = Poll::Ready(Err(reads_nothing()));
            }
        }
        let result = ready!(result);
        this.report(&result);
        Poll::Ready(())
    }
}

fn reads_nothing() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the peer does not read")
}

impl Drop for ServerConnection {
    fn drop(&mut self) {
        self.calls.end_all();
    }
}
