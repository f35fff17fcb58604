//! Servers and channels under a clock that only moves when everybody waits, over a network that delays, slices and
//! loses by seed. What a call promises must hold in each run, and the same seed gives the same run to the byte.
//!
//! `CAROM_SEED=N` runs one seed, `CAROM_SEEDS=N` as many as that from 0 on.

mod network;
mod world;

use std::time::Duration;

use world::{Outcome, World};

/// Seeds of an ordinary run.
const SEEDS: u64 = 24;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")))
}

/// One run from beginning to end, on a runtime of its own.
fn run(seed: u64) -> Outcome {
    // Back-off has its jitter from here.
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime can be built");
    let outcome = runtime.block_on(async {
        // In the clock of the simulation: if this passes, somebody waits for what will never come.
        let limit = Duration::from_secs(3600);
        tokio::time::timeout(limit, World::new(seed).run())
            .await
            .unwrap_or_else(|_| panic!("seed {seed}: the world did not come to rest"))
    });
    let left = runtime.metrics().num_alive_tasks();
    assert_eq!(left, 0, "seed {seed}: tasks are left over");
    outcome
}

#[test]
fn promises_hold_whatever_the_network_does() {
    let seeds = match number("CAROM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("CAROM_SEEDS").unwrap_or(SEEDS),
    };
    let mut total = Outcome::default();
    for seed in seeds.clone() {
        let outcome = run(seed);
        total.add(&outcome);
    }
    println!("{} seeds: {total:?}", seeds.end - seeds.start);
    if seeds.end - seeds.start >= SEEDS {
        // Otherwise the worlds were too quiet to show anything.
        assert!(total.ok > 0 && total.cancelled > 0 && total.expired > 0 && total.lost > 0, "{total:?}");
    }
}

#[test]
fn a_seed_gives_the_same_run_again() {
    for seed in [1, 7, 11] {
        let (first, second) = (run(seed), run(seed));
        assert_eq!(first, second, "seed {seed} went two ways");
    }
    assert_ne!(run(1).trace, run(2).trace, "the trace does not see the difference between two seeds");
}
