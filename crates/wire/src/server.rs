//! The server's side of a connection with its calls, without I/O.

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

/// A connection at a server with the calls on it.
///
/// # How to drive it
///
/// 1. **Bytes, time and the connection's end** go through [`http_mut`](Self::http_mut): see
///    [`Connection`](crate::conn::Connection), "How to drive it".
/// 2. **Events out**: [`next_event`](Self::next_event) until it returns `None`. What is no gRPC request is answered and
///    not told of.
/// 3. **Each [`Event::Request`]** is answered by [`accept`](Self::accept), [`refuse`](Self::refuse) or
///    [`reset`](Self::reset), at once.
/// 4. **A call that was accepted** is reached by [`call`](Self::call) until its [`Event::Finished`] or [`Event::Reset`]:
///    take its messages after [`Event::Data`], and answer it.
pub struct Server {
    http: Http,
    /// At the places that the transport gave their streams.
    calls: Vec<Option<Entry>>,
    heads: HeadCache,
    accept_encoding: Option<&'static str>,
    /// Beside gRPC itself.
    grpc_web: bool,
}

struct Entry {
    key: StreamKey,
    call: ServerCall,
}

/// What happened to the connection or to a call.
#[derive(Debug)]
pub enum Event {
    /// A call begins.
    Request {
        /// Names the call from here on. [`StreamKey::index`] is small and dense: driver's own state fits into a table.
        key: StreamKey,
        /// What is asked for. Calls that repeat their head share it.
        head: Arc<RequestHead>,
        /// No message comes.
        end_stream: bool,
    },
    /// Bytes of a call came, or the end of its messages: take them by [`Call::next_message`].
    Data {
        /// The call.
        key: StreamKey,
        /// How many bytes, which are to be released when they were taken ([`Call::release`]).
        len: usize,
    },
    /// The call's send buffer has room again, after it was full.
    Writable {
        /// The call.
        key: StreamKey,
    },
    /// The call ended in good order; `key` names nothing from here on.
    Finished {
        /// The call that was.
        key: StreamKey,
    },
    /// The call ended abnormally; `key` names nothing from here on.
    Reset {
        /// The call that was.
        key: StreamKey,
        /// Who ended it.
        by: ResetBy,
    },
    /// The client takes its leave, in words if something is wrong.
    GoAway {
        /// Why; NO_ERROR for a graceful end.
        code: ErrorCode,
        /// The client's words.
        debug: Bytes,
    },
    /// Nothing follows. What the output still holds should be written before the socket is closed.
    Closed {
        /// `None`: in good order.
        error: Option<ConnectionError>,
    },
}

impl Server {
    /// A server's side of a new HTTP/2 connection, with its first bytes in the output. `accept_encoding`: what responses
    /// tell clients that requests may be encoded in, comma-separated.
    pub fn http2(config: ServerConfig, accept_encoding: Option<&'static str>, now: Instant) -> Self {
        Self::new(Http::Http2(Connection::server(config, now)), accept_encoding)
    }

    /// A server's side of a connection that carries calls. As [`http2`](Self::http2) otherwise.
    pub fn new(http: Http, accept_encoding: Option<&'static str>) -> Self {
        Self { http, calls: Vec::new(), heads: HeadCache::default(), accept_encoding, grpc_web: false }
    }

    /// Takes calls of this dialect too. gRPC itself is always spoken; requests in another are answered with 415.
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

    /// The next event, or `None` when more input is needed (or the connection has ended).
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
                    // What comes for a call that was refused or is answered is of no interest.
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

    /// Takes a call. `max_recv`: the largest message taken, in bytes as they come over the wire; `end_stream`: as the
    /// request's event said.
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

    /// Answers a request with an error at once.
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

    /// A call that was accepted and has not ended.
    #[inline]
    pub fn call(&mut self, key: StreamKey) -> Option<Call<'_>> {
        let entry = self.calls.get_mut(key.index())?.as_mut().filter(|entry| entry.key == key)?;
        Some(Call { http: &mut self.http, key, call: &mut entry.call })
    }

    /// Gives back all memory that the connection does not need while it is idle. The next call takes a few microseconds
    /// more.
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
    /// Whether there was such a call.
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

/// A call on its connection: to read its messages and to answer it.
///
/// What is sent after the end, or a head that is sent twice, is left out: a handler and a deadline may both want to end
/// the call, and the first one does.
pub struct Call<'a> {
    http: &'a mut Http,
    key: StreamKey,
    call: &'a mut ServerCall,
}

impl Call<'_> {
    /// The next whole message: see [`ServerCall::next_message`].
    ///
    /// # Errors
    /// As there. The call cannot be read further then.
    #[inline]
    pub fn next_message(&mut self) -> Result<Option<Message>, Status> {
        self.call.next_message()
    }

    /// The request has ended and all of its messages were taken.
    pub fn at_end(&self) -> bool {
        self.call.at_end()
    }

    /// The client has ended its half, whether or not messages are left to take.
    pub fn is_half_closed(&self) -> bool {
        self.call.is_half_closed()
    }

    /// The client may send as many bytes more as were taken.
    #[inline]
    pub fn release(&mut self, n: usize) {
        self.http.release(self.key, n);
    }

    /// Asks for what the message being read still lacks; `awaited`: see
    /// [`Connection::expect`](crate::conn::Connection::expect).
    #[inline]
    pub fn expect(&mut self, awaited: bool) {
        self.http.expect(self.key, self.call.wanted(), awaited);
    }

    /// Whether the response head has been sent.
    pub fn is_head_sent(&self) -> bool {
        self.call.is_head_sent()
    }

    /// What messages with the compressed flag are encoded in: see [`ServerCall::encoding`].
    pub fn encoding(&self) -> Option<&'static str> {
        self.call.encoding()
    }

    /// Whether the answer is complete.
    pub fn is_answered(&self) -> bool {
        self.call.is_answered()
    }

    /// Bytes of the answer that wait for the client.
    pub fn send_buffered(&mut self) -> usize {
        self.http.send_buffered(self.key)
    }

    /// Whether as much of the answer waits as may: go on after [`Event::Writable`].
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

    /// Head, the one message (with its prefix) and OK in one go.
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
