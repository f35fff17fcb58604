//! Header blocks that are too much, too long, or not what they seem.

use std::time::Duration;

use carom_wire::frame::{flag, kind};

use crate::raw::{Raw, message, request_block};
use crate::victim::{GROWTH, TIME, Victim};

#[tokio::test]
async fn continuations_without_end() {
    // Empty ones, and ones as large as frames may be (CVE-2024-27316).
    for size in [0, 16_384] {
        let victim = Victim::start("").await;
        let mut raw = Raw::connect(victim.addr).await;
        raw.frame(kind::HEADERS, 0, 1, &request_block("Echo", &[]));
        let payload = vec![0; size];
        for _ in 0..10_000 {
            raw.frame(kind::CONTINUATION, 0, 1, &payload);
            if !raw.flush_some().await {
                break;
            }
        }
        raw.ended_calmly("a header block without end").await;
        victim.stays_unharmed(GROWTH, TIME).await;
    }
}

#[tokio::test]
async fn a_small_block_that_stands_for_a_large_one() {
    let victim = Victim::start("").await;
    // Many connections at once: each may cost its bound, and no more.
    let mut attackers = Vec::new();
    for _ in 0..20 {
        let mut raw = Raw::connect(victim.addr).await;
        // A field of 4,000 bytes goes into the table, and stands there for one byte each time (CVE-2016-6581).
        let mut block = request_block("Echo", &[]);
        block.extend_from_slice(&[0x40, 1, b'x', 127, 0xa1, 0x1e]);
        block.extend_from_slice(&[b'v'; 4000]);
        block.extend_from_slice(&[0xbe; 10_000]);
        raw.frame(kind::HEADERS, flag::END_HEADERS, 1, &block);
        raw.flush().await;
        attackers.push(raw);
    }
    for raw in attackers {
        raw.ended_calmly("header block of stream 1").await;
    }
    victim.stays_unharmed(GROWTH, TIME).await;
}

#[tokio::test]
async fn numbers_that_never_end() {
    let victim = Victim::start("").await;
    let mut raw = Raw::connect(victim.addr).await;
    // An index of as many bytes as the frame holds (CVE-2023-33953).
    let mut block = vec![0xff; 16_000];
    block.push(0);
    raw.frame(kind::HEADERS, flag::END_HEADERS, 1, &block);
    let (code, words) = raw.ended().await.expect("a GOAWAY");
    assert_eq!(code, 9, "COMPRESSION_ERROR: {words}");
    victim.stays_unharmed(GROWTH, TIME).await;
}

#[tokio::test]
async fn a_list_over_the_limit_is_refused_alone() {
    let victim = Victim::start("").await;
    let mut raw = Raw::connect(victim.addr).await;
    let large = vec![b'v'; 15_000];
    for n in 0..50 {
        let id = 4 * n + 1;
        // 15,000 and 2,000 bytes in two frames: above 16 KiB.
        let block = request_block("Echo", &[(b"large", &large), (b"more", &large[..2000])]);
        let (first, second) = block.split_at(16_000);
        raw.frame(kind::HEADERS, flag::END_STREAM, id, first);
        raw.frame(kind::CONTINUATION, flag::END_HEADERS, id, second);
        raw.request(id + 2, "Echo", &[], false);
        raw.data(id + 2, &message(false, b"x"), true);
        raw.flush().await;
    }
    raw.until("all answers", |seen| seen.statuses.len() >= 100).await;
    {
        let seen = raw.seen();
        let count = |wanted: &str| seen.statuses.iter().filter(|(_, status, _)| status == wanted).count();
        assert_eq!((count("8"), count("0")), (50, 50), "{seen:?}");
    }
    drop(raw);
    victim.stays_unharmed(GROWTH, TIME).await;
}

#[tokio::test]
async fn a_header_block_that_drips() {
    let victim = Victim::start("handshake=300").await;
    // In one frame that does not come whole, and in frames of a byte.
    let mut drips = Raw::connect(victim.addr).await;
    drips.bytes(&[0, 0, 100, kind::HEADERS, flag::END_HEADERS, 0, 0, 0, 1]);
    let mut frames = Raw::connect(victim.addr).await;
    frames.frame(kind::HEADERS, 0, 1, b"\x83");
    for _ in 0..50 {
        drips.bytes(b"\x83");
        frames.frame(kind::CONTINUATION, 0, 1, b"\x83");
        let (one, other) = (drips.flush().await, frames.flush().await);
        if !one && !other {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drips.ended_calmly("not finished in time").await;
    frames.ended_calmly("not finished in time").await;
    victim.stays_unharmed(GROWTH, TIME).await;
}

#[tokio::test]
async fn line_breaks_and_other_bytes_that_no_field_may_have() {
    let victim = Victim::start("").await;
    let mut raw = Raw::connect(victim.addr).await;
    let fields: [(&[u8], &[u8]); 8] = [
        (b"x", b"a\r\ninjected: yes"),
        (b"x", b"a\nb"),
        (b"x", b"a\0b"),
        (b"Upper", b"case"),
        (b"a b", b"space"),
        (b"a:b", b"colon"),
        (b"", b"no name"),
        (b"connection", b"close"),
    ];
    for (n, field) in (0..).zip(fields) {
        raw.request(2 * n + 1, "Echo", &[field], false);
        raw.data(2 * n + 1, &message(false, b"x"), true);
    }
    raw.until("all resets", |seen| seen.resets.len() >= fields.len()).await;
    {
        let seen = raw.seen();
        assert!(seen.statuses.is_empty(), "a handler ran: {seen:?}");
        // PROTOCOL_ERROR on the stream (RFC 9113 §8.1.1), and the connection goes on.
        assert!(seen.resets.iter().all(|(_, code)| *code == 1) && seen.goaway.is_none(), "{seen:?}");
    }
    raw.request(101, "Echo", &[(b"fine", b"value")], false);
    raw.data(101, &message(false, b"x"), true);
    raw.until("an answer", |seen| {
        seen.statuses.iter().any(|(stream, status, _)| *stream == 101 && status == "0")
    })
    .await;
    drop(raw);
    victim.stays_unharmed(GROWTH, TIME).await;
}
