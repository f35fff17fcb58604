//! Length-prefixed messages in a stream of bytes (gRPC over HTTP/2, "Length-Prefixed-Message").

use std::fmt;
use std::mem;

use bytes::{Buf, Bytes, BytesMut};

use crate::chunks::Chunks;

/// The bytes in front of each message: one of flags, four of length.
pub const PREFIX_LEN: usize = 5;

/// A chunk up to this size is copied when it has to wait behind others: keeping a reference would hold on to
/// the whole buffer it was read into.
const SMALL_CHUNK: usize = 512;

/// The flag of a frame that holds the trailers of a gRPC-Web response.
pub(crate) const TRAILERS_FLAG: u8 = 0x80;

/// The prefix of a message of `len` bytes.
pub fn prefix(compressed: bool, len: u32) -> [u8; PREFIX_LEN] {
    let [a, b, c, d] = len.to_be_bytes();
    [u8::from(compressed), a, b, c, d]
}

/// A message as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Whether the payload is compressed, in the way that `grpc-encoding` names.
    pub compressed: bool,
    /// The payload, still compressed.
    pub payload: Bytes,
}

/// Why a stream of bytes is not one of messages. Nothing can be read from it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FramingError {
    /// The message is longer than this side takes (RESOURCE_EXHAUSTED).
    TooLarge {
        /// The length that the prefix announces.
        len: usize,
        /// The most that is allowed.
        max: usize,
    },
    /// The flags are neither 0 nor 1 (INTERNAL).
    BadFlag(u8),
}

impl fmt::Display for FramingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { len, max } => {
                write!(f, "received message larger than max ({len} vs. {max})")
            }
            Self::BadFlag(flag) => {
                write!(f, "received message with compression flag {flag}, which is neither 0 nor 1")
            }
        }
    }
}

impl std::error::Error for FramingError {}

/// Takes messages out of the DATA of one direction of a stream.
///
/// Memory follows the bytes that came: what a prefix announces is not allocated ahead. A message that lies
/// inside one chunk comes out as a slice of it.
#[derive(Debug)]
pub struct Deframer {
    max: usize,
    /// The bytes that come next, then those after.
    front: Bytes,
    rest: Chunks,
    /// Bytes in the two above.
    queued: usize,
    state: State,
    trailers: Trailers,
}

/// A frame of [`TRAILERS_FLAG`] among the messages.
#[derive(Debug, Default)]
enum Trailers {
    /// There may be none.
    #[default]
    Refused,
    /// One may come; nothing follows it.
    Awaited,
    /// Boxed: few calls have them.
    Read(Box<Bytes>),
}

#[derive(Debug)]
enum State {
    /// Between messages, or inside a prefix.
    Prefix,
    /// Inside a message: its beginning.
    Body {
        flag: u8,
        len: usize,
        read: BytesMut,
    },
    Failed(FramingError),
}

impl Deframer {
    /// A deframer that refuses messages longer than `max_message_size` bytes.
    pub fn new(max_message_size: usize) -> Self {
        Self {
            max: max_message_size,
            front: Bytes::new(),
            rest: Chunks::default(),
            queued: 0,
            state: State::Prefix,
            trailers: Trailers::Refused,
        }
    }

    /// As [`new`](Self::new), of a body that ends with its trailers.
    pub(crate) fn with_trailers(max_message_size: usize) -> Self {
        Self { trailers: Trailers::Awaited, ..Self::new(max_message_size) }
    }

    /// The trailers, once all messages were taken.
    pub(crate) fn trailers(&self) -> Option<&Bytes> {
        match &self.trailers {
            Trailers::Read(trailers) => Some(trailers),
            Trailers::Refused | Trailers::Awaited => None,
        }
    }

    /// Adds the payload of a DATA frame. After an error it is dropped.
    pub fn push(&mut self, data: Bytes) {
        if data.is_empty() || matches!(self.state, State::Failed(_)) {
            return;
        }
        if self.queued == 0 {
            self.queued = data.len();
            self.front = data;
            return;
        }
        self.queued += data.len();
        if data.len() <= SMALL_CHUNK {
            self.rest.push_copy(&data);
        } else {
            self.rest.push(data);
        }
    }

