//! What a hostile server may do to a channel.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use carom::client::{CallOptions, RawCall};
use carom::codec::BytesCodec;
use carom::{Channel, Code, MetadataMap, Request, Status};
use carom_wire::frame::{ErrorCode, FrameHead, flag, kind};
use tokio::task::JoinHandle;

use crate::attacker::{message, put_field, put_frame, repeated};
use crate::peer::{block, meet};
use crate::siege::{Bounds, KIB, MIB, Siege, soon};

const BOUNDS: Bounds = Bounds { memory: 3 * MIB, cpu: Duration::from_secs(3) };

type Outcome = JoinHandle<Result<Bytes, Status>>;

fn call(channel: &Channel) -> Outcome {
    let channel = channel.clone();
    tokio::spawn(async move {
        let request = Request::new(Bytes::from_static(b"x"));
        channel.unary("/a.B/C", BytesCodec, request).await.map(|response| response.into_inner())
    })
}

async fn code(outcome: Outcome) -> Code {
    soon(outcome).await.unwrap().unwrap_err().code()
}

/// Attacks that the channel answers by GOAWAY; its call is UNAVAILABLE.
#[tokio::test]
async fn responses_that_end_the_connection() {
    let mut huge = block(&[(b":status", b"200")]);
    put_field(&mut huge, 0x40, b"bomb", &[b'x'; 4000]);
    huge.resize(huge.len() + 10_000, 0xbe);
    let head = block(&[(b":status", b"200"), (b"content-type", b"application/grpc")]);
    let frame = |kind, flags, stream, payload: &[u8]| {
        let mut out = BytesMut::new();
        put_frame(&mut out, kind, flags, stream, payload);
        out
    };
    let mut oversized = BytesMut::new();
    FrameHead { len: 0xff_ffff, kind: kind::DATA, flags: 0, stream: 1 }.encode(&mut oversized);
    let most = 0x7fff_ffff_u32.to_be_bytes();
    let endless =
        [frame(kind::HEADERS, 0, 1, &head), repeated(200, kind::CONTINUATION, 0, 1, &[0; 10_000])].concat();
    let cases: [(&str, BytesMut, ErrorCode); 13] = [
        ("an HPACK bomb", frame(kind::HEADERS, flag::END_HEADERS, 1, &huge), ErrorCode::ENHANCE_YOUR_CALM),
        ("an endless header block", endless[..].into(), ErrorCode::ENHANCE_YOUR_CALM),
        (
            "a table of 2^28 bytes",
            frame(kind::HEADERS, flag::END_HEADERS, 1, &[0x3f, 0xe1, 0xff, 0xff, 0x7f]),
            ErrorCode::COMPRESSION_ERROR,
        ),
        (
            "a promise of a stream",
            frame(kind::PUSH_PROMISE, flag::END_HEADERS, 1, &[&[0, 0, 0, 2][..], &head].concat()),
            ErrorCode::PROTOCOL_ERROR,
        ),
        (
            "a stream that the server opens",
            frame(kind::HEADERS, flag::END_HEADERS, 2, &head),
            ErrorCode::PROTOCOL_ERROR,
        ),
        ("a stream that nobody opened", frame(kind::DATA, 0, 99, b"data"), ErrorCode::PROTOCOL_ERROR),
        ("a window past its limit", frame(kind::WINDOW_UPDATE, 0, 0, &most), ErrorCode::FLOW_CONTROL_ERROR),
        ("an increment of zero", frame(kind::WINDOW_UPDATE, 0, 0, &[0; 4]), ErrorCode::PROTOCOL_ERROR),
        ("a frame that is too large", oversized, ErrorCode::FRAME_SIZE_ERROR),
        ("push switched on", frame(kind::SETTINGS, 0, 0, &[0, 2, 0, 0, 0, 1]), ErrorCode::PROTOCOL_ERROR),
        (
            "padding longer than its frame",
            frame(kind::DATA, flag::PADDED, 1, &[9, 0]),
            ErrorCode::PROTOCOL_ERROR,
        ),
        ("a PING of seven bytes", frame(kind::PING, 0, 0, &[0; 7]), ErrorCode::FRAME_SIZE_ERROR),
        ("CONTINUATION out of the blue", frame(kind::CONTINUATION, 0, 1, b""), ErrorCode::PROTOCOL_ERROR),
    ];
    let siege = Siege::begin().await;
    for (what, bytes, expected) in &cases {
        let (channel, mut peer, _listener) = meet(&siege).await;
        let outcome = call(&channel);
        assert_eq!(peer.called().await, 1);
        peer.write(bytes).await;
        assert_eq!(peer.ended().await, Some(*expected), "{what}");
        assert_eq!(code(outcome).await, Code::Unavailable, "{what}");
    }
    siege.end(&BOUNDS).await;
}

