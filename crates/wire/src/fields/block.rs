use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::FIELD_OVERHEAD;

/// A header field as it was on the wire.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderField {
    /// The name, in the case it was sent in. HTTP/2 requires lower case: see [`HeaderBlock::malformed`].
    pub name: Bytes,
    /// The value: arbitrary bytes.
    pub value: Bytes,
    /// Whether the sender forbade indexing it (RFC 7541 section 6.2.3): whoever forwards it must forbid it too.
    pub sensitive: bool,
}

impl HeaderField {
    /// Creates a field that may be indexed.
    pub fn new(name: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        Self { name: name.into(), value: value.into(), sensitive: false }
    }

    /// The size that the field adds to a header list: name + value + 32 (RFC 9113 section 6.5.2).
    pub fn list_size(&self) -> usize {
        self.name.len() + self.value.len() + FIELD_OVERHEAD
    }
}

impl fmt::Debug for HeaderField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name.escape_ascii())?;
        if self.sensitive {
            // Secrets do not belong in a log.
            f.write_str("<sensitive>")
        } else {
            write!(f, "{}", self.value.escape_ascii())
        }
    }
}

/// A reason why a request or response is malformed by its fields alone (RFC 9113 section 8.2). It is a stream error:
/// the connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// A name is empty or holds an upper case letter, a control, a space, a byte above 0x7E, or a colon anywhere but in
    /// front.
    Name,
    /// A value holds NUL, CR or LF. Space around a value, which RFC 9113 section 8.2.1 forbids as well, is let through: gRPC
    /// over HTTP/2 expects it in metadata of other implementations ("ASCII-Value") and does not treat a call as
    /// malformed because of it.
    Value,
    /// A pseudo-header field comes after a regular one (RFC 9113 section 8.3).
    PseudoAfterRegular,
    /// A field that is specific to an HTTP/1.1 connection (RFC 9113 section 8.2.2).
    ConnectionSpecific,
}

impl Malformed {
    /// A description of what is wrong, with the section that says so.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Name => "a header field name holds a byte that RFC 9113 section 8.2.1 forbids",
            Self::Value => "a header field value holds NUL, CR or LF (RFC 9113 section 8.2.1)",
            Self::PseudoAfterRegular => "a pseudo-header field follows a regular one (RFC 9113 section 8.3)",
            Self::ConnectionSpecific => {
                "a connection-specific header field, which HTTP/2 forbids (RFC 9113 section 8.2.2)"
            }
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

/// A decoded header block; cloning one only increments a reference count.
///
/// Two blocks that are equal on the wire, while the dynamic table did not change, decode to the *same*
/// allocation (see [`ptr_eq`](Self::ptr_eq)), which lets callers cache what they parsed from one. This is likely but
/// never guaranteed: the decoder remembers only a few blocks.
#[derive(Clone)]
pub struct HeaderBlock(Arc<Inner>);

struct Inner {
    fields: Vec<HeaderField>,
    list_size: usize,
    limit: usize,
    malformed: Option<Malformed>,
}

impl HeaderBlock {
    /// Creates a block of these fields, as if it had been received within the limits.
    pub fn from_fields(fields: Vec<HeaderField>) -> Self {
        let list_size = fields.iter().map(HeaderField::list_size).sum();
        let mut judge = Judge::default();
        for HeaderField { name, value, .. } in &fields {
            judge.add(name, malformed_field(name, value));
        }
        Self::decoded(fields, list_size, usize::MAX, judge.verdict())
    }

    pub(crate) fn decoded(
        fields: Vec<HeaderField>,
        list_size: usize,
        limit: usize,
        malformed: Option<Malformed>,
    ) -> Self {
        Self(Arc::new(Inner { fields, list_size, limit, malformed }))
    }

    /// The fields in the order they came in.
    pub fn fields(&self) -> &[HeaderField] {
        &self.0.fields
    }

    /// The size of the whole list, dropped fields included: name + value + 32 a field.
    pub fn list_size(&self) -> usize {
        self.0.list_size
    }

    /// The soft limit that applied to the list, in bytes as [`list_size`](Self::list_size) counts them.
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// Whether the list exceeded the soft limit. The fields beyond it are not in [`fields`](Self::fields); the dynamic
    /// table took them all, so the connection stays in sync.
    pub fn over_limit(&self) -> bool {
        self.0.list_size > self.0.limit
    }

    /// The first reason why the block is malformed by its fields alone. Which pseudo-header fields a message needs is
    /// not checked here.
    pub fn malformed(&self) -> Option<Malformed> {
        self.0.malformed
    }

    /// Whether both are the same allocation, and therefore equal without comparing.
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The value of the first field with this (lower case) name.
    pub fn get(&self, name: &[u8]) -> Option<&Bytes> {
        self.0.fields.iter().find(|field| field.name == name).map(|field| &field.value)
    }
}

impl fmt::Debug for HeaderBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.fields()).finish()
    }
}

/// Checks the fields of a block one after another, as they arrive.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    regular_seen: bool,
    verdict: Option<Malformed>,
}

impl Judge {
    /// Takes the next field, with what [`malformed_field`] said about it.
    pub(crate) fn add(&mut self, name: &[u8], malformed: Option<Malformed>) {
        let pseudo = name.first() == Some(&b':');
        let misplaced = (pseudo && self.regular_seen).then_some(Malformed::PseudoAfterRegular);
        self.regular_seen |= !pseudo;
        self.verdict = self.verdict.or(misplaced).or(malformed);
    }

    /// The first thing that was wrong.
    pub(crate) fn verdict(&self) -> Option<Malformed> {
        self.verdict
    }
}

/// Returns what is wrong with a field by itself.
pub(crate) fn malformed_field(name: &[u8], value: &[u8]) -> Option<Malformed> {
    let token = name.strip_prefix(b":").unwrap_or(name);
    // No early exit: without one, the compiler looks at many bytes at a time.
    let misfit = |&byte: &u8| !matches!(byte, 0x21..=0x7e) | (byte == b':') | byte.is_ascii_uppercase();
    if token.is_empty() || token.iter().fold(false, |found, byte| found | misfit(byte)) {
        return Some(Malformed::Name);
    }
    if value.iter().fold(false, |found, &byte| found | matches!(byte, 0 | b'\r' | b'\n')) {
        return Some(Malformed::Value);
    }
    is_connection_specific(name).then_some(Malformed::ConnectionSpecific)
}

/// Whether a field is specific to a connection (RFC 9113 section 8.2.2).
fn is_connection_specific(name: &[u8]) -> bool {
    matches!(name, b"connection" | b"keep-alive" | b"proxy-connection" | b"transfer-encoding" | b"upgrade")
}
