//! Two engines and a sequence of operations on both: neither ever accuses the other, what arrives is what was
//! sent, each stream ends once, and nothing that could be sent is left lying.

#![no_main]

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use bytes::{Buf, Bytes};
use carom_wire::{
    conn::{Blame, Connection, Event, ServerConfig, Side},
    fields::{FieldWriter, Indexing},
    frame::ErrorCode,
    stream::StreamKey,
};
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

fuzz_target!(|input: &[u8]| {
    // An input that ends early has done what it says.
    let _ = run(&mut Unstructured::new(input));
});

/// An engine and what its application knows.
struct End {
    engine: Connection,
    streams: BTreeMap<u32, Known>,
    /// Bytes on their way to this end.
    wire: Vec<u8>,
    closed: bool,
}

struct Known {
    key: StreamKey,
    sent: usize,
    received: usize,
    unreleased: usize,
    /// This end has said all it has to say.
    said_end: bool,
    /// The engine has told that the stream is over, or this end has reset it.
    over: bool,
}

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let mut now = Instant::now();
    let mut ends = [end(Side::Client, input, now)?, end(Side::Server, input, now)?];
    while !input.is_empty() {
        let at = usize::from(input.arbitrary::<bool>()?);
        let side = if at == 0 { Side::Client } else { Side::Server };
        match input.int_in_range(0..=31u8)? {
            0..=3 if side == Side::Client => ends[at].open(input.ratio(1u8, 4u8)?),
            0..=5 => ends[at].say(input, side)?,
            6..=11 => ends[at].data(input)?,
            12 => ends[at].reset(input)?,
            13..=15 => ends[at].release(input)?,
            16..=21 => {
                let (budget, share) = (input.int_in_range(0..=40_000)?, input.int_in_range(1..=4usize)?);
                carry(&mut ends, at, now, budget, share);
            }
            22..=27 => {
                let most = input.int_in_range(1..=10usize)?;
                let [client, server] = &mut ends;
                let (this, other) = if at == 0 { (client, server) } else { (server, client) };
                this.events(other, now, most);
            }
            28 => {
                now += Duration::from_millis(input.int_in_range(0..=3000)?);
                for end in &mut ends {
                    end.engine.handle_timeout(now);
                }
            }
            29 => ends[at].engine.shrink(),
            30 if input.ratio(1u8, 8u8)? => ends[at].engine.shutdown(now),
            31 if input.ratio(1u8, 16u8)? => {
                if input.arbitrary()? {
                    ends[at].engine.close(ErrorCode::INTERNAL_ERROR, "as the input says");
                } else {
                    ends[at].engine.handle_eof();
                }
            }
            _ => {}
        }
    }
    settle(&mut ends, now);
    Ok(())
}

fn end(side: Side, input: &mut Unstructured<'_>, now: Instant) -> Result<End> {
    let mut config = ServerConfig::default();
    config.connection.initial_stream_window = input.int_in_range(1..=4000)?;
    config.max_concurrent_streams = input.int_in_range(1..=10)?;
    config.connection.max_send_buffer = input.int_in_range(0..=5000)?;
    config.connection.header_table_size = input.int_in_range(0..=200)?;
    let engine = match side {
        Side::Client => Connection::client(config.connection, now),
        Side::Server => Connection::server(config, now),
    };
    Ok(End { engine, streams: BTreeMap::new(), wire: Vec::new(), closed: false })
}

/// What the byte at this place of a stream is.
fn byte(id: u32, at: usize) -> u8 {
    (id as usize * 7 + at * 31 + at / 251) as u8
}

impl End {
    fn open(&mut self, end_stream: bool) {
        if let Ok(key) = self.engine.open(&request, end_stream) {
            self.streams.insert(key.id().get(), Known::new(key, end_stream));
        }
    }

    fn pick(&mut self, input: &mut Unstructured<'_>) -> Result<Option<(u32, StreamKey)>> {
        let ids: Vec<_> = self.streams.iter().map(|(id, known)| (*id, known.key)).collect();
        if ids.is_empty() { Ok(None) } else { input.choose(&ids).copied().map(Some) }
    }

    /// A head, or an end, or all at once.
    fn say(&mut self, input: &mut Unstructured<'_>, side: Side) -> Result<()> {
        let Some((id, key)) = self.pick(input)? else { return Ok(()) };
        let known = self.streams.get_mut(&id).expect("picked");
        if side == Side::Client {
            if !known.said_end {
                self.engine.send_data(key, Bytes::new(), true);
                known.said_end = true;
            }
            return Ok(());
        }
        match input.int_in_range(0..=2u8)? {
            0 => self.engine.send_headers(key, &response, false),
            1 => self.engine.send_trailers(key, Box::new(trailers)),
            _ => self.engine.respond(key, &response, Bytes::new(), trailers),
        }
        Ok(())
    }

    fn data(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let Some((id, key)) = self.pick(input)? else { return Ok(()) };
        let known = self.streams.get_mut(&id).expect("picked");
        if known.said_end {
            return Ok(());
        }
        let before = self.engine.send_buffered(key);
        let length = input.int_in_range(0..=3000usize)? * if input.ratio(1u8, 8u8)? { 30 } else { 1 };
        let data: Vec<u8> = (known.sent..known.sent + length).map(|at| byte(id, at)).collect();
        self.engine.send_data(key, Bytes::from(data), false);
        // A server that has sent no head, or has ended, is not heard.
        if self.engine.send_buffered(key) == before + length {
            known.sent += length;
        }
        Ok(())
    }