/// Floods that nobody stops but the channel.
#[tokio::test]
async fn floods_of_a_server() {
    let informational = block(&[(b":status", b"103")]);
    let floods: [(&str, u8, u8, u32, &[u8]); 8] = [
        ("1xx", kind::HEADERS, flag::END_HEADERS, 1, &informational),
        ("PING", kind::PING, 0, 0, &[1; 8]),
        ("PING ACK", kind::PING, flag::ACK, 0, &[1; 8]),
        ("SETTINGS", kind::SETTINGS, 0, 0, &[]),
        ("GOAWAY", kind::GOAWAY, 0, 0, &[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]),
        ("RST_STREAM", kind::RST_STREAM, 0, 1, &[0, 0, 0, 8]),
        ("WINDOW_UPDATE", kind::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
        ("frames of an unknown kind", 0xbe, 0, 0, &[]),
    ];
    for (what, kind, flags, stream, payload) in floods {
        let siege = Siege::begin().await;
        let (channel, mut peer, _listener) = meet(&siege).await;
        let outcome = call(&channel);
        assert_eq!(peer.called().await, 1);
        let batch = repeated(1000, kind, flags, stream, payload);
        let mut batches = 0;
        while peer.write(&batch).await {
            batches += 1;
            assert!(batches < 2000, "{what}: nobody stops it");
        }
        let code = code(outcome).await;
        assert!(matches!(code, Code::Unavailable | Code::Cancelled), "{what}: {code:?}");
        drop(channel);
        siege.end(&BOUNDS).await;
    }
}

fn stream_of_responses(channel: &Channel) -> RawCall {
    let payload = Bytes::from_static(b"x");
    channel.start_unary("/a.B/C", CallOptions::default(), MetadataMap::new(), payload)
}

/// A reader who does not read: what is sent within the window is kept, what is sent beyond it ends the call.
#[tokio::test]
async fn data_without_end_for_who_does_not_read() {
    let siege = Siege::begin().await;
    let (channel, mut peer, _listener) = meet(&siege).await;
    for _ in 0..10 {
        let call = stream_of_responses(&channel);
        let stream = peer.called().await;
        peer.head(stream).await;
        let data = message(0, &[1; 16_384 - 5]);
        // Ten times the window.
        for _ in 0..160 {
            assert!(peer.frame(kind::DATA, 0, stream, &data).await);
        }
        assert_eq!(peer.reset(stream).await, ErrorCode::FLOW_CONTROL_ERROR);
        drop(call);
    }
    drop(channel);
    siege.end(&Bounds { memory: 4 * MIB, cpu: Duration::from_secs(3) }).await;
}

/// Small messages, each of which lies in a buffer with much that is thrown away: many for one call that is not read, and one
/// for each of many.
#[tokio::test]
async fn small_messages_that_hold_on_to_large_buffers() {
    let siege = Siege::begin().await;
    let (channel, mut peer, _listener) = meet(&siege).await;
    let (mut unread, mut unread_streams) = (Vec::new(), Vec::new());
    for _ in 0..60 {
        unread.push(stream_of_responses(&channel));
        let stream = peer.called().await;
        peer.head(stream).await;
        unread_streams.push(stream);
    }
    // A call that has ended: what comes for it is dropped.
    let ended = call(&channel);
    let ended_stream = peer.called().await;
    peer.frame(kind::RST_STREAM, 0, ended_stream, &ErrorCode::CANCEL.0.to_be_bytes()).await;
    assert_eq!(code(ended).await, Code::Cancelled);
    let mut much = BytesMut::new();
    for _ in 0..16 {
        put_frame(&mut much, kind::DATA, 0, ended_stream, &[0; 16_384]);
    }
    for i in 0..200 {
        let mut batch = BytesMut::new();
        put_frame(&mut batch, kind::DATA, 0, unread_streams[0], &message(0, b"1"));
        if let Some(&other) = unread_streams[1..].get(i) {
            put_frame(&mut batch, kind::DATA, 0, other, &message(0, b"1"));
        }
        batch.extend_from_slice(&much);
        assert!(peer.write(&batch).await);
    }
    siege.hold(&Bounds { memory: 4 * MIB, cpu: Duration::from_secs(4) }).await;
    drop((unread, channel, peer));
    siege.end(&Bounds { memory: 4 * MIB, cpu: Duration::from_secs(4) }).await;
}

/// Messages that unpack to more than is taken, promise more, or are none.
#[tokio::test]
async fn messages_that_are_more_than_they_seem() {
    use std::io::Write;
    let mut siege = Siege::begin().await;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&vec![0; MIB]).unwrap();
    let bomb = message(1, &gzip.finish().unwrap().repeat(100));
    let promise = [&[0, 0xff, 0xff, 0xff, 0xff][..], b"beginning"].concat();
    siege.count_from_here();
    let (channel, mut peer, _listener) = meet(&siege).await;
    for (encoding, data, expected) in [
        (&b"gzip"[..], &bomb[..], Code::ResourceExhausted),
        (b"identity", &promise, Code::ResourceExhausted),
        (b"identity", b"\x07\0\0\0\0", Code::Internal),
        (b"unheard-of", &message(1, b"x"), Code::Internal),
    ] {
        for _ in 0..5 {
            let outcome = call(&channel);
            let stream = peer.called().await;
            let head = block(&[
                (b":status", b"200"),
                (b"content-type", b"application/grpc"),
                (b"grpc-encoding", encoding),
            ]);
            peer.frame(kind::HEADERS, flag::END_HEADERS, stream, &head).await;
            for chunk in data.chunks(16_384) {
                peer.frame(kind::DATA, 0, stream, chunk).await;
            }
            let ok = block(&[(b"grpc-status", b"0")]);
            peer.frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, &ok).await;
            assert_eq!(code(outcome).await, expected, "{}", encoding.escape_ascii());
        }
    }
    drop((channel, peer));
    siege.end(&Bounds { memory: 14 * MIB, cpu: Duration::from_secs(4) }).await;
}

