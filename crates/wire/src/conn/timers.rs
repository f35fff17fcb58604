use std::time::Instant;

/// The timers of a connection, one for each thing that it waits for with a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The peer's preface and first SETTINGS.
    Handshake,
    /// The rest of a header block that has begun.
    HeaderBlock,
    /// The time until a silent peer is pinged.
    KeepaliveIdle,
    /// The answer to a keepalive ping.
    KeepaliveAck,
    /// The answer to the ping of a graceful shutdown.
    Drain,
    /// The time that no stream may be open.
    Idle,
    /// The age of the connection.
    Age,
    /// The time that its streams may continue after that.
    AgeGrace,
}

impl Timer {
    pub(crate) const ALL: [Self; 8] = [
        Self::Handshake,
        Self::HeaderBlock,
        Self::KeepaliveIdle,
        Self::KeepaliveAck,
        Self::Drain,
        Self::Idle,
        Self::Age,
        Self::AgeGrace,
    ];
}

/// The timer table, and its earliest entry, which is asked for much more often than timers change.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    at: [Option<Instant>; Timer::ALL.len()],
    next: Option<Instant>,
}

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, at: Instant) {
        self.at[timer as usize] = Some(at);
        self.find_next();
    }

    pub(crate) fn stop(&mut self, timer: Timer) {
        if self.at[timer as usize].take().is_some() {
            self.find_next();
        }
    }

    pub(crate) fn is_set(&self, timer: Timer) -> bool {
        self.at[timer as usize].is_some()
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Removes and returns a timer that is due at `now`.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<Timer> {
        let due =
            Timer::ALL.into_iter().find(|&timer| self.at[timer as usize].is_some_and(|at| at <= now))?;
        self.stop(due);
        Some(due)
    }

    fn find_next(&mut self) {
        self.next = self.at.iter().flatten().min().copied();
    }
}
