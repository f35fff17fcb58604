//! The heaviest honest peer of each budget (the table in SECURITY.md), faster than any of them: no time passes.

use std::time::Duration;

use bytes::Bytes;

use super::pair::{Attacked, request, response, trailers};
use crate::{
    conn::{Config, Event, ServerConfig},
    fields::Indexing,
    frame::{Settings, flag, kind},
    stream::StreamKey,
};

const MINUTE: Duration = Duration::from_secs(60);
const UPDATE: [u8; 4] = [0, 0, 0, 6];

/// A message of one byte, with its prefix.
const TINY: [u8; 6] = [0, 0, 0, 0, 1, 7];

fn open(attacked: &mut Attacked, id: u32, end_stream: bool) -> StreamKey {
    let block = attacked.block(request);
    let end = if end_stream { flag::END_STREAM } else { 0 };
    attacked.frame(kind::HEADERS, flag::END_HEADERS | end, id, &block);
    let events = attacked.events();
    let [Event::Headers { key, .. }] = events[..] else { panic!("{events:?}") };
    key
}

fn unharmed(attacked: &mut Attacked, n: u32) {
    let events = attacked.events();
    assert!(!events.iter().any(|event| matches!(event, Event::Closed { .. })), "round {n}: {events:?}");
    attacked.written();
}

/// A reader that rests: its window is shut, or the connection's, for as long as it likes.
#[test]
fn a_reader_may_rest_for_hours() {
    for (window, len) in [(0, 10_000), (1000, 10_000), (1 << 20, 100_000)] {
        let mut attacked = Attacked::server(Config::default());
        attacked.settings(&Settings { initial_window_size: Some(window), ..Settings::default() });
        let key = open(&mut attacked, 1, true);
        attacked.engine.respond(key, &response, Bytes::from(vec![7; len]), trailers);
        attacked.written();
        attacked.pass(600 * MINUTE);
        unharmed(&mut attacked, 0);
        let held = attacked.engine.buffered();
        assert!(held > 8_000);
        // It goes on where it stopped.
        for stream in [0, 1] {
            attacked.frame(kind::WINDOW_UPDATE, 0, stream, &200_000_u32.to_be_bytes());
        }
        assert!(matches!(attacked.events()[..], []));
        let rest: usize = attacked
            .written()
            .iter()
            .filter(|(head, _)| head.kind == kind::DATA)
            .map(|(_, data)| data.len())
            .sum();
        assert_eq!(rest, held);
        assert!(matches!(attacked.events()[..], [Event::Finished { .. }]));
    }
}

/// Budget of idle frames: nghttp2, and so grpc-js, updates both windows for each DATA frame, however small.
#[test]
fn two_window_updates_for_each_small_message() {
    let mut attacked = Attacked::server(Config::default());
    let key = open(&mut attacked, 1, false);
    attacked.engine.send_headers(key, &response, false);
    for n in 0..50_000 {
        attacked.engine.send_data(key, &TINY[..], false);
        attacked.written();
        attacked.frame(kind::WINDOW_UPDATE, 0, 0, &UPDATE);
        attacked.frame(kind::WINDOW_UPDATE, 0, 1, &UPDATE);
        unharmed(&mut attacked, n);
    }
}

/// Budget of idle frames: browsers behind a proxy say the priority of each request, twice, and give credit; the answer
/// crosses their reset.
#[test]
fn requests_with_priorities_and_credit() {
    let mut attacked = Attacked::server(Config::default());
    for n in 0..30_000 {
        let id = 2 * n + 1;
        attacked.frame(kind::PRIORITY, 0, id, &[0, 0, 0, 0, 15]);
        attacked.frame(kind::PRIORITY_UPDATE, 0, 0, &[&id.to_be_bytes()[..], b"u=1"].concat());
        let key = open(&mut attacked, id, true);
        attacked.engine.respond(key, &response, &TINY[..], trailers);
        attacked.written();
        attacked.frame(kind::WINDOW_UPDATE, 0, 0, &UPDATE);
        attacked.frame(kind::WINDOW_UPDATE, 0, id, &UPDATE);
        attacked.frame(kind::RST_STREAM, 0, id, &[0, 0, 0, 8]);
        unharmed(&mut attacked, n);
    }
}

/// Pings and idle frames: grpc-java and grpc-go measure the path with a ping for the data that they received.
#[test]
fn a_ping_for_each_message_that_was_received() {
    let mut attacked = Attacked::server(Config::default());
    let key = open(&mut attacked, 1, false);
    attacked.engine.send_headers(key, &response, false);
    for n in 0..30_000 {
        attacked.engine.send_data(key, &TINY[..], false);
        attacked.written();
        attacked.frame(kind::PING, 0, 0, &[1; 8]);
        attacked.frame(kind::WINDOW_UPDATE, 0, 0, &UPDATE);
        attacked.frame(kind::WINDOW_UPDATE, 0, 1, &UPDATE);
        unharmed(&mut attacked, n);
    }
}

/// Settings: a peer that measures the path tells of a larger window each time that it has doubled.
#[test]
fn settings_that_follow_the_path() {
    let mut attacked = Attacked::server(Config::default());
    open(&mut attacked, 1, false);
    for n in 0..1000 {
        attacked.settings(&Settings { initial_window_size: Some(65_535 + n), ..Settings::default() });
        unharmed(&mut attacked, n);
    }
}

