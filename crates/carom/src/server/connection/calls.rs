//! The calls of one connection, from the engine's events to their answers. Knows no socket.

mod commands;
mod memory;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use carom_wire::call::{Refusal, RequestHead};
use carom_wire::conn::{ConnectionError, ResetBy};
use carom_wire::frame::ErrorCode;
use carom_wire::message::Message;
use carom_wire::server::{Event, Server};
use carom_wire::stream::{Payload, StreamKey};
use carom_wire::{Code, MetadataMap, Status};

use super::inbox::Inbox;
use super::mailbox::{Command, Mailbox, SlotWaker};
use super::plan::{Plan, Plans, RequestEncoding};
use crate::cancellation::{CancelCell, Cancelled};
use crate::clock;
use crate::codec::ACCEPT_ENCODING;
use crate::deadlines::Deadlines;
use crate::interceptor::{CallStart, Intercepting, MessageInfo, Observers};
use crate::request::{Origin, Request, RequestContext};
use crate::server::call::{self, CallFacts, IncomingCall, MessageReceiver, Responder, ResponderShared};
use crate::server::lifecycle::{Admission, ServerShared};
use crate::server::quota::Share;
use crate::server::router::Route;
use crate::server::running::{CallInput, Occupied, Running, Sending, Step, guard, panicked};
use crate::transport::ConnectionInfo;

/// The calls of one connection and the engine they run on.
pub(super) struct Calls {
    pub(super) server: Server,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) info: Arc<ConnectionInfo>,
    /// Set when the engine has reported the end; with the error, unless it was graceful.
    pub(super) closed: Option<Option<ConnectionError>>,
    shared: Arc<ServerShared>,
    /// The call of each stream, at the index that the engine gave the stream.
    slots: Vec<Slot>,
    live: usize,
    plans: Plans,
    deadlines: Deadlines,
    /// Calls with a deadline that are not in `deadlines` yet: most are answered before the turn is over.
    new_deadlines: Vec<StreamKey>,
    /// The slots of calls to be polled.
    ready: VecDeque<u32>,
    /// Kept for their memory; both are empty between turns.
    commands: Vec<Command>,
    woken: Vec<u32>,
    /// The buffer in which responses are encoded.
    buffer: BytesMut,
    /// The token that work which may outlive its call clones.
    occupied: Occupied,
    /// The bytes of received messages that no handler has taken yet, and the cost of keeping them.
    held: usize,
    share: Share,
    now: Instant,
    /// The calls that got messages into their inboxes since the last read.
    unread: Vec<StreamKey>,
    aborted: bool,
}

#[derive(Default)]
struct Slot {
    call: Option<Call>,
    waker: SlotWaker,
}

struct Call {
    key: StreamKey,
    head: Arc<RequestHead>,
    plan: Plan,
    deadline: Option<Instant>,
    work: Work,
    watchers: Vec<Arc<CancelCell>>,
    /// The call's part of [`Calls::held`].
    held: usize,
    /// The result of the interceptors.
    context: Option<Box<RequestContext>>,
    observers: Observers,
    admission: Option<Arc<Admission>>,
}

/// The work on a call, and who does it.
///
/// ```text
///   Intercepted ── passed ─▶ Collecting ── message and half-close ─▶ Running / Detached ── last step ─▶ Answered
///       └──── refused ────────────┴──────────── refused, deadline ───────────────────────────────────────▲
/// ```
enum Work {
    /// Interceptors have not let the call pass yet. The messages that arrive meanwhile are bounded by the stream's
    /// window.
    Intercepted(Intercepting),
    /// The one request message, or the half-close after it, is still to come.
    Collecting(Option<Message>),
    /// A handler, polled here.
    Running { task: Pin<Box<dyn Running>>, inbox: Option<Arc<Inbox>> },
    /// A holder of the responder.
    Detached { responder: Arc<ResponderShared>, inbox: Option<Arc<Inbox>> },
    /// The whole answer is with the engine.
    Answered,
}

impl Work {
    /// The inbox through which the messages of a stream are handed over.
    fn inbox(&self) -> Option<&Arc<Inbox>> {
        match self {
            Self::Running { inbox, .. } | Self::Detached { inbox, .. } => inbox.as_ref(),
            Self::Intercepted(_) | Self::Collecting(_) | Self::Answered => None,
        }
    }
}

