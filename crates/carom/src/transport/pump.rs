//! The pump, which moves bytes between a socket and the engine, and wakes the connection's task when a timer is due;
//! used by both sides.

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

/// The amounts that a side reads and writes at once.
pub(crate) struct Sizes {
    /// The smallest read buffer, for quiet connections, and the largest: buffers grow while reads fill them.
    pub(crate) read: (usize, usize),
    /// A read buffer with less room than this is replaced.
    pub(crate) least_room: usize,
    /// The bytes that streams may move into the output before it is written, so that control frames need not queue
    /// behind megabytes.
    pub(crate) transmit: usize,
}

/// The socket of a connection, with the timer of its task.
pub(crate) struct Pump {
    io: IoStream,
    sizes: &'static Sizes,
    read_size: usize,
    /// The time since which the socket accepts nothing.
    stalled_since: Option<Instant>,
    /// Whether some of what was written has not been flushed.
    unflushed: bool,
    timer: Option<Pin<Box<Sleep>>>,
    /// The time that `timer` is set to, if it has not fired.
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

    /// Reads from the socket into the engine, once. Returns the number of bytes; zero means that the peer has ended.
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

    /// Reads and discards, once.
    #[cfg(feature = "server")]
    pub(crate) fn poll_discard(
        &mut self,
        cx: &mut Context<'_>,
        scrap: &mut bytes::BytesMut,
    ) -> Poll<io::Result<usize>> {
        scrap.clear();
        self.io.poll_read_buf(cx, scrap)
    }

    /// Writes the engine's output, up to about `budget` bytes, and returns the number written. Whether that was
    /// everything, the engine's [`wants_transmit`](Http::wants_transmit) and [`is_stalled`](Self::is_stalled) tell.
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
                // TLS holds records that the socket did not accept: they follow when it does, even if nothing new is
                // written.
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

    /// Shuts down the writing half: flushes, and sends close_notify with TLS, as far as the socket accepts it.
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

    /// Forgets that reads used to be large.
    pub(crate) fn shrink(&mut self) {
        self.read_size = self.sizes.read.0;
    }

    /// The time since which the socket has accepted nothing of what waits.
    #[cfg(feature = "server")]
    pub(crate) fn stalled_since(&self) -> Option<Instant> {
        self.stalled_since
    }

    /// Ready when `due` has come. The timer is only ever moved to earlier times: moving it costs more than a spurious
    /// wake-up.
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

/// The policy of when an idle connection frees its memory.
///
/// With an occasional call on each of many connections, allocating everything again would double the cost of a call. So
/// a connection that is used soon after it has freed its memory keeps it for longer the next time.
pub(crate) struct Idleness {
    last_active: Instant,
    /// The idle time after which memory is freed.
    patience: Duration,
    /// Whether it has been freed since the last activity.
    shrunk: bool,
}

impl Idleness {
    /// The idle time at first, and the one after memory that calls had used was freed.
    const IDLE_AFTER: Duration = Duration::from_millis(10);
    const IDLE_AFTER_RETURN: Duration = Duration::from_secs(2);

    pub(crate) fn new(now: Instant) -> Self {
        Self { last_active: now, patience: Self::IDLE_AFTER, shrunk: false }
    }

    /// Records that something was read, written or done.
    pub(crate) fn be_active(&mut self, now: Instant) {
        if std::mem::take(&mut self.shrunk) && now >= self.last_active + Self::IDLE_AFTER_RETURN {
            self.patience = Self::IDLE_AFTER;
        }
        self.last_active = now;
    }

    /// The time when memory is to be freed if nothing happens until then.
    pub(crate) fn due(&self) -> Option<Instant> {
        (!self.shrunk).then(|| self.last_active + self.patience)
    }

    /// Records that memory was freed. `used`: calls had used it, and may need it again soon; what the handshake left
    /// behind is not needed again.
    pub(crate) fn freed(&mut self, used: bool) {
        self.shrunk = true;
        self.patience = if used { Self::IDLE_AFTER_RETURN } else { Self::IDLE_AFTER };
    }
}

#[cfg(test)]
mod tests;
