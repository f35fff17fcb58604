use std::time::Instant;

/// A token bucket: what a peer may do at once, refilled at a steady rate.
#[derive(Debug)]
pub(crate) struct Budget {
    spent: f64,
    burst: f64,
    rate: f64,
    at: Instant,
}

impl Budget {
    pub(crate) fn new(burst: u32, rate: u32, now: Instant) -> Self {
        Self { spent: 0.0, burst: f64::from(burst), rate: f64::from(rate), at: now }
    }

    /// Spends `amount`; returns `false` when the budget is exhausted. Only then is it refilled by the clock.
    pub(crate) fn spend(&mut self, amount: f64, now: Instant) -> bool {
        self.spent += amount;
        if self.spent <= self.burst {
            return true;
        }
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.spent = (self.spent - elapsed * self.rate).max(amount);
        self.spent <= self.burst
    }

    /// Refunds `n` for something useful that happened.
    pub(crate) fn forgive(&mut self, n: u32) {
        self.spent = (self.spent - f64::from(n)).max(0.0);
    }
}
