//! Calls in the raw: bytes of messages in and out, from any thread, for whoever brings handlers of another kind.

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

/// Takes calls of methods that no service has. It answers them from wherever it likes.
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
    /// Takes a call. Runs in the task of the connection: it must only hand the call over, never wait or compute.
    fn call(&self, call: IncomingCall);

    /// When a call of this method is handed over. Asked once for each distinct request head of a connection.
    fn request_mode(&self, path: &str) -> RequestMode {
        let _ = path;
        RequestMode::Streaming
    }
}

/// When a call is handed to a [`DetachedHandler`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestMode {
    /// When its one request message is here, and the client has said that none follows. Calls with none or with
    /// several messages are refused by the library.
    Unary,
    /// As soon as its head is here.
    Streaming,
}

/// A call to be answered.
#[derive(Debug)]
pub struct IncomingCall {
    /// Method, metadata, timeout: what the request's head said.
    pub head: Arc<RequestHead>,
    /// Where the call came from, and until when.
    pub facts: CallFacts,
    /// What interceptors made of it; `None`: there are none.
    pub(crate) context: Option<Box<RequestContext>>,
    /// Gives the request messages.
    pub receiver: MessageReceiver,
    /// Takes the answer.
    pub responder: Responder,
}

impl IncomingCall {
    /// The metadata, as interceptors left it.
    pub fn metadata(&self) -> &MetadataMap {
        let changed = self.context.as_ref().and_then(|context| context.changed_metadata());
        changed.unwrap_or_else(|| self.head.metadata())
    }

    /// What interceptors hand on.
    pub fn extensions(&self) -> Option<&Extensions> {
        self.context.as_ref().map(|context| context.extensions())
    }
}

/// What a call knows beside its head.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CallFacts {
    /// Addresses, TLS and certificates of the connection.
    pub connection: Arc<ConnectionInfo>,
    /// When the deadline passes; the library then ends the call by itself.
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
    /// Whether the message that came last was compressed.
    compressed: bool,
}

enum Source {
    /// The one message of a unary request, already decompressed.
    Whole(Option<Bytes>),
    Inbox(InboxReader),
}

impl MessageReceiver {
    /// `compressed`: whether the message was, on the wire.
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

    /// The next message; `None` after the last one. An error means that the call is over: the client cancelled it,
    /// its deadline passed, or it sent something that cannot be taken.
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

    /// Whether the message that was taken last had come compressed.
    pub fn message_compressed(&self) -> bool {
        self.compressed
    }

    /// The next message if it is here, without waiting; `None` if it is not, or if there is none.
    ///
    /// # Errors
    /// As [`poll_message`](Self::poll_message).
    pub fn try_message(&mut self) -> Result<Option<Bytes>, Status> {
        match self.poll_message(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(None),
        }
    }

    /// The next message, waiting for it.
    ///
    /// # Errors
    /// As [`poll_message`](Self::poll_message).
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

/// The payload of a message, decompressed if its flag says that it is compressed.
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

/// Takes the answer of one call, from any thread. What it is given is queued to the connection, which is woken once for
/// many. After the call has ended, everything is ignored. Dropped without a finish, it answers INTERNAL.
pub struct Responder {
    shared: Arc<ResponderShared>,
}

/// What a responder and its connection share.
pub(crate) struct ResponderShared {
    key: StreamKey,
    mailbox: Arc<Mailbox>,
    sending: Sending,
    /// Bytes that may be queued before [`Responder::poll_ready`] asks to wait.
    max_queued: usize,
    finished: AtomicBool,
    /// Set when the call is over, with the reason.
    pub(crate) end: CancelCell,
    flow: Mutex<Flow>,
    /// Counts as running for the connection's limit until the call is answered, or the responder and its connection
    /// have let go.
    occupied: Mutex<Option<Occupied>>,
}

#[derive(Default)]
struct Flow {
    /// Bytes handed over and not yet with the engine.
    queued: usize,
    /// The stream's send buffer is full.
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

    /// The connection took a message of `len` bytes off the queue; `full`: the stream has enough to send.
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

    /// The call is over.
    pub(crate) fn ended(&self, reason: Cancelled) {
        self.end.set(reason);
        let waiting = self.flow().waiting.take();
        waiting.for_each(Waker::wake);
    }

    /// Whether this is the first (and only) end that the responder gives.
    fn finish_once(&self) -> bool {
        let first = !self.finished.swap(true, Ordering::AcqRel);
        if first {
            // The holder may keep the responder for longer; the client may use the place as soon as it has the answer.
            *self.occupied.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        first
    }

    fn send(&self, command: Command) {
        // An ended connection has told so by `ended`; there is nobody to send to.
        let _ = self.mailbox.push(command);
    }
}

impl Responder {
    pub(crate) fn new(shared: Arc<ResponderShared>) -> Self {
        Self { shared }
    }

    /// Sends the initial metadata now. Without this the first message sends empty ones.
    pub fn send_initial_metadata(&self, metadata: MetadataMap) {
        if self.is_active() {
            let encoding = self.shared.flow().encoding;
            self.shared.send(Command::Head { key: self.shared.key, metadata, encoding });
        }
    }

    /// Sends a message. `compress`: by the call's encoding, if it has one that the client can read.
    /// [`poll_ready`](Self::poll_ready) says when to hold back; a message over the send limit ends the call.
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

    /// Ends the call. The first end counts.
    pub fn finish(&self, status: Status, trailing: MetadataMap) {
        if self.shared.finish_once() {
            self.shared.send(Command::Finish { key: self.shared.key, status, trailing });
        }
    }

    /// Answers by one message and ends the call well, in one hand-over. `initial`: metadata for the head, unless it was
    /// sent already.
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

    /// Why the call is over; `None` while it goes on.
    pub fn cancelled(&self) -> Option<Cancelled> {
        self.shared.end.reason()
    }

    /// Whether an answer can still be given: the call goes on and has not been finished.
    pub fn is_active(&self) -> bool {
        !self.shared.finished.load(Ordering::Acquire) && self.shared.end.reason().is_none()
    }

    /// How messages are compressed from here on, in place of the server's default. An encoding that the client does not
    /// list is not used. What the head said stays: once it is sent, messages are compressed as it says or not at all.
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
