//! One attempt of a call: where it is, how far it has sent the call, and what becomes of the call when it ends.

use std::sync::Arc;

use carom_wire::call::Ended;
use carom_wire::stream::StreamKey;

use super::ClientConnection;
use super::send_log::Cursor;
use super::slot::{CallSlot, Finished};
use crate::client::attachments::{Attachments, CallOutcome};
use crate::client::retry::{Retry, Wait};

/// Names an attempt of its call, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AttemptId(pub(super) u8);

impl AttemptId {
    /// The attempt that every call begins with.
    pub(crate) const FIRST: Self = Self(0);
}

/// An attempt, as whoever places it and the connection's task hold it.
#[derive(Clone)]
pub(crate) struct Attempt {
    pub(crate) call: Arc<CallSlot>,
    pub(crate) id: AttemptId,
}

/// What a transport knows of what the server did with an attempt (gRFC A6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Processed {
    /// Nothing: no handler has seen it.
    No,
    /// It may have begun.
    Maybe,
}

/// Where an attempt is.
pub(super) enum Place {
    /// With the call's owner.
    Unplaced,
    /// With a connection that has not seen it.
    Queued(Arc<ClientConnection>),
    /// With a connection that has no stream free.
    Waiting(Arc<ClientConnection>),
    /// On a stream, which may be gone.
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

/// What changes of an attempt. Part of its call, and so is its lock.
pub(super) struct AttemptState {
    pub(super) place: Place,
    pub(super) cursor: Cursor,
    /// What the pick of this connection attached. Told and dropped when the lock is not held: it runs code of others.
    pub(super) attachments: Option<Box<Attachments>>,
    /// It is in its connection's inbox already.
    pub(super) poked: bool,
}

impl AttemptState {
    pub(super) fn new() -> Self {
        Self { place: Place::Unplaced, cursor: Cursor::default(), attachments: None, poked: false }
    }

    /// Whom the pick attached, with what they are told of the end.
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

/// What becomes of a call one of whose attempts has ended.
#[derive(Debug, PartialEq, Eq)]
enum Decision {
    /// The call ends as the attempt did.
    Deliver,
    /// The attempt is made once more, as if it had not been (gRFC A6: a transparent retry).
    Again,
    /// Another attempt is made after a wait, by the method's retry policy.
    Retry(Wait),
}

/// What is known of a call when one of its attempts ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) over: bool,
    /// All that was sent cannot be sent again, or the server answered.
    pub(super) committed: bool,
    /// Transparent retries of attempts that had a stream.
    pub(super) transparent_retries: u32,
}

/// Attempts that had a stream and that the server did not process are made again so often.
const MAX_TRANSPARENT_RETRIES: u32 = 1;

fn decide(facts: Facts, processed: Processed, retry: Option<&mut Retry>, end: &Ended) -> Decision {
    let possible = !facts.over && !facts.committed;
    if possible && processed == Processed::No && facts.transparent_retries < MAX_TRANSPARENT_RETRIES {
        return Decision::Again;
    }
    retry.and_then(|retry| retry.after(end, possible)).map_or(Decision::Deliver, Decision::Retry)
}

impl Attempt {
    /// The attempt that a new call begins with.
    pub(crate) fn first(call: Arc<CallSlot>) -> Self {
        Self { call, id: AttemptId::FIRST }
    }

    /// Whether it is of no interest any more: the call is over, or another attempt carries it.
    pub(crate) fn has_ended(&self) -> bool {
        self.call.lock().is_over(self.id)
    }

    /// It leaves its connection without having reached the server, and is placed again.
    pub(super) fn withdraw(self) {
        let attachments = self.call.lock().withdraw(self.id);
        drop(attachments);
        let owner = self.call.owner();
        owner.take_back(self);
    }

    /// It has ended.
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
