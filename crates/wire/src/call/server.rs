use bytes::Bytes;

use super::{
    ContentType, Dialect, Inbound, RequestHead, fit,
    response::{OkTrailers, ResponseFields, StatusTrailers, TrailersOnly},
};
use crate::{
    http::Http,
    message::Message,
    metadata::MetadataMap,
    status::Status,
    stream::{Payload, StreamKey},
};

/// One call at the server.
///
/// ```text
///   receiving:  messages ── END_STREAM ─▶ at_end
///   sending:    Silent ── head ─▶ Answering ── status ─▶ Ended
///                 └──────── status: Trailers-Only ────────▲
/// ```
/// Whatever is sent after the end, or a second head, is ignored: a handler and a deadline may both try to end the call,
/// and the first one does.
pub struct ServerCall {
    inbound: Inbound,
    outbound: Outbound,
    accept_encoding: Option<&'static str>,
    /// The encoding that the head announced.
    encoding: Option<&'static str>,
    dialect: Dialect,
    /// The subtype of the content type, unless it is the default.
    subtype: Option<Box<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outbound {
    Silent,
    Answering,
    Ended,
}

impl ServerCall {
    /// Creates a call whose request head has arrived. `max_recv` is the largest message accepted, in bytes on the wire;
    /// with `end_stream` the head ended the request.
    pub fn new(max_recv: usize, end_stream: bool) -> Self {
        Self {
            inbound: Inbound::new("SERVER", max_recv, end_stream),
            outbound: Outbound::Silent,
            accept_encoding: None,
            encoding: None,
            dialect: Dialect::Grpc,
            subtype: None,
        }
    }

    /// Sets the encodings that the response head advertises for requests, comma-separated.
    pub fn set_accept_encoding(&mut self, accept: Option<&'static str>) {
        self.accept_encoding = accept;
    }

    /// Makes the response use the content type of the request.
    #[inline]
    pub fn answer_in(&mut self, head: &RequestHead) {
        self.dialect = head.dialect;
        if let Some(subtype) = head.content_subtype.as_ref().filter(|subtype| *subtype != "proto") {
            self.subtype = std::str::from_utf8(subtype).ok().map(Into::into);
        }
    }

    /// The content type of the response.
    fn content_type(&self) -> ContentType<'_> {
        ContentType { dialect: self.dialect, subtype: self.subtype.as_deref().unwrap_or_default() }
    }

    /// Takes bytes of the request.
    pub fn on_data(&mut self, data: Bytes, end_stream: bool) {
        self.inbound.deframer.push(data);
        self.inbound.ended |= end_stream;
    }

    /// Returns the next message. `None`: it has not arrived completely, or, [`at_end`](Self::at_end), there is none.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED for a message over the limit, INTERNAL for one that is cut short or ill-formed.
    /// Nothing more can be read from the call then.
    pub fn next_message(&mut self) -> Result<Option<Message>, Status> {
        self.inbound.next_message()
    }

    /// Whether the request has ended and all of its messages have been taken.
    pub fn at_end(&self) -> bool {
        self.inbound.ended && self.inbound.deframer.is_empty()
    }

    /// Whether the client has ended its half; messages may still be left to take.
    pub fn is_half_closed(&self) -> bool {
        self.inbound.ended
    }

    /// The bytes missing from the message being read, as far as its length is known.
    pub fn wanted(&self) -> usize {
        self.inbound.deframer.wanted()
    }

    /// The bytes held that do not make a complete message yet, or were not asked for.
    pub fn buffered(&self) -> usize {
        self.inbound.deframer.buffered()
    }

    /// Whether the status has been sent.
    pub fn is_answered(&self) -> bool {
        self.outbound == Outbound::Ended
    }

    /// Whether the response head has been sent.
    pub fn is_head_sent(&self) -> bool {
        self.outbound != Outbound::Silent
    }

