//! Floods of frames that carry nothing (CVE-2019-9512 to 9518).

use std::time::Duration;

use bytes::BytesMut;
use carom_wire::conn::PingPolicy;
use carom_wire::frame::{ErrorCode, flag, kind};

use crate::attacker::{Attacker, Ears, put_frame, repeated, request};
use crate::siege::{Bounds, MIB, Siege};

const BOUNDS: Bounds = Bounds { memory: 3 * MIB, cpu: Duration::from_secs(3) };

/// Frames of a flood that nobody stops.
const FRAMES: usize = 500_000;

struct Flood {
    name: &'static str,
    kind: u8,
    flags: u8,
    stream: u32,
    payload: &'static [u8],
}

const fn flood(name: &'static str, kind: u8, flags: u8, stream: u32, payload: &'static [u8]) -> Flood {
    Flood { name, kind, flags, stream, payload }
}

const FLOODS: [Flood; 13] = [
    flood("PING", kind::PING, 0, 0, &[7; 8]),
    flood("PING ACK", kind::PING, flag::ACK, 0, &[7; 8]),
    flood("SETTINGS without a setting", kind::SETTINGS, 0, 0, &[]),
    flood("SETTINGS of a window", kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, 0xff]),
    flood("SETTINGS ACK", kind::SETTINGS, flag::ACK, 0, &[]),
    flood("RST_STREAM of a stream that has ended", kind::RST_STREAM, 0, 3, &[0, 0, 0, 8]),
    flood("WINDOW_UPDATE of the connection", kind::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
    flood("WINDOW_UPDATE of a stream", kind::WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]),
    flood("PRIORITY", kind::PRIORITY, 0, 9, &[0, 0, 0, 3, 0]),
    flood("PRIORITY_UPDATE", kind::PRIORITY_UPDATE, 0, 0, b"\0\0\0\x01u=1"),
    flood("empty DATA", kind::DATA, 0, 1, &[]),
    flood("DATA of padding", kind::DATA, flag::PADDED, 1, &[3, 0, 0, 0]),
    flood("frames of an unknown kind", 0xbe, 0, 1, &[]),
];

/// Opens stream 1, which stays, and 3, which is reset; then floods.
async fn pour(attacker: &mut Attacker, flood: &Flood) {
    let mut out = BytesMut::new();
    put_frame(&mut out, kind::HEADERS, flag::END_HEADERS, 1, &request("Deaf"));
    put_frame(&mut out, kind::HEADERS, flag::END_HEADERS, 3, &request("Deaf"));
    put_frame(&mut out, kind::RST_STREAM, 0, 3, &ErrorCode::CANCEL.0.to_be_bytes());
    attacker.write(&out).await;
    let batch = repeated(1000, flood.kind, flood.flags, flood.stream, flood.payload);
    for _ in 0..FRAMES / 1000 {
        if !attacker.write(&batch).await {
            return;
        }
    }
}

#[tokio::test]
async fn floods_end_their_connection() {
    for flood in FLOODS {
        for ears in [Ears::Open, Ears::Shut] {
            println!("{}", flood.name); // shown only if the test fails
            let siege = Siege::begin().await;
            let mut attacker = Attacker::greeting(siege.addr, &[], ears).await;
            pour(&mut attacker, &flood).await;
            if ears == Ears::Open {
                assert_eq!(attacker.ended().await, Some(ErrorCode::ENHANCE_YOUR_CALM), "{}", flood.name);
            }
            drop(attacker);
            siege.end(&BOUNDS).await;
        }
    }
}

/// Streams that are opened and ended by frames that are as empty as can be.
#[tokio::test]
async fn empty_headers() {
    let siege = Siege::begin().await;
    let mut attacker = Attacker::connect(siege.addr).await;
    let mut stream = 1;
    for _ in 0..200 {
        let mut out = BytesMut::new();
        for _ in 0..100 {
            put_frame(&mut out, kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, &[]);
            stream += 2;
        }
        if !attacker.write(&out).await {
            break;
        }
    }
    assert_eq!(attacker.ended().await, Some(ErrorCode::ENHANCE_YOUR_CALM));
    siege.end(&BOUNDS).await;
}

/// Without a budget it is the output that stops it: nobody reads more frames of who does not read the replies.
#[tokio::test]
async fn replies_that_nobody_reads_stop_the_reading() {
    for flood in [&FLOODS[0], &FLOODS[2]] {
        let ping_policy = PingPolicy { max_strikes: 0, ..PingPolicy::default() };
        let siege = Siege::against(|builder| {
            builder
                .ping_policy(ping_policy)
                .with_http2(|config| config.connection.idle_frame_burst = u32::MAX)
        })
        .await;
        let mut attacker = Attacker::greeting(siege.addr, &[], Ears::Shut).await;
        let batch = repeated(1000, flood.kind, flood.flags, flood.stream, flood.payload);
        let written = attacker.press(&batch, 256 * MIB, Duration::from_millis(500)).await;
        assert!(written < 64 * MIB, "{}: {written} bytes were taken", flood.name);
        siege.quiet(Duration::from_millis(200)).await;
        drop(attacker);
        siege.end(&Bounds { memory: 4 * MIB, cpu: Duration::from_secs(3) }).await;
    }
}

/// Frames that do carry something, as little as can be, sent as fast as the socket takes them: what is not handled yet
/// waits in the attacker's own buffers, not in the server's.
#[tokio::test]
async fn small_frames_faster_than_they_can_be_handled() {
    let siege = Siege::begin().await;
    let mut attacker = Attacker::connect(siege.addr).await;
    let stream = attacker.open("Sum").await;
    // Messages of nothing, in a frame each: as far as windows go it is all right for a while, then it is not.
    let batch = repeated(5000, kind::DATA, 0, stream, &[0; 5]);
    attacker.press(&batch, 16 * MIB, Duration::from_secs(2)).await;
    drop(attacker);
    siege.end(&Bounds { memory: 3 * MIB, cpu: Duration::from_secs(10) }).await;
}
