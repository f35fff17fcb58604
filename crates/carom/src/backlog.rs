//! Received messages that wait for their reader.

use std::collections::VecDeque;

use bytes::BytesMut;
use carom_wire::message::{Message, PREFIX_LEN};

/// A reader that takes messages in batches returns credit for them in portions of this many bytes: a quarter of the
/// smallest window that leaves room for it.
pub(crate) const CREDIT_PORTION: usize = 16 * 1024;

/// The flow-control window that a message took up.
pub(crate) fn size(message: &Message) -> usize {
    PREFIX_LEN + message.payload.len()
}

/// Messages up to this size share the buffer that they were read into with what came before and after them.
const SLICES: usize = 16 * 1024;

/// Received messages of one call, in order.
///
/// A message is a slice of the buffer filled by one read, so a small one that stays keeps a large buffer alive; a peer
/// could pin many such buffers with a few bytes each. Messages that are still here when more has been read are
/// therefore copied, together. A reader who keeps up never causes a copy.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    /// The first message: most calls have only one, and need no queue.
    first: Option<Message>,
    more: VecDeque<Message>,
    /// The number of messages received since [`copy_out`](Self::copy_out). Some of them may have been taken.
    recent: usize,
}

impl Backlog {
    pub(crate) fn push(&mut self, message: Message) {
        self.recent += 1;
        if self.is_empty() {
            self.first = Some(message);
        } else {
            self.more.push_back(message);
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Message> {
        self.first.take().or_else(|| self.more.pop_front())
    }

    /// The message that [`pop`](Self::pop) would return, if it is the only one, or was when it came.
    #[cfg(feature = "client")]
    pub(crate) fn first(&self) -> Option<&Message> {
        self.first.as_ref()
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.more.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none() && self.more.is_empty()
    }

    /// Moves all messages to `batch`, which is empty.
    pub(crate) fn take_all(&mut self, batch: &mut VecDeque<Message>) {
        debug_assert!(batch.is_empty(), "what was there before would come after");
        std::mem::swap(&mut self.more, batch);
        if let Some(first) = self.first.take() {
            batch.push_front(first);
        }
    }

    /// Moves small messages received since the last call, and still here, to an allocation of their own. To be called
    /// when more has been read.
    pub(crate) fn copy_out(&mut self) {
        let older = self.len().saturating_sub(std::mem::take(&mut self.recent));
        let small = |message: &Message| (1..=SLICES).contains(&message.payload.len());
        let sizes = self.first.iter().chain(&self.more).skip(older).filter(|message| small(message));
        let mut own = BytesMut::with_capacity(sizes.map(|message| message.payload.len()).sum());
        for message in
            self.first.iter_mut().chain(&mut self.more).skip(older).filter(|message| small(message))
        {
            own.extend_from_slice(&message.payload);
            message.payload = own.split().freeze();
        }
    }
}

#[cfg(test)]
mod tests;
