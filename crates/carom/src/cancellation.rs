//! How a call tells those who work for it that it is over.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use carom_wire::stream::StreamKey;

use crate::wakers::Waiters;

/// Why a call ended before, or without, the answer of whoever was working on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cancelled {
    /// The deadline of the call passed.
    DeadlineExceeded,
    /// The peer cancelled the call (RST_STREAM).
    ByPeer,
    /// The connection was lost.
    ConnectionLost,
    /// The server was stopped and its grace period is over.
    ServerShutdown,
    /// The call held memory that the server needed; see
    /// [`Builder::memory_quota`](crate::server::Builder::memory_quota).
    ResourceExhausted,
    /// Nothing was cancelled: the call was answered in the ordinary way and is complete.
    Finished,
}

/// Where the end of one call is noted and waited for.
#[derive(Debug, Default)]
pub(crate) struct CancelCell {
    state: Mutex<CancelState>,
}

#[derive(Debug, Default)]
struct CancelState {
    reason: Option<Cancelled>,
    waiting: Waiters,
}

impl CancelCell {
    fn lock(&self) -> MutexGuard<'_, CancelState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the end and wakes all who wait; the first reason stays.
    #[cfg(feature = "server")]
    pub(crate) fn set(&self, reason: Cancelled) {
        let waiting = {
            let mut state = self.lock();
            if state.reason.is_some() {
                return;
            }
            state.reason = Some(reason);
            state.waiting.take()
        };
        for waker in waiting {
            waker.wake();
        }
    }

    pub(crate) fn reason(&self) -> Option<Cancelled> {
        self.lock().reason
    }

    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Cancelled> {
        let gives_way = {
            let mut state = self.lock();
            if let Some(reason) = state.reason {
                return Poll::Ready(reason);
            }
            state.waiting.add(cx)
        };
        if let Some(waker) = gives_way {
            waker.wake();
        }
        Poll::Pending
    }
}

/// Something that knows when calls end: a connection.
pub(crate) trait CancelSource: Send + Sync {
    /// Sets `cell` when the call `key` ends; at once if it has ended already.
    fn watch(&self, key: StreamKey, cell: Arc<CancelCell>);
}

/// A future that resolves when its call is over, with the reason. May be moved to other tasks and cloned.
///
/// A handler that runs in place needs none: it is dropped when its call is cancelled. This is for work that the handler
/// started elsewhere.
#[derive(Debug, Clone)]
pub struct Cancellation {
    cell: Option<Arc<CancelCell>>,
}

impl Cancellation {
    /// Never resolves: for requests that did not come from a connection.
    pub(crate) fn never() -> Self {
        Self { cell: None }
    }

    pub(crate) fn new(cell: Arc<CancelCell>) -> Self {
        Self { cell: Some(cell) }
    }

    /// Why the call is over; `None` while it goes on.
    pub fn reason(&self) -> Option<Cancelled> {
        self.cell.as_ref().and_then(|cell| cell.reason())
    }
}

impl Future for Cancellation {
    type Output = Cancelled;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Cancelled> {
        match &self.cell {
            Some(cell) => cell.poll(cx),
            None => Poll::Pending,
        }
    }
}
