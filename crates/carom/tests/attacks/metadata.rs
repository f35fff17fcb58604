//! Line breaks and other bytes that do not belong into metadata, from either side.

use std::time::Duration;

use bytes::Bytes;
use carom::codec::BytesCodec;
use carom::{Channel, MetadataMap, Request};
use carom_wire::frame::{ErrorCode, flag, kind};

use crate::attacker::{Attacker, Ears, put_field, request, request_with};
use crate::siege::{Bounds, MIB, Siege, soon};

const BOUNDS: Bounds = Bounds { memory: 2 * MIB, cpu: Duration::from_secs(2) };

/// RFC 9113 §8.2.1: such a request is malformed. It is reset alone, and no handler sees it.
#[tokio::test]
async fn requests_with_fields_that_are_none() {
    let siege = Siege::begin().await;
    let mut attacker = Attacker::connect(siege.addr).await;
    let fields: [(&[u8], &[u8]); 10] = [
        (b"x-split", b"a\r\ngrpc-status: 0"),
        (b"x-split", b"a\nb"),
        (b"x-split", b"a\rb"),
        (b"x-null", b"a\0b"),
        (b"x-na\r\nme", b"value"),
        (b"X-Upper", b"value"),
        (b"x name", b"value"),
        (b"", b"value"),
        (b"x:colon", b"value"),
        (b"connection", b"close"),
    ];
    for (name, value) in fields {
        let stream = attacker.next_stream();
        let block = request_with("Hang", &[(name, value)]);
        attacker.frame(kind::HEADERS, flag::END_HEADERS, stream, &block).await;
        println!("{}: {}", name.escape_ascii(), value.escape_ascii()); // shown only if the test fails
        let outcome = attacker.outcome(stream).await;
        assert_eq!(outcome, ErrorCode::PROTOCOL_ERROR.to_string(), "{}", name.escape_ascii());
    }
    // Pseudo-fields twice, late, unknown, or with bytes that split lines further on.
    let late = [request("Hang"), field(b":path", b"/b.C/d")].concat();
    let early = [field(b"x-a", b"b"), request("Hang")].concat();
    let unknown = [field(b":status", b"200"), request("Hang")].concat();
    for block in [late, early, unknown, request("/a.B/c\r\nx-evil: yes")] {
        let stream = attacker.next_stream();
        attacker.frame(kind::HEADERS, flag::END_HEADERS, stream, &block).await;
        assert_eq!(attacker.outcome(stream).await, ErrorCode::PROTOCOL_ERROR.to_string());
    }
    assert_eq!(siege.ledger.begun(), 0);
    let stream = attacker.call("Say", b"unharmed").await;
    assert_eq!(attacker.outcome(stream).await, "13");
    drop(attacker);
    siege.end(&BOUNDS).await;
}

fn field(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    put_field(&mut block, 0, name, value);
    block
}

/// Bytes that are no base64 cost the value, or the call, but neither the connection nor the process.
#[tokio::test]
async fn binary_metadata_that_is_none() {
    let siege = Siege::begin().await;
    let mut attacker = Attacker::connect(siege.addr).await;
    for value in [&b"!!!!"[..], b"A", b"AAAA====", b",,,,", b"AA AA", b"\xff\xfe"] {
        let stream = attacker.next_stream();
        let block = request_with("Say", &[(b"x-data-bin", value), (b"grpc-trace-bin", value)]);
        attacker.frame(kind::HEADERS, flag::END_HEADERS, stream, &block).await;
        attacker.send(stream, b"\0\0\0\0\0", true).await;
        let outcome = attacker.outcome(stream).await;
        assert!(!outcome.is_empty() && outcome != "nothing", "{outcome}");
    }
    let stream = attacker.call("Say", b"unharmed").await;
    assert_eq!(attacker.outcome(stream).await, "13");
    for timeout in ["", "S", "-1S", "123456789S", "1", "1s", "99999999H", "1 S", "\u{b9}S"] {
        let stream = attacker.next_stream();
        let block = request_with("Say", &[(b"grpc-timeout", timeout.as_bytes())]);
        attacker.frame(kind::HEADERS, flag::END_HEADERS, stream, &block).await;
        attacker.send(stream, b"\0\0\0\0\0", true).await;
        // INTERNAL, as rule and as what the handler says.
        assert_eq!(attacker.outcome(stream).await, "13", "{timeout:?}");
    }
    drop(attacker);
    siege.end(&BOUNDS).await;
}

/// A handler that puts what it was sent into its status cannot be made to write fields of the attacker's.
#[tokio::test]
async fn answers_cannot_be_split() {
    let siege = Siege::begin().await;
    let mut attacker = Attacker::greeting(siege.addr, &[(1, 0)], Ears::Open).await;
    for words in [&b"a\r\ngrpc-status: 0\r\n\r\n"[..], b"\0\n\r\x7f", b"\xff\xfe", b"%0d%0a"] {
        let stream = attacker.call("Say", words).await;
        assert_eq!(attacker.outcome(stream).await, "13");
        let said = attacker.seen().field(stream, b"grpc-message").unwrap();
        assert!(said.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{said}");
        assert!(!said.contains("\\r") && !said.contains("\\n") && !said.contains("\\x"), "{said}");
    }
    assert!(!attacker.seen().raw_blocks.contains(&b'\n'));
    drop(attacker);
    siege.end(&BOUNDS).await;
}

/// Nothing gets into a map of metadata that must not go on the wire; what does not pass through one is checked too.
#[tokio::test]
async fn requests_cannot_be_split() {
    let mut metadata = MetadataMap::new();
    for value in ["a\r\nb", "a\nb", "a\0b", "\u{7f}", "\u{e9}"] {
        assert!(metadata.insert("x-a", value.to_owned()).is_err(), "{value:?}");
    }
    for key in ["", "x-a\r\nb", "x a", "x:a", ":path", "x-\u{e9}"] {
        assert!(metadata.insert(key, "value".to_owned()).is_err(), "{key:?}");
        assert!(metadata.append(key, "value".to_owned()).is_err(), "{key:?}");
    }
    assert!(metadata.is_empty());

    let siege = Siege::begin().await;
    let channel = Channel::builder(siege.addr.to_string()).runtime(siege.handle());
    let channel = soon(channel.connect()).await.unwrap();
    let echo = |method, request| soon(channel.unary(method, BytesCodec, request));
    for method in ["/a.B/c\r\nx-evil: yes", "/a.B/\0", "", "no slash", "/a.B/c d"] {
        let status = echo(method, Request::new(Bytes::new())).await.unwrap_err();
        assert!(!status.message().is_empty(), "{method:?}");
    }
    for authority in ["a\r\nx-evil: yes", "a b", "\0"] {
        let mut request = Request::new(Bytes::new());
        request.set_authority(authority);
        assert!(echo("/test.Siege/Echo", request).await.is_err(), "{authority:?}");
    }
    let reply = echo("/test.Siege/Echo", Request::new(Bytes::from_static(b"unharmed"))).await.unwrap();
    assert_eq!(reply.get_ref(), "unharmed");
    drop(channel);
    siege.end(&BOUNDS).await;
}
