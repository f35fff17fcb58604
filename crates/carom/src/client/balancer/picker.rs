//! Pickers: what calls ask for a connection.

use std::fmt;
use std::sync::Arc;

use carom_wire::{MetadataMap, Status};

use crate::client::attachments::{Attachments, Completion};
use crate::client::subchannel::Subchannel;

/// Decides for a call. Immutable: a policy that thinks otherwise publishes another.
pub trait Picker: Send + Sync {
    /// What becomes of a call. On the way of every call: it must not block.
    fn pick<'a>(&'a self, args: &PickArgs<'_>) -> Pick<'a>;
}

/// The call that a picker decides on.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct PickArgs<'a> {
    /// `/package.Service/Method`.
    pub path: &'a [u8],
    metadata: &'a dyn CallMetadata,
}

impl<'a> PickArgs<'a> {
    /// A call of this method with this metadata.
    pub fn new(path: &'a [u8], metadata: &'a dyn CallMetadata) -> Self {
        Self { path, metadata }
    }

    /// Looks at the call's metadata. It costs nothing unless it is looked at.
    pub fn with_metadata<T>(&self, f: impl FnOnce(&MetadataMap) -> T) -> Option<T> {
        let (mut f, mut out) = (Some(f), None);
        self.metadata.look(&mut |metadata| out = f.take().map(|f| f(metadata)));
        out
    }
}

impl fmt::Debug for PickArgs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PickArgs")
            .field("path", &self.path.escape_ascii().to_string())
            .finish_non_exhaustive()
    }
}

/// Metadata that may have to be unlocked to be looked at.
pub trait CallMetadata {
    /// Calls `look` once.
    fn look(&self, look: &mut dyn FnMut(&MetadataMap));
}

impl CallMetadata for MetadataMap {
    fn look(&self, look: &mut dyn FnMut(&MetadataMap)) {
        look(self);
    }
}

/// What becomes of a call.
#[derive(Debug)]
pub enum Pick<'a> {
    /// It goes to this subchannel, or asks the next picker if that is not READY any more.
    Use {
        /// Where it goes.
        subchannel: &'a Subchannel,
        /// What goes along; `None` costs nothing.
        attachments: Option<Box<Attachments>>,
    },
    /// It waits for the next picker.
    Queue,
    /// It fails with this status, unless it waits for readiness.
    Fail(Status),
    /// It fails with this status, also if it waits for readiness, and is not tried again.
    Drop(Status),
}

impl<'a> Pick<'a> {
    /// A pick of this subchannel, with nothing attached.
    pub fn to(subchannel: &'a Subchannel) -> Self {
        Self::Use { subchannel, attachments: None }
    }

    /// Has `completion` told how the call ends, after those that were attached before. Nothing happens to a call that
    /// goes nowhere.
    #[must_use]
    pub fn on_completion(mut self, completion: impl Completion) -> Self {
        if let Self::Use { attachments, .. } = &mut self {
            attachments.get_or_insert_default().push(completion);
        }
        self
    }

    /// Sends metadata along with the call. Nothing happens to a call that goes nowhere.
    #[must_use]
    pub fn with_metadata(mut self, metadata: &MetadataMap) -> Self {
        if let Self::Use { attachments, .. } = &mut self {
            attachments.get_or_insert_default().add_metadata(metadata);
        }
        self
    }
}

/// Lets calls wait.
#[derive(Debug)]
pub struct QueuePicker;

impl Picker for QueuePicker {
    fn pick<'a>(&'a self, _args: &PickArgs<'_>) -> Pick<'a> {
        Pick::Queue
    }
}

/// Fails calls.
#[derive(Debug)]
pub struct FailPicker(pub Status);

impl Picker for FailPicker {
    fn pick<'a>(&'a self, _args: &PickArgs<'_>) -> Pick<'a> {
        Pick::Fail(self.0.clone())
    }
}

/// Sends all calls to one subchannel.
#[derive(Debug)]
pub struct SinglePicker(pub Arc<Subchannel>);

impl Picker for SinglePicker {
    fn pick<'a>(&'a self, _args: &PickArgs<'_>) -> Pick<'a> {
        Pick::to(&self.0)
    }
}
