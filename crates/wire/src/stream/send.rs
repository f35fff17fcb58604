use bytes::{Bytes, BytesMut};

use super::window::SendWindow;
use crate::{chunks::Chunks, fields::Fields};

/// Bytes to be sent: owned, or lent by a caller that will reuse its buffer. Lent and small payloads are copied; the
/// others are sent by reference.
#[derive(Debug)]
pub enum Payload<'a> {
    /// A buffer that is handed over.
    Owned(Bytes),
    /// A borrowed buffer.
    Lent(&'a [u8]),
}

impl<'a> Payload<'a> {
    /// Creates a payload of the contents of `buffer`: lent if they are small, and split off otherwise. Clear the buffer
    /// after sending.
    pub fn in_buffer(buffer: &'a mut BytesMut) -> Self {
        if buffer.len() < Self::COPY_BELOW {
            Self::Lent(buffer)
        } else {
            Self::Owned(buffer.split().freeze())
        }
    }

    /// Below this many bytes a copy is cheaper than a reference count and an entry in a vector.
    pub(crate) const COPY_BELOW: usize = 4096;

    /// The length in bytes.
    #[allow(clippy::len_without_is_empty, reason = "an empty one is like any other")]
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Lent(bytes) => bytes,
        }
    }

    /// Returns the bytes, if they are to be kept by reference rather than copied.
    pub(crate) fn into_large(self) -> Result<Bytes, Self> {
        match self {
            Self::Owned(bytes) if bytes.len() >= Self::COPY_BELOW => Ok(bytes),
            other => Err(other),
        }
    }
}

impl From<Bytes> for Payload<'_> {
    fn from(bytes: Bytes) -> Self {
        Self::Owned(bytes)
    }
}

impl<'a> From<&'a [u8]> for Payload<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Lent(bytes)
    }
}

/// The sending half of a stream, which we write.
///
/// ```text
///          send_headers        trailers, or the last data      END_STREAM written
///   Idle ────────────────▶ Open ────────────────────────▶ Ending ────────────────▶ Ended
///     └────────────── headers with END_STREAM, or the last data at once ─────────────▲
/// ```
/// A reset ends it from any state. Data and trailers wait in it until the peer's windows admit them.
pub(crate) struct SendHalf {
    pub(crate) state: SendState,
    pub(crate) window: SendWindow,
    /// Data not yet framed.
    queue: Chunks,
    /// Bytes in `queue`.
    queued: usize,
    /// Whether the stream is in the schedule.
    pub(crate) scheduled: bool,
    /// Whether the application was told to wait; it gets a `Writable` event when there is room again.
    pub(crate) held_back: bool,
}

pub(crate) enum SendState {
    Idle,
    Open,
    /// No more data follows; this ends the stream once the queue is empty.
    Ending(Ending),
    Ended,
}

/// How a stream ends after its data.
pub(crate) enum Ending {
    /// END_STREAM on the last DATA frame, or on an empty one.
    Data,
    /// A HEADERS frame with these fields and END_STREAM. They are encoded when their turn comes, because HPACK needs
    /// blocks in the order in which they are written.
    Trailers(Box<dyn Fields + Send>),
}

impl SendHalf {
    pub(crate) fn new(window: u32) -> Self {
        Self {
            state: SendState::Idle,
            window: SendWindow::new(window),
            queue: Chunks::default(),
            queued: 0,
            scheduled: false,
            held_back: false,
        }
    }

    pub(crate) fn push(&mut self, data: Payload<'_>) {
        self.queued += data.len();
        match data.into_large() {
            Ok(large) => self.queue.push(large),
            Err(small) => self.queue.push_copy(small.as_slice()),
        }
    }

    /// Whether no head has been sent yet.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.state, SendState::Idle)
    }

    pub(crate) fn queued(&self) -> usize {
        self.queued
    }

    /// Whether data may follow: the head has been sent and no end is set.
    pub(crate) fn takes_data(&self) -> bool {
        matches!(self.state, SendState::Open)
    }

    /// Whether a turn would write something: data within the window, or the end.
    pub(crate) fn is_ready(&self) -> bool {
        match self.state {
            SendState::Open => self.queued > 0 && self.window.available() > 0,
            SendState::Ending(_) => self.queued == 0 || self.window.available() > 0,
            SendState::Idle | SendState::Ended => false,
        }
    }

    /// Takes up to `n` bytes off the front piece.
    pub(crate) fn take(&mut self, n: usize) -> Bytes {
        let piece = self.queue.take(n);
        self.queued -= piece.len();
        piece
    }

    /// Drops everything that has not been written, and accepts no more.
    pub(crate) fn discard(&mut self) {
        self.queue = Chunks::default();
        self.queued = 0;
        self.state = SendState::Ended;
    }
}
