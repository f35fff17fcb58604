//! The queue between connections and the executor of a synchronous server.
//!
//! Connections push calls. A *drain* is a work item of the executor that serves calls until the queue is empty or its
//! time slice is over; one drain waits a little for more before it gives its worker back. The dispatcher thread hands
//! drains to the executor: one when there is none, and more when the queue stands still because handlers block.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use carom::server::{DetachedHandler, IncomingCall, RequestMode};
use carom::{MetadataMap, Status};

use super::context::Callbacks;
use crate::cooperative::{Sleepers, WakeSource};

/// How long nothing may be taken from a queue that is not empty until another drain is started.
const STALL: Duration = Duration::from_millis(1);

/// How long a drain without work keeps its worker.
const LINGER: Duration = Duration::from_millis(5);

/// How long a drain serves before the executor may give its worker to other work.
pub(super) const TIME_SLICE: Duration = Duration::from_millis(100);

/// Calls that wait, and who works on them.
pub(crate) struct Queue {
    state: Mutex<State>,
    /// The dispatcher waits here.
    dispatch: Condvar,
    /// A drain without work waits here.
    arrival: Condvar,
    max_drains: usize,
    max_calls: usize,
    /// Calls taken in and not answered.
    active: AtomicUsize,
    /// Paths whose requests are one message.
    unary: ArcSwap<HashSet<String>>,
}

struct State {
    calls: VecDeque<IncomingCall>,
    /// Drains handed to the executor and not yet ended.
    drains: usize,
    /// Drains that wait for calls.
    idle: usize,
    last_taken: Instant,
    /// Drains to start at once at the next stall; doubles while the queue stands still.
    burst: usize,
    /// The dispatcher waits without a time limit.
    dispatcher_asleep: bool,
    /// The dispatcher, where it is a greenlet.
    greenlets: Sleepers,
    ended: Vec<Arc<Callbacks>>,
    /// The server has ended: nothing more comes.
    terminated: bool,
    /// Drains do not wait any more.
    stopping: bool,
}

/// What the dispatcher thread is to do.
pub(super) enum Dispatch {
    /// Hand so many drains to the executor.
    Start(usize),
    /// Tell the program about ended calls.
    Callbacks(Vec<Arc<Callbacks>>),
    /// Nothing, ever again.
    End,
}

