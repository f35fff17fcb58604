//! The client side of a connection with its calls, without I/O.

use std::time::Instant;

use bytes::Bytes;

use crate::{
    call::{ClientCall, ClientEvent, Ended, KnownResponses, RequestFields, ResponseHead},
    conn::{self, Config, Connection, ConnectionError, OpenError, ResetBy},
    fields::HeaderBlock,
    frame::ErrorCode,
    http::Http,
    message::Message,
    status::Status,
    stream::{Payload, StreamKey},
};

/// The client side of a connection, with the calls on it.
///
/// # How to drive it
///
/// 1. **Bytes, time and the connection's end** go through [`http_mut`](Self::http_mut): see
///    [`Connection`], "How to drive it".
/// 2. **Calls**: [`open`](Self::open) one, then reach it through [`call`](Self::call) until its [`Event::End`]: send
///    its messages, each with its prefix, and take those of the response after [`Event::Data`]. Or
///    [`cancel`](Self::cancel) it.
/// 3. **Events out**: [`next_event`](Self::next_event) until it returns `None`. Take all messages after each
///    [`Event::Data`]: they are gone once the call ends, which may be the next event.
pub struct Client {
    http: Http,
    /// At the indices that the transport gave their streams.
    calls: Vec<Option<Entry>>,
    known: KnownResponses,
    /// The call whose last bytes were just reported.
    ending: Option<StreamKey>,
}

struct Entry {
    key: StreamKey,
    call: ClientCall,
}

/// An event of the connection or of a call.
#[derive(Debug)]
pub enum Event {
    /// The server speaks HTTP/2: its first SETTINGS are here.
    Ready,
    /// The head of a call's response has arrived.
    Head {
        /// The call.
        key: StreamKey,
        /// The response head.
        head: ResponseHead,
    },
    /// Bytes of a call have arrived: take the complete messages with [`Call::next_message`].
    Data {
        /// The call.
        key: StreamKey,
    },
    /// The call is over; `key` is stale from here on.
    End {
        /// The call that ended.
        key: StreamKey,
        /// The end of the call.
        end: End,
    },
    /// The call's send buffer has room again, after it was full.
    Writable {
        /// The call.
        key: StreamKey,
    },
    /// A call can be opened again, after [`OpenError::AtLimit`].
    StreamsAvailable,
    /// The server accepts no new calls. Those that it did not process end with [`End::Reset`] and `unprocessed`.
    GoAway {
        /// The reason; NO_ERROR for a graceful end.
        code: ErrorCode,
        /// The server's debug data, as text for humans.
        debug: Bytes,
    },
    /// The connection has ended; no event follows. Write what the output still holds before closing the socket.
    Closed {
        /// The error that ended it; `None` after a graceful end.
        error: Option<ConnectionError>,
    },
}

/// The end of a call.
#[derive(Debug)]
pub enum End {
    /// With a status: the server's, or one of this side where the response was not gRPC.
    Status(Ended),
    /// With a reset of its stream.
    Reset {
        /// The reset's code.
        code: ErrorCode,
        /// The status that the call ends with.
        status: Status,
        /// Whether the server has certainly not processed the call, so that it may be sent again (gRFC A6).
        unprocessed: bool,
    },
    /// The connection is gone; [`Event::Closed`] says why.
    Lost,
}

impl Client {
    /// Creates the client side of a new HTTP/2 connection, with its first bytes in the output.
    pub fn http2(config: Config, now: Instant) -> Self {
        Self::new(Http::Http2(Connection::client(config, now)))
    }

    /// Creates the client side of a connection that carries calls.
    pub fn new(http: Http) -> Self {
        Self { http, calls: Vec::new(), known: KnownResponses::default(), ending: None }
    }

    /// The connection below.
    pub fn http(&self) -> &Http {
        &self.http
    }

    /// The connection below: bytes, time and shutdown.
    pub fn http_mut(&mut self) -> &mut Http {
        &mut self.http
    }

    /// Begins a call. `max_recv` is the largest message accepted, in bytes as received.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing has been sent then.
    #[inline]
    pub fn open(&mut self, fields: &RequestFields<'_>, max_recv: usize) -> Result<StreamKey, OpenError> {
        let key = self.http.open(fields)?;
        let index = key.index();
        if index >= self.calls.len() {
            if self.calls.capacity() == 0 {
                // Many connections have one call at a time.
                self.calls.reserve_exact(1);
            }
            self.calls.resize_with(index + 1, || None);
        }
        self.calls[index] = Some(Entry { key, call: ClientCall::new(max_recv, fields.content_type) });
        Ok(key)
    }

