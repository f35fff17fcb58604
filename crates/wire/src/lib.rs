//! The sans-IO HTTP/2 and gRPC engine of Carom: bytes and time in, events and bytes out.
//!
//! ```text
//!   socket ─▶ server::Server, client::Client ─▶ calls: their heads, messages and ends
//!             http: conn::Connection                 call: message ─ metadata ─ status ─ timeout
//!             fields ─ hpack ─ frame ─ stream
//! ```
//!
//! Nothing here opens a socket, reads a clock or starts a task: time, bytes and limits are arguments. So the
//! same engine runs under an async runtime, under a virtual clock in tests, and in a fuzzer.
//!
//! * [`server::Server`] and [`client::Client`] are one connection with its calls each. Start there.
//! * [`http`] is what calls need from a transport; [`conn::Connection`] is HTTP/2 (RFC 9113), either side.
//! * [`call`] is gRPC over the transport's streams.
//! * [`fields`], [`hpack`] (RFC 7541), [`frame`], [`stream`] are the layers below; each knows only those listed before
//!   it.
//! * [`message`], [`metadata`], [`status`], [`timeout`] are gRPC's own wire forms.

pub mod call;
mod chunks;
pub mod client;
pub mod conn;
pub mod fields;
pub mod frame;
pub mod hpack;
pub mod http;
pub mod memo;
pub mod message;
pub mod metadata;
#[cfg(test)]
mod random;
pub mod server;
pub mod status;
pub mod stream;
pub mod timeout;

pub use fields::{HeaderBlock, HeaderField};
pub use message::{Deframer, FramingError, Message};
pub use metadata::{InvalidMetadata, MetadataMap, MetadataValue};
pub use status::{Code, Status};
