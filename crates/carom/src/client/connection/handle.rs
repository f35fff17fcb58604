//! A connection as the rest of the client sees it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use carom_wire::Status;

use super::attempt::Attempt;
use crate::client::attachments::Attachments;
use crate::transport::ConnectionInfo;
use crate::transport::error::TransportError;

/// See [`ClientConnection::credit_portion`].
const MAX_CREDIT_PORTION: usize = 64 * 1024;

/// What a connection tells the channel.
#[derive(Debug)]
pub(crate) enum ConnectionEvent {
    /// The server's SETTINGS came: calls may be started. At most once.
    Ready(Arc<ClientConnection>),
    /// No more calls can be started; those under way go on if they can. Once.
    Ended(TransportError),
}

/// A connection as callers see it.
pub(crate) struct ClientConnection {
    inbox: Mutex<Inbox>,
    info: ConnectionInfo,
    credit_portion: usize,
}

#[derive(Default)]
pub(super) struct Inbox {
    pub(super) poked: Vec<Attempt>,
    pub(super) waker: Option<Waker>,
    /// The task was woken and has not looked yet.
    pub(super) notified: bool,
    /// New calls are refused.
    pub(super) refusing: bool,
    pub(super) close: Option<Close>,
}

/// How a connection is closed from this side.
#[derive(Debug, Clone)]
pub(crate) enum Close {
    /// Calls under way go on; none is started.
    AfterCalls,
    /// Calls under way end with this status.
    AtOnce(Status),
}

impl ClientConnection {
    pub(super) fn new(info: ConnectionInfo, stream_window: u32) -> Arc<Self> {
        // The engine tells the server once half the window is free again; a quarter that callers have not told of yet
        // leaves it another quarter to go on with.
        let credit_portion = (stream_window as usize / 4).min(MAX_CREDIT_PORTION);
        Arc::new(Self { inbox: Mutex::default(), info, credit_portion })
    }

    /// Callers tell of bytes that they took in portions of at least this.
    pub(super) fn credit_portion(&self) -> usize {
        self.credit_portion
    }

    /// What is known of the connection.
    pub(crate) fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands over an attempt. It comes back if the connection takes none any more.
    pub(crate) fn start(
        self: &Arc<Self>,
        attempt: Attempt,
        attachments: Option<Box<Attachments>>,
    ) -> Result<(), Attempt> {
        // Dropped behind the lock.
        let _surplus;
        let waker = {
            let mut inbox = self.lock();
            if inbox.refusing {
                return Err(attempt);
            }
            _surplus = attempt.call.lock().queue_on(attempt.id, self, attachments);
            inbox.poked.push(attempt);
            inbox.notify()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Says that there is something new for an attempt that was started here.
    pub(super) fn poke(&self, attempt: Attempt) {
        let waker = {
            let mut inbox = self.lock();
            if inbox.refusing && inbox.waker.is_none() {
                // The task is gone and has ended all its calls.
                return;
            }
            inbox.poked.push(attempt);
            inbox.notify()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ends the connection.
    pub(crate) fn close(&self, how: Close) {
        let waker = {
            let mut inbox = self.lock();
            inbox.refusing = true;
            inbox.close = Some(how);
            inbox.notify()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl fmt::Debug for ClientConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConnection").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Inbox {
    /// The waker to wake, if the task does not know yet.
    fn notify(&mut self) -> Option<Waker> {
        if std::mem::replace(&mut self.notified, true) { None } else { self.waker.clone() }
    }
}
