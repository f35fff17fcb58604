use std::time::Instant;

use bytes::Bytes;

use super::pair::{Attacked, Pair, request, response, trailers};
use crate::{
    conn::{Config, Connection, Event},
    frame::{DEFAULT_WINDOW, ErrorCode, Settings, flag, kind},
    stream::RecvWindow,
};

fn received(events: &[Event]) -> usize {
    events.iter().map(|event| if let Event::Data { data, .. } = event { data.len() } else { 0 }).sum()
}

#[test]
fn a_stream_stops_at_its_window_and_goes_on_when_bytes_are_released() {
    let server = Config { initial_stream_window: 1000, ..Config::default() };
    let mut pair = Pair::with(Config::default(), server);
    let (ours, theirs) = pair.open(false);
    pair.client.send_data(ours, Bytes::from(vec![7; 2500]), true);
    let mut total = 0;
    for expected in [1000, 1000, 500] {
        let (_, events) = pair.run();
        assert_eq!(received(&events), expected);
        total += expected;
        pair.server.release(theirs, expected);
    }
    assert_eq!(total, 2500);
    assert_eq!(pair.client.send_buffered(ours), 0);
}

#[test]
fn a_message_larger_than_the_window_arrives_because_it_is_expected() {
    let server = Config { initial_stream_window: 1000, ..Config::default() };
    let mut pair = Pair::with(Config::default(), server);
    let (ours, theirs) = pair.open(false);
    pair.client.send_data(ours, Bytes::from(vec![7; 50_000]), true);
    let (_, events) = pair.run();
    assert_eq!(received(&events), 1000);
    pair.server.expect(theirs, 49_000, true);
    let (_, events) = pair.run();
    assert_eq!(received(&events), 49_000);
}

/// Padding counts (RFC 9113 §6.9.1): a window that covers the message alone leaves no room for a peer that pads.
#[test]
fn a_message_in_padded_frames_arrives() {
    let mut attacked = Attacked::server(Config { initial_stream_window: 1000, ..Config::default() });
    let block = attacked.block(request);
    attacked.frame(kind::HEADERS, flag::END_HEADERS, 1, &block);
    let Some(Event::Headers { key, .. }) = attacked.events().pop() else { panic!("no request") };
    attacked.written();
    let (mut wanted, mut window) = (5000_usize, 1000_usize);
    while wanted > 0 {
        let size = wanted.min(100);
        let payload = [&[255], &vec![7; size][..], &[0; 255]].concat();
        window = window.checked_sub(payload.len()).expect("the peer may send");
        attacked.frame(kind::DATA, flag::PADDED, 1, &payload);
        attacked.events();
        wanted -= size;
        attacked.engine.expect(key, wanted, true);
        for (head, payload) in attacked.written() {
            if head.kind == kind::WINDOW_UPDATE && head.stream == 1 {
                window += u32::from_be_bytes(payload[..4].try_into().unwrap()) as usize;
            }
        }
    }
}

/// nghttp2 does not end a stream whose window is shut: who waits for the end leaves a byte of room.
#[test]
fn the_end_of_a_message_that_fills_the_window_has_room() {
    let server = Config { initial_stream_window: 1000, ..Config::default() };
    for (size, first) in [(1000, 1000), (5000, 1000)] {
        let mut pair = Pair::with(Config::default(), server.clone());
        let (ours, theirs) = pair.open(false);
        pair.client.send_data(ours, Bytes::from(vec![7; size + 100]), false);
        let (_, events) = pair.run();
        assert_eq!(received(&events), first);
        pair.server.expect(theirs, size - first, false);
        let (_, events) = pair.run();
        assert_eq!(received(&events), size - first, "not a byte further while others wait to be taken");
        pair.server.expect(theirs, 0, true);
        let (_, events) = pair.run();
        assert_eq!(received(&events), 1);
    }
}

#[test]
fn credit_beyond_the_window_is_not_given_twice() {
    let server = Config { initial_stream_window: 1000, ..Config::default() };
    let mut pair = Pair::with(Config::default(), server);
    let (ours, theirs) = pair.open(false);
    pair.client.send_data(ours, Bytes::from(vec![7; 20_000]), false);
    pair.server.expect(theirs, 10_000, true);
    let (_, events) = pair.run();
    assert_eq!(
        received(&events),
        10_001,
        "1,000 of the window, what the message lacked, and room for the end"
    );
    pair.server.release(theirs, 10_001);
    let (_, events) = pair.run();
    assert_eq!(received(&events), 1000, "the window is what it was");
}

/// Credit that was due, but too little to be worth a WINDOW_UPDATE of its own, once counted as given; then both sides
/// waited for ever.
#[test]
fn credit_that_is_due_is_given_with_what_is_expected() {
    let server = Config { initial_stream_window: 1000, ..Config::default() };
    let mut pair = Pair::with(Config::default(), server);
    let (ours, theirs) = pair.open(false);
    pair.client.send_data(ours, Bytes::from(vec![7; 400]), false);
    pair.run();
    pair.server.release(theirs, 400);
    pair.client.send_data(ours, Bytes::from(vec![7; 900]), false);
    let (_, events) = pair.run();
    assert_eq!(received(&events), 600, "400 more are due, and not told");
    pair.server.expect(theirs, 300, true);
    let (_, events) = pair.run();
    assert_eq!(received(&events), 300);
}

