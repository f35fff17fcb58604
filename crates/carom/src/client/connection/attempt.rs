//! One attempt of a call: where it is, how much of the call it has sent, and what happens to the call when it ends.

use std::sync::Arc;

use carom_wire::call::Ended;
use carom_wire::stream::StreamKey;

use super::ClientConnection;
use super::send_log::Cursor;
use super::slot::{CallSlot, Finished};
use crate::client::attachments::{Attachments, CallOutcome};
use crate::client::retry::{Retry, Wait};

/// The number of an attempt within its call, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AttemptId(pub(super) u8);

impl AttemptId {
    /// The first attempt of every call.
    pub(crate) const FIRST: Self = Self(0);
}

/// A handle to an attempt, held by whoever places it and by the connection's task.
#[derive(Clone)]
pub(crate) struct Attempt {
    pub(crate) call: Arc<CallSlot>,
    pub(crate) id: AttemptId,
}

/// Whether the server may have processed an attempt, as far as the transport knows (gRFC A6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Processed {
    /// It has not: no handler has seen the attempt.
    No,
    /// A handler may have seen the attempt.
    Maybe,
}

/// Where an attempt is.
pub(super) enum Place {
    /// With the call's owner, on no connection.
    Unplaced,
    /// In the mailbox of a connection that has not seen it.
    Queued(Arc<ClientConnection>),
    /// Waiting for a free stream on a connection.
    Waiting(Arc<ClientConnection>),
    /// On a stream, which may have ended.
    Open(Arc<ClientConnection>, StreamKey),
}

impl Place {
    pub(super) fn connection(&self) -> Option<&Arc<ClientConnection>> {
        match self {
            Self::Queued(connection) | Self::Waiting(connection) | Self::Open(connection, _) => {
                Some(connection)
            }
            Self::Unplaced => None,
        }
    }
}

/// The mutable state of an attempt. It is a part of its call's and under the same lock.
pub(super) struct AttemptState {
    pub(super) place: Place,
    pub(super) cursor: Cursor,
    /// The attachments of the pick. They are called and dropped when the lock is not held, since that runs foreign
    /// code.
    pub(super) attachments: Option<Box<Attachments>>,
    /// It is in its connection's mailbox already.
    pub(super) poked: bool,
}

impl AttemptState {
    pub(super) fn new() -> Self {
        Self { place: Place::Unplaced, cursor: Cursor::default(), attachments: None, poked: false }
    }

    /// Takes the attachments of the pick, with the outcome to report to them.
    pub(super) fn report(&mut self, end: &Ended) -> Option<Box<(Box<Attachments>, CallOutcome)>> {
        let attachments = self.attachments.take()?;
        let outcome = CallOutcome { status: end.status.clone(), trailers: end.metadata.clone() };
        Some(Box::new((attachments, outcome)))
    }

    /// The connection to poke, if there is one and it was not poked already.
    pub(super) fn poke(&mut self) -> Option<Arc<ClientConnection>> {
        if self.poked {
            return None;
        }
        let connection = Arc::clone(self.place.connection()?);
        self.poked = true;
        Some(connection)
    }
}

/// What happens to a call when one of its attempts ends.
#[derive(Debug, PartialEq, Eq)]
enum Decision {
    /// The call ends as the attempt did.
    Deliver,
    /// The attempt is repeated as if it had not happened (gRFC A6: a transparent retry).
    Again,
    /// Another attempt is made after a wait, by the method's retry policy.
    Retry(Wait),
}

/// The facts about a call that the decision at the end of an attempt needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) over: bool,
    /// Whether what was sent cannot be sent again, or the server has answered.
    pub(super) committed: bool,
    /// The number of transparent retries after attempts that had a stream.
    pub(super) transparent_retries: u32,
}

/// The number of transparent retries after attempts that had a stream, but were not processed by the server.
const MAX_TRANSPARENT_RETRIES: u32 = 1;

fn decide(facts: Facts, processed: Processed, retry: Option<&mut Retry>, end: &Ended) -> Decision {
    let possible = !facts.over && !facts.committed;
    if possible && processed == Processed::No && facts.transparent_retries < MAX_TRANSPARENT_RETRIES {
        return Decision::Again;
    }
    retry.and_then(|retry| retry.after(end, possible)).map_or(Decision::Deliver, Decision::Retry)
}

impl Attempt {
    /// Returns the first attempt of a new call.
    pub(crate) fn first(call: Arc<CallSlot>) -> Self {
        Self { call, id: AttemptId::FIRST }
    }

    /// Whether the attempt no longer matters: the call is over, or another attempt carries it.
    pub(crate) fn has_ended(&self) -> bool {
        self.call.lock().is_over(self.id)
    }

    /// Withdraws the attempt from its connection before it has reached the server, to be placed again.
    pub(super) fn withdraw(self) {
        let attachments = self.call.lock().withdraw(self.id);
        drop(attachments);
        let owner = self.call.owner();
        owner.take_back(self);
    }

    /// Ends the attempt.
    pub(crate) fn end(&self, end: Ended, processed: Processed) -> Finished {
        let mut state = self.call.lock();
        let facts = state.facts();
        match decide(facts, processed, state.retry.as_deref_mut(), &end) {
            Decision::Deliver => state.end_attempt(self.id, end),
            Decision::Again => {
                state.count_transparent_retry();
                drop(state);
                self.clone().withdraw();
                Finished::default()
            }
            Decision::Retry(wait) => {
                let finished = state.restart(self.id, &end);
                drop(state);
                self.call.owner().retry(self.clone(), wait);
                finished
            }
        }
    }
}

#[cfg(test)]
mod tests;