impl Queue {
    pub(super) fn new(max_drains: usize, max_calls: Option<usize>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                calls: VecDeque::new(),
                drains: 0,
                idle: 0,
                last_taken: Instant::now(),
                burst: 1,
                dispatcher_asleep: false,
                greenlets: Sleepers::none(),
                ended: Vec::new(),
                terminated: false,
                stopping: false,
            }),
            dispatch: Condvar::new(),
            arrival: Condvar::new(),
            max_drains: max_drains.max(1),
            max_calls: max_calls.unwrap_or(usize::MAX),
            active: AtomicUsize::new(0),
            unary: ArcSwap::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_unary(&self, paths: HashSet<String>) {
        self.unary.store(Arc::new(paths));
    }

    fn push(&self, call: IncomingCall) {
        let mut state = self.lock();
        state.calls.push_back(call);
        if state.idle > 0 {
            if state.calls.len() == 1 {
                self.arrival.notify_one();
            }
        } else if std::mem::take(&mut state.dispatcher_asleep) {
            self.wake_dispatcher(&mut state);
        }
    }

    fn wake_dispatcher(&self, state: &mut State) {
        state.greenlets.wake();
        self.dispatch.notify_one();
    }

    /// A call was answered, or given up.
    pub(super) fn done(&self) {
        self.active.fetch_sub(1, Ordering::Relaxed);
    }

    /// A call with callbacks has ended.
    pub(super) fn call_ended(&self, callbacks: Arc<Callbacks>) {
        let mut state = self.lock();
        state.ended.push(callbacks);
        state.dispatcher_asleep = false;
        self.wake_dispatcher(&mut state);
    }

    /// No drain waits for calls from here on.
    pub(super) fn stop(&self) {
        self.lock().stopping = true;
        self.arrival.notify_all();
    }

    /// The server has ended.
    pub(super) fn terminate(&self) {
        let mut state = self.lock();
        state.terminated = true;
        state.stopping = true;
        state.dispatcher_asleep = false;
        self.arrival.notify_all();
        self.wake_dispatcher(&mut state);
    }

    /// The executor did not take a drain: nobody will serve what waits, unless other drains run.
    pub(super) fn refuse(&self, drains: usize, reason: &str) {
        let calls = {
            let mut state = self.lock();
            state.drains -= drains.min(state.drains);
            if state.drains > 0 { VecDeque::new() } else { std::mem::take(&mut state.calls) }
        };
        for call in calls {
            call.responder.finish(Status::unavailable(reason), MetadataMap::new());
            self.done();
        }
    }

    /// Waits for something for the dispatcher thread to do.
    pub(super) fn next_dispatch(&self) -> Dispatch {
        let mut state = self.lock();
        loop {
            state = match self.decide(&mut state) {
                Ok(dispatch) => return dispatch,
                Err(None) => self.dispatch.wait(state).unwrap_or_else(PoisonError::into_inner),
                Err(Some(limit)) => {
                    self.dispatch.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// What the dispatcher is to do now; `Err`: nothing until it is woken, or until this time has passed.
    pub(super) fn try_dispatch(&self) -> Result<Dispatch, Option<Duration>> {
        self.decide(&mut self.lock())
    }

    fn decide(&self, state: &mut State) -> Result<Dispatch, Option<Duration>> {
        if !state.ended.is_empty() {
            return Ok(Dispatch::Callbacks(std::mem::take(&mut state.ended)));
        }
        if state.terminated {
            return Ok(Dispatch::End);
        }
        if state.calls.is_empty() || state.idle > 0 || state.drains >= self.max_drains {
            state.burst = 1;
            // With all drains at work there is nothing to decide until one ends; with none waiting, until a call
            // comes.
            state.dispatcher_asleep = true;
            return Err(None);
        }
        let stalled_for = state.last_taken.elapsed();
        if state.drains == 0 || stalled_for >= STALL {
            let count = state.burst.min(state.calls.len()).min(self.max_drains - state.drains);
            state.burst = (count * 2).max(1);
            state.drains += count;
            // The new drains get the time of a stall to begin.
            state.last_taken = Instant::now();
            return Ok(Dispatch::Start(count));
        }
        state.dispatcher_asleep = false;
        Err(Some(STALL - stalled_for))
    }

    /// The next call if one waits, for a drain; `Err`: none, and the drain may wait or go.
    pub(super) fn take(&self) -> Option<IncomingCall> {
        let mut state = self.lock();
        Self::take_from(&mut state)
    }

    fn take_from(state: &mut State) -> Option<IncomingCall> {
        let call = state.calls.pop_front()?;
        state.last_taken = Instant::now();
        state.burst = 1;
        Some(call)
    }

    /// Waits a little for a call. `None`: the drain has ended, and is not to call anything here again.
    pub(super) fn linger(&self) -> Option<IncomingCall> {
        self.wait_for_call(LINGER)
    }

    /// As [`Queue::linger`], without waiting.
    pub(super) fn take_or_end(&self) -> Option<IncomingCall> {
        self.wait_for_call(Duration::ZERO)
    }

    fn wait_for_call(&self, limit: Duration) -> Option<IncomingCall> {
        let mut state = self.lock();
        let until = Instant::now() + limit;
        let mut waiting = false;
        let call = loop {
            if let Some(call) = Self::take_from(&mut state) {
                break Some(call);
            }
            let left = until.saturating_duration_since(Instant::now());
            // One that waits is enough.
            if left.is_zero() || state.stopping || (!waiting && state.idle > 0) {
                break None;
            }
            if !waiting {
                waiting = true;
                state.idle += 1;
            }
            state = self.arrival.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        };
        if waiting {
            state.idle -= 1;
        }
        if call.is_none() {
            self.end_drain(&mut state);
        } else if !state.calls.is_empty() && std::mem::take(&mut state.dispatcher_asleep) {
            // More came than this drain takes now: someone has to watch that they are taken.
            self.wake_dispatcher(&mut state);
        }
        call
    }

    /// A drain's time slice is over; what still waits gets another.
    pub(super) fn yield_worker(&self) {
        let mut state = self.lock();
        self.end_drain(&mut state);
    }

    fn end_drain(&self, state: &mut State) {
        state.drains -= 1;
        if !state.calls.is_empty() && std::mem::take(&mut state.dispatcher_asleep) {
            self.wake_dispatcher(state);
        }
    }
}

impl WakeSource for Queue {
    fn with_sleepers(&self, change: &mut dyn FnMut(&mut Sleepers)) {
        change(&mut self.lock().greenlets);
    }
}

/// The handler that the library hands calls to.
pub(super) struct Intake(pub(super) Arc<Queue>);

impl DetachedHandler for Intake {
    fn call(&self, call: IncomingCall) {
        if self.0.active.fetch_add(1, Ordering::Relaxed) >= self.0.max_calls {
            self.0.done();
            let status = Status::resource_exhausted("Concurrent RPC limit exceeded!");
            call.responder.finish(status, MetadataMap::new());
            return;
        }
        self.0.push(call);
    }

    fn request_mode(&self, path: &str) -> RequestMode {
        if self.0.unary.load().contains(path) { RequestMode::Unary } else { RequestMode::Streaming }
    }
}
