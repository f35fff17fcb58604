//! The options of calls: of one, of those of a generated client, of all of a channel.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::codec::{CompressionEncoding, CompressionSwitch};
use crate::credentials::CallCredentials;

/// The options of a call. A field that is `None` is left to whoever stands below: a request's own options lie over those of
/// the generated client, these over the channel's, and what none of them says has the default named here.
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
    /// How long the call may take from its start, connecting included. Zero ends it at once with DEADLINE_EXCEEDED. Default:
    /// without end.
    pub timeout: Option<Duration>,
    /// When the call is to be over; counts before `timeout`.
    pub deadline: Option<Instant>,
    /// Whether the call waits while the channel cannot connect (`true`), or fails with UNAVAILABLE. Default `false`.
    pub wait_for_ready: Option<bool>,
    /// What messages are encoded in, as the content type names it: see [`Codec::SUBTYPE`](crate::Codec::SUBTYPE). Default
    /// `proto`, or whatever the server understands.
    pub content_subtype: Option<&'static str>,
    /// How messages are compressed. Default: not at all.
    pub compression: Option<Compression>,
    /// The `:authority` of the call. Default: the channel's.
    pub authority: Option<String>,
    /// The largest message taken, decompressed, in bytes; a larger one ends the call with RESOURCE_EXHAUSTED. Default 4 MiB.
    pub max_recv_message_size: Option<usize>,
    /// The largest message sent, in bytes before compression; a larger one ends the call with RESOURCE_EXHAUSTED. Default:
    /// no limit.
    pub max_send_message_size: Option<usize>,
    /// Proves who calls, by metadata, after what the channel's own call credentials add. Only over secure connections; on
    /// others the call ends with UNAUTHENTICATED. Default: none.
    pub credentials: Option<Arc<dyn CallCredentials>>,
    /// See [`Request::set_compression_switch`](crate::Request::set_compression_switch).
    pub(crate) compression_switch: Option<CompressionSwitch>,
}

/// The compression of a call's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// They go as they are.
    Off,
    /// They are compressed in this encoding.
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
    /// These options, changed.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// These options, and for what they leave open those `under` them. `timeout` and `deadline` are one option in this: who
    /// says either has said when the call ends.
    #[must_use]
    pub fn overlay(mut self, under: &Self) -> Self {
        self.lie_over(under);
        self
    }

    /// As [`overlay`](Self::overlay), in place.
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
        // Cloned only where they are taken.
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

    /// Whether nothing is asked for.
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

    /// Gives a request what it leaves open: what generated clients do with the options of their own.
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
