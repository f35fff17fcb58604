//! Header fields, whatever carries them: as they are received, and as they are written.
//!
//! HTTP/2 compresses them with [`hpack`](crate::hpack), another version of HTTP in another way. Code that reads or
//! writes a call's head sees only [`HeaderBlock`] and [`FieldWriter`].

mod block;
mod writer;

pub use block::{HeaderBlock, HeaderField, Malformed};
pub(crate) use block::{Judge, malformed_field};
pub use writer::{FieldWriter, Fields, Group, Indexing};

/// The overhead of a field on top of its name and value: in the size of a header list (RFC 9113 section 6.5.2), and in
/// a dynamic table of HPACK (RFC 7541 section 4.1).
pub const FIELD_OVERHEAD: usize = 32;
