use crate::frame::ErrorCode;

/// A violation by the peer on one stream, answered with RST_STREAM (RFC 9113 §5.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamError {
    pub(crate) code: ErrorCode,
    /// A description of what was wrong, with the section that says so.
    pub(crate) reason: &'static str,
}

impl StreamError {
    pub(crate) const fn new(code: ErrorCode, reason: &'static str) -> Self {
        Self { code, reason }
    }

    /// A malformed or misplaced message (§8.1.1).
    pub(crate) const fn protocol(reason: &'static str) -> Self {
        Self::new(ErrorCode::PROTOCOL_ERROR, reason)
    }

    /// A frame after the end of a stream (§5.1).
    pub(crate) const fn closed(reason: &'static str) -> Self {
        Self::new(ErrorCode::STREAM_CLOSED, reason)
    }
}
