//! The timers of policies and subchannels, in the order in which they are due.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::client::balancer::{ChildId, TimerId};
use crate::client::subchannel::SubchannelId;

/// The owner of a timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timer {
    Subchannel(SubchannelId),
    Policy(ChildId, TimerId),
    /// The back-off before a resolver whose result was rejected is asked again.
    Resolve,
}

/// The key of a timer that was set; never reused. Whoever sets the timer keeps it, to cancel it.
///
/// Timers due at the same time fire in the order in which they were set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TimerKey {
    at: Instant,
    serial: u64,
}

/// The timers that are set. Setting and cancelling one takes logarithmic time; nothing is left of one that was
/// cancelled.
#[derive(Debug, Default)]
pub(super) struct Timers {
    set: BTreeMap<TimerKey, Timer>,
    next_serial: u64,
}

impl Timers {
    pub(super) fn set(&mut self, at: Instant, timer: Timer) -> TimerKey {
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

    /// Returns a fence that limits [`pop_due`](Self::pop_due) to timers that are set by now, so that one that is set
    /// again whenever it fires does not fire forever.
    pub(super) fn fence(&self) -> u64 {
        self.next_serial
    }

    /// Removes and returns the first timer that is due and was set before the fence.
    pub(super) fn pop_due(&mut self, now: Instant, fence: u64) -> Option<Timer> {
        let mut due = self.set.range(..=TimerKey { at: now, serial: u64::MAX });
        let (&key, _) = due.find(|(key, _)| key.serial <= fence)?;
        self.set.remove(&key)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn fire_in_order_and_only_those_that_were_set_before() {
        let mut timers = Timers::default();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let timer = |n| Timer::Policy(ChildId { index: 0, serial: 0 }, TimerId(n));
        timers.set(at(20), timer(1));
        let stopped = timers.set(at(5), timer(2));
        timers.set(at(10), timer(3));
        timers.set(at(10), timer(4));
        timers.set(at(30), timer(5));
        timers.cancel(stopped);
        assert_eq!(timers.next(), Some(at(10)));
        let fence = timers.fence();
        assert_eq!(timers.pop_due(at(20), fence), Some(timer(3)));
        timers.set(at(0), timer(6));
        assert_eq!(timers.pop_due(at(20), fence), Some(timer(4)));
        assert_eq!(timers.pop_due(at(20), fence), Some(timer(1)));
        assert_eq!(timers.pop_due(at(20), fence), None);
        assert_eq!(timers.next(), Some(at(0)));
    }
}
