use std::collections::VecDeque;

use bytes::{Buf, Bytes};

use super::{Fields, window::SendWindow};

/// The half of a stream that we write.
///
/// ```text
///            send_headers            END_STREAM written
///   Idle ───────────────────▶ Open ───────────────────▶ Ended
///     └───────── headers with END_STREAM ────────────────▲
/// ```
/// A reset ends it from any state. Data and trailers wait in it until the peer's windows let them go.
pub(crate) struct SendHalf {
    pub(crate) state: SendState,
    pub(crate) window: SendWindow,
    /// Data not yet framed, in order.
    queue: VecDeque<Bytes>,
    queued: usize,
    /// What ends the stream once the queue is empty.
    pub(crate) ending: Option<Ending>,
    /// The stream stands in the schedule.
    pub(crate) scheduled: bool,
    /// The application was told to wait; it gets a `Writable` event when there is room again.
    pub(crate) held_back: bool,
    /// How often in succession it was found that no window lets its data go.
    pub(crate) looks: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendState {
    Idle,
    Open,
    Ended,
}

/// How a stream ends after its data.
pub(crate) enum Ending {
    /// END_STREAM on the last DATA frame, or on an empty one.
    Data,
    /// A HEADERS frame with these fields and END_STREAM. They are encoded when their turn comes, because
    /// HPACK wants blocks in the order in which they are written.
    Trailers(Box<dyn Fields + Send>),
}

impl SendHalf {
    pub(crate) fn new(window: u32) -> Self {
        Self {
            state: SendState::Idle,
            window: SendWindow::new(window),
            queue: VecDeque::new(),
            queued: 0,
            ending: None,
            scheduled: false,
            held_back: false,
            looks: 0,
        }
    }

    pub(crate) fn push(&mut self, data: Bytes) {
        self.queued += data.len();
        if !data.is_empty() {
            self.queue.push_back(data);
        }
    }

    pub(crate) fn queued(&self) -> usize {
        self.queued
    }

    /// Whether data may follow: headers are out and no end is set.
    pub(crate) fn takes_data(&self) -> bool {
        self.state == SendState::Open && self.ending.is_none()
    }

    /// Whether a turn would write something: data within the window, or the end.
    pub(crate) fn is_ready(&self) -> bool {
        self.state == SendState::Open
            && if self.queued > 0 { self.window.available() > 0 } else { self.ending.is_some() }
    }

    /// Takes up to `n` bytes off the queue's front piece.
    pub(crate) fn take(&mut self, n: usize) -> Bytes {
        let Some(front) = self.queue.front_mut() else {
            return Bytes::new();
        };
        let piece =
            if front.len() <= n { self.queue.pop_front().unwrap_or_default() } else { front.split_to(n) };
        self.queued -= piece.remaining();
        self.looks = 0;
        piece
    }

    /// Drops everything that has not been written.
    pub(crate) fn discard(&mut self) {
        self.queue = VecDeque::new();
        self.queued = 0;
        self.ending = None;
    }
}
