//! A server's calls over HTTP/2, and over a transport that is not HTTP/2.

use std::time::Instant;

use bytes::{Buf, Bytes};

use super::{Event, Server};
use crate::{
    Code, MetadataMap, Status,
    call::{ContentType, Refusal, RequestFields},
    client::{Client, End, Event as ClientEvent},
    conn::{Config, Connection, ServerConfig},
    fields::FieldWriter,
    http::{Http, http1::Http1},
    message,
};

fn framed(payload: &[u8]) -> Bytes {
    [&message::prefix(false, payload.len() as u32)[..], payload].concat().into()
}

fn request(metadata: &MetadataMap) -> RequestFields<'_> {
    RequestFields {
        scheme: "http",
        authority: "example.test",
        path: b"/pkg.Service/Method",
        timeout: None,
        user_agent: "test/1",
        content_type: ContentType::default(),
        encoding: None,
        accept_encoding: None,
        previous_attempts: 0,
        metadata,
    }
}

fn carry(from: &mut Http, to: &mut Http, now: Instant) {
    from.transmit(now, usize::MAX);
    let len = from.output().remaining();
    let bytes = from.output().copy_to_bytes(len);
    to.input().extend_from_slice(&bytes);
}

/// Answers each call with its one message, until nothing moves.
fn serve(server: &mut Server, now: Instant) -> Vec<&'static str> {
    let mut seen = Vec::new();
    while let Some(event) = server.next_event(now) {
        match event {
            Event::Request { key, head, end_stream } => {
                seen.push("request");
                if head.path_str() == "/refused" {
                    let refusal = Refusal::Call(Status::new(Code::NotFound, "no such method"));
                    server.refuse(key, &head, refusal);
                } else {
                    server.accept(key, &head, end_stream, 100);
                }
            }
            Event::Data { key, len } => {
                seen.push("data");
                let mut call = server.call(key).expect("a call that was accepted");
                call.release(len);
                match call.next_message() {
                    Ok(Some(message)) => {
                        let metadata = MetadataMap::new();
                        call.send_unary(&metadata, None, framed(&message.payload), MetadataMap::new());
                    }
                    Ok(None) => call.expect(true),
                    Err(status) => call.send_status(Some(status), MetadataMap::new()),
                }
            }
            Event::Finished { key } => {
                seen.push("finished");
                assert!(server.call(key).is_none(), "the key names nothing any more");
            }
            Event::Reset { key, .. } => {
                seen.push("reset");
                assert!(server.call(key).is_none(), "the key names nothing any more");
            }
            Event::Writable { .. } | Event::GoAway { .. } | Event::Closed { .. } => {}
        }
    }
    seen
}

