//! The transports that carry calls: streams of header fields and data, over whichever version of HTTP.
//!
//! The methods of [`Http`] are all that a call needs from its transport. Their contract is that of the methods of
//! [`conn::Connection`](crate::conn::Connection).

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
    /// A stand-in that shows that the calls above do not depend on HTTP/2.
    #[cfg(test)]
    Http1(http1::Http1),
}

/// Forwards to each transport. An enum rather than a trait: the path of a call needs no type parameter and no
/// indirection for it.
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
    /// The buffer for received bytes: see [`Connection::input`].
    pub fn input(&mut self) -> &mut BytesMut {
        each!(self, conn => conn.input())
    }

    /// The bytes to be written to the socket: see [`Connection::output`].
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

    /// Whether an event is ready that needs no more input: see [`Connection::has_events`].
    pub fn has_events(&self) -> bool {
        each!(self, conn => conn.has_events())
    }

    /// The time at which [`handle_timeout`](Self::handle_timeout) must be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        each!(self, conn => conn.poll_timeout())
    }

    /// Handles the timers that are due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        each!(self, conn => conn.handle_timeout(now));
    }

    /// Takes note that the socket has ended: no more input comes.
    pub fn handle_eof(&mut self) {
        each!(self, conn => conn.handle_eof());
    }

    /// Lets open streams end and accepts no new ones: see [`Connection::shutdown`].
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

    /// The bytes held for the connection: see [`Connection::buffered`].
    pub fn buffered(&self) -> usize {
        each!(self, conn => conn.buffered())
    }

    /// The number of streams that have not ended.
    pub fn active_streams(&self) -> usize {
        each!(self, conn => conn.active_streams())
    }

    /// Frees memory that an idle connection does not need: see [`Connection::shrink`].
    pub fn shrink(&mut self) {
        each!(self, conn => conn.shrink());
    }

    /// Frees what makes repeated calls cheap, too: see [`Connection::hibernate`].
    pub fn hibernate(&mut self) {
        each!(self, conn => conn.hibernate());
    }

    /// The number of queued bytes from which on a stream is to be held back: see
    /// [`Config::max_send_buffer`](crate::conn::Config::max_send_buffer).
    pub fn max_send_buffer(&self) -> usize {
        each!(self, conn => conn.config().max_send_buffer)
    }

    /// The largest header list that the peer accepts, if it announced one.
    pub fn peer_max_header_list_size(&self) -> Option<u32> {
        each!(self, conn => conn.peer_max_header_list_size())
    }

    /// The bytes queued on a stream: see [`Connection::send_buffered`].
    pub fn send_buffered(&mut self, key: StreamKey) -> usize {
        each!(self, conn => conn.send_buffered(key))
    }

    /// Ends a stream abnormally: see [`Connection::reset`].
    pub fn reset(&mut self, key: StreamKey, code: ErrorCode) {
        each!(self, conn => conn.reset(key, code));
    }

    /// Gives the peer credit for `n` bytes that have been taken: see [`Connection::release`].
    pub fn release(&mut self, key: StreamKey, n: usize) {
        each!(self, conn => conn.release(key, n));
    }

    /// Returns the next event: see [`Connection::next_event`].
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
    /// The same.
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

    /// Sends head, data and trailers in one go: see [`Connection::respond`].
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

    /// Asks for the missing bytes of a message: see [`Connection::expect`].
    pub fn expect(&mut self, key: StreamKey, wanted: usize, awaited: bool) {
        each!(self, conn => conn.expect(key, wanted, awaited));
    }

    /// Records a call's timeout: see [`Connection::set_timeout`].
    pub fn set_timeout(&mut self, key: StreamKey, timeout: Duration) {
        each!(self, conn => conn.set_timeout(key, timeout));
    }
}
