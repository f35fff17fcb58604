//! The `grpc-timeout` header: at most eight digits and a unit.

use std::fmt;
use std::time::Duration;

/// The largest number of eight digits.
const MAX_VALUE: u64 = 99_999_999;

/// Below this many seconds, a rounded-up timeout still fits into eight digits of seconds.
const MAX_SECONDS: u64 = 99_900_000;

/// A value for the `grpc-timeout` header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EncodedTimeout {
    text: [u8; 9],
    length: u8,
}

impl EncodedTimeout {
    /// The header's value as text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text[..usize::from(self.length)]
    }
}

impl fmt::Debug for EncodedTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_bytes().escape_ascii())
    }
}

/// Encodes a timeout, rounded up to three significant digits.
///
/// The time left of a deadline differs from call to call by microseconds. Rounded, the header repeats, so that
/// header blocks repeat to the byte and cost next to nothing on both sides; the peer's deadline comes at most
/// 1 % late, and never before ours. A timeout too long for the header (eleven thousand years) becomes the longest that
/// it can express.
pub fn encode(timeout: Duration) -> EncodedTimeout {
    let seconds = timeout.as_secs();
    if seconds >= MAX_SECONDS {
        return encode_long(seconds.saturating_add(1));
    }
    let nanos = seconds * 1_000_000_000 + u64::from(timeout.subsec_nanos());
    let magnitude = nanos.checked_ilog10().unwrap_or(0);
    // Three digits, and the power of ten they are multiplied by.
    let mut power = magnitude.saturating_sub(2);
    let mut digits = nanos.div_ceil(10u64.pow(power));
    while digits >= 10 && digits.is_multiple_of(10) {
        digits /= 10;
        power += 1;
    }
    let (unit, unit_power) = match power {
        0..3 => (b'n', 0),
        3..6 => (b'u', 3),
        6..9 => (b'm', 6),
        _ => (b'S', 9),
    };
    format(digits * 10u64.pow(power - unit_power), unit)
}

/// Encodes a timeout of three years or more.
fn encode_long(seconds: u64) -> EncodedTimeout {
    let minutes = seconds.div_ceil(60);
    if minutes <= MAX_VALUE {
        format(minutes, b'M')
    } else {
        format(minutes.div_ceil(60).min(MAX_VALUE), b'H')
    }
}

/// Writes the digits and the unit; `value` is at most [`MAX_VALUE`].
fn format(value: u64, unit: u8) -> EncodedTimeout {
    let mut digits = [0; 8];
    let mut rest = value as u32;
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let count = digits.len() - first;
    let mut text = [0; 9];
    text[..count].copy_from_slice(&digits[first..]);
    text[count] = unit;
    EncodedTimeout { text, length: count as u8 + 1 }
}

/// The reason why a `grpc-timeout` header is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidTimeout {
    /// There is no digit.
    NoDigits,
    /// There are more than eight digits.
    TooManyDigits,
    /// A byte before the last is not a digit.
    NotADigit(u8),
    /// The last byte is not one of `H M S m u n`.
    UnknownUnit(u8),
}

impl fmt::Display for InvalidTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("grpc-timeout ")?;
        match self {
            Self::NoDigits => f.write_str("has no digits"),
            Self::TooManyDigits => f.write_str("has more than eight digits"),
            Self::NotADigit(byte) => write!(f, "holds '{}' where a digit belongs", byte.escape_ascii()),
            Self::UnknownUnit(byte) => {
                write!(f, "has '{}' for a unit, which is not one of H, M, S, m, u, n", byte.escape_ascii())
            }
        }
    }
}

impl std::error::Error for InvalidTimeout {}

/// Reads the value of a `grpc-timeout` header.
///
/// # Errors
///
/// Anything but one to eight ASCII digits and one of `H M S m u n` is rejected, never ignored: a call without the
/// deadline that its client set would keep running with nobody waiting for it.
pub fn parse(text: &[u8]) -> Result<Duration, InvalidTimeout> {
    let Some((&unit, digits)) = text.split_last() else {
        return Err(InvalidTimeout::NoDigits);
    };
    if digits.len() > 8 {
        return Err(InvalidTimeout::TooManyDigits);
    }
    let mut value = 0;
    for &byte in digits {
        if !byte.is_ascii_digit() {
            return Err(InvalidTimeout::NotADigit(byte));
        }
        value = value * 10 + u64::from(byte - b'0');
    }
    let timeout = match unit {
        b'H' => Duration::from_secs(value * 3_600),
        b'M' => Duration::from_secs(value * 60),
        b'S' => Duration::from_secs(value),
        b'm' => Duration::from_millis(value),
        b'u' => Duration::from_micros(value),
        b'n' => Duration::from_nanos(value),
        _ => return Err(InvalidTimeout::UnknownUnit(unit)),
    };
    if digits.is_empty() { Err(InvalidTimeout::NoDigits) } else { Ok(timeout) }
}

#[cfg(test)]
mod tests;
