//! Messages that wait for a reader who is behind.

use std::collections::VecDeque;

use bytes::BytesMut;
use carom_wire::message::Message;

/// Messages up to this size lie in the buffer that they were read into, with what came before and after them.
const SLICES: usize = 16 * 1024;

/// Watches over a queue of received messages. A message is a slice of what the socket gave at once, so a small one that
/// stays holds on to a large buffer; a peer could make it hold many such buffers by a few bytes each. Messages that have
/// to wait for longer than the next arrival are therefore copied, together. A reader who keeps up never causes a copy.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    /// When the last messages came.
    arrival: u64,
    /// How many came then. Some of them may have been taken.
    recent: usize,
}

impl Backlog {
    /// A message is about to join `waiting` that was read as part of `arrival`.
    pub(crate) fn on_message(&mut self, waiting: &mut VecDeque<Message>, arrival: u64) {
        if self.arrival != arrival {
            self.arrival = arrival;
            let recent = self.recent.min(waiting.len());
            self.recent = 0;
            copy_together(waiting, recent);
        }
        self.recent += 1;
    }
}

/// Moves the last `count` messages, as far as they are small, into one allocation of their own.
fn copy_together(waiting: &mut VecDeque<Message>, count: usize) {
    let from = waiting.len() - count;
    let small = |message: &&mut Message| (1..=SLICES).contains(&message.payload.len());
    let total = waiting.iter_mut().skip(from).filter(small).map(|message| message.payload.len()).sum();
    let mut own = BytesMut::with_capacity(total);
    for message in waiting.iter_mut().skip(from).filter(small) {
        own.extend_from_slice(&message.payload);
        message.payload = own.split().freeze();
    }
}

#[cfg(test)]
mod tests;
