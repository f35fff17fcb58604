//! Cancellation: telling whoever works on a call that it is over.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use carom_wire::stream::StreamKey;

use crate::wakers::Waiters;

/// The reason why a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cancelled {
    /// The deadline of the call passed.
    DeadlineExceeded,
    /// The peer cancelled the call (RST_STREAM).
    ByPeer,
    /// The connection was lost.
    ConnectionLost,
    /// The server was shut down and its grace period is over.
    ServerShutdown,
    /// The call held memory that the server needed; see
    /// [`Builder::memory_quota`](crate::server::Builder::memory_quota).
    ResourceExhausted,
    /// Nothing was cancelled: the call was answered normally and is complete.
    Finished,
}

/// The state of one call's end, with the tasks that wait for it.
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

    /// Records the end and wakes everyone who waits; the first reason stays.
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

/// A connection, which knows when its calls end.
pub(crate) trait CancelSource: Send + Sync {
    /// Sets `cell` when the call `key` ends; at once if it has ended already.
    fn watch(&self, key: StreamKey, cell: Arc<CancelCell>);
}

/// A future that resolves to the reason once its call is over. It may be moved to other tasks and cloned.
///
/// A handler itself does not need one: it is dropped when its call is cancelled. This is for work that the handler
/// started elsewhere.
#[derive(Debug, Clone)]
pub struct Cancellation {
    cell: Option<Arc<CancelCell>>,
}

impl Cancellation {
    /// Creates a future that never resolves, for requests that did not come from a connection.
    pub(crate) fn never() -> Self {
        Self { cell: None }
    }

    pub(crate) fn new(cell: Arc<CancelCell>) -> Self {
        Self { cell: Some(cell) }
    }

    /// The reason why the call is over; `None` while it is running.
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
