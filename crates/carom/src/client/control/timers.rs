//! Things that are due at a time, in their order.

use std::collections::BTreeMap;
use std::time::Instant;

/// The key of a timer that was set; never reused. Whoever sets the timer keeps it, to cancel it.
///
/// Timers due at the same time fire in the order in which they were set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TimerKey {
    at: Instant,
    serial: u64,
}

/// The timers that are set, each with what it is for. Setting and cancelling one takes logarithmic time; nothing is
/// left of one that was cancelled.
#[derive(Debug)]
pub(super) struct Timers<T> {
    set: BTreeMap<TimerKey, T>,
    next_serial: u64,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self { set: BTreeMap::new(), next_serial: 0 }
    }
}

impl<T> Timers<T> {
    pub(super) fn set(&mut self, at: Instant, timer: T) -> TimerKey {
        self.next_serial += 1;
        let key = TimerKey { at, serial: self.next_serial };
        self.set.insert(key, timer);
        key
    }

    pub(super) fn cancel(&mut self, key: TimerKey) {
        self.set.remove(&key);
    }

    /// The time when the first is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.set.first_key_value().map(|(key, _)| key.at)
    }

    pub(super) fn len(&self) -> usize {
        self.set.len()
    }

    /// Cancels the timers for which `keep` is false.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.set.retain(|_, timer| keep(timer));
    }

    /// Returns a fence that limits [`pop_due`](Self::pop_due) to timers that are set by now, so that one that is set
    /// again whenever it fires does not fire forever.
    pub(super) fn fence(&self) -> u64 {
        self.next_serial
    }

    /// Removes and returns the first timer that is due and was set before the fence.
    pub(super) fn pop_due(&mut self, now: Instant, fence: u64) -> Option<T> {
        let mut due = self.set.range(..=TimerKey { at: now, serial: u64::MAX });
        let (&key, _) = due.find(|(key, _)| key.serial <= fence)?;
        self.set.remove(&key)
    }

    /// Removes all of them, the first one due first.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = T> + use<T> {
        std::mem::take(&mut self.set).into_values()
    }
}

#[cfg(test)]
mod tests;
