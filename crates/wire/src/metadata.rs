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
/// Keys are lower case, made of `[0-9a-z_.-]`. The values of keys that end in `-bin` are arbitrary bytes, held as the
/// application sees them: base64 exists on the wire only. Other values must be printable ASCII when they are set here;
/// a peer may send other bytes that HTTP allows, and they are kept.
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
        validate(key, &value)?;
        match self.entries.iter().position(|(known, _)| known == key) {
            Some(first) => {
                self.entries[first].1 = value;
                let mut position = 0;
                self.entries.retain(|(known, _)| {
                    position += 1;
                    position <= first + 1 || known != key
                });
            }
            None => self.entries.push((Bytes::copy_from_slice(key.as_bytes()), value)),
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
        validate(key, &value)?;
        self.entries.push((Bytes::copy_from_slice(key.as_bytes()), value));
        Ok(())
    }

    /// Returns the first value of `key`.
    pub fn get(&self, key: &str) -> Option<&MetadataValue> {
        self.entries.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// Iterates over all values of `key`, in order.
    pub fn get_all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a MetadataValue> {
        self.entries.iter().filter(move |(known, _)| known == key).map(|(_, value)| value)
    }

    /// Whether `key` has a value.
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Removes all values of `key` and returns the first.
    pub fn remove(&mut self, key: &str) -> Option<MetadataValue> {
        let first = self.entries.iter().position(|(known, _)| known == key)?;
        let (_, value) = self.entries.remove(first);
        self.entries.retain(|(known, _)| known != key);
        Some(value)
    }

    /// Iterates over the pairs, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &MetadataValue)> {
        self.entries.iter().map(|(key, value)| (key_str(key), value))
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

    /// Writes the pairs as fields, `-bin` values in base64. Reserved names are skipped: they belong to the engine.
    pub fn encode(&self, w: &mut dyn FieldWriter) {
        let mut text: SmallVec<[u8; 256]> = SmallVec::new();
        for (key, value) in self.sent() {
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
        let size = |(key, value): (&Bytes, &MetadataValue)| {
            let sent = if is_binary(key) {
                base64_len(value.as_bytes().len())
            } else {
                trim(value.as_bytes()).len()
            };
            key.len() + sent + FIELD_OVERHEAD
        };
        self.sent().map(size).sum()
    }

    fn sent(&self) -> impl Iterator<Item = (&Bytes, &MetadataValue)> {
        self.entries.iter().filter(|(key, _)| !is_reserved(key)).map(|(key, value)| (key, value))
    }
}

impl fmt::Debug for MetadataMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
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
    Key { position: usize, byte: u8 },
    Value { position: usize, byte: u8 },
}

impl InvalidMetadata {
    /// The key as it was given.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The position of the first offending byte, in the key or in the value; `None` for an empty key.
    pub fn position(&self) -> Option<usize> {
        match self.reason {
            Reason::EmptyKey => None,
            Reason::Key { position, .. } | Reason::Value { position, .. } => Some(position),
        }
    }
}

impl fmt::Display for InvalidMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, reason } = self;
        match reason {
            Reason::EmptyKey => f.write_str("metadata key is empty"),
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

fn validate(key: &str, value: &MetadataValue) -> Result<(), InvalidMetadata> {
    let reason = if key.is_empty() {
        Reason::EmptyKey
    } else if let Some((position, byte)) = invalid_key_byte(key.as_bytes()) {
        Reason::Key { position, byte }
    } else if is_binary(key.as_bytes()) {
        return Ok(());
    } else {
        let invalid = |byte: &u8| !matches!(byte, 0x20..=0x7e);
        match value.as_bytes().iter().position(invalid) {
            Some(position) => Reason::Value { position, byte: value.as_bytes()[position] },
            None => return Ok(()),
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
