use bytes::{BufMut, BytesMut};

use super::{ErrorCode, FrameError, FrameHead, kind};

/// The largest flow-control window (RFC 9113 §6.9.1).
pub const MAX_WINDOW: u32 = (1 << 31) - 1;
/// The smallest and the default value of SETTINGS_MAX_FRAME_SIZE (RFC 9113 §6.5.2).
pub const MIN_MAX_FRAME_SIZE: u32 = 1 << 14;
/// The largest value of SETTINGS_MAX_FRAME_SIZE (RFC 9113 §6.5.2).
pub const MAX_MAX_FRAME_SIZE: u32 = (1 << 24) - 1;
/// The initial flow-control window of both sides (RFC 9113 §6.9.2).
pub const DEFAULT_WINDOW: u32 = 65_535;

mod id {
    pub(super) const HEADER_TABLE_SIZE: u16 = 0x1;
    pub(super) const ENABLE_PUSH: u16 = 0x2;
    pub(super) const MAX_CONCURRENT_STREAMS: u16 = 0x3;
    pub(super) const INITIAL_WINDOW_SIZE: u16 = 0x4;
    pub(super) const MAX_FRAME_SIZE: u16 = 0x5;
    pub(super) const MAX_HEADER_LIST_SIZE: u16 = 0x6;
    pub(super) const NO_RFC7540_PRIORITIES: u16 = 0x9;
}

/// The parameters of one SETTINGS frame (RFC 9113 §6.5.2); `None` for those it does not contain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The size of the dynamic table that the sender's HPACK decoder keeps, in bytes.
    pub header_table_size: Option<u32>,
    /// Whether the sender accepts pushed streams.
    pub enable_push: Option<bool>,
    /// The number of streams that the receiver may have open at once.
    pub max_concurrent_streams: Option<u32>,
    /// The initial window of a new stream: the bytes that the receiver may send on it.
    pub initial_window_size: Option<u32>,
    /// The largest frame payload that the sender accepts, in bytes.
    pub max_frame_size: Option<u32>,
    /// The largest header list that the sender accepts, counted as in RFC 9113 §6.5.2.
    pub max_header_list_size: Option<u32>,
    /// Whether the sender has abandoned RFC 7540's priorities (RFC 9218 §2.1).
    pub no_rfc7540_priorities: Option<bool>,
}

impl Settings {
    /// Parses the payload of a SETTINGS frame that is not an acknowledgement. If a setting appears twice, the last one
    /// counts (§6.5.3); unknown settings are skipped (§6.5.2).
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, FrameError> {
        let mut settings = Self::default();
        let (entries, rest) = payload.as_chunks::<6>();
        if !rest.is_empty() {
            return Err(FrameError::connection(
                ErrorCode::FRAME_SIZE_ERROR,
                "SETTINGS length is not a multiple of 6 (RFC 9113 §6.5)",
            ));
        }
        for &[i0, i1, v0, v1, v2, v3] in entries {
            let value = u32::from_be_bytes([v0, v1, v2, v3]);
            match u16::from_be_bytes([i0, i1]) {
                id::HEADER_TABLE_SIZE => settings.header_table_size = Some(value),
                id::ENABLE_PUSH => {
                    let refusal = "SETTINGS_ENABLE_PUSH is neither 0 nor 1 (RFC 9113 §6.5.2)";
                    settings.enable_push = Some(flag(value, refusal)?);
                }
                id::MAX_CONCURRENT_STREAMS => settings.max_concurrent_streams = Some(value),
                id::INITIAL_WINDOW_SIZE if value > MAX_WINDOW => {
                    return Err(FrameError::connection(
                        ErrorCode::FLOW_CONTROL_ERROR,
                        "SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1 (RFC 9113 §6.5.2)",
                    ));
                }
                id::INITIAL_WINDOW_SIZE => settings.initial_window_size = Some(value),
                id::MAX_FRAME_SIZE if !(MIN_MAX_FRAME_SIZE..=MAX_MAX_FRAME_SIZE).contains(&value) => {
                    return Err(FrameError::connection(
                        ErrorCode::PROTOCOL_ERROR,
                        "SETTINGS_MAX_FRAME_SIZE outside 2^14..2^24-1 (RFC 9113 §6.5.2)",
                    ));
                }
                id::MAX_FRAME_SIZE => settings.max_frame_size = Some(value),
                id::MAX_HEADER_LIST_SIZE => settings.max_header_list_size = Some(value),
                id::NO_RFC7540_PRIORITIES => {
                    let refusal = "SETTINGS_NO_RFC7540_PRIORITIES is neither 0 nor 1 (RFC 9218 §2.1)";
                    settings.no_rfc7540_priorities = Some(flag(value, refusal)?);
                }
                _ => {}
            }
        }
        Ok(settings)
    }

    /// Writes the frame.
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        let entries = [
            (id::HEADER_TABLE_SIZE, self.header_table_size),
            (id::ENABLE_PUSH, self.enable_push.map(u32::from)),
            (id::MAX_CONCURRENT_STREAMS, self.max_concurrent_streams),
            (id::INITIAL_WINDOW_SIZE, self.initial_window_size),
            (id::MAX_FRAME_SIZE, self.max_frame_size),
            (id::MAX_HEADER_LIST_SIZE, self.max_header_list_size),
            (id::NO_RFC7540_PRIORITIES, self.no_rfc7540_priorities.map(u32::from)),
        ];
        let count = entries.iter().filter(|(_, value)| value.is_some()).count();
        FrameHead { len: count as u32 * 6, kind: kind::SETTINGS, flags: 0, stream: 0 }.encode(out);
        for (id, value) in entries {
            if let Some(value) = value {
                out.put_u16(id);
                out.put_u32(value);
            }
        }
    }
}

fn flag(value: u32, refusal: &'static str) -> Result<bool, FrameError> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(FrameError::connection(ErrorCode::PROTOCOL_ERROR, refusal)),
    }
}
