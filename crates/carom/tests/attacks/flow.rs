//! Windows that are overrun or pushed too far (RFC 9113 §6.9), frames that are too large (§4.2).

use std::time::Duration;

use carom_wire::frame::{ErrorCode, FrameHead, flag, kind};

use crate::attacker::{Attacker, message, request, settings_payload};
use crate::siege::{Bounds, KIB, MIB, Siege};

const BOUNDS: Bounds = Bounds { memory: 2 * MIB, cpu: Duration::from_secs(2) };
const MOST: [u8; 4] = 0x7fff_ffff_u32.to_be_bytes();

#[tokio::test]
async fn windows_past_their_limit() {
    let siege = Siege::begin().await;
    // The connection's.
    let mut attacker = Attacker::connect(siege.addr).await;
    attacker.frame(kind::WINDOW_UPDATE, 0, 0, &MOST).await;
    assert_eq!(attacker.ended().await, Some(ErrorCode::FLOW_CONTROL_ERROR));
    // A stream's: it alone ends.
    let mut attacker = Attacker::connect(siege.addr).await;
    let stream = attacker.open("Deaf").await;
    attacker.frame(kind::WINDOW_UPDATE, 0, stream, &MOST).await;
    assert_eq!(attacker.outcome(stream).await, ErrorCode::FLOW_CONTROL_ERROR.to_string());
    let stream = attacker.call("Say", b"unharmed").await;
    assert_eq!(attacker.outcome(stream).await, "13");
    // By way of SETTINGS: a value that is too large, and one that is too large for a stream that has more already.
    attacker.frame(kind::SETTINGS, 0, 0, &settings_payload(&[(4, 1 << 31)])).await;
    assert_eq!(attacker.ended().await, Some(ErrorCode::FLOW_CONTROL_ERROR));
    let mut attacker = Attacker::connect(siege.addr).await;
    let stream = attacker.open("Deaf").await;
    attacker.frame(kind::WINDOW_UPDATE, 0, stream, &[0x7f, 0, 0, 0]).await;
    attacker.frame(kind::SETTINGS, 0, 0, &settings_payload(&[(4, 0x7fff_ffff)])).await;
    assert_eq!(attacker.ended().await, Some(ErrorCode::FLOW_CONTROL_ERROR));
    siege.end(&BOUNDS).await;
}

#[tokio::test]
async fn increments_of_zero() {
    let siege = Siege::begin().await;
    let mut attacker = Attacker::connect(siege.addr).await;
    let stream = attacker.open("Deaf").await;
    attacker.frame(kind::WINDOW_UPDATE, 0, stream, &[0; 4]).await;
    assert_eq!(attacker.outcome(stream).await, ErrorCode::PROTOCOL_ERROR.to_string());
    // The highest bit is reserved, and ignored.
    attacker.frame(kind::WINDOW_UPDATE, 0, 0, &[0x80, 0, 0, 0]).await;
    assert_eq!(attacker.ended().await, Some(ErrorCode::PROTOCOL_ERROR));
    siege.end(&BOUNDS).await;
}

#[tokio::test]
async fn data_beyond_the_window_of_a_stream_that_is_not_read() {
    let siege = Siege::begin().await;
    let mut attacker = Attacker::connect(siege.addr).await;
    for _ in 0..20 {
        let stream = attacker.open("Deaf").await;
        // One message after another of 16 KiB, ten times the window.
        let data = message(0, &[b'x'; 16 * KIB]).repeat(160);
        attacker.send(stream, &data, false).await;
        assert_eq!(attacker.outcome(stream).await, ErrorCode::FLOW_CONTROL_ERROR.to_string());
    }
    assert_eq!(siege.ledger.running(), 0, "the handlers went with their streams");
    drop(attacker);
    siege.end(&Bounds { memory: 4 * MIB, cpu: Duration::from_secs(3) }).await;
}

#[tokio::test]
async fn frames_that_are_too_large() {
    let siege = Siege::begin().await;
    let sizes =
        [(kind::DATA, 16_385), (kind::DATA, 0xff_ffff), (kind::HEADERS, 0xff_ffff), (0xbe, 0x10_0000)];
    for (kind, len) in sizes {
        let mut attacker = Attacker::connect(siege.addr).await;
        attacker.frame(kind::HEADERS, flag::END_HEADERS, 1, &request("Deaf")).await;
        // The head alone is enough.
        let mut head = bytes::BytesMut::new();
        FrameHead { len, kind, flags: 0, stream: 1 }.encode(&mut head);
        attacker.write(&head).await;
        assert_eq!(attacker.ended().await, Some(ErrorCode::FRAME_SIZE_ERROR), "kind {kind}, {len} bytes");
    }
    siege.end(&BOUNDS).await;
}

#[tokio::test]
async fn frames_of_a_wrong_size() {
    let siege = Siege::begin().await;
    let cases: [(u8, u32, &[u8]); 6] = [
        (kind::PING, 0, &[0; 7]),
        (kind::SETTINGS, 0, &[0; 5]),
        (kind::RST_STREAM, 1, &[0; 3]),
        (kind::WINDOW_UPDATE, 0, &[0; 5]),
        (kind::GOAWAY, 0, &[0; 7]),
        (kind::SETTINGS, 0, &[0; 16_000]),
    ];
    for (kind, stream, payload) in cases {
        let mut attacker = Attacker::connect(siege.addr).await;
        attacker.open("Deaf").await;
        attacker.frame(kind, 0, stream, payload).await;
        assert_eq!(attacker.ended().await, Some(ErrorCode::FRAME_SIZE_ERROR), "kind {kind}");
    }
    siege.end(&BOUNDS).await;
}