/// RFC 9113 §6.9.3: who asks for less than the default must take the default until the peer has read so.
#[test]
fn data_sent_before_our_smaller_window_was_read_is_taken() {
    let now = Instant::now();
    let mut pair = Pair {
        client: Connection::client(Config::default(), now),
        server: Connection::server(Config { initial_stream_window: 1000, ..Config::default() }.into(), now),
        now,
    };
    let ours = pair.client.open(&request, false).expect("a client need not wait for SETTINGS");
    pair.client.send_data(ours, Bytes::from(vec![7; 70_000]), true);
    let (_, seen) = pair.run();
    assert_eq!(received(&seen), DEFAULT_WINDOW as usize);
    let Some(Event::Data { key, .. }) = seen.iter().find(|event| matches!(event, Event::Data { .. })) else {
        panic!("no data came: {seen:?}");
    };
    pair.server.release(*key, DEFAULT_WINDOW as usize);
    let (_, seen) = pair.run();
    assert_eq!(received(&seen), 1000, "from here on the smaller window holds");
}

#[test]
fn settings_can_make_windows_negative() {
    let mut attacked = Attacked::client(Config::default());
    let key = attacked.engine.open(&request, false).unwrap();
    attacked.engine.send_data(key, Bytes::from(vec![1; 60_000]), false);
    let sent: u32 =
        attacked.written().iter().filter(|(head, _)| head.kind == kind::DATA).map(|(head, _)| head.len).sum();
    assert_eq!(sent, 60_000);
    attacked.settings(&Settings { initial_window_size: Some(10_000), ..Settings::default() });
    attacked.engine.send_data(key, Bytes::from(vec![1; 5_000]), false);
    // The window is now 65,535 - 60,000 - 55,535 = -50,000: credit below that frees nothing.
    attacked.frame(kind::WINDOW_UPDATE, 0, 1, &50_000_u32.to_be_bytes());
    assert!(attacked.events().is_empty());
    assert!(attacked.written().iter().all(|(head, _)| head.kind != kind::DATA));
    attacked.frame(kind::WINDOW_UPDATE, 0, 1, &10_u32.to_be_bytes());
    attacked.events();
    let written = attacked.written();
    assert!(matches!(&written[..], [(head, _)] if head.kind == kind::DATA && head.len == 10), "{written:?}");
}

#[test]
fn the_connections_window_holds_all_streams_and_frees_them_in_turn() {
    let mut attacked = Attacked::client(Config::default());
    attacked.settings(&Settings { initial_window_size: Some(1 << 20), ..Settings::default() });
    attacked.events();
    let first = attacked.engine.open(&request, false).unwrap();
    let second = attacked.engine.open(&request, false).unwrap();
    attacked.engine.send_data(first, Bytes::from(vec![1; 100_000]), true);
    attacked.engine.send_data(second, Bytes::from(vec![2; 100_000]), true);
    let data = |attacked: &mut Attacked| -> Vec<(u32, u32)> {
        let written = attacked.written();
        written
            .iter()
            .filter(|(head, _)| head.kind == kind::DATA)
            .map(|(head, _)| (head.stream, head.len))
            .collect()
    };
    let sent = data(&mut attacked);
    assert_eq!(sent.iter().map(|(_, len)| len).sum::<u32>(), DEFAULT_WINDOW);
    assert_eq!(sent.iter().map(|(stream, _)| *stream).collect::<Vec<_>>(), [1, 3, 1, 3]);
    attacked.frame(kind::WINDOW_UPDATE, 0, 0, &(1_u32 << 20).to_be_bytes());
    attacked.events();
    assert_eq!(data(&mut attacked).iter().map(|(_, len)| len).sum::<u32>(), 200_000 - DEFAULT_WINDOW);
}

#[test]
fn padding_counts_and_is_given_back() {
    let config = Config { initial_stream_window: 1000, ..Config::default() };
    let mut attacked = Attacked::server(config);
    let block = attacked.block(request);
    attacked.frame(kind::HEADERS, flag::END_HEADERS, 1, &block);
    let mut payload = vec![0; 900];
    payload[0] = 255;
    for _ in 0..2 {
        attacked.frame(kind::DATA, flag::PADDED, 1, &payload);
        let events = attacked.events();
        let data = received(&events);
        assert_eq!(data, 900 - 256);
        for event in &events {
            if let Event::Data { key, data, .. } = event {
                attacked.engine.release(*key, data.len());
            }
        }
        let updates: u32 = attacked
            .written()
            .iter()
            .filter(|(head, _)| head.stream == 1)
            .map(|(_, n)| u32::from_be_bytes(n[..4].try_into().unwrap()))
            .sum();
        assert_eq!(updates, 900);
    }
}

