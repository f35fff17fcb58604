//! What other tasks and threads want of a connection: woken futures and commands, in one queue that wakes the
//! connection's task once for many entries.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use bytes::Bytes;
use carom_wire::stream::StreamKey;
use carom_wire::{MetadataMap, Status};

use crate::cancellation::{CancelCell, CancelSource, Cancelled};
use crate::codec::CompressionEncoding;

/// Something to be done by the connection's task.
#[derive(Debug)]
pub(crate) enum Command {
    /// End gracefully: no new calls, those that run go on.
    Shutdown,
    /// End now: what still runs is cancelled.
    Abort,
    /// The memory quota is exceeded: give back what is above the connection's share.
    Reclaim,
    /// Set `cell` when the call ends.
    Watch { key: StreamKey, cell: Arc<CancelCell> },
    /// The reader of the call's inbox took messages: give the peer credit.
    Release { key: StreamKey },
    /// The call cannot go on.
    Fail { key: StreamKey, status: Status },
    /// Send the response's head.
    Head { key: StreamKey, metadata: MetadataMap, encoding: Option<CompressionEncoding> },
    /// Send a message, compressed or not; `encoding` is the call's, for the head if that was not sent.
    Message { key: StreamKey, payload: Bytes, encoding: Option<CompressionEncoding>, compress: bool },
    /// End the call.
    Finish { key: StreamKey, status: Status, trailing: MetadataMap },
    /// Answer a call by one message, and end it well.
    FinishUnary(Box<UnaryAnswer>),
}

/// A whole answer of one message.
#[derive(Debug)]
pub(crate) struct UnaryAnswer {
    pub(crate) key: StreamKey,
    pub(crate) initial: Option<MetadataMap>,
    pub(crate) payload: Bytes,
    pub(crate) encoding: Option<CompressionEncoding>,
    pub(crate) trailing: MetadataMap,
}

/// The queue of one connection.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    /// Something waits: lets the connection's task look without taking the lock.
    pending: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    commands: Vec<Command>,
    /// Places of calls whose future was woken.
    woken: Vec<u32>,
    task: Option<Waker>,
    closed: bool,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a command over. Gives it back if the connection has ended.
    pub(crate) fn push(&self, command: Command) -> Result<(), Command> {
        let task = {
            let mut state = self.lock();
            if state.closed {
                return Err(command);
            }
            state.commands.push(command);
            self.task_to_wake(&state)
        };
        if let Some(task) = task {
            task.wake();
        }
        Ok(())
    }

    fn push_woken(&self, index: u32) {
        let task = {
            let mut state = self.lock();
            if state.closed {
                return;
            }
            state.woken.push(index);
            self.task_to_wake(&state)
        };
        if let Some(task) = task {
            task.wake();
        }
    }

    /// The connection's task, unless it was woken already and has not looked yet.
    fn task_to_wake(&self, state: &State) -> Option<Waker> {
        (!self.pending.swap(true, Ordering::Relaxed)).then(|| state.task.clone()).flatten()
    }

    /// Whom to wake from now on.
    pub(crate) fn set_task(&self, task: &Waker) {
        let mut state = self.lock();
        if !state.task.as_ref().is_some_and(|known| known.will_wake(task)) {
            state.task = Some(task.clone());
        }
    }

    /// Swaps what has come into the two (empty) lists. `false`: nothing has.
    pub(crate) fn take(&self, commands: &mut Vec<Command>, woken: &mut Vec<u32>) -> bool {
        if !self.pending.load(Ordering::Relaxed) {
            return false;
        }
        let mut state = self.lock();
        // Under the lock: whoever pushes after this wakes the task again.
        self.pending.store(false, Ordering::Relaxed);
        std::mem::swap(&mut state.commands, commands);
        std::mem::swap(&mut state.woken, woken);
        true
    }

    /// The connection has ended: returns what was not looked at, and takes no more.
    pub(crate) fn close(&self) -> Vec<Command> {
        let mut state = self.lock();
        state.closed = true;
        state.task = None;
        state.woken = Vec::new();
        std::mem::take(&mut state.commands)
    }
}

impl CancelSource for Mailbox {
    fn watch(&self, key: StreamKey, cell: Arc<CancelCell>) {
        if let Err(Command::Watch { cell, .. }) = self.push(Command::Watch { key, cell }) {
            cell.set(Cancelled::ConnectionLost);
        }
    }
}

/// Wakes the call at one place of one connection. Lives as long as the place and serves one call after another: a late
/// wake-up of an earlier call polls the next one once for nothing.
pub(crate) struct CallWaker {
    index: u32,
    queued: AtomicBool,
    mailbox: Arc<Mailbox>,
}

impl CallWaker {
    pub(crate) fn new(index: u32, mailbox: Arc<Mailbox>) -> Arc<Self> {
        Arc::new(Self { index, queued: AtomicBool::new(false), mailbox })
    }

    /// To be called before the future is polled: wake-ups from here on count again.
    pub(crate) fn accept(&self) {
        self.queued.store(false, Ordering::Release);
    }
}

impl Wake for CallWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.mailbox.push_woken(self.index);
        }
    }
}

#[cfg(test)]
mod tests;
