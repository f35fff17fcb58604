//! Streams whose data the peer lets stand: it opens no window and so keeps memory and a handler busy.

use std::time::Instant;

use super::{Connection, Event, ResetBy, Side, Timer};
use crate::frame::{self, ErrorCode};

impl Connection {
    /// Looks in one `stall_timeout`.
    const LOOKS: u32 = 4;

    /// After a transmission: if something is left that no window lets go, it is looked at now and then. Calls whose
    /// answer goes out at once cost no more than this comparison.
    pub(super) fn watch_for_stalls(&mut self, now: Instant) {
        if self.queued > 0
            && self.side == Side::Server
            && let Some(timeout) = self.config.stall_timeout
            && !self.timers.is_set(Timer::Stall)
        {
            self.timers.set(Timer::Stall, now + timeout / Self::LOOKS);
        }
    }

    /// Resets streams that were held back by a window at more looks than fit into `stall_timeout`, and of which nothing
    /// went out between them. The code is the one that gRPC's clients report as RESOURCE_EXHAUSTED, for want of
    /// bandwidth (gRPC over HTTP/2, "Errors"; RFC 9113 §7, §10.5).
    pub(super) fn look_for_stalls(&mut self, now: Instant) {
        let connection_closed = self.send_window.available() == 0;
        let mut stalled = Vec::new();
        for (key, stream) in self.streams.iter_mut() {
            let send = &mut stream.send;
            // What waits for its turn alone is held back by us.
            if send.queued() == 0 || (send.window.available() > 0 && !connection_closed) {
                send.looks = 0;
                continue;
            }
            send.looks += 1;
            if send.looks > Self::LOOKS {
                stalled.push(key);
            }
        }
        for key in stalled {
            let code = ErrorCode::ENHANCE_YOUR_CALM;
            frame::encode_reset(&mut self.output.tail, key.id.0, code);
            self.streams.remember_reset(key.id);
            self.forget(key);
            let by = ResetBy::Engine("the client took nothing of the response within stall_timeout".into());
            self.events.push_back(Event::Reset { key, code, by });
        }
        self.watch_for_stalls(now);
    }
}
