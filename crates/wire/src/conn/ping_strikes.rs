//! The count of pings that came too early (gRFC A8, "Server Enforcement").

use std::time::{Duration, Instant};

use super::PingPolicy;

/// The pings of a client that came too early, as counted by the server.
#[derive(Debug, Default)]
pub(super) struct PingStrikes {
    last: Option<Instant>,
    strikes: u32,
    /// Whether DATA or HEADERS were sent since the last ping. A client that probes the bandwidth pings after it has
    /// received something, and must not be punished for it.
    pub(super) forgiven: bool,
}

impl PingStrikes {
    #[cfg(test)]
    pub(super) fn last(&self) -> Option<Instant> {
        self.last
    }

    /// The minimum interval without calls for a client that may not ping then (A8: as TCP keepalive does).
    const WITHOUT_CALLS: Duration = Duration::from_secs(2 * 3600);

    /// Counts a ping; returns `false` if it was one too many.
    pub(super) fn permits(&mut self, policy: &PingPolicy, calls: bool, now: Instant) -> bool {
        let last = self.last.replace(now);
        if std::mem::take(&mut self.forgiven) {
            self.strikes = 0;
            return true;
        }
        let least = if calls || policy.without_calls { policy.min_interval } else { Self::WITHOUT_CALLS };
        if last.is_some_and(|last| now < last + least) {
            self.strikes = self.strikes.saturating_add(1);
        }
        policy.max_strikes == 0 || self.strikes <= policy.max_strikes
    }
}
