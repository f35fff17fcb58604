//! Writing: header blocks at once, data in turn (RFC 9113 §6.1, §6.2, §6.9; RFC 9218 §10).

use std::time::Instant;

use bytes::Buf;

use super::{Connection, Event, Side};
use crate::{
    fields::Fields,
    frame::{self, ErrorCode, FrameHead, HEAD_LEN, flag, kind},
    stream::{Ending, Payload, SendState, StreamKey},
};

impl Connection {
    /// The size of the output above which a unary answer takes its turn like any other data, so that a peer that does
    /// not read cannot make it grow.
    const DIRECT_OUTPUT_LIMIT: usize = 256 * 1024;

    /// Writes a stream's head. Does nothing if the head has already been sent, or the stream is gone.
    pub fn send_headers(&mut self, key: StreamKey, fields: &dyn Fields, end_stream: bool) {
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        if !stream.send.is_idle() {
            return;
        }
        stream.send.state = if end_stream { SendState::Ended } else { SendState::Open };
        self.write_block(key, fields, end_stream);
        if end_stream {
            self.send_half_ended(key);
        }
    }

    /// Queues data after what the stream has already. With `end_stream`, nothing follows. Does nothing before the head
    /// or after the end.
    pub fn send_data<'a>(&mut self, key: StreamKey, data: impl Into<Payload<'a>>, end_stream: bool) {
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        if !stream.send.takes_data() {
            return;
        }
        let data = data.into();
        let len = data.len();
        if end_stream && stream.send.queued() == 0 && len < Payload::COPY_BELOW && self.fits(key, len) {
            // This is usually the one message of a call: it goes at once.
            return self.write_last(key, data);
        }
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        self.queued += len;
        stream.send.push(data);
        if end_stream {
            stream.send.state = SendState::Ending(Ending::Data);
        }
        self.make_ready(key);
    }

    /// Whether the peer's windows and the output have room for a frame of `len` bytes that need not take its turn.
    fn fits(&self, key: StreamKey, len: usize) -> bool {
        self.streams.get(key).is_some_and(|stream| len <= stream.send.window.available())
            && len <= self.send_window.available()
            && len <= self.peer.max_frame_size as usize
            && self.output.remaining() < Self::DIRECT_OUTPUT_LIMIT
    }

    /// Writes a stream's last data; see [`fits`](Self::fits).
    fn write_last(&mut self, key: StreamKey, data: Payload<'_>) {
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        let len = data.len();
        stream.send.window.consume(len);
        stream.send.state = SendState::Ended;
        self.send_window.consume(len);
        self.ping_strikes.forgiven = true;
        self.idle_frames.forgive(Self::USEFUL_FRAME_FORGIVES);
        FrameHead { len: len as u32, kind: kind::DATA, flags: flag::END_STREAM, stream: key.id.0 }
            .encode(&mut self.output.tail);
        self.output.push(data);
        self.send_half_ended(key);
    }

    /// Ends the stream with trailers, after the data that is queued.
    pub fn send_trailers(&mut self, key: StreamKey, fields: Box<dyn Fields + Send>) {
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        if !stream.send.takes_data() {
            return;
        }
        stream.send.state = SendState::Ending(Ending::Trailers(fields));
        self.make_ready(key);
    }

    /// Sends head, data and trailers in one go: a whole unary response. Where windows allow, it goes straight into the
    /// output, without queue or allocation.
    pub fn respond<'a, T>(
        &mut self,
        key: StreamKey,
        head: &dyn Fields,
        data: impl Into<Payload<'a>>,
        trailers: T,
    ) where
        T: Fields + Send + 'static,
    {
        let data = data.into();
        let len = data.len();
        if self.streams.get(key).is_none_or(|stream| !stream.send.is_idle()) {
            return;
        }
        if !self.fits(key, len) {
            self.send_headers(key, head, false);
            self.send_data(key, data, false);
            self.send_trailers(key, Box::new(trailers));
            return;
        }
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        stream.send.window.consume(len);
        stream.send.state = SendState::Ended;
        self.send_window.consume(len);
        self.idle_frames.forgive(Self::USEFUL_FRAME_FORGIVES);
        self.write_block(key, head, false);
        FrameHead { len: len as u32, kind: kind::DATA, flags: 0, stream: key.id.0 }
            .encode(&mut self.output.tail);
        self.output.push(data);
        self.write_block(key, &trailers, true);
        self.send_half_ended(key);
    }

    /// Lets streams write, the most urgent first and those of equal urgency in turn, until about `budget` bytes are in
    /// the output or nothing more may be sent. A turn is one frame.
    pub fn transmit(&mut self, now: Instant, budget: usize) {
        self.note_idle(now);
        while self.output.remaining() < budget {
            let Some(index) = self.schedule.pop() else { break };
            if let Some(key) = self.streams.at(index) {
                self.take_turn(key);
            }
        }
    }

    fn take_turn(&mut self, key: StreamKey) {
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        let queued = stream.send.queued();
        let room = stream.send.window.available().min(self.peer.max_frame_size as usize);
        let len = queued.min(room).min(self.send_window.available());
        if queued > 0 && len == 0 {
            // If the stream's window is open, only the connection's can be the reason.
            if room > 0 {
                self.stalled.push(key.index);
            } else {
                stream.send.scheduled = false;
            }
            return;
        }
        stream.send.scheduled = false;
        let last = len == queued && matches!(stream.send.state, SendState::Ending(Ending::Data));
        if len > 0 || last {
            let flags = if last { flag::END_STREAM } else { 0 };
            let head = FrameHead { len: len as u32, kind: kind::DATA, flags, stream: key.id.0 };
            head.encode(&mut self.output.tail);
            let mut left = len;
            while left > 0 {
                let piece = stream.send.take(left);
                left -= piece.len();
                self.output.push(piece);
            }
            stream.send.window.consume(len);
            self.send_window.consume(len);
            self.queued -= len;
            self.ping_strikes.forgiven = true;
            self.idle_frames.forgive(Self::USEFUL_FRAME_FORGIVES);
        }
        if stream.send.held_back && stream.send.queued() <= self.config.connection.max_send_buffer / 2 {
            stream.send.held_back = false;
            self.events.push_back(Event::Writable { key });
        }
        if stream.send.queued() == 0 && matches!(stream.send.state, SendState::Ending(_)) {
            let ending = std::mem::replace(&mut stream.send.state, SendState::Ended);
            if let SendState::Ending(Ending::Trailers(fields)) = ending {
                self.write_block(key, &*fields, true);
            }
            self.send_half_ended(key);
        } else {
            self.make_ready(key);
        }
    }

    /// Puts a stream that could write into the schedule, once.
    pub(super) fn make_ready(&mut self, key: StreamKey) {
        if let Some(stream) = self.streams.get_mut(key)
            && !stream.send.scheduled
            && stream.send.is_ready()
        {
            stream.send.scheduled = true;
            self.schedule.push(key.index, stream.priority);
        }
    }

    /// Reschedules the streams that waited for the connection's window, now open again: they go first, in the old
    /// order.
    pub(super) fn unstall(&mut self) {
        for index in std::mem::take(&mut self.stalled).into_iter().rev() {
            if let Some(key) = self.streams.at(index)
                && let Some(stream) = self.streams.get(key)
            {
                self.schedule.push_front(index, stream.priority);
            }
        }
    }

    /// Handles the end of our half, once END_STREAM has been written.
    fn send_half_ended(&mut self, key: StreamKey) {
        let Some(stream) = self.streams.get(key) else {
            return;
        };
        if stream.recv.has_ended() {
            self.finish(key);
        } else if self.side == Side::Server {
            // The response is complete before the request: the rest of that is not wanted (RFC 9113 §8.1).
            frame::encode_reset(&mut self.output.tail, key.id.0, ErrorCode::NO_ERROR);
            self.streams.remember_reset(key.id);
            self.finish(key);
        }
    }

    /// Writes a header block as HEADERS and, where it is larger than a frame, CONTINUATION (§6.10).
    fn write_block(&mut self, key: StreamKey, fields: &dyn Fields, end_stream: bool) {
        self.ping_strikes.forgiven = true;
        let out = &mut self.output.tail;
        let start = out.len();
        out.extend_from_slice(&[0; HEAD_LEN]);
        fields.encode(&mut self.encoder.begin(out));
        let len = out.len() - start - HEAD_LEN;
        let max = self.peer.max_frame_size as usize;
        let end_stream = if end_stream { flag::END_STREAM } else { 0 };
        if len <= max {
            let flags = flag::END_HEADERS | end_stream;
            let head = FrameHead { len: len as u32, kind: kind::HEADERS, flags, stream: key.id.0 };
            out[start..start + HEAD_LEN].copy_from_slice(&head.to_bytes());
            return;
        }
        let mut block = out.split_off(start);
        block.advance(HEAD_LEN);
        let (mut kind, mut flags) = (kind::HEADERS, end_stream);
        while !block.is_empty() {
            let part = block.split_to(block.len().min(max));
            if block.is_empty() {
                flags |= flag::END_HEADERS;
            }
            FrameHead { len: part.len() as u32, kind, flags, stream: key.id.0 }.encode(out);
            out.extend_from_slice(&part);
            (kind, flags) = (kind::CONTINUATION, 0);
        }
    }
}
