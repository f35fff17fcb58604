use std::fmt;

/// An HTTP/2 error code (RFC 9113 §7), as RST_STREAM and GOAWAY carry it.
///
/// Codes that the RFC does not name are kept as received; §7 says to treat them like `INTERNAL_ERROR`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorCode(pub u32);

impl ErrorCode {
    /// Nothing went wrong: a graceful end.
    pub const NO_ERROR: Self = Self(0x0);
    /// The peer broke the protocol, and no more specific code fits.
    pub const PROTOCOL_ERROR: Self = Self(0x1);
    /// The sender of the code failed internally.
    pub const INTERNAL_ERROR: Self = Self(0x2);
    /// The peer exceeded a flow-control window or made one overflow.
    pub const FLOW_CONTROL_ERROR: Self = Self(0x3);
    /// A SETTINGS frame was not acknowledged in time.
    pub const SETTINGS_TIMEOUT: Self = Self(0x4);
    /// A frame came for a stream that was half-closed already.
    pub const STREAM_CLOSED: Self = Self(0x5);
    /// A frame had a size that is not allowed.
    pub const FRAME_SIZE_ERROR: Self = Self(0x6);
    /// The stream was refused before any of it was processed: safe to retry.
    pub const REFUSED_STREAM: Self = Self(0x7);
    /// The stream is no longer wanted.
    pub const CANCEL: Self = Self(0x8);
    /// The HPACK state of the connection is lost.
    pub const COMPRESSION_ERROR: Self = Self(0x9);
    /// A CONNECT tunnel failed.
    pub const CONNECT_ERROR: Self = Self(0xa);
    /// The peer causes more load than it is worth.
    pub const ENHANCE_YOUR_CALM: Self = Self(0xb);
    /// The transport's security is too weak.
    pub const INADEQUATE_SECURITY: Self = Self(0xc);
    /// The request must be made over HTTP/1.1.
    pub const HTTP_1_1_REQUIRED: Self = Self(0xd);

    /// The RFC's name for the code, or `None` if it has none.
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::NO_ERROR => "NO_ERROR",
            Self::PROTOCOL_ERROR => "PROTOCOL_ERROR",
            Self::INTERNAL_ERROR => "INTERNAL_ERROR",
            Self::FLOW_CONTROL_ERROR => "FLOW_CONTROL_ERROR",
            Self::SETTINGS_TIMEOUT => "SETTINGS_TIMEOUT",
            Self::STREAM_CLOSED => "STREAM_CLOSED",
            Self::FRAME_SIZE_ERROR => "FRAME_SIZE_ERROR",
            Self::REFUSED_STREAM => "REFUSED_STREAM",
            Self::CANCEL => "CANCEL",
            Self::COMPRESSION_ERROR => "COMPRESSION_ERROR",
            Self::CONNECT_ERROR => "CONNECT_ERROR",
            Self::ENHANCE_YOUR_CALM => "ENHANCE_YOUR_CALM",
            Self::INADEQUATE_SECURITY => "INADEQUATE_SECURITY",
            Self::HTTP_1_1_REQUIRED => "HTTP_1_1_REQUIRED",
            _ => return None,
        })
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "error code {:#x}", self.0),
        }
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
