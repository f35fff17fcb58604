//! Messages as raw bytes.

use bytes::{Bytes, BytesMut};
use carom_wire::Status;

use super::Codec;

/// A codec that passes messages through unchanged, for proxies, tools and code that decodes elsewhere. Received
/// messages are not copied.
#[derive(Debug, Clone, Copy, Default)]
pub struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = Bytes;
    type Decode = Bytes;

    const SUBTYPE: &'static str = "";

    fn encode(&self, message: &Bytes, out: &mut BytesMut) -> Result<(), Status> {
        out.extend_from_slice(message);
        Ok(())
    }

    fn decode(&self, message: Bytes) -> Result<Bytes, Status> {
        Ok(message)
    }
}
