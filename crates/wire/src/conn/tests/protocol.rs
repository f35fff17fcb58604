use bytes::Bytes;

use super::pair::{Attacked, Pair, events, request, response, trailers};
use crate::{
    conn::{Blame, Config, Connection, Event, OpenError, ResetBy, ServerConfig},
    fields::Indexing,
    frame::{ErrorCode, Settings, flag, kind},
};

fn closed_with(events: &[Event]) -> Option<(ErrorCode, String)> {
    events.iter().find_map(|event| match event {
        Event::Closed { error: Some(error) } => Some((error.code, error.to_string())),
        _ => None,
    })
}

#[test]
fn a_unary_exchange_ends_in_good_order_on_both_sides() {
    let mut pair = Pair::new();
    let (ours, theirs) = pair.open(false);
    pair.client.send_data(ours, Bytes::from_static(b"question"), true);
    let (_, server) = pair.run();
    let [Event::Data { key, data, end_stream: true }] = &server[..] else { panic!("{server:?}") };
    assert_eq!((*key, &data[..]), (theirs, &b"question"[..]));
    pair.server.respond(theirs, &response, Bytes::from_static(b"answer"), trailers);
    let (client, server) = pair.run();
    assert!(matches!(&server[..], [Event::Finished { key }] if *key == theirs), "{server:?}");
    let [
        Event::Headers { .. },
        Event::Data { data, .. },
        Event::Headers { end_stream: true, .. },
        Event::Finished { .. },
    ] = &client[..]
    else {
        panic!("{client:?}")
    };
    assert_eq!(&data[..], b"answer");
    assert_eq!((pair.client.active_streams(), pair.server.active_streams()), (0, 0));
}

#[test]
fn repeated_heads_come_out_as_the_same_block() {
    let mut pair = Pair::new();
    let mut blocks = Vec::new();
    for _ in 0..3 {
        pair.client.open(&request, true).unwrap();
        let (_, events) = pair.run();
        blocks.extend(events.into_iter().filter_map(|event| match event {
            Event::Headers { block, .. } => Some(block),
            _ => None,
        }));
    }
    assert_eq!(blocks[0].fields(), blocks[2].fields());
    assert!(blocks[1].ptr_eq(&blocks[2]), "the second and third block have the same bytes");
}

