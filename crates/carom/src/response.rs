//! A message on its way back, with what travels beside it.

use carom_wire::MetadataMap;

use crate::codec::{CompressionEncoding, CompressionSwitch};
use crate::extensions::Extensions;

/// A message, or a stream of messages, with initial and trailing metadata.
#[derive(Debug)]
pub struct Response<T> {
    message: T,
    metadata: MetadataMap,
    trailers: MetadataMap,
    extensions: Extensions,
    compression: Option<Option<CompressionEncoding>>,
    compression_switch: Option<CompressionSwitch>,
    /// Whether the one message that came was compressed.
    pub(crate) message_compressed: bool,
}

impl<T> Response<T> {
    /// A response without metadata.
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

    /// The message, to be changed.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.message
    }

    /// The message alone.
    pub fn into_inner(self) -> T {
        self.message
    }

    /// Initial metadata, message and extensions. Trailing metadata is given up.
    pub fn into_parts(self) -> (MetadataMap, T, Extensions) {
        (self.metadata, self.message, self.extensions)
    }

    /// Puts together what [`into_parts`](Self::into_parts) took apart.
    pub fn from_parts(metadata: MetadataMap, message: T, extensions: Extensions) -> Self {
        Self { metadata, extensions, ..Self::new(message) }
    }

    /// The same response with another message.
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

    /// The initial metadata, to be changed.
    pub fn metadata_mut(&mut self) -> &mut MetadataMap {
        &mut self.metadata
    }

    /// The trailing metadata, which is sent after the last message. A client sees it here for calls with one response
    /// message; for streams it comes from [`Streaming::trailers`](crate::Streaming::trailers).
    pub fn trailers(&self) -> &MetadataMap {
        &self.trailers
    }

    /// The trailing metadata, to be changed. A server sends it with status OK; with an error it is the error's
    /// [`metadata`](crate::Status::metadata) that goes out.
    pub fn trailers_mut(&mut self) -> &mut MetadataMap {
        &mut self.trailers
    }

    /// Values of this process beside the response.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// The extensions, to be changed.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }

    /// How a server compresses this response, whatever its default is: `None` not at all. An encoding that the client
    /// does not list is never used.
    pub fn set_compression(&mut self, encoding: Option<CompressionEncoding>) {
        self.compression = Some(encoding);
    }

    /// What says for each message of a response stream whether it is compressed. Default: all are, if the call has an
    /// encoding. One message alone goes by [`set_compression`](Self::set_compression).
    pub fn set_compression_switch(&mut self, switch: &CompressionSwitch) {
        self.compression_switch = Some(switch.clone());
    }

    /// Whether the response's one message came compressed. Of a stream's messages
    /// [`Streaming::message_compressed`](crate::Streaming::message_compressed) tells it.
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
