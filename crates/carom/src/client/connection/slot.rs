//! One call at the client: what the caller and the connection's task have in common.
//!
//! All of a call is in one allocation, the [`CallSlot`]. Whoever holds a call writes into its slot (messages to send,
//! half-close, cancellation) and pokes the connection; the connection's task looks what is new, and writes what came
//! (head, messages, end) into it. Order is kept by the slot and not by commands, so a call that never reached a server
//! moves to another connection as it is.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use carom_wire::call::{Ended, ResponseHead};
use carom_wire::message::Message;
use carom_wire::stream::StreamKey;
use carom_wire::{MetadataMap, Status};
use smallvec::SmallVec;

use super::ClientConnection;
use crate::backlog::{Backlog, CREDIT_PORTION, size};
use crate::client::attachments::{Attachments, CallOutcome};
use crate::client::limits::{CallLimits, LateLimits};

/// What stays the same while a call lasts.
pub(crate) struct CallSpec {
    /// `/package.Service/Method`.
    pub(crate) path: Bytes,
    /// In place of the connection's.
    pub(crate) authority: Option<Box<str>>,
    /// The `grpc-encoding` of what is sent.
    pub(crate) encoding: Option<&'static str>,
    /// See [`limits`](Self::limits).
    pub(crate) early: CallLimits,
    /// In place of `early`, of a call that was made before it was known whether there is a service config.
    pub(crate) late: Option<Arc<LateLimits>>,
}

impl CallSpec {
    /// What the call is held to. Does not change once it is placed.
    pub(crate) fn limits(&self) -> CallLimits {
        match &self.late {
            None => self.early,
            Some(late) => late.get(),
        }
    }

    /// From then on the call is over with DEADLINE_EXCEEDED.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.limits().deadline
    }
}

/// What is to be done about the end of a call once it is not locked any more.
#[must_use]
pub(crate) struct Finished {
    wakers: SmallVec<[Waker; 2]>,
    report: Option<Box<(Box<Attachments>, CallOutcome)>>,
}

impl Finished {
    /// Tells those whom the pick attached; returns the callers to wake.
    pub(crate) fn into_wakers(self) -> SmallVec<[Waker; 2]> {
        if let Some(report) = self.report {
            let (attachments, outcome) = *report;
            attachments.complete(&outcome);
        }
        self.wakers
    }
}

/// Whoever places calls on connections.
pub(crate) trait CallOwner: Send + Sync {
    /// Takes a call that did not reach a server, to be placed again.
    fn take_back(&self, call: Arc<CallSlot>);
}

/// See the module's documentation.
pub(crate) struct CallSlot {
    pub(crate) spec: CallSpec,
    owner: Arc<dyn CallOwner>,
    state: Mutex<CallState>,
}

/// What changes. Methods that end something return wakers instead of waking: the lock is held.
pub(crate) struct CallState {
    /// To send with the request; kept while the call may have to be sent again.
    metadata: MetadataMap,
    outgoing: Outgoing,
    place: Place,
    /// What the pick of this connection attached. Told and dropped when the lock is not held: it runs code of others.
    attachments: Option<Box<Attachments>>,
    /// The slot is in its connection's inbox already.
    poked: bool,
    head: Option<ResponseHead>,
    /// Came, and was not taken.
    messages: Backlog,
    /// Bytes that the caller took and the peer may send again, not yet told to the connection.
    credit: usize,
    /// The caller waits for the end of the call alone, and takes its one message then.
    awaits_end: bool,
    /// The call is over. `end` says how, until someone takes it.
    over: bool,
    end: Option<Ended>,
    wakers: Wakers,
}

/// Where a call is.
enum Place {
    /// With its owner.
    Unplaced,
    /// With a connection that has not seen it.
    Queued(Arc<ClientConnection>),
    /// With a connection that has no stream free.
    Waiting(Arc<ClientConnection>),
    /// On a stream, which may be gone.
    Open(Arc<ClientConnection>, StreamKey),
}

/// What is to be sent.
#[derive(Default)]
struct Outgoing {
    /// Chunks of framed messages. The first `sent` of them went to the engine and are kept for a transparent retry.
    chunks: SmallVec<[Bytes; 1]>,
    sent: usize,
    /// Bytes in `chunks` before and after `sent`.
    kept: usize,
    waiting: usize,
    /// A caller was told to wait.
    held_back: bool,
    half_closed: bool,
    half_close_sent: bool,
    sent_any: bool,
    /// What was sent is not kept any more.
    committed: bool,
    retried: bool,
}