    fn reset(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let Some((id, key)) = self.pick(input)? else { return Ok(()) };
        self.engine.reset(key, ErrorCode::CANCEL);
        self.streams.get_mut(&id).expect("picked").over = true;
        Ok(())
    }

    fn release(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let Some((id, key)) = self.pick(input)? else { return Ok(()) };
        let known = self.streams.get_mut(&id).expect("picked");
        let n = input.int_in_range(0..=known.unreleased)?;
        known.unreleased -= n;
        self.engine.release(key, n);
        if input.ratio(1u8, 4u8)? {
            self.engine.expect(key, input.int_in_range(0..=10_000)?, true);
        }
        Ok(())
    }

    /// Takes events; whether there were any.
    fn events(&mut self, other: &End, now: Instant, most: usize) -> bool {
        for taken in 0..most {
            let Some(event) = self.engine.next_event(now) else { return taken > 0 };
            assert!(!self.closed, "{event:?} after the end");
            self.event(event, other);
        }
        true
    }

    fn event(&mut self, event: Event, other: &End) {
        match event {
            Event::Headers { key, .. } => {
                let known = self.streams.entry(key.id().get()).or_insert_with(|| Known::new(key, false));
                assert!(!known.over);
            }
            Event::Data { key, data, .. } => {
                let known = self.streams.get_mut(&key.id().get()).expect("its head came first");
                assert!(!known.over);
                let id = key.id().get();
                assert!(data.iter().zip(known.received..).all(|(&got, at)| got == byte(id, at)));
                known.received += data.len();
                known.unreleased += data.len();
                assert!(known.received <= other.streams[&id].sent);
            }
            Event::Finished { key } | Event::Reset { key, .. } => {
                let known = self.streams.get_mut(&key.id().get()).expect("its head came first");
                assert!(!known.over, "a stream ended twice");
                known.over = true;
            }
            Event::Writable { key } => assert!(!self.streams[&key.id().get()].over),
            Event::Closed { error } => {
                self.closed = true;
                if let Some(error) = error {
                    // The wire may well keep the rest of a header block back for longer than is allowed.
                    let is_late = error.reason.ends_with("not finished in time");
                    assert!(is_late || !matches!(error.blame, Blame::Peer | Blame::NotHttp2), "{error:?}");
                }
            }
            Event::Ready | Event::StreamsAvailable | Event::GoAway { .. } => {}
        }
    }
}

impl Known {
    fn new(key: StreamKey, said_end: bool) -> Self {
        Self { key, sent: 0, received: 0, unreleased: 0, said_end, over: false }
    }
}

/// Lets `from` write, and brings a part of what is on its way to the other end; whether anything moved.
fn carry(ends: &mut [End; 2], from: usize, now: Instant, budget: usize, share: usize) -> bool {
    let [client, server] = ends;
    let (from, to) = if from == 0 { (client, server) } else { (server, client) };
    from.engine.transmit(now, budget);
    while from.engine.output().has_remaining() {
        let piece = from.engine.output().chunk().to_vec();
        from.engine.output().advance(piece.len());
        to.wire.extend_from_slice(&piece);
    }
    let arriving = to.wire.len().div_ceil(share);
    if !to.engine.is_closed() {
        to.engine.input().extend_from_slice(&to.wire[..arriving]);
    }
    to.wire.drain(..arriving);
    arriving > 0
}

/// Everything is carried, taken and released until nothing moves. Then nothing may be left that could have moved.
fn settle(ends: &mut [End; 2], now: Instant) {
    for round in 0.. {
        assert!(round < 10_000, "it never settles");
        let mut moved = false;
        for at in 0..2 {
            moved |= carry(ends, at, now, usize::MAX, 1);
            let [client, server] = &mut *ends;
            let (this, other) = if at == 0 { (client, server) } else { (server, client) };
            moved |= this.events(other, now, usize::MAX);
            for known in this.streams.values_mut() {
                this.engine.release(known.key, std::mem::take(&mut known.unreleased));
                // A window of a byte would take a round for each.
                if round > 100 {
                    this.engine.expect(known.key, 1 << 20, true);
                }
            }
        }
        if !moved && ends.iter_mut().all(|end| !end.engine.wants_transmit()) {
            break;
        }
    }
    if ends.iter().any(|end| end.closed) {
        return;
    }
    let [client, server] = ends;
    assert_eq!(client.engine.active_streams(), server.engine.active_streams());
    for (this, other) in [(&*client, &*server), (&*server, &*client)] {
        for (id, known) in &this.streams {
            if !known.over {
                assert_eq!(known.sent, other.streams[id].received, "stream {id}");
            }
        }
    }
}

fn request(w: &mut dyn FieldWriter) {
    w.field(b":method", b"POST", Indexing::Incremental);
    w.field(b":scheme", b"http", Indexing::Incremental);
    w.field(b":path", b"/a.B/C", Indexing::Incremental);
}

fn response(w: &mut dyn FieldWriter) {
    w.field(b":status", b"200", Indexing::Incremental);
}

fn trailers(w: &mut dyn FieldWriter) {
    w.field(b"grpc-status", b"0", Indexing::Incremental);
}
