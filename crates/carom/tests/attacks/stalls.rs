//! Clients that let the server wait.

use std::time::{Duration, Instant};

use carom_wire::frame::PREFACE;

use crate::raw::{ENHANCE_YOUR_CALM, Raw, message};
use crate::victim::{GROWTH, TIME, Victim};

/// SETTINGS_INITIAL_WINDOW_SIZE.
const INITIAL_WINDOW: u16 = 4;

#[tokio::test]
async fn windows_that_stay_at_zero() {
    let victim = Victim::start("stall=400").await;
    let begun = Instant::now();
    let mut attackers = Vec::new();
    for _ in 0..3 {
        let mut raw = Raw::deaf(victim.addr, &[(INITIAL_WINDOW, 0)]).await.listen();
        // As many responses as one connection may have, each without end.
        for n in 0..200 {
            raw.request(2 * n + 1, "Pour", &[], false);
            raw.data(2 * n + 1, &message(false, b""), true);
        }
        raw.flush().await;
        attackers.push(raw);
    }
    for raw in &mut attackers {
        raw.until("the end of all calls", |seen| seen.resets.len() >= 200).await;
        assert!(raw.seen().resets.iter().all(|(_, code)| *code == ENHANCE_YOUR_CALM));
    }
    assert!(begun.elapsed() >= Duration::from_millis(400));
    // 600 streams with 64 KiB each that nobody takes are what the bounds allow, and not much more.
    victim.stays_unharmed(600 * (64 + 32) * 1024, TIME).await;
}

#[tokio::test]
async fn a_socket_that_nobody_reads() {
    let victim = Victim::start("stall=500").await;
    let mut raw = Raw::deaf(victim.addr, &[(INITIAL_WINDOW, 0x7fff_ffff)]).await;
    raw.window(0, 0x7fff_0000);
    for n in 0..100 {
        raw.request(2 * n + 1, "Pour", &[], false);
        raw.data(2 * n + 1, &message(false, b""), true);
    }
    raw.flush().await;
    // Nothing is read. The kernel's buffers fill up, then the server's, and then it gives up.
    let limit = Instant::now() + crate::raw::LIMIT;
    while raw.flush().await {
        assert!(Instant::now() < limit, "the server holds on to a client that takes nothing");
        raw.frame(0xf0, 0, 0, b"");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    victim.stays_unharmed(GROWTH, TIME).await;
}

#[tokio::test]
async fn a_preface_that_does_not_come() {
    let victim = Victim::start("handshake=300").await;
    let begun = Instant::now();
    let mut attackers = Vec::new();
    for n in 0..100 {
        let mut raw = Raw::silent(victim.addr).await.listen();
        raw.bytes(&PREFACE[..n % 24]);
        raw.flush().await;
        attackers.push(raw);
    }
    for raw in attackers {
        raw.ended().await;
    }
    assert!(begun.elapsed() >= Duration::from_millis(300));
    victim.stays_unharmed(GROWTH, TIME).await;
}

#[tokio::test]
async fn requests_that_nobody_reads_end_at_their_window() {
    let victim = Victim::start("").await;
    let mut raw = Raw::connect(victim.addr).await;
    // 256 KiB a stream is what the windows allow.
    for n in 0..50 {
        let id = 2 * n + 1;
        raw.request(id, "Deaf", &[], false);
        let data = message(false, &[7; 1000]).repeat(16);
        for _ in 0..16 {
            raw.data(id, &data, false);
            if !raw.flush_some().await {
                break;
            }
        }
    }
    raw.flush().await;
    victim.neighbour_goes_on(20).await;
    assert!(!raw.seen().closed, "{:?}", raw.seen());
    // One byte more than the window is a fault of the stream's.
    raw.data(1, &[7; 16_000], false);
    raw.data(1, &[7; 16_000], false);
    raw.until("a reset", |seen| seen.resets.contains(&(1, 3))).await;
    drop(raw);
    victim.stays_unharmed(50 * 512 * 1024, TIME).await;
}
