use std::{collections::VecDeque, io::IoSlice};

use bytes::{Buf, Bytes, BytesMut};

use crate::stream::Payload;

/// The bytes on their way to the socket, in order: small ones copied into one buffer, large ones by reference.
///
/// It implements [`Buf`]: write what [`Buf::chunks_vectored`] shows, then [`Buf::advance`] by the number of bytes
/// written.
#[derive(Default)]
pub struct Output {
    /// Closed pieces that go before `tail`.
    pieces: VecDeque<Bytes>,
    /// The bytes in `pieces`.
    closed: usize,
    /// Frames are written here.
    pub(crate) tail: BytesMut,
}

impl Output {
    /// Appends payload bytes. Small ones are copied after their frame header, so that a write needs one buffer only.
    pub(crate) fn push<'a>(&mut self, data: impl Into<Payload<'a>>) {
        let data = match data.into().into_large() {
            Ok(data) => data,
            Err(small) => return self.tail.extend_from_slice(small.as_slice()),
        };
        if !self.tail.is_empty() {
            let tail = self.tail.split().freeze();
            self.closed += tail.len();
            self.pieces.push_back(tail);
        }
        self.closed += data.len();
        self.pieces.push_back(data);
    }

    /// Frees memory while there is nothing to write.
    pub(crate) fn shrink(&mut self) {
        if !self.has_remaining() {
            *self = Self::default();
        }
    }
}

impl Buf for Output {
    fn remaining(&self) -> usize {
        self.closed + self.tail.len()
    }

    fn chunk(&self) -> &[u8] {
        self.pieces.front().map_or(&self.tail[..], |piece| &piece[..])
    }

    fn chunks_vectored<'a>(&'a self, dst: &mut [IoSlice<'a>]) -> usize {
        let tail = Some(&self.tail[..]).filter(|tail| !tail.is_empty());
        let chunks = self.pieces.iter().map(|piece| &piece[..]).chain(tail);
        let mut filled = 0;
        for (slot, chunk) in dst.iter_mut().zip(chunks) {
            *slot = IoSlice::new(chunk);
            filled += 1;
        }
        filled
    }

    fn advance(&mut self, mut n: usize) {
        while let Some(front) = self.pieces.front_mut() {
            if n < front.len() {
                front.advance(n);
                self.closed -= n;
                return;
            }
            n -= front.len();
            self.closed -= front.len();
            self.pieces.pop_front();
        }
        self.tail.advance(n);
    }
}
