use std::borrow::Cow;

use bytes::Bytes;

use super::ConnectionError;
use crate::{
    fields::HeaderBlock,
    frame::ErrorCode,
    stream::{StreamId, StreamKey},
};

/// What came out of the bytes that went in.
#[derive(Debug)]
pub enum Event {
    /// Server: a new stream with its request head. Client: a response head (1xx ones too), or trailers,
    /// which always have `end_stream`.
    Headers {
        /// The stream.
        key: StreamKey,
        /// Its fields. Well-formed by RFC 9113 §8.
        block: HeaderBlock,
        /// The peer's half ends.
        end_stream: bool,
    },
    /// Bytes of a stream. Whoever is done with them says so by
    /// [`Connection::release`](super::Connection::release) with `data.len()`; padding is seen to.
    Data {
        /// The stream.
        key: StreamKey,
        /// The bytes, possibly none when the stream ends.
        data: Bytes,
        /// The peer's half ends.
        end_stream: bool,
    },
    /// The stream ended abnormally; `key` names nothing from here on.
    Reset {
        /// The stream that was.
        key: StreamKey,
        /// Why.
        code: ErrorCode,
        /// Who ended it.
        by: ResetBy,
    },
    /// Both halves ended in good order; `key` names nothing from here on.
    Finished {
        /// The stream that was.
        key: StreamKey,
    },
    /// The stream's send buffer has room again, after it was over
    /// [`Config::max_send_buffer`](super::Config::max_send_buffer).
    Writable {
        /// The stream.
        key: StreamKey,
    },
    /// The peer's first SETTINGS are here: it does speak HTTP/2.
    Ready,
    /// Client: a stream can be opened again, after [`OpenError::AtLimit`](super::OpenError::AtLimit).
    StreamsAvailable,
    /// The peer takes no new streams. Streams that it did not process get [`ResetBy::GoAway`] besides.
    GoAway {
        /// The last stream that it has processed or will.
        last: StreamId,
        /// Why; NO_ERROR for a graceful end.
        code: ErrorCode,
        /// The peer's words.
        debug: Bytes,
    },
    /// Nothing follows. What [`Connection::output`](super::Connection::output) still holds should be
    /// written before the socket is closed.
    Closed {
        /// `None`: in good order.
        error: Option<ConnectionError>,
    },
}

impl Event {
    /// The stream that it is about.
    pub(super) fn stream(&self) -> Option<StreamKey> {
        match self {
            Self::Headers { key, .. }
            | Self::Data { key, .. }
            | Self::Reset { key, .. }
            | Self::Finished { key }
            | Self::Writable { key } => Some(*key),
            Self::Ready | Self::StreamsAvailable | Self::GoAway { .. } | Self::Closed { .. } => None,
        }
    }
}

/// Who ended a stream abnormally, and so what may be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResetBy {
    /// The peer sent RST_STREAM.
    Peer,
    /// The engine did, because the peer broke a rule on this stream.
    Engine(Cow<'static, str>),
    /// The peer's GOAWAY says that it never looked at the stream: safe to send again.
    GoAway,
    /// The connection is gone.
    ConnectionLost,
}
