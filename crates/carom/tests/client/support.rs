//! A server with a method of each kind, and one that is played by hand.

use std::future::{Future, pending};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use carom::codec::BytesCodec;
use carom::server::{Builder, Method, Server, Service};
use carom::{MetadataMap, Request, Response, Status};
use carom_wire::conn::{Connection, Event, ServerConfig};
use carom_wire::http::Http;
use futures_util::stream::{self, Stream, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// Nothing in these tests takes longer on a machine that is alive.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Awaits with an end.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("in time")
}

/// `test.Kinds`: see its methods.
pub(crate) struct Kinds {
    /// Told when a handler of `Hang` is dropped.
    pub(crate) dropped: Option<mpsc::UnboundedSender<()>>,
}

struct TellsOfDrop(Option<mpsc::UnboundedSender<()>>);

impl Drop for TellsOfDrop {
    fn drop(&mut self) {
        if let Some(sender) = &self.0 {
            let _ = sender.send(());
        }
    }
}

fn number(bytes: &Bytes) -> usize {
    std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

impl Service for Kinds {
    fn name(&self) -> &str {
        "test.Kinds"
    }

    fn methods(&self) -> Vec<Method> {
        let dropped = self.dropped.clone();
        vec![
            Method::unary("Echo", BytesCodec, |request: Request<Bytes>| async move {
                let mut response = Response::new(request.get_ref().clone());
                *response.metadata_mut() = request.metadata().clone();
                response
                    .trailers_mut()
                    .insert("authority", request.authority().unwrap_or("").to_owned())
                    .unwrap();
                response.trailers_mut().insert("trail-bin", vec![0, 255]).unwrap();
                Ok(response)
            }),
            Method::unary("Size", BytesCodec, |request: Request<Bytes>| async move {
                Ok(Response::new(Bytes::from(vec![b'x'; number(request.get_ref())])))
            }),
            Method::unary("Timeout", BytesCodec, |request: Request<Bytes>| async move {
                let left = request.timeout().map_or(0, |timeout| timeout.as_millis());
                Ok(Response::new(Bytes::from(left.to_string())))
            }),
            Method::unary("Fail", BytesCodec, |_: Request<Bytes>| async move {
                let mut metadata = MetadataMap::new();
                metadata.insert("why", "because").unwrap();
                let details = Bytes::from_static(b"\x00details");
                Err::<Response<Bytes>, _>(Status::with_details_and_metadata(
                    carom::Code::NotFound,
                    "né % found",
                    details,
                    metadata,
                ))
            }),
            Method::unary("Hang", BytesCodec, move |_: Request<Bytes>| {
                let guard = TellsOfDrop(dropped.clone());
                async move {
                    pending::<()>().await;
                    drop(guard);
                    Err::<Response<Bytes>, _>(Status::internal("never"))
                }
            }),
            Method::server_streaming("Count", BytesCodec, |request: Request<Bytes>| async move {
                let n = number(request.get_ref());
                Ok(Response::new(stream::iter((0..n).map(|i| Ok(Bytes::from(i.to_string()))))))
            }),
            Method::server_streaming("Chunks", BytesCodec, |request: Request<Bytes>| async move {
                let n = number(request.get_ref());
                Ok(Response::new(stream::iter((0..n).map(|_| Ok(Bytes::from(vec![7; 100_000]))))))
            }),
            Method::client_streaming(
                "Sum",
                BytesCodec,
                |request: Request<carom::Streaming<Bytes>>| async move {
                    let mut messages = request.into_inner();
                    let (mut n, mut size) = (0, 0);
                    while let Some(message) = messages.message().await? {
                        n += 1;
                        size += message.len();
                    }
                    Ok(Response::new(Bytes::from(format!("{n} {size}"))))
                },
            ),
            Method::client_streaming(
                "Refuse",
                BytesCodec,
                |_: Request<carom::Streaming<Bytes>>| async move {
                    Err::<Response<Bytes>, _>(Status::permission_denied("not you"))
                },
            ),
            Method::bidi_streaming(
                "Chat",
                BytesCodec,
                |request: Request<carom::Streaming<Bytes>>| async move { Ok(Response::new(request.into_inner())) },
            ),
        ]
    }
}

/// A server of [`Kinds`] on a port of its own.
pub(crate) fn serve() -> (Server, String) {
    serve_with(Server::builder(), None)
}

pub(crate) fn serve_with(builder: Builder, dropped: Option<mpsc::UnboundedSender<()>>) -> (Server, String) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = builder.add_service(Kinds { dropped }).bind(any).start(Handle::current()).expect("starts");
    let address = server.local_addrs()[0].socket_addr().expect("TCP");
    (server, address.to_string())
}