impl Call {
    /// Ends the work on the call, if there is any.
    fn dismiss(&mut self, reason: Cancelled) {
        if matches!(self.work, Work::Answered) {
            return;
        }
        // The messages end first, so that whoever learns of the end sees it there too.
        if let Some(inbox) = self.work.inbox() {
            inbox.fail(over(reason));
        }
        for watcher in std::mem::take(&mut self.watchers) {
            watcher.set(reason);
        }
        match std::mem::replace(&mut self.work, Work::Answered) {
            // A handler's destructors are user code.
            Work::Running { task, .. } => drop(guard(&self.head, || drop(task))),
            Work::Detached { responder, .. } => responder.ended(reason),
            Work::Intercepted(intercepting) => drop(guard(&self.head, || drop(intercepting))),
            Work::Collecting(_) | Work::Answered => {}
        }
    }
}

impl Calls {
    /// The number of steps of one call before others get their turn.
    const STEPS_A_TURN: usize = 32;

    pub(super) fn new(
        shared: Arc<ServerShared>,
        info: Arc<ConnectionInfo>,
        mailbox: Arc<Mailbox>,
        now: Instant,
    ) -> Self {
        let mut http2 = shared.settings.http2.clone();
        // gRFC A9: clients that connected together must not all reconnect together.
        http2.max_connection_age = http2.max_connection_age.map(|age| vary(age, fastrand::f64()));
        let share = Share::new(&shared.quota);
        Self {
            server: Server::http2(http2, Some(ACCEPT_ENCODING), now),
            mailbox,
            info,
            closed: None,
            shared,
            slots: Vec::new(),
            live: 0,
            plans: Plans::default(),
            deadlines: Deadlines::default(),
            new_deadlines: Vec::new(),
            ready: VecDeque::new(),
            commands: Vec::new(),
            woken: Vec::new(),
            buffer: BytesMut::new(),
            occupied: Occupied::default(),
            held: 0,
            share,
            now,
            unread: Vec::new(),
            aborted: false,
        }
    }

    pub(super) fn set_now(&mut self, now: Instant) {
        self.now = now;
    }

    /// The time that the socket may accept nothing.
    pub(super) fn stall_timeout(&self) -> Option<Duration> {
        self.shared.settings.http2.stall_timeout
    }

    /// Whether no call is open.
    pub(super) fn is_idle(&self) -> bool {
        self.live == 0
    }

    /// Whether the server was stopped without waiting for this connection.
    pub(super) fn is_aborted(&self) -> bool {
        self.aborted
    }

    /// Whether calls are waiting to be polled.
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Detaches what is still in inboxes from the buffers of earlier reads, once more has been read.
    pub(super) fn copy_out_unread(&mut self) {
        let live = self.unread.drain(..).filter(|&key| is_live(&self.slots, key));
        for call in live.filter_map(|key| self.slots[key.index()].call.as_ref()) {
            if let Some(inbox) = call.work.inbox() {
                inbox.copy_out();
            }
        }
    }

    /// Handles events until there are none or `budget` is exhausted. Returns whether there were any.
    pub(super) fn run_events(&mut self, budget: &mut usize) -> bool {
        let mut any = false;
        while *budget > 0 {
            let Some(event) = self.server.next_event(self.now) else { break };
            *budget -= 1;
            any = true;
            self.handle(event);
        }
        any
    }

    /// Executes what other tasks asked for. Returns whether there was anything.
    pub(super) fn run_mailbox(&mut self) -> bool {
        let any = self.mailbox.take(&mut self.commands, &mut self.woken);
        if any {
            let mut commands = std::mem::take(&mut self.commands);
            for command in commands.drain(..) {
                self.execute(command);
            }
            self.commands = commands;
            self.ready.extend(self.woken.drain(..));
        }
        any
    }

    /// Polls the calls that are ready now, each once, as far as `budget` allows. Returns whether there were any.
    pub(super) fn run_ready(&mut self, budget: &mut usize) -> bool {
        let mut any = false;
        for _ in 0..self.ready.len().min(*budget) {
            let Some(index) = self.ready.pop_front() else { break };
            *budget -= 1;
            any = true;
            self.poll_call(index as usize);
        }
        any
    }

