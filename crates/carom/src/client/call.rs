//! Untyped calls: bytes out, bytes in, from any thread and under any executor.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use carom_wire::message::Message;
use carom_wire::{Code, MetadataMap, Status};
use smallvec::SmallVec;

use super::limits::{CallLimits, LateLimits, check_sent};
use crate::client::connection::slot::CallSlot;
use crate::codec::{Codec, CompressionEncoding, append_message, append_payload, decompress};

/// A running call of raw bytes.
///
/// It does not need the caller to have a runtime: messages are passed to plain functions, results are polled with any
/// waker, and the channel's own tasks do the rest. Each `poll_` function keeps the last waker that it was given.
/// Dropping the call cancels it, unless it is over.
///
/// A call always ends: through the server, the deadline, [`cancel`](Self::cancel) or the loss of the connection.
pub struct RawCall {
    pub(super) slot: Arc<CallSlot>,
    pub(super) limits: Limits,
}

/// The limits on messages of a call.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    pub(super) compression: Option<CompressionEncoding>,
    max_recv: usize,
    max_send: usize,
    /// The limits that replace the others if set.
    late: Option<Arc<LateLimits>>,
}

impl Limits {
    pub(super) fn new(
        compression: Option<CompressionEncoding>,
        early: &CallLimits,
        late: Option<Arc<LateLimits>>,
    ) -> Self {
        Self { compression, max_recv: early.max_recv, max_send: early.max_send, late }
    }

    /// The largest message accepted, decompressed.
    pub(super) fn max_recv(&self) -> usize {
        match &self.late {
            None => self.max_recv,
            Some(late) => late.get().max_recv,
        }
    }

    /// Checks that a message of `len` bytes, before compression, may be sent.
    pub(super) fn check_sent(&self, len: usize) -> Result<(), Status> {
        match &self.late {
            None => check_sent(len, self.max_send),
            Some(late) => late.check_sent(len),
        }
    }
}

/// The outcome of a unary call.
#[derive(Debug)]
#[non_exhaustive]
pub struct UnaryOutcome {
    /// The status. OK only with a message.
    pub status: Status,
    /// The server's message.
    pub message: Option<Bytes>,
    /// Whether the message was received compressed.
    pub compressed: bool,
    /// The server's initial metadata.
    pub initial_metadata: MetadataMap,
    /// The server's trailing metadata.
    pub trailing_metadata: MetadataMap,
}

impl RawCall {
    /// Sends a message. It never blocks; [`poll_ready`](Self::poll_ready) says when there is room. After the half-close
    /// or the end of the call this does nothing. A message over the limit ends the call with RESOURCE_EXHAUSTED.
    pub fn send_message(&self, payload: Bytes) {
        self.send(payload, false);
    }

    /// Sends the last message and half-closes.
    pub fn send_last_message(&self, payload: Bytes) {
        self.send(payload, true);
    }

    fn send(&self, payload: Bytes, last: bool) {
        match frame(payload, &self.limits) {
            Ok(chunks) => self.slot.send(chunks, last),
            Err(status) => self.slot.cancel(|| status),
        }
    }

    /// Half-closes the call: no message follows.
    pub fn half_close(&self) {
        self.slot.send([], true);
    }

