use super::window::RecvWindow;
use crate::frame::ErrorCode;

/// The half of a stream that the peer writes.
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
    /// What `content-length` says is still to come (RFC 9113 §8.1.1).
    pub(crate) content_left: Option<u64>,
    /// The peer pads its frames.
    pub(crate) padded: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecvState {
    AwaitingHead,
    Open,
    Ended,
}

impl RecvHalf {
    pub(crate) fn new(state: RecvState, window: u32) -> Self {
        Self { state, window: RecvWindow::new(window, window), content_left: None, padded: false }
    }

    /// Counts data against `content-length`, and holds the end against it.
    pub(crate) fn count(&mut self, len: usize, end: bool) -> Result<(), (ErrorCode, &'static str)> {
        let Some(left) = &mut self.content_left else {
            return Ok(());
        };
        let rest = left.checked_sub(len as u64);
        match rest {
            Some(rest) if !end || rest == 0 => {
                *left = rest;
                Ok(())
            }
            _ => Err((
                ErrorCode::PROTOCOL_ERROR,
                "the data's length differs from content-length (RFC 9113 §8.1.1)",
            )),
        }
    }
}
