//! Messages that promise more than they are, or are more than they promise.

use std::io::Write;
use std::time::Duration;

use crate::raw::{Raw, Seen, message};
use crate::victim::{GROWTH, TIME, Victim};

/// The status of a stream that has ended.
fn status(seen: &Seen, stream: u32) -> Option<(&str, &str)> {
    seen.statuses.iter().find(|(id, ..)| *id == stream).map(|(_, code, words)| (&code[..], &words[..]))
}

#[tokio::test]
async fn lengths_that_promise_much() {
    let victim = Victim::start("").await;
    let mut attackers = Vec::new();
    for _ in 0..10 {
        let mut raw = Raw::connect(victim.addr).await;
        for n in 0..200 {
            // Four mebibytes are announced, a byte comes: 8 GiB in all.
            raw.request(2 * n + 1, "Echo", &[], false);
            raw.data(2 * n + 1, &[0, 0, 0x40, 0, 0, 7], false);
        }
        assert!(raw.flush().await);
        attackers.push(raw);
    }
    victim.neighbour_goes_on(20).await;
    // More than the limit is refused by the prefix alone.
    let mut raw = Raw::connect(victim.addr).await;
    raw.request(1, "Echo", &[], false);
    raw.data(1, &[0, 0xff, 0xff, 0xff, 0xff], false);
    raw.until("a status", |seen| status(seen, 1).is_some_and(|(code, _)| code == "8")).await;
    drop((attackers, raw));
    victim.stays_unharmed(GROWTH, TIME).await;
}

#[tokio::test]
async fn a_decompression_bomb() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..512 {
        gzip.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let bomb = message(true, &gzip.finish().unwrap());
    assert!(bomb.len() < 1 << 20, "half a gibibyte in {} bytes", bomb.len());
    let victim = Victim::start("").await;
    let mut raw = Raw::connect(victim.addr).await;
    for n in 0..5 {
        let id = 2 * n + 1;
        raw.request(id, "Echo", &[(b"grpc-encoding", b"gzip")], false);
        let mut chunks = bomb.chunks(16_000).peekable();
        while let Some(chunk) = chunks.next() {
            raw.data(id, chunk, chunks.peek().is_none());
            // As far as a stream's window goes at first; the server opens it for the message that it knows to come.
            assert!(raw.flush().await);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        raw.until("a status", |seen| status(seen, id).is_some()).await;
        assert_eq!(status(&raw.seen(), id).unwrap().0, "8");
    }
    drop(raw);
    victim.stays_unharmed(GROWTH, TIME).await;
}

/// A `google.protobuf.Value` of lists within lists.
fn nested(depth: usize) -> Vec<u8> {
    fn field(number: u8, inside: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2];
        let mut len = inside.len();
        while len >= 128 {
            out.push((len % 128) as u8 | 128);
            len /= 128;
        }
        out.push(len as u8);
        out.extend_from_slice(inside);
        out
    }
    let mut value = Vec::new();
    for _ in 0..depth {
        // `Value.list_value`, and `ListValue.values` in it.
        value = field(6, &field(1, &value));
    }
    value
}

#[tokio::test]
async fn deeply_nested_protobuf() {
    let victim = Victim::start("").await;
    let mut raw = Raw::connect(victim.addr).await;
    // 40 lists are 80 messages within messages, of which 100 are allowed; the last one is a thousand times that.
    for (n, (depth, expected)) in
        [(40, "0"), (60, "13"), (5_000, "13"), (20_000, "13")].into_iter().enumerate()
    {
        let id = 2 * n as u32 + 1;
        raw.request(id, "Parse", &[], false);
        let body = message(false, &nested(depth));
        let mut chunks = body.chunks(16_000).peekable();
        while let Some(chunk) = chunks.next() {
            raw.data(id, chunk, chunks.peek().is_none());
            assert!(raw.flush().await);
        }
        raw.until("a status", |seen| status(seen, id).is_some()).await;
        assert_eq!(status(&raw.seen(), id).unwrap().0, expected, "depth {depth}");
    }
    drop(raw);
    victim.stays_unharmed(GROWTH, TIME).await;
}

#[tokio::test]
async fn small_messages_do_not_keep_large_buffers_alive() {
    let victim = Victim::start("").await;
    let mut raw = Raw::connect(victim.addr).await;
    // One small message for a handler that reads nothing, then calls that are answered and forgotten, so that what was
    // read with it is large. The message is all that should be left of it.
    raw.settings(&[(4, 1 << 20)]);
    raw.request(1, "Deaf", &[], false);
    let small = message(false, b"x");
    let bulk = message(false, &vec![7; 100_000]);
    for n in 1..1500 {
        raw.data(1, &small, false);
        let id = 2 * n + 1;
        raw.request(id, "Echo", &[], false);
        for chunk in bulk.chunks(16_000) {
            raw.data(id, chunk, false);
        }
        raw.data(id, b"", true);
        if n % 10 == 0 {
            let opened = 10 * 100_100;
            raw.window(0, opened);
            // What was sent is answered before more is: the windows are not what is tried here.
            raw.until("answers", |seen| seen.statuses.len() as u32 >= n || seen.closed).await;
            assert!(!raw.seen().closed, "{:?}", raw.seen());
        }
    }
    drop(raw);
    victim.stays_unharmed(GROWTH, TIME * 3).await;
}

#[tokio::test]
async fn memory_over_the_quota() {
    const QUOTA: usize = 16 << 20;
    let victim = Victim::start(&format!("quota={QUOTA}")).await;
    let mut attackers = Vec::new();
    let data = vec![7; 16_000];
    for _ in 0..10 {
        // 60 messages of 4 MB, none of which is sent to its end: 2.4 GB if nobody stops it.
        let mut raw = Raw::connect(victim.addr).await;
        for n in 0..60 {
            let id = 2 * n + 1;
            raw.request(id, "Echo", &[], false);
            raw.data(id, &[0, 0, 0x3d, 0, 0], false);
            for _ in 0..16 {
                raw.data(id, &data, false);
                raw.flush_some().await;
            }
        }
        raw.flush().await;
        attackers.push(raw);
    }
    for raw in &mut attackers {
        raw.until("a refusal", |seen| {
            seen.closed
                || seen.statuses.iter().any(|(_, status, words)| status == "8" && words.contains("memory"))
        })
        .await;
    }
    drop(attackers);
    // New calls may have been refused while it lasted, which the neighbour does not take well: it has a connection of
    // its own here, which holds little and was not touched, and calls are taken again.
    let answer = crate::victim::ask(victim.addr, "/attacks.Victim/Most").await;
    assert_eq!(answer, "0");
    let grown = victim.grown();
    assert!(grown < 3 * QUOTA, "the server grew by {} KiB with a quota of {} KiB", grown >> 10, QUOTA >> 10);
}
