//! One call at the client: the state shared by the caller and the tasks of connections.
//!
//! A call is distinct from the attempts to have it answered: each [`Attempt`] is on its own connection, and reads what
//! the call sends at its own pace. The first one whose response begins carries the call; the others end. A call is one
//! allocation, the [`CallSlot`], including its first attempt.
//!
//! Whoever holds a call writes into its slot (messages to send, half-close, cancellation) and pokes the connections of its
//! attempts; a connection's task checks what is new, and writes what it received (head, messages, end) into it. The
//! slot keeps the order, rather than commands, so an attempt that never reached a server moves to another connection as
//! it is.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use carom_wire::call::{Ended, EndedBy, ResponseHead};
use carom_wire::message::Message;
use carom_wire::stream::StreamKey;
use carom_wire::{MetadataMap, Status};
use smallvec::SmallVec;

use super::ClientConnection;
use super::attempt::{Attempt, AttemptId, AttemptState, Facts, Place};
use super::observation::Observation;
use super::send_log::{ReplayBudget, SendLog};
use crate::backlog::{Backlog, CREDIT_PORTION, size};
use crate::client::attachments::{Attachments, CallOutcome};
use crate::client::limits::{CallLimits, LateLimits};
use crate::client::retry::{Retry, Wait};
use crate::interceptor::Observers;
use crate::wakers::register;

/// The immutable properties of a call.
pub(crate) struct CallSpec {
    /// `/package.Service/Method`.
    pub(crate) path: Bytes,
    /// The `:authority`, in place of the connection's.
    pub(crate) authority: Option<Box<str>>,
    /// The content subtype of what is sent; empty if none is named.
    pub(crate) subtype: &'static str,
    /// The `grpc-encoding` of what is sent.
    pub(crate) encoding: Option<&'static str>,
    /// The limits known at the start of the call; see [`limits`](Self::limits).
    pub(crate) early: CallLimits,
    /// The limits in place of `early`, if the call started before it was known whether there is a service config.
    pub(crate) late: Option<Arc<LateLimits>>,
}

impl CallSpec {
    /// The limits of the call. They do not change once it is placed.
    pub(crate) fn limits(&self) -> CallLimits {
        match &self.late {
            None => self.early,
            Some(late) => late.get(),
        }
    }

    /// The time at which the call ends with DEADLINE_EXCEEDED.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.limits().deadline
    }
}

/// The connections to poke, each about an attempt.
#[derive(Default)]
pub(super) struct Pokes {
    /// The connection of the first attempt, the only one of most calls.
    first: Option<Arc<ClientConnection>>,
    more: Vec<(Arc<ClientConnection>, AttemptId)>,
}

/// What remains to be done about the end of a call once its lock is released.
#[must_use]
#[derive(Default)]
pub(crate) struct Finished {
    wakers: SmallVec<[Waker; 2]>,
    report: Option<Box<(Box<Attachments>, CallOutcome)>>,
    /// The end of the call, for its observers.
    observed: Option<Box<(Status, MetadataMap)>>,
    /// The connections of other attempts, whose streams are to be reset.
    pokes: Pokes,
}

impl Finished {
    /// Notifies the attachments of the pick, and the connections of other attempts; returns the callers to wake.
    pub(crate) fn complete(self, call: &Arc<CallSlot>) -> SmallVec<[Waker; 2]> {
        if let Some(report) = self.report {
            let (attachments, outcome) = *report;
            attachments.complete(&outcome);
        }
        if let Some(end) = self.observed {
            call.observe(|observation| observation.end(&end.0, &end.1));
        }
        call.poke(self.pokes);
        self.wakers
    }
}

/// The owner of calls, which places their attempts on connections.
pub(crate) trait CallOwner: Send + Sync {
    /// Takes back an attempt that did not reach a server, to be placed again.
    fn take_back(&self, attempt: Attempt);
    /// Takes an attempt that is to be made after a wait.
    fn retry(&self, attempt: Attempt, wait: Wait);
    /// The budget of what calls may keep of what they sent.
    fn replay_budget(&self) -> &Arc<ReplayBudget>;
}

