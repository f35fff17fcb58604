//! The engine at work without sockets, for counting instructions: `cargo xtask instructions` runs each scenario twice
//! under callgrind, with few calls and with many, and divides the difference.
//!
//! `instructions SCENARIO N` does N units of work, on a client and a server that talk in memory.

use std::time::Instant;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use carom_wire::call::{ClientCall, ClientEvent, HeadCache, RequestFields, ServerCall};
use carom_wire::conn::{Config, Connection, Event, Side};
use carom_wire::message;
use carom_wire::stream::{Payload, StreamKey};
use carom_wire::{Code, MetadataMap};

/// Calls under way at once on the one connection.
const IN_FLIGHT: usize = 10;
const MAX_MESSAGE: usize = 4 << 20;

/// Two engines that are connected, and what their drivers keep beside them.
struct Pair {
    client: Connection,
    server: Connection,
    now: Instant,
    /// At the index of their streams.
    calls: Vec<Option<ClientCall>>,
    served: Vec<Option<ServerCall>>,
    heads: HeadCache,
    metadata: MetadataMap,
    buffer: BytesMut,
    /// Calls that ended well.
    ended: usize,
    /// Messages that the client took.
    messages: usize,
}

/// What a server answers with.
#[derive(Clone, Copy)]
enum Answer {
    /// The request's message, once.
    Echo,
    /// So many messages of 16 bytes.
    Stream(usize),
}

impl Pair {
    fn new() -> Self {
        let now = Instant::now();
        let mut pair = Self {
            client: Connection::new(Side::Client, Config::default(), now),
            server: Connection::new(Side::Server, Config::default(), now),
            now,
            calls: Vec::new(),
            served: Vec::new(),
            heads: HeadCache::default(),
            metadata: MetadataMap::new(),
            buffer: BytesMut::new(),
            ended: 0,
            messages: 0,
        };
        pair.settle(Answer::Echo);
        pair
    }

    fn start(&mut self, payload: &Bytes) {
        let fields = RequestFields {
            scheme: "http",
            authority: "localhost:50051",
            path: b"/helloworld.Greeter/SayHello",
            timeout: None,
            user_agent: "carom/0.1.0",
            encoding: None,
            accept_encoding: Some("identity, deflate, gzip"),
            previous_attempts: 0,
            metadata: &self.metadata,
        };
        let key = self.client.open(&fields, false).expect("below the limit of streams");
        self.client.send_data(key, payload.clone(), true);
        *place(&mut self.calls, key) = Some(ClientCall::new(MAX_MESSAGE));
    }

    /// Lets both ends work until nothing moves.
    fn settle(&mut self, answer: Answer) {
        loop {
            let up = carry(&mut self.client, &mut self.server, self.now);
            self.serve(answer);
            let down = carry(&mut self.server, &mut self.client, self.now);
            self.receive();
            if !up && !down {
                return;
            }
        }
    }

    fn serve(&mut self, answer: Answer) {
        while let Some(event) = self.server.next_event(self.now) {
            match event {
                Event::Headers { key, block, end_stream } => {
                    let head = self.heads.parse(&block).expect("a request that is in order");
                    assert_eq!(head.path.len(), 28);
                    *place(&mut self.served, key) = Some(ServerCall::new(MAX_MESSAGE, end_stream));
                }
                Event::Data { key, data, end_stream } => {
                    let Some(call) = place(&mut self.served, key) else { continue };
                    let taken = data.len();
                    call.on_data(data, end_stream);
                    self.server.release(key, taken);
                    let Some(message) = call.next_message().expect("in order") else {
                        let wanted = call.wanted();
                        self.server.expect(key, wanted, true);
                        continue;
                    };
                    let nothing = MetadataMap::new();
                    match answer {
                        Answer::Echo => {
                            frame(&message.payload, &mut self.buffer);
                            let framed = Payload::in_buffer(&mut self.buffer);
                            call.send_unary(&mut self.server, key, &self.metadata, None, framed, nothing);
                        }
                        Answer::Stream(count) => {
                            for _ in 0..count {
                                frame(&[7; 16], &mut self.buffer);
                                call.send_message(
                                    &mut self.server,
                                    key,
                                    Payload::in_buffer(&mut self.buffer),
                                );
                            }
                            call.send_status(&mut self.server, key, None, nothing);
                        }
                    }
                }
                Event::Finished { key } => *place(&mut self.served, key) = None,
                other => assert!(matches!(other, Event::Ready | Event::Writable { .. }), "{other:?}"),
            }
        }
    }

