//! One call after another over HTTP/1.1, at the server, just enough to show that calls do not depend on HTTP/2: bodies
//! of a known length in, chunks and trailers out (RFC 9112).

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::{Buf, BytesMut};

use crate::{
    conn::{Config, Event, OpenError, Output},
    fields::{Fields, HeaderBlock, HeaderField},
    frame::ErrorCode,
    stream::{Payload, StreamId, StreamKey},
};

/// The server side of an HTTP/1.1 connection; see the module's documentation.
pub struct Http1 {
    input: BytesMut,
    output: Output,
    events: VecDeque<Event>,
    config: Config,
    calls: u32,
    /// The bytes of the body still to come; `None` while a head is expected.
    body_left: Option<usize>,
    answer: Answer,
    closed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    NotBegun,
    Begun,
    Ended,
}

impl Http1 {
    pub(crate) fn new() -> Self {
        Self {
            input: BytesMut::new(),
            output: Output::default(),
            events: VecDeque::new(),
            config: Config::default(),
            calls: 0,
            body_left: None,
            answer: Answer::NotBegun,
            closed: false,
        }
    }

    fn key(&self) -> StreamKey {
        StreamKey { index: 0, id: StreamId(self.calls) }
    }

    fn write(&mut self, text: &[u8]) {
        self.output.push(Payload::Lent(text));
    }

    fn write_fields(&mut self, fields: &[HeaderField]) {
        for HeaderField { name, value, .. } in fields.iter().filter(|field| !field.name.starts_with(b":")) {
            self.write(&[&name[..], b": ", &value[..], b"\r\n"].concat());
        }
        self.write(b"\r\n");
    }

    fn end_answer(&mut self) {
        self.answer = Answer::Ended;
        self.finish_if_done();
    }

    fn finish_if_done(&mut self) {
        if self.answer == Answer::Ended && self.body_left == Some(0) {
            self.events.push_back(Event::Finished { key: self.key() });
            self.body_left = None;
        }
    }

    fn read_head(&mut self) -> Option<Event> {
        let end = self.input.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = self.input.split_to(end + 4);
        let text = String::from_utf8(head[..end].to_vec()).expect("the tests send text");
        let mut lines = text.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut fields = vec![
            HeaderField::new(":method", method.to_owned()),
            HeaderField::new(":scheme", "http"),
            HeaderField::new(":path", path.to_owned()),
        ];
        let mut length = 0;
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().expect("a number"),
                name => fields.push(HeaderField::new(name.to_owned(), value.to_owned())),
            }
        }
        self.calls += 1;
        (self.body_left, self.answer) = (Some(length), Answer::NotBegun);
        let block = HeaderBlock::from_fields(fields);
        Some(Event::Headers { key: self.key(), block, end_stream: length == 0 })
    }
}

/// What calls need from a transport: see [`Connection`](crate::conn::Connection).
impl Http1 {
    pub(super) fn input(&mut self) -> &mut BytesMut {
        &mut self.input
    }

    pub(super) fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    pub(super) fn transmit(&mut self, _now: Instant, _budget: usize) {}

    pub(super) fn wants_transmit(&self) -> bool {
        self.output.has_remaining()
    }

    pub(super) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    pub(super) fn handle_timeout(&mut self, _now: Instant) {}

    pub(super) fn handle_eof(&mut self) {
        self.closed = true;
        self.events.push_back(Event::Closed { error: None });
    }

    pub(super) fn shutdown(&mut self, _now: Instant) {}

    pub(super) fn close(&mut self, _code: ErrorCode, _debug: &'static str) {
        self.handle_eof();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn buffered(&self) -> usize {
        self.input.len() + self.output.remaining()
    }

    pub(super) fn active_streams(&self) -> usize {
        usize::from(self.body_left.is_some())
    }

    pub(super) fn shrink(&mut self) {}

    pub(super) fn hibernate(&mut self) {}

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn peer_max_header_list_size(&self) -> Option<u32> {
        None
    }

    pub(super) fn send_buffered(&mut self, _key: StreamKey) -> usize {
        0
    }

    pub(super) fn reset(&mut self, _key: StreamKey, _code: ErrorCode) {
        self.handle_eof();
    }

    pub(super) fn release(&mut self, _key: StreamKey, _n: usize) {}

    pub(super) fn expect(&mut self, _key: StreamKey, _wanted: usize, _awaited: bool) {}

    pub(super) fn set_timeout(&mut self, _key: StreamKey, _timeout: Duration) {}

    pub(super) fn can_open(&self) -> bool {
        false
    }

    pub(super) fn open(&mut self, _fields: &dyn Fields, _end_stream: bool) -> Result<StreamKey, OpenError> {
        // A server.
        Err(OpenError::GoingAway)
    }

    pub(super) fn next_event(&mut self, _now: Instant) -> Option<Event> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        match self.body_left {
            None => self.read_head(),
            Some(0) => None,
            Some(_) if self.input.is_empty() => None,
            Some(left) => {
                let n = left.min(self.input.len());
                let data = self.input.split_to(n).freeze();
                self.body_left = Some(left - n);
                let key = self.key();
                self.finish_if_done();
                Some(Event::Data { key, data, end_stream: left == n })
            }
        }
    }

    pub(super) fn send_headers(&mut self, key: StreamKey, fields: &dyn Fields, end_stream: bool) {
        if key != self.key() || self.answer != Answer::NotBegun {
            return;
        }
        let mut list: Vec<HeaderField> = Vec::new();
        fields.encode(&mut list);
        let status = list.iter().find(|field| field.name == b":status"[..]).expect("a head has a status");
        self.write(&[b"HTTP/1.1 ", &status.value[..], b" \r\ntransfer-encoding: chunked\r\n"].concat());
        self.write_fields(&list);
        self.answer = Answer::Begun;
        if end_stream {
            self.write(b"0\r\n\r\n");
            self.end_answer();
        }
    }

    pub(super) fn send_data<'a>(&mut self, key: StreamKey, data: impl Into<Payload<'a>>, end_stream: bool) {
        if key != self.key() || self.answer != Answer::Begun {
            return;
        }
        let data = data.into();
        if data.len() > 0 {
            self.write(format!("{:x}\r\n", data.len()).as_bytes());
            self.write(data.as_slice());
            self.write(b"\r\n");
        }
        if end_stream {
            self.write(b"0\r\n\r\n");
            self.end_answer();
        }
    }

    pub(super) fn send_trailers(&mut self, key: StreamKey, fields: Box<dyn Fields + Send>) {
        if key != self.key() || self.answer != Answer::Begun {
            return;
        }
        let mut list: Vec<HeaderField> = Vec::new();
        fields.encode(&mut list);
        self.write(b"0\r\n");
        self.write_fields(&list);
        self.end_answer();
    }

    pub(super) fn respond<'a, T>(
        &mut self,
        key: StreamKey,
        head: &dyn Fields,
        data: impl Into<Payload<'a>>,
        trailers: T,
    ) where
        T: Fields + Send + 'static,
    {
        self.send_headers(key, head, false);
        self.send_data(key, data, false);
        self.send_trailers(key, Box::new(trailers));
    }
}
