//! gRPC servers and channels, built on Carom's own HTTP/2 engine.
//!
//! ```
//! # #[cfg(all(feature = "client", feature = "server"))]
//! # mod program {
//! use bytes::Bytes;
//! use carom::codec::BytesCodec;
//! use carom::server::{Method, Server, Service};
//! use carom::{Channel, Request, Response};
//!
//! /// The service `hello.Greeter`. Generated code implements [`Service`] for a trait with the methods of the `.proto` file.
//! struct Greeter;
//!
//! impl Service for Greeter {
//!     fn name(&self) -> &str {
//!         "hello.Greeter"
//!     }
//!
//!     fn methods(&self) -> Vec<Method> {
//!         vec![Method::unary("SayHello", BytesCodec, |request: Request<Bytes>| async move {
//!             let greeting = [b"Hello, ", &request.get_ref()[..]].concat();
//!             Ok(Response::new(greeting.into()))
//!         })]
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let any_port = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
//!     let server =
//!         Server::builder().add_service(Greeter).bind(any_port).start(tokio::runtime::Handle::current())?;
//!
//!     let channel = Channel::connect(server.local_addrs()[0].to_string()).await?;
//!     let request = Request::new(Bytes::from("Ada"));
//!     let response = channel.unary("/hello.Greeter/SayHello", BytesCodec, request).await?;
//!     assert_eq!(response.into_inner(), "Hello, Ada");
//!
//!     server.shutdown(None);
//!     server.terminated().await;
//!     Ok(())
//! }
//! # pub fn run() { main().unwrap() }
//! # }
//! # #[cfg(all(feature = "client", feature = "server"))]
//! # program::run();
//! ```
//!
//! Services and clients with typed messages are generated from `.proto` files by `carom-codegen` in a build script, and
//! included with [`include_proto!`]; no `protoc` is needed.
//!
//! * [`server`]: services and methods, the server that runs them, and its shutdown.
//! * [`Channel`]: targets, load balancing and calls; the options of one call are in its [`Request`] or [`CallOptions`].
//! * [`Request`], [`Response`], [`Streaming`], [`Status`], [`MetadataMap`]: the types that both sides use.
//! * [`Interceptor`]: code that wraps each call.
//! * [`codec`]: encoding, decoding and compressing messages.
//! * [`credentials`]: certificates and TLS settings.
//! * [`testing`]: a service and its callers in one process, without a socket.
//!
//! # How it works
//! ```text
//! up:    socket → server::connection → carom_wire (frames, streams, messages, calls) → server::router → handler
//! down:  the same modules in reverse
//! client control: target → resolver → addresses → balancer → picker → subchannel → transport
//! client call:    call → interceptors → picker → subchannel → client::connection
//! ```
//!
//! A connection is one task: it reads all there is, runs the handlers of unary calls in place and writes their answers
//! together. On that path nothing crosses a channel and no task is spawned; the only lock is that of the connection's
//! mailbox, taken once per turn and uncontended, however many calls the turn serves.
//!
//! # Features
//! `client`, `server`, `tls` (rustls), `gzip` (the `gzip` and `deflate` message encodings) and `buffa` (the codec of
//! generated code) are on by default; a program that only serves, or only calls, builds faster without the other.
//! `zstd` (the `zstd` message encoding, which compiles the C library) and `prost` (the codec of prost's messages) are
//! not.

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
mod panics;
mod request;
mod response;
#[cfg(feature = "server")]
pub mod server;
mod streaming;
#[cfg(all(feature = "client", feature = "server"))]
pub mod testing;
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
