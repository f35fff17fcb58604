//! Streams of which the peer takes nothing.

use std::time::Duration;

use bytes::Bytes;

use super::pair::{Attacked, Pair, request, response, trailers};
use crate::{
    conn::{Config, Event, ResetBy},
    frame::{ErrorCode, Settings, flag, kind},
    stream::StreamKey,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// A server that has a response of so many bytes for a client that opens no window of its own accord.
fn answering(bytes: usize, window: u32) -> (Attacked, StreamKey) {
    let mut attacked = Attacked::server(Config::default());
    attacked.settings(&Settings { initial_window_size: Some(window), ..Settings::default() });
    let block = attacked.block(request);
    attacked.frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, 1, &block);
    let events = attacked.events();
    let [Event::Headers { key, .. }] = events[..] else { panic!("{events:?}") };
    attacked.engine.respond(key, &response, Bytes::from(vec![7; bytes]), trailers);
    attacked.written();
    (attacked, key)
}

fn pass(attacked: &mut Attacked, time: Duration) -> Vec<Event> {
    let end = attacked.now + time;
    while attacked.engine.poll_timeout().is_some_and(|at| at <= end) {
        attacked.now = attacked.engine.poll_timeout().unwrap();
        attacked.engine.handle_timeout(attacked.now);
    }
    attacked.now = end;
    attacked.events()
}

fn is_stall(events: &[Event], stream: StreamKey) -> bool {
    matches!(events, [Event::Reset { key, code: ErrorCode::ENHANCE_YOUR_CALM, by: ResetBy::Engine(_) }]
        if *key == stream)
}

#[test]
fn a_window_that_stays_at_zero_is_waited_for_one_minute() {
    for window in [0, 1000] {
        let (mut attacked, key) = answering(10_000, window);
        let events = pass(&mut attacked, MINUTE - SECOND);
        assert!(events.is_empty(), "{events:?}");
        assert!(attacked.engine.buffered() > 8_000);
        let events = pass(&mut attacked, MINUTE / 4 + SECOND);
        assert!(is_stall(&events, key), "{events:?}");
        assert_eq!(attacked.engine.buffered(), 4 + 9, "only the RST_STREAM is left");
        let written = attacked.written();
        assert!(
            matches!(&written[..], [(head, code)] if head.kind == kind::RST_STREAM && code[..] == [0, 0, 0, 11])
        );
        assert_eq!(attacked.engine.poll_timeout(), None, "nothing is left to look at");
    }
}

#[test]
fn the_connections_window_counts_as_well() {
    let (mut attacked, key) = answering(100_000, 1 << 20);
    assert!(is_stall(&pass(&mut attacked, MINUTE * 5 / 4), key));
}

#[test]
fn a_reader_that_is_slow_but_reads_is_none() {
    let (mut attacked, _) = answering(10_000, 0);
    for _ in 0..20 {
        let events = pass(&mut attacked, MINUTE - SECOND);
        assert!(events.is_empty(), "{events:?}");
        attacked.frame(kind::WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]);
        attacked.events();
        attacked.written();
    }
}

#[test]
fn a_stream_that_has_nothing_to_say_is_none() {
    let mut pair = Pair::new();
    let (_, theirs) = pair.open(true);
    pair.server.send_headers(theirs, &response, false);
    pair.server.send_data(theirs, Bytes::from_static(b"x"), false);
    pair.run();
    pair.advance(MINUTE * 60);
    assert!(pair.run().1.is_empty());
    assert_eq!(pair.server.poll_timeout(), None);
}

#[test]
fn it_can_be_told_to_wait_for_ever() {
    let config = Config { stall_timeout: None, ..Config::default() };
    let mut attacked = Attacked::server(config);
    let block = attacked.block(request);
    attacked.frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, 1, &block);
    let events = attacked.events();
    let [Event::Headers { key, .. }] = events[..] else { panic!("{events:?}") };
    attacked.engine.respond(key, &response, Bytes::from(vec![7; 1 << 20]), trailers);
    attacked.written();
    assert!(pass(&mut attacked, MINUTE * 600).is_empty());
}

#[test]
fn a_header_frame_that_drips_runs_out_of_time() {
    let mut attacked = Attacked::server(Config::default());
    // The head of a HEADERS frame of 100 bytes, and a byte each second.
    attacked.engine.input().extend_from_slice(&[0, 0, 100, kind::HEADERS, flag::END_HEADERS, 0, 0, 0, 1]);
    for second in 0..20 {
        attacked.engine.input().extend_from_slice(b"\x83");
        let events = pass(&mut attacked, SECOND);
        if matches!(&events[..], [Event::Closed { error: Some(error) }] if error.code == ErrorCode::ENHANCE_YOUR_CALM)
        {
            assert!(second >= 9, "{second}");
            return;
        }
        assert!(events.is_empty(), "{events:?}");
    }
    panic!("nobody stopped it");
}

#[test]
fn no_bytes_are_lost_from_the_count_of_what_is_buffered() {
    let mut pair = Pair::new();
    let (ours, theirs) = pair.open(false);
    pair.server.send_headers(theirs, &response, false);
    pair.server.send_data(theirs, Bytes::from(vec![0; 3 << 20]), false);
    pair.client.send_data(ours, Bytes::from(vec![0; 3 << 20]), false);
    pair.run();
    assert!(pair.server.buffered() > 2 << 20 && pair.client.buffered() > 2 << 20);
    pair.server.reset(theirs, ErrorCode::CANCEL);
    pair.run();
    assert_eq!((pair.server.buffered(), pair.client.buffered()), (0, 0));
}
