//! The back-off between a subchannel's attempts to connect (`doc/connection-backoff.md` of the gRPC project).

use std::time::Duration;

/// The configuration of the back-off between attempts to connect.
///
/// The wait before attempt *n* counts from the start of attempt *n* − 1. It is reset once a server has shown with its
/// SETTINGS that it speaks HTTP/2: merely accepting TCP resets nothing.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BackoffConfig {
    /// The first wait. Default 1 s.
    pub initial: Duration,
    /// The factor from one wait to the next. Default 1.6; values below 1 count as 1.
    pub multiplier: f64,
    /// The longest wait, before jitter. Default 120 s.
    pub max: Duration,
    /// The fraction by which a wait is randomly lengthened or shortened, so that the clients of a failed server do not
    /// all reconnect at once. Default 0.2; clamped to between 0 and 1.
    pub jitter: f64,
    /// The minimum time allowed for an attempt, whatever the wait: TCP, TLS and the server's SETTINGS together. Default
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

/// The upper bound of all waits, so that adding one to a time never overflows.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// The state of a back-off.
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

    /// Returns the wait after the attempt that begins now. `random` is from 0 to 1.
    pub(crate) fn next_delay(&mut self, random: f64) -> Duration {
        let base = self.next;
        let max = self.config.max.as_secs_f64();
        self.next = (base * self.config.multiplier.max(1.0)).min(max);
        let jitter = self.config.jitter.clamp(0.0, 1.0);
        let wait = (base * (1.0 + jitter * (2.0 * random - 1.0))).max(0.0);
        Duration::try_from_secs_f64(wait).unwrap_or(LONGEST).min(LONGEST)
    }

    /// The time allowed for an attempt if `delay` is the wait that follows it.
    pub(crate) fn connect_timeout(&self, delay: Duration) -> Duration {
        delay.max(self.config.min_connect_timeout).min(LONGEST)
    }
}

#[cfg(test)]
mod tests;
