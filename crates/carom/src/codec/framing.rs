//! Framing of messages: each goes out after its prefix, on either side.

use bytes::{BufMut, Bytes, BytesMut};
use carom_wire::Status;
use carom_wire::message::{PREFIX_LEN, prefix};

use super::{Codec, CompressionEncoding, compress};

/// Payloads below this size are copied after their prefix: that is cheaper than one more piece to write.
const COPY_BELOW: usize = 4096;

/// Appends a message to `out`: its prefix, then its encoded form. `check` is given its size before compression. After
/// an error, `out` ends in a partial message.
pub(crate) fn append_message<C: Codec>(
    codec: &C,
    message: &C::Encode,
    encoding: Option<CompressionEncoding>,
    check: impl FnOnce(usize) -> Result<(), Status>,
    out: &mut BytesMut,
) -> Result<(), Status> {
    let start = out.len();
    out.put_bytes(0, PREFIX_LEN);
    codec.encode(message, out)?;
    check(out.len() - start - PREFIX_LEN)?;
    if let Some(encoding) = encoding {
        let plain = out.split_off(start);
        out.put_bytes(0, PREFIX_LEN);
        compress(encoding, &plain[PREFIX_LEN..], out)?;
    }
    fill_in_prefix(out, start, encoding.is_some());
    Ok(())
}

/// Appends a message that is already encoded, after its prefix. A large one that is not compressed is returned, to be
/// sent after `out` as it is. Its size has been checked.
pub(crate) fn append_payload(
    payload: Bytes,
    encoding: Option<CompressionEncoding>,
    out: &mut BytesMut,
) -> Result<Option<Bytes>, Status> {
    let start = out.len();
    if let Some(encoding) = encoding {
        out.reserve(PREFIX_LEN + payload.len() / 2);
        out.put_bytes(0, PREFIX_LEN);
        compress(encoding, &payload, out)?;
        fill_in_prefix(out, start, true);
        return Ok(None);
    }
    let copied = if payload.len() < COPY_BELOW { payload.len() } else { 0 };
    out.reserve(PREFIX_LEN + copied);
    out.extend_from_slice(&prefix(false, wire_len(payload.len())));
    if copied < payload.len() {
        return Ok(Some(payload));
    }
    out.extend_from_slice(&payload);
    Ok(None)
}

fn fill_in_prefix(out: &mut BytesMut, start: usize, compressed: bool) {
    let len = wire_len(out.len() - start - PREFIX_LEN);
    out[start..start + PREFIX_LEN].copy_from_slice(&prefix(compressed, len));
}

/// Converts a length. Sizes have been checked to fit into 32 bits; what compression adds to an incompressible message
/// near 4 GiB is the one exception, and no peer accepts such a message.
fn wire_len(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