    /// Returns a call that has not ended.
    #[inline]
    pub fn call(&mut self, key: StreamKey) -> Option<Call<'_>> {
        let entry = self.calls.get_mut(key.index())?.as_mut().filter(|entry| entry.key == key)?;
        Some(Call { http: &mut self.http, key, call: &mut entry.call })
    }

    /// Cancels a call; no event follows for it.
    pub fn cancel(&mut self, key: StreamKey) {
        self.forget(key);
        self.http.reset(key, ErrorCode::CANCEL);
    }

    /// Frees all memory that the connection does not need while it is idle. The next call takes a few microseconds
    /// longer.
    pub fn hibernate(&mut self) {
        self.http.hibernate();
        self.known = KnownResponses::default();
        if self.calls.iter().all(Option::is_none) {
            self.calls = Vec::new();
        }
    }

    /// Returns the next event, or `None` when more input is needed (or the connection has ended).
    #[inline]
    pub fn next_event(&mut self, now: Instant) -> Option<Event> {
        if let Some(key) = self.ending.take()
            && let Some(entry) = self.entry(key)
        {
            let end = entry.call.ended();
            self.forget(key);
            return Some(Event::End { key, end: End::Status(end) });
        }
        loop {
            match self.http.next_event(now)? {
                conn::Event::Headers { key, block, end_stream } => {
                    if let Some(event) = self.on_headers(key, &block, end_stream) {
                        return Some(event);
                    }
                }
                conn::Event::Data { key, data, end_stream } => {
                    let Some(entry) = self.entry(key) else { continue };
                    entry.call.on_data(data, end_stream);
                    if end_stream {
                        self.ending = Some(key);
                    }
                    return Some(Event::Data { key });
                }
                conn::Event::Reset { key, code, by } => {
                    let Some(entry) = self.entry(key) else { continue };
                    let end = if by == ResetBy::ConnectionLost {
                        End::Lost
                    } else {
                        let unprocessed =
                            by == ResetBy::GoAway || by == ResetBy::Peer && code == ErrorCode::REFUSED_STREAM;
                        End::Reset { code, status: entry.call.on_reset(code, &by), unprocessed }
                    };
                    self.forget(key);
                    return Some(Event::End { key, end });
                }
                conn::Event::Writable { key } => return Some(Event::Writable { key }),
                // The end of the call was reported when it became known.
                conn::Event::Finished { .. } => {}
                conn::Event::Ready => return Some(Event::Ready),
                conn::Event::StreamsAvailable => return Some(Event::StreamsAvailable),
                conn::Event::GoAway { code, debug, .. } => return Some(Event::GoAway { code, debug }),
                conn::Event::Closed { error } => return Some(Event::Closed { error }),
            }
        }
    }

    fn on_headers(&mut self, key: StreamKey, block: &HeaderBlock, end_stream: bool) -> Option<Event> {
        let entry = self.calls.get_mut(key.index())?.as_mut().filter(|entry| entry.key == key)?;
        match entry.call.on_headers(block, end_stream, &mut self.known) {
            Ok(ClientEvent::Informational) => None,
            Ok(ClientEvent::Head(head)) => Some(Event::Head { key, head }),
            Ok(ClientEvent::End(end)) => {
                if entry.call.buffered() > 0 {
                    // A message cut short, or messages that nobody took: whoever asks for them learns of it.
                    entry.call.ends_with(end);
                    self.ending = Some(key);
                    return Some(Event::Data { key });
                }
                self.forget(key);
                Some(Event::End { key, end: End::Status(end) })
            }
            Err(status) => {
                self.cancel(key);
                Some(Event::End { key, end: End::Status(Ended::local(status)) })
            }
        }
    }

    #[inline]
    fn entry(&mut self, key: StreamKey) -> Option<&mut Entry> {
        self.calls.get_mut(key.index())?.as_mut().filter(|entry| entry.key == key)
    }

    #[inline]
    fn forget(&mut self, key: StreamKey) {
        if let Some(slot) = self.calls.get_mut(key.index())
            && slot.as_ref().is_some_and(|entry| entry.key == key)
        {
            *slot = None;
        }
    }
}

/// A handle to a call on its connection, to send its messages and to take those of the response.
pub struct Call<'a> {
    http: &'a mut Http,
    key: StreamKey,
    call: &'a mut ClientCall,
}

impl Call<'_> {
    /// Sends bytes of messages with their prefixes. With `half_close`, nothing follows.
    #[inline]
    pub fn send<'b>(&mut self, framed: impl Into<Payload<'b>>, half_close: bool) {
        self.http.send_data(self.key, framed, half_close);
    }

    /// Whether the send buffer is full: go on after [`Event::Writable`].
    #[inline]
    pub fn is_full(&mut self) -> bool {
        self.http.send_buffered(self.key) >= self.http.max_send_buffer()
    }

    /// Returns the next complete message: see [`ClientCall::next_message`].
    ///
    /// # Errors
    /// The same. Nothing more can be read from the call then, and it should be [cancelled](Client::cancel).
    #[inline]
    pub fn next_message(&mut self) -> Result<Option<Message>, Status> {
        self.call.next_message()
    }

    /// Lets the server send as many more bytes as have been taken.
    #[inline]
    pub fn release(&mut self, n: usize) {
        self.http.release(self.key, n);
    }

    /// Asks for the missing bytes of the message being read, if their number is known; for `awaited` see
    /// [`Connection::expect`](crate::conn::Connection::expect).
    #[inline]
    pub fn expect(&mut self, awaited: bool) {
        let wanted = self.call.wanted();
        if wanted > 0 {
            self.http.expect(self.key, wanted, awaited);
        }
    }
}

#[cfg(test)]
mod tests;