    /// The time at which [`run_timers`](Self::run_timers) must be called.
    pub(super) fn next_timeout(&mut self) -> Option<Instant> {
        for key in std::mem::take(&mut self.new_deadlines) {
            if let Some(at) = self.find(key).and_then(|index| self.slots[index].call.as_ref()?.deadline) {
                let slots = &self.slots;
                self.deadlines.insert(at, key, self.live, |key| is_live(slots, key));
            }
        }
        [self.server.http().poll_timeout(), self.deadlines.next()].into_iter().flatten().min()
    }

    /// Ends calls whose deadline has passed, and handles the engine's timers.
    pub(super) fn run_timers(&mut self) {
        let http = self.server.http_mut();
        if http.poll_timeout().is_some_and(|at| at <= self.now) {
            http.handle_timeout(self.now);
        }
        while let Some(key) = self.deadlines.expired(self.now) {
            if let Some(index) = self.find(key) {
                self.cut_off(index, deadline_exceeded(), Cancelled::DeadlineExceeded);
            }
        }
    }

    /// Frees what an idle connection does not need. All of it is allocated again with the next call. Returns whether
    /// calls had used it.
    pub(super) fn shrink(&mut self) -> bool {
        let used = !self.slots.is_empty();
        self.buffer = BytesMut::new();
        self.deadlines = Deadlines::default();
        self.new_deadlines = Vec::new();
        self.ready = VecDeque::new();
        self.commands = Vec::new();
        self.woken = Vec::new();
        self.unread = Vec::new();
        self.slots = Vec::new();
        self.server.hibernate();
        self.plans = Plans::default();
        used
    }

    /// Frees the read buffer while there are no calls: it is the largest piece, and many connections are idle between
    /// any two calls.
    pub(super) fn drop_read_buffer(&mut self) {
        let input = self.server.http_mut().input();
        if self.live == 0 && input.is_empty() {
            *input = BytesMut::new();
        }
    }

    /// Ends every call, because the connection is gone.
    pub(super) fn end_all(&mut self) {
        let reason = self.lost();
        for index in 0..self.slots.len() {
            self.remove(index, reason);
        }
        for command in self.mailbox.close() {
            if let Command::Watch { cell, .. } = command {
                cell.set(reason);
            }
        }
    }

    /// The reason that calls end with when the connection is gone.
    fn lost(&self) -> Cancelled {
        if self.aborted { Cancelled::ServerShutdown } else { Cancelled::ConnectionLost }
    }

    fn find(&self, key: StreamKey) -> Option<usize> {
        is_live(&self.slots, key).then(|| key.index())
    }

