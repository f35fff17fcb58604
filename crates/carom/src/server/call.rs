//! Raw calls: encoded messages in and out, from any thread, for programs with another kind of handler.

use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use carom_wire::call::RequestHead;
use carom_wire::message::{Message, PREFIX_LEN};
use carom_wire::stream::StreamKey;
use carom_wire::{MetadataMap, Status};

use super::running::{Occupied, Sending};
use crate::cancellation::{CancelCell, Cancelled};
use crate::codec::{CompressionEncoding, decompress};
use crate::extensions::Extensions;
use crate::request::RequestContext;
use crate::server::connection::inbox::{Inbox, InboxReader};
use crate::server::connection::mailbox::{Command, Mailbox, UnaryAnswer};
use crate::streaming::MessageSource;
use crate::transport::ConnectionInfo;
use crate::wakers::Waiters;

/// A handler for calls of methods that no service has. It may answer them from any thread.
///
/// ```
/// use std::thread;
///
/// use carom::MetadataMap;
/// use carom::server::{DetachedHandler, IncomingCall, RequestMode, Server};
///
/// /// Answers each unary call with its own message, from a thread.
/// struct Echo;
///
/// impl DetachedHandler for Echo {
///     fn request_mode(&self, _path: &str) -> RequestMode {
///         RequestMode::Unary
///     }
///
///     fn call(&self, mut call: IncomingCall) {
///         thread::spawn(move || match call.receiver.try_message() {
///             Ok(message) => {
///                 let message = message.unwrap_or_default();
///                 call.responder.finish_unary(None, message, MetadataMap::new());
///             }
///             Err(status) => call.responder.finish(status, MetadataMap::new()),
///         });
///     }
/// }
///
/// let builder = Server::builder().fallback(Echo);
/// ```
pub trait DetachedHandler: Send + Sync + 'static {
    /// Takes a call. This runs in the connection's task: it must only hand the call over, never wait or compute.
    fn call(&self, call: IncomingCall);

    /// Returns when a call of this method is to be handed over. Called once for each distinct request head of a
    /// connection.
    fn request_mode(&self, path: &str) -> RequestMode {
        let _ = path;
        RequestMode::Streaming
    }
}

/// The time at which a call is handed to a [`DetachedHandler`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestMode {
    /// Once its one request message has arrived and the client has half-closed. The library itself refuses calls with
    /// no message or with several.
    Unary,
    /// As soon as its head has arrived.
    Streaming,
}

/// A call to be answered.
#[derive(Debug)]
pub struct IncomingCall {
    /// The request's head: method, metadata, timeout.
    pub head: Arc<RequestHead>,
    /// The origin of the call, and its deadline.
    pub facts: CallFacts,
    /// The result of the interceptors; `None` if there are none.
    pub(crate) context: Option<Box<RequestContext>>,
    /// The source of the request messages.
    pub receiver: MessageReceiver,
    /// The sink for the answer.
    pub responder: Responder,
}

impl IncomingCall {
    /// The metadata, with the changes of interceptors.
    pub fn metadata(&self) -> &MetadataMap {
        let changed = self.context.as_ref().and_then(|context| context.changed_metadata());
        changed.unwrap_or_else(|| self.head.metadata())
    }

    /// The values that interceptors pass on.
    pub fn extensions(&self) -> Option<&Extensions> {
        self.context.as_ref().map(|context| context.extensions())
    }
}

/// The properties of a call besides its head.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CallFacts {
    /// Addresses, TLS and certificates of the connection.
    pub connection: Arc<ConnectionInfo>,
    /// The deadline, at which the library ends the call by itself.
    pub deadline: Option<Instant>,
}

impl CallFacts {
    pub(crate) fn new(connection: Arc<ConnectionInfo>, deadline: Option<Instant>) -> Self {
        Self { connection, deadline }
    }
}

/// The request messages of one call, as bytes, decompressed. May be moved to any thread.
pub struct MessageReceiver {
    source: Source,
    encoding: Option<CompressionEncoding>,
    max_message_size: usize,
    /// Whether the last message was compressed.
    compressed: bool,
}

enum Source {
    /// The one message of a unary request, already decompressed.
    Whole(Option<Bytes>),
    Inbox(InboxReader),
}

impl MessageReceiver {
    /// Creates a receiver of one message. `compressed` says whether it was compressed on the wire.
    pub(crate) fn whole(message: Bytes, compressed: bool) -> Self {
        Self {
            source: Source::Whole(Some(message)),
            encoding: None,
            max_message_size: usize::MAX,
            compressed,
        }
    }