#[test]
fn a_large_header_block_goes_out_in_continuations_and_comes_back_whole() {
    let config = Config { max_header_list_size: 128 * 1024, ..Config::default() };
    let mut pair = Pair::with(config.clone(), config);
    let value = "v".repeat(60_000);
    pair.client
        .open(
            &|w: &mut dyn crate::fields::FieldWriter| {
                request(w);
                w.field(b"large", value.as_bytes(), Indexing::Never);
            },
            true,
        )
        .unwrap();
    let (_, events) = pair.run();
    let [Event::Headers { block, .. }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(block.get(b"large").map(|value| value.len()), Some(60_000));
}

#[test]
fn an_early_response_resets_the_rest_of_the_request_with_no_error() {
    let mut pair = Pair::new();
    let (ours, theirs) = pair.open(false);
    pair.server.respond(theirs, &response, Bytes::new(), trailers);
    let (client, _) = pair.run();
    assert!(matches!(client.last(), Some(Event::Finished { key }) if *key == ours), "{client:?}");
    pair.client.send_data(ours, Bytes::from_static(b"too late"), true);
    let (client, server) = pair.run();
    assert!(client.is_empty() && server.is_empty(), "{client:?} {server:?}");
}

#[test]
fn data_that_was_under_way_when_the_stream_was_reset_is_ignored() {
    let mut pair = Pair::new();
    let (ours, theirs) = pair.open(false);
    pair.server.reset(theirs, ErrorCode::CANCEL);
    pair.client.send_data(ours, Bytes::from_static(b"under way"), false);
    let (client, server) = pair.run();
    assert!(
        matches!(&client[..], [Event::Reset { code: ErrorCode::CANCEL, by: ResetBy::Peer, .. }]),
        "{client:?}"
    );
    assert!(server.is_empty(), "{server:?}");
    assert!(!pair.server.is_closed());
}

/// Found by the fuzz target `connection`.
#[test]
fn after_a_reset_of_ours_nothing_is_told_of_the_stream() {
    let mut pair = Pair::with(Config { max_send_buffer: 10, ..Config::default() }, Config::default());
    let (ours, _) = pair.open(false);
    pair.client.send_data(ours, Bytes::from_static(b"more than ten bytes"), false);
    assert!(pair.client.send_buffered(ours) > 10);
    pair.client.transmit(pair.now, usize::MAX);
    // Writable waits to be taken.
    pair.client.reset(ours, ErrorCode::CANCEL);
    assert!(pair.client.next_event(pair.now).is_none());

    let (ours, theirs) = pair.open(true);
    pair.server.respond(theirs, &response, Bytes::new(), trailers);
    // Finished waits to be taken: a stream that is over cannot be reset, but that is known already.
    pair.server.reset(theirs, ErrorCode::CANCEL);
    let (client, server) = pair.run();
    assert!(matches!(client.last(), Some(Event::Finished { key }) if *key == ours), "{client:?}");
    assert!(
        matches!(server[..], [Event::Reset { code: ErrorCode::CANCEL, by: ResetBy::Peer, .. }] | []),
        "{server:?}"
    );
}

#[test]
fn the_clients_limit_on_streams_is_the_servers_settings() {
    let mut pair =
        Pair::with(Config::default(), ServerConfig { max_concurrent_streams: 1, ..ServerConfig::default() });
    let (_, theirs) = pair.open(true);
    assert_eq!(pair.client.open(&request, true), Err(OpenError::AtLimit));
    pair.server.respond(theirs, &response, Bytes::new(), trailers);
    let (client, _) = pair.run();
    assert!(client.iter().any(|event| matches!(event, Event::StreamsAvailable)), "{client:?}");
    assert!(pair.client.can_open());
}

#[test]
fn a_stream_over_the_servers_limit_is_refused_and_the_table_stays_in_step() {
    let mut attacked =
        Attacked::server(ServerConfig { max_concurrent_streams: 1, ..ServerConfig::default() });
    for id in [1, 3, 5] {
        let block = attacked.block(request);
        attacked.frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, id, &block);
    }
    let events = attacked.events();
    assert!(matches!(&events[..], [Event::Headers { .. }]), "{events:?}");
    let refused: Vec<_> =
        attacked.written().iter().map(|(head, payload)| (head.kind, head.stream, payload[3])).collect();
    assert_eq!(refused, [(kind::RST_STREAM, 3, 7), (kind::RST_STREAM, 5, 7)]);
}

