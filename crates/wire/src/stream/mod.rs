//! Streams (RFC 9113 §5): the state of each half, the windows, and the table that holds them.

mod error;
mod priority;
mod recv;
mod schedule;
mod send;
pub(crate) mod validate;
mod window;

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    hash::{BuildHasherDefault, Hasher},
    time::Instant,
};

use slab::Slab;

pub(crate) use error::StreamError;
pub use priority::Priority;
pub(crate) use recv::{RecvHalf, RecvState};
pub(crate) use schedule::Schedule;
pub use send::Payload;
pub(crate) use send::{Ending, SendHalf, SendState};
pub(crate) use window::{RecvWindow, SendWindow, WindowError};

/// A stream identifier (RFC 9113 §5.1.1): odd from a client, even from a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub(crate) u32);

impl StreamId {
    /// The identifier as a number.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A handle to one stream of one connection.
///
/// `index` is small and dense, so that whoever drives the connection can keep its own state for each stream in a table.
/// A key outlives its stream: operations on a stream that has ended do nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamKey {
    pub(crate) index: u32,
    pub(crate) id: StreamId,
}

impl StreamKey {
    /// The index of the stream among those that exist now. It is reused after the stream has ended.
    pub fn index(self) -> usize {
        self.index as usize
    }

    /// The stream's identifier on the wire.
    pub fn id(self) -> StreamId {
        self.id
    }
}

/// One stream that has not ended yet.
pub(crate) struct Stream {
    /// [`Streams::RETIRED`] once the stream has ended and only its slot is kept.
    pub(crate) id: StreamId,
    pub(crate) recv: RecvHalf,
    pub(crate) send: SendHalf,
    pub(crate) priority: Priority,
    /// Server: the time from which on a reset by the client is free of charge; see `conn::resets`.
    pub(crate) ripe_at: Option<Instant>,
}

/// All streams of a connection that have not ended.
#[derive(Default)]
pub(crate) struct Streams {
    slab: Slab<Stream>,
    /// The number of slots whose stream has ended, but whose end has not been reported yet.
    retired: usize,
    by_id: HashMap<u32, u32, BuildHasherDefault<IdHasher>>,
    /// The last streams that we reset: frames that were in flight then are ignored (RFC 9113 §5.4.2).
    recently_reset: VecDeque<u32>,
}

impl Streams {
    /// Enough for what a peer has in flight, even on every stream that it may have open by default; a frame for a
    /// stream reset longer ago is answered once more.
    const REMEMBERED_RESETS: usize = 256;
    /// The identifier of a retired stream. Stream 0 is the connection itself, so no key has it.
    const RETIRED: StreamId = StreamId(0);

    pub(crate) fn insert(&mut self, stream: Stream) -> StreamKey {
        let id = stream.id;
        if self.slab.capacity() == 0 {
            // Many connections have one stream at a time.
            self.slab.reserve_exact(1);
        }
        let index = self.slab.insert(stream) as u32;
        self.by_id.insert(id.0, index);
        StreamKey { index, id }
    }

    pub(crate) fn get(&self, key: StreamKey) -> Option<&Stream> {
        self.slab.get(key.index()).filter(|stream| stream.id == key.id)
    }

    pub(crate) fn get_mut(&mut self, key: StreamKey) -> Option<&mut Stream> {
        self.slab.get_mut(key.index()).filter(|stream| stream.id == key.id)
    }

    pub(crate) fn at(&self, index: u32) -> Option<StreamKey> {
        let stream = self.slab.get(index as usize).filter(|stream| stream.id != Self::RETIRED)?;
        Some(StreamKey { index, id: stream.id })
    }

    pub(crate) fn find(&self, id: u32) -> Option<StreamKey> {
        self.by_id.get(&id).map(|&index| StreamKey { index, id: StreamId(id) })
    }

    pub(crate) fn remove(&mut self, key: StreamKey) -> Option<Stream> {
        self.get(key)?;
        self.by_id.remove(&key.id.0);
        Some(self.slab.remove(key.index()))
    }

    /// Ends a stream whose end is still to be reported: its slot is not reused before [`vacate`](Self::vacate), or
    /// whoever keeps state by index would see two streams as one.
    pub(crate) fn retire(&mut self, key: StreamKey) {
        if let Some(stream) = self.get_mut(key) {
            stream.send.discard();
            stream.id = Self::RETIRED;
            self.by_id.remove(&key.id.0);
            self.retired += 1;
        }
    }

    /// Frees the slot of a retired stream, whose end has been reported.
    pub(crate) fn vacate(&mut self, key: StreamKey) {
        if self.slab.get(key.index()).is_some_and(|stream| stream.id == Self::RETIRED) {
            self.slab.remove(key.index());
            self.retired -= 1;
        }
    }

    pub(crate) fn remember_reset(&mut self, id: StreamId) {
        if self.recently_reset.len() == Self::REMEMBERED_RESETS {
            self.recently_reset.pop_front();
        }
        self.recently_reset.push_back(id.0);
    }

    pub(crate) fn was_reset(&self, id: u32) -> bool {
        self.recently_reset.contains(&id)
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len() - self.retired
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (StreamKey, &mut Stream)> {
        let living = self.slab.iter_mut().filter(|(_, stream)| stream.id != Self::RETIRED);
        living.map(|(index, stream)| (StreamKey { index: index as u32, id: stream.id }, stream))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = StreamKey> + '_ {
        let living = self.slab.iter().filter(|(_, stream)| stream.id != Self::RETIRED);
        living.map(|(index, stream)| StreamKey { index: index as u32, id: stream.id })
    }

    /// Frees memory when no stream exists.
    pub(crate) fn shrink(&mut self) {
        if self.slab.is_empty() {
            self.slab = Slab::new();
            self.by_id = HashMap::default();
        }
    }
}

/// Stream identifiers are small and regular; one multiplication spreads them well. At most
/// SETTINGS_MAX_CONCURRENT_STREAMS are in the table, which bounds what a peer could do by choosing them.
#[derive(Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &b in bytes {
            self.write_u32(u32::from(b));
        }
    }

    fn write_u32(&mut self, n: u32) {
        self.0 = (self.0 ^ u64::from(n)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
}
