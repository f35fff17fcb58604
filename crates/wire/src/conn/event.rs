use std::borrow::Cow;

use bytes::Bytes;

use super::ConnectionError;
use crate::{
    fields::HeaderBlock,
    frame::ErrorCode,
    stream::{StreamId, StreamKey},
};

/// An event of a connection.
#[derive(Debug)]
pub enum Event {
    /// Server: a new stream with its request head. Client: a response head (1xx ones too), or trailers,
    /// which always have `end_stream`.
    Headers {
        /// The stream.
        key: StreamKey,
        /// The fields, well-formed by RFC 9113 §8.
        block: HeaderBlock,
        /// Whether the peer's half ends.
        end_stream: bool,
    },
    /// Bytes of a stream. Release them with [`Connection::release`](super::Connection::release) and `data.len()` once
    /// they are processed; padding is accounted for already.
    Data {
        /// The stream.
        key: StreamKey,
        /// The bytes, possibly none when the stream ends.
        data: Bytes,
        /// Whether the peer's half ends.
        end_stream: bool,
    },
    /// The stream ended abnormally; `key` is stale from here on.
    Reset {
        /// The stream that ended.
        key: StreamKey,
        /// The error code.
        code: ErrorCode,
        /// The party that ended it.
        by: ResetBy,
    },
    /// Both halves ended normally; `key` is stale from here on.
    Finished {
        /// The stream that ended.
        key: StreamKey,
    },
    /// The stream's send buffer has room again, after it was over
    /// [`Config::max_send_buffer`](super::Config::max_send_buffer).
    Writable {
        /// The stream.
        key: StreamKey,
    },
    /// The peer's first SETTINGS have arrived: it does speak HTTP/2.
    Ready,
    /// Client: a stream can be opened again, after [`OpenError::AtLimit`](super::OpenError::AtLimit).
    StreamsAvailable,
    /// The peer accepts no new streams. Each stream that it did not process also gets [`ResetBy::GoAway`].
    GoAway {
        /// The last stream that it has processed or will process.
        last: StreamId,
        /// The reason; NO_ERROR for a graceful end.
        code: ErrorCode,
        /// The peer's debug data, as text for humans.
        debug: Bytes,
    },
    /// The connection has ended; no event follows. Write what [`Connection::output`](super::Connection::output) still
    /// holds before closing the socket.
    Closed {
        /// The error that ended it; `None` after a graceful end.
        error: Option<ConnectionError>,
    },
}

impl Event {
    /// The stream that the event is about.
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

/// The party that ended a stream abnormally.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResetBy {
    /// The peer sent RST_STREAM.
    Peer,
    /// The engine reset it, because the peer broke a rule on this stream.
    Engine(Cow<'static, str>),
    /// The peer's GOAWAY says that it did not process the stream: safe to send again.
    GoAway,
    /// The connection is gone.
    ConnectionLost,
}
