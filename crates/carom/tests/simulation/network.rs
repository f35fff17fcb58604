//! A network in memory: links with delay, that cut what they carry into pieces, wake their readers late, and are lost.
//! What happens, and when, follows from the seed alone.

use std::collections::VecDeque;
use std::future::Future;
use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// What may be under way in one direction of a link, as in the buffers of a socket.
const CAPACITY: usize = 48 * 1024;

/// The network of one run.
#[derive(Clone)]
pub(crate) struct Network {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    random: fastrand::Rng,
    trace: DefaultHasher,
    started: Instant,
    links: Vec<Weak<Mutex<Link>>>,
    bytes: u64,
}

impl Network {
    pub(crate) fn new(seed: u64) -> Self {
        let inner = Inner {
            random: fastrand::Rng::with_seed(seed),
            trace: DefaultHasher::new(),
            started: Instant::now(),
            links: Vec::new(),
            bytes: 0,
        };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no test panics while it holds this")
    }

    /// A number below `bound`, the next of the run.
    pub(crate) fn below(&self, bound: u64) -> u64 {
        self.lock().random.u64(..bound.max(1))
    }

    pub(crate) fn one_in(&self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// Writes into the run's trace that this happened now.
    pub(crate) fn note(&self, what: &str, number: u64) {
        let mut inner = self.lock();
        let at = inner.started.elapsed();
        inner.trace.write(what.as_bytes());
        inner.trace.write_u64(number);
        inner.trace.write_u128(at.as_micros());
    }

    /// What tells this run from others: the same for the same course of events.
    pub(crate) fn trace(&self) -> u64 {
        self.lock().trace.finish()
    }

    /// Bytes that were delivered.
    pub(crate) fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    /// Links of which an end is still held.
    pub(crate) fn links(&self) -> usize {
        let mut inner = self.lock();
        inner.links.retain(|link| link.strong_count() > 0);
        inner.links.len()
    }

    /// A new link; its two ends.
    pub(crate) fn link(&self) -> (End, End) {
        let latency = Duration::from_micros(self.below(30_000));
        let link = Arc::new(Mutex::new(Link { lost: false, directions: Default::default() }));
        let mut inner = self.lock();
        inner.links.retain(|link| link.strong_count() > 0);
        inner.links.push(Arc::downgrade(&link));
        drop(inner);
        let end = |side| End { network: self.clone(), link: Arc::clone(&link), side, latency, timer: None };
        (end(0), end(1))
    }

    /// Loses a link, if there is one: both ends hear of it at once, and what was under way is gone.
    pub(crate) fn lose_one(&self) {
        let links: Vec<_> = self.lock().links.iter().filter_map(Weak::upgrade).collect();
        if links.is_empty() {
            return;
        }
        let which = self.below(links.len() as u64);
        self.note("lost", which);
        let mut link = links[usize::try_from(which).expect("an index")].lock().expect("not poisoned");
        link.lost = true;
        for direction in &mut link.directions {
            direction.under_way.clear();
            direction.wake();
        }
    }
}

struct Link {
    lost: bool,
    /// From end 0 to end 1, and back.
    directions: [Direction; 2],
}

#[derive(Default)]
struct Direction {
    /// Pieces, and when they arrive.
    under_way: VecDeque<(Instant, Vec<u8>)>,
    queued: usize,
    /// Nothing follows.
    ended: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Direction {
    fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()].into_iter().flatten() {
            waker.wake();
        }
    }
}

/// One end of a link.
pub(crate) struct End {
    network: Network,
    link: Arc<Mutex<Link>>,
    side: usize,
    latency: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl End {
    /// Waits until `at`, with the timer of this end.
    fn poll_timer(&mut self, cx: &mut Context<'_>, at: Instant) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if timer.deadline() != at {
            timer.as_mut().reset(at);
        }
        timer.as_mut().poll(cx)
    }
}

fn lost() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the link was lost")
}

impl AsyncRead for End {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let link = Arc::clone(&this.link);
        let mut link = link.lock().expect("not poisoned");
        if link.lost {
            return Poll::Ready(Err(lost()));
        }
        let direction = &mut link.directions[1 - this.side];
        let Some((at, _)) = direction.under_way.front() else {
            if direction.ended {
                return Poll::Ready(Ok(()));
            }
            direction.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        // The loss of the link wakes the reader too, while it waits for the piece.
        let at = *at;
        direction.reader = Some(cx.waker().clone());
        ready!(this.poll_timer(cx, at));
        let (_, piece) = direction.under_way.front_mut().expect("seen above");
        let most = piece.len().min(buf.remaining());
        let n = if this.network.one_in(4) { 1 + this.network.below(most as u64) as usize } else { most }
            .min(most);
        buf.put_slice(&piece[..n]);
        piece.drain(..n);
        if piece.is_empty() {
            direction.under_way.pop_front();
        }
        direction.queued -= n;
        if let Some(writer) = direction.writer.take() {
            writer.wake();
        }
        this.network.note("read", n as u64);
        this.network.lock().bytes += n as u64;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let mut link = this.link.lock().expect("not poisoned");
        let reader_gone = Arc::strong_count(&this.link) == 1;
        if link.lost || reader_gone {
            return Poll::Ready(Err(lost()));
        }
        let direction = &mut link.directions[this.side];
        let room = CAPACITY - direction.queued;
        if room == 0 {
            direction.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let most = room.min(buf.len());
        let n = if this.network.one_in(4) { 1 + this.network.below(most as u64) as usize } else { most }
            .min(most);
        let jitter = Duration::from_micros(this.network.below(5_000));
        let mut at = Instant::now() + this.latency + jitter;
        if let Some((before, _)) = direction.under_way.back() {
            at = at.max(*before);
        }
        direction.under_way.push_back((at, buf[..n].to_vec()));
        direction.queued += n;
        if let Some(reader) = direction.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut link = self.link.lock().expect("not poisoned");
        let direction = &mut link.directions[self.side];
        direction.ended = true;
        direction.wake();
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let mut link = self.link.lock().expect("not poisoned");
        // The other end reads what is under way, and then the end.
        link.directions[self.side].ended = true;
        for direction in &mut link.directions {
            direction.wake();
        }
    }
}
