//! gRPC-Web, between two engines.

use std::time::Instant;

use bytes::Buf;

use super::*;
use crate::{
    Code, MetadataMap, Status,
    call::RequestFields,
    client::{Client, End, Event as ClientEvent},
    conn::{Config, ServerConfig},
    message,
    server::{Event, Server},
};

const WEB: ContentType<'static> = ContentType { dialect: Dialect::GrpcWeb, subtype: "proto" };

fn framed(payload: &[u8]) -> Bytes {
    [&message::prefix(false, payload.len() as u32)[..], payload].concat().into()
}

fn carry(from: &mut Http, to: &mut Http, now: Instant) {
    from.transmit(now, usize::MAX);
    let len = from.output().remaining();
    let bytes = from.output().copy_to_bytes(len);
    to.input().extend_from_slice(&bytes);
}

/// What a client in this dialect hears of a server that does this with its call.
fn call(
    content_type: ContentType<'_>,
    speaks_web: bool,
    answer: impl Fn(&mut Server, StreamKey),
) -> (Vec<Bytes>, Status, MetadataMap) {
    let now = Instant::now();
    let mut client = Client::http2(Config::default(), now);
    let mut server = Server::http2(ServerConfig::default(), None, now);
    if speaks_web {
        server.speak(Dialect::GrpcWeb);
    }
    let metadata = MetadataMap::new();
    let fields = RequestFields {
        scheme: "http",
        authority: "example.test",
        path: b"/pkg.Service/Method",
        timeout: None,
        user_agent: "test/1",
        content_type,
        encoding: None,
        accept_encoding: None,
        previous_attempts: 0,
        metadata: &metadata,
    };
    let key = client.open(&fields, 100).expect("room for a call");
    client.call(key).expect("it is open").send(framed(b"ask"), true);
    carry(client.http_mut(), server.http_mut(), now);
    while let Some(event) = server.next_event(now) {
        match event {
            Event::Request { key, head, end_stream } => {
                assert_eq!(head.dialect, content_type.dialect);
                server.accept(key, &head, end_stream, 100);
            }
            Event::Data { key, .. } => {
                let message = server.call(key).unwrap().next_message().unwrap().expect("a message");
                assert_eq!(message.payload, "ask");
                answer(&mut server, key);
            }
            _ => {}
        }
    }
    carry(server.http_mut(), client.http_mut(), now);
    let (mut messages, mut ended) = (Vec::new(), None);
    while let Some(event) = client.next_event(now) {
        match event {
            ClientEvent::Data { key } => {
                let mut call = client.call(key).expect("it has not ended");
                while let Some(message) = call.next_message().expect("in order") {
                    messages.push(message.payload);
                }
            }
            ClientEvent::End { end: End::Status(end), .. } => ended = Some((end.status, end.metadata)),
            _ => {}
        }
    }
    let (status, trailing) = ended.expect("an end");
    (messages, status, trailing)
}

fn trailing() -> MetadataMap {
    let mut trailing = MetadataMap::new();
    trailing.insert("cost", "3").unwrap();
    trailing.insert("data-bin", &[0u8, 255][..]).unwrap();
    trailing
}

#[test]
fn a_unary_answer_ends_with_its_trailers_in_the_body() {
    let (messages, status, metadata) = call(WEB, true, |server, key| {
        let mut call = server.call(key).unwrap();
        call.send_unary(&MetadataMap::new(), None, framed(b"hi"), trailing());
    });
    assert_eq!((&messages[..], status.code()), (&[Bytes::from("hi")][..], Code::Ok));
    assert_eq!(metadata, trailing());
}

#[test]
fn messages_and_then_an_error() {
    let (messages, status, metadata) = call(WEB, true, |server, key| {
        let mut call = server.call(key).unwrap();
        call.send_message(framed(b"one"));
        call.send_message(framed(b"two"));
        call.send_status(Some(Status::new(Code::Aborted, "genug: é %\r\n")), trailing());
    });
    assert_eq!(messages, ["one", "two"]);
    assert_eq!((status.code(), status.message()), (Code::Aborted, "genug: é %\r\n"));
    assert_eq!(metadata, trailing());
}

#[test]
fn an_error_at_once_has_a_head_and_trailers_in_the_body() {
    let (messages, status, _) = call(WEB, true, |server, key| {
        let status = Status::new(Code::NotFound, "gone");
        server.call(key).unwrap().send_status(Some(status), MetadataMap::new());
    });
    assert_eq!((messages.len(), status.code(), status.message()), (0, Code::NotFound, "gone"));
}

#[test]
fn grpc_itself_is_as_it_was_beside_it() {
    for speaks_web in [false, true] {
        let (messages, status, metadata) = call(ContentType::default(), speaks_web, |server, key| {
            let mut call = server.call(key).unwrap();
            call.send_unary(&MetadataMap::new(), None, framed(b"hi"), trailing());
        });
        assert_eq!((&messages[..], status.code()), (&[Bytes::from("hi")][..], Code::Ok));
        assert_eq!(metadata, trailing());
    }
}

#[test]
fn a_server_that_does_not_speak_it_answers_415() {
    let (messages, status, _) = call(WEB, false, |_, _| panic!("no call"));
    assert_eq!((messages.len(), status.code()), (0, Code::Unknown));
    assert!(status.message().contains("415"), "{status}");
}

#[test]
fn subtypes_are_answered_in_kind() {
    for dialect in [Dialect::Grpc, Dialect::GrpcWeb] {
        let json = ContentType { dialect, subtype: "json" };
        let (messages, status, _) = call(json, true, |server, key| {
            let mut call = server.call(key).unwrap();
            call.send_unary(&MetadataMap::new(), None, framed(b"{}"), MetadataMap::new());
        });
        assert_eq!((&messages[..], status.code()), (&[Bytes::from("{}")][..], Code::Ok));
    }
}

#[test]
fn trailers_in_a_body_are_read_whatever_they_look_like() {
    let text = b"Grpc-Status: 5\r\ngrpc-message:gone\r\n\r\nno colon\r\n: no name\r\nx-a:1\nx-b: 2";
    let block = read_trailers(&Bytes::from_static(text));
    let status = Status::from_trailers(&block).expect("a status");
    assert_eq!((status.code(), status.message()), (Code::NotFound, "gone"));
    let metadata = MetadataMap::from_fields(&block);
    assert!(metadata.contains_key("x-a") && metadata.contains_key("x-b"));
    assert!(Status::from_trailers(&read_trailers(&Bytes::new())).is_none());
}

#[test]
fn what_follows_the_trailers_is_an_error() {
    let mut deframer = message::Deframer::with_trailers(100);
    let frame = trailer_frame(&StatusTrailers { status: None, metadata: MetadataMap::new() });
    deframer.push([&framed(b"x")[..], &frame, &framed(b"y")].concat().into());
    assert!(deframer.next().unwrap().is_some());
    assert!(deframer.next().is_err());
    let mut plain = message::Deframer::new(100);
    plain.push(frame);
    assert_eq!(plain.next(), Err(message::FramingError::BadFlag(0x80)), "of gRPC itself it is no frame");
}
