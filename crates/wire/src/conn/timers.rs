use std::time::Instant;

/// What a connection waits for with a limit. One timer each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The peer's preface and first SETTINGS.
    Handshake,
    /// The rest of a header block that has begun.
    HeaderBlock,
    /// When to ping a silent peer.
    KeepaliveIdle,
    /// The answer to a keepalive ping.
    KeepaliveAck,
    /// The answer to the ping of a graceful shutdown.
    Drain,
}

impl Timer {
    pub(crate) const ALL: [Self; 5] =
        [Self::Handshake, Self::HeaderBlock, Self::KeepaliveIdle, Self::KeepaliveAck, Self::Drain];
}

/// The timer table, and its earliest entry.
#[derive(Debug, Default)]
pub(crate) struct Timers([Option<Instant>; Timer::ALL.len()]);

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, at: Instant) {
        self.0[timer as usize] = Some(at);
    }

    pub(crate) fn stop(&mut self, timer: Timer) {
        self.0[timer as usize] = None;
    }

    pub(crate) fn is_set(&self, timer: Timer) -> bool {
        self.0[timer as usize].is_some()
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.iter().flatten().min().copied()
    }

    /// Takes a timer that is due at `now`.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<Timer> {
        let due = Timer::ALL.into_iter().find(|&timer| self.0[timer as usize].is_some_and(|at| at <= now))?;
        self.stop(due);
        Some(due)
    }
}
