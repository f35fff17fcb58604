//! Message framing: however a stream of bytes is cut into chunks, the same messages come out.

#![no_main]

use bytes::Bytes;
use carom_wire::{Deframer, FramingError, Message};
use libfuzzer_sys::fuzz_target;

const MAX: usize = 5000;

fuzz_target!(|input: &[u8]| {
    // Every byte of the first part is a cut: how many bytes of the stream the next chunk has, and whether the
    // messages are taken out before it.
    let Some((count, rest)) = input.split_first() else { return };
    let (cuts, text) = rest.split_at(rest.len().min(usize::from(*count)));
    let stream = expand(text);
    let whole = {
        let mut deframer = Deframer::new(MAX);
        deframer.push(Bytes::copy_from_slice(&stream));
        drain(&mut deframer, &mut Vec::new())
    };
    let (mut deframer, mut messages, mut left) = (Deframer::new(MAX), Vec::new(), &stream[..]);
    let mut cuts = cuts.iter().cycle();
    while !left.is_empty() {
        let cut = cuts.next().copied().unwrap_or(u8::MAX);
        let length = usize::from(cut >> 1) * if cut > 200 { 11 } else { 1 };
        let (chunk, after) = left.split_at(left.len().min(length.max(1)));
        left = after;
        deframer.push(Bytes::copy_from_slice(chunk));
        assert!(deframer.buffered() <= stream.len());
        if cut & 1 == 0 && drain(&mut deframer, &mut messages).1.is_some() {
            break;
        }
    }
    let (messages, error, empty) = {
        let (_, error, empty) = drain(&mut deframer, &mut messages);
        (messages, error, empty)
    };
    assert_eq!((messages, error, empty), whole);
});

/// A byte that is no flag stands for a run of bytes, so that short inputs have long messages.
fn expand(text: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    for &byte in text {
        match byte {
            0xf0.. => stream.resize(stream.len() + 16 * usize::from(byte & 0x0f) * 16, 0x01),
            _ => stream.push(byte),
        }
    }
    stream
}

fn drain(deframer: &mut Deframer, messages: &mut Vec<Message>) -> (Vec<Message>, Option<FramingError>, bool) {
    loop {
        match deframer.next() {
            Ok(Some(message)) => {
                assert!(message.payload.len() <= MAX);
                messages.push(message);
            }
            Ok(None) => {
                assert!(deframer.wanted() <= MAX);
                return (messages.clone(), None, deframer.is_empty());
            }
            Err(error) => {
                assert_eq!(deframer.next(), Err(error));
                return (messages.clone(), Some(error), deframer.is_empty());
            }
        }
    }
}
