//! Somebody who writes frames as they please.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use carom_wire::frame::{FrameHead, HEAD_LEN, PREFACE, flag, kind};
use carom_wire::hpack;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::JoinHandle;

/// Nothing that a server does about an attack takes longer here.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

pub(crate) const CANCEL: u32 = 8;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;

/// What the server said so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Code and words of the last GOAWAY.
    pub(crate) goaway: Option<(u32, String)>,
    /// Streams that it reset, with the code.
    pub(crate) resets: Vec<(u32, u32)>,
    /// The `grpc-status` of streams that ended with one, and its words.
    pub(crate) statuses: Vec<(u32, String, String)>,
    pub(crate) closed: bool,
}

/// A connection that is used badly.
pub(crate) struct Raw {
    write: OwnedWriteHalf,
    queue: BytesMut,
    seen: Arc<Mutex<Seen>>,
    /// What is not read.
    unread: Option<OwnedReadHalf>,
    reading: Option<JoinHandle<()>>,
}

impl Raw {
    /// Connects, greets, and reads what comes.
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        let mut raw = Self::silent(addr).await.listen();
        raw.greet(&[]);
        raw
    }

    /// Connects, greets with these SETTINGS, and reads nothing.
    pub(crate) async fn deaf(addr: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let mut raw = Self::silent(addr).await;
        raw.greet(settings);
        raw
    }

    /// Connects and says nothing.
    pub(crate) async fn silent(addr: SocketAddr) -> Self {
        let socket = TcpStream::connect(addr).await.expect("connects");
        let (read, write) = socket.into_split();
        Self { write, queue: BytesMut::new(), seen: Arc::default(), unread: Some(read), reading: None }
    }

    /// Begins to read.
    pub(crate) fn listen(mut self) -> Self {
        if let Some(read) = self.unread.take() {
            self.reading = Some(tokio::spawn(listen(read, Arc::clone(&self.seen))));
        }
        self
    }

    fn greet(&mut self, settings: &[(u16, u32)]) {
        self.queue.put_slice(PREFACE);
        self.settings(settings);
        self.frame(kind::SETTINGS, flag::ACK, 0, b"");
    }

    pub(crate) fn settings(&mut self, settings: &[(u16, u32)]) {
        let mut payload = Vec::new();
        for (id, value) in settings {
            payload.extend_from_slice(&id.to_be_bytes());
            payload.extend_from_slice(&value.to_be_bytes());
        }
        self.frame(kind::SETTINGS, 0, 0, &payload);
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.queue.put_slice(bytes);
    }

    pub(crate) fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        FrameHead { len: payload.len() as u32, kind, flags, stream }.encode(&mut self.queue);
        self.queue.put_slice(payload);
    }

    /// A gRPC request's head, with more fields behind it.
    pub(crate) fn request(&mut self, stream: u32, method: &str, more: &[(&[u8], &[u8])], end: bool) {
        let end = if end { flag::END_STREAM } else { 0 };
        self.frame(kind::HEADERS, flag::END_HEADERS | end, stream, &request_block(method, more));
    }

    pub(crate) fn data(&mut self, stream: u32, payload: &[u8], end: bool) {
        self.frame(kind::DATA, if end { flag::END_STREAM } else { 0 }, stream, payload);
    }

    pub(crate) fn reset(&mut self, stream: u32) {
        self.frame(kind::RST_STREAM, 0, stream, &CANCEL.to_be_bytes());
    }

    pub(crate) fn window(&mut self, stream: u32, increment: u32) {
        self.frame(kind::WINDOW_UPDATE, 0, stream, &increment.to_be_bytes());
    }

    /// Writes what is queued. `false`: the server takes no more, or not within two seconds.
    pub(crate) async fn flush(&mut self) -> bool {
        let bytes = self.queue.split();
        let written = tokio::time::timeout(Duration::from_secs(2), self.write.write_all(&bytes)).await;
        matches!(written, Ok(Ok(()))) && !self.seen().closed
    }

    /// [`flush`](Self::flush), once that is worth it.
    pub(crate) async fn flush_some(&mut self) -> bool {
        self.queue.len() < 32 * 1024 || self.flush().await
    }

    pub(crate) fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// Waits until what the server said is enough.
    pub(crate) async fn until(&mut self, what: &str, mut enough: impl FnMut(&Seen) -> bool) {
        self.flush().await;
        let waited = tokio::time::timeout(LIMIT, async {
            while !enough(&self.seen()) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        if waited.await.is_err() {
            panic!("{what} did not happen; the server said: {:?}", self.seen());
        }
    }

    /// Waits for the end of the connection, and says with which GOAWAY.
    pub(crate) async fn ended(mut self) -> Option<(u32, String)> {
        self.until("the end of the connection", |seen| seen.closed).await;
        std::mem::take(&mut *self.seen()).goaway
    }

    /// The connection must end for this reason.
    pub(crate) async fn ended_calmly(self, words: &str) {
        let (code, said) = self.ended().await.expect("a GOAWAY");
        assert_eq!(code, ENHANCE_YOUR_CALM, "{said}");
        assert!(said.contains(words), "{said}");
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(reading) = &self.reading {
            reading.abort();
        }
    }
}

/// Notes what the server says, until it closes.
async fn listen(mut read: OwnedReadHalf, seen: Arc<Mutex<Seen>>) {
    let mut input = BytesMut::new();
    let mut decoder = hpack::Decoder::new(4096, 1 << 20);
    while matches!(read.read_buf(&mut input).await, Ok(n) if n > 0) {
        while let Some(head) = input.first_chunk::<HEAD_LEN>().map(FrameHead::parse) {
            if input.len() < HEAD_LEN + head.len as usize {
                break;
            }
            let payload = input.split_to(HEAD_LEN + head.len as usize).freeze().slice(HEAD_LEN..);
            note(head, &payload, &mut decoder, &mut seen.lock().unwrap());
        }
    }
    seen.lock().unwrap().closed = true;
}

fn note(head: FrameHead, payload: &Bytes, decoder: &mut hpack::Decoder, seen: &mut Seen) {
    let number = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
    match head.kind {
        kind::GOAWAY => seen.goaway = Some((number(4), String::from_utf8_lossy(&payload[8..]).into_owned())),
        kind::RST_STREAM => seen.resets.push((head.stream, number(0))),
        kind::HEADERS => {
            let block = decoder.decode(payload).expect("the server's blocks are well-formed");
            let text = |name: &[u8]| block.get(name).map(|value| String::from_utf8_lossy(value).into_owned());
            if let Some(status) = text(b"grpc-status").or_else(|| text(b":status").filter(|s| s != "200")) {
                let words = text(b"grpc-message").unwrap_or_default();
                seen.statuses.push((head.stream, status, words));
            }
        }
        _ => {}
    }
}

/// A request's fields as literals that are not indexed (RFC 7541 §6.2.2).
pub(crate) fn request_block(method: &str, more: &[(&[u8], &[u8])]) -> Vec<u8> {
    let path = format!("/attacks.Victim/{method}");
    let fields: [(&[u8], &[u8]); 4] = [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", path.as_bytes()),
        (b"content-type", b"application/grpc"),
    ];
    let mut block = Vec::new();
    for (name, value) in fields.iter().chain(more) {
        block.push(0);
        length(name.len(), &mut block);
        block.extend_from_slice(name);
        length(value.len(), &mut block);
        block.extend_from_slice(value);
    }
    block
}

/// A string's length: seven bits, and more behind (RFC 7541 §5.1).
fn length(len: usize, block: &mut Vec<u8>) {
    if len < 127 {
        return block.push(len as u8);
    }
    block.push(127);
    let mut rest = len - 127;
    while rest >= 128 {
        block.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    block.push(rest as u8);
}

/// A message behind its prefix.
pub(crate) fn message(compressed: bool, payload: &[u8]) -> Vec<u8> {
    [&carom_wire::message::prefix(compressed, payload.len() as u32)[..], payload].concat()
}
