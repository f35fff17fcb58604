//! Messages that are more than they seem: that unpack to much, promise much, nest without end, or hold on to what was
//! read with them.

use std::io::Write;
use std::time::Duration;

use buffa_types::google::protobuf::Value;
use bytes::{Bytes, BytesMut};
use carom::codec::BuffaCodec;
use carom::server::{Method, Service};
use carom::{Request, Response};
use carom_wire::frame::{ErrorCode, flag, kind};

use crate::attacker::{Attacker, message, put_frame, request_with};
use crate::siege::{Bounds, KIB, MIB, Siege};

/// Sends a compressed message. What became of the call.
async fn send_compressed(attacker: &mut Attacker, method: &str, encoding: &str, payload: &[u8]) -> String {
    let stream = attacker.next_stream();
    let head = request_with(method, &[(b"grpc-encoding", encoding.as_bytes())]);
    attacker.frame(kind::HEADERS, flag::END_HEADERS, stream, &head).await;
    attacker.send(stream, &message(1, payload), true).await;
    attacker.outcome(stream).await
}

#[tokio::test]
async fn decompression_bombs() {
    let mut siege = Siege::begin().await;
    let zeros = vec![0; MIB];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&zeros).unwrap();
    // Members of gzip follow each other: a gigabyte in one of some hundred kilobytes.
    let gzip = gzip.finish().unwrap().repeat(1024);
    let mut deflate = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..8 {
        deflate.write_all(&zeros).unwrap();
    }
    let deflate = deflate.finish().unwrap();
    assert!(gzip.len() < 2 * MIB && deflate.len() < 100 * KIB);
    siege.count_from_here();
    let mut attacker = Attacker::connect(siege.addr).await;
    for (encoding, bomb) in [("gzip", &gzip), ("deflate", &deflate)] {
        for method in ["Say", "Sum", "Say"] {
            let outcome = send_compressed(&mut attacker, method, encoding, bomb).await;
            assert_eq!(outcome, "8", "{encoding} to {method}");
        }
    }
    // What cannot be unpacked is the call's fault alone.
    assert_eq!(
        send_compressed(&mut attacker, "Say", "gzip", &[0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0, 0xff, 0xff])
            .await,
        "13"
    );
    assert_eq!(send_compressed(&mut attacker, "Say", "gzip", &[]).await, "13");
    assert_eq!(send_compressed(&mut attacker, "Say", "br", b"x").await, "12");
    drop(attacker);
    // The limit of 4 MiB while it grows, the compressed message of one, and what the attacker holds itself.
    siege.end(&Bounds { memory: 16 * MIB, cpu: Duration::from_secs(8) }).await;
}

#[tokio::test]
async fn prefixes_that_promise_much() {
    for (limit, promise) in [(None, u32::MAX), (Some(4 * MIB), 4 * MIB as u32)] {
        let siege = Siege::against(|builder| builder.max_recv_message_size(limit)).await;
        let mut attacker = Attacker::connect(siege.addr).await;
        let beginning = [&[0][..], &promise.to_be_bytes(), b"beginning"].concat();
        for method in ["Say", "Sum"].repeat(100) {
            let stream = attacker.open(method).await;
            attacker.frame(kind::DATA, 0, stream, &beginning).await;
        }
        siege.quiet(Duration::from_millis(300)).await;
        siege.hold(&Bounds { memory: 2 * MIB, cpu: Duration::from_secs(1) }).await;
        drop(attacker);
        siege.end(&Bounds { memory: 2 * MIB, cpu: Duration::from_secs(1) }).await;
    }
}

#[tokio::test]
async fn prefixes_beyond_the_limit() {
    let siege = Siege::begin().await;
    let mut attacker = Attacker::connect(siege.addr).await;
    for method in ["Say", "Sum"].repeat(50) {
        let stream = attacker.open(method).await;
        attacker.frame(kind::DATA, 0, stream, &[0, 0xff, 0xff, 0xff, 0xff]).await;
        assert_eq!(attacker.outcome(stream).await, "8");
        let stream = attacker.open(method).await;
        attacker.frame(kind::DATA, 0, stream, &[0xfe, 0, 0, 0, 0]).await;
        assert_eq!(attacker.outcome(stream).await, "13", "flags that do not exist");
    }
    drop(attacker);
    siege.end(&Bounds { memory: MIB, cpu: Duration::from_secs(2) }).await;
}

