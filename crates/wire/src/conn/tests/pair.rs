use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};

use crate::{
    conn::{Config, Connection, Event, ServerConfig},
    fields::{FieldWriter, Indexing},
    frame::{FrameHead, HEAD_LEN, PREFACE, Settings, flag, kind},
    hpack::Encoder,
    stream::StreamKey,
};

/// A client and a server with nothing between them but time.
pub(super) struct Pair {
    pub(super) client: Connection,
    pub(super) server: Connection,
    pub(super) now: Instant,
}

impl Pair {
    pub(super) fn new() -> Self {
        Self::with(Config::default(), Config::default())
    }

    pub(super) fn with(client: Config, server: impl Into<ServerConfig>) -> Self {
        let now = Instant::now();
        let mut pair = Self {
            client: Connection::client(client, now),
            server: Connection::server(server.into(), now),
            now,
        };
        let (client, server) = pair.run();
        assert!(matches!(client[..], [Event::Ready]), "{client:?}");
        assert!(matches!(server[..], [Event::Ready]), "{server:?}");
        pair
    }

    /// Carries bytes both ways until nothing moves; the events of client and server.
    pub(super) fn run(&mut self) -> (Vec<Event>, Vec<Event>) {
        let (mut client, mut server) = (Vec::new(), Vec::new());
        loop {
            client.extend(events(&mut self.client, self.now));
            server.extend(events(&mut self.server, self.now));
            let up = carry(&mut self.client, &mut self.server, self.now);
            let down = carry(&mut self.server, &mut self.client, self.now);
            if !up && !down {
                client.extend(events(&mut self.client, self.now));
                server.extend(events(&mut self.server, self.now));
                return (client, server);
            }
        }
    }

    pub(super) fn advance(&mut self, by: Duration) {
        self.now += by;
        for side in [&mut self.client, &mut self.server] {
            if side.poll_timeout().is_some_and(|at| at <= self.now) {
                side.handle_timeout(self.now);
            }
        }
    }

    /// Opens a stream and gives the client's and the server's key of it.
    pub(super) fn open(&mut self, end_stream: bool) -> (StreamKey, StreamKey) {
        let ours = self.client.open(&request, end_stream).expect("the client may open a stream");
        let (_, events) = self.run();
        let theirs = events
            .iter()
            .find_map(|event| match event {
                Event::Headers { key, .. } if key.id() == ours.id() => Some(*key),
                _ => None,
            })
            .expect("the server sees the stream");
        (ours, theirs)
    }
}

pub(super) fn events(side: &mut Connection, now: Instant) -> Vec<Event> {
    std::iter::from_fn(|| side.next_event(now)).collect()
}

/// Moves everything that `from` may send; whether that was anything.
pub(super) fn carry(from: &mut Connection, to: &mut Connection, now: Instant) -> bool {
    from.transmit(now, usize::MAX);
    let moved = from.output().has_remaining();
    while from.output().has_remaining() {
        let chunk = Bytes::copy_from_slice(from.output().chunk());
        from.output().advance(chunk.len());
        to.input().extend_from_slice(&chunk);
    }
    moved
}

pub(super) fn request(w: &mut dyn FieldWriter) {
    w.field(b":method", b"POST", Indexing::Incremental);
    w.field(b":scheme", b"http", Indexing::Incremental);
    w.field(b":path", b"/test.Test/Call", Indexing::Incremental);
    w.field(b"content-type", b"application/grpc", Indexing::Incremental);
}

pub(super) fn response(w: &mut dyn FieldWriter) {
    w.field(b":status", b"200", Indexing::Incremental);
}

pub(super) fn trailers(w: &mut dyn FieldWriter) {
    w.field(b"grpc-status", b"0", Indexing::Incremental);
}

/// One engine and somebody who writes frames by hand.
pub(super) struct Attacked {
    pub(super) engine: Connection,
    pub(super) now: Instant,
    pub(super) encoder: Encoder,
}

impl Attacked {
    pub(super) fn server(config: impl Into<ServerConfig>) -> Self {
        let now = Instant::now();
        let mut attacked =
            Self { engine: Connection::server(config.into(), now), now, encoder: Encoder::new() };
        attacked.engine.input().extend_from_slice(PREFACE);
        attacked.settings(&Settings::default());
        attacked.frame(kind::SETTINGS, flag::ACK, 0, b"");
        assert!(matches!(attacked.events()[..], [Event::Ready]));
        attacked.written();
        attacked
    }

    pub(super) fn client(config: Config) -> Self {
        let now = Instant::now();
        let mut attacked = Self { engine: Connection::client(config, now), now, encoder: Encoder::new() };
        attacked.settings(&Settings::default());
        attacked.frame(kind::SETTINGS, flag::ACK, 0, b"");
        assert!(matches!(attacked.events()[..], [Event::Ready]));
        attacked.written();
        attacked
    }

    pub(super) fn settings(&mut self, settings: &Settings) {
        settings.encode(self.engine.input());
    }

    pub(super) fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let head = FrameHead { len: payload.len() as u32, kind, flags, stream };
        head.encode(self.engine.input());
        self.engine.input().extend_from_slice(payload);
    }

    pub(super) fn block(&mut self, fields: impl Fn(&mut dyn FieldWriter)) -> Bytes {
        let mut out = bytes::BytesMut::new();
        fields(&mut self.encoder.begin(&mut out));
        out.freeze()
    }

    pub(super) fn events(&mut self) -> Vec<Event> {
        events(&mut self.engine, self.now)
    }

    /// Lets time pass, and whatever is due happen when it is.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.engine.poll_timeout().filter(|at| *at <= end) {
            self.now = at;
            self.engine.handle_timeout(self.now);
        }
        self.now = end;
    }

    /// The frames that the engine wrote since the last time.
    pub(super) fn written(&mut self) -> Vec<(FrameHead, Bytes)> {
        self.engine.transmit(self.now, usize::MAX);
        let len = self.engine.output().remaining();
        let mut bytes = self.engine.output().copy_to_bytes(len);
        if bytes.starts_with(PREFACE) {
            bytes.advance(PREFACE.len());
        }
        let mut frames = Vec::new();
        while let Some(head) = bytes.first_chunk::<HEAD_LEN>() {
            let head = FrameHead::parse(head);
            bytes.advance(HEAD_LEN);
            frames.push((head, bytes.split_to(head.len as usize)));
        }
        assert!(bytes.is_empty(), "a frame is cut short");
        frames
    }
}
