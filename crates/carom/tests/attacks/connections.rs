//! More connections than a server wants.

use std::time::Duration;

use crate::raw::{Raw, message};
use crate::victim::{GROWTH, TIME, Victim};

#[tokio::test]
async fn a_flood_of_connections() {
    // One is the neighbour's.
    let victim = Victim::start("connections=51 handshake=2000").await;
    let mut held = Vec::new();
    let mut refused = 0;
    for n in 0..1000 {
        let mut raw = Raw::connect(victim.addr).await;
        raw.flush().await;
        if n < 50 {
            held.push(raw);
        } else if n % 50 == 0
            && let Some((_, words)) = raw.ended().await
        {
            refused += usize::from(words.contains("max_connections"));
        }
    }
    assert!(refused > 0, "nobody was told why");
    // Those who are in are served.
    for raw in &mut held {
        raw.request(1, "Echo", &[], false);
        raw.data(1, &message(false, b"x"), true);
        raw.until("an answer", |seen| seen.statuses.iter().any(|(_, status, _)| status == "0")).await;
    }
    drop(held);
    victim.stays_unharmed(GROWTH, TIME).await;
}

#[tokio::test]
async fn connections_that_do_nothing_cost_little() {
    const MANY: usize = 400;
    let victim = Victim::start("").await;
    let mut idle = Vec::new();
    for _ in 0..MANY {
        let mut raw = Raw::connect(victim.addr).await;
        raw.request(1, "Echo", &[], false);
        raw.data(1, &message(false, b"x"), true);
        raw.until("an answer", |seen| !seen.statuses.is_empty()).await;
        idle.push(raw);
    }
    // After a second without work their buffers are given back.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    victim.neighbour_goes_on(20).await;
    assert!(idle.iter().all(|raw| !raw.seen().closed));
    victim.stays_unharmed(MANY * 32 * 1024, TIME).await;
}
