//! HTTP/2 frames (RFC 9113 §4 and §6): parsing them, checking what can be checked without knowing the connection's
//! state, and writing them.

mod error_code;
mod settings;

use bytes::{BufMut, BytesMut};

pub use error_code::ErrorCode;
pub use settings::{DEFAULT_WINDOW, MAX_MAX_FRAME_SIZE, MAX_WINDOW, MIN_MAX_FRAME_SIZE, Settings};

/// The length of a frame's header (RFC 9113 §4.1).
pub const HEAD_LEN: usize = 9;
/// The connection preface: the first bytes from a client (RFC 9113 §3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The largest stream identifier (RFC 9113 §5.1.1).
pub const MAX_STREAM_ID: u32 = (1 << 31) - 1;

/// Frame types (RFC 9113 §6, RFC 9218 §7.1).
pub mod kind {
    /// Message bytes of a stream.
    pub const DATA: u8 = 0x0;
    /// Starts a header block.
    pub const HEADERS: u8 = 0x1;
    /// RFC 7540's priorities: parsed and ignored.
    pub const PRIORITY: u8 = 0x2;
    /// Ends one stream abnormally.
    pub const RST_STREAM: u8 = 0x3;
    /// Parameters of the connection.
    pub const SETTINGS: u8 = 0x4;
    /// Server push: refused.
    pub const PUSH_PROMISE: u8 = 0x5;
    /// Measures the round trip and checks that the peer is alive.
    pub const PING: u8 = 0x6;
    /// The connection takes no new streams.
    pub const GOAWAY: u8 = 0x7;
    /// Gives flow-control credit.
    pub const WINDOW_UPDATE: u8 = 0x8;
    /// Continues a header block.
    pub const CONTINUATION: u8 = 0x9;
    /// RFC 9218's priority of a stream, sent by a client at any time.
    pub const PRIORITY_UPDATE: u8 = 0x10;
}

/// Frame flags (RFC 9113 §6).
pub mod flag {
    /// DATA, HEADERS: the sender's half of the stream ends with this frame.
    pub const END_STREAM: u8 = 0x1;
    /// SETTINGS, PING: answers the peer's frame.
    pub const ACK: u8 = 0x1;
    /// HEADERS, CONTINUATION: the header block ends with this frame.
    pub const END_HEADERS: u8 = 0x4;
    /// DATA, HEADERS: the payload is padded.
    pub const PADDED: u8 = 0x8;
    /// HEADERS: the payload starts with RFC 7540's priority fields.
    pub const PRIORITY: u8 = 0x20;
}

/// The header of a frame: the nine bytes before its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    /// The length of the payload in bytes.
    pub len: u32,
    /// The frame type, see [`kind`].
    pub kind: u8,
    /// The flags, see [`flag`].
    pub flags: u8,
    /// The stream, 0 for the connection itself. The reserved bit is dropped (§4.1).
    pub stream: u32,
}

impl FrameHead {
    /// Parses a frame header.
    pub fn parse(bytes: &[u8; HEAD_LEN]) -> Self {
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = *bytes;
        Self {
            len: u32::from_be_bytes([0, l0, l1, l2]),
            kind,
            flags,
            stream: u32::from_be_bytes([s0, s1, s2, s3]) & MAX_STREAM_ID,
        }
    }

    /// Writes the frame header.
    pub fn encode(&self, out: &mut BytesMut) {
        out.put_slice(&self.to_bytes());
    }

    pub(crate) fn to_bytes(self) -> [u8; HEAD_LEN] {
        let [_, l0, l1, l2] = self.len.to_be_bytes();
        let [s0, s1, s2, s3] = self.stream.to_be_bytes();
        [l0, l1, l2, self.kind, self.flags, s0, s1, s2, s3]
    }

    /// Whether `flag` is set.
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// The error of a frame that breaks a rule regardless of the connection's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameError {
    /// Whether this is an error of the whole connection, or only of the frame's stream.
    pub connection: bool,
    /// The error code to answer with.
    pub code: ErrorCode,
    /// A description of what was wrong, with the section that says so.
    pub reason: &'static str,
}

impl FrameError {
    pub(crate) const fn connection(code: ErrorCode, reason: &'static str) -> Self {
        Self { connection: true, code, reason }
    }

    pub(crate) const fn stream(code: ErrorCode, reason: &'static str) -> Self {
        Self { connection: false, code, reason }
    }
}