    /// Ready when little is waiting to be sent, or the call is over.
    pub fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.slot.poll_ready(cx)
    }

    /// Ends the call, with `status` on this side and CANCEL at the server, unless it is over.
    pub fn cancel(&self, status: Status) {
        self.slot.cancel(|| status);
    }

    /// Polls for the server's initial metadata; `None` if the call ended without any (see the status).
    pub fn poll_headers(&self, cx: &mut Context<'_>) -> Poll<Option<MetadataMap>> {
        self.slot.poll_head(cx, |head| head.map(|head| head.metadata.clone()))
    }

    /// Polls for the next message, decompressed; `None` if no more will come, and the status says why.
    pub fn poll_message(&self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some((message, encoding)) = ready!(self.slot.poll_message(cx)) else { return Poll::Ready(None) };
        match inflate(message, encoding.as_deref(), self.limits.max_recv()) {
            Ok(payload) => Poll::Ready(Some(payload)),
            Err(status) => {
                self.slot.fail(status);
                Poll::Ready(None)
            }
        }
    }

    /// Polls for the status of the call and the server's trailing metadata.
    pub fn poll_status(&self, cx: &mut Context<'_>) -> Poll<(Status, MetadataMap)> {
        self.slot.poll_end(cx, |end| (end.status.clone(), end.metadata.clone()))
    }

    /// Polls as [`poll_status`](Self::poll_status) does, for a reader who wants the status in its place: a server's
    /// status is not shown before its last message was taken. An end that this side determined, by a cancellation, the
    /// deadline or a lost connection, is shown at once.
    pub fn poll_status_in_order(&self, cx: &mut Context<'_>) -> Poll<(Status, MetadataMap)> {
        self.slot.poll_concluded(cx, |end| (end.status.clone(), end.metadata.clone()))
    }

    /// Polls for the complete outcome of a call with one request and one response message: one wake-up for all of it.
    /// To be used instead of the other `poll_` functions, and only once: the outcome is moved out of the call.
    pub fn poll_unary(&self, cx: &mut Context<'_>) -> Poll<UnaryOutcome> {
        let outcome = ready!(self.slot.poll_outcome(cx));
        let (initial_metadata, encoding) = match outcome.head {
            Some(head) => (head.metadata, head.encoding),
            None => (MetadataMap::new(), None),
        };
        let mut status = outcome.end.status;
        let compressed = outcome.first.as_ref().is_some_and(|first| first.compressed);
        let mut message = None;
        if status.code() == Code::Ok {
            match unary_message(outcome.first, outcome.surplus, encoding.as_deref(), self.limits.max_recv()) {
                Ok(payload) => message = Some(payload),
                Err(error) => status = error,
            }
        }
        Poll::Ready(UnaryOutcome {
            status,
            message,
            compressed,
            initial_metadata,
            trailing_metadata: outcome.end.metadata,
        })
    }

    /// Whether the call is over.
    pub fn has_ended(&self) -> bool {
        self.slot.has_ended()
    }

    /// Whether [`poll_status_in_order`](Self::poll_status_in_order) would be ready.
    pub fn has_ended_in_order(&self) -> bool {
        self.slot.is_concluded()
    }

    /// The address of the server, as in `ipv4:127.0.0.1:50051`; `None` while the call is on no connection.
    pub fn peer(&self) -> Option<String> {
        self.slot.connection().map(|connection| connection.info().peer.to_uri())
    }
}

impl Drop for RawCall {
    fn drop(&mut self) {
        self.slot.cancel(|| Status::cancelled("the call was dropped by its caller"));
    }
}

impl fmt::Debug for RawCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = String::from_utf8_lossy(&self.slot.spec.path);
        f.debug_struct("RawCall").field("method", &method).field("ended", &self.has_ended()).finish()
    }
}

/// Returns the one message of a unary response (the rule: none or several are UNIMPLEMENTED).
fn unary_message(
    first: Option<Message>,
    surplus: bool,
    encoding: Option<&[u8]>,
    max: usize,
) -> Result<Bytes, Status> {
    match first {
        Some(message) if !surplus => inflate(message, encoding, max),
        Some(_) => Err(Status::unimplemented(
            "the server sent more than one message in response to a call that takes one",
        )),
        None => Err(Status::unimplemented("the server sent no message in response to a call that takes one")),
    }
}

/// Returns the payload of a received message, decompressed.
pub(super) fn inflate(message: Message, encoding: Option<&[u8]>, max: usize) -> Result<Bytes, Status> {
    if !message.compressed {
        return Ok(message.payload);
    }
    let name = encoding.unwrap_or(b"identity");
    match CompressionEncoding::from_name(name) {
        Some(encoding) => decompress(encoding, &message.payload, max),
        None if name == b"identity" => Err(Status::internal(
            "a message has the compressed flag, but the response names no grpc-encoding",
        )),
        None => Err(Status::internal(format!(
            "the response is encoded with `{}`, which the client does not accept",
            name.escape_ascii()
        ))),
    }
}

/// Returns the chunks of a message as it is sent.
pub(super) fn frame(payload: Bytes, limits: &Limits) -> Result<SmallVec<[Bytes; 1]>, Status> {
    limits.check_sent(payload.len())?;
    let mut out = BytesMut::new();
    let tail = append_payload(payload, limits.compression, &mut out)?;
    let mut chunks = SmallVec::from_buf([out.freeze()]);
    chunks.extend(tail);
    Ok(chunks)
}

/// Encodes a message after its prefix.
pub(super) fn encode_framed<C: Codec>(
    codec: &C,
    message: &C::Encode,
    limits: &Limits,
) -> Result<Bytes, Status> {
    /// Most request messages are smaller.
    const FIRST_GUESS: usize = 128;
    let mut out = BytesMut::with_capacity(FIRST_GUESS);
    append_message(codec, message, limits.compression, |len| limits.check_sent(len), &mut out)?;
    Ok(out.freeze())
}
