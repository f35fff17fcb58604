//! Metadata: the key-value pairs that applications send with a call, alongside its messages.

use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use smallvec::SmallVec;

use crate::fields::{FIELD_OVERHEAD, FieldWriter, HeaderBlock, Indexing};

mod value;

pub use value::{MetadataValue, ToStrError};

/// Encodes without padding, as gRPC demands; decodes with or without it, and tolerates stray bits at the end.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// An ordered multimap of metadata.
///
/// Keys are made of `[0-9a-z_.-]`. They may be given in any case, here and to look something up; in the map and on the
/// wire they are lower case. Keys that belong to HTTP or to gRPC itself ([`is_reserved`]) are refused. The values of keys
/// that end in `-bin` are arbitrary bytes, held as the application sees them: base64 exists on the wire only. Other
/// values must be printable ASCII when they are set here; a peer may send other bytes that HTTP allows, and they are kept.
///
/// Most calls have only a few pairs, so the map is a list.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct MetadataMap {
    entries: Vec<(Bytes, MetadataValue)>,
}

impl MetadataMap {
    /// Creates an empty map, without allocating.
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// Creates an empty map with room for this many pairs.
    pub fn with_capacity(pairs: usize) -> Self {
        Self { entries: Vec::with_capacity(pairs) }
    }

    /// Whether the map has no pairs.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The number of pairs; a key with two values counts twice.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Removes all pairs.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Sets `value` as the only value of `key`.
    ///
    /// # Errors
    ///
    /// The key or the value may not be sent; the map is left as it was.
    pub fn insert(&mut self, key: &str, value: impl Into<MetadataValue>) -> Result<(), InvalidMetadata> {
        let value = value.into();
        let key = validate(key, &value)?;
        match self.entries.iter().position(|(known, _)| *known == key) {
            Some(first) => {
                self.entries[first].1 = value;
                let mut position = 0;
                self.entries.retain(|(known, _)| {
                    position += 1;
                    position <= first + 1 || *known != key
                });
            }
            None => self.entries.push((key, value)),
        }
        Ok(())
    }

    /// Adds a value after those that `key` already has.
    ///
    /// # Errors
    ///
    /// The key or the value may not be sent; the map is left as it was.
    pub fn append(&mut self, key: &str, value: impl Into<MetadataValue>) -> Result<(), InvalidMetadata> {
        let value = value.into();
        let key = validate(key, &value)?;
        self.entries.push((key, value));
        Ok(())
    }

    /// Returns the first value of `key`.
    pub fn get(&self, key: &str) -> Option<&MetadataValue> {
        self.entries.iter().find(|(known, _)| is_key(known, key)).map(|(_, value)| value)
    }

    /// Iterates over all values of `key`, in order.
    pub fn get_all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a MetadataValue> {
        self.entries.iter().filter(move |(known, _)| is_key(known, key)).map(|(_, value)| value)
    }

    /// Whether `key` has a value.
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Removes all values of `key` and returns the first.
    pub fn remove(&mut self, key: &str) -> Option<MetadataValue> {
        let first = self.entries.iter().position(|(known, _)| is_key(known, key))?;
        let (_, value) = self.entries.remove(first);
        self.entries.retain(|(known, _)| !is_key(known, key));
        Some(value)
    }

    /// Iterates over the pairs, in order.
    pub fn iter(&self) -> Iter<'_> {
        self.into_iter()
    }

    /// Appends all pairs of `other` to this map.
    pub fn merge(&mut self, other: &Self) {
        self.entries.extend_from_slice(&other.entries);
    }

    /// Extracts the application's metadata from a received block.
    ///
    /// Nothing in the block makes the call fail. Reserved names (see [`is_reserved`]) are skipped, and so is what no
    /// application could make sense of: a name outside `[0-9a-z_.-]`, a value with control bytes, a
    /// `-bin` value that is not base64. Other values are kept raw, without leading and trailing whitespace. A `-bin`
    /// field is split at commas before it is decoded: a proxy may have joined several.
    pub fn from_fields(block: &HeaderBlock) -> Self {
        let mut map = Self::new();
        for field in block.fields() {
            if is_reserved(&field.name) || invalid_key_byte(&field.name).is_some() {
                continue;
            }
            if is_binary(&field.name) {
                map.take_binary(&field.name, &field.value);
            } else if field.value.iter().all(|&byte| is_field_byte(byte)) {
                let value = field.value.slice_ref(trim(&field.value));
                map.entries.push((field.name.clone(), MetadataValue::from(value)));
            }
        }
        map
    }

    fn take_binary(&mut self, key: &Bytes, joined: &[u8]) {
        for part in joined.split(|&byte| byte == b',') {
            if let Ok(value) = BASE64.decode(trim(part)) {
                self.entries.push((key.clone(), MetadataValue::from(value)));
            }
        }
    }

    /// Writes the pairs as fields, `-bin` values in base64.
    pub fn encode(&self, w: &mut dyn FieldWriter) {
        let mut text: SmallVec<[u8; 256]> = SmallVec::new();
        for (key, value) in &self.entries {
            if is_binary(key) {
                let bytes = value.as_bytes();
                text.resize(base64_len(bytes.len()), 0);
                if BASE64.encode_slice(bytes, &mut text).is_ok() {
                    w.field(key, &text, Indexing::Without);
                }
            } else {
                w.field(key, trim(value.as_bytes()), Indexing::Without);
            }
        }
    }

    /// The size that the fields written by [`encode`](Self::encode) add to the header list: name + value +
    /// 32 each, after base64.
    pub fn header_list_size(&self) -> usize {
        let size = |(key, value): &(Bytes, MetadataValue)| {
            let sent = if is_binary(key) {
                base64_len(value.as_bytes().len())
            } else {
                trim(value.as_bytes()).len()
            };
            key.len() + sent + FIELD_OVERHEAD
        };
        self.entries.iter().map(size).sum()
    }
}

