//! What carries calls: streams of header fields and data, whichever version of HTTP they go by.
//!
//! A call needs of its transport what the methods of [`Http`] say and no more. They are those of
//! [`conn::Connection`](crate::conn::Connection), which has their contract.

use std::time::{Duration, Instant};

use bytes::BytesMut;

use crate::{
    conn::{Connection, Event, OpenError, Output},
    fields::Fields,
    frame::ErrorCode,
    stream::{Payload, StreamKey},
};

#[cfg(test)]
pub mod http1;

/// One connection that carries calls.
#[cfg_attr(test, allow(clippy::large_enum_variant, reason = "the other one is for tests"))]
pub enum Http {
    /// HTTP/2 (RFC 9113).
    Http2(Connection),
    /// A stand-in that shows that the calls above do without HTTP/2.
    #[cfg(test)]
    Http1(http1::Http1),
}

/// The same of each transport. An enum and not a trait: the way of a call has no type parameter and no indirection for it.
macro_rules! each {
    ($http:expr, $conn:ident => $result:expr) => {
        match $http {
            Http::Http2($conn) => $result,
            #[cfg(test)]
            Http::Http1($conn) => $result,
        }
    };
}

impl Http {
    /// Where received bytes go: see [`Connection::input`].
    pub fn input(&mut self) -> &mut BytesMut {
        each!(self, conn => conn.input())
    }

    /// What is to be written to the socket: see [`Connection::output`].
    pub fn output(&mut self) -> &mut Output {
        each!(self, conn => conn.output())
    }

    /// Lets streams write: see [`Connection::transmit`].
    pub fn transmit(&mut self, now: Instant, budget: usize) {
        each!(self, conn => conn.transmit(now, budget));
    }

    /// Whether [`transmit`](Self::transmit) or a write has something to do: see [`Connection::wants_transmit`].
    pub fn wants_transmit(&self) -> bool {
        each!(self, conn => conn.wants_transmit())
    }

    /// Whether an event waits that needs no more input: see [`Connection::has_events`].
    pub fn has_events(&self) -> bool {
        each!(self, conn => conn.has_events())
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        each!(self, conn => conn.poll_timeout())
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        each!(self, conn => conn.handle_timeout(now));
    }

    /// The socket has ended: no more input comes.
    pub fn handle_eof(&mut self) {
        each!(self, conn => conn.handle_eof());
    }

    /// Lets open streams end and takes no new ones: see [`Connection::shutdown`].
    pub fn shutdown(&mut self, now: Instant) {
        each!(self, conn => conn.shutdown(now));
    }

    /// Ends the connection at once: see [`Connection::close`].
    pub fn close(&mut self, code: ErrorCode, debug: &'static str) {
        each!(self, conn => conn.close(code, debug));
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        each!(self, conn => conn.is_closed())
    }

    /// Bytes held for the connection: see [`Connection::buffered`].
    pub fn buffered(&self) -> usize {
        each!(self, conn => conn.buffered())
    }

    /// Streams that have not ended.
    pub fn active_streams(&self) -> usize {
        each!(self, conn => conn.active_streams())
    }

    /// Gives back memory that an idle connection does not need: see [`Connection::shrink`].
    pub fn shrink(&mut self) {
        each!(self, conn => conn.shrink());
    }

    /// Gives back what makes repeated calls cheap too: see [`Connection::hibernate`].
    pub fn hibernate(&mut self) {
        each!(self, conn => conn.hibernate());
    }

    /// Bytes queued on a stream from which on it is to be held back: see [`Config::max_send_buffer`](crate::conn::Config::max_send_buffer).
    pub fn max_send_buffer(&self) -> usize {
        each!(self, conn => conn.config().max_send_buffer)
    }

    /// The largest header list that the peer takes, if it said so.
    pub fn peer_max_header_list_size(&self) -> Option<u32> {
        each!(self, conn => conn.peer_max_header_list_size())
    }

    /// Bytes queued on a stream: see [`Connection::send_buffered`].
    pub fn send_buffered(&mut self, key: StreamKey) -> usize {
        each!(self, conn => conn.send_buffered(key))
    }

    /// Ends a stream abnormally: see [`Connection::reset`].
    pub fn reset(&mut self, key: StreamKey, code: ErrorCode) {
        each!(self, conn => conn.reset(key, code));
    }

    /// Gives the peer credit for `n` bytes that were taken: see [`Connection::release`].
    pub fn release(&mut self, key: StreamKey, n: usize) {
        each!(self, conn => conn.release(key, n));
    }

    /// The next event: see [`Connection::next_event`].
    pub fn next_event(&mut self, now: Instant) -> Option<Event> {
        each!(self, conn => conn.next_event(now))
    }

    /// Client: whether [`open`](Self::open) would succeed.
    pub fn can_open(&self) -> bool {
        each!(self, conn => conn.can_open())
    }

    /// Client: opens a stream and writes its head: see [`Connection::open`].
    ///
    /// # Errors
    /// As there.
    pub fn open(&mut self, fields: &dyn Fields) -> Result<StreamKey, OpenError> {
        each!(self, conn => conn.open(fields, false))
    }

    /// Writes a stream's head: see [`Connection::send_headers`].
    pub fn send_headers(&mut self, key: StreamKey, fields: &dyn Fields, end_stream: bool) {
        each!(self, conn => conn.send_headers(key, fields, end_stream));
    }

    /// Queues data: see [`Connection::send_data`].
    pub fn send_data<'a>(&mut self, key: StreamKey, data: impl Into<Payload<'a>>, end_stream: bool) {
        each!(self, conn => conn.send_data(key, data, end_stream));
    }

    /// Ends a stream with trailers: see [`Connection::send_trailers`].
    pub fn send_trailers(&mut self, key: StreamKey, fields: Box<dyn Fields + Send>) {
        each!(self, conn => conn.send_trailers(key, fields));
    }

    /// Head, data and trailers in one go: see [`Connection::respond`].
    pub fn respond<'a, T>(
        &mut self,
        key: StreamKey,
        head: &dyn Fields,
        data: impl Into<Payload<'a>>,
        trailers: T,
    ) where
        T: Fields + Send + 'static,
    {
        each!(self, conn => conn.respond(key, head, data, trailers));
    }

    /// Asks for what a message still lacks: see [`Connection::expect`].
    pub fn expect(&mut self, key: StreamKey, wanted: usize, awaited: bool) {
        each!(self, conn => conn.expect(key, wanted, awaited));
    }

    /// Tells of a call's deadline: see [`Connection::set_timeout`].
    pub fn set_timeout(&mut self, key: StreamKey, timeout: Duration) {
        each!(self, conn => conn.set_timeout(key, timeout));
    }
}
