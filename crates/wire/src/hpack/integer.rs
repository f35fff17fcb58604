//! Integers with an N-bit prefix (RFC 7541 section 5.1).

use bytes::BytesMut;

use super::DecodeError;

/// The number of bytes that may follow the prefix: enough for any 28-bit number, which exceeds every length and index
/// that can be valid here.
const MAX_CONTINUATION: u32 = 4;

/// Reads an integer whose prefix is the low `prefix` bits of `first`; the rest is taken from `input`.
pub(super) fn decode(first: u8, prefix: u32, input: &mut &[u8]) -> Result<usize, DecodeError> {
    let mask = (1u32 << prefix) - 1;
    let mut value = u32::from(first) & mask;
    if value < mask {
        return Ok(value as usize);
    }
    for group in 0..MAX_CONTINUATION {
        let [byte, rest @ ..] = *input else {
            return Err(DecodeError::Truncated);
        };
        *input = rest;
        value += u32::from(byte & 0x7f) << (7 * group);
        if byte & 0x80 == 0 {
            return Ok(value as usize);
        }
    }
    Err(DecodeError::IntegerTooLong)
}

/// Appends `value` with a prefix of `prefix` bits; `flags` are the bits above the prefix.
pub(super) fn encode(out: &mut BytesMut, flags: u8, prefix: u32, value: usize) {
    let mask = (1usize << prefix) - 1;
    if value < mask {
        out.extend_from_slice(&[flags | value as u8]);
        return;
    }
    let mut bytes = [0; 11];
    bytes[0] = flags | mask as u8;
    let mut length = 1;
    let mut rest = value - mask;
    while rest >= 0x80 {
        bytes[length] = (rest & 0x7f) as u8 | 0x80;
        rest >>= 7;
        length += 1;
    }
    bytes[length] = rest as u8;
    out.extend_from_slice(&bytes[..=length]);
}
