//! Attachments: metadata and completion callbacks that a picker adds to a call.

use std::fmt;

use carom_wire::{MetadataMap, Status};
use smallvec::SmallVec;

/// The attachments of a pick to a call. Completions are called exactly once, even if this is dropped.
#[derive(Default)]
pub struct Attachments {
    metadata: MetadataMap,
    completions: SmallVec<[Box<dyn Completion>; 1]>,
}

impl Attachments {
    /// Adds a completion, which is called after those attached before.
    pub(crate) fn push(&mut self, completion: impl Completion) {
        self.completions.push(Box::new(completion));
    }

    /// Adds metadata to the call's own.
    pub(crate) fn add_metadata(&mut self, metadata: &MetadataMap) {
        self.metadata.merge(metadata);
    }

    /// The metadata sent in addition to the call's own.
    pub(crate) fn metadata(&self) -> &MetadataMap {
        &self.metadata
    }

    /// Calls the completions at the end of the call.
    pub(crate) fn complete(mut self, outcome: &CallOutcome) {
        self.complete_all(Some(outcome));
    }

    fn complete_all(&mut self, outcome: Option<&CallOutcome>) {
        for completion in std::mem::take(&mut self.completions) {
            completion.complete(outcome);
        }
    }
}

impl Drop for Attachments {
    fn drop(&mut self) {
        self.complete_all(None);
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

/// A callback for the end of a call. It is called exactly once for each pick, on whichever thread ends the call, and
/// must not block.
pub trait Completion: Send + 'static {
    /// Handles the end of the call. `None`: the call did not go to the subchannel, or left it without having reached
    /// the server; it is picked for again, or ends for another reason.
    fn complete(self: Box<Self>, outcome: Option<&CallOutcome>);
}

impl<F: FnOnce(Option<&CallOutcome>) + Send + 'static> Completion for F {
    fn complete(self: Box<Self>, outcome: Option<&CallOutcome>) {
        self(outcome);
    }
}

/// The outcome of a call that went to a subchannel.
#[derive(Debug)]
#[non_exhaustive]
pub struct CallOutcome {
    /// The server's status, or one of this side: a deadline, a cancellation, a lost connection.
    pub status: Status,
    /// The server's trailing metadata.
    pub trailers: MetadataMap,
}
