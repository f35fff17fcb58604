//! The engine at work without sockets, for counting instructions: `cargo xtask instructions` runs each scenario twice
//! under callgrind, with few calls and with many, and divides the difference.
//!
//! `instructions SCENARIO N` does N units of work, on a client and a server that talk in memory.

use std::time::Instant;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use carom_wire::call::{ContentType, RequestFields};
use carom_wire::client::{self, Client, End};
use carom_wire::conn::{Config, ServerConfig};
use carom_wire::http::Http;
use carom_wire::message;
use carom_wire::server::{self, Server};
use carom_wire::stream::Payload;
use carom_wire::{Code, MetadataMap};

/// Calls under way at once on the one connection.
const IN_FLIGHT: usize = 10;
const MAX_MESSAGE: usize = 4 << 20;

/// Two engines that are connected.
struct Pair {
    client: Client,
    server: Server,
    now: Instant,
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
            client: Client::http2(Config::default(), now),
            server: Server::http2(ServerConfig::default(), None, now),
            now,
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
            content_type: ContentType::default(),
            encoding: None,
            accept_encoding: Some("identity, deflate, gzip"),
            previous_attempts: 0,
            metadata: &self.metadata,
        };
        let key = self.client.open(&fields, MAX_MESSAGE).expect("below the limit of streams");
        self.client.call(key).expect("it is open").send(payload.clone(), true);
    }

    /// Lets both ends work until nothing moves.
    fn settle(&mut self, answer: Answer) {
        loop {
            let up = carry(self.client.http_mut(), self.server.http_mut(), self.now);
            self.serve(answer);
            let down = carry(self.server.http_mut(), self.client.http_mut(), self.now);
            self.receive();
            if !up && !down {
                return;
            }
        }
    }

    fn serve(&mut self, answer: Answer) {
        while let Some(event) = self.server.next_event(self.now) {
            match event {
                server::Event::Request { key, head, end_stream } => {
                    assert_eq!(head.path.len(), 28);
                    self.server.accept(key, &head, end_stream, MAX_MESSAGE);
                }
                server::Event::Data { key, len } => {
                    let Some(mut call) = self.server.call(key) else { continue };
                    call.release(len);
                    let Some(message) = call.next_message().expect("in order") else {
                        call.expect(true);
                        continue;
                    };
                    let nothing = MetadataMap::new();
                    match answer {
                        Answer::Echo => {
                            frame(&message.payload, &mut self.buffer);
                            let framed = Payload::in_buffer(&mut self.buffer);
                            call.send_unary(&self.metadata, None, framed, nothing);
                        }
                        Answer::Stream(count) => {
                            for _ in 0..count {
                                frame(&[7; 16], &mut self.buffer);
                                call.send_message(Payload::in_buffer(&mut self.buffer));
                            }
                            call.send_status(None, nothing);
                        }
                    }
                }
                server::Event::Finished { .. } | server::Event::Writable { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn receive(&mut self) {
        while let Some(event) = self.client.next_event(self.now) {
            match event {
                client::Event::Data { key } => {
                    let Some(mut call) = self.client.call(key) else { continue };
                    let mut taken = 0;
                    while let Some(message) = call.next_message().expect("in order") {
                        taken += message::PREFIX_LEN + message.payload.len();
                        self.messages += 1;
                    }
                    call.release(taken);
                    call.expect(true);
                }
                client::Event::End { end: End::Status(end), .. } => {
                    assert_eq!(end.status.code(), Code::Ok, "{}", end.status);
                    self.ended += 1;
                }
                client::Event::Ready | client::Event::Head { .. } | client::Event::Writable { .. } => {}
                other => panic!("{other:?}"),
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

/// Moves everything that `from` may send; whether that was anything.
fn carry(from: &mut Http, to: &mut Http, now: Instant) -> bool {
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
