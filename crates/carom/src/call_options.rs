//! Call options: those of one call, of a generated client, or of a channel.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::codec::{CompressionEncoding, CompressionSwitch};
use crate::credentials::CallCredentials;

/// The options of a call. A field that is `None` falls through to the next layer: a request's own options override
/// those of the generated client, and those override the channel's; what none of them sets has the default documented
/// here.
///
/// ```
/// use std::time::Duration;
/// use carom::CallOptions;
///
/// let client = CallOptions::default().with(|options| {
///     options.timeout = Some(Duration::from_secs(5));
///     options.wait_for_ready = Some(true);
/// });
/// let call = CallOptions::default().with(|options| options.timeout = Some(Duration::from_millis(200)));
/// let both = call.overlay(&client);
/// assert_eq!(both.timeout, Some(Duration::from_millis(200)));
/// assert_eq!(both.wait_for_ready, Some(true));
/// ```
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct CallOptions {
    /// The time that the call may take from its start, connecting included. Zero ends it at once with
    /// DEADLINE_EXCEEDED. Default: unlimited.
    pub timeout: Option<Duration>,
    /// The time by which the call must be over; takes precedence over `timeout`.
    pub deadline: Option<Instant>,
    /// Whether the call waits while the channel cannot connect (`true`), or fails with UNAVAILABLE. Default `false`.
    pub wait_for_ready: Option<bool>,
    /// The encoding of messages, as the content type names it: see [`Codec::SUBTYPE`](crate::Codec::SUBTYPE). Default
    /// `proto`, or whatever the server understands.
    pub content_subtype: Option<&'static str>,
    /// The compression of messages. Default: none.
    pub compression: Option<Compression>,
    /// The `:authority` of the call. Default: the channel's.
    pub authority: Option<String>,
    /// The largest message accepted, decompressed, in bytes; a larger one ends the call with RESOURCE_EXHAUSTED.
    /// Default 4 MiB.
    pub max_recv_message_size: Option<usize>,
    /// The largest message sent, in bytes before compression; a larger one ends the call with RESOURCE_EXHAUSTED. Default:
    /// no limit.
    pub max_send_message_size: Option<usize>,
    /// The credentials that authenticate the call with metadata, in addition to the channel's own call credentials.
    /// Only over secure connections; on others the call ends with UNAUTHENTICATED. Default: none.
    pub credentials: Option<Arc<dyn CallCredentials>>,
    /// See [`Request::set_compression_switch`](crate::Request::set_compression_switch).
    pub(crate) compression_switch: Option<CompressionSwitch>,
}

/// The compression of a call's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Messages are sent uncompressed.
    Off,
    /// Messages are compressed with this encoding.
    Encoding(CompressionEncoding),
}

impl Compression {
    #[cfg(feature = "client")]
    pub(crate) fn encoding(self) -> Option<CompressionEncoding> {
        match self {
            Self::Off => None,
            Self::Encoding(encoding) => Some(encoding),
        }
    }
}

impl From<CompressionEncoding> for Compression {
    fn from(encoding: CompressionEncoding) -> Self {
        Self::Encoding(encoding)
    }
}

/// `None` is [`Compression::Off`].
impl From<Option<CompressionEncoding>> for Compression {
    fn from(encoding: Option<CompressionEncoding>) -> Self {
        encoding.map_or(Self::Off, Self::Encoding)
    }
}

impl CallOptions {
    /// Returns these options with a change applied.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Returns these options, with those `under` them for what is not set. `timeout` and `deadline` count as one option
    /// here: setting either determines when the call ends.
    #[must_use]
    pub fn overlay(mut self, under: &Self) -> Self {
        self.lie_over(under);
        self
    }

    /// Like [`overlay`](Self::overlay), in place.
    #[inline]
    pub(crate) fn lie_over(&mut self, under: &Self) {
        if self.timeout.is_none() && self.deadline.is_none() {
            (self.timeout, self.deadline) = (under.timeout, under.deadline);
        }
        self.wait_for_ready = self.wait_for_ready.or(under.wait_for_ready);
        self.content_subtype = self.content_subtype.or(under.content_subtype);
        self.compression = self.compression.or(under.compression);
        self.max_recv_message_size = self.max_recv_message_size.or(under.max_recv_message_size);
        self.max_send_message_size = self.max_send_message_size.or(under.max_send_message_size);
        // Cloned only where they are used.
        if self.authority.is_none() {
            self.authority.clone_from(&under.authority);
        }
        if self.credentials.is_none() {
            self.credentials.clone_from(&under.credentials);
        }
        if self.compression_switch.is_none() {
            self.compression_switch.clone_from(&under.compression_switch);
        }
    }

    /// Whether no option is set.
    #[cfg(feature = "client")]
    fn are_empty(&self) -> bool {
        let Self {
            timeout,
            deadline,
            wait_for_ready,
            content_subtype,
            compression,
            authority,
            max_recv_message_size,
            max_send_message_size,
            credentials,
            compression_switch,
        } = self;
        timeout.is_none()
            && deadline.is_none()
            && wait_for_ready.is_none()
            && content_subtype.is_none()
            && compression.is_none()
            && authority.is_none()
            && max_recv_message_size.is_none()
            && max_send_message_size.is_none()
            && credentials.is_none()
            && compression_switch.is_none()
    }

    /// Fills in the options that a request does not set, as generated clients do with their own options.
    #[cfg(feature = "client")]
    pub fn apply<T>(&self, mut request: crate::Request<T>) -> crate::Request<T> {
        if !self.are_empty() {
            request.options_mut().lie_over(self);
        }
        request
    }
}

impl fmt::Debug for CallOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallOptions")
            .field("timeout", &self.timeout)
            .field("deadline", &self.deadline)
            .field("wait_for_ready", &self.wait_for_ready)
            .field("content_subtype", &self.content_subtype)
            .field("compression", &self.compression)
            .field("authority", &self.authority)
            .field("max_recv_message_size", &self.max_recv_message_size)
            .field("max_send_message_size", &self.max_send_message_size)
            .field("credentials", &self.credentials.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