#[derive(Default)]
struct Wakers {
    head: Option<Waker>,
    message: Option<Waker>,
    end: Option<Waker>,
    ready: Option<Waker>,
}

/// As much of what was sent is kept for a transparent retry (gRFC A6 proposes a limit a call of this size).
const MAX_KEPT: usize = 256 * 1024;

/// A caller that asks is held back while this much is waiting for the connection.
const SEND_BUFFER: usize = 64 * 1024;

/// Messages that were taken from a slot together.
#[derive(Default)]
pub(crate) struct Batch {
    messages: VecDeque<Message>,
    /// What compressed ones are encoded in.
    encoding: Option<Bytes>,
    /// Bytes of messages that were taken from the batch and not told to the slot.
    taken: usize,
}

impl Batch {
    /// The next message of the batch.
    #[inline]
    pub(crate) fn next(&mut self, call: &Arc<CallSlot>) -> Option<Message> {
        let message = self.messages.pop_front()?;
        self.taken += size(&message);
        if self.taken >= CREDIT_PORTION {
            call.release(std::mem::take(&mut self.taken));
        }
        Some(message)
    }

    /// What compressed messages are encoded in, as the response names it.
    pub(crate) fn encoding(&self) -> Option<&[u8]> {
        self.encoding.as_deref()
    }
}

/// What a task that feeds a call is to do.
pub(crate) enum SenderState {
    /// Send.
    Free,
    /// Wait: enough is waiting.
    Held,
    /// Stop: the call is over.
    Over,
}

/// What a caller gets of a unary call's end.
pub(crate) struct Outcome {
    pub(crate) head: Option<ResponseHead>,
    pub(crate) first: Option<Message>,
    /// There was more than one message.
    pub(crate) surplus: bool,
    pub(crate) end: Ended,
}

impl CallSlot {
    /// A call with what is known of its messages from the start.
    pub(crate) fn new(
        spec: CallSpec,
        owner: Arc<dyn CallOwner>,
        metadata: MetadataMap,
        chunks: SmallVec<[Bytes; 1]>,
        half_closed: bool,
    ) -> Arc<Self> {
        let waiting = chunks.iter().map(Bytes::len).sum();
        let outgoing = Outgoing { chunks, waiting, half_closed, ..Outgoing::default() };
        let state = CallState {
            metadata,
            outgoing,
            place: Place::Unplaced,
            attachments: None,
            poked: false,
            head: None,
            messages: Backlog::default(),
            credit: 0,
            awaits_end: false,
            over: false,
            end: None,
            wakers: Wakers::default(),
        };
        Arc::new(Self { spec, owner, state: Mutex::new(state) })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, CallState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take_back(self: Arc<Self>) {
        let owner = Arc::clone(&self.owner);
        owner.take_back(self);
    }

    /// Ends the call with `status` unless it has ended, and resets its stream.
    pub(crate) fn cancel(self: &Arc<Self>, status: impl FnOnce() -> Status) {
        let (finished, connection) = {
            let mut state = self.lock();
            if state.over {
                return;
            }
            let finished = state.finish(ended(status()));
            (finished, state.poke())
        };
        finished.into_wakers().into_iter().for_each(Waker::wake);
        if let Some(connection) = connection {
            connection.poke(Arc::clone(self));
        }
    }

    /// Hands chunks of messages, and the half-close, to the call. Nothing happens once it is half-closed or over.
    pub(crate) fn send(self: &Arc<Self>, chunks: impl IntoIterator<Item = Bytes>, half_close: bool) {
        let connection = {
            let mut state = self.lock();
            if state.outgoing.half_closed || state.over {
                return;
            }
            for chunk in chunks {
                state.outgoing.waiting += chunk.len();
                state.outgoing.chunks.push(chunk);
            }
            state.outgoing.half_closed = half_close;
            state.poke()
        };
        if let Some(connection) = connection {
            connection.poke(Arc::clone(self));
        }
    }

    /// Ready while the caller may send more: little is waiting, or the call is over.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        let _old;
        let mut state = self.lock();
        if state.over || state.outgoing.waiting < SEND_BUFFER {
            return Poll::Ready(());
        }
        state.outgoing.held_back = true;
        _old = register(&mut state.wakers.ready, cx);
        Poll::Pending
    }

    /// Adds to the request's metadata, before the call is placed.
    pub(crate) fn add_metadata(&self, metadata: &MetadataMap) {
        self.lock().metadata.merge(metadata);
    }

