//! When calls expire: one heap a connection instead of a timer a call.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Instant;

use carom_wire::stream::StreamKey;

/// Deadlines of open calls. Calls that end stay in the heap until their time comes or they are the larger part of it.
#[derive(Default)]
pub(super) struct Deadlines {
    heap: BinaryHeap<Reverse<Entry>>,
    ended: usize,
}

struct Entry {
    at: Instant,
    key: StreamKey,
}

/// Heaps smaller than this are not swept.
const SWEEP_FROM: usize = 128;

impl Deadlines {
    pub(super) fn push(&mut self, at: Instant, key: StreamKey) {
        self.heap.push(Reverse(Entry { at, key }));
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// The call of an expired deadline; it may have ended before.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<StreamKey> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry.key)
    }

    /// One of the calls ended. `is_open` tells those that did not.
    pub(super) fn ended(&mut self, is_open: impl Fn(StreamKey) -> bool) {
        self.ended += 1;
        if self.heap.len() >= SWEEP_FROM && self.ended * 2 > self.heap.len() {
            self.heap.retain(|Reverse(entry)| is_open(entry.key));
            self.ended = 0;
        }
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.cmp(&other.at)
    }
}

#[cfg(test)]
mod tests;
