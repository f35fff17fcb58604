//! The server side of a connection with its calls, without I/O.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;

use crate::{
    call::{Dialect, HeadCache, Refusal, RequestHead, ServerCall},
    conn::{self, Connection, ConnectionError, ResetBy, ServerConfig},
    frame::ErrorCode,
    http::Http,
    message::Message,
    metadata::MetadataMap,
    status::Status,
    stream::{Payload, StreamKey},
};

/// The server side of a connection, with the calls on it.
///
/// # How to drive it
///
/// 1. **Bytes, time and the connection's end** go through [`http_mut`](Self::http_mut): see
///    [`Connection`], "How to drive it".
/// 2. **Events out**: [`next_event`](Self::next_event) until it returns `None`. A request that is not gRPC is answered
///    without an event.
/// 3. **Each [`Event::Request`]** is answered by [`accept`](Self::accept), [`refuse`](Self::refuse) or
///    [`reset`](Self::reset), at once.
/// 4. **A call that was accepted** is reached through [`call`](Self::call) until its [`Event::Finished`] or
///    [`Event::Reset`]: take its messages after [`Event::Data`], and answer it.
pub struct Server {
    http: Http,
    /// At the indices that the transport gave their streams.
    calls: Vec<Option<Entry>>,
    heads: HeadCache,
    accept_encoding: Option<&'static str>,
    /// Whether gRPC-Web is spoken alongside gRPC itself.
    grpc_web: bool,
}

struct Entry {
    key: StreamKey,
    call: ServerCall,
}

/// An event of the connection or of a call.
#[derive(Debug)]
pub enum Event {
    /// A call begins.
    Request {
        /// The key of the call from here on. [`StreamKey::index`] is small and dense: a driver can keep its own state
        /// in a table.
        key: StreamKey,
        /// The request head. Calls that repeat their head share it.
        head: Arc<RequestHead>,
        /// Whether the request ends here, without a message.
        end_stream: bool,
    },
    /// Bytes of a call have arrived, or the end of its messages: take them with [`Call::next_message`].
    Data {
        /// The call.
        key: StreamKey,
        /// The number of bytes, to be released once they have been taken ([`Call::release`]).
        len: usize,
    },
    /// The call's send buffer has room again, after it was full.
    Writable {
        /// The call.
        key: StreamKey,
    },
    /// The call ended normally; `key` is stale from here on.
    Finished {
        /// The call that ended.
        key: StreamKey,
    },
    /// The call ended abnormally; `key` is stale from here on.
    Reset {
        /// The call that ended.
        key: StreamKey,
        /// The party that ended it.
        by: ResetBy,
    },
    /// The client announced its leave with GOAWAY, with debug data if something is wrong.
    GoAway {
        /// The reason; NO_ERROR for a graceful end.
        code: ErrorCode,
        /// The client's debug data, as text for humans.
        debug: Bytes,
    },
    /// The connection has ended; no event follows. Write what the output still holds before closing the socket.
    Closed {
        /// The error that ended it; `None` after a graceful end.
        error: Option<ConnectionError>,
    },
}

impl Server {
    /// Creates the server side of a new HTTP/2 connection, with its first bytes in the output. `accept_encoding` is the
    /// comma-separated list of encodings that responses advertise for requests.
    pub fn http2(config: ServerConfig, accept_encoding: Option<&'static str>, now: Instant) -> Self {
        Self::new(Http::Http2(Connection::server(config, now)), accept_encoding)
    }

    /// Creates the server side of a connection that carries calls. Otherwise like [`http2`](Self::http2).
    pub fn new(http: Http, accept_encoding: Option<&'static str>) -> Self {
        Self { http, calls: Vec::new(), heads: HeadCache::default(), accept_encoding, grpc_web: false }
    }

    /// Accepts calls of this dialect too. gRPC itself is always spoken; requests in any other are answered with 415.
    pub fn speak(&mut self, dialect: Dialect) {
        self.grpc_web |= dialect == Dialect::GrpcWeb;
    }