    /// Ends the call with an error that was found in what came, although the server may have ended it well.
    pub(crate) fn fail(self: &Arc<Self>, status: Status) {
        let (finished, connection) = {
            let mut state = self.lock();
            let over = std::mem::take(&mut state.over);
            let finished = state.finish(ended(status));
            state.messages = Backlog::default();
            (finished, if over { None } else { state.poke() })
        };
        finished.into_wakers().into_iter().for_each(Waker::wake);
        if let Some(connection) = connection {
            connection.poke(Arc::clone(self));
        }
    }

    /// What a task that feeds the call is to do. It is woken when that changes, the end of the call included.
    pub(crate) fn poll_sender(&self, cx: &mut Context<'_>) -> SenderState {
        let _old;
        let mut state = self.lock();
        if state.over {
            return SenderState::Over;
        }
        _old = register(&mut state.wakers.ready, cx);
        if state.outgoing.waiting < SEND_BUFFER {
            return SenderState::Free;
        }
        state.outgoing.held_back = true;
        SenderState::Held
    }

    /// The trailing metadata of a call that is over.
    pub(crate) fn ended_metadata(&self) -> Option<MetadataMap> {
        self.lock().end.as_ref().map(|end| end.metadata.clone())
    }

    /// Ready when the response's head came or the call is over; `f` looks at the head.
    pub(crate) fn poll_head<T>(
        &self,
        cx: &mut Context<'_>,
        f: impl FnOnce(Option<&mut ResponseHead>) -> T,
    ) -> Poll<T> {
        let _old;
        let mut state = self.lock();
        if state.head.is_none() && !state.over {
            _old = register(&mut state.wakers.head, cx);
            return Poll::Pending;
        }
        Poll::Ready(f(state.head.as_mut()))
    }

