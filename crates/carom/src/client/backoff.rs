//! How long a subchannel waits between attempts to connect (`doc/connection-backoff.md` of the gRPC project).

use std::time::Duration;

/// When to try again after a failed attempt to connect.
///
/// The wait before attempt *n* is counted from the start of attempt *n* − 1, and starts over once a server has proved to
/// speak HTTP/2 by its SETTINGS: accepting TCP alone resets nothing.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BackoffConfig {
    /// The first wait. Default 1 s.
    pub initial: Duration,
    /// What a wait is multiplied with for the next. Default 1.6; values below 1 count as 1.
    pub multiplier: f64,
    /// What a wait never exceeds, but for jitter. Default 120 s.
    pub max: Duration,
    /// The part by which a wait is made longer or shorter at random, so that the clients of a server that failed do not
    /// all come back at once. Default 0.2; kept within 0 and 1.
    pub jitter: f64,
    /// How long an attempt may take at least, whatever the wait: TCP, TLS and the server's SETTINGS together. Default
    /// 20 s.
    pub min_connect_timeout: Duration,
}

impl Default for BackoffConfig {
    fn default() -> Self {
        Self {
            initial: Duration::from_secs(1),
            multiplier: 1.6,
            max: Duration::from_secs(120),
            jitter: 0.2,
            min_connect_timeout: Duration::from_secs(20),
        }
    }
}

/// No wait is longer, so that adding one to a time never overflows.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Where a source of waits stands.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    config: BackoffConfig,
    /// The next wait in seconds, before jitter.
    next: f64,
}

impl Backoff {
    pub(crate) fn new(config: BackoffConfig) -> Self {
        let next = config.initial.min(config.max).as_secs_f64();
        Self { config, next }
    }

    pub(crate) fn reset(&mut self) {
        self.next = self.config.initial.min(self.config.max).as_secs_f64();
    }

    /// The wait after the attempt that begins now. `random` is from 0 to 1.
    pub(crate) fn next_delay(&mut self, random: f64) -> Duration {
        let base = self.next;
        let max = self.config.max.as_secs_f64();
        self.next = (base * self.config.multiplier.max(1.0)).min(max);
        let jitter = self.config.jitter.clamp(0.0, 1.0);
        let wait = (base * (1.0 + jitter * (2.0 * random - 1.0))).max(0.0);
        Duration::try_from_secs_f64(wait).unwrap_or(LONGEST).min(LONGEST)
    }

    /// How long an attempt may take if `delay` is the wait that follows it.
    pub(crate) fn connect_timeout(&self, delay: Duration) -> Duration {
        delay.max(self.config.min_connect_timeout).min(LONGEST)
    }
}

#[cfg(test)]
mod tests;
