//! The handle of a connection, as used by the rest of the client.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use carom_wire::Status;

use super::attempt::Attempt;
use crate::client::attachments::Attachments;
use crate::transport::ConnectionInfo;
use crate::transport::error::TransportError;

/// The upper bound of [`ClientConnection::credit_portion`].
const MAX_CREDIT_PORTION: usize = 64 * 1024;

/// An event that a connection reports to its channel.
#[derive(Debug)]
pub(crate) enum ConnectionEvent {
    /// The server's SETTINGS have arrived, so calls may be started. At most once.
    Ready(Arc<ClientConnection>),
    /// No more calls can be started; running ones continue if they can. Exactly once.
    Ended(TransportError),
}

/// A connection, as callers see it.
pub(crate) struct ClientConnection {
    mailbox: Mutex<Mailbox>,
    info: ConnectionInfo,
    credit_portion: usize,
}

#[derive(Default)]
pub(super) struct Mailbox {
    pub(super) poked: Vec<Attempt>,
    pub(super) waker: Option<Waker>,
    /// Whether the task was woken and has not looked yet.
    pub(super) notified: bool,
    /// Whether new calls are refused.
    pub(super) refusing: bool,
    pub(super) close: Option<Close>,
}

/// The way in which this side closes a connection.
#[derive(Debug, Clone)]
pub(crate) enum Close {
    /// Running calls continue; no new one is started.
    AfterCalls,
    /// Running calls end with this status.
    AtOnce(Status),
}

impl ClientConnection {
    pub(super) fn new(info: ConnectionInfo, stream_window: u32) -> Arc<Self> {
        // The engine tells the server once half the window is free again; with a quarter that callers have not returned
        // yet, another quarter is left to continue with.
        let credit_portion = (stream_window as usize / 4).min(MAX_CREDIT_PORTION);
        Arc::new(Self { mailbox: Mutex::default(), info, credit_portion })
    }

    /// The least portion in which callers return credit for bytes taken.
    pub(super) fn credit_portion(&self) -> usize {
        self.credit_portion
    }

    /// The properties of the connection.
    pub(crate) fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Mailbox> {
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands over an attempt; returns it if the connection accepts no more.
    pub(crate) fn start(
        self: &Arc<Self>,
        attempt: Attempt,
        attachments: Option<Box<Attachments>>,
    ) -> Result<(), Attempt> {
        // Dropped after the lock is released.
        let _surplus;
        let waker = {
            let mut mailbox = self.lock();
            if mailbox.refusing {
                return Err(attempt);
            }
            _surplus = attempt.call.lock().queue_on(attempt.id, self, attachments);
            mailbox.poked.push(attempt);
            mailbox.notify()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Puts an attempt that was started here into the mailbox, because there is something new for it.
    pub(super) fn poke(&self, attempt: Attempt) {
        let waker = {
            let mut mailbox = self.lock();
            if mailbox.refusing && mailbox.waker.is_none() {
                // The task is gone and has ended all its calls.
                return;
            }
            mailbox.poked.push(attempt);
            mailbox.notify()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ends the connection.
    pub(crate) fn close(&self, how: Close) {
        let waker = {
            let mut mailbox = self.lock();
            mailbox.refusing = true;
            mailbox.close = Some(how);
            mailbox.notify()
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

impl Mailbox {
    /// Returns the waker of the task, unless it was already notified.
    fn notify(&mut self) -> Option<Waker> {
        if std::mem::replace(&mut self.notified, true) { None } else { self.waker.clone() }
    }
}
