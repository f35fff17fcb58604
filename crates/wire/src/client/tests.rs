//! A client's calls against a peer that says what it likes.

use std::time::Instant;

use bytes::{Buf, Bytes};

use super::{Client, End, Event as ClientEvent};
use crate::{
    Code, HeaderField, MetadataMap,
    call::{ContentType, RequestFields},
    conn::{self, Config, Connection, ServerConfig},
    fields::{FieldWriter, Indexing},
    frame::ErrorCode,
    http::Http,
    message,
    stream::StreamKey,
};

fn framed(payload: &[u8]) -> Bytes {
    [&message::prefix(false, payload.len() as u32)[..], payload].concat().into()
}

fn carry(from: &mut Http, to: &mut Http, now: Instant) {
    from.transmit(now, usize::MAX);
    let len = from.output().remaining();
    let bytes = from.output().copy_to_bytes(len);
    to.input().extend_from_slice(&bytes);
}

/// A client with a call, and the peer that got its request.
struct Rig {
    client: Client,
    peer: Http,
    now: Instant,
    ours: StreamKey,
    theirs: StreamKey,
}

impl Rig {
    fn new() -> Self {
        let now = Instant::now();
        let mut client = Client::http2(Config::default(), now);
        let mut peer = Http::Http2(Connection::server(ServerConfig::default(), now));
        let (ours, theirs) = open(&mut client, &mut peer, now);
        Self { client, peer, now, ours, theirs }
    }

    /// Another call on the same connection.
    fn next_call(&mut self) {
        (self.ours, self.theirs) = open(&mut self.client, &mut self.peer, self.now);
    }

    fn headers(&mut self, fields: &[(&'static str, &'static str)], end_stream: bool) {
        let fields: Vec<_> = fields.iter().map(|(name, value)| HeaderField::new(*name, *value)).collect();
        let write = move |w: &mut dyn FieldWriter| {
            for field in &fields {
                w.field(&field.name, &field.value, Indexing::Without);
            }
        };
        self.peer.send_headers(self.theirs, &write, end_stream);
    }

