//! The messages of one call between the connection, which puts them in, and the call's reader, which may be on any task.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use carom_wire::Status;
use carom_wire::message::{Message, PREFIX_LEN};
use carom_wire::stream::StreamKey;

use super::mailbox::{Command, Mailbox};
use crate::transport::driver::backlog::Backlog;

/// Received messages, still compressed, in order. What is not taken holds back flow-control credit, so at most a stream
/// window (or one message, if larger) is in here.
#[derive(Debug)]
pub(crate) struct Inbox {
    key: StreamKey,
    mailbox: Arc<Mailbox>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    messages: VecDeque<Message>,
    backlog: Backlog,
    /// How it ends after the messages.
    end: Option<Result<(), Status>>,
    reader: Option<Waker>,
    /// What the reader took and the connection does not know of.
    taken: Taken,
    /// The connection is polling the reader and will ask for `taken` by itself, or has a command that makes it ask.
    attended: bool,
}

/// Messages that a reader has taken.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) messages: usize,
    /// With their prefixes: so much credit the peer gets back.
    pub(crate) bytes: usize,
}

impl Inbox {
    pub(crate) fn new(key: StreamKey, mailbox: Arc<Mailbox>) -> Self {
        Self { key, mailbox, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let reader = {
            let mut state = self.lock();
            change(&mut state);
            state.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Adds a message that was read as part of `arrival`.
    pub(crate) fn push(&self, message: Message, arrival: u64) {
        self.change(|state| {
            state.backlog.on_message(&mut state.messages, arrival);
            state.messages.push_back(message);
        });
    }

    /// Whether the reader has taken all that came.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().messages.is_empty()
    }

    /// Nothing follows; the first end counts.
    pub(crate) fn end(&self) {
        self.change(|state| {
            state.end.get_or_insert(Ok(()));
        });
    }

    /// The call is over: what was not read is dropped. A reader that has everything notices nothing.
    pub(crate) fn fail(&self, status: Status) {
        self.change(|state| {
            let complete = matches!(state.end, Some(Ok(())));
            if !(complete && state.messages.is_empty()) {
                state.messages.clear();
                state.end = Some(Err(status));
            }
        });
    }

    /// Says that [`taken`](Self::taken) will be asked for soon, so that the reader need not send word.
    pub(crate) fn attend(&self) {
        self.lock().attended = true;
    }

    /// What was taken since this was last asked.
    pub(crate) fn taken(&self) -> Taken {
        let mut state = self.lock();
        state.attended = false;
        std::mem::take(&mut state.taken)
    }

    /// The next message, by the reader. `None` after the last one.
    pub(crate) fn poll_message(&self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Status>> {
        let message = {
            let mut state = self.lock();
            let Some(message) = state.messages.pop_front() else {
                return match &state.end {
                    Some(end) => Poll::Ready(end.clone().map(|()| None)),
                    None => {
                        if !state.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
                            state.reader = Some(cx.waker().clone());
                        }
                        Poll::Pending
                    }
                };
            };
            state.taken.messages += 1;
            state.taken.bytes += PREFIX_LEN + message.payload.len();
            if std::mem::replace(&mut state.attended, true) {
                return Poll::Ready(Ok(Some(message)));
            }
            message
        };
        // If the connection has ended there is nobody to give credit to.
        let _ = self.mailbox.push(Command::Release { key: self.key });
        Poll::Ready(Ok(Some(message)))
    }

    /// Ends the call for a fault that the reader found in a message.
    pub(crate) fn reject(&self, status: Status) {
        self.fail(status.clone());
        let _ = self.mailbox.push(Command::Fail { key: self.key, status });
    }
}

#[cfg(test)]
mod tests;
