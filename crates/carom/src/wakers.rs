//! Who is to be woken. What is replaced or woken runs code of the program's, so that it is given out here, to be dropped or
//! woken where no lock is held.

use std::collections::VecDeque;
use std::task::{Context, Waker};

/// Keeps the waker of the task that polls. Returns the one that it replaces.
#[must_use = "to be dropped when the lock is not held"]
pub(crate) fn register(waker: &mut Option<Waker>, cx: &Context<'_>) -> Option<Waker> {
    match waker {
        Some(waker) if waker.will_wake(cx.waker()) => None,
        _ => waker.replace(cx.waker().clone()),
    }
}

/// Tasks that wait for one thing. Nobody says when one gives up waiting, so that of very many the oldest is woken before its
/// time: it looks again if it is still there.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    wakers: VecDeque<Waker>,
}

impl Waiters {
    /// More than wait for one call in any program that was thought of, and 16 KiB.
    const MOST: usize = 1024;

    /// Adds the task that polls. Returns the waker of one that has to give way.
    #[must_use = "to be woken when the lock is not held"]
    pub(crate) fn add(&mut self, cx: &Context<'_>) -> Option<Waker> {
        if self.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            return None;
        }
        let oldest = if self.wakers.len() == Self::MOST { self.wakers.pop_front() } else { None };
        self.wakers.push_back(cx.waker().clone());
        oldest
    }

    /// All of them, to be woken when the lock is not held.
    #[cfg(feature = "server")]
    #[must_use = "to be woken when the lock is not held"]
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Waker> + use<> {
        std::mem::take(&mut self.wakers).into_iter()
    }
}

#[cfg(test)]
mod tests;
