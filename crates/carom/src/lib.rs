//! gRPC servers and channels on an HTTP/2 engine of their own.
//!
//! ```text
//! up:    socket → server::connection → carom_wire (frames, streams, messages, calls) → server::router → handler
//! down:  the same modules in reverse
//! client control: target → resolver → addresses → balancer → picker → subchannel → transport
//! client call:    call → interceptors → picker → subchannel → client::connection
//! ```
//!
//! * [`server`]: services and methods, the server that runs them, its shutdown.
//! * [`Request`], [`Response`], [`Streaming`], [`Status`], [`MetadataMap`]: what both sides handle.
//! * [`codec`]: messages to bytes and back, and message compression.
//! * [`credentials`]: certificates and TLS settings.
//!
//! A connection is one task: it reads all there is, runs the handlers of unary calls in place and writes their answers
//! together. Nothing on that path takes a lock, sends over a channel or starts a task.
//!
//! # Features
//! `client`, `server`, `tls` (rustls), `gzip` (the `gzip` and `deflate` message encodings) and `buffa` (the codec of
//! generated code) are on by default; a program that only serves, or only calls, builds in less time without the other.
//! `zstd` (the `zstd` message encoding, by the C library, which is compiled along) and `prost` (the codec of messages by
//! prost) are not.

mod backlog;
mod call_options;
mod cancellation;
#[cfg(feature = "client")]
pub mod client;
mod clock;
pub mod codec;
pub mod credentials;
mod deadlines;
mod extensions;
mod interceptor;
mod request;
mod response;
#[cfg(feature = "server")]
pub mod server;
mod streaming;
pub mod transport;
mod wakers;

pub use carom_wire::metadata::InvalidMetadata;
pub use carom_wire::{Code, MetadataMap, MetadataValue, Status};
pub use futures_core::Stream;

pub use call_options::{CallOptions, Compression};
pub use cancellation::{Cancellation, Cancelled};
#[cfg(feature = "client")]
pub use client::Channel;
pub use codec::{Codec, CompressionEncoding, CompressionSwitch};
pub use extensions::Extensions;
pub use interceptor::{CallEnd, CallObserver, CallStart, Interceptor, MessageInfo};
pub use request::{IntoRequest, IntoStreamingRequest, Request};
pub use response::Response;
pub use streaming::Streaming;

/// Includes the code that a build script generated for a protobuf package: `include_proto!("helloworld")`.
#[macro_export]
macro_rules! include_proto {
    ($package:tt) => {
        include!(concat!(env!("OUT_DIR"), concat!("/", $package, ".rs")));
    };
}