impl<'a> IntoIterator for &'a MetadataMap {
    type Item = (&'a str, &'a MetadataValue);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        Iter(self.entries.iter())
    }
}

/// The pairs of a [`MetadataMap`], in order.
#[derive(Clone, Debug)]
pub struct Iter<'a>(std::slice::Iter<'a, (Bytes, MetadataValue)>);

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a MetadataValue);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, value)| (key_str(key), value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl fmt::Debug for MetadataMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Whether a key of the map is the one that was asked for.
fn is_key(known: &Bytes, key: &str) -> bool {
    known.eq_ignore_ascii_case(key.as_bytes())
}

fn key_str(key: &Bytes) -> &str {
    // Every way into the map checks that keys are ASCII.
    std::str::from_utf8(key).unwrap_or_default()
}

/// Whether the values of a key are binary.
pub fn is_binary(key: &[u8]) -> bool {
    key.ends_with(b"-bin")
}

/// Whether a field belongs to the protocol and is therefore not application metadata: pseudo-header fields, those of
/// HTTP's message framing, and those that gRPC itself sends.
///
/// The prefix `grpc-` is reserved, but four names with it belong to layers above the engine, which reach them as
/// metadata: `grpc-trace-bin`, `grpc-tags-bin`, `grpc-retry-pushback-ms` and `grpc-previous-rpc-attempts`
/// (gRFC A6).
pub fn is_reserved(name: &[u8]) -> bool {
    match name.first() {
        None | Some(b':') => true,
        Some(b'g') => match name.strip_prefix(b"grpc-") {
            Some(own) => {
                !matches!(own, b"trace-bin" | b"tags-bin" | b"retry-pushback-ms" | b"previous-rpc-attempts")
            }
            None => false,
        },
        Some(b'c') => matches!(name, b"content-type" | b"content-length" | b"connection"),
        Some(b't') => matches!(name, b"te" | b"transfer-encoding"),
        Some(b'u') => matches!(name, b"user-agent" | b"upgrade"),
        Some(b'h') => matches!(name, b"host" | b"http2-settings"),
        Some(b'k') => name == b"keep-alive",
        Some(b'p') => name == b"proxy-connection",
        Some(_) => false,
    }
}

/// The reason why a pair of metadata may not be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidMetadata {
    key: String,
    reason: Reason,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Reason {
    EmptyKey,
    Reserved,
    Key { position: usize, byte: u8 },
    Value { position: usize, byte: u8 },
}

impl InvalidMetadata {
    /// The key as it was given.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The position of the first offending byte, in the key or in the value; `None` for an empty key and for a reserved
    /// one.
    pub fn position(&self) -> Option<usize> {
        match self.reason {
            Reason::EmptyKey | Reason::Reserved => None,
            Reason::Key { position, .. } | Reason::Value { position, .. } => Some(position),
        }
    }

    /// Whether the key belongs to HTTP or to gRPC itself ([`is_reserved`]).
    pub fn is_reserved(&self) -> bool {
        self.reason == Reason::Reserved
    }
}

impl fmt::Display for InvalidMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, reason } = self;
        match reason {
            Reason::EmptyKey => f.write_str("metadata key is empty"),
            Reason::Reserved => write!(
                f,
                "metadata key {key:?} belongs to HTTP or to gRPC itself: timeouts, encodings, status details and the \
                 like are set by methods of their own"
            ),
            Reason::Key { position, byte } => {
                let byte = byte.escape_ascii();
                write!(f, "metadata key {key:?}: '{byte}' at position {position} is not one of [0-9a-z_.-]")
            }
            Reason::Value { position, byte } => write!(
                f,
                "metadata value of {key:?}: '{}' at position {position} is not printable ASCII; for binary values \
                 use a key that ends in -bin",
                byte.escape_ascii()
            ),
        }
    }
}

impl std::error::Error for InvalidMetadata {}

/// The key as it is kept.
fn validate(key: &str, value: &MetadataValue) -> Result<Bytes, InvalidMetadata> {
    let lower = match key.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Bytes::from(key.to_ascii_lowercase()),
        false => Bytes::copy_from_slice(key.as_bytes()),
    };
    let reason = if lower.is_empty() {
        Reason::EmptyKey
    } else if let Some((position, byte)) = invalid_key_byte(&lower) {
        Reason::Key { position, byte }
    } else if is_reserved(&lower) {
        Reason::Reserved
    } else if is_binary(&lower) {
        return Ok(lower);
    } else {
        let invalid = |byte: &u8| !matches!(byte, 0x20..=0x7e);
        match value.as_bytes().iter().position(invalid) {
            Some(position) => Reason::Value { position, byte: value.as_bytes()[position] },
            None => return Ok(lower),
        }
    };
    Err(InvalidMetadata { key: key.to_owned(), reason })
}

fn invalid_key_byte(key: &[u8]) -> Option<(usize, u8)> {
    let valid = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'_' | b'.' | b'-');
    key.iter().position(|byte| !valid(byte)).map(|position| (position, key[position]))
}

/// Whether HTTP allows a byte in a field value (RFC 9110 section 5.5).
fn is_field_byte(byte: u8) -> bool {
    matches!(byte, b'\t' | 0x20..=0x7e | 0x80..)
}

fn trim(value: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !blank(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    &value[start..end]
}

/// The length of unpadded base64.
pub(crate) fn base64_len(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

#[cfg(test)]
mod tests;
