//! The inbox of one call: messages on their way from the connection to the call's reader, which may be in any task.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use carom_wire::Status;
use carom_wire::message::Message;
use carom_wire::stream::StreamKey;

use super::mailbox::{Command, Mailbox};
use crate::backlog::{Backlog, CREDIT_PORTION, size};
use crate::wakers::register;

/// Received messages, still compressed, in order. Messages not taken hold back flow-control credit, so at most a stream
/// window (or one message, if larger) is in here and with the reader.
#[derive(Debug)]
pub(crate) struct Inbox {
    key: StreamKey,
    mailbox: Arc<Mailbox>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    messages: Backlog,
    /// The end after the messages, once it is known.
    end: Option<Result<(), Status>>,
    reader: Option<Waker>,
    /// The messages that the reader took and the connection does not know of.
    taken: Taken,
    /// Whether the connection will ask for `taken` anyway: it is polling the reader, or a command for that is queued.
    attended: bool,
}

/// Messages that a reader has taken.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) messages: usize,
    /// Their size with prefixes: the credit that the peer gets back.
    pub(crate) bytes: usize,
}

impl Taken {
    fn add(&mut self, message: &Message) {
        self.messages += 1;
        self.bytes += size(message);
    }
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

    /// Adds the messages that `next` returns, until there are none. Returns their number, and the error that ended
    /// them.
    pub(crate) fn fill(
        &self,
        mut next: impl FnMut() -> Result<Option<Message>, Status>,
    ) -> (usize, Result<(), Status>) {
        let (count, result, reader) = {
            let mut state = self.lock();
            let before = state.messages.len();
            let result = loop {
                match next() {
                    Ok(Some(message)) => state.messages.push(message),
                    Ok(None) => break Ok(()),
                    Err(status) => break Err(status),
                }
            };
            let count = state.messages.len() - before;
            // Most of the data of a large message completes none: a reader woken for it would find nothing.
            (count, result, state.reader.take_if(|_| count > 0))
        };
        if let Some(reader) = reader {
            reader.wake();
        }
        (count, result)
    }

    /// Detaches messages from their buffers: see [`Backlog::copy_out`].
    pub(crate) fn copy_out(&self) {
        self.lock().messages.copy_out();
    }

    /// Whether the reader has taken everything.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().messages.is_empty()
    }

    /// Records that no message follows; the first end counts.
    pub(crate) fn end(&self) {
        self.change(|state| {
            state.end.get_or_insert(Ok(()));
        });
    }

    /// Ends the call with an error: unread messages are dropped. A reader that has read everything does not notice.
    pub(crate) fn fail(&self, status: Status) {
        self.change(|state| {
            let complete = matches!(state.end, Some(Ok(())));
            if !(complete && state.messages.is_empty()) {
                state.messages = Backlog::default();
                state.end = Some(Err(status));
            }
        });
    }

    /// Announces that [`taken`](Self::taken) will be called soon, so that the reader need not notify the connection.
    pub(crate) fn attend(&self) {
        self.lock().attended = true;
    }

    /// Returns the messages taken since the last call.
    pub(crate) fn taken(&self) -> Taken {
        let mut state = self.lock();
        state.attended = false;
        std::mem::take(&mut state.taken)
    }

    /// Notifies the connection if messages were taken, unless it is going to ask anyway.
    fn notify(&self, mut state: MutexGuard<'_, State>) {
        if state.taken == Taken::default() || std::mem::replace(&mut state.attended, true) {
            return;
        }
        drop(state);
        // If the connection has ended there is nobody to give credit to.
        let _ = self.mailbox.push(Command::Release { key: self.key });
    }
}

impl State {
    /// Adds what the reader took.
    fn take(&mut self, taken: &mut Taken) {
        let Taken { messages, bytes } = std::mem::take(taken);
        self.taken.messages += messages;
        self.taken.bytes += bytes;
    }
}

/// The reading end of an inbox. It takes many small messages at once, since most of their cost is the lock.
#[derive(Debug)]
pub(crate) struct InboxReader {
    inbox: Arc<Inbox>,
    batch: VecDeque<Message>,
    /// The messages of the batch that were returned but not reported to the inbox.
    taken: Taken,
}

impl InboxReader {
    /// The smallest batch; fewer messages are taken one by one. A batch keeps the buffer alive that it was read into,
    /// however slow the reader is, and this many messages are accounted at about the size of such a buffer.
    const LEAST_BATCH: usize = 256;

    pub(crate) fn new(inbox: Arc<Inbox>) -> Self {
        Self { inbox, batch: VecDeque::new(), taken: Taken::default() }
    }

    /// Polls for the next message; `None` after the last one.
    #[inline]
    pub(crate) fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Status>> {
        let Some(message) = self.batch.pop_front() else { return self.poll_inbox(cx) };
        self.taken.add(&message);
        if self.taken.bytes >= CREDIT_PORTION {
            let mut state = self.inbox.lock();
            state.take(&mut self.taken);
            self.inbox.notify(state);
        }
        Poll::Ready(Ok(Some(message)))
    }

    fn poll_inbox(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Status>> {
        let mut _replaced = None;
        let mut state = self.inbox.lock();
        if state.messages.len() >= Self::LEAST_BATCH {
            state.messages.take_all(&mut self.batch);
        }
        let next = self.batch.pop_front().or_else(|| state.messages.pop());
        if let Some(message) = &next {
            self.taken.add(message);
        }
        state.take(&mut self.taken);
        let result = match (next, &state.end) {
            (Some(message), _) => Poll::Ready(Ok(Some(message))),
            (None, Some(end)) => Poll::Ready(end.clone().map(|()| None)),
            (None, None) => {
                _replaced = register(&mut state.reader, cx);
                Poll::Pending
            }
        };
        self.inbox.notify(state);
        result
    }

    /// Ends the call because of an error found in a message.
    pub(crate) fn reject(&self, status: Status) {
        self.inbox.fail(status.clone());
        let _ = self.inbox.mailbox.push(Command::Fail { key: self.inbox.key, status });
    }
}

#[cfg(test)]
mod tests;