/// A call, as shared by its caller and connections; see the module's documentation.
pub(crate) struct CallSlot {
    pub(crate) spec: CallSpec,
    owner: Arc<dyn CallOwner>,
    /// `None` if the channel has no interceptors. Boxed, because most calls have none.
    observation: Option<Box<Mutex<Observation>>>,
    state: Mutex<CallState>,
}

/// The mutable state of a call. Methods that end something return wakers instead of waking, since the lock is held.
pub(crate) struct CallState {
    /// The metadata of the request; kept while the call may have to be sent again.
    metadata: MetadataMap,
    log: SendLog,
    /// The first attempt, the only one of most calls, and the others.
    first: AttemptState,
    more: Vec<AttemptState>,
    /// The attempt whose response is the call's: the others no longer matter.
    committed: Option<AttemptId>,
    transparent_retries: u32,
    /// The retries by the method's policy, if it has one.
    pub(super) retry: Option<Box<Retry>>,
    /// Whether a caller was told to wait before it sends more.
    held_back: bool,
    head: Option<ResponseHead>,
    /// The messages received but not taken.
    messages: Backlog,
    /// The credit for bytes that the caller took, not yet passed to the connection.
    credit: usize,
    /// Whether the caller waits only for the end of the call, and takes its one message then.
    awaits_end: bool,
    /// Whether the call has observers.
    observed: bool,
    end: End,
    wakers: Wakers,
}

/// ```text
///   Running ── status, cancellation, deadline ─▶ Ended ── poll_outcome ─▶ Taken
/// ```
enum End {
    Running,
    Ended(Ended),
    /// The end of the call was taken by a caller.
    Taken,
}

#[derive(Default)]
struct Wakers {
    head: Option<Waker>,
    message: Option<Waker>,
    end: Option<Waker>,
    ready: Option<Waker>,
}

/// The bytes waiting for the connection from which on a caller is held back.
const SEND_BUFFER: usize = 64 * 1024;

/// A batch of messages taken from a slot together.
#[derive(Default)]
pub(crate) struct Batch {
    messages: VecDeque<Message>,
    /// The encoding of compressed ones.
    encoding: Option<Bytes>,
    /// The bytes of messages taken from the batch and not reported to the slot.
    taken: usize,
}

impl Batch {
    /// Returns the next message of the batch.
    #[inline]
    pub(crate) fn next(&mut self, call: &Arc<CallSlot>) -> Option<Message> {
        let message = self.messages.pop_front()?;
        self.taken += size(&message);
        if self.taken >= CREDIT_PORTION {
            call.release(std::mem::take(&mut self.taken));
        }
        Some(message)
    }

    /// The encoding of compressed messages, as named by the response.
    pub(crate) fn encoding(&self) -> Option<&[u8]> {
        self.encoding.as_deref()
    }
}

/// The state of a task that sends a call's messages.
pub(crate) enum SenderState {
    /// It may send.
    Free,
    /// It must wait: enough is queued.
    Held,
    /// It must stop: the call is over.
    Over,
}

/// The outcome of a unary call, as given to the caller.
pub(crate) struct Outcome {
    pub(crate) head: Option<ResponseHead>,
    pub(crate) first: Option<Message>,
    /// Whether there was more than one message.
    pub(crate) surplus: bool,
    pub(crate) end: Ended,
}

