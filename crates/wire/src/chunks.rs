//! A queue of bytes waiting to be sent.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// A queue of bytes: large pieces by reference, small ones copied together. Most calls never have any waiting, and an
/// empty queue is one pointer.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    waiting: Option<Box<Waiting>>,
}

#[derive(Debug, Default)]
struct Waiting {
    pieces: VecDeque<Bytes>,
    /// The bytes after `pieces`, still growing.
    tail: BytesMut,
}

impl Chunks {
    /// Appends a piece by reference.
    pub(crate) fn push(&mut self, piece: Bytes) {
        let waiting = self.waiting.get_or_insert_default();
        if !waiting.tail.is_empty() {
            waiting.pieces.push_back(waiting.tail.split().freeze());
        }
        waiting.pieces.push_back(piece);
    }

    /// Appends a copy.
    #[inline]
    pub(crate) fn push_copy(&mut self, bytes: &[u8]) {
        self.waiting.get_or_insert_default().tail.extend_from_slice(bytes);
    }

    /// Takes up to `n` bytes off the front piece; none if there is nothing.
    pub(crate) fn take(&mut self, n: usize) -> Bytes {
        let Some(waiting) = &mut self.waiting else { return Bytes::new() };
        match waiting.pieces.front_mut() {
            Some(front) if front.len() <= n => waiting.pieces.pop_front().unwrap_or_default(),
            Some(front) => front.split_to(n),
            None if waiting.tail.len() <= n => waiting.tail.split().freeze(),
            None => waiting.tail.split_to(n).freeze(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_in_order_and_no_larger_than_asked_for() {
        let mut chunks = Chunks::default();
        assert!(chunks.take(10).is_empty());
        chunks.push_copy(b"ab");
        chunks.push_copy(b"cd");
        chunks.push(Bytes::from_static(b"efgh"));
        chunks.push_copy(b"ij");
        let taken = [3, 10, 2, 10, 1, 10, 10].map(|n| chunks.take(n));
        assert_eq!(taken, [&b"abc"[..], b"d", b"ef", b"gh", b"i", b"j", b""]);
    }
}