/// A frame other than DATA, whose payload the connection takes by reference itself.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Starts a header block on `FrameHead::stream`.
    Headers {
        /// The HPACK bytes, without padding and priority.
        fragment: &'a [u8],
        /// Whether the block is complete.
        end_headers: bool,
        /// Whether the sender's half ends.
        end_stream: bool,
    },
    /// Continues the header block.
    Continuation {
        /// The HPACK bytes.
        fragment: &'a [u8],
        /// Whether the block is complete.
        end_headers: bool,
    },
    /// RFC 7540's priority, ignored.
    Priority,
    /// Ends the stream.
    Reset {
        /// The error code.
        code: ErrorCode,
    },
    /// New parameters.
    Settings(Settings),
    /// The peer has applied ours.
    SettingsAck,
    /// A pushed stream.
    PushPromise,
    /// A ping, or the answer to ours.
    Ping {
        /// The payload to send back.
        payload: [u8; 8],
        /// Whether it answers ours.
        ack: bool,
    },
    /// The peer accepts no new streams.
    GoAway {
        /// Streams above it were not processed.
        last_stream: u32,
        /// The error code.
        code: ErrorCode,
        /// Free text for humans.
        debug: &'a [u8],
    },
    /// Credit for a stream or the connection.
    WindowUpdate {
        /// The number of bytes, 1 to 2³¹−1.
        increment: u32,
    },
    /// RFC 9218's priority for a stream.
    PriorityUpdate {
        /// The stream it is for.
        stream: u32,
        /// The structured field, such as `u=1, i`.
        value: &'a [u8],
    },
    /// An unknown type, to be skipped (§4.1).
    Unknown,
}

impl<'a> Frame<'a> {
    /// Parses the payload of a frame whose header is `head`, and checks its size and stream identifier.
    pub fn parse(head: FrameHead, payload: &'a [u8]) -> Result<Self, FrameError> {
        Ok(match head.kind {
            kind::HEADERS => {
                on_stream(head)?;
                let mut fragment = unpad(head, payload)?;
                if head.has(flag::PRIORITY) {
                    let Some((priority, rest)) = fragment.split_first_chunk::<5>() else {
                        return Err(FrameError::connection(
                            ErrorCode::FRAME_SIZE_ERROR,
                            "HEADERS too short for its priority fields (RFC 9113 §6.2)",
                        ));
                    };
                    depends_on_itself(head, priority)?;
                    fragment = rest;
                }
                Self::Headers {
                    fragment,
                    end_headers: head.has(flag::END_HEADERS),
                    end_stream: head.has(flag::END_STREAM),
                }
            }
            kind::CONTINUATION => {
                on_stream(head)?;
                Self::Continuation { fragment: payload, end_headers: head.has(flag::END_HEADERS) }
            }
            kind::PRIORITY => {
                on_stream(head)?;
                let Ok(priority) = payload.try_into() else {
                    return Err(FrameError::stream(
                        ErrorCode::FRAME_SIZE_ERROR,
                        "PRIORITY is not 5 bytes long (RFC 9113 §6.3)",
                    ));
                };
                depends_on_itself(head, priority)?;
                Self::Priority
            }
            kind::RST_STREAM => {
                on_stream(head)?;
                let code = fixed(payload, "RST_STREAM is not 4 bytes long (RFC 9113 §6.4)")?;
                Self::Reset { code: ErrorCode(u32::from_be_bytes(code)) }
            }
            kind::SETTINGS => {
                on_connection(head)?;
                if !head.has(flag::ACK) {
                    Self::Settings(Settings::parse(payload)?)
                } else if payload.is_empty() {
                    Self::SettingsAck
                } else {
                    return Err(FrameError::connection(
                        ErrorCode::FRAME_SIZE_ERROR,
                        "SETTINGS acknowledgement with a payload (RFC 9113 §6.5)",
                    ));
                }
            }
            kind::PUSH_PROMISE => Self::PushPromise,
            kind::PING => {
                on_connection(head)?;
                let payload = fixed(payload, "PING is not 8 bytes long (RFC 9113 §6.7)")?;
                Self::Ping { payload, ack: head.has(flag::ACK) }
            }
            kind::GOAWAY => {
                on_connection(head)?;
                let Some((fields, debug)) = payload.split_first_chunk::<8>() else {
                    return Err(FrameError::connection(
                        ErrorCode::FRAME_SIZE_ERROR,
                        "GOAWAY is shorter than 8 bytes (RFC 9113 §6.8)",
                    ));
                };
                let [s0, s1, s2, s3, c0, c1, c2, c3] = *fields;
                Self::GoAway {
                    last_stream: u32::from_be_bytes([s0, s1, s2, s3]) & MAX_STREAM_ID,
                    code: ErrorCode(u32::from_be_bytes([c0, c1, c2, c3])),
                    debug,
                }
            }
            kind::WINDOW_UPDATE => {
                let increment = fixed(payload, "WINDOW_UPDATE is not 4 bytes long (RFC 9113 §6.9)")?;
                let increment = u32::from_be_bytes(increment) & MAX_WINDOW;
                if increment == 0 {
                    let reason = "WINDOW_UPDATE with an increment of 0 (RFC 9113 §6.9)";
                    let connection = head.stream == 0;
                    return Err(FrameError { connection, code: ErrorCode::PROTOCOL_ERROR, reason });
                }
                Self::WindowUpdate { increment }
            }
            kind::PRIORITY_UPDATE => {
                on_connection(head)?;
                let Some((stream, value)) = payload.split_first_chunk::<4>() else {
                    return Err(FrameError::connection(
                        ErrorCode::FRAME_SIZE_ERROR,
                        "PRIORITY_UPDATE is shorter than 4 bytes (RFC 9218 §7.1)",
                    ));
                };
                let stream = u32::from_be_bytes(*stream) & MAX_STREAM_ID;
                if stream == 0 {
                    return Err(FrameError::connection(
                        ErrorCode::PROTOCOL_ERROR,
                        "PRIORITY_UPDATE for stream 0 (RFC 9218 §7.1)",
                    ));
                }
                Self::PriorityUpdate { stream, value }
            }
            _ => Self::Unknown,
        })
    }
}

