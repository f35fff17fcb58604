//! The official interop cases, as the gRPC project describes them (`doc/interop-test-descriptions.md` and
//! `doc/negative-http2-interop-test-descriptions.md` of its repository), with the flags that its own programs have.

pub mod auth;
pub mod cases;
pub mod flags;
mod negative;
pub mod server;
mod soak;

/// The package `grpc.testing`.
#[allow(missing_docs, reason = "generated code")]
pub mod proto {
    carom::include_proto!("grpc.testing");
}

use proto::{Payload, ResponseParameters};

/// Sizes in bytes that the descriptions ask for.
const LARGE_REQUEST: usize = 271_828;
const LARGE_RESPONSE: usize = 314_159;

/// Metadata that the server sends back, as initial and as trailing metadata.
const ECHO_INITIAL: &str = "x-grpc-test-echo-initial";
const ECHO_TRAILING: &str = "x-grpc-test-echo-trailing-bin";

fn zeros(size: usize) -> Payload {
    Payload { body: vec![0; size], ..Default::default() }
}

fn sized(size: usize) -> ResponseParameters {
    ResponseParameters { size: size as i32, ..Default::default() }
}