#[test]
fn what_is_not_http2_is_told_apart() {
    for (bytes, says) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], "HTTP/1.1"),
        (b"\x16\x03\x01\x02\x00", "TLS"),
        (b"garbage\n", "unknown bytes: garbage\\n"),
    ] {
        let now = std::time::Instant::now();
        let mut engine = Connection::server(ServerConfig::default(), now);
        engine.input().extend_from_slice(bytes);
        let events = events(&mut engine, now);
        let [Event::Closed { error: Some(error) }] = &events[..] else { panic!("{events:?}") };
        assert_eq!(error.blame, Blame::NotHttp2);
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn a_client_that_meets_an_http1_server_says_so() {
    let now = std::time::Instant::now();
    let mut engine = Connection::client(Config::default(), now);
    engine.input().extend_from_slice(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let events = events(&mut engine, now);
    let [Event::Closed { error: Some(error) }] = &events[..] else { panic!("{events:?}") };
    assert!(error.to_string().contains("HTTP/1.1"), "{error}");
}

#[test]
fn a_preface_may_come_byte_by_byte_and_must_come_in_time() {
    let now = std::time::Instant::now();
    let mut engine = Connection::server(ServerConfig::default(), now);
    for &byte in crate::frame::PREFACE {
        engine.input().extend_from_slice(&[byte]);
        assert!(engine.next_event(now).is_none());
    }
    let late = now + Config::default().handshake_timeout;
    assert_eq!(engine.poll_timeout(), Some(late));
    engine.handle_timeout(late);
    assert!(matches!(events(&mut engine, late)[..], [Event::Closed { error: Some(_) }]));
}

/// Frames that are wrong whatever came before, and the code that answers them.
#[test]
fn broken_frames_end_the_connection_with_the_code_of_the_rfc() {
    type Case = (&'static str, u8, u8, u32, &'static [u8], ErrorCode);
    let cases: &[Case] = &[
        ("DATA on stream 0", kind::DATA, 0, 0, b"x", ErrorCode::PROTOCOL_ERROR),
        ("DATA on an idle stream", kind::DATA, 0, 5, b"x", ErrorCode::PROTOCOL_ERROR),
        ("HEADERS on stream 0", kind::HEADERS, flag::END_HEADERS, 0, b"", ErrorCode::PROTOCOL_ERROR),
        ("HEADERS on an even stream", kind::HEADERS, flag::END_HEADERS, 2, b"", ErrorCode::PROTOCOL_ERROR),
        ("padding longer than the frame", kind::DATA, flag::PADDED, 1, b"\x09abc", ErrorCode::PROTOCOL_ERROR),
        ("RST_STREAM on an idle stream", kind::RST_STREAM, 0, 7, &[0; 4], ErrorCode::PROTOCOL_ERROR),
        ("RST_STREAM of 3 bytes", kind::RST_STREAM, 0, 1, &[0; 3], ErrorCode::FRAME_SIZE_ERROR),
        ("SETTINGS on a stream", kind::SETTINGS, 0, 1, b"", ErrorCode::PROTOCOL_ERROR),
        ("SETTINGS of 5 bytes", kind::SETTINGS, 0, 0, &[0; 5], ErrorCode::FRAME_SIZE_ERROR),
        ("SETTINGS ack with payload", kind::SETTINGS, flag::ACK, 0, &[0; 6], ErrorCode::FRAME_SIZE_ERROR),
        ("ENABLE_PUSH 2", kind::SETTINGS, 0, 0, &[0, 2, 0, 0, 0, 2], ErrorCode::PROTOCOL_ERROR),
        ("window above 2^31-1", kind::SETTINGS, 0, 0, &[0, 4, 0x80, 0, 0, 0], ErrorCode::FLOW_CONTROL_ERROR),
        ("MAX_FRAME_SIZE 1", kind::SETTINGS, 0, 0, &[0, 5, 0, 0, 0, 1], ErrorCode::PROTOCOL_ERROR),
        ("PUSH_PROMISE", kind::PUSH_PROMISE, 0, 1, &[0; 4], ErrorCode::PROTOCOL_ERROR),
        ("PING on a stream", kind::PING, 0, 1, &[0; 8], ErrorCode::PROTOCOL_ERROR),
        ("PING of 7 bytes", kind::PING, 0, 0, &[0; 7], ErrorCode::FRAME_SIZE_ERROR),
        ("GOAWAY on a stream", kind::GOAWAY, 0, 1, &[0; 8], ErrorCode::PROTOCOL_ERROR),
        ("GOAWAY of 7 bytes", kind::GOAWAY, 0, 0, &[0; 7], ErrorCode::FRAME_SIZE_ERROR),
        ("WINDOW_UPDATE of 0", kind::WINDOW_UPDATE, 0, 0, &[0; 4], ErrorCode::PROTOCOL_ERROR),
        (
            "WINDOW_UPDATE on an idle stream",
            kind::WINDOW_UPDATE,
            0,
            9,
            &[0, 0, 0, 1],
            ErrorCode::PROTOCOL_ERROR,
        ),
        (
            "WINDOW_UPDATE past 2^31-1",
            kind::WINDOW_UPDATE,
            0,
            0,
            &[0x7f, 0xff, 0xff, 0xff],
            ErrorCode::FLOW_CONTROL_ERROR,
        ),
        (
            "CONTINUATION from nowhere",
            kind::CONTINUATION,
            flag::END_HEADERS,
            1,
            b"",
            ErrorCode::PROTOCOL_ERROR,
        ),
        (
            "a block that is no HPACK",
            kind::HEADERS,
            flag::END_HEADERS,
            5,
            b"\xff\xff\xff\xff\xff\xff",
            ErrorCode::COMPRESSION_ERROR,
        ),
        ("PRIORITY_UPDATE for stream 0", kind::PRIORITY_UPDATE, 0, 0, &[0; 4], ErrorCode::PROTOCOL_ERROR),
    ];
    for (what, kind, flags, stream, payload, code) in cases {
        let mut attacked = Attacked::server(Config::default());
        let block = attacked.block(request);
        attacked.frame(kind::HEADERS, flag::END_HEADERS, 1, &block);
        attacked.frame(*kind, *flags, *stream, payload);
        let events = attacked.events();
        let (found, error) = closed_with(&events).unwrap_or_else(|| panic!("{what}: {events:?}"));
        assert_eq!(found, *code, "{what}: {error}");
        let written = attacked.written();
        let (head, payload) = written.last().expect("GOAWAY goes out");
        assert_eq!((head.kind, payload[7] as u32), (kind::GOAWAY, code.0), "{what}");
    }
}

#[test]
fn unknown_frames_and_priority_are_skipped() {
    let mut attacked = Attacked::server(Config::default());
    attacked.frame(0x77, 0xff, 3, b"whatever");
    attacked.frame(kind::PRIORITY, 0, 3, &[0, 0, 0, 0, 16]);
    let block = attacked.block(request);
    attacked.frame(
        kind::HEADERS,
        flag::END_HEADERS | flag::PRIORITY,
        5,
        &[&[0, 0, 0, 0, 1], &block[..]].concat(),
    );
    let events = attacked.events();
    assert!(matches!(&events[..], [Event::Headers { .. }]), "{events:?}");
}

#[test]
fn a_header_block_is_not_interrupted() {
    let mut attacked = Attacked::server(Config::default());
    let block = attacked.block(request);
    attacked.frame(kind::HEADERS, 0, 1, &block[..2]);
    attacked.frame(kind::PING, 0, 0, &[0; 8]);
    assert_eq!(closed_with(&attacked.events()).map(|(code, _)| code), Some(ErrorCode::PROTOCOL_ERROR));
}

#[test]
fn malformed_requests_end_their_stream_only() {
    type Field = (&'static [u8], &'static [u8]);
    const POST: Field = (b":method", b"POST");
    const HTTP: Field = (b":scheme", b"http");
    const PATH: Field = (b":path", b"/a/b");
    let cases: &[(&str, &[Field])] = &[
        ("no method", &[HTTP, PATH]),
        ("no scheme", &[POST, PATH]),
        ("no path", &[POST, HTTP]),
        ("an empty path", &[POST, HTTP, (b":path", b"")]),
        ("two methods", &[POST, POST, HTTP, PATH]),
        ("an unknown pseudo-header", &[POST, HTTP, PATH, (b":odd", b"1")]),
        ("a response's pseudo-header", &[POST, HTTP, PATH, (b":status", b"200")]),
        ("a late pseudo-header", &[POST, HTTP, (b"a", b"b"), PATH]),
        ("upper case", &[POST, HTTP, PATH, (b"Upper", b"case")]),
        ("connection", &[POST, HTTP, PATH, (b"connection", b"close")]),
        ("te: gzip", &[POST, HTTP, PATH, (b"te", b"gzip")]),
        ("CR in a value", &[POST, HTTP, PATH, (b"a", b"b\rc")]),
        ("content-length without data", &[POST, HTTP, PATH, (b"content-length", b"3")]),
    ];
    for (what, fields) in cases {
        let mut attacked = Attacked::server(Config::default());
        let block = attacked.block(|w| {
            for (name, value) in *fields {
                w.field(name, value, Indexing::Without);
            }
        });
        attacked.frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, 1, &block);
        let events = attacked.events();
        assert!(events.is_empty(), "{what}: {events:?}");
        let written = attacked.written();
        assert!(
            matches!(&written[..], [(head, code)] if head.kind == kind::RST_STREAM && code[3] == 1),
            "{what}"
        );
    }
}

#[test]
fn frames_after_the_end_of_a_stream_are_errors() {
    let mut attacked = Attacked::server(Config::default());
    let block = attacked.block(request);
    attacked.frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, 1, &block);
    attacked.frame(kind::DATA, 0, 1, b"more");
    let events = attacked.events();
    assert!(
        matches!(&events[..], [Event::Headers { .. }, Event::Reset { code: ErrorCode::STREAM_CLOSED, .. }]),
        "{events:?}"
    );
}