/// Returns where the data starts in the payload of a DATA frame, and its length.
pub(crate) fn data_range(head: FrameHead, payload: &[u8]) -> Result<(usize, usize), FrameError> {
    on_stream(head)?;
    let data = unpad(head, payload)?;
    Ok((usize::from(head.has(flag::PADDED)), data.len()))
}

fn on_stream(head: FrameHead) -> Result<(), FrameError> {
    if head.stream == 0 {
        return Err(FrameError::connection(
            ErrorCode::PROTOCOL_ERROR,
            "a frame that belongs to a stream came on stream 0 (RFC 9113 §6)",
        ));
    }
    Ok(())
}

fn on_connection(head: FrameHead) -> Result<(), FrameError> {
    if head.stream != 0 {
        return Err(FrameError::connection(
            ErrorCode::PROTOCOL_ERROR,
            "a frame that belongs to the connection came on a stream (RFC 9113 §6)",
        ));
    }
    Ok(())
}

fn fixed<const N: usize>(payload: &[u8], reason: &'static str) -> Result<[u8; N], FrameError> {
    payload.try_into().map_err(|_| FrameError::connection(ErrorCode::FRAME_SIZE_ERROR, reason))
}

/// Strips the padding (§6.1, §6.2).
fn unpad(head: FrameHead, payload: &[u8]) -> Result<&[u8], FrameError> {
    if !head.has(flag::PADDED) {
        return Ok(payload);
    }
    let Some((&padding, rest)) = payload.split_first() else {
        return Err(FrameError::connection(
            ErrorCode::FRAME_SIZE_ERROR,
            "a padded frame without its padding length (RFC 9113 §6.1)",
        ));
    };
    rest.len().checked_sub(usize::from(padding)).map(|len| &rest[..len]).ok_or(FrameError::connection(
        ErrorCode::PROTOCOL_ERROR,
        "padding is longer than the payload (RFC 9113 §6.1)",
    ))
}

/// Rejects a stream that depends on itself. RFC 7540 §5.3.1 made this an error; a peer that still sends priorities and
/// gets this wrong is broken.
fn depends_on_itself(head: FrameHead, priority: &[u8; 5]) -> Result<(), FrameError> {
    let [d0, d1, d2, d3, _] = *priority;
    if u32::from_be_bytes([d0, d1, d2, d3]) & MAX_STREAM_ID == head.stream {
        return Err(FrameError::stream(
            ErrorCode::PROTOCOL_ERROR,
            "a stream depends on itself (RFC 7540 §5.3.1)",
        ));
    }
    Ok(())
}

pub(crate) fn encode_reset(out: &mut BytesMut, stream: u32, code: ErrorCode) {
    FrameHead { len: 4, kind: kind::RST_STREAM, flags: 0, stream }.encode(out);
    out.put_u32(code.0);
}

pub(crate) fn encode_settings_ack(out: &mut BytesMut) {
    FrameHead { len: 0, kind: kind::SETTINGS, flags: flag::ACK, stream: 0 }.encode(out);
}

pub(crate) fn encode_ping(out: &mut BytesMut, payload: [u8; 8], ack: bool) {
    let flags = if ack { flag::ACK } else { 0 };
    FrameHead { len: 8, kind: kind::PING, flags, stream: 0 }.encode(out);
    out.put_slice(&payload);
}

pub(crate) fn encode_goaway(out: &mut BytesMut, last_stream: u32, code: ErrorCode, debug: &[u8]) {
    FrameHead { len: 8 + debug.len() as u32, kind: kind::GOAWAY, flags: 0, stream: 0 }.encode(out);
    out.put_u32(last_stream);
    out.put_u32(code.0);
    out.put_slice(debug);
}

pub(crate) fn encode_window_update(out: &mut BytesMut, stream: u32, increment: u32) {
    FrameHead { len: 4, kind: kind::WINDOW_UPDATE, flags: 0, stream }.encode(out);
    out.put_u32(increment);
}