    fn receive(&mut self) {
        while let Some(event) = self.client.next_event(self.now) {
            match event {
                Event::Headers { key, block, end_stream } => {
                    let Some(call) = place(&mut self.calls, key) else { continue };
                    if let ClientEvent::End(end) = call.on_headers(&block, end_stream).expect("in order") {
                        assert_eq!(end.status.code(), Code::Ok, "{}", end.status);
                        self.ended += 1;
                    }
                }
                Event::Data { key, data, end_stream } => {
                    let Some(call) = place(&mut self.calls, key) else { continue };
                    let taken = data.len();
                    call.on_data(data, end_stream);
                    while call.next_message().expect("in order").is_some() {
                        self.messages += 1;
                    }
                    let wanted = call.wanted();
                    self.client.release(key, taken);
                    if wanted > 0 {
                        self.client.expect(key, wanted, true);
                    }
                }
                Event::Finished { key } => *place(&mut self.calls, key) = None,
                other => assert!(matches!(other, Event::Ready | Event::Writable { .. }), "{other:?}"),
            }
        }
    }

    /// `n` unary calls with a message of `size` bytes, in batches.
    fn unary(mut self, n: usize, size: usize) {
        let payload = framed(&vec![7; size]);
        while self.ended < n {
            for _ in 0..IN_FLIGHT.min(n - self.ended) {
                self.start(&payload);
            }
            self.settle(Answer::Echo);
        }
        assert_eq!((self.ended, self.messages), (n, n));
    }

    /// One call that is answered with `n` messages of 16 bytes.
    fn stream(mut self, n: usize) {
        self.start(&framed(b""));
        self.settle(Answer::Stream(n));
        assert_eq!((self.ended, self.messages), (1, n));
    }
}

fn frame(payload: &[u8], buffer: &mut BytesMut) {
    buffer.clear();
    buffer.put_slice(&message::prefix(false, payload.len() as u32));
    buffer.put_slice(payload);
}

fn framed(payload: &[u8]) -> Bytes {
    let mut buffer = BytesMut::new();
    frame(payload, &mut buffer);
    buffer.freeze()
}

fn place<T>(slots: &mut Vec<Option<T>>, key: StreamKey) -> &mut Option<T> {
    if slots.len() <= key.index() {
        slots.resize_with(key.index() + 1, || None);
    }
    &mut slots[key.index()]
}

/// Moves everything that `from` may send; whether that was anything.
fn carry(from: &mut Connection, to: &mut Connection, now: Instant) -> bool {
    from.transmit(now, usize::MAX);
    let moved = from.output().has_remaining();
    let input = to.input();
    input.reserve(from.output().remaining());
    while from.output().has_remaining() {
        let output = from.output();
        input.extend_from_slice(output.chunk());
        let n = output.chunk().len();
        output.advance(n);
    }
    moved
}

fn main() {
    // Cargo adds words of its own.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let [scenario, n] = &words[..] else {
        // As `cargo bench` and `cargo test --benches` run it: shows that it works, counts nothing.
        Pair::new().unary(100, 16);
        return;
    };
    let n: usize = n.parse().expect("N is a number");
    let pair = Pair::new();
    match scenario.as_str() {
        "unary" => pair.unary(n, 16),
        "unary-64k" => pair.unary(n, 64 * 1024),
        "stream-16" => pair.stream(n),
        other => panic!("there is no scenario {other:?}"),
    }
}
