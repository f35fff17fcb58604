//! A service made of closures, and a client of a few lines over the bare engine, so that the server is tested against
//! frames and not against the library's own client.

#![allow(dead_code, unreachable_pub, reason = "each test program uses its own part")]

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use carom_wire::call::{ContentType, RequestFields, ResponseHead};
use carom_wire::client::{Client as Engine, End, Event};
use carom_wire::conn::{Config, ConnectionError};
use carom_wire::frame::ErrorCode;
use carom_wire::http::Http;
use carom_wire::message::{Message, PREFIX_LEN};
use carom_wire::stream::StreamKey;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use carom::server::{Builder, Method, Server, Service};
use carom::{MetadataMap, Status};

/// Nothing here takes this long unless it hangs.
pub const LIMIT: Duration = Duration::from_secs(20);

pub async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(LIMIT, future).await.expect("took too long")
}

/// The clock of the runtime, which a test may have stopped.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The service `test.Test`, made of methods.
pub struct TestService(pub Vec<Method>);

impl Service for TestService {
    fn name(&self) -> &str {
        "test.Test"
    }

    fn methods(&self) -> Vec<Method> {
        self.0.clone()
    }
}

/// Starts a server of these methods on a port of its own.
pub fn serve(methods: Vec<Method>) -> (Server, SocketAddr) {
    start(Server::builder().add_service(TestService(methods)))
}

pub fn start(builder: Builder) -> (Server, SocketAddr) {
    let addr: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let server = builder.bind(addr).start(tokio::runtime::Handle::current()).unwrap();
    let addr = server.local_addrs()[0].socket_addr().unwrap();
    (server, addr)
}

/// A message with its prefix.
pub fn framed(compressed: bool, payload: &[u8]) -> Bytes {
    let mut out = BytesMut::new();
    out.put_u8(compressed.into());
    out.put_u32(payload.len() as u32);
    out.put_slice(payload);
    out.freeze()
}

/// What a call shall send in its head.
#[derive(Default)]
pub struct Head {
    pub metadata: MetadataMap,
    pub timeout: Option<Duration>,
    pub encoding: Option<&'static str>,
    pub accept: Option<&'static str>,
}

/// What came of a call.
#[derive(Debug)]
pub struct Reply {
    pub head: Option<ResponseHead>,
    pub messages: Vec<Message>,
    pub status: Status,
    pub trailers: MetadataMap,
    pub reset: Option<ErrorCode>,
}

#[derive(Default)]
struct Progress {
    head: Option<ResponseHead>,
    messages: Vec<Message>,
    end: Option<(Status, MetadataMap, Option<ErrorCode>)>,
}

pub trait Io: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Io for T {}

/// One connection as a client.
pub struct Client<S = TcpStream> {
    engine: Engine,
    pub goaways: usize,
    /// What the last GOAWAY said.
    pub goaway: Option<(ErrorCode, String)>,
    pub closed: Option<Option<ConnectionError>>,
    io: S,
    calls: HashMap<StreamKey, Progress>,
    /// Whether received data is credited at once.
    pub reads: bool,
}

impl Client {
    pub async fn connect(addr: SocketAddr) -> Self {
        Self::over(TcpStream::connect(addr).await.unwrap())
    }
}

impl<S: Io> Client<S> {
    pub fn over(io: S) -> Self {
        Self::configured(io, Config::default())
    }

    pub fn configured(io: S, config: Config) -> Self {
        let engine = Engine::http2(config, now());
        Self { engine, goaways: 0, goaway: None, closed: None, io, calls: HashMap::new(), reads: true }
    }

    pub fn open(&mut self, method: &str, head: Head) -> StreamKey {
        let path = if method.starts_with('/') { method.to_owned() } else { format!("/test.Test/{method}") };
        let fields = RequestFields {
            scheme: "http",
            authority: "localhost",
            path: path.as_bytes(),
            timeout: head.timeout,
            user_agent: "test",
            content_type: ContentType::default(),
            encoding: head.encoding,
            accept_encoding: head.accept,
            previous_attempts: 0,
            metadata: &head.metadata,
        };
        let key = self.engine.open(&fields, usize::MAX).unwrap();
        self.calls.insert(key, Progress::default());
        key
    }

    /// The connection, for what a client of good manners would not do.
    pub fn http(&mut self) -> &mut Http {
        self.engine.http_mut()
    }

    pub fn send(&mut self, key: StreamKey, payload: &[u8], end: bool) {
        self.engine.http_mut().send_data(key, framed(false, payload), end);
    }

    pub fn half_close(&mut self, key: StreamKey) {
        self.engine.http_mut().send_data(key, Bytes::new(), true);
    }

    /// A whole call with one message.
    pub async fn unary(&mut self, method: &str, payload: &[u8]) -> Reply {
        let key = self.open(method, Head::default());
        self.send(key, payload, true);
        self.reply(key).await
    }

