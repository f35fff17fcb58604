//! A client that writes what frames it likes, and keeps account of what it is told.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use carom_wire::HeaderBlock;
use carom_wire::frame::{ErrorCode, FrameHead, HEAD_LEN, PREFACE, flag, kind};
use carom_wire::hpack::Decoder;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::siege::soon;

/// Header blocks that are kept at a time.
const KEPT: usize = 500;

/// What the other side has said.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) frames: usize,
    /// The code and the words of the GOAWAY.
    pub(crate) goaway: Option<(ErrorCode, String)>,
    /// How many streams were reset with which code.
    pub(crate) resets: Vec<(u32, ErrorCode)>,
    pub(crate) blocks: Vec<(u32, HeaderBlock)>,
    /// Bytes of header blocks as they came.
    pub(crate) raw_blocks: Vec<u8>,
    /// Bytes of DATA.
    pub(crate) data: usize,
    /// Nothing follows.
    pub(crate) ended: bool,
}

impl Seen {
    /// The last value of a field in the blocks of a stream.
    pub(crate) fn field(&self, stream: u32, name: &[u8]) -> Option<String> {
        let of_stream = self.blocks.iter().rev().filter(|(id, _)| *id == stream);
        of_stream.flat_map(|(_, block)| block.get(name)).next().map(|value| value.escape_ascii().to_string())
    }

    pub(crate) fn status(&self, stream: u32) -> Option<String> {
        self.field(stream, b"grpc-status")
    }

    pub(crate) fn reset(&self, stream: u32) -> Option<ErrorCode> {
        self.resets.iter().find(|(id, _)| *id == stream).map(|(_, code)| *code)
    }
}

pub(crate) struct Attacker<S = TcpStream> {
    out: WriteHalf<S>,
    seen: watch::Receiver<Seen>,
    reading: JoinHandle<()>,
    next: u32,
}

/// How an attacker reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ears {
    /// All there is.
    Open,
    /// Nothing.
    Shut,
}

impl Attacker {
    /// A connection that begins as every client's does, and on which everything is read.
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        Self::greeting(addr, &[], Ears::Open).await
    }

    /// As [`connect`](Self::connect), with these SETTINGS.
    pub(crate) async fn greeting(addr: SocketAddr, settings: &[(u16, u32)], ears: Ears) -> Self {
        let stream = TcpStream::connect(addr).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut attacker = Self::over(stream, ears);
        attacker.greet(settings).await;
        attacker
    }
}

impl<S: AsyncRead + AsyncWrite + Send + 'static> Attacker<S> {
    /// Over a connection on which nothing was said yet.
    pub(crate) fn over(io: S, ears: Ears) -> Self {
        let (from, out) = tokio::io::split(io);
        let (sender, seen) = watch::channel(Seen::default());
        let reading = tokio::spawn(async move {
            match ears {
                Ears::Open => listen(from, sender).await,
                Ears::Shut => std::future::pending().await,
            }
        });
        Self { out, seen, reading, next: 1 }
    }

    /// Preface, SETTINGS, and the acknowledgement of the server's.
    pub(crate) async fn greet(&mut self, settings: &[(u16, u32)]) {
        let mut out = BytesMut::from(&PREFACE[..]);
        put_frame(&mut out, kind::SETTINGS, 0, 0, &settings_payload(settings));
        put_frame(&mut out, kind::SETTINGS, flag::ACK, 0, &[]);
        self.write(&out).await;
    }

    /// Writes. `false`: the other side takes nothing any more.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> bool {
        soon(async { self.out.write_all(bytes).await.is_ok() && self.out.flush().await.is_ok() }).await
    }

    /// Writes `bytes` again and again, until nothing is taken for `patience`. How much that was.
    pub(crate) async fn press(&mut self, bytes: &[u8], most: usize, patience: Duration) -> usize {
        let mut written = 0;
        while written < most {
            let left = &bytes[written % bytes.len()..];
            match tokio::time::timeout(patience, self.out.write(left)).await {
                Ok(Ok(n)) if n > 0 => written += n,
                _ => break,
            }
        }
        written
    }

    pub(crate) async fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        let mut out = BytesMut::new();
        put_frame(&mut out, kind, flags, stream, payload);
        self.write(&out).await
    }

    pub(crate) fn next_stream(&mut self) -> u32 {
        self.next += 2;
        self.next - 2
    }

    /// Begins a call.
    pub(crate) async fn open(&mut self, method: &str) -> u32 {
        let stream = self.next_stream();
        self.frame(kind::HEADERS, flag::END_HEADERS, stream, &request(method)).await;
        stream
    }

    /// Begins a call and sends its only message.
    pub(crate) async fn call(&mut self, method: &str, payload: &[u8]) -> u32 {
        let stream = self.open(method).await;
        self.send(stream, &message(0, payload), true).await;
        stream
    }

    /// Sends data in frames of the usual size, whatever windows say.
    pub(crate) async fn send(&mut self, stream: u32, data: &[u8], end: bool) -> bool {
        let mut chunks = data.chunks(16_384).peekable();
        while let Some(chunk) = chunks.next() {
            let flags = if end && chunks.peek().is_none() { flag::END_STREAM } else { 0 };
            if !self.frame(kind::DATA, flags, stream, chunk).await {
                return false;
            }
        }
        true
    }

    /// Waits until `what` is so, or nothing follows.
    pub(crate) async fn until(&mut self, what: impl Fn(&Seen) -> bool) {
        soon(self.seen.wait_for(|seen| seen.ended || what(seen))).await.unwrap();
    }

    /// What the call ended with, by status or reset.
    pub(crate) async fn outcome(&mut self, stream: u32) -> String {
        self.until(|seen| seen.status(stream).is_some() || seen.reset(stream).is_some()).await;
        let seen = self.seen();
        match (seen.status(stream), seen.reset(stream)) {
            (Some(status), _) => status,
            (None, Some(code)) => code.to_string(),
            (None, None) => "nothing".to_owned(),
        }
    }

    /// Waits for the end of the connection. The code of the GOAWAY before it.
    pub(crate) async fn ended(&mut self) -> Option<ErrorCode> {
        self.until(|_| false).await;
        self.seen().goaway.as_ref().map(|(code, _)| *code)
    }

    pub(crate) fn seen(&self) -> watch::Ref<'_, Seen> {
        self.seen.borrow()
    }
}

