//! The `grpc-timeout` header: at most eight digits and a unit.

use std::fmt;
use std::time::Duration;

/// The largest number that eight digits hold.
const MAX_VALUE: u128 = 99_999_999;

/// Units from fine to coarse, with their nanoseconds.
const UNITS: [(u8, u128); 6] = [
    (b'n', 1),
    (b'u', 1_000),
    (b'm', 1_000_000),
    (b'S', 1_000_000_000),
    (b'M', 60 * 1_000_000_000),
    (b'H', 3_600 * 1_000_000_000),
];

/// A value for the `grpc-timeout` header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EncodedTimeout {
    text: [u8; 9],
    length: u8,
}

impl EncodedTimeout {
    /// The text of the header's value.
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
/// 1 % late, and never before ours. What is too long for the header (eleven thousand years) becomes the longest
/// that it can say.
pub fn encode(timeout: Duration) -> EncodedTimeout {
    let nanos = round_up(timeout.as_nanos());
    let exact =
        UNITS.iter().rev().skip(2).find(|(_, unit)| nanos.is_multiple_of(*unit) && nanos / unit <= MAX_VALUE);
    let (unit, value) = match exact {
        Some((unit, size)) => (*unit, nanos / size),
        None => UNITS
            .iter()
            .map(|(unit, size)| (*unit, nanos.div_ceil(*size)))
            .find(|(_, value)| *value <= MAX_VALUE)
            .unwrap_or((b'H', MAX_VALUE)),
    };
    format(value, unit)
}

fn round_up(nanos: u128) -> u128 {
    let mut step = 1;
    while nanos.div_ceil(step) > 999 {
        step *= 10;
    }
    nanos.div_ceil(step) * step
}

fn format(value: u128, unit: u8) -> EncodedTimeout {
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

/// Why a `grpc-timeout` header means nothing.
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
/// What is not one to eight ASCII digits and one of `H M S m u n` is refused, never ignored: a call without the
/// deadline that its client set would run on for nobody.
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
