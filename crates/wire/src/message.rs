//! Length-prefixed messages in a byte stream (gRPC over HTTP/2, "Length-Prefixed-Message").

use std::fmt;
use std::mem;

use bytes::{Buf, Bytes, BytesMut};

use crate::chunks::Chunks;

/// The length of the prefix in front of each message: one byte of flags, four of length.
pub const PREFIX_LEN: usize = 5;

/// A chunk up to this size is copied when it has to wait behind others: a reference would keep the whole buffer alive
/// that it was read into.
const SMALL_CHUNK: usize = 512;

/// The flag of a frame that holds the trailers of a gRPC-Web response.
pub(crate) const TRAILERS_FLAG: u8 = 0x80;

/// Returns the prefix of a message of `len` bytes.
pub fn prefix(compressed: bool, len: u32) -> [u8; PREFIX_LEN] {
    let [a, b, c, d] = len.to_be_bytes();
    [u8::from(compressed), a, b, c, d]
}

/// A message as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Whether the payload is compressed, with the encoding that `grpc-encoding` names.
    pub compressed: bool,
    /// The payload, still compressed.
    pub payload: Bytes,
}

/// The reason why a byte stream cannot be split into messages. Nothing more can be read from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FramingError {
    /// The message is longer than this side accepts (RESOURCE_EXHAUSTED).
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

/// Extracts messages from the DATA of one direction of a stream.
///
/// Memory follows the bytes received: what a prefix announces is not allocated ahead of time. A message contained in
/// one chunk is returned as a slice of it.
#[derive(Debug)]
pub struct Deframer {
    max: usize,
    /// The chunk to be read next; the others follow it.
    front: Bytes,
    rest: Chunks,
    /// The bytes in both of the above.
    queued: usize,
    state: State,
    trailers: Trailers,
}

/// A frame of [`TRAILERS_FLAG`] among the messages.
#[derive(Debug, Default)]
enum Trailers {
    /// The body has none.
    #[default]
    Refused,
    /// One may come; nothing follows it.
    Awaited,
    /// Boxed, because few calls have them.
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
    /// Creates a deframer that rejects messages longer than `max_message_size` bytes.
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

    /// Like [`new`](Self::new), for a body that ends with its trailers.
    pub(crate) fn with_trailers(max_message_size: usize) -> Self {
        Self { trailers: Trailers::Awaited, ..Self::new(max_message_size) }
    }

    /// The trailers, once all messages have been taken.
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

    /// Returns the next message, or `None` if it has not arrived completely.
    ///
    /// # Errors
    ///
    /// The prefix is not acceptable. The error is permanent: every further call returns it.
    #[allow(clippy::should_implement_trait)] // an iterator would hide that more may come after `None`
    pub fn next(&mut self) -> Result<Option<Message>, FramingError> {
        loop {
            match &mut self.state {
                State::Failed(error) => return Err(*error),
                State::Prefix => {
                    if self.queued < PREFIX_LEN {
                        // A few bytes may wait for a long time, and would keep everything alive that was read with
                        // them.
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

    /// Classifies a complete frame. `None`: it held the trailers, which are kept.
    #[inline]
    fn framed(&mut self, flag: u8, payload: Bytes) -> Option<Message> {
        if flag == TRAILERS_FLAG {
            self.keep_trailers(payload);
            return None;
        }
        Some(Message { compressed: flag == 1, payload })
    }

    #[cold]
    fn keep_trailers(&mut self, trailers: Bytes) {
        self.trailers = Trailers::Read(Box::new(trailers));
    }

    /// The bytes held: those of the message being read and of what follows it.
    pub fn buffered(&self) -> usize {
        match &self.state {
            State::Body { read, .. } => self.queued + read.len(),
            State::Prefix | State::Failed(_) => self.queued,
        }
    }

    /// The bytes of the message being read that have not arrived yet; 0 if its length is not known yet. Meaningful
    /// after [`next`](Self::next) has returned `None`.
    pub fn wanted(&self) -> usize {
        match &self.state {
            State::Body { len, read, .. } => len.saturating_sub(read.len() + self.queued),
            State::Prefix | State::Failed(_) => 0,
        }
    }

    /// Whether nothing is held. If something is at the end of the stream, the last message was cut short (INTERNAL).
    pub fn is_empty(&self) -> bool {
        matches!(self.state, State::Prefix) && self.queued == 0
    }

    /// Takes the prefix off the queue, which holds at least its bytes.
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
                // The prefix came in a chunk of its own, and the whole message is in this one.
                let payload = self.take(missing);
                return Some((flag, payload));
            }
            let taken = missing.min(self.front.len());
            if read.capacity() - read.len() < taken {
                // All that is here at once, or twice what there was, but never past the end of the message.
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

    /// Takes bytes that are all in the front chunk.
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
