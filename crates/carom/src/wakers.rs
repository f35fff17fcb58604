//! Wakers of waiting tasks. Waking or dropping one runs foreign code, so these functions return the wakers, to be woken
//! or dropped where no lock is held.

use std::collections::VecDeque;
use std::task::{Context, Waker};

/// Stores the waker of the polling task. Returns the one that it replaces.
#[must_use = "to be dropped when the lock is not held"]
pub(crate) fn register(waker: &mut Option<Waker>, cx: &Context<'_>) -> Option<Waker> {
    match waker {
        Some(waker) if waker.will_wake(cx.waker()) => None,
        _ => waker.replace(cx.waker().clone()),
    }
}

/// The tasks that wait for one thing. A task does not report that it has given up waiting, so when there are very many,
/// the oldest is woken early: it polls again if it still exists.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    wakers: VecDeque<Waker>,
}

impl Waiters {
    /// More than will wait for one call in any sensible program, and 16 KiB.
    const MOST: usize = 1024;

    /// Adds the polling task. Returns the waker of one that is evicted for it.
    #[must_use = "to be woken when the lock is not held"]
    pub(crate) fn add(&mut self, cx: &Context<'_>) -> Option<Waker> {
        if self.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            return None;
        }
        let oldest = if self.wakers.len() == Self::MOST { self.wakers.pop_front() } else { None };
        self.wakers.push_back(cx.waker().clone());
        oldest
    }

    /// Takes all of them, to be woken when the lock is not held.
    #[cfg(feature = "server")]
    #[must_use = "to be woken when the lock is not held"]
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Waker> + use<> {
        std::mem::take(&mut self.wakers).into_iter()
    }
}

#[cfg(test)]
mod tests;
