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

fn buffer() -> Bytes {
    Bytes::from((0..=255).cycle().take(2 * SLICES).collect::<Vec<u8>>())
}

#[test]
fn what_is_still_here_when_more_was_read_is_copied() {
    let (buffer, mut backlog) = (buffer(), Backlog::default());
    for len in [1, 0, SLICES, SLICES + 1] {
        backlog.push(slice(&buffer, len));
    }
    backlog.copy_out();
    backlog.push(slice(&buffer, 3));
    let messages: Vec<_> = std::iter::from_fn(|| backlog.pop()).collect();
    let lengths: Vec<_> = messages.iter().map(|message| message.payload.len()).collect();
    assert_eq!(lengths, [1, 0, SLICES, SLICES + 1, 3]);
    for message in &messages {
        assert_eq!(message.payload, buffer[..message.payload.len()]);
    }
    let slices = [0, 2, 3, 4].map(|index| is_slice(&messages[index], &buffer));
    assert_eq!(
        slices,
        [false, false, true, true],
        "a large message is left alone, and what has only just come"
    );
}

#[test]
fn what_was_taken_is_nobodys_business() {
    let (buffer, mut backlog) = (buffer(), Backlog::default());
    backlog.push(slice(&buffer, 5));
    backlog.push(slice(&buffer, 6));
    let taken = backlog.pop().unwrap();
    backlog.copy_out();
    assert!(is_slice(&taken, &buffer));
    assert!(!is_slice(&backlog.pop().unwrap(), &buffer));
    backlog.copy_out();
    assert!(backlog.is_empty());
}

#[test]
fn a_batch_has_all_in_order() {
    let (buffer, mut backlog, mut batch) = (buffer(), Backlog::default(), VecDeque::new());
    for len in 1..=4 {
        backlog.push(slice(&buffer, len));
    }
    assert_eq!(backlog.len(), 4);
    backlog.take_all(&mut batch);
    assert!(backlog.is_empty());
    let lengths: Vec<_> = batch.iter().map(|message| message.payload.len()).collect();
    assert_eq!(lengths, [1, 2, 3, 4]);
}
