use std::collections::VecDeque;

use bytes::Bytes;
use carom_wire::message::Message;

use super::{Backlog, SLICES};

fn slice(buffer: &Bytes, len: usize) -> Message {
    Message { compressed: false, payload: buffer.slice(..len) }
}

fn is_slice(message: &Message, buffer: &Bytes) -> bool {
    message.payload.as_ptr() == buffer.as_ptr()
}

#[test]
fn what_waits_for_longer_than_an_arrival_is_copied() {
    let buffer = Bytes::from((0..=255).cycle().take(2 * SLICES).collect::<Vec<u8>>());
    let (mut backlog, mut waiting) = (Backlog::default(), VecDeque::new());
    for (arrival, len) in [(7, 1), (7, 0), (7, SLICES), (7, SLICES + 1), (8, 3)] {
        backlog.on_message(&mut waiting, arrival);
        waiting.push_back(slice(&buffer, len));
    }
    let lengths: Vec<_> = waiting.iter().map(|message| message.payload.len()).collect();
    assert_eq!(lengths, [1, 0, SLICES, SLICES + 1, 3]);
    for message in &waiting {
        assert_eq!(message.payload, buffer[..message.payload.len()]);
    }
    let slices = [0, 2, 3, 4].map(|index| is_slice(&waiting[index], &buffer));
    assert_eq!(
        slices,
        [false, false, true, true],
        "a large message is left alone, and what has only just come"
    );
    // What was taken meanwhile is nobody's business.
    waiting.clear();
    backlog.on_message(&mut waiting, 9);
    waiting.push_back(slice(&buffer, 5));
    backlog.on_message(&mut waiting, 9);
    waiting.push_back(slice(&buffer, 6));
    waiting.pop_front();
    assert!(is_slice(&waiting[0], &buffer));
    backlog.on_message(&mut waiting, 10);
    assert!(!is_slice(&waiting[0], &buffer));
}