    pub(crate) fn streaming(
        inbox: Arc<Inbox>,
        encoding: Option<CompressionEncoding>,
        max_message_size: usize,
    ) -> Self {
        let inbox = InboxReader::new(inbox);
        Self { source: Source::Inbox(inbox), encoding, max_message_size, compressed: false }
    }

    /// Polls for the next message; `None` after the last one. An error means that the call is over: the client
    /// cancelled it, its deadline passed, or the client sent something unacceptable.
    pub fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Status>> {
        let inbox = match &mut self.source {
            Source::Whole(message) => return Poll::Ready(Ok(message.take())),
            Source::Inbox(inbox) => inbox,
        };
        match inbox.poll_message(cx) {
            Poll::Ready(Ok(Some(message))) => {
                self.compressed = message.compressed;
                Poll::Ready(match open(message, self.encoding, self.max_message_size) {
                    Ok(payload) => Ok(Some(payload)),
                    Err(status) => {
                        inbox.reject(status.clone());
                        Err(status)
                    }
                })
            }
            Poll::Ready(Ok(None)) => Poll::Ready(Ok(None)),
            Poll::Ready(Err(status)) => Poll::Ready(Err(status)),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Whether the message last returned was received compressed.
    pub fn message_compressed(&self) -> bool {
        self.compressed
    }

    /// Returns the next message if it has arrived, without waiting; `None` if it has not, or if there is none.
    ///
    /// # Errors
    /// Those of [`poll_message`](Self::poll_message).
    pub fn try_message(&mut self) -> Result<Option<Bytes>, Status> {
        match self.poll_message(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(None),
        }
    }

    /// Waits for the next message.
    ///
    /// # Errors
    /// Those of [`poll_message`](Self::poll_message).
    pub async fn message(&mut self) -> Result<Option<Bytes>, Status> {
        poll_fn(|cx| self.poll_message(cx)).await
    }
}

impl MessageSource for MessageReceiver {
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Status>> {
        Self::poll_message(self, cx)
    }

    fn message_compressed(&self) -> bool {
        self.compressed
    }
}

impl fmt::Debug for MessageReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageReceiver").field("encoding", &self.encoding).finish_non_exhaustive()
    }
}

/// Returns the payload of a message, decompressed if its flag says that it is compressed.
pub(crate) fn open(
    message: Message,
    encoding: Option<CompressionEncoding>,
    max_message_size: usize,
) -> Result<Bytes, Status> {
    match (message.compressed, encoding) {
        (false, _) => Ok(message.payload),
        (true, Some(encoding)) => decompress(encoding, &message.payload, max_message_size),
        // `doc/compression.md`: a flag without an encoding that it refers to.
        (true, None) => Err(Status::internal(
            "a message has the compressed flag set, but the request has no grpc-encoding header",
        )),
    }
}

/// The sink for the answer of one call, usable from any thread. Everything is queued to the connection, which is woken
/// once for many entries. After the call has ended, everything is ignored. If dropped without a finish, it answers
/// INTERNAL.
pub struct Responder {
    shared: Arc<ResponderShared>,
}

/// The state that a responder and its connection share.
pub(crate) struct ResponderShared {
    key: StreamKey,
    mailbox: Arc<Mailbox>,
    sending: Sending,
    /// The bytes that may be queued before [`Responder::poll_ready`] makes the caller wait.
    max_queued: usize,
    finished: AtomicBool,
    /// Set to the reason when the call is over.
    pub(crate) end: CancelCell,
    flow: Mutex<Flow>,
    /// Counts the call against the limits until it is answered, or until the responder and its connection have dropped
    /// it.
    occupied: Mutex<Option<Occupied>>,
}

#[derive(Default)]
struct Flow {
    /// The bytes handed over but not yet with the engine.
    queued: usize,
    /// Whether the stream's send buffer is full.
    full: bool,
    encoding: Option<CompressionEncoding>,
    waiting: Waiters,
}

impl ResponderShared {
    pub(crate) fn new(
        key: StreamKey,
        mailbox: Arc<Mailbox>,
        sending: Sending,
        max_queued: usize,
        occupied: Occupied,
    ) -> Self {
        let flow = Flow { encoding: sending.encoding(None), ..Flow::default() };
        Self {
            key,
            mailbox,
            sending,
            max_queued,
            finished: AtomicBool::new(false),
            end: CancelCell::default(),
            flow: Mutex::new(flow),
            occupied: Mutex::new(Some(occupied)),
        }
    }

    fn flow(&self) -> MutexGuard<'_, Flow> {
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that the connection took a message of `len` bytes off the queue; `full` says whether the stream's send
    /// buffer is full.
    pub(crate) fn moved(&self, len: usize, full: bool) {
        let waiting = {
            let mut flow = self.flow();
            flow.queued = flow.queued.saturating_sub(len);
            flow.full = full;
            if full || flow.queued >= self.max_queued {
                return;
            }
            flow.waiting.take()
        };
        waiting.for_each(Waker::wake);
    }

