//! Whoever observes a call at the client, if anyone does.

use bytes::Bytes;
use carom_wire::message::PREFIX_LEN;
use carom_wire::{MetadataMap, Status};

use crate::interceptor::{MessageInfo, Observers};

/// Tells the observers of a call what becomes of it. Beside the call's state and under a lock of its own, since it runs
/// code of the program's.
#[derive(Default)]
pub(crate) struct Observation {
    phase: Phase,
    /// Bytes of the request's messages that are still to come of the one that was told of last.
    rest: usize,
}

enum Phase {
    /// The interceptors of a raw call are still at work: what was sent meanwhile.
    Early(Vec<MessageInfo>),
    Observed(Observers),
}

impl Default for Phase {
    fn default() -> Self {
        Self::Early(Vec::new())
    }
}

impl Observation {
    pub(crate) fn of(observers: Observers) -> Self {
        Self { phase: Phase::Observed(observers), rest: 0 }
    }

    /// The interceptors are done.
    pub(super) fn begin(&mut self, mut observers: Observers) {
        if let Phase::Early(messages) = &mut self.phase {
            std::mem::take(messages).into_iter().for_each(|message| observers.request_message(message));
            self.phase = Phase::Observed(observers);
        }
    }

    /// A chunk of framed messages is to be sent. A prefix is never in two.
    pub(super) fn request_chunk(&mut self, chunk: &Bytes) {
        let mut left = &chunk[..];
        loop {
            let of_message = self.rest.min(left.len());
            self.rest -= of_message;
            left = &left[of_message..];
            let Some((prefix, behind)) = left.split_first_chunk::<PREFIX_LEN>() else { return };
            let [flag, a, b, c, d] = *prefix;
            let size = u32::from_be_bytes([a, b, c, d]) as usize;
            (self.rest, left) = (size, behind);
            let message = MessageInfo::new(size, flag == 1);
            match &mut self.phase {
                Phase::Early(messages) => messages.push(message),
                Phase::Observed(observers) => observers.request_message(message),
            }
        }
    }

    pub(super) fn response_metadata(&mut self, metadata: &MetadataMap) {
        if let Phase::Observed(observers) = &mut self.phase {
            observers.response_metadata(metadata);
        }
    }

    pub(super) fn response_message(&mut self, message: MessageInfo) {
        if let Phase::Observed(observers) = &mut self.phase {
            observers.response_message(message);
        }
    }

    pub(super) fn end(&mut self, status: &Status, trailers: &MetadataMap) {
        if let Phase::Observed(observers) = &mut self.phase {
            observers.end(status, trailers);
        }
    }
}

#[cfg(test)]
mod tests;
