//! The layer of calls over arbitrary fields and data: a client that is told anything, and a server whose answer to
//! anything reaches a client unchanged.

#![no_main]

use std::time::Instant;

use bytes::{Buf, Bytes, BytesMut};
use carom_wire::call::{
    ClientCall, ClientEvent, ContentType, EndedBy, HeadCache, KnownResponses, RequestFields, RequestHead,
    ServerCall,
};
use carom_wire::client::{self, Client, End};
use carom_wire::conn::{Config, Connection, Event, ResetBy};
use carom_wire::frame::ErrorCode;
use carom_wire::http::Http;
use carom_wire::stream::StreamKey;
use carom_wire::{Code, HeaderBlock, HeaderField, MetadataMap, Status};
use libfuzzer_sys::fuzz_target;

const MAX: usize = 3000;
/// A name may be one byte from here on: the others are typed out.
const NAMES: [&str; 20] = [
    ":method",
    ":scheme",
    ":path",
    ":authority",
    ":status",
    "te",
    "content-type",
    "content-length",
    "grpc-status",
    "grpc-message",
    "grpc-status-details-bin",
    "grpc-encoding",
    "grpc-accept-encoding",
    "grpc-timeout",
    "grpc-previous-rpc-attempts",
    "user-agent",
    "x-text",
    "x-data-bin",
    "cookie",
    "authorization",
];

fuzz_target!(|input: &[u8]| {
    let Some((choice, rest)) = input.split_first() else { return };
    // Two lists of fields, then data.
    let mut parts = rest.splitn(3, |byte| *byte == 0xff);
    let first = block(parts.next().unwrap_or_default());
    let second = block(parts.next().unwrap_or_default());
    let data = parts.next().unwrap_or_default();
    if choice & 1 == 0 {
        hear(&first, &second, data, *choice);
    } else {
        answer(&first, &second, data, *choice);
    }
});

/// Fields, a line each: the name, or a byte for one of [`NAMES`], a space, the value.
fn block(text: &[u8]) -> HeaderBlock {
    let field = |line: &[u8]| {
        let (name, value) = line.split_at(line.iter().position(|byte| *byte == b' ').unwrap_or(line.len()));
        let name = match name {
            [byte, ..] if *byte >= 0x80 => NAMES[usize::from(*byte) % NAMES.len()].as_bytes(),
            name => name,
        };
        HeaderField::new(
            Bytes::copy_from_slice(name),
            Bytes::copy_from_slice(value.get(1..).unwrap_or_default()),
        )
    };
    HeaderBlock::from_fields(
        text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(field).collect(),
    )
}

/// A client's call that is told anything.
fn hear(head: &HeaderBlock, trailers: &HeaderBlock, data: &[u8], choice: u8) {
    let mut known = KnownResponses::default();
    let mut call = ClientCall::new(MAX, ContentType::default());
    let Ok(told) = call.on_headers(head, choice & 2 != 0, &mut known) else { return };
    // Whoever meets the same block again makes the same of it.
    let again = ClientCall::new(MAX, ContentType::default()).on_headers(head, choice & 2 != 0, &mut known);
    assert_eq!(format!("{told:?}"), format!("{:?}", again.expect("the same")));
    if let ClientEvent::End(ended) = &told {
        assert!(ended.by == EndedBy::TrailersOnly && choice & 2 != 0);
        check(&ended.status);
        return;
    }
    call.on_data(Bytes::copy_from_slice(data), choice & 4 != 0);
    assert!(call.buffered() <= data.len());
    let mut taken = 0;
    let failed = loop {
        match call.next_message() {
            Ok(Some(message)) => {
                assert!(message.payload.len() <= MAX);
                taken += message.payload.len() + 5;
            }
            Ok(None) => break None,
            Err(status) => break Some(status),
        }
    };
    assert!(taken <= data.len() && call.wanted() <= MAX);
    if let Some(status) = failed {
        check(&status);
        assert!(!matches!(call.next_message(), Ok(Some(_))));
    }
    if choice & 4 != 0 {
        check(&call.ended().status);
    } else if let Ok(ClientEvent::End(ended)) = call.on_headers(trailers, true, &mut known) {
        check(&ended.status);
    }
    for by in [ResetBy::Peer, ResetBy::GoAway, ResetBy::ConnectionLost, ResetBy::Engine("why".into())] {
        check(&call.on_reset(ErrorCode(u32::from(choice)), &by));
    }
}

