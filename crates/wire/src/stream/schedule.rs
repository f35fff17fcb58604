//! In which order streams with something to send get their turn (RFC 9218 §10).

use std::collections::VecDeque;

use super::Priority;

/// Streams that have bytes to send and a window to send them in, by urgency and in turn.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    /// A bit for each level that is not empty, so that an idle schedule costs one comparison.
    occupied: u8,
    /// Made for the first stream that waits: answers that go out at once, which are most, need none.
    levels: Option<Box<[VecDeque<u32>; Priority::LEVELS]>>,
}

/// The place of a priority among the levels.
fn level_of(priority: Priority) -> usize {
    usize::from(priority.urgency).min(Priority::LEVELS - 1)
}

impl Schedule {
    /// Puts a stream, by its index, at the end of its level. The caller sees to it that it stands there once.
    pub(crate) fn push(&mut self, index: u32, priority: Priority) {
        let level = level_of(priority);
        self.levels.get_or_insert_default()[level].push_back(index);
        self.occupied |= 1 << level;
    }

    /// The next stream whose turn it is.
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

    /// Gives a popped stream its place at the head of its level back: it could not use its turn.
    pub(crate) fn push_front(&mut self, index: u32, priority: Priority) {
        let level = level_of(priority);
        self.levels.get_or_insert_default()[level].push_front(index);
        self.occupied |= 1 << level;
    }

    /// Forgets a stream that is gone.
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
