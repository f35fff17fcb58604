//! Attempts that wait for their time.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Instant;

use crate::client::connection::attempt::Attempt;

/// Attempts that are made once their wait is over, the first one due first.
#[derive(Default)]
pub(super) struct Retries {
    waiting: BinaryHeap<Waiting>,
    /// All that ever waited.
    count: u64,
}

struct Waiting {
    at: Instant,
    /// Of two that are due together the one that began to wait first goes first.
    number: u64,
    attempt: Attempt,
}

impl Retries {
    pub(super) fn push(&mut self, at: Instant, attempt: Attempt) {
        self.count += 1;
        self.waiting.push(Waiting { at, number: self.count, attempt });
    }

    /// When the first one is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.waiting.peek().map(|first| first.at)
    }

    /// The next one that is due by now.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Attempt> {
        if self.next()? > now {
            return None;
        }
        self.waiting.pop().map(|first| first.attempt)
    }

    /// All of them, in no order.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Attempt> {
        self.waiting.drain().map(|waiting| waiting.attempt)
    }
}

impl Waiting {
    /// The first one due is the greatest.
    fn order(&self) -> Reverse<(Instant, u64)> {
        Reverse((self.at, self.number))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Waiting {}