#[test]
fn calls_by_http2() {
    let now = Instant::now();
    let (mut client, mut server) =
        (Client::http2(Config::default(), now), Server::http2(ServerConfig::default(), None, now));
    let metadata = MetadataMap::new();
    for text in ["one", "two"] {
        let key = client.open(&request(&metadata), 100).expect("room for a call");
        client.call(key).expect("it is open").send(framed(text.as_bytes()), true);
        carry(client.http_mut(), server.http_mut(), now);
        assert_eq!(serve(&mut server, now), ["request", "data", "finished"]);
        carry(server.http_mut(), client.http_mut(), now);
        let mut messages = Vec::new();
        let mut ends = Vec::new();
        while let Some(event) = client.next_event(now) {
            match event {
                ClientEvent::Data { key } => {
                    let mut call = client.call(key).expect("it has not ended");
                    while let Some(message) = call.next_message().expect("in order") {
                        messages.push(message.payload);
                    }
                }
                ClientEvent::End { end: End::Status(end), .. } => ends.push(end.status.code()),
                ClientEvent::Ready | ClientEvent::Head { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((&messages[..], &ends[..]), (&[Bytes::from(text)][..], &[Code::Ok][..]));
        assert!(client.call(key).is_none());
    }
}

#[test]
fn what_is_no_grpc_is_answered_and_not_told_of() {
    let now = Instant::now();
    let (mut client, mut server) = (
        Http::Http2(Connection::client(Config::default(), now)),
        Server::http2(ServerConfig::default(), None, now),
    );
    let get = |w: &mut dyn FieldWriter| {
        for (name, value) in [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "x")] {
            w.field(name.as_bytes(), value.as_bytes(), crate::fields::Indexing::Without);
        }
    };
    client.open(&get).expect("room for a call");
    carry(&mut client, server.http_mut(), now);
    assert_eq!(serve(&mut server, now), Vec::<&str>::new());
    carry(server.http_mut(), &mut client, now);
    let statuses: Vec<_> = std::iter::from_fn(|| client.next_event(now))
        .filter_map(|event| match event {
            crate::conn::Event::Headers { block, .. } => block.get(b":status").cloned(),
            _ => None,
        })
        .collect();
    assert_eq!(statuses, ["405"]);
}

#[test]
fn a_call_that_is_cancelled_is_forgotten() {
    let now = Instant::now();
    let (mut client, mut server) =
        (Client::http2(Config::default(), now), Server::http2(ServerConfig::default(), None, now));
    let metadata = MetadataMap::new();
    let key = client.open(&request(&metadata), 100).expect("room for a call");
    carry(client.http_mut(), server.http_mut(), now);
    assert_eq!(serve(&mut server, now), ["request"]);
    client.cancel(key);
    assert!(client.call(key).is_none());
    carry(client.http_mut(), server.http_mut(), now);
    assert_eq!(serve(&mut server, now), ["reset"]);
}

#[test]
fn data_for_a_call_that_was_refused_is_of_no_interest() {
    let now = Instant::now();
    let (mut client, mut server) =
        (Client::http2(Config::default(), now), Server::http2(ServerConfig::default(), None, now));
    let metadata = MetadataMap::new();
    let fields = RequestFields { path: b"/refused", ..request(&metadata) };
    let key = client.open(&fields, 100).expect("room for a call");
    client.call(key).expect("it is open").send(framed(b"x"), true);
    carry(client.http_mut(), server.http_mut(), now);
    assert_eq!(serve(&mut server, now), ["request"]);
}

/// The same server over HTTP/1.1: nothing above the transport knows.
#[test]
fn calls_by_http1() {
    let now = Instant::now();
    let mut server = Server::new(Http::Http1(Http1::new()), None);
    for text in [&b"one"[..], b"two"] {
        let head = "POST /pkg.Service/Method HTTP/1.1\r\nHost: x\r\nContent-Type: application/grpc\r\n\
                    Content-Length: 8\r\n\r\n";
        server.http_mut().input().extend_from_slice(head.as_bytes());
        server.http_mut().input().extend_from_slice(&framed(text));
        assert_eq!(serve(&mut server, now), ["request", "data", "finished"]);
        let len = server.http().buffered();
        let answer = server.http_mut().output().copy_to_bytes(len);
        let expected = [
            b"HTTP/1.1 200 \r\ntransfer-encoding: chunked\r\ncontent-type: application/grpc\r\n\r\n8\r\n",
            &framed(text)[..],
            b"\r\n0\r\ngrpc-status: 0\r\n\r\n",
        ];
        assert_eq!(answer.escape_ascii().to_string(), expected.concat().escape_ascii().to_string());
    }
    let refused = "POST /refused HTTP/1.1\r\ncontent-type: application/grpc\r\n\r\n";
    server.http_mut().input().extend_from_slice(refused.as_bytes());
    assert_eq!(serve(&mut server, now), ["request"]);
    let len = server.http().buffered();
    let answer = server.http_mut().output().copy_to_bytes(len);
    assert!(answer.escape_ascii().to_string().contains("grpc-status: 5"), "{answer:?}");
}