/// What can be put into words can be shown.
fn check(status: &Status) {
    assert!(!status.to_string().is_empty());
}

/// A server's call that anything was asked of, and that answers with what it was asked.
fn answer(fields: &HeaderBlock, more: &HeaderBlock, data: &[u8], choice: u8) {
    let parsed = RequestHead::parse(fields);
    let mut cache = HeadCache::default();
    for _ in 0..2 {
        assert_eq!(cache.parse(fields).is_ok(), parsed.is_ok());
    }
    let Ok(head) = parsed else { return };
    let mut call = ServerCall::new(MAX, false);
    let mut messages = Vec::new();
    for chunk in data.chunks(usize::from(choice >> 2) + 1) {
        call.on_data(Bytes::copy_from_slice(chunk), false);
        while let Ok(Some(message)) = call.next_message() {
            messages.push(message.payload);
        }
        assert!(call.buffered() <= data.len() && call.wanted() <= MAX);
    }
    call.on_data(Bytes::new(), true);
    let failed = call.next_message().err();
    let metadata = head.metadata().clone();
    let Ok(other) = RequestHead::parse(more).map(|head| head.metadata().clone()) else { return };
    let words = String::from_utf8_lossy(data).into_owned();
    let status = failed.unwrap_or_else(|| Status::new(Code::from_i32(i32::from(choice % 17)), words));

    let (mut client, mut server, theirs) = connect();
    if choice & 2 != 0 {
        call.send_headers(&mut server, theirs, &metadata, None);
        for payload in &messages {
            let mut framed = BytesMut::from(&carom_wire::message::prefix(false, payload.len() as u32)[..]);
            framed.extend_from_slice(payload);
            call.send_message(&mut server, theirs, framed.freeze());
        }
    }
    call.send_status(&mut server, theirs, Some(status.clone()), other.clone());
    let (mut came, mut end) = (Vec::new(), None);
    carry(&mut server, client.http_mut());
    while let Some(event) = client.next_event(Instant::now()) {
        match event {
            client::Event::Head { head, .. } => assert_eq!(head.metadata, metadata),
            client::Event::Data { key } => {
                let mut call = client.call(key).expect("it has not ended");
                while let Some(message) = call.next_message().expect("messages") {
                    came.push(message.payload);
                }
            }
            client::Event::End { end: End::Status(ended), .. } => end = Some(ended),
            client::Event::Ready => {}
            other => panic!("{other:?}"),
        }
    }
    let end = end.expect("an end");
    if end.status.code() == Code::ResourceExhausted && status.code() != Code::ResourceExhausted {
        // More than the client takes of fields.
        return;
    }
    assert_eq!((end.status.code(), end.status.message()), (status.code(), status.message()));
    assert_eq!(end.metadata, other);
    if choice & 2 != 0 {
        assert_eq!(came, messages);
    }
}

/// A client and a server's transport with a call between them.
fn connect() -> (Client, Http, StreamKey) {
    let config = Config::default().with(|config| config.max_header_list_size = 1 << 20);
    let now = Instant::now();
    let mut client = Client::http2(config.clone(), now);
    let mut server = Http::Http2(Connection::server(config.into(), now));
    let metadata = MetadataMap::new();
    let fields = RequestFields {
        scheme: "http",
        authority: "localhost",
        path: b"/a.B/C",
        timeout: None,
        user_agent: "fuzz",
        content_type: ContentType::default(),
        encoding: None,
        accept_encoding: None,
        previous_attempts: 0,
        metadata: &metadata,
    };
    let key = client.open(&fields, MAX).expect("a new connection");
    client.call(key).expect("it is open").send(Bytes::new(), true);
    carry(client.http_mut(), &mut server);
    let theirs = std::iter::from_fn(|| server.next_event(now)).find_map(|event| match event {
        Event::Headers { key, .. } => Some(key),
        _ => None,
    });
    carry(&mut server, client.http_mut());
    (client, server, theirs.expect("the call"))
}

/// Moves what one has to say to the other.
fn carry(from: &mut Http, to: &mut Http) {
    from.transmit(Instant::now(), usize::MAX);
    let length = from.output().remaining();
    let bytes = from.output().copy_to_bytes(length);
    to.input().extend_from_slice(&bytes);
}