    fn speaks(&self, dialect: Dialect) -> bool {
        dialect == Dialect::Grpc || self.grpc_web
    }

    /// The connection below.
    pub fn http(&self) -> &Http {
        &self.http
    }

    /// The connection below: bytes, time and shutdown.
    pub fn http_mut(&mut self) -> &mut Http {
        &mut self.http
    }

    /// Returns the next event, or `None` when more input is needed (or the connection has ended).
    #[inline]
    pub fn next_event(&mut self, now: Instant) -> Option<Event> {
        loop {
            match self.http.next_event(now)? {
                conn::Event::Headers { key, block, end_stream } => match self.heads.parse(&block) {
                    Ok(head) if self.speaks(head.dialect) => {
                        return Some(Event::Request { key, head, end_stream });
                    }
                    Ok(_) => self.http.send_headers(key, &Refusal::UNSUPPORTED_MEDIA_TYPE, true),
                    Err(refusal) => self.http.send_headers(key, &refusal, true),
                },
                conn::Event::Data { key, data, end_stream } => {
                    // Whatever arrives for a call that was refused or answered is ignored.
                    let Some(entry) = self.entry(key).filter(|entry| !entry.call.is_answered()) else {
                        continue;
                    };
                    let len = data.len();
                    entry.call.on_data(data, end_stream);
                    return Some(Event::Data { key, len });
                }
                conn::Event::Writable { key } => return Some(Event::Writable { key }),
                conn::Event::Finished { key } => {
                    if self.forget(key) {
                        return Some(Event::Finished { key });
                    }
                }
                conn::Event::Reset { key, by, .. } => {
                    if self.forget(key) {
                        return Some(Event::Reset { key, by });
                    }
                }
                conn::Event::GoAway { code, debug, .. } => return Some(Event::GoAway { code, debug }),
                conn::Event::Closed { error } => return Some(Event::Closed { error }),
                conn::Event::Ready | conn::Event::StreamsAvailable => {}
            }
        }
    }

    /// Accepts a call. `max_recv` is the largest message accepted, in bytes on the wire; `end_stream` is that of the
    /// request's event.
    #[inline]
    pub fn accept(&mut self, key: StreamKey, head: &RequestHead, end_stream: bool, max_recv: usize) {
        if let Some(timeout) = head.timeout {
            self.http.set_timeout(key, timeout);
        }
        let call = self.new_call(head, end_stream, max_recv);
        let index = key.index();
        if index >= self.calls.len() {
            if self.calls.capacity() == 0 {
                // Many connections have one call at a time; room for four would be their largest allocation.
                self.calls.reserve_exact(1);
            }
            self.calls.resize_with(index + 1, || None);
        }
        self.calls[index] = Some(Entry { key, call });
    }

    /// Refuses a request: answers it with an error at once.
    pub fn refuse(&mut self, key: StreamKey, head: &RequestHead, refusal: Refusal) {
        match refusal {
            Refusal::Call(status) => {
                let mut call = self.new_call(head, true, 0);
                call.send_status(&mut self.http, key, Some(status), MetadataMap::new());
            }
            Refusal::Http { .. } => self.http.send_headers(key, &refusal, true),
        }
    }

    #[inline]
    fn new_call(&self, head: &RequestHead, end_stream: bool, max_recv: usize) -> ServerCall {
        let mut call = ServerCall::new(max_recv, end_stream);
        call.answer_in(head);
        call.set_accept_encoding(self.accept_encoding);
        call
    }

    /// Ends a call abnormally; no event follows for it.
    pub fn reset(&mut self, key: StreamKey, code: ErrorCode) {
        self.forget(key);
        self.http.reset(key, code);
    }

