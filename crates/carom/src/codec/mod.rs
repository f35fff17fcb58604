//! How messages become bytes and bytes messages. The library knows no protobuf runtime: a method is given a [`Codec`].

#[cfg(feature = "buffa")]
mod buffa;
mod bytes;
mod compression;

use ::bytes::{Bytes, BytesMut};
use carom_wire::Status;

#[cfg(feature = "buffa")]
pub use self::buffa::BuffaCodec;
pub use self::bytes::BytesCodec;
pub(crate) use self::compression::{ACCEPT_ENCODING, Encodings, compress, decompress};
pub use self::compression::{CompressionEncoding, CompressionSwitch};

/// Bytes in, messages out, and back. Cheap to clone; one is cloned for each call.
pub trait Codec: Clone + Send + Sync + 'static {
    /// What this side sends.
    type Encode: Send + 'static;
    /// What this side receives.
    type Decode: Send + 'static;

    /// The content subtype: `proto` for `application/grpc+proto`.
    const SUBTYPE: &'static str;

    /// Appends the encoded message to `out`, which may hold bytes already.
    ///
    /// # Errors
    /// The status that the call ends with, by custom INTERNAL.
    fn encode(&self, message: &Self::Encode, out: &mut BytesMut) -> Result<(), Status>;

    /// Decodes one whole message.
    ///
    /// # Errors
    /// The status that the call ends with, by custom INTERNAL.
    fn decode(&self, message: Bytes) -> Result<Self::Decode, Status>;
}