    /// The next message, `None` if it has not come whole.
    ///
    /// # Errors
    ///
    /// A prefix that cannot be accepted. The error stays: every further call returns it.
    #[allow(clippy::should_implement_trait)] // an iterator would hide that more may come after `None`
    pub fn next(&mut self) -> Result<Option<Message>, FramingError> {
        loop {
            match &mut self.state {
                State::Failed(error) => return Err(*error),
                State::Prefix => {
                    if self.queued < PREFIX_LEN {
                        // A few bytes may wait for long, and would hold on to all that was read with them.
                        self.front = Bytes::copy_from_slice(&self.front);
                        return Ok(None);
                    }
                    let (flag, len) = self.read_prefix()?;
                    if self.front.len() >= len {
                        let payload = self.take(len);
                        match self.framed(flag, payload) {
                            None => continue,
                            message => return Ok(message),
                        }
                    }
                    self.state = State::Body { flag, len, read: BytesMut::new() };
                }
                State::Body { .. } => match self.read_body() {
                    None => return Ok(None),
                    Some((flag, payload)) => match self.framed(flag, payload) {
                        None => continue,
                        message => return Ok(message),
                    },
                },
            }
        }
    }

    /// What a whole frame is. `None`: the trailers, which are kept.
    fn framed(&mut self, flag: u8, payload: Bytes) -> Option<Message> {
        if flag == TRAILERS_FLAG {
            self.trailers = Trailers::Read(Box::new(payload));
            return None;
        }
        Some(Message { compressed: flag == 1, payload })
    }

    /// Bytes held: of the message being read and of what follows it.
    pub fn buffered(&self) -> usize {
        match &self.state {
            State::Body { read, .. } => self.queued + read.len(),
            State::Prefix | State::Failed(_) => self.queued,
        }
    }

    /// Bytes of the message being read that have not come yet; 0 if its length is not known yet. Meaningful
    /// after [`next`](Self::next) returned `None`.
    pub fn wanted(&self) -> usize {
        match &self.state {
            State::Body { len, read, .. } => len.saturating_sub(read.len() + self.queued),
            State::Prefix | State::Failed(_) => 0,
        }
    }

    /// Whether nothing is held. If it is not so at the end of the stream, the last message was cut short
    /// (INTERNAL).
    pub fn is_empty(&self) -> bool {
        matches!(self.state, State::Prefix) && self.queued == 0
    }

    /// Takes the prefix off; at least its bytes are queued.
    fn read_prefix(&mut self) -> Result<(u8, usize), FramingError> {
        let mut prefix = [0; PREFIX_LEN];
        if let Some(whole) = self.front.first_chunk() {
            prefix = *whole;
            self.advance(PREFIX_LEN);
        } else {
            for byte in &mut prefix {
                *byte = self.front[0];
                self.advance(1);
            }
        }
        let [flag, length @ ..] = prefix;
        let len = u32::from_be_bytes(length) as usize;
        let known = match flag {
            0 | 1 => !matches!(self.trailers, Trailers::Read(_)),
            TRAILERS_FLAG => matches!(self.trailers, Trailers::Awaited),
            _ => false,
        };
        let error = match flag {
            flag if known && len <= self.max => return Ok((flag, len)),
            _ if known => FramingError::TooLarge { len, max: self.max },
            _ => FramingError::BadFlag(flag),
        };
        *self = Self { state: State::Failed(error), ..Self::new(self.max) };
        Err(error)
    }

    fn read_body(&mut self) -> Option<(u8, Bytes)> {
        let State::Body { flag, len, mut read } = mem::replace(&mut self.state, State::Prefix) else {
            return None;
        };
        while read.len() < len && self.queued > 0 {
            let missing = len - read.len();
            if read.is_empty() && self.front.len() >= missing {
                // The prefix came in a chunk of its own, the message lies whole in this one.
                let payload = self.take(missing);
                return Some((flag, payload));
            }
            let taken = missing.min(self.front.len());
            if read.capacity() - read.len() < taken {
                // All that is here at once, or twice what was, but never past the end of the message.
                let here = self.queued.max(read.len()).min(missing);
                read.reserve(here);
            }
            read.extend_from_slice(&self.front[..taken]);
            self.advance(taken);
        }
        if read.len() == len {
            return Some((flag, read.freeze()));
        }
        self.state = State::Body { flag, len, read };
        None
    }

    /// Takes bytes that lie in the front chunk.
    fn take(&mut self, len: usize) -> Bytes {
        self.queued -= len;
        if len == self.front.len() {
            let taken = mem::take(&mut self.front);
            self.refill();
            return taken;
        }
        self.front.split_to(len)
    }

    fn advance(&mut self, len: usize) {
        self.queued -= len;
        self.front.advance(len);
        self.refill();
    }

    /// While anything is queued, the front chunk is not empty.
    fn refill(&mut self) {
        if self.front.is_empty() && self.queued > 0 {
            self.front = self.rest.take(usize::MAX);
        }
    }
}

#[cfg(test)]
mod tests;