    /// Returns a call that was accepted and has not ended.
    #[inline]
    pub fn call(&mut self, key: StreamKey) -> Option<Call<'_>> {
        let entry = self.calls.get_mut(key.index())?.as_mut().filter(|entry| entry.key == key)?;
        Some(Call { http: &mut self.http, key, call: &mut entry.call })
    }

    /// Frees all memory that the connection does not need while it is idle. The next call takes a few microseconds
    /// longer.
    pub fn hibernate(&mut self) {
        self.http.hibernate();
        self.heads = HeadCache::default();
        if self.calls.iter().all(Option::is_none) {
            self.calls = Vec::new();
        }
    }

    #[inline]
    fn entry(&mut self, key: StreamKey) -> Option<&mut Entry> {
        self.calls.get_mut(key.index())?.as_mut().filter(|entry| entry.key == key)
    }

    #[inline]
    /// Removes a call; returns whether there was one.
    fn forget(&mut self, key: StreamKey) -> bool {
        match self.calls.get_mut(key.index()) {
            Some(slot) if slot.as_ref().is_some_and(|entry| entry.key == key) => {
                *slot = None;
                true
            }
            _ => false,
        }
    }
}

/// A handle to a call on its connection, to read its messages and to answer it.
///
/// Whatever is sent after the end, or a second head, is ignored: a handler and a deadline may both try to end the call,
/// and the first one does.
pub struct Call<'a> {
    http: &'a mut Http,
    key: StreamKey,
    call: &'a mut ServerCall,
}

impl Call<'_> {
    /// Returns the next complete message: see [`ServerCall::next_message`].
    ///
    /// # Errors
    /// The same. Nothing more can be read from the call then.
    #[inline]
    pub fn next_message(&mut self) -> Result<Option<Message>, Status> {
        self.call.next_message()
    }

    /// Whether the request has ended and all of its messages have been taken.
    pub fn at_end(&self) -> bool {
        self.call.at_end()
    }

    /// Whether the client has ended its half; messages may still be left to take.
    pub fn is_half_closed(&self) -> bool {
        self.call.is_half_closed()
    }

    /// Lets the client send as many more bytes as have been taken.
    #[inline]
    pub fn release(&mut self, n: usize) {
        self.http.release(self.key, n);
    }

    /// Asks for the missing bytes of the message being read; for `awaited` see
    /// [`Connection::expect`](crate::conn::Connection::expect).
    #[inline]
    pub fn expect(&mut self, awaited: bool) {
        self.http.expect(self.key, self.call.wanted(), awaited);
    }

    /// Whether the response head has been sent.
    pub fn is_head_sent(&self) -> bool {
        self.call.is_head_sent()
    }

    /// The encoding of messages with the compressed flag: see [`ServerCall::encoding`].
    pub fn encoding(&self) -> Option<&'static str> {
        self.call.encoding()
    }

    /// Whether the answer is complete.
    pub fn is_answered(&self) -> bool {
        self.call.is_answered()
    }

    /// The bytes of the answer that wait for the client.
    pub fn send_buffered(&mut self) -> usize {
        self.http.send_buffered(self.key)
    }

    /// Whether the send buffer is full: go on after [`Event::Writable`].
    #[inline]
    pub fn is_full(&mut self) -> bool {
        self.http.send_buffered(self.key) >= self.http.max_send_buffer()
    }

    /// Sends the head: see [`ServerCall::send_headers`].
    pub fn send_headers(&mut self, metadata: &MetadataMap, encoding: Option<&'static str>) {
        self.call.send_headers(self.http, self.key, metadata, encoding);
    }

    /// Sends one message, with its prefix.
    #[inline]
    pub fn send_message<'b>(&mut self, framed: impl Into<Payload<'b>>) {
        self.call.send_message(self.http, self.key, framed);
    }

    /// Ends the call: see [`ServerCall::send_status`].
    pub fn send_status(&mut self, status: Option<Status>, trailing: MetadataMap) {
        self.call.send_status(self.http, self.key, status, trailing);
    }

    /// Sends the head, the one message (with its prefix) and OK in one go.
    #[inline]
    pub fn send_unary<'b>(
        &mut self,
        metadata: &MetadataMap,
        encoding: Option<&'static str>,
        framed: impl Into<Payload<'b>>,
        trailing: MetadataMap,
    ) {
        self.call.send_unary(self.http, self.key, metadata, encoding, framed, trailing);
    }
}

#[cfg(test)]
mod tests;
