//! gRPC's own rules, over two engines. The numbers are those of the rules of `PROTOCOL-HTTP2.md`.

use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};

use super::{
    ClientCall, ClientEvent, ContentType, Dialect, EndedBy, HeadCache, KnownResponses, Refusal,
    RequestFields, RequestHead, ServerCall,
};
use crate::{
    conn::{Config, Connection, Event, ResetBy, ServerConfig},
    fields::{HeaderBlock, HeaderField},
    frame::ErrorCode,
    http::Http,
    message,
    metadata::MetadataMap,
    status::{Code, Status},
    stream::StreamKey,
};

fn block(fields: &[(&str, &str)]) -> HeaderBlock {
    let field = |(name, value): &(&str, &str)| HeaderField::new(name.to_string(), value.to_string());
    HeaderBlock::from_fields(fields.iter().map(field).collect())
}

const REQUEST: [(&str, &str); 5] = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/pkg.Service/Method"),
    (":authority", "example.test"),
    ("te", "trailers"),
];

fn request(more: &[(&str, &str)]) -> Result<RequestHead, Refusal> {
    RequestHead::parse(&block(&[&REQUEST[..], more].concat()))
}

#[test]
fn content_types_that_are_grpc() {
    for (content_type, subtype) in [
        ("application/grpc", None),
        ("application/grpc+proto", Some("proto")),
        ("application/grpc+json;charset=utf-8", Some("json")),
        ("application/grpc;v=1", None),
        ("Application/GRPC", None),
        ("APPLICATION/grpc+Proto; charset=utf-8", Some("Proto")),
    ] {
        let head = request(&[("content-type", content_type)]).unwrap();
        assert_eq!(head.content_subtype.as_deref(), subtype.map(str::as_bytes), "{content_type}");
    }
    let web = request(&[("content-type", "application/grpc-web+proto")]).unwrap();
    assert_eq!((web.dialect, web.subtype()), (Dialect::GrpcWeb, &b"proto"[..]));
    for content_type in [
        "application/grpc-web-text",
        "application/grpc-webx",
        "application/grpcx",
        "application/json",
        "",
        "text/plain",
    ] {
        let refusal = request(&[("content-type", content_type)]).unwrap_err();
        assert_eq!(refusal.http_status(), 415, "{content_type}");
    }
    assert_eq!(request(&[]).unwrap_err().http_status(), 415);
}

#[test]
fn methods_other_than_post_are_not_allowed() {
    let get = block(&[(":method", "GET"), (":path", "/"), ("content-type", "application/grpc")]);
    assert_eq!(RequestHead::parse(&get).unwrap_err().http_status(), 405);
}

#[test]
fn a_malformed_timeout_refuses_the_call() {
    let grpc = ("content-type", "application/grpc");
    assert_eq!(request(&[grpc, ("grpc-timeout", "5S")]).unwrap().timeout, Some(Duration::from_secs(5)));
    for bad in ["", "5", "5s", "123456789S", "-5S", "5.0S"] {
        let refusal = request(&[grpc, ("grpc-timeout", bad)]).unwrap_err();
        assert_eq!(refusal.status().map(Status::code), Some(Code::Internal), "{bad}");
    }
}

#[test]
fn te_may_be_missing_and_metadata_is_what_is_left() {
    let head = RequestHead::parse(&block(&[
        (":method", "POST"),
        (":path", "/a.B/C"),
        ("content-type", "application/grpc"),
        ("user-agent", "x"),
        ("trace", "1"),
        ("data-bin", "AQI"),
    ]))
    .unwrap();
    let metadata: Vec<_> = head.metadata().iter().map(|(key, value)| (key, value.as_bytes())).collect();
    assert_eq!(metadata, [("trace", &b"1"[..]), ("data-bin", &[1, 2])]);
}

#[test]
fn repeated_heads_are_read_once() {
    let mut cache = HeadCache::default();
    let block = block(&[&REQUEST[..], &[("content-type", "application/grpc")]].concat());
    let (first, second) = (cache.parse(&block).unwrap(), cache.parse(&block.clone()).unwrap());
    assert!(std::sync::Arc::ptr_eq(&first, &second));
}

/// A call between two engines.
struct Call {
    client: Http,
    server: Http,
    now: Instant,
    ours: StreamKey,
    theirs: StreamKey,
    outgoing: ServerCall,
    incoming: ClientCall,
    head: std::sync::Arc<RequestHead>,
}

