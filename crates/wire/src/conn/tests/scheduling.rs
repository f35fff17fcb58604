use bytes::Bytes;

use super::pair::{Attacked, request, response};
use crate::{
    conn::{Config, Event},
    fields::Indexing,
    frame::{flag, kind},
};

/// A server with two requests, the second of which asks for `priority`, and large answers to both.
fn two_answers(priority: &'static [u8]) -> Vec<u32> {
    let mut attacked = Attacked::server(Config::default());
    for id in [1, 3] {
        let block = attacked.block(|w| {
            request(w);
            if id == 3 {
                w.field(b"priority", priority, Indexing::Without);
            }
        });
        attacked.frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, id, &block);
    }
    for event in attacked.events() {
        let Event::Headers { key, .. } = event else { panic!("{event:?}") };
        attacked.engine.send_headers(key, &response, false);
        attacked.engine.send_data(key, Bytes::from(vec![0; 30_000]), true);
    }
    let written = attacked.written();
    written.iter().filter(|(head, _)| head.kind == kind::DATA).map(|(head, _)| head.stream).collect()
}

#[test]
fn streams_of_one_urgency_take_turns() {
    assert_eq!(two_answers(b"u=3"), [1, 3, 1, 3]);
}

#[test]
fn the_more_urgent_stream_goes_first() {
    assert_eq!(two_answers(b"u=1"), [3, 3, 1, 1]);
    assert_eq!(two_answers(b"u=7, i"), [1, 1, 3, 3]);
}

#[test]
fn a_priority_update_moves_a_stream_that_waits() {
    let mut attacked = Attacked::server(Config::default());
    for id in [1, 3] {
        let block = attacked.block(request);
        attacked.frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, id, &block);
    }
    for event in attacked.events() {
        let Event::Headers { key, .. } = event else { panic!("{event:?}") };
        attacked.engine.send_headers(key, &response, false);
        attacked.engine.send_data(key, Bytes::from(vec![0; 16_384]), true);
    }
    attacked.frame(kind::PRIORITY_UPDATE, 0, 0, b"\0\0\0\x03u=0");
    attacked.events();
    let order: Vec<_> = attacked
        .written()
        .iter()
        .filter(|(head, _)| head.kind == kind::DATA)
        .map(|(head, _)| head.stream)
        .collect();
    assert_eq!(order, [3, 1]);
}
