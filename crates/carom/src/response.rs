//! Responses: a message on its way back, with its metadata.

use carom_wire::MetadataMap;

use crate::codec::{CompressionEncoding, CompressionSwitch};
use crate::extensions::Extensions;

/// A response message, or a stream of them, with initial and trailing metadata.
#[derive(Debug)]
pub struct Response<T> {
    message: T,
    metadata: MetadataMap,
    trailers: MetadataMap,
    extensions: Extensions,
    compression: Option<Option<CompressionEncoding>>,
    compression_switch: Option<CompressionSwitch>,
    /// Whether the one message received was compressed.
    pub(crate) message_compressed: bool,
}

impl<T> Response<T> {
    /// Creates a response without metadata.
    pub fn new(message: T) -> Self {
        Self {
            message,
            metadata: MetadataMap::new(),
            trailers: MetadataMap::new(),
            extensions: Extensions::new(),
            compression: None,
            compression_switch: None,
            message_compressed: false,
        }
    }

    /// The message.
    pub fn get_ref(&self) -> &T {
        &self.message
    }

    /// The message, mutably.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.message
    }

    /// Returns the message, dropping everything else.
    pub fn into_inner(self) -> T {
        self.message
    }

    /// Splits the response into initial metadata, message and extensions. Trailing metadata is dropped.
    pub fn into_parts(self) -> (MetadataMap, T, Extensions) {
        (self.metadata, self.message, self.extensions)
    }

    /// Reassembles what [`into_parts`](Self::into_parts) split.
    pub fn from_parts(metadata: MetadataMap, message: T, extensions: Extensions) -> Self {
        Self { metadata, extensions, ..Self::new(message) }
    }

    /// Returns the same response with another message.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Response<U> {
        Response {
            message: f(self.message),
            metadata: self.metadata,
            trailers: self.trailers,
            extensions: self.extensions,
            compression: self.compression,
            compression_switch: self.compression_switch,
            message_compressed: self.message_compressed,
        }
    }

    /// The initial metadata, which is sent before the first message.
    pub fn metadata(&self) -> &MetadataMap {
        &self.metadata
    }

    /// The initial metadata, mutably.
    pub fn metadata_mut(&mut self) -> &mut MetadataMap {
        &mut self.metadata
    }

    /// The trailing metadata, which is sent after the last message. A client sees it here for calls with one response
    /// message; for streams it comes from [`Streaming::trailers`](crate::Streaming::trailers).
    pub fn trailers(&self) -> &MetadataMap {
        &self.trailers
    }

    /// The trailing metadata, mutably. A server sends it with status OK; with an error, it sends the error's
    /// [`metadata`](crate::Status::metadata) instead.
    pub fn trailers_mut(&mut self) -> &mut MetadataMap {
        &mut self.trailers
    }

    /// The values passed along with the response within this process.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// The extensions, mutably.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }

    /// Sets how a server compresses this response, overriding its default; `None` for no compression. An encoding that
    /// the client does not list is never used.
    pub fn set_compression(&mut self, encoding: Option<CompressionEncoding>) {
        self.compression = Some(encoding);
    }

    /// Sets the switch that decides for each message of a response stream whether it is compressed. Default: all are,
    /// if the call has an encoding. A single message depends only on [`set_compression`](Self::set_compression).
    pub fn set_compression_switch(&mut self, switch: &CompressionSwitch) {
        self.compression_switch = Some(switch.clone());
    }

    /// Whether the response's one message was received compressed. For the messages of a stream, see
    /// [`Streaming::message_compressed`](crate::Streaming::message_compressed).
    pub fn message_compressed(&self) -> bool {
        self.message_compressed
    }

    #[cfg(feature = "server")]
    pub(crate) fn into_answer(self) -> Answer<T> {
        Answer {
            message: self.message,
            metadata: self.metadata,
            trailers: self.trailers,
            compression: self.compression,
            compression_switch: self.compression_switch,
        }
    }
}

/// A response taken apart for sending.
#[cfg(feature = "server")]
pub(crate) struct Answer<T> {
    pub(crate) message: T,
    pub(crate) metadata: MetadataMap,
    pub(crate) trailers: MetadataMap,
    pub(crate) compression: Option<Option<CompressionEncoding>>,
    pub(crate) compression_switch: Option<CompressionSwitch>,
}

impl<T> From<T> for Response<T> {
    fn from(message: T) -> Self {
        Self::new(message)
    }
}
