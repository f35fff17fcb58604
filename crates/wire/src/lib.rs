//! The sans-IO HTTP/2 and gRPC engine of Carom: bytes and time in, events and bytes out.
//!
//! ```text
//!   socket ─▶ conn::Connection ─▶ Event ─▶ call::{ServerCall, ClientCall} ─▶ messages, status
//!             fields ─ hpack ─ frame ─ stream          message ─ metadata ─ status ─ timeout
//! ```
//!
//! Nothing here opens a socket, reads a clock or starts a task: time, bytes and limits are arguments. So the
//! same engine runs under an async runtime, under a virtual clock in tests, and in a fuzzer.
//!
//! * [`conn::Connection`] is one HTTP/2 connection (RFC 9113), either side. Start there.
//! * [`call`] is gRPC over its streams.
//! * [`fields`], [`hpack`] (RFC 7541), [`frame`], [`stream`] are the layers below; each knows only those before it.
//! * [`message`], [`metadata`], [`status`], [`timeout`] are gRPC's own wire forms.

pub mod call;
mod chunks;
pub mod conn;
pub mod fields;
pub mod frame;
pub mod hpack;
pub mod message;
pub mod metadata;
#[cfg(test)]
mod random;
pub mod status;
pub mod stream;
pub mod timeout;

pub use fields::{HeaderBlock, HeaderField};
pub use message::{Deframer, FramingError, Message};
pub use metadata::{InvalidMetadata, MetadataMap, MetadataValue};
pub use status::{Code, Status};
