//! A reader of encoded descriptors that keeps the bytes: generated Python code refers to places in them.

/// The length-delimited fields of an encoded message, in order. Other fields are passed over; reading ends where the
/// bytes are not a message.
pub(crate) fn delimited(mut bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    std::iter::from_fn(move || {
        loop {
            let tag = varint(&mut bytes)?;
            let number = (tag >> 3) as u32;
            match tag & 7 {
                0 => {
                    varint(&mut bytes)?;
                }
                1 => bytes = bytes.get(8..)?,
                5 => bytes = bytes.get(4..)?,
                2 => {
                    let length = usize::try_from(varint(&mut bytes)?).ok()?;
                    let (value, rest) = bytes.split_at_checked(length)?;
                    bytes = rest;
                    return Some((number, value));
                }
                _ => return None,
            }
        }
    })
}

/// All values of one field.
pub(crate) fn all(bytes: &[u8], number: u32) -> impl Iterator<Item = &[u8]> {
    delimited(bytes).filter(move |(found, _)| *found == number).map(|(_, value)| value)
}

/// The first value of one field, or nothing.
pub(crate) fn first(bytes: &[u8], number: u32) -> &[u8] {
    all(bytes, number).next().unwrap_or_default()
}

/// The `name` of any descriptor.
pub(crate) fn name(bytes: &[u8]) -> &str {
    std::str::from_utf8(first(bytes, 1)).unwrap_or("")
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// All values of one integer field that is not packed.
pub(crate) fn varints(mut bytes: &[u8], wanted: u32) -> impl Iterator<Item = u64> {
    std::iter::from_fn(move || {
        loop {
            let tag = varint(&mut bytes)?;
            match tag & 7 {
                0 => {
                    let value = varint(&mut bytes)?;
                    if (tag >> 3) as u32 == wanted {
                        return Some(value);
                    }
                }
                1 => bytes = bytes.get(8..)?,
                5 => bytes = bytes.get(4..)?,
                2 => {
                    let length = usize::try_from(varint(&mut bytes)?).ok()?;
                    bytes = bytes.get(length..)?;
                }
                _ => return None,
            }
        }
    })
}

/// The values of a packed integer field.
pub(crate) fn packed(mut bytes: &[u8]) -> impl Iterator<Item = u64> {
    std::iter::from_fn(move || varint(&mut bytes))
}
