//! The throttle of retries that all calls of a channel share.

use std::sync::atomic::{AtomicU32, Ordering};

/// The limits at which retries stop because too many calls fail (gRFC A6). In thousandths, so that sums are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryThrottling {
    /// The tokens there are at first and at most, in thousandths. A failure takes 1,000; retries stop at half.
    pub max_millitokens: u32,
    /// The tokens that a success gives back, in thousandths.
    pub millitoken_ratio: u32,
}

/// The tokens of a [`RetryThrottling`].
#[derive(Debug)]
pub struct RetryThrottle {
    limits: RetryThrottling,
    millitokens: AtomicU32,
}

impl RetryThrottle {
    /// Taken by a failure.
    const FAILURE: u32 = 1_000;

    /// A throttle with all of its tokens.
    pub fn new(limits: RetryThrottling) -> Self {
        Self { limits, millitokens: AtomicU32::new(limits.max_millitokens) }
    }

    /// Takes over from the throttle of the service config before: as large a part of the tokens is left.
    pub(crate) fn inherit(&self, before: &Self) {
        let left = u64::from(before.millitokens.load(Ordering::Relaxed));
        let most = u64::from(before.limits.max_millitokens).max(1);
        let scaled = u64::from(self.limits.max_millitokens) * left / most;
        // No more than the most there are, which is 32 bits long.
        self.millitokens.store(scaled as u32, Ordering::Relaxed);
    }

    /// Counts an attempt that failed. Returns whether the call may be tried again.
    pub(crate) fn failed(&self) -> bool {
        self.update(|left| left.saturating_sub(Self::FAILURE)) > self.limits.max_millitokens / 2
    }

    /// Counts a call that succeeded.
    pub(crate) fn succeeded(&self) {
        let RetryThrottling { max_millitokens, millitoken_ratio } = self.limits;
        self.update(|left| left.saturating_add(millitoken_ratio).min(max_millitokens));
    }

    /// The tokens that are left then.
    fn update(&self, change: impl Fn(u32) -> u32) -> u32 {
        let before = self
            .millitokens
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(change(left)))
            .unwrap_or_else(|left| left);
        change(before)
    }
}