#[test]
fn content_length_is_held_against_the_data() {
    let mut attacked = Attacked::server(Config::default());
    let block = attacked.block(|w| {
        request(w);
        w.field(b"content-length", b"3", Indexing::Without);
    });
    attacked.frame(kind::HEADERS, flag::END_HEADERS, 1, &block);
    attacked.frame(kind::DATA, flag::END_STREAM, 1, b"four");
    let events = attacked.events();
    assert!(matches!(&events[..], [_, Event::Reset { code: ErrorCode::PROTOCOL_ERROR, .. }]), "{events:?}");
}

#[test]
fn a_client_takes_1xx_before_the_head_and_refuses_push() {
    let mut attacked = Attacked::client(Config::default());
    let key = attacked.engine.open(&request, true).unwrap();
    let early = attacked.block(|w| w.field(b":status", b"103", Indexing::Without));
    let head = attacked.block(response);
    attacked.frame(kind::HEADERS, flag::END_HEADERS, 1, &early);
    attacked.frame(kind::HEADERS, flag::END_HEADERS, 1, &head);
    let events = attacked.events();
    assert!(
        matches!(&events[..], [Event::Headers { key: a, .. }, Event::Headers { key: b, .. }] if *a == key && *b == key),
        "{events:?}"
    );
    attacked.frame(kind::PUSH_PROMISE, flag::END_HEADERS, 1, &[0, 0, 0, 2]);
    assert_eq!(closed_with(&attacked.events()).map(|(code, _)| code), Some(ErrorCode::PROTOCOL_ERROR));
}

#[test]
fn pings_are_answered_and_settings_acknowledged() {
    let mut attacked = Attacked::server(Config::default());
    attacked.frame(kind::PING, 0, 0, b"12345678");
    attacked.settings(&Settings { max_frame_size: Some(1 << 20), ..Settings::default() });
    assert!(attacked.events().is_empty());
    let written = attacked.written();
    let [(ping, payload), (ack, _)] = &written[..] else { panic!("{written:?}") };
    assert_eq!((ping.kind, ping.flags, &payload[..]), (kind::PING, flag::ACK, &b"12345678"[..]));
    assert_eq!((ack.kind, ack.flags, ack.len), (kind::SETTINGS, flag::ACK, 0));
}

#[test]
fn a_lost_connection_ends_every_stream() {
    let mut pair = Pair::new();
    let (ours, _) = pair.open(false);
    pair.client.handle_eof();
    let (client, _) = pair.run();
    assert!(
        matches!(&client[..], [Event::Reset { key, by: ResetBy::ConnectionLost, .. }, Event::Closed { error: Some(_) }] if *key == ours),
        "{client:?}"
    );
}
