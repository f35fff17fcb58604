//! gRPC calls over the streams of a [`Connection`](crate::conn::Connection): what a request, a response and
//! its end look like on the wire (gRPC over HTTP/2, `PROTOCOL-HTTP2.md`), and one state machine for each side.
//!
//! ```text
//!   client   request head ── messages ── END_STREAM ─────────────────────▶
//!            ◀──────────────── response head ── messages ── trailers   server
//!            ◀──────────────── Trailers-Only (an error at once)
//! ```

mod client;
mod dialect;
mod fit;
mod request;
mod response;
mod server;
#[cfg(test)]
mod tests;

pub use client::{ClientCall, ClientEvent, Ended, EndedBy, KnownResponses, ResponseHead};
pub use dialect::{ContentType, Dialect};
pub use request::{HeadCache, Refusal, RequestFields, RequestHead};
pub use server::ServerCall;

use crate::{
    fields::Group,
    message::{Deframer, FramingError, Message},
    status::{Code, Status},
};

/// The groups of fields that begin a request, begin a response, and end a successful response: see
/// [`FieldWriter::group`].
///
/// [`FieldWriter::group`]: crate::fields::FieldWriter::group
const REQUEST: Group = Group(0);
const RESPONSE: Group = Group(1);
const OK: Group = Group(2);

/// The content type of every gRPC message stream.
const CONTENT_TYPE: &[u8] = b"application/grpc";

/// The receiving half of a call, on either side: turns data into messages and checks that they end where they should.
struct Inbound {
    deframer: Deframer,
    max_message_size: usize,
    ended: bool,
    /// The side that is reading, as error texts name it.
    side: &'static str,
}

impl Inbound {
    fn new(side: &'static str, max_message_size: usize, ended: bool) -> Self {
        Self { deframer: Deframer::new(max_message_size), max_message_size, ended, side }
    }

    #[inline]
    fn next_message(&mut self) -> Result<Option<Message>, Status> {
        match self.deframer.next() {
            Ok(Some(message)) => Ok(Some(message)),
            Ok(None) if self.ended && !self.deframer.is_empty() => Err(self.cut_short()),
            Ok(None) => Ok(None),
            Err(error) => Err(self.refused(error)),
        }
    }

    #[cold]
    fn cut_short(&mut self) -> Status {
        self.deframer = Deframer::new(self.max_message_size);
        Status::new(Code::Internal, "the stream ended in the middle of a message")
    }

    #[cold]
    fn refused(&self, error: FramingError) -> Status {
        match error {
            FramingError::TooLarge { len, max } => Status::new(
                Code::ResourceExhausted,
                format!("{}: Received message larger than max ({len} vs. {max})", self.side),
            ),
            error => Status::new(Code::Internal, error.to_string()),
        }
    }
}
