//! What a picker has a call take along, and is told when it ends.

use std::fmt;

use carom_wire::{MetadataMap, Status};
use smallvec::SmallVec;

/// What a pick attaches to a call. Its completions are told exactly once, also when it is dropped.
#[derive(Default)]
pub struct Attachments {
    metadata: MetadataMap,
    completions: SmallVec<[Box<dyn Completion>; 1]>,
}

impl Attachments {
    /// Has `completion` told how the call ends, after those that were attached before.
    pub(crate) fn push(&mut self, completion: impl Completion) {
        self.completions.push(Box::new(completion));
    }

    /// Sends metadata along with the call.
    pub(crate) fn add_metadata(&mut self, metadata: &MetadataMap) {
        self.metadata.merge(metadata);
    }

    /// What goes along with the call's own metadata.
    pub(crate) fn metadata(&self) -> &MetadataMap {
        &self.metadata
    }

    /// The call ended.
    pub(crate) fn complete(mut self, outcome: &CallOutcome) {
        self.tell(Some(outcome));
    }

    fn tell(&mut self, outcome: Option<&CallOutcome>) {
        for completion in std::mem::take(&mut self.completions) {
            completion.complete(outcome);
        }
    }
}

impl Drop for Attachments {
    fn drop(&mut self) {
        self.tell(None);
    }
}

impl fmt::Debug for Attachments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachments")
            .field("metadata", &self.metadata)
            .field("completions", &self.completions.len())
            .finish()
    }
}

/// Is told how a call ended. Exactly once for each pick, from whatever thread ends the call: it must not block.
pub trait Completion: Send + 'static {
    /// `None`: the call did not go to the subchannel, or left it without having reached the server; it is picked for
    /// again, or ends by something else.
    fn complete(self: Box<Self>, outcome: Option<&CallOutcome>);
}

impl<F: FnOnce(Option<&CallOutcome>) + Send + 'static> Completion for F {
    fn complete(self: Box<Self>, outcome: Option<&CallOutcome>) {
        self(outcome);
    }
}

/// How a call ended that had gone to a subchannel.
#[derive(Debug)]
#[non_exhaustive]
pub struct CallOutcome {
    /// The server's status, or this side's own: a deadline, a cancellation, a lost connection.
    pub status: Status,
    /// The server's trailing metadata.
    pub trailers: MetadataMap,
}
