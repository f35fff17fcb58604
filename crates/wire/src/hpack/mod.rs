//! Header compression for HTTP/2 (RFC 7541).
//!
//! A [`Decoder`] turns whole header blocks into [`HeaderBlock`](crate::fields::HeaderBlock)s, an [`Encoder`] writes them. Both hold the
//! state of one direction of one connection, so every block of that connection must pass through them, in
//! order, even those of streams that were refused (RFC 9113 section 4.3).
//!
//! Calls on one connection repeat their headers to the byte. The decoder remembers whole blocks and hands out
//! the same block again; the encoder finds a repeated pair by one hash.

mod decoder;
mod encoder;
mod huffman;
mod integer;
mod static_table;

pub(crate) use decoder::Discard;
pub use decoder::{DecodeError, Decoder};
pub use encoder::{BlockWriter, Encoder};

/// The dynamic table size that both sides start with (RFC 9113 section 6.5.2), and the most that Carom's encoder uses,
/// whatever the peer offers.
pub const DEFAULT_TABLE_SIZE: usize = 4096;

#[cfg(test)]
mod tests;