    fn call_mut(&mut self, index: usize) -> Option<&mut Call> {
        self.slots.get_mut(index)?.call.as_mut()
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Request { key, head, end_stream } => self.on_request(key, head, end_stream),
            Event::Data { key, len } => {
                if let Some(index) = self.find(key) {
                    self.on_data(index, len);
                }
            }
            Event::Finished { key } => {
                if let Some(index) = self.find(key) {
                    self.remove(index, Cancelled::Finished);
                }
            }
            Event::Reset { key, by } => {
                if let Some(index) = self.find(key) {
                    let reason = match by {
                        ResetBy::ConnectionLost => self.lost(),
                        ResetBy::Peer | ResetBy::Engine(_) | ResetBy::GoAway => Cancelled::ByPeer,
                    };
                    self.remove(index, reason);
                }
            }
            Event::Writable { key } => {
                if let Some(index) = self.find(key)
                    && let Some(call) = self.call_mut(index)
                {
                    match &call.work {
                        Work::Running { .. } => self.ready.push_back(index as u32),
                        Work::Detached { responder, .. } => responder.moved(0, false),
                        Work::Intercepted(_) | Work::Collecting(_) | Work::Answered => {}
                    }
                }
            }
            Event::Closed { error } => self.closed = Some(error),
            Event::GoAway { code, ref debug } if code != ErrorCode::NO_ERROR => {
                let words = debug.escape_ascii();
                tracing::debug!(peer = %self.info.peer, %code, %words, "the client sent GOAWAY");
            }
            Event::GoAway { .. } => {}
        }
    }

    fn on_request(&mut self, key: StreamKey, head: Arc<RequestHead>, end_stream: bool) {
        let plan = self.plans.of(&head, &self.shared);
        let settings = &self.shared.settings;
        // Work that continues although its call was reset counts against the limit (CVE-2023-44487).
        if Arc::strong_count(&self.occupied.connection) > settings.http2.max_concurrent_streams as usize {
            return self.server.reset(key, ErrorCode::REFUSED_STREAM);
        }
        if !plan.readable {
            return self.server.refuse(key, &head, Refusal::UNSUPPORTED_MEDIA_TYPE);
        }
        let deadline = head.timeout.and_then(|timeout| {
            // Not from the start of the turn: the request may have been read later, and a server that is early would
            // turn the client's deadline into a cancelled call.
            clock::now().checked_add(timeout)
        });
        let refused = if head.timeout.is_some_and(|timeout| timeout.is_zero()) {
            Some(deadline_exceeded())
        } else if plan.route == Route::Unknown {
            Some(self.shared.router.unknown(head.path_str()))
        } else if plan.encoding == RequestEncoding::Unknown {
            let name = head.encoding.as_deref().unwrap_or_default().escape_ascii();
            Some(Status::unimplemented(format!(
                "messages compressed with {name} are not supported; supported: {ACCEPT_ENCODING}"
            )))
        } else if self.share.quota().is_exceeded() {
            Some(self.out_of_memory())
        } else {
            None
        };
        let (refused, admission) = match (refused, self.shared.admit()) {
            (None, Ok(admission)) => (None, admission),
            (None, Err(())) => (Some(self.too_many_calls()), None),
            (refused, _) => (refused, None),
        };
        if let Some(status) = refused {
            return self.server.refuse(key, &head, Refusal::Call(status));
        }

        self.server.accept(key, &head, end_stream, plan.max_recv_message_size);
        let index = key.index();
        if index >= self.slots.len() {
            if self.slots.capacity() == 0 {
                // Many connections have one call at a time; room for four would be their largest allocation.
                self.slots.reserve_exact(1);
            }
            self.slots.resize_with(index + 1, Slot::default);
        }
        let work = Work::Collecting(None);
        self.slots[index].call = Some(Call {
            key,
            head,
            plan,
            deadline,
            work,
            watchers: Vec::new(),
            held: 0,
            context: None,
            observers: Observers::default(),
            admission,
        });
        self.live += 1;
        if deadline.is_some() {
            self.new_deadlines.push(key);
        }
        if !self.shared.settings.interceptors.is_empty() {
            self.intercept(index);
        } else if plan.streams() {
            self.start_stream(index, end_stream);
        } else if end_stream {
            self.collect(index);
        }
    }

    /// Passes a call to the interceptors.
    fn intercept(&mut self, index: usize) {
        let Some(call) = self.slots[index].call.as_ref() else { return };
        let request = Request::join(RequestContext::received(self.origin(call)), ());
        let start = CallStart::new(call.head.path.clone(), request);
        let (head, interceptors) = (Arc::clone(&call.head), &self.shared.settings.interceptors);
        let Some(intercepting) = guard(&head, || interceptors.run(start)) else {
            return self.fail(index, panicked());
        };
        if let Some(call) = self.call_mut(index) {
            call.work = Work::Intercepted(intercepting);
            self.poll_intercepted(index);
        }
    }

    /// Polls the interceptors; once they let the call pass, the call continues.
    fn poll_intercepted(&mut self, index: usize) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        let Some(call) = slot.call.as_mut() else { return };
        let waker = slot.waker.get(index, &self.mailbox);
        let Work::Intercepted(intercepting) = &mut call.work else { return };
        let polled = guard(&call.head, || intercepting.as_mut().poll(&mut Context::from_waker(waker)));
        let start = match polled.unwrap_or_else(|| Poll::Ready(Err(panicked()))) {
            Poll::Pending => return,
            Poll::Ready(Err(status)) => return self.fail(index, status),
            Poll::Ready(Ok(start)) => start,
        };
        let (request, observers) = start.into_parts();
        call.context = Some(Box::new(request.split().0));
        call.observers = observers;
        call.work = Work::Collecting(None);
        if call.plan.streams() {
            let half_closed = self.server.call(call.key).is_some_and(|wire| wire.is_half_closed());
            self.start_stream(index, half_closed);
            self.hand_over(index);
        } else {
            self.collect(index);
        }
    }

    /// Starts a call whose messages are handed over as they arrive.
    fn start_stream(&mut self, index: usize, end_stream: bool) {
        let Some(call) = self.slots[index].call.as_ref() else { return };
        let inbox = Arc::new(Inbox::new(call.key, Arc::clone(&self.mailbox)));
        if end_stream && self.server.call(call.key).is_none_or(|wire| wire.at_end()) {
            inbox.end();
        }
        let receiver = MessageReceiver::streaming(
            Arc::clone(&inbox),
            call.plan.encoding.known(),
            call.plan.max_recv_message_size,
        );
        self.start(index, receiver, Some(inbox));
    }

    fn on_data(&mut self, index: usize, len: usize) {
        let Some(call) = self.slots[index].call.as_mut() else { return };
        if matches!(call.work, Work::Answered) {
            return;
        }
        call.held += len;
        self.held += len;
        match call.work {
            Work::Collecting(_) => self.collect(index),
            // It waits in the engine, whose window it fills.
            Work::Intercepted(_) => {}
            _ => self.hand_over(index),
        }
    }

    /// Hands over the complete messages of a call.
    fn hand_over(&mut self, index: usize) {
        let Some(call) = self.slots[index].call.as_mut() else { return };
        let Some(inbox) = call.work.inbox() else { return };
        let Some(mut wire) = self.server.call(call.key) else { return };
        let (count, result) = if call.observers.is_empty() {
            inbox.fill(|| wire.next_message())
        } else {
            inbox.fill(|| {
                wire.next_message().inspect(|message| {
                    if let Some(message) = message {
                        let info = MessageInfo::new(message.payload.len(), message.compressed);
                        call.observers.request_message(info);
                    }
                })
            })
        };
        call.held += count * memory::MESSAGE_COST;
        self.held += count * memory::MESSAGE_COST;
        if let Err(status) = result {
            return self.fail(index, status);
        }
        if count > 0 && self.unread.last() != Some(&call.key) {
            self.unread.push(call.key);
        }
        if wire.at_end() {
            inbox.end();
        } else {
            wire.expect(inbox.is_empty());
        }
    }

    /// Continues a call that takes one message (the rule: none or several are UNIMPLEMENTED).
    fn collect(&mut self, index: usize) {
        let Some(call) = self.slots[index].call.as_mut() else { return };
        let Work::Collecting(collected) = &mut call.work else { return };
        let Some(mut wire) = self.server.call(call.key) else { return };
        let status = loop {
            match wire.next_message() {
                Ok(Some(message)) if collected.is_none() => {
                    let observers = &mut call.observers;
                    observers.request_message(MessageInfo::new(message.payload.len(), message.compressed));
                    // Usually the half-close follows right after the last byte; a message that has to wait for it is
                    // copied.
                    let is_kept = !wire.at_end();
                    *collected = Some(if is_kept { memory::detached(message) } else { message });
                }
                Ok(Some(_)) => break Status::unimplemented("more than one message in a call that takes one"),
                Ok(None) if !wire.at_end() => return wire.expect(true),
                Ok(None) => match collected.take() {
                    None => break Status::unimplemented("no message in a call that takes one"),
                    Some(message) => {
                        let max = call.plan.max_recv_message_size;
                        let compressed = message.compressed;
                        match call::open(message, call.plan.encoding.known(), max) {
                            Ok(payload) => {
                                let body = MessageReceiver::whole(payload, compressed);
                                return self.start(index, body, None);
                            }
                            Err(status) => break status,
                        }
                    }
                },
                Err(status) => break status,
            }
        };
        self.fail(index, status);
    }

    /// Hands the call to its handler.
    fn start(&mut self, index: usize, body: MessageReceiver, inbox: Option<Arc<Inbox>>) {
        let Some(call) = self.slots[index].call.as_mut() else { return };
        if inbox.is_none() {
            self.held -= std::mem::take(&mut call.held);
        }
        let context = call.context.take();
        let (Plan { route, sending, .. }, head) = (call.plan, Arc::clone(&call.head));
        let occupied = match &call.admission {
            None => Cow::Borrowed(&self.occupied),
            Some(admission) => {
                Cow::Owned(Occupied { server: Some(Arc::clone(admission)), ..self.occupied.clone() })
            }
        };
        match route {
            Route::Method { index: method, .. } => {
                let received = || {
                    self.slots[index].call.as_ref().map(|call| RequestContext::received(self.origin(call)))
                };
                let Some(context) = context.map(|context| *context).or_else(received) else { return };
                let input = CallInput { context, body, sending };
                let handler = self.shared.router.method(method).handler();
                let started = guard(&head, || handler.start(input, &occupied));
                match started.unwrap_or_else(|| Err(panicked())) {
                    Ok(task) => {
                        if let Some(call) = self.call_mut(index) {
                            call.work = Work::Running { task, inbox };
                        }
                        self.poll_call(index);
                    }
                    Err(status) => self.fail(index, status),
                }
            }
            Route::Fallback(_) => {
                let occupied = occupied.into_owned();
                self.detach(index, context, body, inbox, sending, occupied);
            }
            // Refused when its head arrived.
            Route::Unknown => {}
        }
    }

    /// The origin of a call.
    fn origin(&self, call: &Call) -> Origin {
        Origin {
            head: Arc::clone(&call.head),
            connection: Arc::clone(&self.info),
            deadline: call.deadline,
            key: call.key,
            source: Arc::clone(&self.mailbox) as _,
        }
    }

    fn detach(
        &mut self,
        index: usize,
        context: Option<Box<RequestContext>>,
        receiver: MessageReceiver,
        inbox: Option<Arc<Inbox>>,
        sending: Sending,
        occupied: Occupied,
    ) {
        let shared = Arc::clone(&self.shared);
        let Some(call) = self.slots[index].call.as_mut() else { return };
        let Some(handler) = shared.router.fallback() else { return };
        let responder = Arc::new(ResponderShared::new(
            call.key,
            Arc::clone(&self.mailbox),
            sending,
            self.server.http().max_send_buffer(),
            occupied,
        ));
        call.work = Work::Detached { responder: Arc::clone(&responder), inbox };
        let incoming = IncomingCall {
            head: Arc::clone(&call.head),
            facts: CallFacts::new(Arc::clone(&self.info), call.deadline),
            context,
            receiver,
            responder: Responder::new(responder),
        };
        let head = Arc::clone(&call.head);
        if guard(&head, || handler.call(incoming)).is_none() {
            self.fail(index, panicked());
        }
    }

    /// Polls a handler as far as it can continue.
    fn poll_call(&mut self, index: usize) {
        if matches!(self.call_mut(index), Some(Call { work: Work::Intercepted(_), .. })) {
            return self.poll_intercepted(index);
        }
        for _ in 0..Self::STEPS_A_TURN {
            let Some(slot) = self.slots.get_mut(index) else { return };
            let Some(call) = slot.call.as_mut() else { return };
            let Work::Running { task, inbox } = &mut call.work else { return };
            let Some(mut wire) = self.server.call(call.key) else { return };
            // The handler is polled for more only while the client accepts what there is; `Writable` continues.
            if wire.is_head_sent() && wire.is_full() {
                return;
            }
            let waker = slot.waker.get(index, &self.mailbox);
            if let Some(inbox) = inbox {
                inbox.attend();
            }
            let buffer = &mut self.buffer;
            let step = guard(&call.head, || task.as_mut().poll_step(&mut Context::from_waker(waker), buffer));
            if let Some(inbox) = inbox {
                let taken = inbox.taken();
                self.held -= call.forget_taken(taken);
                wire.release(taken.bytes);
            }
            match step {
                None => return self.fail(index, panicked()),
                Some(Poll::Pending) => return,
                Some(Poll::Ready(Step::Head { metadata, encoding })) => {
                    let encoding = encoding.map(|encoding| encoding.as_str());
                    call.observers.response_metadata(&metadata);
                    wire.send_headers(&metadata, encoding);
                }
                Some(Poll::Ready(Step::Message)) => {
                    call.observers.response_message(MessageInfo::of_framed(buffer));
                    wire.send_message(Payload::in_buffer(buffer));
                }
                Some(Poll::Ready(Step::Unary { metadata, encoding, trailers })) => {
                    if !call.observers.is_empty() {
                        call.observers.response_metadata(&metadata);
                        call.observers.response_message(MessageInfo::of_framed(buffer));
                        call.observers.end(&ok(), &trailers);
                    }
                    let (encoding, message) = (encoding.map(|it| it.as_str()), Payload::in_buffer(buffer));
                    wire.send_unary(&metadata, encoding, message, trailers);
                    return self.answered(index, Cancelled::Finished);
                }
                Some(Poll::Ready(Step::End(Ok(trailers)))) => {
                    if !call.observers.is_empty() {
                        call.observers.end(&ok(), &trailers);
                    }
                    wire.send_status(None, trailers);
                    return self.answered(index, Cancelled::Finished);
                }
                Some(Poll::Ready(Step::End(Err(status)))) => return self.fail(index, status),
            }
        }
        self.ready.push_back(index as u32);
    }

    /// Ends a call and its work with an error.
    fn fail(&mut self, index: usize, status: Status) {
        let Some(call) = self.slots[index].call.as_mut() else { return };
        if let Some(inbox) = call.work.inbox() {
            inbox.fail(status.clone());
        }
        call.observers.end(&status, &MetadataMap::new());
        if let Some(mut wire) = self.server.call(call.key) {
            wire.send_status(Some(status), MetadataMap::new());
        }
        self.answered(index, Cancelled::Finished);
    }

    /// Ends a call from outside, without waiting for what it could not send yet.
    fn cut_off(&mut self, index: usize, status: Status, reason: Cancelled) {
        let Some(call) = self.slots[index].call.as_mut() else { return };
        let Some(mut wire) = self.server.call(call.key) else { return };
        if wire.send_buffered() > 0 {
            let code = match reason {
                // Clients report this as RESOURCE_EXHAUSTED.
                Cancelled::ResourceExhausted => ErrorCode::ENHANCE_YOUR_CALM,
                _ => ErrorCode::CANCEL,
            };
            self.server.reset(call.key, code);
            self.remove(index, reason);
        } else {
            call.observers.end(&status, &MetadataMap::new());
            wire.send_status(Some(status), MetadataMap::new());
            self.answered(index, reason);
        }
    }

    /// Dismisses whoever worked on a call, because its answer is complete.
    fn answered(&mut self, index: usize, reason: Cancelled) {
        let Some(call) = self.slots[index].call.as_mut() else { return };
        self.held -= std::mem::take(&mut call.held);
        call.admission = None;
        call.dismiss(reason);
    }

    /// Removes a call whose stream is gone.
    fn remove(&mut self, index: usize, reason: Cancelled) {
        let slot = &mut self.slots[index];
        if let Some(call) = &mut slot.call {
            self.live -= 1;
            self.held -= call.held;
            if !call.observers.is_empty() {
                call.observers.end(&over(reason), &MetadataMap::new());
            }
            call.dismiss(reason);
            slot.call = None;
        }
    }

    /// Ends all calls, and the connection. Their clients may try elsewhere, so the status is UNAVAILABLE; the handlers
    /// are cancelled.
    fn abort(&mut self) {
        self.aborted = true;
        for index in 0..self.slots.len() {
            let Some(call) = &self.slots[index].call else { continue };
            if self.server.http_mut().send_buffered(call.key) > 0 {
                // The end of the connection tells the client, which makes it UNAVAILABLE. A reset would make it
                // CANCELLED.
                self.remove(index, Cancelled::ServerShutdown);
            } else {
                let status = Status::unavailable("the server is shutting down");
                self.cut_off(index, status, Cancelled::ServerShutdown);
            }
        }
        let http = self.server.http_mut();
        http.transmit(self.now, usize::MAX);
        http.close(ErrorCode::NO_ERROR, "the server is shutting down");
    }
}