    /// The next message with the encoding of compressed ones; `None` when no more will come.
    pub(crate) fn poll_message(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<(Message, Option<Bytes>)>> {
        let _old;
        let mut state = self.lock();
        let Some(message) = state.messages.pop() else {
            if state.over {
                return Poll::Ready(None);
            }
            _old = register(&mut state.wakers.message, cx);
            return Poll::Pending;
        };
        let encoding = match &state.head {
            Some(head) if message.compressed => head.encoding.clone(),
            _ => None,
        };
        let connection = state.give_credit(size(&message));
        drop(state);
        if let Some(connection) = connection {
            connection.poke(Arc::clone(self));
        }
        Poll::Ready(Some((message, encoding)))
    }

    /// Fills an empty batch with all messages that are here. Ready with an empty one: no more will come.
    pub(crate) fn poll_batch(self: &Arc<Self>, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<()> {
        let _old;
        let mut state = self.lock();
        let connection = state.give_credit(std::mem::take(&mut batch.taken));
        state.messages.take_all(&mut batch.messages);
        if batch.encoding.is_none()
            && let Some(head) = &state.head
        {
            batch.encoding.clone_from(&head.encoding);
        }
        let ready = state.over || !batch.messages.is_empty();
        if !ready {
            _old = register(&mut state.wakers.message, cx);
        }
        drop(state);
        if let Some(connection) = connection {
            connection.poke(Arc::clone(self));
        }
        if ready { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Says that `n` more bytes of messages were taken, so that the server may send as many.
    pub(crate) fn release(self: &Arc<Self>, n: usize) {
        let connection = self.lock().give_credit(n);
        if let Some(connection) = connection {
            connection.poke(Arc::clone(self));
        }
    }

    /// Ready at the end of the call; `f` looks at it.
    pub(crate) fn poll_end<T>(&self, cx: &mut Context<'_>, f: impl FnOnce(&Ended) -> T) -> Poll<T> {
        let _old;
        let mut state = self.lock();
        match &state.end {
            Some(end) => Poll::Ready(f(end)),
            None if state.over => Poll::Ready(f(&taken_before())),
            None => {
                _old = register(&mut state.wakers.end, cx);
                Poll::Pending
            }
        }
    }

    /// Ready at the end of the call, with all that came. Once: what is taken is gone.
    pub(crate) fn poll_outcome(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let _old;
        let mut state = self.lock();
        if !state.over {
            _old = register(&mut state.wakers.end, cx);
            let connection = state.await_end();
            drop(state);
            if let Some(connection) = connection {
                connection.poke(Arc::clone(self));
            }
            return Poll::Pending;
        }
        let end = state.end.take().unwrap_or_else(taken_before);
        let (head, first) = (state.head.take(), state.messages.pop());
        let surplus = state.messages.pop().is_some();
        Poll::Ready(Outcome { head, first, surplus, end })
    }

    /// Whether the call is over.
    pub(crate) fn has_ended(&self) -> bool {
        self.lock().over
    }

    /// The connection that the call is or was on.
    pub(crate) fn connection(&self) -> Option<Arc<ClientConnection>> {
        match &self.lock().place {
            Place::Queued(connection) | Place::Waiting(connection) | Place::Open(connection, _) => {
                Some(Arc::clone(connection))
            }
            Place::Unplaced => None,
        }
    }
}

impl CallState {
    /// Notes the end. The first one counts.
    pub(crate) fn finish(&mut self, end: Ended) -> Finished {
        if std::mem::replace(&mut self.over, true) {
            return Finished { wakers: SmallVec::new(), report: None };
        }
        let report = self.attachments.take().map(|attachments| {
            let outcome = CallOutcome { status: end.status.clone(), trailers: end.metadata.clone() };
            Box::new((attachments, outcome))
        });
        self.end = Some(end);
        self.outgoing.clear();
        let Wakers { head, message, end, ready } = std::mem::take(&mut self.wakers);
        Finished { wakers: [head, message, end, ready].into_iter().flatten().collect(), report }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.over
    }

    /// The call's own metadata.
    pub(crate) fn metadata(&self) -> &MetadataMap {
        &self.metadata
    }

    /// What goes out with the request: the call's own metadata, and what the pick attached.
    pub(super) fn request_metadata(&self) -> Cow<'_, MetadataMap> {
        match &self.attachments {
            Some(attachments) if !attachments.metadata().is_empty() => {
                let mut metadata = self.metadata.clone();
                metadata.merge(attachments.metadata());
                Cow::Owned(metadata)
            }
            _ => Cow::Borrowed(&self.metadata),
        }
    }

    /// Whether messages wait for the caller.
    pub(super) fn has_messages(&self) -> bool {
        !self.messages.is_empty()
    }

    /// The caller took `n` bytes. The connection to poke, if that is worth it.
    fn give_credit(&mut self, n: usize) -> Option<Arc<ClientConnection>> {
        self.credit += n;
        match &self.place {
            Place::Open(connection, _) if self.credit >= connection.credit_portion() && !self.over => {
                self.poke()
            }
            _ => None,
        }
    }

    /// The one message of such a call counts as taken when it comes: while its bytes kept the window shut, some servers
    /// could not send the end that the caller waits for (see [`carom_wire::conn::Connection::expect`]).
    fn await_end(&mut self) -> Option<Arc<ClientConnection>> {
        if std::mem::replace(&mut self.awaits_end, true) {
            return None;
        }
        let n = self.messages.first().map(size)?;
        self.give_credit(n)
    }

    /// The connection to poke, if there is one and it was not poked already.
    fn poke(&mut self) -> Option<Arc<ClientConnection>> {
        match &self.place {
            Place::Queued(connection) | Place::Waiting(connection) | Place::Open(connection, _)
                if !self.poked =>
            {
                self.poked = true;
                Some(Arc::clone(connection))
            }
            _ => None,
        }
    }
}

/// What the connection's task does with a call.
impl CallState {
    /// The task looks: what comes from now on pokes it again.
    pub(super) fn looked_at(&mut self) {
        self.poked = false;
    }

    /// The call is handed to `connection`, whose inbox it goes into. Attachments come back that are of no use any more.
    pub(super) fn queue_on(
        &mut self,
        connection: &Arc<ClientConnection>,
        attachments: Option<Box<Attachments>>,
    ) -> Option<Box<Attachments>> {
        self.place = Place::Queued(Arc::clone(connection));
        self.poked = true;
        if self.over {
            return attachments;
        }
        std::mem::replace(&mut self.attachments, attachments)
    }

    pub(super) fn opened(&mut self, key: StreamKey) {
        if let Place::Queued(connection) | Place::Waiting(connection) =
            std::mem::replace(&mut self.place, Place::Unplaced)
        {
            self.place = Place::Open(connection, key);
        }
    }

    /// All streams are taken: the connection keeps the call until one is free.
    pub(super) fn wait_for_stream(&mut self) {
        if let Place::Queued(connection) = std::mem::replace(&mut self.place, Place::Unplaced) {
            self.place = Place::Waiting(connection);
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.place, Place::Waiting(_))
    }

    /// Whether anything went to the engine.
    pub(super) fn has_sent(&self) -> bool {
        self.outgoing.sent_any
    }

    pub(super) fn key(&self) -> Option<StreamKey> {
        match &self.place {
            Place::Open(_, key) => Some(*key),
            _ => None,
        }
    }

    /// The call leaves its connection without having reached the server. What the pick attached comes back, to be dropped
    /// when the lock is not held.
    #[must_use]
    pub(super) fn unplaced(&mut self) -> Option<Box<Attachments>> {
        self.place = Place::Unplaced;
        self.poked = false;
        let outgoing = &mut self.outgoing;
        outgoing.waiting += outgoing.kept;
        (outgoing.sent, outgoing.kept) = (0, 0);
        (outgoing.half_close_sent, outgoing.sent_any) = (false, false);
        self.attachments.take()
    }

    /// Whether a stream that the server did not process may be opened again: once, while all that was sent is at hand.
    pub(super) fn may_retry(&mut self) -> bool {
        !self.outgoing.committed && !std::mem::replace(&mut self.outgoing.retried, true)
    }

    /// The next chunk to send, and whether the stream ends with it. A half-close with nothing to send is an empty
    /// chunk.
    pub(super) fn next_chunk(&mut self) -> Option<(Bytes, bool)> {
        let outgoing = &mut self.outgoing;
        outgoing.sent_any = true;
        let Some(next) = outgoing.chunks.get_mut(outgoing.sent) else {
            if outgoing.half_closed && !outgoing.half_close_sent {
                outgoing.half_close_sent = true;
                return Some((Bytes::new(), true));
            }
            return None;
        };
        outgoing.waiting -= next.len();
        let chunk = if outgoing.committed {
            std::mem::take(next)
        } else {
            outgoing.kept += next.len();
            next.clone()
        };
        outgoing.sent += 1;
        let last = outgoing.half_closed && outgoing.sent == outgoing.chunks.len();
        outgoing.half_close_sent |= last;
        if outgoing.kept > MAX_KEPT {
            outgoing.committed = true;
            outgoing.kept = 0;
        }
        if outgoing.committed {
            outgoing.forget_sent();
        }
        Some((chunk, last))
    }

    /// The waker of a caller that was held back and may go on.
    pub(super) fn take_ready_waker(&mut self) -> Option<Waker> {
        if !self.outgoing.held_back || self.outgoing.waiting >= SEND_BUFFER {
            return None;
        }
        self.outgoing.held_back = false;
        self.wakers.ready.take()
    }

    /// The server answered: the call will not be sent again.
    pub(super) fn commit(&mut self) {
        self.outgoing.committed = true;
        self.outgoing.kept = 0;
        self.outgoing.forget_sent();
    }

    pub(super) fn receive_head(&mut self, head: ResponseHead) -> Option<Waker> {
        self.commit();
        self.head = Some(head);
        self.wakers.head.take()
    }

    pub(super) fn receive_message(&mut self, message: Message) -> Option<Waker> {
        if self.awaits_end && !self.has_messages() {
            self.credit += size(&message);
        }
        self.messages.push(message);
        self.wakers.message.take()
    }

    /// More was read: see [`Backlog::copy_out`].
    pub(super) fn copy_out_messages(&mut self) {
        self.messages.copy_out();
    }

    pub(super) fn take_credit(&mut self) -> usize {
        std::mem::take(&mut self.credit)
    }
}

impl Outgoing {
    /// Nothing more will be sent, now or again.
    fn clear(&mut self) {
        self.chunks = SmallVec::new();
        (self.sent, self.kept, self.waiting) = (0, 0, 0);
        self.committed = true;
    }

    /// Drops what was sent. Moves the rest only when that is the smaller half, so that a long queue is not moved once a
    /// chunk.
    fn forget_sent(&mut self) {
        if self.sent == self.chunks.len() {
            self.chunks.clear();
        } else if self.sent * 2 >= self.chunks.len() {
            self.chunks.drain(..self.sent);
        } else {
            self.chunks[..self.sent].fill(Bytes::new());
            return;
        }
        self.sent = 0;
    }
}

/// An end that this side decided on.
fn ended(status: Status) -> Ended {
    Ended { status, metadata: MetadataMap::new(), trailers_only: false }
}

/// For whoever asks again after [`CallSlot::poll_outcome`].
fn taken_before() -> Ended {
    ended(Status::internal("the end of this call was taken before"))
}

/// Returns the waker that it replaces: to be dropped when the lock is not held, for that may run code of the caller's.
#[must_use]
fn register(waker: &mut Option<Waker>, cx: &Context<'_>) -> Option<Waker> {
    match waker {
        Some(waker) if waker.will_wake(cx.waker()) => None,
        _ => waker.replace(cx.waker().clone()),
    }
}

#[cfg(test)]
mod tests;
