//! Retries by policy (gRFC A6): whether a call is tried again after one of its attempts failed, and after what wait.
//! Without I/O, without a clock.

use std::sync::Arc;
use std::time::Duration;

use carom_wire::call::Ended;
use carom_wire::{Code, MetadataMap};

use super::service_config::{RetryPolicy, RetryThrottle};

/// The wait before another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// To be varied at random by [`JITTER`](Self::JITTER), so that those who failed together do not come back together.
    Backoff(Duration),
    /// The server's own wish.
    Exactly(Duration),
}

impl Wait {
    /// A back-off is longer or shorter by up to this part of it.
    const JITTER: f64 = 0.2;

    /// The wait, with a random number from 0 to 1.
    pub(crate) fn duration(self, random: f64) -> Duration {
        match self {
            Self::Backoff(wait) => wait.mul_f64(1.0 + Self::JITTER * (2.0 * random - 1.0)),
            Self::Exactly(wait) => wait,
        }
    }
}

/// The retries of one call.
#[derive(Debug)]
pub(crate) struct Retry {
    policy: Arc<RetryPolicy>,
    throttle: Option<Arc<RetryThrottle>>,
    /// Attempts that have ended.
    attempts: u32,
    /// Back-offs since the call began, or since the server last said when to come back.
    backoffs: u32,
}

/// What a server says of another attempt, by `grpc-retry-pushback-ms` in its trailers.
#[derive(Debug, PartialEq, Eq)]
enum Pushback {
    None,
    After(Duration),
    /// There is to be none.
    Never,
}

impl Pushback {
    fn of(trailers: &MetadataMap) -> Self {
        let mut values = trailers.get_all("grpc-retry-pushback-ms");
        let (first, second) = (values.next(), values.next());
        let Some(first) = first else { return Self::None };
        // What is not understood is a server that does not want to be asked again.
        let millis = first.to_str().ok().and_then(|text| text.parse::<i32>().ok());
        match (millis.and_then(|millis| u64::try_from(millis).ok()), second) {
            (Some(millis), None) => Self::After(Duration::from_millis(millis)),
            _ => Self::Never,
        }
    }
}

impl Retry {
    pub(crate) fn new(policy: Arc<RetryPolicy>, throttle: Option<Arc<RetryThrottle>>) -> Self {
        Self { policy, throttle, attempts: 0, backoffs: 0 }
    }

    /// Attempts before the one that comes next, for `grpc-previous-rpc-attempts`.
    pub(crate) fn previous_attempts(&self) -> u32 {
        self.attempts
    }

    /// An attempt ended. The wait before the next one, if there is to be one. `possible`: the call goes on, and all that it
    /// sent can be sent again.
    pub(crate) fn after(&mut self, end: &Ended, possible: bool) -> Option<Wait> {
        self.attempts += 1;
        let code = end.status.code();
        if code == Code::Ok {
            if let Some(throttle) = &self.throttle {
                throttle.succeeded();
            }
            return None;
        }
        let pushback = Pushback::of(&end.metadata);
        let retryable = self.policy.retryable_codes.contains(&code);
        let mut allowed = retryable && pushback != Pushback::Never;
        if (retryable || pushback == Pushback::Never)
            && let Some(throttle) = &self.throttle
        {
            allowed &= throttle.failed();
        }
        if !allowed || !possible || self.attempts >= self.policy.max_attempts {
            return None;
        }
        if let Pushback::After(wait) = pushback {
            self.backoffs = 0;
            return Some(Wait::Exactly(wait));
        }
        let factor = self.policy.backoff_multiplier.powi(self.backoffs as i32);
        let most = self.policy.max_backoff;
        let wait = Duration::try_from_secs_f64(self.policy.initial_backoff.as_secs_f64() * factor);
        self.backoffs += 1;
        Some(Wait::Backoff(wait.unwrap_or(most).min(most)))
    }
}

#[cfg(test)]
mod tests;