fn is_live(slots: &[Slot], key: StreamKey) -> bool {
    slots.get(key.index()).and_then(|slot| slot.call.as_ref()).is_some_and(|call| call.key == key)
}

/// Returns a time longer or shorter by up to a tenth. `random` is from 0 to 1.
fn vary(time: Duration, random: f64) -> Duration {
    /// Longer than any connection lives, and short enough to be multiplied.
    const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
    time.min(LONGEST).mul_f64(0.9 + 0.2 * random)
}

/// The status, as seen by this side, of a call that was ended from outside.
fn over(reason: Cancelled) -> Status {
    match reason {
        Cancelled::DeadlineExceeded => deadline_exceeded(),
        Cancelled::ByPeer => Status::cancelled("the client cancelled the call"),
        Cancelled::ConnectionLost => Status::cancelled("the connection was lost"),
        Cancelled::ServerShutdown => Status::unavailable("the server is shutting down"),
        Cancelled::ResourceExhausted => Status::resource_exhausted(memory::RECLAIMED),
        Cancelled::Finished => Status::cancelled("the call has ended"),
    }
}

fn ok() -> Status {
    Status::new(Code::Ok, "")
}

/// The status of a call out of time, with the text that programs know from other servers.
fn deadline_exceeded() -> Status {
    Status::deadline_exceeded("Deadline Exceeded")
}