/// A message with its prefix.
pub(crate) fn framed(payload: &[u8]) -> Bytes {
    let mut out = vec![0];
    out.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    out.extend_from_slice(payload);
    Bytes::from(out)
}

/// The server side of one connection, played by a test.
pub(crate) struct Peer {
    pub(crate) conn: Http,
    socket: TcpStream,
    raw: Vec<u8>,
}

impl Peer {
    pub(crate) async fn accept(listener: &TcpListener, config: ServerConfig) -> Self {
        let (socket, _) = soon(listener.accept()).await.expect("accepts");
        Self { conn: Http::Http2(Connection::server(config, Instant::now())), socket, raw: Vec::new() }
    }

    /// Writes what the engine has to say.
    pub(crate) async fn flush(&mut self) {
        let raw = std::mem::take(&mut self.raw);
        self.socket.write_all(&raw).await.expect("writes");
        self.conn.transmit(Instant::now(), usize::MAX);
        while self.conn.output().has_remaining() {
            let n = self.socket.write(self.conn.output().chunk()).await.expect("writes");
            self.conn.output().advance(n);
        }
    }

    /// Writes bytes that are not the engine's.
    pub(crate) async fn write_raw(&mut self, bytes: &[u8]) {
        self.flush().await;
        self.socket.write_all(bytes).await.expect("writes");
    }

    /// Puts bytes that are not the engine's before what it writes next.
    pub(crate) fn queue_raw(&mut self, bytes: &[u8]) {
        self.raw.extend_from_slice(bytes);
    }

    /// The next thing that the client did.
    pub(crate) async fn event(&mut self) -> Event {
        soon(async {
            loop {
                self.flush().await;
                if let Some(event) = self.conn.next_event(Instant::now()) {
                    return event;
                }
                // What was read may have let something go.
                self.flush().await;
                if self.socket.read_buf(self.conn.input()).await.expect("reads") == 0 {
                    self.conn.handle_eof();
                }
            }
        })
        .await
    }

    /// The next request head.
    pub(crate) async fn request(&mut self) -> carom_wire::stream::StreamKey {
        loop {
            if let Event::Headers { key, .. } = self.event().await {
                return key;
            }
        }
    }

    /// Answers a unary call.
    pub(crate) async fn answer(&mut self, key: carom_wire::stream::StreamKey, payload: &[u8]) {
        let mut call = carom_wire::call::ServerCall::new(1024, true);
        let empty = MetadataMap::new();
        call.send_headers(&mut self.conn, key, &empty, None);
        call.send_message(&mut self.conn, key, framed(payload));
        call.send_status(&mut self.conn, key, None, empty);
        self.flush().await;
    }

    /// Goes on until the connection is over.
    pub(crate) async fn run_out(mut self) {
        while !matches!(self.event().await, Event::Closed { .. }) {}
    }
}

pub(crate) async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("bound").to_string();
    (listener, address)
}

/// A port that nobody listens at, as far as anybody can know.
pub(crate) async fn free_address() -> SocketAddr {
    let (listener, _) = listen().await;
    listener.local_addr().unwrap()
}

pub(crate) fn bytes(text: &str) -> Request<Bytes> {
    Request::new(Bytes::from(text.to_owned()))
}

pub(crate) async fn collect(stream: impl Stream<Item = Result<Bytes, Status>>) -> Result<Vec<Bytes>, Status> {
    let mut stream = std::pin::pin!(stream);
    let mut all = Vec::new();
    while let Some(message) = stream.next().await {
        all.push(message?);
    }
    Ok(all)
}