    /// The encoding of messages with the compressed flag, as the head that was sent announced it. Nothing else may go
    /// out with that flag.
    pub fn encoding(&self) -> Option<&'static str> {
        self.encoding
    }

    /// Sends the response's head; the first message does so by itself. `encoding` is that of messages with the
    /// compressed flag. If `metadata` makes the header list larger than the client accepts, the call ends with
    /// RESOURCE_EXHAUSTED, and what follows is ignored.
    pub fn send_headers(
        &mut self,
        http: &mut Http,
        key: StreamKey,
        metadata: &MetadataMap,
        encoding: Option<&'static str>,
    ) {
        if self.outbound == Outbound::Silent {
            let content_type = self.content_type();
            let head =
                ResponseFields { content_type, encoding, accept_encoding: self.accept_encoding, metadata };
            if let Err(status) = fit::head(&head, http.peer_max_header_list_size()) {
                return self.send_status(http, key, Some(status), MetadataMap::new());
            }
            http.send_headers(key, &head, false);
            self.encoding = encoding;
            self.outbound = Outbound::Answering;
        }
    }

    /// Sends one message, with its prefix.
    #[inline]
    pub fn send_message<'a>(&mut self, http: &mut Http, key: StreamKey, framed: impl Into<Payload<'a>>) {
        if !self.is_head_sent() {
            self.send_headers(http, key, &MetadataMap::new(), None);
        }
        if self.outbound == Outbound::Answering {
            http.send_data(key, framed, false);
        }
    }

    /// Ends the call. `None` is OK. An error before the head goes out as Trailers-Only. Whatever exceeds the header
    /// list that the client accepts is cut: the message first, with a mark, then the details, then metadata; metadata
    /// that does not fit turns OK into RESOURCE_EXHAUSTED.
    pub fn send_status(
        &mut self,
        http: &mut Http,
        key: StreamKey,
        status: Option<Status>,
        trailing: MetadataMap,
    ) {
        if self.outbound == Outbound::Ended {
            return;
        }
        if self.outbound == Outbound::Silent && (status.is_none() || !self.dialect.has_trailers_only()) {
            self.send_headers(http, key, &MetadataMap::new(), None);
        }
        let silent = self.outbound == Outbound::Silent;
        self.outbound = Outbound::Ended;
        let before = if silent {
            ResponseFields::of_trailers_only(self.content_type(), self.accept_encoding).own_size()
        } else {
            0
        };
        let trailers = StatusTrailers { status, metadata: trailing };
        let trailers = fit::trailers(trailers, before, http.peer_max_header_list_size());
        if silent {
            let only = TrailersOnly {
                content_type: self.content_type(),
                accept_encoding: self.accept_encoding,
                trailers: &trailers,
            };
            http.send_headers(key, &only, true);
        } else if self.dialect == Dialect::Grpc && trailers.status.is_none() && trailers.metadata.is_empty() {
            http.send_trailers(key, Box::new(OkTrailers));
        } else {
            self.dialect.end(http, key, trailers);
        }
    }

    /// Sends the head, the one message (with its prefix) and OK in one go.
    pub fn send_unary<'a>(
        &mut self,
        http: &mut Http,
        key: StreamKey,
        metadata: &MetadataMap,
        encoding: Option<&'static str>,
        framed: impl Into<Payload<'a>>,
        trailing: MetadataMap,
    ) {
        if self.outbound != Outbound::Silent || self.dialect.has_trailers_in_body() {
            self.send_headers(http, key, metadata, encoding);
            self.send_message(http, key, framed);
            return self.send_status(http, key, None, trailing);
        }
        let limit = http.peer_max_header_list_size();
        let content_type = self.content_type();
        let head = ResponseFields { content_type, encoding, accept_encoding: self.accept_encoding, metadata };
        if let Err(status) = fit::head(&head, limit) {
            return self.send_status(http, key, Some(status), trailing);
        }
        if trailing.is_empty() {
            http.respond(key, &head, framed, OkTrailers);
        } else {
            let trailers = fit::trailers(StatusTrailers { status: None, metadata: trailing }, 0, limit);
            http.respond(key, &head, framed, trailers);
        }
        self.outbound = Outbound::Ended;
    }
}