impl Call {
    fn new(fields: &RequestFields<'_>) -> Self {
        let now = Instant::now();
        let mut client = Http::Http2(Connection::client(Config::default(), now));
        let mut server = Http::Http2(Connection::server(ServerConfig::default(), now));
        carry(&mut client, &mut server, now);
        carry(&mut server, &mut client, now);
        while server.next_event(now).is_some() {}
        while client.next_event(now).is_some() {}
        let ours = client.open(fields).unwrap();
        carry(&mut client, &mut server, now);
        let Some(Event::Headers { key: theirs, block, .. }) = server.next_event(now) else {
            panic!("no request")
        };
        let head = HeadCache::default().parse(&block).unwrap();
        let (outgoing, incoming) =
            (ServerCall::new(100, false), ClientCall::new(100, ContentType::default()));
        Self { client, server, now, ours, theirs, outgoing, incoming, head }
    }

    fn plain() -> Self {
        Self::new(&fields(&MetadataMap::new()))
    }

    /// What the client makes of everything that the server sent.
    fn received(&mut self) -> (Vec<ClientEvent>, Vec<Bytes>) {
        carry(&mut self.server, &mut self.client, self.now);
        let (mut events, mut messages) = (Vec::new(), Vec::new());
        while let Some(event) = self.client.next_event(self.now) {
            match event {
                Event::Headers { block, end_stream, key } => {
                    assert_eq!(key, self.ours);
                    events.push(
                        self.incoming.on_headers(&block, end_stream, &mut KnownResponses::default()).unwrap(),
                    );
                }
                Event::Data { data, end_stream, .. } => {
                    self.incoming.on_data(data, end_stream);
                    assert!(!end_stream, "a response ends with trailers");
                }
                _ => {}
            }
            while let Some(message) = self.incoming.next_message().unwrap() {
                messages.push(message.payload);
            }
        }
        (events, messages)
    }
}

fn fields(metadata: &MetadataMap) -> RequestFields<'_> {
    RequestFields {
        scheme: "http",
        authority: "example.test",
        path: b"/pkg.Service/Method",
        timeout: Some(Duration::from_millis(1500)),
        user_agent: "test/1",
        content_type: ContentType::default(),
        encoding: None,
        accept_encoding: Some("gzip"),
        previous_attempts: 2,
        metadata,
    }
}

fn carry(from: &mut Http, to: &mut Http, now: Instant) {
    from.transmit(now, usize::MAX);
    let len = from.output().remaining();
    let bytes = from.output().copy_to_bytes(len);
    to.input().extend_from_slice(&bytes);
}

fn framed(payload: &[u8]) -> Bytes {
    [&message::prefix(false, payload.len() as u32)[..], payload].concat().into()
}

#[test]
fn a_request_arrives_as_it_was_meant() {
    let mut metadata = MetadataMap::new();
    metadata.insert("x-id", "42").unwrap();
    metadata.append("x-raw-bin", &[0u8, 255][..]).unwrap();
    let call = Call::new(&fields(&metadata));
    assert_eq!(call.head.path_str(), "/pkg.Service/Method");
    assert_eq!(call.head.authority.as_deref(), Some(&b"example.test"[..]));
    assert_eq!(call.head.timeout, Some(Duration::from_millis(1500)));
    assert_eq!(call.head.accept_encoding.as_deref(), Some(&b"gzip"[..]));
    assert_eq!(call.head.metadata().get("x-id").map(|value| value.as_bytes()), Some(&b"42"[..]));
    assert_eq!(call.head.metadata().get("x-raw-bin").map(|value| value.as_bytes()), Some(&[0, 255][..]));
}

