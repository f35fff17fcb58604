//! Observation of a call at the client by its interceptors' observers.

use bytes::Bytes;
use carom_wire::message::PREFIX_LEN;
use carom_wire::{MetadataMap, Status};

use crate::interceptor::{MessageInfo, Observers};

/// Notifies the observers of a call. Separate from the call's state and under its own lock, since it runs user code.
#[derive(Default)]
pub(crate) struct Observation {
    phase: Phase,
    /// The bytes still to come of the request message last reported.
    rest: usize,
}

enum Phase {
    /// The interceptors of a raw call are still running; these messages were sent meanwhile.
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

    /// Sets the observers, once the interceptors are done.
    pub(super) fn begin(&mut self, mut observers: Observers) {
        if let Phase::Early(messages) = &mut self.phase {
            std::mem::take(messages).into_iter().for_each(|message| observers.request_message(message));
            self.phase = Phase::Observed(observers);
        }
    }

    /// Reports the messages in a chunk that is to be sent. A prefix is never split between chunks.
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
