//! Header blocks without end (CVE-2024-27316), and small ones that unpack to much (CVE-2016-6581, CVE-2023-32731,
//! CVE-2023-33953).

use std::time::Duration;

use carom_wire::frame::{ErrorCode, flag, kind};

use crate::attacker::{Attacker, put_field, repeated, request, request_with};
use crate::siege::{Bounds, KIB, MIB, Siege};

const BOUNDS: Bounds = Bounds { memory: 2 * MIB, cpu: Duration::from_secs(1) };

#[tokio::test]
async fn continuation_flood() {
    for (fragment, most) in [(0, 64), (1, 64), (16_384, 4)] {
        let siege = Siege::begin().await;
        let mut attacker = Attacker::connect(siege.addr).await;
        // No CONTINUATION ends the block.
        attacker.frame(kind::HEADERS, 0, 1, &request("Hang")).await;
        let flood = repeated(most, kind::CONTINUATION, 0, 1, &vec![0; fragment]);
        for _ in 0..1000 {
            if !attacker.write(&flood).await {
                break;
            }
        }
        assert_eq!(
            attacker.ended().await,
            Some(ErrorCode::ENHANCE_YOUR_CALM),
            "fragments of {fragment} bytes"
        );
        assert_eq!(siege.ledger.begun(), 0);
        siege.end(&BOUNDS).await;
    }
}

/// A block that puts a value of 4,000 bytes into the table and names it `times` more, by a byte each.
fn bomb(times: usize) -> Vec<u8> {
    let mut block = request("Hang");
    put_field(&mut block, 0x40, b"bomb", &[b'x'; 4000]);
    // Index 62 is the field that was added last.
    block.resize(block.len() + times, 0xbe);
    block
}

#[tokio::test]
async fn a_bomb_over_the_soft_limit_costs_its_call() {
    let siege = Siege::begin().await;
    let mut attacker = Attacker::connect(siege.addr).await;
    for _ in 0..50 {
        let stream = attacker.next_stream();
        attacker.frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, &bomb(10)).await;
        assert_eq!(attacker.outcome(stream).await, "8", "RESOURCE_EXHAUSTED");
    }
    // The table is in step: the next call is read right.
    let stream = attacker.call("Say", b"well").await;
    assert_eq!(attacker.outcome(stream).await, "13");
    assert_eq!(siege.ledger.begun(), 1);
    drop(attacker);
    siege.end(&BOUNDS).await;
}

#[tokio::test]
async fn a_bomb_over_the_hard_limit_costs_the_connection() {
    // Large fields; fields of nothing, which count 32 bytes each.
    let nothing = [request("Hang"), [0, 1, b'x', 0].repeat(4000)].concat();
    for block in [bomb(100), bomb(12_000), nothing] {
        let siege = Siege::begin().await;
        for _ in 0..20 {
            let mut attacker = Attacker::connect(siege.addr).await;
            attacker.frame(kind::HEADERS, flag::END_HEADERS, 1, &block).await;
            assert_eq!(attacker.ended().await, Some(ErrorCode::ENHANCE_YOUR_CALM));
        }
        assert_eq!(siege.ledger.begun(), 0);
        siege.end(&BOUNDS).await;
    }
}

#[tokio::test]
async fn blocks_that_cannot_be_decoded() {
    let table = |size: &[u8]| [size, &request("Hang")[..]].concat();
    let cases = [
        ("a table of 2^28 bytes", table(&[0x3f, 0xe1, 0xff, 0xff, 0x7f])),
        ("a table of 4,097 bytes", table(&[0x3f, 0xe2, 0x1f])),
        ("an integer without end", [vec![0xff; 1], vec![0x80; 10_000]].concat()),
        ("a length of 2^35", vec![0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0x7f]),
        ("an index that does not exist", vec![0xff, 0xff, 0x7f]),
        ("Huffman padding of zeros", vec![0x82, 0, 0x81, 0x00, 0x01, b'x']),
    ];
    let siege = Siege::begin().await;
    for (what, block) in cases {
        for _ in 0..10 {
            let mut attacker = Attacker::connect(siege.addr).await;
            attacker.frame(kind::HEADERS, flag::END_HEADERS, 1, &block).await;
            assert_eq!(attacker.ended().await, Some(ErrorCode::COMPRESSION_ERROR), "{what}");
        }
    }
    assert_eq!(siege.ledger.begun(), 0);
    siege.end(&BOUNDS).await;
}

/// What a client may legally keep in memory: a full table, and the heads that are remembered.
#[tokio::test]
async fn heads_that_are_all_different() {
    let siege = Siege::begin().await;
    let mut attacker = Attacker::connect(siege.addr).await;
    for n in 0..2000 {
        let value = format!("{n:08}").repeat(1500);
        let block = request_with("Say", &[(b"x-value", value.as_bytes())]);
        let stream = attacker.next_stream();
        attacker.frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, &block).await;
        // Cardinality: no message came.
        if n % 100 == 99 {
            assert_eq!(attacker.outcome(stream).await, "12");
        }
    }
    drop(attacker);
    siege.end(&Bounds { memory: MIB + 512 * KIB, cpu: Duration::from_secs(4) }).await;
}
