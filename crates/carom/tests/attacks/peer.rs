//! A server that writes what frames it likes, against a channel.

use bytes::{Buf, BytesMut};
use carom::Channel;
use carom_wire::frame::{ErrorCode, FrameHead, HEAD_LEN, PREFACE, flag, kind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::attacker::{put_field, put_frame};
use crate::siege::{Siege, soon};

/// One connection of a channel to a hostile server.
pub(crate) struct Peer {
    from: OwnedReadHalf,
    out: OwnedWriteHalf,
    input: BytesMut,
}

/// A channel that runs beside the neighbour, and the other end of its connection.
pub(crate) async fn meet(siege: &Siege) -> (Channel, Peer, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap().to_string();
    let channel = Channel::builder(target).runtime(siege.handle());
    let connecting = tokio::spawn(channel.connect());
    let peer = Peer::accept(&listener).await;
    (soon(connecting).await.unwrap().unwrap(), peer, listener)
}

impl Peer {
    /// Takes a connection, with the SETTINGS of a usual server.
    pub(crate) async fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = soon(listener.accept()).await.unwrap();
        let mut peer = Self::over(stream);
        peer.write(&[0, 0, 0, kind::SETTINGS, 0, 0, 0, 0, 0]).await;
        soon(async {
            while peer.input.len() < PREFACE.len() {
                assert!(peer.from.read_buf(&mut peer.input).await.unwrap() > 0);
            }
        })
        .await;
        peer.input.advance(PREFACE.len());
        peer
    }

    fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        let (from, out) = stream.into_split();
        Self { from, out, input: BytesMut::new() }
    }

    /// Writes. `false`: the channel has closed, or reads no more.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> bool {
        soon(self.out.write_all(bytes)).await.is_ok()
    }

    pub(crate) async fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        let mut out = BytesMut::new();
        put_frame(&mut out, kind, flags, stream, payload);
        self.write(&out).await
    }

    /// The next frame of the channel; `None` at the end.
    async fn next(&mut self) -> Option<(FrameHead, BytesMut)> {
        loop {
            if let Some(head) = self.input.first_chunk::<HEAD_LEN>().map(FrameHead::parse) {
                let total = HEAD_LEN + head.len as usize;
                if self.input.len() >= total {
                    let mut frame = self.input.split_to(total);
                    frame.advance(HEAD_LEN);
                    return Some((head, frame));
                }
            }
            if !soon(self.from.read_buf(&mut self.input)).await.is_ok_and(|n| n > 0) {
                return None;
            }
        }
    }

    /// Waits for the next call. Its stream.
    pub(crate) async fn called(&mut self) -> u32 {
        loop {
            let (head, _) = self.next().await.expect("a call");
            if head.kind == kind::HEADERS {
                return head.stream;
            }
        }
    }

    /// Waits until the channel closes the connection. The code of its GOAWAY.
    pub(crate) async fn ended(&mut self) -> Option<ErrorCode> {
        let mut code = None;
        while let Some((head, payload)) = self.next().await {
            if head.kind == kind::GOAWAY {
                code = Some(ErrorCode(u32::from_be_bytes(payload[4..8].try_into().unwrap())));
            }
        }
        code
    }

    /// Waits until the channel resets a stream. With which code.
    pub(crate) async fn reset(&mut self, stream: u32) -> ErrorCode {
        loop {
            let (head, payload) = self.next().await.expect("RST_STREAM");
            if head.kind == kind::RST_STREAM && head.stream == stream {
                return ErrorCode(u32::from_be_bytes(payload[..4].try_into().unwrap()));
            }
        }
    }

    /// A usual head.
    pub(crate) async fn head(&mut self, stream: u32) -> bool {
        let block = block(&[(b":status", b"200"), (b"content-type", b"application/grpc")]);
        self.frame(kind::HEADERS, flag::END_HEADERS, stream, &block).await
    }
}

/// A header block of literal fields.
pub(crate) fn block(fields: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        put_field(&mut block, 0, name, value);
    }
    block
}
