//! The deadlines of a connection's calls: one heap, so that a single timer serves them all.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::Instant;

use carom_wire::stream::StreamKey;

/// A queue of deadlines. Calls that ended leave their entry behind; it is dropped when its time comes or when such
/// entries outnumber the live ones.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    heap: BinaryHeap<Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    at: Instant,
    key: StreamKey,
}

impl Deadlines {
    /// With fewer entries than this, removing stale ones is not worth it.
    const FEW: usize = 64;

    /// Adds a deadline. `is_live` says whether a call is still running.
    pub(crate) fn insert(
        &mut self,
        at: Instant,
        key: StreamKey,
        live: usize,
        is_live: impl Fn(StreamKey) -> bool,
    ) {
        if self.heap.len() >= Self::FEW.max(live * 2) {
            self.heap.retain(|entry| is_live(entry.key));
        }
        self.heap.push(Entry { at, key });
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|entry| entry.at)
    }

    /// Removes and returns a call whose deadline is not after `now`.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<StreamKey> {
        let due = self.heap.peek().is_some_and(|entry| entry.at <= now);
        due.then(|| self.heap.pop()).flatten().map(|entry| entry.key)
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap gives the greatest first.
        other.at.cmp(&self.at)
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Entry {}

#[cfg(test)]
pub(crate) mod tests;
