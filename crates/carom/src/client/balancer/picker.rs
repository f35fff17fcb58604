//! Pickers, which choose the connection of each call.

use std::fmt;
use std::sync::Arc;

use carom_wire::{MetadataMap, Status};

use crate::client::attachments::{Attachments, Completion};
use crate::client::subchannel::Subchannel;

/// A picker chooses a subchannel for each call. It is immutable: to decide differently, a policy publishes another.
pub trait Picker: Send + Sync {
    /// Decides about a call. This is on the path of every call and must not block.
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
    /// Creates the arguments for a call of this method with this metadata.
    pub fn new(path: &'a [u8], metadata: &'a dyn CallMetadata) -> Self {
        Self { path, metadata }
    }

    /// Gives access to the call's metadata. It costs nothing unless it is used.
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

/// Metadata that may have to be locked for reading.
pub trait CallMetadata {
    /// Calls `look` once, with the metadata.
    fn look(&self, look: &mut dyn FnMut(&MetadataMap));
}

impl CallMetadata for MetadataMap {
    fn look(&self, look: &mut dyn FnMut(&MetadataMap)) {
        look(self);
    }
}

/// The decision of a picker about a call.
#[derive(Debug)]
pub enum Pick<'a> {
    /// The call goes to this subchannel, or to the next picker if that is no longer READY.
    Use {
        /// The subchannel.
        subchannel: &'a Subchannel,
        /// Attachments to the call; `None` costs nothing.
        attachments: Option<Box<Attachments>>,
    },
    /// The call waits for the next picker.
    Queue,
    /// The call fails with this status, unless it has wait-for-ready.
    Fail(Status),
    /// The call fails with this status, even with wait-for-ready, and is not retried.
    Drop(Status),
}

impl<'a> Pick<'a> {
    /// Creates a pick of this subchannel, without attachments.
    pub fn to(subchannel: &'a Subchannel) -> Self {
        Self::Use { subchannel, attachments: None }
    }

    /// Attaches a completion, which is called at the end of the call, after those attached before. Does nothing unless
    /// the call goes to a subchannel.
    #[must_use]
    pub fn on_completion(mut self, completion: impl Completion) -> Self {
        if let Self::Use { attachments, .. } = &mut self {
            attachments.get_or_insert_default().push(completion);
        }
        self
    }

    /// Adds metadata to the call. Does nothing unless the call goes to a subchannel.
    #[must_use]
    pub fn with_metadata(mut self, metadata: &MetadataMap) -> Self {
        if let Self::Use { attachments, .. } = &mut self {
            attachments.get_or_insert_default().add_metadata(metadata);
        }
        self
    }
}

/// A handle by which a picker asks for a connection. It belongs to the channel: [`Policy::exit_idle`] is called for the
/// policy at the root, and reaches the others through their parents. What is wanted, policy and picker agree on between
/// themselves.
///
/// [`Policy::exit_idle`]: super::Policy::exit_idle
#[derive(Clone)]
pub struct ExitIdle(Arc<dyn Fn() + Send + Sync>);

impl ExitIdle {
    pub(in crate::client) fn new(request: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(request))
    }

    /// Asks that the policy leaves IDLE. This wakes the control task: a picker does it once for what it wants, not for
    /// every call.
    pub fn request(&self) {
        (self.0)();
    }
}

impl fmt::Debug for ExitIdle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExitIdle").finish_non_exhaustive()
    }
}

/// A picker that makes calls wait.
#[derive(Debug)]
pub struct QueuePicker;

impl Picker for QueuePicker {
    fn pick<'a>(&'a self, _args: &PickArgs<'_>) -> Pick<'a> {
        Pick::Queue
    }
}

/// A picker that fails calls.
#[derive(Debug)]
pub struct FailPicker(pub Status);

impl Picker for FailPicker {
    fn pick<'a>(&'a self, _args: &PickArgs<'_>) -> Pick<'a> {
        Pick::Fail(self.0.clone())
    }
}

/// A picker that sends all calls to one subchannel.
#[derive(Debug)]
pub struct SinglePicker(pub Arc<Subchannel>);

impl Picker for SinglePicker {
    fn pick<'a>(&'a self, _args: &PickArgs<'_>) -> Pick<'a> {
        Pick::to(&self.0)
    }
}
