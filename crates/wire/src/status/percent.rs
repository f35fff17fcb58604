//! The escaping of `grpc-message` (gRPC over HTTP/2, "Status-Message").

use std::borrow::Cow;

/// Escapes a message: printable ASCII other than `%` stands for itself, every other byte of the UTF-8 form becomes
/// `%XX`. So do spaces at the ends, which HTTP would strip.
pub fn percent_encode(message: &str) -> Cow<'_, str> {
    let bytes = message.as_bytes();
    let plain = plain_in(bytes.len());
    let Some(first) = bytes.iter().enumerate().position(|at| !plain(at)) else {
        return Cow::Borrowed(message);
    };
    let mut escaped = String::with_capacity(message.len() + 2 * (message.len() - first).min(64));
    for (position, byte) in bytes.iter().enumerate() {
        if plain((position, byte)) {
            escaped.push(char::from(*byte));
        } else {
            escaped.push('%');
            escaped.push(hex_digit(byte >> 4));
            escaped.push(hex_digit(byte & 0xf));
        }
    }
    Cow::Owned(escaped)
}

/// The length of a message once it is escaped.
pub(crate) fn percent_encoded_len(message: &str) -> usize {
    let plain = plain_in(message.len());
    message.bytes().enumerate().map(|(position, byte)| if plain((position, &byte)) { 1 } else { 3 }).sum()
}

/// Whether a byte of a message of this length stands for itself.
fn plain_in(len: usize) -> impl Fn((usize, &u8)) -> bool {
    let last = len.wrapping_sub(1);
    move |(position, &byte)| match byte {
        b'%' => false,
        b' ' => position != 0 && position != last,
        _ => matches!(byte, 0x21..=0x7e),
    }
}

fn hex_digit(nibble: u8) -> char {
    char::from(b"0123456789ABCDEF"[usize::from(nibble)])
}

/// Reads an escaped message. It never fails and loses nothing that is readable: a broken escape is kept as it is, bytes
/// that are not UTF-8 become U+FFFD.
pub fn percent_decode(text: &[u8]) -> String {
    if !text.contains(&b'%') {
        return String::from_utf8_lossy(text).into_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        match (first, after) {
            (b'%', [high, low, behind @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(hex_value(*high) << 4 | hex_value(*low));
                rest = behind;
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit.wrapping_sub(b'A').wrapping_add(10) & 0xf,
    }
}
