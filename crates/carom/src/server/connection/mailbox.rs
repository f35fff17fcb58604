//! The mailbox of a connection: woken calls and commands from other tasks and threads, in one queue that wakes the
//! connection's task once for many entries.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};

use bytes::Bytes;
use carom_wire::stream::StreamKey;
use carom_wire::{MetadataMap, Status};

use crate::cancellation::{CancelCell, CancelSource, Cancelled};
use crate::codec::CompressionEncoding;
use crate::wakers::register;

/// A command for the connection's task.
#[derive(Debug)]
pub(crate) enum Command {
    /// Shut down gracefully: accept no new calls, and let running ones continue.
    Shutdown,
    /// Shut down now: running calls are cancelled.
    Abort,
    /// The memory quota is exceeded: free what exceeds the connection's share.
    Reclaim,
    /// Set `cell` when the call ends.
    Watch { key: StreamKey, cell: Arc<CancelCell> },
    /// The reader of the call's inbox took messages: give the peer credit.
    Release { key: StreamKey },
    /// Fail the call.
    Fail { key: StreamKey, status: Status },
    /// Send the response's head.
    Head { key: StreamKey, metadata: MetadataMap, encoding: Option<CompressionEncoding> },
    /// Send a message, compressed or not; `encoding` is the call's, for the head if that was not sent.
    Message { key: StreamKey, payload: Bytes, encoding: Option<CompressionEncoding>, compress: bool },
    /// End the call.
    Finish { key: StreamKey, status: Status, trailing: MetadataMap },
    /// Answer a call with one message and OK.
    FinishUnary(Box<UnaryAnswer>),
}

/// A complete answer of one message.
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
    /// Whether anything waits: lets the connection's task check without taking the lock.
    pending: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    commands: Vec<Command>,
    /// The slots of calls whose future was woken.
    woken: Vec<u32>,
    task: Option<Waker>,
    closed: bool,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a command; returns it if the connection has ended.
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

    /// The waker of the connection's task, unless it was woken already and has not looked yet.
    fn task_to_wake(&self, state: &State) -> Option<Waker> {
        (!self.pending.swap(true, Ordering::Relaxed)).then(|| state.task.clone()).flatten()
    }

    /// Registers the connection's task.
    pub(crate) fn set_task(&self, cx: &Context<'_>) {
        let old = register(&mut self.lock().task, cx);
        drop(old);
    }

    /// Swaps the entries into the two (empty) lists; returns `false` if there are none.
    pub(crate) fn take(&self, commands: &mut Vec<Command>, woken: &mut Vec<u32>) -> bool {
        if !self.pending.load(Ordering::Relaxed) {
            return false;
        }
        let mut state = self.lock();
        // Under the lock: a push after this wakes the task again.
        self.pending.store(false, Ordering::Relaxed);
        std::mem::swap(&mut state.commands, commands);
        std::mem::swap(&mut state.woken, woken);
        true
    }

    /// Closes the mailbox of a connection that has ended: returns the remaining commands, and accepts no more.
    pub(crate) fn close(&self) -> Vec<Command> {
        let _task;
        let mut state = self.lock();
        state.closed = true;
        _task = state.task.take();
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

/// The waker of the call in one slot of a connection. It lives as long as the slot and serves one call after another: a
/// late wake-up of an earlier call polls the next one once for nothing.
struct CallWaker {
    index: u32,
    queued: AtomicBool,
    mailbox: Arc<Mailbox>,
}

impl CallWaker {
    fn new(index: u32, mailbox: Arc<Mailbox>) -> Arc<Self> {
        Arc::new(Self { index, queued: AtomicBool::new(false), mailbox })
    }

    /// Accepts wake-ups again; to be called before the future is polled.
    fn accept(&self) {
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

/// The waker of the calls that take one place after another; made when the first is polled.
#[derive(Default)]
pub(crate) struct SlotWaker(Option<(Arc<CallWaker>, Waker)>);

impl SlotWaker {
    /// The waker for a poll that is about to be made.
    #[inline]
    pub(crate) fn get(&mut self, index: usize, mailbox: &Arc<Mailbox>) -> &Waker {
        let (accept, waker) = self.0.get_or_insert_with(|| {
            let call_waker = CallWaker::new(index as u32, Arc::clone(mailbox));
            (Arc::clone(&call_waker), Waker::from(call_waker))
        });
        accept.accept();
        waker
    }
}

#[cfg(test)]
mod tests;
