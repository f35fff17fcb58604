//! Codecs, which encode and decode messages. The library depends on no protobuf runtime: a method is given a [`Codec`].

#[cfg(feature = "buffa")]
mod buffa;
mod bytes;
mod compression;
mod framing;
#[cfg(feature = "prost")]
mod prost;

use ::bytes::{Bytes, BytesMut};
use carom_wire::Status;

#[cfg(feature = "buffa")]
pub use self::buffa::BuffaCodec;
pub use self::bytes::BytesCodec;
#[cfg(feature = "server")]
pub(crate) use self::compression::Encodings;
pub(crate) use self::compression::{ACCEPT_ENCODING, compress, decompress};
pub use self::compression::{CompressionEncoding, CompressionSwitch};
pub(crate) use self::framing::{append_message, append_payload};
#[cfg(feature = "prost")]
pub use self::prost::ProstCodec;

#[cfg(any(feature = "buffa", feature = "prost"))]
/// The size from which on messages are decoded by reference: `Bytes` fields become slices of what was received. Smaller
/// messages are copied out, so that a small field does not keep a whole read buffer alive.
const SHARE_FROM: usize = 16 * 1024;

/// An encoder and decoder of messages. Cheap to clone; it is cloned for each call.
///
/// ```
/// use bytes::{Bytes, BytesMut};
/// use carom::{Codec, Status};
///
/// /// Messages that are plain text.
/// #[derive(Clone)]
/// struct Text;
///
/// impl Codec for Text {
///     type Encode = String;
///     type Decode = String;
///     const SUBTYPE: &'static str = "text";
///
///     fn encode(&self, message: &String, out: &mut BytesMut) -> Result<(), Status> {
///         out.extend_from_slice(message.as_bytes());
///         Ok(())
///     }
///
///     fn decode(&self, message: Bytes) -> Result<String, Status> {
///         String::from_utf8(message.into()).map_err(|_| Status::internal("the message is not UTF-8"))
///     }
/// }
/// ```
pub trait Codec: Clone + Send + Sync + 'static {
    /// The type of the messages that this side sends.
    type Encode: Send + 'static;
    /// The type of the messages that this side receives.
    type Decode: Send + 'static;

    /// The content subtype, such as `json`: calls go out as `application/grpc+json`, a server answers requests of another
    /// subtype with HTTP 415, and a client ends a call whose response names another with INTERNAL. `proto` is the
    /// default: it is not sent, and requests that name none are assumed to have it. If empty, the codec reads any
    /// subtype, for bytes that are passed through; none is sent.
    const SUBTYPE: &'static str;

    /// Appends the encoded message to `out`, which may hold bytes already.
    ///
    /// # Errors
    /// The status that the call ends with, by convention INTERNAL.
    fn encode(&self, message: &Self::Encode, out: &mut BytesMut) -> Result<(), Status>;

    /// Decodes one complete message.
    ///
    /// # Errors
    /// The status that the call ends with, by convention INTERNAL.
    fn decode(&self, message: Bytes) -> Result<Self::Decode, Status>;
}