/// Streams and idle frames: a watcher of thousands of things has a stream for each, on which little comes now and then.
#[test]
fn a_watcher_with_thousands_of_streams() {
    const STREAMS: u32 = 5000;
    let config = ServerConfig { max_concurrent_streams: STREAMS, ..ServerConfig::default() };
    let mut attacked = Attacked::server(config);
    let keys: Vec<_> = (0..STREAMS).map(|n| open(&mut attacked, 2 * n + 1, true)).collect();
    for &key in &keys {
        attacked.engine.send_headers(key, &response, false);
    }
    for n in 0..10 {
        attacked.pass(MINUTE);
        for &key in &keys {
            attacked.engine.send_data(key, &TINY[..], false);
        }
        attacked.written();
        for &key in &keys {
            attacked.frame(kind::WINDOW_UPDATE, 0, 0, &UPDATE);
            attacked.frame(kind::WINDOW_UPDATE, 0, key.id().get(), &UPDATE);
        }
        unharmed(&mut attacked, n);
    }
    // It goes to pieces all at once, after a minute.
    for &key in &keys {
        attacked.frame(kind::RST_STREAM, 0, key.id().get(), &[0, 0, 0, 8]);
    }
    unharmed(&mut attacked, 10);
    assert_eq!(attacked.engine.active_streams(), 0);
}

/// Small frames: a client that flushes every byte, and sends empty messages.
#[test]
fn a_byte_a_frame() {
    let mut attacked = Attacked::server(Config::default());
    let key = open(&mut attacked, 1, false);
    for n in 0..50_000 {
        attacked.frame(kind::DATA, 0, 1, &[0]);
        attacked.engine.release(key, 1);
        unharmed(&mut attacked, n);
    }
}

/// The client's budgets: a server that sends a byte a frame, updates windows for each frame it got, and says hints before
/// each answer.
#[test]
fn a_server_of_many_small_frames() {
    let mut attacked = Attacked::client(Config::default());
    attacked.settings(&Settings { initial_window_size: Some(1 << 20), ..Settings::default() });
    let hint = attacked.block(|w| w.field(b":status", b"103", Indexing::Without));
    for n in 0..20_000 {
        let key = attacked.engine.open(&request, false).unwrap();
        let id = key.id().get();
        attacked.engine.send_data(key, &TINY[..], true);
        attacked.written();
        for _ in 0..2 {
            attacked.frame(kind::HEADERS, flag::END_HEADERS, id, &hint);
        }
        for stream in [0, id] {
            attacked.frame(kind::WINDOW_UPDATE, 0, stream, &UPDATE);
        }
        let head = attacked.block(response);
        attacked.frame(kind::HEADERS, flag::END_HEADERS, id, &head);
        for byte in TINY {
            attacked.frame(kind::DATA, 0, id, &[byte]);
        }
        let end = attacked.block(trailers);
        attacked.frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, id, &end);
        // Many servers say so again.
        attacked.frame(kind::RST_STREAM, 0, id, &[0; 4]);
        unharmed(&mut attacked, n);
    }
}

/// Header size and continuation: errors with a whole trace in the message, or a token that has grown, one for each call,
/// in frames as small as some peers make them. Others go on.
#[test]
fn a_large_header_block_costs_its_call() {
    let trace = vec![b'm'; 100_000];
    for frame_size in [1_000, 16_384] {
        let mut attacked = Attacked::server(Config::default());
        let other = open(&mut attacked, 1, false);
        for n in 1..200 {
            // 50 a second.
            attacked.pass(Duration::from_millis(20));
            let id = 4 * n + 1;
            let block = attacked.block(|w| {
                request(w);
                w.field(b"x-table", n.to_string().as_bytes(), Indexing::Incremental);
                w.field(b"x-trace", &trace, Indexing::Without);
            });
            let mut pieces = block.chunks(frame_size).peekable();
            let (mut kind, mut flags) = (kind::HEADERS, flag::END_STREAM);
            while let Some(piece) = pieces.next() {
                flags |= if pieces.peek().is_none() { flag::END_HEADERS } else { 0 };
                attacked.frame(kind, flags, id, piece);
                (kind, flags) = (kind::CONTINUATION, 0);
            }
            let events = attacked.events();
            let [Event::Headers { ref block, key, .. }] = events[..] else { panic!("block {n}: {events:?}") };
            assert!(block.over_limit() && block.list_size() > 100_000, "{}", block.list_size());
            attacked.engine.send_headers(key, &response, true);
            unharmed(&mut attacked, n);
            // The table is in step, and the other stream goes on.
            let block = attacked.block(|w| {
                request(w);
                w.field(b"x-table", n.to_string().as_bytes(), Indexing::Incremental);
            });
            attacked.frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, id + 2, &block);
            attacked.frame(kind::DATA, 0, 1, &TINY);
            let events = attacked.events();
            let [Event::Headers { ref block, key, .. }, Event::Data { .. }] = events[..] else {
                panic!("block {n}: {events:?}")
            };
            assert_eq!(block.get(b"x-table").unwrap(), n.to_string().as_bytes());
            attacked.engine.send_headers(key, &response, true);
            unharmed(&mut attacked, n);
        }
        attacked.engine.send_headers(other, &response, true);
        unharmed(&mut attacked, 200);
    }
}
