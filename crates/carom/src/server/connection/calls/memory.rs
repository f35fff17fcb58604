//! The memory that a connection's calls hold, and how they free it when the server's quota is exceeded.

use bytes::Bytes;
use carom_wire::Status;
use carom_wire::message::Message;

use super::super::inbox::Taken;
use super::{Call, Calls};
use crate::cancellation::Cancelled;

/// The status message of a call that was ended to free memory.
pub(super) const RECLAIMED: &str = "the server needed the memory that this call held";

/// The approximate cost of a connection that holds nothing, and what TLS adds: its session and its buffers.
const CONNECTION_COST: usize = 4 * 1024;
const TLS_COST: usize = 24 * 1024;
/// The approximate cost of a call besides its messages: its stream, its head and a small handler.
const CALL_COST: usize = 1024;

/// The size below which a message is much smaller than the buffer that it was read into.
const SMALL_MESSAGE: usize = 16 * 1024;

/// Detaches a message that has to wait from the buffer that it came in. A small one is copied, or a peer could make
/// each keep a whole buffer alive for a few bytes of its window.
pub(super) fn detached(message: Message) -> Message {
    if message.payload.len() >= SMALL_MESSAGE {
        return message;
    }
    Message { payload: Bytes::copy_from_slice(&message.payload), ..message }
}

/// The cost of a message that waits for its handler, besides its bytes: a window holds thousands of empty ones.
pub(super) const MESSAGE_COST: usize = 64;

impl Call {
    /// Subtracts messages that the handler took. Returns their part of what was held.
    pub(super) fn forget_taken(&mut self, taken: Taken) -> usize {
        let n = (taken.bytes + taken.messages * MESSAGE_COST).min(self.held);
        self.held -= n;
        n
    }
}

impl Calls {
    /// Reports to the server's quota what the connection holds, and frees what is too much. `true`: something was
    /// ended, so there is something to write.
    pub(in super::super) fn update_share(&mut self) -> bool {
        let held = self.holds();
        self.share.update(held);
        self.share.quota().is_exceeded() && self.ask_others() | self.reclaim()
    }

    /// Whether the connection holds more than its share while the quota is exceeded.
    pub(in super::super) fn is_too_large(&self) -> bool {
        self.share.is_too_large()
    }

    fn holds(&self) -> usize {
        let tls = if self.info.tls { TLS_COST } else { 0 };
        CONNECTION_COST + tls + self.live * CALL_COST + self.held + self.server.http().buffered()
    }

    /// Asks the connections of this server now and then to free what exceeds their share. Always `false`: this
    /// connection will act when it reads its mailbox.
    #[cold]
    fn ask_others(&self) -> bool {
        if self.share.quota().reclaim_is_due(self.now) {
            tracing::warn!(
                used = self.share.quota().used(),
                quota = self.share.quota().limit(),
                "the memory quota is exceeded: the largest calls are ended"
            );
            self.shared.reclaim();
        }
        false
    }

    /// Ends the calls that hold the most, until the connection is within its share.
    pub(super) fn reclaim(&mut self) -> bool {
        if !self.share.is_too_large() {
            return false;
        }
        let mut largest = Vec::new();
        for (index, slot) in self.slots.iter().enumerate() {
            if let Some(call) = &slot.call {
                let held = call.held + self.server.http_mut().send_buffered(call.key);
                largest.push((held, index));
            }
        }
        largest.sort_unstable();
        let share = self.share.quota().fair_share();
        let mut ended = false;
        while self.holds() > share
            && let Some((held, index)) = largest.pop()
            && held > 0
        {
            self.cut_off(index, Status::resource_exhausted(RECLAIMED), Cancelled::ResourceExhausted);
            ended = true;
        }
        let held = self.holds();
        self.share.update(held);
        ended
    }

    /// The status of a call refused while the quota is exceeded.
    #[cold]
    pub(super) fn out_of_memory(&self) -> Status {
        self.ask_others();
        Status::resource_exhausted(format!(
            "the server has used up its memory quota (memory_quota of {} bytes); try again later",
            self.share.quota().limit()
        ))
    }

    /// The status of a call refused because too many are running.
    #[cold]
    pub(super) fn too_many_calls(&self) -> Status {
        let max = self.shared.settings.max_concurrent_calls.unwrap_or(usize::MAX);
        Status::resource_exhausted(format!(
            "the server is at its limit of concurrent calls (max_concurrent_calls of {max}); try again later"
        ))
    }
}