impl<S> Drop for Attacker<S> {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

async fn listen(mut from: impl AsyncRead + Unpin, sender: watch::Sender<Seen>) {
    let mut input = BytesMut::new();
    let mut decoder = Decoder::new(4096, 64 * 1024);
    while from.read_buf(&mut input).await.is_ok_and(|n| n > 0) {
        sender.send_modify(|seen| {
            while let Some(head) = input.first_chunk::<HEAD_LEN>().map(FrameHead::parse) {
                let total = HEAD_LEN + head.len as usize;
                if input.len() < total {
                    break;
                }
                let frame = input.split_to(total);
                note(seen, &mut decoder, head, &frame[HEAD_LEN..]);
            }
        });
        input.reserve(16 * 1024);
    }
    sender.send_modify(|seen| seen.ended = true);
}

fn note(seen: &mut Seen, decoder: &mut Decoder, head: FrameHead, payload: &[u8]) {
    let code = |at: usize| ErrorCode(u32::from_be_bytes(payload[at..at + 4].try_into().expect("four bytes")));
    seen.frames += 1;
    match head.kind {
        kind::GOAWAY => {
            let words = String::from_utf8_lossy(&payload[8..]).into_owned();
            seen.goaway = Some((code(4), words));
        }
        kind::RST_STREAM => seen.resets.push((head.stream, code(0))),
        kind::DATA => seen.data += payload.len(),
        kind::HEADERS => {
            // Servers here answer in blocks of one frame.
            let block = decoder.decode(payload).expect("a server's header block");
            if seen.blocks.len() >= KEPT {
                seen.blocks.clear();
                seen.raw_blocks.clear();
            }
            seen.blocks.push((head.stream, block));
            seen.raw_blocks.extend_from_slice(payload);
        }
        _ => {}
    }
}

pub(crate) fn put_frame(out: &mut BytesMut, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    FrameHead { len: payload.len() as u32, kind, flags, stream }.encode(out);
    out.put_slice(payload);
}

/// Many frames of one sort, to be written at once.
pub(crate) fn repeated(count: usize, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> BytesMut {
    let mut out = BytesMut::with_capacity(count * (HEAD_LEN + payload.len()));
    for _ in 0..count {
        put_frame(&mut out, kind, flags, stream, payload);
    }
    out
}

pub(crate) fn settings_payload(settings: &[(u16, u32)]) -> Vec<u8> {
    settings.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect()
}

/// A message with its prefix.
pub(crate) fn message(flags: u8, payload: &[u8]) -> Vec<u8> {
    [&[flags][..], &(payload.len() as u32).to_be_bytes(), payload].concat()
}

/// The header block of a call.
pub(crate) fn request(method: &str) -> Vec<u8> {
    request_with(method, &[])
}

pub(crate) fn request_with(method: &str, more: &[(&[u8], &[u8])]) -> Vec<u8> {
    let path = if method.starts_with('/') { method.to_owned() } else { format!("/test.Siege/{method}") };
    let usual: [(&[u8], &[u8]); 6] = [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", path.as_bytes()),
        (b":authority", b"siege"),
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc"),
    ];
    let mut block = Vec::new();
    for (name, value) in usual.iter().chain(more) {
        put_field(&mut block, 0, name, value);
    }
    block
}

/// A literal field: `first` is 0 for one without indexing (RFC 7541 §6.2.2), 0x40 for one with (§6.2.1).
pub(crate) fn put_field(block: &mut Vec<u8>, first: u8, name: &[u8], value: &[u8]) {
    block.push(first);
    for text in [name, value] {
        // An integer with a prefix of seven bits (RFC 7541 §5.1); not Huffman-coded.
        let mut left = text.len();
        if left < 127 {
            block.push(left as u8);
        } else {
            block.push(127);
            left -= 127;
            while left >= 128 {
                block.push(left as u8 | 128);
                left >>= 7;
            }
            block.push(left as u8);
        }
        block.extend_from_slice(text);
    }
}