/// Fields that must not be, in a head and in trailers: the call alone ends, and no byte of it gets further.
#[tokio::test]
async fn metadata_that_is_none() {
    let siege = Siege::begin().await;
    let (channel, mut peer, _listener) = meet(&siege).await;
    let fields: [(&[u8], &[u8]); 6] = [
        (b"x-split", b"a\r\nb"),
        (b"x-null", b"\0"),
        (b"X-Upper", b"a"),
        (b"", b"a"),
        (b":status", b"200"),
        (b"x\nb", b"a"),
    ];
    for (name, value) in fields {
        for in_head in [true, false] {
            let outcome = call(&channel);
            let stream = peer.called().await;
            let usual = block(&[(b":status", b"200"), (b"content-type", b"application/grpc")]);
            let evil = block(&[(name, value)]);
            let head = if in_head { [&usual[..], &evil].concat() } else { usual };
            peer.frame(kind::HEADERS, flag::END_HEADERS, stream, &head).await;
            if !in_head {
                let trailers = [block(&[(b"grpc-status", b"0")]), evil].concat();
                peer.frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, &trailers).await;
            }
            assert_eq!(code(outcome).await, Code::Internal, "{} in head: {in_head}", name.escape_ascii());
        }
    }
    // Words of a status may be anything; they are decoded as far as they can be.
    for words in [&b"%"[..], b"%0", b"%zz", b"%ff%fe", b"%0d%0a", &[b'%'; 8 * KIB]] {
        let outcome = call(&channel);
        let stream = peer.called().await;
        let trailers = block(&[
            (b":status", b"200"),
            (b"content-type", b"application/grpc"),
            (b"grpc-status", b"5"),
            (b"grpc-message", words),
        ]);
        peer.frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, &trailers).await;
        assert_eq!(code(outcome).await, Code::NotFound);
    }
    drop((channel, peer));
    siege.end(&BOUNDS).await;
}