#[test]
fn a_unary_answer() {
    let mut call = Call::plain();
    let mut trailing = MetadataMap::new();
    trailing.insert("cost", "3").unwrap();
    call.outgoing.send_unary(
        &mut call.server,
        call.theirs,
        &MetadataMap::new(),
        None,
        framed(b"hi"),
        trailing,
    );
    let (events, messages) = call.received();
    assert_eq!(messages, [&b"hi"[..]]);
    let [ClientEvent::Head(_), ClientEvent::End(ended)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((ended.status.code(), ended.by), (Code::Ok, EndedBy::Trailers));
    assert!(ended.metadata.contains_key("cost"));
}

#[test]
fn an_error_at_once_is_trailers_only() {
    let mut call = Call::plain();
    let status = Status::with_details(Code::NotFound, "nichts da: é %", Bytes::from_static(&[8, 5]));
    call.outgoing.send_status(&mut call.server, call.theirs, Some(status), MetadataMap::new());
    // Whoever ends it second has no effect.
    call.outgoing.send_status(&mut call.server, call.theirs, None, MetadataMap::new());
    let (events, _) = call.received();
    let [ClientEvent::End(ended)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(ended.by, EndedBy::TrailersOnly);
    assert_eq!((ended.status.code(), ended.status.message()), (Code::NotFound, "nichts da: é %"));
    assert_eq!(ended.status.details(), [8, 5]);
}

#[test]
fn messages_then_an_error() {
    let mut call = Call::plain();
    for text in [&b"one"[..], b"two"] {
        call.outgoing.send_message(&mut call.server, call.theirs, framed(text));
    }
    let status = Status::new(Code::Aborted, "enough");
    call.outgoing.send_status(&mut call.server, call.theirs, Some(status), MetadataMap::new());
    let (events, messages) = call.received();
    assert_eq!(messages, [&b"one"[..], b"two"]);
    let [ClientEvent::Head(_), ClientEvent::End(ended)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((ended.status.code(), ended.status.message()), (Code::Aborted, "enough"));
}

#[test]
fn a_message_cut_short_by_the_end_is_an_error() {
    let mut call = ServerCall::new(100, false);
    call.on_data(Bytes::from_static(&[0, 0, 0, 0, 9, 1]), true);
    assert_eq!(call.next_message().unwrap_err().code(), Code::Internal);
}

#[test]
fn a_message_over_the_limit_names_both_sizes() {
    let mut call = ServerCall::new(100, false);
    call.on_data(Bytes::copy_from_slice(&message::prefix(false, 101)), false);
    let status = call.next_message().unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(status.message(), "SERVER: Received message larger than max (101 vs. 100)");
}

#[test]
fn half_close_comes_with_data_or_alone() {
    let mut call = ServerCall::new(100, false);
    call.on_data(framed(b"x"), false);
    assert!(call.next_message().unwrap().is_some());
    assert!(!call.at_end());
    call.on_data(Bytes::new(), true);
    assert!(call.next_message().unwrap().is_none() && call.at_end());
    assert!(ServerCall::new(100, true).at_end());
}

#[test]
fn http_statuses_count_only_without_a_grpc_status() {
    for (http, code) in [
        ("400", Code::Internal),
        ("401", Code::Unauthenticated),
        ("403", Code::PermissionDenied),
        ("404", Code::Unimplemented),
        ("429", Code::Unavailable),
        ("502", Code::Unavailable),
        ("503", Code::Unavailable),
        ("504", Code::Unavailable),
        ("500", Code::Unknown),
        ("302", Code::Unknown),
        ("200", Code::Unknown),
    ] {
        let ended = ClientCall::new(100, ContentType::default()).on_headers(
            &block(&[(":status", http)]),
            true,
            &mut KnownResponses::default(),
        );
        let Ok(ClientEvent::End(ended)) = ended else { panic!("{ended:?}") };
        assert_eq!(ended.status.code(), code, "{http}");
        let both = block(&[(":status", http), ("grpc-status", "5")]);
        let Ok(ClientEvent::End(ended)) = ClientCall::new(100, ContentType::default()).on_headers(
            &both,
            true,
            &mut KnownResponses::default(),
        ) else {
            panic!()
        };
        assert_eq!(ended.status.code(), Code::NotFound, "{http}");
    }
    let page = block(&[(":status", "503"), ("content-type", "text/html")]);
    assert_eq!(
        ClientCall::new(100, ContentType::default())
            .on_headers(&page, false, &mut KnownResponses::default())
            .unwrap_err()
            .code(),
        Code::Unavailable
    );
}

#[test]
fn a_grpc_status_in_the_head_does_not_count_when_trailers_follow() {
    let mut call = ClientCall::new(100, ContentType::default());
    let head = block(&[(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "0")]);
    assert!(matches!(
        call.on_headers(&head, false, &mut KnownResponses::default()),
        Ok(ClientEvent::Head(_))
    ));
    let Ok(ClientEvent::End(ended)) =
        call.on_headers(&block(&[("grpc-status", "9")]), true, &mut KnownResponses::default())
    else {
        panic!()
    };
    assert_eq!(ended.status.code(), Code::FailedPrecondition);
}

#[test]
fn a_response_that_is_not_grpc_says_what_it_is() {
    let head = block(&[(":status", "200"), ("content-type", "text/html")]);
    let status = ClientCall::new(100, ContentType::default())
        .on_headers(&head, false, &mut KnownResponses::default())
        .unwrap_err();
    assert_eq!(status.code(), Code::Unknown);
    assert!(status.message().contains("text/html"), "{status}");
}

#[test]
fn content_types_of_responses() {
    let head = |fields: &[(&str, &str)]| block(&[&[(":status", "200")][..], fields].concat());
    let code = |subtype: &str, fields: &[(&str, &str)]| {
        let mut call = ClientCall::new(100, ContentType { dialect: Dialect::Grpc, subtype });
        call.on_headers(&head(fields), false, &mut KnownResponses::default())
            .err()
            .map(|status| status.code())
    };
    // Servers that say nothing, or say it in another case, are understood.
    assert_eq!(code("", &[]), None);
    assert_eq!(code("", &[("content-type", "Application/GRPC")]), None);
    assert_eq!(code("", &[("content-type", "application/grpc+proto")]), None);
    assert_eq!(code("json", &[("content-type", "application/grpc+JSON")]), None);
    assert_eq!(code("json", &[("content-type", "application/grpc")]), None);
    assert_eq!(code("json", &[("content-type", "application/grpc+proto")]), Some(Code::Internal));
    assert_eq!(code("", &[("content-type", "application/grpc-web")]), Some(Code::Unknown));
    assert_eq!(code("", &[("content-type", "text/html")]), Some(Code::Unknown));
}

#[test]
fn a_subtype_that_was_not_asked_for_is_refused_also_when_the_head_is_known() {
    let head = block(&[(":status", "200"), ("content-type", "application/grpc+proto")]);
    let mut known = KnownResponses::default();
    let mut ask = |subtype| {
        let content_type = ContentType { dialect: Dialect::Grpc, subtype };
        ClientCall::new(100, content_type).on_headers(&head, false, &mut known).is_ok()
    };
    assert_eq!([ask("proto"), ask("json"), ask("proto"), ask("")], [true, false, true, true]);
}

#[test]
fn an_end_without_trailers_is_unknown() {
    let mut call = ClientCall::new(100, ContentType::default());
    call.on_headers(
        &block(&[(":status", "200"), ("content-type", "application/grpc")]),
        false,
        &mut KnownResponses::default(),
    )
    .unwrap();
    call.on_data(framed(b"x"), true);
    assert_eq!(call.ended().status.code(), Code::Unknown);
}

#[test]
fn resets_become_statuses() {
    let call = ClientCall::new(100, ContentType::default());
    for (code, status) in [
        (ErrorCode::NO_ERROR, Code::Internal),
        (ErrorCode::PROTOCOL_ERROR, Code::Internal),
        (ErrorCode::REFUSED_STREAM, Code::Unavailable),
        (ErrorCode::CANCEL, Code::Cancelled),
        (ErrorCode::ENHANCE_YOUR_CALM, Code::ResourceExhausted),
        (ErrorCode::INADEQUATE_SECURITY, Code::PermissionDenied),
    ] {
        assert_eq!(call.on_reset(code, &ResetBy::Peer).code(), status, "{code}");
    }
    assert_eq!(call.on_reset(ErrorCode::NO_ERROR, &ResetBy::ConnectionLost).code(), Code::Unavailable);
    assert_eq!(call.on_reset(ErrorCode::NO_ERROR, &ResetBy::GoAway).code(), Code::Unavailable);
}

#[test]
fn a_header_list_over_the_limit_refuses_the_call_alone() {
    let now = Instant::now();
    let mut client = Http::Http2(Connection::client(Config::default(), now));
    let mut server = Http::Http2(Connection::server(ServerConfig::default(), now));
    carry(&mut client, &mut server, now);
    while server.next_event(now).is_some() {}
    let mut metadata = MetadataMap::new();
    metadata.insert("big", "v".repeat(20_000)).unwrap();
    let big = fields(&metadata);
    let none = MetadataMap::new();
    client.open(&big).unwrap();
    client.open(&fields(&none)).unwrap();
    carry(&mut client, &mut server, now);
    let Some(Event::Headers { block: first, .. }) = server.next_event(now) else { panic!() };
    let refusal = RequestHead::parse(&first).unwrap_err();
    assert_eq!(refusal.status().map(Status::code), Some(Code::ResourceExhausted));
    let Some(Event::Headers { block: second, .. }) = server.next_event(now) else { panic!() };
    assert_eq!(RequestHead::parse(&second).unwrap().path_str(), "/pkg.Service/Method");
}
