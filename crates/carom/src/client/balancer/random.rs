//! Random numbers for pickers, drawn by many calls at a time without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Controller;

/// A source of random numbers that calls share: SplitMix64, whose state is a counter that each draw adds to. It is fast
/// and evenly distributed, and not for secrets.
#[derive(Debug)]
pub(super) struct SharedRandom(AtomicU64);

/// What a draw adds to the state: 2^64 divided by the golden ratio, odd.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl SharedRandom {
    /// Creates a source that starts where the controller's randomness says.
    pub(super) fn new(controller: &mut dyn Controller) -> Self {
        Self(AtomicU64::new(seed(controller)))
    }

    pub(super) fn next(&self) -> u64 {
        let mut mixed = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub(super) fn below(&self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }
}

/// A random number for a picker or a policy to start from.
pub(super) fn seed(controller: &mut dyn Controller) -> u64 {
    // An f64 below 1 has 53 bits of randomness.
    (controller.random() * (1_u64 << 53) as f64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_splitmix64_and_even() {
        let random = SharedRandom(AtomicU64::new(1_234_567));
        let first = [random.next(), random.next(), random.next()];
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
        let mut counts = [0_usize; 3];
        for _ in 0..30_000 {
            counts[random.below(3) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (9_700..10_300).contains(count)), "{counts:?}");
    }
}