    /// The messages that come, and how the call ends.
    fn receive(&mut self) -> (Vec<Bytes>, Vec<Result<Code, Code>>) {
        carry(&mut self.peer, self.client.http_mut(), self.now);
        let (mut messages, mut ends) = (Vec::new(), Vec::new());
        while let Some(event) = self.client.next_event(self.now) {
            match event {
                ClientEvent::Data { key } => {
                    let mut call = self.client.call(key).expect("it has not ended");
                    loop {
                        match call.next_message() {
                            Ok(Some(message)) => messages.push(message.payload),
                            Ok(None) => break,
                            Err(status) => {
                                ends.push(Err(status.code()));
                                self.client.cancel(key);
                                break;
                            }
                        }
                    }
                }
                ClientEvent::End { key, end } => {
                    assert!(self.client.call(key).is_none(), "the key names nothing any more");
                    ends.push(Ok(match end {
                        End::Status(end) => end.status.code(),
                        End::Reset { status, .. } => status.code(),
                        End::Lost => Code::Unavailable,
                    }));
                }
                ClientEvent::Ready | ClientEvent::Head { .. } | ClientEvent::GoAway { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        (messages, ends)
    }
}

fn open(client: &mut Client, peer: &mut Http, now: Instant) -> (StreamKey, StreamKey) {
    let metadata = MetadataMap::new();
    let fields = RequestFields {
        scheme: "http",
        authority: "example.test",
        path: b"/pkg.Service/Method",
        timeout: None,
        user_agent: "test/1",
        content_type: ContentType::default(),
        encoding: None,
        accept_encoding: None,
        previous_attempts: 0,
        metadata: &metadata,
    };
    let ours = client.open(&fields, 100).expect("room for a call");
    carry(client.http_mut(), peer, now);
    let request = std::iter::from_fn(|| peer.next_event(now)).find_map(|event| match event {
        conn::Event::Headers { key, .. } => Some(key),
        _ => None,
    });
    (ours, request.expect("a request"))
}

const HEAD: [(&str, &str); 2] = [(":status", "200"), ("content-type", "application/grpc")];

#[test]
fn a_message_that_is_cut_short_by_data_ends_the_call_as_internal() {
    let mut rig = Rig::new();
    rig.headers(&HEAD, false);
    rig.peer.send_data(rig.theirs, &framed(b"whole")[..], false);
    rig.peer.send_data(rig.theirs, &framed(b"cut")[..6], true);
    assert_eq!(rig.receive(), (vec![Bytes::from("whole")], vec![Err(Code::Internal)]));
    assert!(rig.client.call(rig.ours).is_none());
}

#[test]
fn a_message_that_is_cut_short_by_trailers_ends_the_call_as_internal() {
    let mut rig = Rig::new();
    rig.headers(&HEAD, false);
    rig.peer.send_data(rig.theirs, &framed(b"cut")[..6], false);
    rig.peer.send_trailers(
        rig.theirs,
        Box::new(|w: &mut dyn FieldWriter| w.field(b"grpc-status", b"0", Indexing::Without)),
    );
    assert_eq!(rig.receive(), (vec![], vec![Err(Code::Internal)]));
}

#[test]
fn an_end_by_data_has_no_status() {
    let mut rig = Rig::new();
    rig.headers(&HEAD, false);
    rig.peer.send_data(rig.theirs, &framed(b"x")[..], true);
    assert_eq!(rig.receive(), (vec![Bytes::from("x")], vec![Ok(Code::Unknown)]));
}

#[test]
fn a_response_that_is_not_grpc_ends_the_call_and_its_stream() {
    let mut rig = Rig::new();
    rig.headers(&[(":status", "503"), ("content-type", "text/html")], false);
    assert_eq!(rig.receive(), (vec![], vec![Ok(Code::Unavailable)]));
    carry(rig.client.http_mut(), &mut rig.peer, rig.now);
    let reset = std::iter::from_fn(|| rig.peer.next_event(rig.now))
        .any(|event| matches!(event, conn::Event::Reset { code: ErrorCode::CANCEL, .. }));
    assert!(reset);
}

#[test]
fn a_reset_tells_whether_the_call_was_looked_at() {
    for (code, unprocessed) in [(ErrorCode::REFUSED_STREAM, true), (ErrorCode::INTERNAL_ERROR, false)] {
        let mut rig = Rig::new();
        rig.peer.reset(rig.theirs, code);
        carry(&mut rig.peer, rig.client.http_mut(), rig.now);
        let end = std::iter::from_fn(|| rig.client.next_event(rig.now)).find_map(|event| match event {
            ClientEvent::End { end, .. } => Some(end),
            _ => None,
        });
        let Some(End::Reset { unprocessed: told, .. }) = end else { panic!("{end:?}") };
        assert_eq!(told, unprocessed);
    }
}

#[test]
fn calls_of_a_lost_connection_wait_for_its_reason() {
    let mut rig = Rig::new();
    rig.client.http_mut().handle_eof();
    let events: Vec<_> = std::iter::from_fn(|| rig.client.next_event(rig.now)).collect();
    let lost = events.iter().position(|event| matches!(event, ClientEvent::End { end: End::Lost, .. }));
    let closed = events.iter().position(|event| matches!(event, ClientEvent::Closed { error: Some(_) }));
    assert!(lost.is_some() && lost < closed, "{events:?}");
}

#[test]
fn responses_that_repeat_are_read_the_same() {
    let mut rig = Rig::new();
    for round in 0..4 {
        rig.headers(&HEAD, false);
        rig.peer.send_data(rig.theirs, &framed(b"x")[..], false);
        // The last one ends otherwise.
        let status: &[u8] = if round < 3 { b"0" } else { b"5" };
        let end = move |w: &mut dyn FieldWriter| w.field(b"grpc-status", status, Indexing::Incremental);
        rig.peer.send_trailers(rig.theirs, Box::new(end));
        let code = if round < 3 { Code::Ok } else { Code::NotFound };
        assert_eq!(rig.receive(), (vec![Bytes::from("x")], vec![Ok(code)]), "round {round}");
        rig.next_call();
    }
}