#[test]
fn a_peer_that_overruns_a_window_is_stopped() {
    let mut attacked = Attacked::server(Config { initial_stream_window: 10, ..Config::default() });
    let block = attacked.block(request);
    attacked.frame(kind::HEADERS, flag::END_HEADERS, 1, &block);
    attacked.frame(kind::DATA, 0, 1, &[0; 11]);
    let events = attacked.events();
    assert!(
        matches!(&events[..], [_, Event::Reset { code: ErrorCode::FLOW_CONTROL_ERROR, .. }]),
        "{events:?}"
    );
}

#[test]
fn data_on_a_reset_stream_still_gives_the_connections_credit_back() {
    let mut pair = Pair::new();
    let (ours, theirs) = pair.open(false);
    for _ in 0..100 {
        let (ours, theirs) = pair.open(false);
        pair.server.reset(theirs, ErrorCode::CANCEL);
        pair.client.send_data(ours, Bytes::from(vec![7; 60_000]), true);
        pair.run();
    }
    pair.client.send_data(ours, Bytes::from_static(b"still room"), true);
    let (_, events) = pair.run();
    assert_eq!(received(&events), 10);
    pair.server.respond(theirs, &response, Bytes::new(), trailers);
}

#[test]
fn the_send_buffer_holds_the_application_back_and_calls_it_again() {
    let config = Config { max_send_buffer: 1000, ..Config::default() };
    let mut pair = Pair::with(config, Config { initial_stream_window: 100, ..Config::default() });
    let (ours, theirs) = pair.open(false);
    pair.client.send_data(ours, Bytes::from(vec![7; 1500]), false);
    let (client, _) = pair.run();
    assert!(client.is_empty());
    assert_eq!(pair.client.send_buffered(ours), 1400);
    let mut writable = 0;
    for _ in 0..14 {
        pair.server.release(theirs, 100);
        let (client, _) = pair.run();
        writable +=
            client.iter().filter(|event| matches!(event, Event::Writable { key } if *key == ours)).count();
    }
    assert_eq!((writable, pair.client.send_buffered(ours)), (1, 0));
}

#[test]
fn many_small_pieces_go_out_as_few_frames() {
    let mut attacked = Attacked::client(Config::default());
    let key = attacked.engine.open(&request, false).unwrap();
    for _ in 0..1000 {
        attacked.engine.send_data(key, Bytes::from_static(b"sixteen bytes ok"), false);
    }
    let frames = attacked.written().iter().filter(|(head, _)| head.kind == kind::DATA).count();
    assert_eq!(frames, 1, "16,000 bytes fit one frame");
}

#[test]
fn windows_widen_when_a_round_trip_fills_them() {
    let mut pair = Pair::new();
    let (ours, theirs) = pair.open(false);
    for _ in 0..40 {
        pair.client.send_data(ours, Bytes::from(vec![7; 1 << 20]), false);
        loop {
            let (_, events) = pair.run();
            let n = received(&events);
            if n == 0 {
                break;
            }
            pair.server.release(theirs, n);
        }
    }
    let before = Config::default().initial_connection_window;
    assert!(pair.server.recv_window.target() >= before);
    assert!(pair.server.recv_window.target() <= Config::default().max_window);
}

/// What stands between two engines without delay is never more than a part of a message: other streams get through.
#[test]
fn a_near_peer_sends_a_large_message_bit_by_bit() {
    let mut pair = Pair::new();
    let (ours, theirs) = pair.open(false);
    let whole = 4 << 20;
    pair.client.send_data(ours, Bytes::from(vec![7; whole]), true);
    let mut left = whole;
    let mut rounds = 0;
    while left > 0 {
        let (_, events) = pair.run();
        let came = received(&events);
        assert!(came > 0 && came <= 600 * 1024, "{came} bytes at once");
        left -= came;
        rounds += 1;
        pair.server.expect(theirs, left, true);
    }
    assert!(rounds < 40, "{rounds} rounds");
}

/// With a round trip that is worth saving the whole message may come.
#[test]
fn a_far_peer_may_send_a_large_message_at_once() {
    let mut far = RecvWindow::new(1000, 1000);
    assert_eq!(far.expect(1 << 20, false), Some((1 << 20) - 1000));
    let mut near = RecvWindow::new(1000, 1000);
    assert_eq!(near.expect(1 << 20, true), Some(512 * 1024 - 1000));
    assert_eq!(near.expect(1 << 20, true), None, "there is enough under way");
}

/// What a reader leaves unread holds the peer back: the rest of a message is let in, and what follows it is not.
#[test]
fn messages_that_nobody_takes_stop_the_peer() {
    let mut pair = Pair::new();
    let (ours, theirs) = pair.open(false);
    pair.client.send_data(ours, Bytes::from(vec![7; 8 << 20]), false);
    let mut came = 0;
    for _ in 0..10_000 {
        let (_, events) = pair.run();
        if received(&events) == 0 {
            break;
        }
        came += received(&events);
        // As if messages of 10,000 bytes came, whole ones waiting unread.
        pair.server.expect(theirs, (10_000 - came % 10_000) % 10_000, came < 10_000);
    }
    let most = Config::default().initial_stream_window as usize + 10_000;
    assert!(came <= most, "{came} bytes came");
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
