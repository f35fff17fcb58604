//! The charge for resets (CVE-2023-44487, CVE-2025-8671).
//!
//! Honest clients end calls by resets too, above all at their deadlines, and in a brown-out they end every call so.
//! That is why a reset is charged not for itself, but for what it evaded. A stream occupies one of
//! `max_concurrent_streams` slots for as long as it is open, which bounds the work that a client can cause. One that
//! was open for [`RIPE_AFTER`](Connection::RIPE_AFTER) has paid for its work that way: 200 slots give 50,000 resets a
//! second at most, which cost no more than as many calls that a client may make anyway. One that is reset in the read
//! that opened it has paid nothing, and is charged in full.
//!
//! What does not help an attacker:
//! - waiting before the reset: the wait occupies the slots;
//! - a tiny `grpc-timeout`: the stream still has to be open for half of it and for a millisecond, and the server would
//!   have ended it on its own just then;
//! - good calls in between: each makes up for one reset, and costs the server more than that reset;
//! - methods that answer at once: as long as part of the answer waits, the charge is the full one;
//! - handlers that continue after the reset: the driver counts them against `max_concurrent_streams`.

use std::time::{Duration, Instant};

use super::{Connection, ConnectionError, Side};
use crate::{frame::ErrorCode, stream::StreamKey};

impl Connection {
    /// The time after which the reset of a stream is free.
    pub(super) const RIPE_AFTER: Duration = Duration::from_millis(4);
    /// The lower bound of that time, however short the deadline.
    const RIPE_AFTER_AT_LEAST: Duration = Duration::from_millis(1);
    /// The part of the charge that remains if the whole answer so far was taken.
    const TAKEN_ANSWER: f64 = 0.25;
    pub(super) const FINISHED_CALL_FORGIVES: u32 = 1;

    /// Server: records that the client wants the answer within `timeout` of the stream's beginning, and is likely to
    /// reset the stream then. Only timeouts of a few milliseconds make a difference; others need not be recorded.
    pub fn set_timeout(&mut self, key: StreamKey, timeout: Duration) {
        // Clocks and paths jitter: half of it is close enough.
        let ripe_after = (timeout / 2).max(Self::RIPE_AFTER_AT_LEAST);
        if ripe_after < Self::RIPE_AFTER
            && let Some(stream) = self.streams.get_mut(key)
            && let Some(ripe_at) = &mut stream.ripe_at
        {
            *ripe_at -= Self::RIPE_AFTER - ripe_after;
        }
    }

    /// Charges for the peer's reset of an open stream.
    pub(super) fn charge_reset(&mut self, key: StreamKey, now: Instant) -> Result<(), ConnectionError> {
        let Some(stream) = self.streams.get(key) else { return Ok(()) };
        let Some(ripe_at) = stream.ripe_at else { return Ok(()) };
        let unpaid = ripe_at.saturating_duration_since(now);
        if unpaid.is_zero() {
            return Ok(());
        }
        let taken = !stream.send.is_idle() && stream.send.queued() == 0;
        let share = unpaid.as_secs_f64() / Self::RIPE_AFTER.as_secs_f64();
        self.charge(if taken { share * Self::TAKEN_ANSWER } else { share }, now)
    }

    /// Charges for a stream that we reset or refuse because the peer broke a rule on it.
    pub(super) fn charge_provoked_reset(&mut self, now: Instant) -> Result<(), ConnectionError> {
        self.charge(1.0, now)
    }

    fn charge(&mut self, amount: f64, now: Instant) -> Result<(), ConnectionError> {
        if self.side == Side::Client || self.resets.spend(amount, now) {
            return Ok(());
        }
        Err(ConnectionError::peer(ErrorCode::ENHANCE_YOUR_CALM, "too many streams reset"))
    }
}