/// `test.Nest`: takes protobuf messages that may contain each other.
struct Nest;

impl Service for Nest {
    fn name(&self) -> &str {
        "test.Nest"
    }

    fn methods(&self) -> Vec<Method> {
        vec![Method::unary("Take", BuffaCodec::<Value, Value>::new(), |request: Request<Value>| async move {
            Ok(Response::new(request.into_inner()))
        })]
    }
}

/// A `google.protobuf.Value` in a `ListValue` in a `Value`, and so on: `depth` messages within each other.
fn nested(depth: usize) -> Bytes {
    fn varint(mut n: usize) -> Vec<u8> {
        let mut out = Vec::new();
        while n >= 128 {
            out.push(n as u8 | 128);
            n >>= 7;
        }
        out.push(n as u8);
        out
    }
    // From the inside; the heads are in the wrong order until the end.
    let (mut heads, mut len) = (Vec::new(), 0);
    for level in 1..depth {
        // `Value.list_value` is field 6, `ListValue.values` field 1.
        let tag = if (depth - level) % 2 == 1 { 0x32 } else { 0x0a };
        let head = [vec![tag], varint(len)].concat();
        len += head.len();
        heads.push(head);
    }
    heads.into_iter().rev().flatten().collect()
}

#[tokio::test]
async fn deeply_nested_messages() {
    let mut siege = Siege::against(|builder| builder.add_service(Nest)).await;
    let groups = [vec![0x7b; 200_000], vec![0x7c; 200_000]].concat();
    let bombs = [nested(1000), nested(20_000), nested(800_000), groups.into(), vec![0x7b; MIB].into()];
    siege.count_from_here();
    let mut attacker = Attacker::connect(siege.addr).await;
    // The outermost message and a hundred in it.
    let mut deepest = 0;
    for depth in [90, 99, 100, 101, 102, 103] {
        let stream = attacker.call("/test.Nest/Take", &nested(depth)).await;
        if attacker.outcome(stream).await == "0" {
            deepest = depth;
        }
    }
    assert!((99..=101).contains(&deepest), "{deepest} levels were taken");
    for bomb in &bombs {
        for _ in 0..5 {
            let stream = attacker.call("/test.Nest/Take", bomb).await;
            assert_eq!(attacker.outcome(stream).await, "13", "{} bytes", bomb.len());
        }
    }
    drop(attacker);
    siege.end(&Bounds { memory: 16 * MIB, cpu: Duration::from_secs(5) }).await;
}

/// Small messages for streams that are not read, each in a buffer of its own with much that is read at once: a slice of
/// each buffer must not keep the whole of it, neither when many wait for one stream nor when one waits for each of many.
#[tokio::test]
async fn small_messages_that_hold_on_to_large_buffers() {
    let siege = Siege::begin().await;
    let mut attacker = Attacker::connect(siege.addr).await;
    let mut deaf = Vec::new();
    for _ in 0..80 {
        deaf.push(attacker.open("Deaf").await);
    }
    let sum = attacker.open("Sum").await;
    let mut much = BytesMut::new();
    for _ in 0..7 {
        put_frame(&mut much, kind::DATA, 0, sum, &message(0, &[9; 16_384 - 5]));
    }
    for i in 0..400 {
        let mut batch = BytesMut::new();
        put_frame(&mut batch, kind::DATA, 0, deaf[0], &message(0, b"1"));
        put_frame(&mut batch, kind::DATA, 0, deaf[1], b"\0\0\0");
        put_frame(&mut batch, kind::DATA, 0, deaf[1], b"\0\x01x");
        if let Some(&other) = deaf[2..].get(i) {
            put_frame(&mut batch, kind::DATA, 0, other, &message(0, b"1"));
        }
        batch.extend_from_slice(&much);
        assert!(attacker.write(&batch).await);
        // The windows are open again, and the next read is another one.
        let flowed = attacker.call("Say", b"done?").await;
        assert_eq!(attacker.outcome(flowed).await, "13");
    }
    siege.hold(&Bounds { memory: 4 * MIB, cpu: Duration::from_secs(4) }).await;
    assert_eq!(attacker.seen().reset(sum), None::<ErrorCode>);
    drop(attacker);
    siege.end(&Bounds { memory: 4 * MIB, cpu: Duration::from_secs(4) }).await;
}
