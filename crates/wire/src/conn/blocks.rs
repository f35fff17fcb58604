//! Header blocks (RFC 9113 §4.3, §6.10): assembled from their frames, decoded, and dispatched.
//!
//! A block that is too large to keep is discarded as it arrives and fails only its call: HPACK's state belongs to the
//! connection, so the block is still read, up to [`MAX_ENCODED`](Connection::MAX_ENCODED).

use std::time::Instant;

use bytes::BytesMut;

use super::{Connection, ConnectionError, Side, Timer, receive::Handled};
use crate::{
    fields::HeaderBlock,
    frame::ErrorCode,
    hpack::{DecodeError, Discard},
};

/// A header block of which CONTINUATION frames are still to come (§6.10).
pub(super) struct HeaderAssembly {
    pub(super) stream: u32,
    end_stream: bool,
    content: Content,
    /// The encoded bytes so far.
    encoded: usize,
    continuations: u32,
    /// The number of empty CONTINUATION frames.
    empty: u32,
}

/// What is done with the bytes of a block.
enum Content {
    Kept(BytesMut),
    /// Too many to keep: discarded as they arrive.
    Discarded(Discard),
}

impl HeaderAssembly {
    /// The bytes that are held.
    pub(super) fn len(&self) -> usize {
        match &self.content {
            Content::Kept(block) => block.len(),
            Content::Discarded(discard) => discard.held(),
        }
    }
}

impl Connection {
    /// The encoded size of a block past which the connection ends. Far more than any legitimate message or metadata,
    /// and a few milliseconds of work.
    const MAX_ENCODED: usize = 1024 * 1024;
    /// How many times the limit of the header list a block may measure and still be kept: no list within the limit
    /// takes more, even in the most wasteful encoding.
    const KEPT_FACTOR: usize = 4;
    /// Each 16 KiB and each 256 fields that are discarded count as much as a frame that carries nothing: by default 16
    /// MiB and 256,000 fields a second are forgiven, which take a few percent of a core.
    const DISCARDED_BYTES: f64 = 16.0 * 1024.0;
    const DISCARDED_FIELDS: f64 = 256.0;

    /// Begins a header block: HEADERS without END_HEADERS.
    pub(super) fn begin_block(&mut self, stream: u32, fragment: &[u8], end_stream: bool, now: Instant) {
        self.await_header_block(now);
        self.assembly = Some(HeaderAssembly {
            stream,
            end_stream,
            content: Content::Kept(BytesMut::from(fragment)),
            encoded: fragment.len(),
            continuations: 0,
            empty: 0,
        });
    }

    pub(super) fn continue_block(&mut self, fragment: &[u8], end_headers: bool, now: Instant) -> Handled {
        let Some(mut assembly) = self.assembly.take() else {
            return Err(ConnectionError::peer(
                ErrorCode::PROTOCOL_ERROR,
                "CONTINUATION without a header block before it (RFC 9113 §6.10)",
            ));
        };
        let kept = self.config.connection.max_header_list_size as usize * Self::KEPT_FACTOR;
        assembly.encoded += fragment.len();
        assembly.continuations += 1;
        assembly.empty += u32::from(fragment.is_empty());
        let without_end = assembly.encoded > Self::MAX_ENCODED.max(kept);
        if without_end || assembly.empty > self.config.connection.max_continuations {
            return Err(ConnectionError::peer(ErrorCode::ENHANCE_YOUR_CALM, "an endless header block"));
        }
        if assembly.continuations > self.config.connection.max_continuations {
            self.count_idle_frame(now)?;
        }
        let id = assembly.stream;
        match &mut assembly.content {
            Content::Kept(block) if block.len() + fragment.len() <= kept => block.extend_from_slice(fragment),
            Content::Kept(block) => {
                let mut discard = Discard::new();
                let block = std::mem::take(block);
                self.discard(&mut discard, id, &block, now)?;
                self.discard(&mut discard, id, fragment, now)?;
                assembly.content = Content::Discarded(discard);
            }
            Content::Discarded(discard) => self.discard(discard, id, fragment, now)?,
        }
        if !end_headers {
            self.assembly = Some(assembly);
            return Ok(None);
        }
        match assembly.content {
            Content::Kept(block) => self.handle_block(id, &block, assembly.end_stream, now),
            Content::Discarded(discard) => {
                let block = discard.finish(&self.decoder).map_err(|error| undecodable(id, error))?;
                self.handle_fields(id, block, assembly.end_stream, now)
            }
        }
    }

    fn discard(
        &mut self,
        discard: &mut Discard,
        id: u32,
        bytes: &[u8],
        now: Instant,
    ) -> Result<(), ConnectionError> {
        let before = discard.fields();
        discard.feed(&mut self.decoder, bytes).map_err(|error| undecodable(id, error))?;
        let fields = discard.fields() - before;
        let cost = bytes.len() as f64 / Self::DISCARDED_BYTES + fields as f64 / Self::DISCARDED_FIELDS;
        self.spend_idle_frames(cost, now)
    }

    /// Starts the timer of a header block of which at least the first bytes of a frame have come: it must be complete
    /// in time.
    pub(super) fn await_header_block(&mut self, now: Instant) {
        if !self.timers.is_set(Timer::HeaderBlock) {
            self.timers.set(Timer::HeaderBlock, now + self.config.connection.handshake_timeout);
        }
    }

    /// Handles a complete header block. It is always decoded, even if it is then ignored: HPACK's state belongs to the
    /// connection (§4.3).
    pub(super) fn handle_block(&mut self, id: u32, block: &[u8], end_stream: bool, now: Instant) -> Handled {
        let block = self.decoder.decode(block).map_err(|error| undecodable(id, error))?;
        self.handle_fields(id, block, end_stream, now)
    }

    fn handle_fields(&mut self, id: u32, block: HeaderBlock, end_stream: bool, now: Instant) -> Handled {
        self.timers.stop(Timer::HeaderBlock);
        if let Some(key) = self.streams.find(id) {
            return match self.side {
                Side::Server => self.handle_request_trailers(key, &block, end_stream, now),
                Side::Client => self.handle_response_block(key, block, end_stream, now),
            };
        }
        self.idle_frames.forgive(Self::USEFUL_FRAME_FORGIVES);
        if self.is_idle(id) {
            return match self.side {
                Side::Server => self.handle_request(id, block, end_stream, now),
                Side::Client => Err(ConnectionError::peer(
                    ErrorCode::PROTOCOL_ERROR,
                    format!("HEADERS on stream {id}, which was never opened (RFC 9113 §5.1)"),
                )),
            };
        }
        if self.side == Side::Client || self.streams.was_reset(id) || self.is_past_last_stream(id) {
            return Ok(None);
        }
        Err(ConnectionError::peer(
            ErrorCode::STREAM_CLOSED,
            format!("HEADERS on stream {id}, which has ended (RFC 9113 §5.1)"),
        ))
    }
}

fn undecodable(id: u32, error: DecodeError) -> ConnectionError {
    let code = if error.is_excessive() { ErrorCode::ENHANCE_YOUR_CALM } else { ErrorCode::COMPRESSION_ERROR };
    ConnectionError::peer(code, format!("header block of stream {id}: {error} (RFC 9113 §4.3)"))
}
