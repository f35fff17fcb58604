//! The order in which streams with something to send take their turn (RFC 9218 §10).

use std::collections::VecDeque;

use super::Priority;

/// The streams that have bytes to send and a window to send them in, by urgency and in turn.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    /// A bit for each non-empty level, so that an idle schedule costs one comparison.
    occupied: u8,
    /// Allocated for the first stream that waits: answers sent at once, as most are, need none.
    levels: Option<Box<[VecDeque<u32>; Priority::LEVELS]>>,
}

/// Returns the level of a priority.
fn level_of(priority: Priority) -> usize {
    usize::from(priority.urgency).min(Priority::LEVELS - 1)
}

impl Schedule {
    /// Adds a stream, by its index, at the end of its level. The caller ensures that it is there only once.
    pub(crate) fn push(&mut self, index: u32, priority: Priority) {
        let level = level_of(priority);
        self.levels.get_or_insert_default()[level].push_back(index);
        self.occupied |= 1 << level;
    }

    /// Takes the stream whose turn is next.
    pub(crate) fn pop(&mut self) -> Option<u32> {
        if self.occupied == 0 {
            return None;
        }
        let level = self.occupied.trailing_zeros() as usize;
        let queue = &mut self.levels.as_mut()?[level];
        let index = queue.pop_front();
        if queue.is_empty() {
            self.occupied &= !(1 << level);
        }
        index
    }

    /// Returns a popped stream to the front of its level: it could not use its turn.
    pub(crate) fn push_front(&mut self, index: u32, priority: Priority) {
        let level = level_of(priority);
        self.levels.get_or_insert_default()[level].push_front(index);
        self.occupied |= 1 << level;
    }

    /// Removes a stream that is gone.
    pub(crate) fn remove(&mut self, index: u32, priority: Priority) {
        let level = level_of(priority);
        let Some(levels) = &mut self.levels else { return };
        levels[level].retain(|&other| other != index);
        if levels[level].is_empty() {
            self.occupied &= !(1 << level);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.occupied == 0
    }

    pub(crate) fn shrink(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }
}