    /// Waits for the end of a call.
    pub async fn reply(&mut self, key: StreamKey) -> Reply {
        soon(async {
            loop {
                let progress = self.calls.get_mut(&key).unwrap();
                if let Some((status, trailers, reset)) = progress.end.take() {
                    let Progress { head, messages, .. } = std::mem::take(progress);
                    return Reply { head, messages, status, trailers, reset };
                }
                assert!(self.closed.is_none(), "closed: {:?}", self.closed);
                self.pump().await;
            }
        })
        .await
    }

    /// Whether a call has ended.
    pub fn has_reply(&self, key: StreamKey) -> bool {
        self.calls.get(&key).is_some_and(|progress| progress.end.is_some())
    }

    /// Waits for the end of whichever call ends first.
    pub async fn any_reply(&mut self) -> Reply {
        soon(async {
            loop {
                let ended = self.calls.iter().find(|(_, progress)| progress.end.is_some());
                if let Some((&key, _)) = ended {
                    return self.reply(key).await;
                }
                assert!(self.closed.is_none(), "closed: {:?}", self.closed);
                self.pump().await;
            }
        })
        .await
    }

    /// Waits for the next message of a call.
    pub async fn message(&mut self, key: StreamKey) -> Bytes {
        soon(async {
            loop {
                let progress = self.calls.get_mut(&key).unwrap();
                if !progress.messages.is_empty() {
                    return progress.messages.remove(0).payload;
                }
                assert!(progress.end.is_none(), "ended: {:?}", progress.end);
                self.pump().await;
            }
        })
        .await
    }

    /// Waits for the head of a call's response.
    pub async fn head(&mut self, key: StreamKey) -> ResponseHead {
        soon(async {
            loop {
                if let Some(head) = &self.calls[&key].head {
                    return head.clone();
                }
                self.pump().await;
            }
        })
        .await
    }

    /// Waits for the end of the connection.
    pub async fn close(&mut self) -> Option<ConnectionError> {
        soon(async {
            loop {
                if let Some(error) = self.closed.take() {
                    return error;
                }
                self.pump().await;
            }
        })
        .await
    }

    /// Writes what there is to write.
    pub async fn flush(&mut self) {
        self.engine.http_mut().transmit(now(), usize::MAX);
        while self.engine.http_mut().output().has_remaining() {
            // A server that has closed is noticed by the next read.
            if self.io.write_buf(self.engine.http_mut().output()).await.is_err() {
                let left = self.engine.http_mut().output().remaining();
                self.engine.http_mut().output().advance(left);
            }
        }
        let _ = self.io.flush().await;
    }

    /// Writes, reads once, and looks at what came.
    pub async fn pump(&mut self) {
        self.flush().await;
        let due = self.engine.http_mut().poll_timeout();
        let read = self.io.read_buf(self.engine.http_mut().input());
        let read = match due {
            None => Ok(read.await),
            Some(at) => tokio::time::timeout_at(at.into(), read).await,
        };
        match read {
            Err(_) => self.engine.http_mut().handle_timeout(now()),
            // An error is an end too.
            Ok(Ok(0) | Err(_)) => self.engine.http_mut().handle_eof(),
            Ok(Ok(_)) => {}
        }
        while let Some(event) = self.engine.next_event(now()) {
            self.handle(event);
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Head { key, head } => {
                if let Some(progress) = self.calls.get_mut(&key) {
                    progress.head = Some(head);
                }
            }
            Event::Data { key } => {
                let (Some(mut call), Some(progress)) = (self.engine.call(key), self.calls.get_mut(&key))
                else {
                    return;
                };
                while let Some(message) = call.next_message().unwrap() {
                    if self.reads {
                        call.release(PREFIX_LEN + message.payload.len());
                    }
                    progress.messages.push(message);
                }
                if self.reads {
                    call.expect(true);
                }
            }
            Event::End { key, end } => {
                let Some(progress) = self.calls.get_mut(&key) else { return };
                progress.end = Some(match end {
                    End::Status(ended) => (ended.status, ended.metadata, None),
                    End::Reset { code, status, .. } => (status, MetadataMap::new(), Some(code)),
                    End::Lost => {
                        let status = Status::unavailable("the connection was lost");
                        (status, MetadataMap::new(), Some(ErrorCode::NO_ERROR))
                    }
                });
            }
            Event::GoAway { code, debug } => {
                self.goaways += 1;
                self.goaway = Some((code, debug.escape_ascii().to_string()));
            }
            Event::Closed { error } => self.closed = Some(error),
            Event::Writable { .. } | Event::Ready | Event::StreamsAvailable => {}
        }
    }
}

/// Resolves when it was dropped: to see that a handler is gone.
pub fn drop_signal() -> (DropSignal, tokio::sync::oneshot::Receiver<()>) {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    (DropSignal(Some(sender)), receiver)
}

pub struct DropSignal(Option<tokio::sync::oneshot::Sender<()>>);

impl Drop for DropSignal {
    fn drop(&mut self) {
        if let Some(sender) = self.0.take() {
            let _ = sender.send(());
        }
    }
}
