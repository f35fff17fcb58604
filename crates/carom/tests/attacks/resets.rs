//! Calls that are made to be reset.

use std::time::Duration;

use crate::raw::{CANCEL, Raw};
use crate::victim::{GROWTH, TIME, Victim, ask};

/// More than any budget forgives.
const MANY: u32 = 20_000;

#[tokio::test]
async fn rapid_reset() {
    let victim = Victim::start("").await;
    let mut raw = Raw::connect(victim.addr).await;
    for n in 0..MANY {
        raw.request(2 * n + 1, "Stuck", &[], false);
        raw.data(2 * n + 1, &[0; 5], true);
        raw.reset(2 * n + 1);
        if !raw.flush_some().await {
            break;
        }
    }
    raw.ended_calmly("too many streams reset").await;
    victim.stays_unharmed(GROWTH, TIME).await;
}

#[tokio::test]
async fn handlers_that_go_on_after_their_reset_are_bounded() {
    let victim = Victim::start("streams=20").await;
    let mut raw = Raw::connect(victim.addr).await;
    for n in 0..150 {
        raw.request(2 * n + 1, "Linger", &[], false);
        raw.data(2 * n + 1, &[0; 5], true);
        assert!(raw.flush().await);
        // Time enough for the handler to begin, and not to end.
        tokio::time::sleep(Duration::from_millis(2)).await;
        raw.reset(2 * n + 1);
    }
    raw.flush().await;
    let most: usize = ask(victim.addr, "/attacks.Victim/Most").await.parse().unwrap();
    assert!(most > 0 && most <= 21, "{most} handlers ran at once");
    drop(raw);
    victim.stays_unharmed(GROWTH, TIME).await;
}

/// What it is, and how it is done to a stream.
type Provocation = (&'static str, fn(&mut Raw, u32));

#[tokio::test]
async fn made_you_reset() {
    // Each makes the server reset a stream on its own account (CVE-2025-8671).
    let provocations: [Provocation; 3] = [
        ("a window past its bounds", |raw, id| raw.window(id, 0x7fff_ffff)),
        ("a window that opens by nothing", |raw, id| raw.window(id, 0)),
        ("a priority of the wrong size", |raw, id| raw.frame(2, 0, id, &[0; 4])),
    ];
    for (what, provoke) in provocations {
        let victim = Victim::start("").await;
        let mut raw = Raw::connect(victim.addr).await;
        for n in 0..MANY {
            raw.request(2 * n + 1, "Stuck", &[], false);
            provoke(&mut raw, 2 * n + 1);
            if !raw.flush_some().await {
                break;
            }
        }
        println!("{what}");
        raw.ended_calmly("too many streams reset").await;
        victim.stays_unharmed(GROWTH, TIME).await;
    }
}

#[tokio::test]
async fn calls_over_the_limit_of_streams() {
    let victim = Victim::start("").await;
    let mut raw = Raw::connect(victim.addr).await;
    for n in 0..MANY {
        raw.request(2 * n + 1, "Stuck", &[], false);
        if !raw.flush_some().await {
            break;
        }
    }
    // Each refusal is a reset that the client provoked.
    raw.ended_calmly("too many streams reset").await;
    victim.stays_unharmed(GROWTH, TIME).await;
}

#[tokio::test]
async fn a_client_that_cancels_some_calls_is_no_attacker() {
    let victim = Victim::start("").await;
    let mut raw = Raw::connect(victim.addr).await;
    for n in 0..100 {
        raw.request(2 * n + 1, "Stuck", &[], false);
        raw.frame(3, 0, 2 * n + 1, &CANCEL.to_be_bytes());
        assert!(raw.flush().await);
    }
    raw.request(201, "Echo", &[], false);
    raw.data(201, &[0; 5], true);
    raw.until("an answer", |seen| {
        seen.statuses.iter().any(|(stream, status, _)| *stream == 201 && status == "0")
    })
    .await;
    drop(raw);
    victim.stays_unharmed(GROWTH, TIME).await;
}