    /// Records that the call is over.
    pub(crate) fn ended(&self, reason: Cancelled) {
        self.end.set(reason);
        let waiting = self.flow().waiting.take();
        waiting.for_each(Waker::wake);
    }

    /// Whether this is the first (and only) end that the responder sends.
    fn finish_once(&self) -> bool {
        let first = !self.finished.swap(true, Ordering::AcqRel);
        if first {
            // The holder may keep the responder for longer; the client may use the slot as soon as it has the answer.
            *self.occupied.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        first
    }

    fn send(&self, command: Command) {
        // A connection that is gone has already called `ended`; there is nobody to send to.
        let _ = self.mailbox.push(command);
    }
}

impl Responder {
    pub(crate) fn new(shared: Arc<ResponderShared>) -> Self {
        Self { shared }
    }

    /// Sends the initial metadata now. Otherwise the first message sends empty metadata.
    pub fn send_initial_metadata(&self, metadata: MetadataMap) {
        if self.is_active() {
            let encoding = self.shared.flow().encoding;
            self.shared.send(Command::Head { key: self.shared.key, metadata, encoding });
        }
    }

    /// Sends a message. With `compress`, it is compressed with the call's encoding, if the client supports that.
    /// [`poll_ready`](Self::poll_ready) applies backpressure; a message over the send limit ends the call.
    pub fn send_message(&self, payload: Bytes, compress: bool) {
        if !self.is_active() {
            return;
        }
        if let Err(status) = self.shared.sending.check_size(payload.len()) {
            return self.finish(status, MetadataMap::new());
        }
        let encoding = {
            let mut flow = self.shared.flow();
            flow.queued += payload.len() + PREFIX_LEN;
            flow.encoding
        };
        self.shared.send(Command::Message { key: self.shared.key, payload, encoding, compress });
    }

    /// Ready when another message may be sent without growing the queue past its limit, or when the call is over
    /// (see [`is_active`](Self::is_active)).
    pub fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        let gives_way = {
            let mut flow = self.shared.flow();
            if !self.is_active() || (!flow.full && flow.queued < self.shared.max_queued) {
                return Poll::Ready(());
            }
            flow.waiting.add(cx)
        };
        if let Some(waker) = gives_way {
            waker.wake();
        }
        Poll::Pending
    }

    /// Ends the call with a status. The first end counts.
    pub fn finish(&self, status: Status, trailing: MetadataMap) {
        if self.shared.finish_once() {
            self.shared.send(Command::Finish { key: self.shared.key, status, trailing });
        }
    }

    /// Answers with one message and ends the call with OK, in one hand-over. `initial` is the metadata for the head,
    /// unless that was sent already.
    pub fn finish_unary(&self, initial: Option<MetadataMap>, payload: Bytes, trailing: MetadataMap) {
        if let Err(status) = self.shared.sending.check_size(payload.len()) {
            return self.finish(status, trailing);
        }
        if self.shared.finish_once() {
            let (key, encoding) = (self.shared.key, self.shared.flow().encoding);
            let answer = UnaryAnswer { key, initial, payload, encoding, trailing };
            self.shared.send(Command::FinishUnary(Box::new(answer)));
        }
    }

    /// Ready when the call is over, with the reason; [`Cancelled::Finished`] if it was answered.
    pub fn poll_cancelled(&self, cx: &mut Context<'_>) -> Poll<Cancelled> {
        self.shared.end.poll(cx)
    }

    /// The reason why the call is over; `None` while it is running.
    pub fn cancelled(&self) -> Option<Cancelled> {
        self.shared.end.reason()
    }

    /// Whether the call can still be answered: it is running and has not been finished.
    pub fn is_active(&self) -> bool {
        !self.shared.finished.load(Ordering::Acquire) && self.shared.end.reason().is_none()
    }

    /// Sets how messages are compressed from here on, in place of the server's default. An encoding that the client
    /// does not list is not used. Once the head has been sent, messages are compressed with the encoding that it
    /// announced, or not at all.
    pub fn set_compression(&self, encoding: Option<CompressionEncoding>) {
        let encoding = self.shared.sending.encoding(Some(encoding));
        self.shared.flow().encoding = encoding;
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if self.is_active() {
            let status = Status::internal("the server's handler dropped the call without an answer");
            self.finish(status, MetadataMap::new());
        }
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder")
            .field("active", &self.is_active())
            .field("end", &self.cancelled())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ResponderShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponderShared").field("key", &self.key).finish_non_exhaustive()
    }
}
