//! What moves bytes between a socket and the engine, and wakes the connection's task when something is due: for both
//! sides.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Buf;
use carom_wire::http::Http;
use tokio::io::AsyncWrite;
use tokio::time::Sleep;

use super::io::IoStream;

/// How much a side reads and writes at once.
pub(crate) struct Sizes {
    /// The smallest read buffer, for connections with little to say, and the largest: they grow while reads fill them.
    pub(crate) read: (usize, usize),
    /// With less room than this in a read buffer there is another one.
    pub(crate) least_room: usize,
    /// Bytes that streams may move into the output before it is written, so that control frames need not queue behind
    /// megabytes.
    pub(crate) transmit: usize,
}

/// The socket of a connection, with the timer of its task.
pub(crate) struct Pump {
    io: IoStream,
    sizes: &'static Sizes,
    read_size: usize,
    /// The socket takes no more since then.
    stalled_since: Option<Instant>,
    /// What was written is not all on its way yet.
    unflushed: bool,
    timer: Option<Pin<Box<Sleep>>>,
    /// What `timer` is set to, if it has not fired.
    timer_at: Option<Instant>,
}

impl Pump {
    pub(crate) fn new(io: IoStream, sizes: &'static Sizes) -> Self {
        Self {
            io,
            sizes,
            read_size: sizes.read.0,
            stalled_since: None,
            unflushed: false,
            timer: None,
            timer_at: None,
        }
    }

    /// Reads what the socket has into the engine, once. How many bytes came: none are the peer's end.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, http: &mut Http) -> Poll<io::Result<usize>> {
        ready!(self.io.poll_read_ready(cx))?;
        let input = http.input();
        if input.capacity() - input.len() < self.sizes.least_room.min(self.read_size) {
            input.reserve(self.read_size);
        }
        let room = input.capacity() - input.len();
        let n = ready!(self.io.poll_read_buf(cx, input))?;
        let (min, max) = self.sizes.read;
        if n >= room {
            self.read_size = (self.read_size * 2).min(max);
        } else if n < self.read_size / 4 {
            self.read_size = (self.read_size / 2).max(min);
        }
        Poll::Ready(Ok(n))
    }

    /// Reads and throws away, once.
    #[cfg(feature = "server")]
    pub(crate) fn poll_discard(
        &mut self,
        cx: &mut Context<'_>,
        scrap: &mut bytes::BytesMut,
    ) -> Poll<io::Result<usize>> {
        scrap.clear();
        self.io.poll_read_buf(cx, scrap)
    }

    /// Writes what the engine has to say, up to about `budget` bytes. How many went out; whether all of it did, the
    /// engine's [`wants_transmit`](Http::wants_transmit) and [`is_stalled`](Self::is_stalled) tell.
    pub(crate) fn write(
        &mut self,
        cx: &mut Context<'_>,
        http: &mut Http,
        now: Instant,
        budget: usize,
    ) -> io::Result<usize> {
        let mut written = 0;
        loop {
            if http.wants_transmit() {
                http.transmit(now, self.sizes.transmit);
            }
            if !http.output().has_remaining() {
                // TLS holds records that the socket did not take: they go on when it does, even if nothing new is written.
                self.unflushed = self.unflushed && Pin::new(&mut self.io).poll_flush(cx)?.is_pending();
                if self.unflushed {
                    self.stalled_since.get_or_insert(now);
                } else {
                    self.stalled_since = None;
                }
                return Ok(written);
            }
            match self.io.poll_write_buf(cx, http.output())? {
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(n) => {
                    written += n;
                    self.unflushed = true;
                    self.stalled_since = None;
                }
                Poll::Pending => {
                    self.stalled_since.get_or_insert(now);
                    return Ok(written);
                }
            }
            if written >= budget {
                return Ok(written);
            }
        }
    }

    /// Ends the writing half: flushes, and says goodbye under TLS, as far as the socket takes it.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.io).poll_shutdown(cx);
        match done {
            Poll::Pending => {
                self.stalled_since.get_or_insert(now);
            }
            Poll::Ready(_) => self.stalled_since = None,
        }
        done
    }

    /// Forgets that reads were large once.
    pub(crate) fn shrink(&mut self) {
        self.read_size = self.sizes.read.0;
    }

    /// Since when the socket has taken nothing of what waits.
    #[cfg(feature = "server")]
    pub(crate) fn stalled_since(&self) -> Option<Instant> {
        self.stalled_since
    }

    /// Ready when `due` has come. The timer is moved only to earlier times: moving it costs more than waking up once too
    /// often.
    pub(crate) fn poll_timer(&mut self, cx: &mut Context<'_>, due: Option<Instant>) -> Poll<()> {
        let Some(due) = due else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due.into())));
        if self.timer_at.is_none_or(|at| due < at) {
            timer.as_mut().reset(due.into());
            self.timer_at = Some(due);
        }
        ready!(timer.as_mut().poll(cx));
        self.timer_at = None;
        Poll::Ready(())
    }
}

/// When an idle connection gives its memory back.
///
/// With a call now and then on each of many connections, building all up again would double what a call costs. So a
/// connection that is called again soon after it has given its memory back is left alone for longer the next time.
pub(crate) struct Idleness {
    last_active: Instant,
    /// How long to be idle before memory is given back.
    patience: Duration,
    /// It was, since the last activity.
    shrunk: bool,
}

impl Idleness {
    /// At first, and once calls came back within the second time after memory was given back.
    const IDLE_AFTER: Duration = Duration::from_millis(10);
    const IDLE_AFTER_RETURN: Duration = Duration::from_secs(2);

    pub(crate) fn new(now: Instant) -> Self {
        Self { last_active: now, patience: Self::IDLE_AFTER, shrunk: false }
    }

    /// Something was read, written or done.
    pub(crate) fn be_active(&mut self, now: Instant) {
        if std::mem::take(&mut self.shrunk) && now >= self.last_active + Self::IDLE_AFTER_RETURN {
            self.patience = Self::IDLE_AFTER;
        }
        self.last_active = now;
    }

    /// When memory is to be given back if nothing happens until then.
    pub(crate) fn due(&self) -> Option<Instant> {
        (!self.shrunk).then(|| self.last_active + self.patience)
    }

    /// It was given back. `used`: calls had used it, and may want it again soon; what the handshake left nobody wants.
    pub(crate) fn given_back(&mut self, used: bool) {
        self.shrunk = true;
        self.patience = if used { Self::IDLE_AFTER_RETURN } else { Self::IDLE_AFTER };
    }
}

#[cfg(test)]
mod tests;
