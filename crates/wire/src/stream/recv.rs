use super::{StreamError, window::RecvWindow};

/// The receiving half of a stream, which the peer writes.
///
/// ```text
///                   HEADERS              END_STREAM
///   AwaitingHead ──────────────▶ Open ──────────────▶ Ended
///        └──────── HEADERS with END_STREAM ────────────▲
/// ```
/// A client's stream awaits its response head; a server's is made by the request head and starts `Open`.
/// A 1xx response leaves `AwaitingHead` as it is.
#[derive(Debug)]
pub(crate) struct RecvHalf {
    pub(crate) state: RecvState,
    pub(crate) window: RecvWindow,
    /// Whether the peer pads its frames.
    pub(crate) padded: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum RecvState {
    AwaitingHead,
    Open {
        /// The bytes still to come according to `content-length` (RFC 9113 §8.1.1).
        content_left: Option<u64>,
    },
    Ended,
}

impl RecvHalf {
    pub(crate) fn new(state: RecvState, window: u32) -> Self {
        Self { state, window: RecvWindow::new(window, window), padded: false }
    }

    /// Whether END_STREAM has come.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.state, RecvState::Ended)
    }

    /// Counts data against `content-length`, and checks that at the end.
    pub(crate) fn count(&mut self, len: usize, end: bool) -> Result<(), StreamError> {
        let RecvState::Open { content_left: Some(left) } = &mut self.state else {
            return Ok(());
        };
        match left.checked_sub(len as u64) {
            Some(rest) if !end || rest == 0 => {
                *left = rest;
                Ok(())
            }
            _ => {
                Err(StreamError::protocol("the data's length differs from content-length (RFC 9113 §8.1.1)"))
            }
        }
    }
}