impl CallSlot {
    /// Creates a call with the messages known from the start.
    pub(crate) fn new(
        spec: CallSpec,
        owner: Arc<dyn CallOwner>,
        metadata: MetadataMap,
        chunks: SmallVec<[Bytes; 1]>,
        half_closed: bool,
        retry: Option<Box<Retry>>,
        observation: Option<Observation>,
    ) -> Arc<Self> {
        let observation = observation.map(|mut observation| {
            chunks.iter().for_each(|chunk| observation.request_chunk(chunk));
            Box::new(Mutex::new(observation))
        });
        let state = CallState {
            metadata,
            log: SendLog::new(chunks, half_closed),
            first: AttemptState::new(),
            more: Vec::new(),
            committed: None,
            transparent_retries: 0,
            retry,
            held_back: false,
            head: None,
            messages: Backlog::default(),
            credit: 0,
            awaits_end: false,
            observed: observation.is_some(),
            end: End::Running,
            wakers: Wakers::default(),
        };
        Arc::new(Self { spec, owner, observation, state: Mutex::new(state) })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, CallState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the call may have observers.
    pub(super) fn is_observed(&self) -> bool {
        self.observation.is_some()
    }

    /// Notifies the observers of the call. Never while its state is locked: this runs user code.
    #[inline]
    pub(super) fn observe(&self, notify: impl FnOnce(&mut Observation)) {
        if let Some(observation) = &self.observation {
            notify(&mut observation.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Records that the interceptors of a raw call let it pass.
    pub(crate) fn intercepted(&self, metadata: MetadataMap, observers: Observers) {
        self.lock().metadata = metadata;
        self.observe(|observation| observation.begin(observers));
    }

    /// The method's policy is known now, of a call that was made before it was.
    pub(crate) fn set_retry(&self, retry: Box<Retry>) {
        self.lock().retry = Some(retry);
    }

    /// The request's metadata.
    pub(crate) fn metadata(&self) -> MetadataMap {
        self.lock().metadata.clone()
    }

    pub(super) fn owner(&self) -> Arc<dyn CallOwner> {
        Arc::clone(&self.owner)
    }

    pub(super) fn replay_budget(&self) -> &Arc<ReplayBudget> {
        self.owner.replay_budget()
    }

    #[inline]
    pub(super) fn poke(self: &Arc<Self>, pokes: Pokes) {
        if let Some(connection) = pokes.first {
            connection.poke(Attempt::first(Arc::clone(self)));
        }
        if !pokes.more.is_empty() {
            self.poke_more(pokes.more);
        }
    }

    #[cold]
    fn poke_more(self: &Arc<Self>, pokes: Vec<(Arc<ClientConnection>, AttemptId)>) {
        for (connection, id) in pokes {
            connection.poke(Attempt { call: Arc::clone(self), id });
        }
    }

    /// Ends the call with `status` unless it has ended, and resets its stream.
    pub(crate) fn cancel(self: &Arc<Self>, status: impl FnOnce() -> Status) {
        let finished = {
            let mut state = self.lock();
            if state.has_ended() {
                return;
            }
            state.finish(Ended::local(status()))
        };
        finished.complete(self).into_iter().for_each(Waker::wake);
    }

    /// Sends chunks of messages, and the half-close. Does nothing once the call is half-closed or over.
    pub(crate) fn send(self: &Arc<Self>, chunks: impl IntoIterator<Item = Bytes>, half_close: bool) {
        if self.is_observed() {
            return self.send_observed(chunks.into_iter().collect(), half_close);
        }
        self.hand_over(chunks, half_close);
    }

    #[cold]
    fn send_observed(self: &Arc<Self>, chunks: Vec<Bytes>, half_close: bool) {
        if self.hand_over(chunks.iter().cloned(), half_close) {
            self.observe(|observation| chunks.iter().for_each(|chunk| observation.request_chunk(chunk)));
        }
    }

    /// Sends chunks; returns whether the call accepted them.
    #[inline]
    fn hand_over(self: &Arc<Self>, chunks: impl IntoIterator<Item = Bytes>, half_close: bool) -> bool {
        let pokes = {
            let mut state = self.lock();
            if state.log.is_half_closed() || state.has_ended() {
                return false;
            }
            chunks.into_iter().for_each(|chunk| state.log.push(chunk));
            if half_close {
                state.log.half_close();
            }
            state.pokes()
        };
        self.poke(pokes);
        true
    }

    /// Ready when the caller may send more: little is waiting, or the call is over.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        let _old;
        let mut state = self.lock();
        if state.has_ended() || state.waiting() < SEND_BUFFER {
            return Poll::Ready(());
        }
        state.held_back = true;
        _old = register(&mut state.wakers.ready, cx);
        Poll::Pending
    }

    /// Adds to the request's metadata, before the call is placed.
    pub(crate) fn add_metadata(&self, metadata: &MetadataMap) {
        self.lock().metadata.merge(metadata);
    }

    /// Ends the call with an error found in what was received, even if the server ended it with OK.
    pub(crate) fn fail(self: &Arc<Self>, status: Status) {
        let finished = {
            let mut state = self.lock();
            let was_over = state.has_ended();
            state.end = End::Running;
            let mut finished = state.finish(Ended::local(status));
            if was_over {
                // There is no stream left to reset.
                finished.pokes = Pokes::default();
            }
            state.messages = Backlog::default();
            finished
        };
        finished.complete(self).into_iter().for_each(Waker::wake);
    }

    /// Returns what the task that sends the call's messages may do. The task is woken when that changes, or when the
    /// call ends.
    pub(crate) fn poll_sender(&self, cx: &mut Context<'_>) -> SenderState {
        let _old;
        let mut state = self.lock();
        if state.has_ended() {
            return SenderState::Over;
        }
        _old = register(&mut state.wakers.ready, cx);
        if state.waiting() < SEND_BUFFER {
            return SenderState::Free;
        }
        state.held_back = true;
        SenderState::Held
    }

    /// The trailing metadata of a call that is over.
    pub(crate) fn ended_metadata(&self) -> Option<MetadataMap> {
        match &self.lock().end {
            End::Ended(end) => Some(end.metadata.clone()),
            End::Running | End::Taken => None,
        }
    }

    /// Ready when the response's head has arrived or the call is over; `f` reads the head.
    pub(crate) fn poll_head<T>(
        &self,
        cx: &mut Context<'_>,
        f: impl FnOnce(Option<&mut ResponseHead>) -> T,
    ) -> Poll<T> {
        let _old;
        let mut state = self.lock();
        if state.head.is_none() && !state.has_ended() {
            _old = register(&mut state.wakers.head, cx);
            return Poll::Pending;
        }
        Poll::Ready(f(state.head.as_mut()))
    }

    /// Polls for the next message, with the encoding of compressed ones; `None` when no more will come.
    pub(crate) fn poll_message(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<(Message, Option<Bytes>)>> {
        let _old;
        let mut state = self.lock();
        let Some(message) = state.messages.pop() else {
            if state.has_ended() {
                return Poll::Ready(None);
            }
            _old = register(&mut state.wakers.message, cx);
            return Poll::Pending;
        };
        let encoding = match &state.head {
            Some(head) if message.compressed => head.encoding.clone(),
            _ => None,
        };
        let pokes = state.give_credit(size(&message));
        let awaits_last = if state.is_concluded() { state.wakers.end.take() } else { None };
        drop(state);
        self.poke(pokes);
        awaits_last.into_iter().for_each(Waker::wake);
        Poll::Ready(Some((message, encoding)))
    }

    /// Fills an empty batch with all messages that have arrived. Ready with an empty one when no more will come.
    pub(crate) fn poll_batch(self: &Arc<Self>, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<()> {
        let _old;
        let mut state = self.lock();
        let pokes = state.give_credit(std::mem::take(&mut batch.taken));
        state.messages.take_all(&mut batch.messages);
        if batch.encoding.is_none()
            && let Some(head) = &state.head
        {
            batch.encoding.clone_from(&head.encoding);
        }
        let ready = state.has_ended() || !batch.messages.is_empty();
        if !ready {
            _old = register(&mut state.wakers.message, cx);
        }
        drop(state);
        self.poke(pokes);
        if ready { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Releases `n` bytes of messages that were taken, so that the server may send as many.
    pub(crate) fn release(self: &Arc<Self>, n: usize) {
        let pokes = self.lock().give_credit(n);
        self.poke(pokes);
    }

    /// Ready at the end of the call; `f` reads it.
    pub(crate) fn poll_end<T>(&self, cx: &mut Context<'_>, f: impl FnOnce(&Ended) -> T) -> Poll<T> {
        let _old;
        let mut state = self.lock();
        match &state.end {
            End::Ended(end) => Poll::Ready(f(end)),
            End::Taken => Poll::Ready(f(&taken_before())),
            End::Running => {
                _old = register(&mut state.wakers.end, cx);
                Poll::Pending
            }
        }
    }

    /// As [`poll_end`](Self::poll_end), once the call is [concluded](CallState::is_concluded).
    pub(crate) fn poll_concluded<T>(&self, cx: &mut Context<'_>, f: impl FnOnce(&Ended) -> T) -> Poll<T> {
        let _old;
        let mut state = self.lock();
        if !state.is_concluded() {
            _old = register(&mut state.wakers.end, cx);
            return Poll::Pending;
        }
        match &state.end {
            End::Ended(end) => Poll::Ready(f(end)),
            End::Running | End::Taken => Poll::Ready(f(&taken_before())),
        }
    }

    pub(crate) fn is_concluded(&self) -> bool {
        self.lock().is_concluded()
    }

    /// Ready at the end of the call, with everything received. Only once: the outcome is moved out.
    pub(crate) fn poll_outcome(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let _old;
        let mut state = self.lock();
        if !state.has_ended() {
            _old = register(&mut state.wakers.end, cx);
            let pokes = state.await_end();
            drop(state);
            self.poke(pokes);
            return Poll::Pending;
        }
        let end = match std::mem::replace(&mut state.end, End::Taken) {
            End::Ended(end) => end,
            End::Running | End::Taken => taken_before(),
        };
        let (head, first) = (state.head.take(), state.messages.pop());
        let surplus = state.messages.pop().is_some();
        Poll::Ready(Outcome { head, first, surplus, end })
    }

    /// Whether the call is over.
    pub(crate) fn has_ended(&self) -> bool {
        self.lock().has_ended()
    }

    /// The connection that the call is on, or was on last.
    pub(crate) fn connection(&self) -> Option<Arc<ClientConnection>> {
        let state = self.lock();
        state.attempt(state.lead()).place.connection().cloned()
    }
}

impl CallState {
    /// Records the end. The first one counts.
    pub(crate) fn finish(&mut self, end: Ended) -> Finished {
        if self.has_ended() {
            return Finished::default();
        }
        let lead = self.lead();
        let report = self.attempt_mut(lead).report(&end);
        let observed = self.observed.then(|| Box::new((end.status.clone(), end.metadata.clone())));
        self.end = End::Ended(end);
        self.log.clear();
        let Wakers { head, message, end, ready } = std::mem::take(&mut self.wakers);
        let mut wakers = SmallVec::new();
        [head, message, end, ready].into_iter().flatten().for_each(|waker| wakers.push(waker));
        Finished { wakers, report, observed, pokes: self.pokes() }
    }

    pub(crate) fn has_ended(&self) -> bool {
        !matches!(self.end, End::Running)
    }

    /// Whether the call is over for whoever reads its messages: a server's status comes after the last of them.
    fn is_concluded(&self) -> bool {
        match &self.end {
            End::Running => false,
            End::Ended(end) => end.by == EndedBy::Local || self.messages.is_empty(),
            End::Taken => true,
        }
    }

    /// Whether an attempt no longer matters.
    pub(super) fn is_over(&self, id: AttemptId) -> bool {
        self.has_ended() || self.committed.is_some_and(|committed| committed != id)
    }

    /// The attempt that represents the call: the one that carries it, or the one that has got furthest.
    fn lead(&self) -> AttemptId {
        if self.more.is_empty() {
            return AttemptId::FIRST;
        }
        let ids = (0..=self.more.len()).map(|index| AttemptId(index as u8));
        let farthest = || ids.min_by_key(|id| self.log.waiting(&self.attempt(*id).cursor));
        self.committed.or_else(farthest).unwrap_or(AttemptId::FIRST)
    }

    /// The bytes that the caller has sent and that no attempt has passed on yet.
    fn waiting(&self) -> usize {
        self.log.waiting(&self.attempt(self.lead()).cursor)
    }

    /// Returns the connections to poke about what is new.
    fn pokes(&mut self) -> Pokes {
        let mut pokes = Pokes { first: self.first.poke(), more: Vec::new() };
        if self.more.is_empty() {
            return pokes;
        }
        for (index, attempt) in self.more.iter_mut().enumerate() {
            pokes.more.extend(attempt.poke().map(|connection| (connection, AttemptId(index as u8 + 1))));
        }
        pokes
    }

    /// The call's own metadata.
    pub(crate) fn metadata(&self) -> &MetadataMap {
        &self.metadata
    }

    /// The metadata sent with the request: the call's own, and what the pick attached.
    pub(super) fn request_metadata(&self, id: AttemptId) -> Cow<'_, MetadataMap> {
        match &self.attempt(id).attachments {
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

    /// Adds credit for `n` bytes that the caller took. Returns the connection to poke, if that is worthwhile.
    fn give_credit(&mut self, n: usize) -> Pokes {
        self.credit += n;
        let worth_it = match &self.attempt(self.lead()).place {
            Place::Open(connection, _) => self.credit >= connection.credit_portion() && !self.has_ended(),
            _ => false,
        };
        if worth_it { self.pokes() } else { Pokes::default() }
    }

    /// Records that the caller waits for the end. The one message of such a call counts as taken when it arrives: while
    /// its bytes kept the window closed, some servers could not send the end that the caller waits for (see
    /// [`carom_wire::conn::Connection::expect`]).
    fn await_end(&mut self) -> Pokes {
        if std::mem::replace(&mut self.awaits_end, true) {
            return Pokes::default();
        }
        let n = self.messages.first().map(size);
        n.map_or_else(Pokes::default, |n| self.give_credit(n))
    }

    fn attempt(&self, id: AttemptId) -> &AttemptState {
        match id {
            AttemptId::FIRST => &self.first,
            AttemptId(index) => &self.more[usize::from(index) - 1],
        }
    }

    fn attempt_mut(&mut self, id: AttemptId) -> &mut AttemptState {
        match id {
            AttemptId::FIRST => &mut self.first,
            AttemptId(index) => &mut self.more[usize::from(index) - 1],
        }
    }
}

/// The operations of a connection's task on an attempt.
impl CallState {
    /// Records that the task is looking: anything new from now on pokes it again.
    pub(super) fn looked_at(&mut self, id: AttemptId) {
        self.attempt_mut(id).poked = false;
    }

    /// Records that the attempt goes into the mailbox of `connection`. Returns attachments that are no longer needed.
    pub(super) fn queue_on(
        &mut self,
        id: AttemptId,
        connection: &Arc<ClientConnection>,
        attachments: Option<Box<Attachments>>,
    ) -> Option<Box<Attachments>> {
        let over = self.is_over(id);
        let attempt = self.attempt_mut(id);
        attempt.place = Place::Queued(Arc::clone(connection));
        attempt.poked = true;
        if over {
            return attachments;
        }
        std::mem::replace(&mut attempt.attachments, attachments)
    }

    pub(super) fn opened(&mut self, id: AttemptId, key: StreamKey) {
        let place = &mut self.attempt_mut(id).place;
        if let Place::Queued(connection) | Place::Waiting(connection) =
            std::mem::replace(place, Place::Unplaced)
        {
            *place = Place::Open(connection, key);
        }
    }

    /// Records that all streams are taken: the connection keeps the attempt until one is free.
    pub(super) fn wait_for_stream(&mut self, id: AttemptId) {
        let place = &mut self.attempt_mut(id).place;
        if let Place::Queued(connection) = std::mem::replace(place, Place::Unplaced) {
            *place = Place::Waiting(connection);
        }
    }

    pub(super) fn is_waiting(&self, id: AttemptId) -> bool {
        matches!(self.attempt(id).place, Place::Waiting(_))
    }

    /// Whether the engine was given anything.
    pub(super) fn has_sent(&self, id: AttemptId) -> bool {
        self.attempt(id).cursor.has_begun()
    }

    pub(super) fn key(&self, id: AttemptId) -> Option<StreamKey> {
        match &self.attempt(id).place {
            Place::Open(_, key) => Some(*key),
            _ => None,
        }
    }

    /// Returns the facts for the decision at the end of an attempt.
    pub(super) fn facts(&self) -> Facts {
        Facts {
            over: self.has_ended(),
            committed: self.log.is_committed(),
            transparent_retries: self.transparent_retries,
        }
    }

    pub(super) fn count_transparent_retry(&mut self) {
        self.transparent_retries += 1;
    }

    /// Withdraws the attempt from its connection before it has reached the server, as if it had not been made. Returns
    /// the attachments of the pick, to be dropped when the lock is not held.
    #[must_use]
    pub(super) fn withdraw(&mut self, id: AttemptId) -> Option<Box<Attachments>> {
        let attempt = self.attempt_mut(id);
        let attachments = attempt.attachments.take();
        *attempt = AttemptState::new();
        attachments
    }

    /// Resets an attempt that failed and is to be repeated. Those whom the pick attached are told of the failure.
    pub(super) fn restart(&mut self, id: AttemptId, end: &Ended) -> Finished {
        let attempt = self.attempt_mut(id);
        let report = attempt.report(end);
        *attempt = AttemptState::new();
        Finished { report, ..Finished::default() }
    }

    /// The number of attempts before this one that failed.
    pub(super) fn previous_attempts(&self) -> u32 {
        self.retry.as_ref().map_or(0, |retry| retry.previous_attempts())
    }

    /// Whether the attempt is with this connection, which has not seen it.
    pub(super) fn is_queued_on(&self, id: AttemptId, connection: &Arc<ClientConnection>) -> bool {
        matches!(&self.attempt(id).place, Place::Queued(queued) if Arc::ptr_eq(queued, connection))
    }

    /// Ends the attempt, and the call with it unless another attempt carries that.
    pub(super) fn end_attempt(&mut self, id: AttemptId, end: Ended) -> Finished {
        let over = self.is_over(id);
        let attempt = self.attempt_mut(id);
        // Its connection already knows.
        attempt.poked = true;
        if over {
            return Finished { report: attempt.report(&end), ..Finished::default() };
        }
        self.committed.get_or_insert(id);
        self.finish(end)
    }

    /// Returns the next chunk to send, and whether the stream ends with it.
    pub(super) fn next_chunk(&mut self, id: AttemptId, budget: &Arc<ReplayBudget>) -> Option<(Bytes, bool)> {
        let attempt = match id {
            AttemptId::FIRST => &mut self.first,
            AttemptId(index) => &mut self.more[usize::from(index) - 1],
        };
        self.log.next(&mut attempt.cursor, budget)
    }

    /// Takes the waker of a caller that was held back and may continue.
    pub(super) fn take_ready_waker(&mut self) -> Option<Waker> {
        if !self.held_back || self.waiting() >= SEND_BUFFER {
            return None;
        }
        self.held_back = false;
        self.wakers.ready.take()
    }

    /// Handles the head of an attempt's response: the attempt carries the call from now on, and the others end. The
    /// head of one of those is ignored.
    pub(super) fn receive_head(&mut self, id: AttemptId, head: ResponseHead) -> (Option<Waker>, Pokes) {
        if self.is_over(id) {
            return Default::default();
        }
        self.committed = Some(id);
        let cursor = self.attempt(id).cursor;
        self.log.commit(&cursor);
        self.head = Some(head);
        let pokes = if self.more.is_empty() { Pokes::default() } else { self.pokes() };
        (self.wakers.head.take(), pokes)
    }

    #[inline]
    pub(super) fn receive_message(&mut self, message: Message) -> Option<Waker> {
        if self.awaits_end && !self.has_messages() {
            self.credit += size(&message);
        }
        self.messages.push(message);
        self.wakers.message.take()
    }

    /// Detaches messages from their buffers: see [`Backlog::copy_out`].
    pub(super) fn copy_out_messages(&mut self) {
        self.messages.copy_out();
    }

    pub(super) fn take_credit(&mut self) -> usize {
        std::mem::take(&mut self.credit)
    }
}

/// The end as reported to whoever asks again after [`CallSlot::poll_outcome`].
fn taken_before() -> Ended {
    Ended::local(Status::internal("the outcome of this call was already taken"))
}

#[cfg(test)]
mod tests;
