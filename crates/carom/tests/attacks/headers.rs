//! Header blocks without end (CVE-2024-27316), and small ones that unpack to much (CVE-2016-6581, CVE-2023-32731,
//! CVE-2023-33953).

use std::time::Duration;

use bytes::BytesMut;
use carom_wire::frame::{ErrorCode, flag, kind};

use crate::attacker::{Attacker, message, put_field, put_frame, repeated, request, request_with};
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
    // Large fields, and fields of nothing, which count 32 bytes each.
    let nothing = [request("Hang"), [0, 1, b'x', 0].repeat(4000)].concat();
    for block in [bomb(10), bomb(4_000), nothing] {
        let siege = Siege::begin().await;
        let mut attacker = Attacker::connect(siege.addr).await;
        for _ in 0..50 {
            let stream = attacker.next_stream();
            attacker.frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, &block).await;
            assert_eq!(attacker.outcome(stream).await, "8", "RESOURCE_EXHAUSTED");
        }
        // The table is in step: the next call is read right.
        let stream = attacker.call("Say", b"well").await;
        assert_eq!(attacker.outcome(stream).await, "13");
        assert_eq!(siege.ledger.begun(), 1);
        drop(attacker);
        siege.end(&BOUNDS).await;
    }
}

#[tokio::test]
async fn a_bomb_over_the_hard_limit_costs_the_connection() {
    let siege = Siege::begin().await;
    for _ in 0..20 {
        let mut attacker = Attacker::connect(siege.addr).await;
        attacker.frame(kind::HEADERS, flag::END_HEADERS, 1, &bomb(12_000)).await;
        assert_eq!(attacker.ended().await, Some(ErrorCode::ENHANCE_YOUR_CALM));
    }
    assert_eq!(siege.ledger.begun(), 0);
    siege.end(&BOUNDS).await;
}

/// The frames of a block that is larger than one.
fn frames(stream: u32, block: &[u8]) -> BytesMut {
    let mut out = BytesMut::new();
    let mut pieces = block.chunks(16_384).peekable();
    let (mut kind, mut flags) = (kind::HEADERS, flag::END_STREAM);
    while let Some(piece) = pieces.next() {
        flags |= if pieces.peek().is_none() { flag::END_HEADERS } else { 0 };
        put_frame(&mut out, kind, flags, stream, piece);
        (kind, flags) = (kind::CONTINUATION, 0);
    }
    out
}

/// A block of hundreds of kilobytes costs its call, and says why; the calls beside it go on, and so does HPACK.
#[tokio::test]
async fn a_large_header_block_costs_its_call() {
    let siege = Siege::begin().await;
    let mut client = Attacker::connect(siege.addr).await;
    let beside = client.open("Sum").await;
    for size in [20_000, 70_000, 200_000, 1_000_000] {
        let mut block = request_with("Say", &[(b"x-trace", &vec![b'm'; size])]);
        put_field(&mut block, 0x40, b"x-size", size.to_string().as_bytes());
        let stream = client.next_stream();
        client.write(&frames(stream, &block)).await;
        assert_eq!(client.outcome(stream).await, "8", "RESOURCE_EXHAUSTED");
        let words = client.seen().field(stream, b"grpc-message").unwrap();
        assert!(
            words.contains("header list is larger than max (") && words.contains(" vs. 16384"),
            "{words}"
        );
        // What the block put into the table is there.
        let stream = client.next_stream();
        let block = [request("Say"), vec![0xbe]].concat();
        client.frame(kind::HEADERS, flag::END_HEADERS, stream, &block).await;
        client.send(stream, &message(0, b"well"), true).await;
        assert_eq!(client.outcome(stream).await, "13");
    }
    client.send(beside, &message(0, b"unharmed"), true).await;
    assert_eq!(client.outcome(beside).await, "0");
    drop(client);
    // The client's own buffers are most of it.
    siege.end(&Bounds { memory: 5 * MIB, ..BOUNDS }).await;
}

/// Blocks that unpack to as much work as can be, one after another: nothing of them is kept, and there is an end to it.
#[tokio::test]
async fn large_header_blocks_without_end() {
    // Fields of nothing: three bytes each. A Huffman-coded string: five bits a byte.
    let fields = [request("Hang"), [0, 0, 0].repeat(170_000)].concat();
    let mut coded = [request("Hang"), vec![0, 1, b'x', 0xff, 0x81, 0xfe, 0x3b]].concat();
    coded.resize(coded.len() + 0x3b * 16_384 + 0x7e * 128 + 1 + 127, 0x18);
    let siege = Siege::begin().await;
    let mut attacker = Attacker::connect(siege.addr).await;
    for _ in 0..1000 {
        let stream = attacker.next_stream();
        if !attacker.write(&frames(stream, &fields)).await {
            break;
        }
    }
    assert_eq!(attacker.ended().await, Some(ErrorCode::ENHANCE_YOUR_CALM));
    // The attacker's own buffers are most of the memory.
    siege.hold(&Bounds { memory: 5 * MIB, cpu: Duration::from_secs(20) }).await;
    let mut attacker = Attacker::connect(siege.addr).await;
    for _ in 0..20 {
        let stream = attacker.next_stream();
        attacker.write(&frames(stream, &coded)).await;
        assert_eq!(attacker.outcome(stream).await, "8", "RESOURCE_EXHAUSTED");
    }
    assert_eq!(siege.ledger.begun(), 0);
    drop(attacker);
    siege.end(&Bounds { memory: 5 * MIB, cpu: Duration::from_secs(30) }).await;
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
