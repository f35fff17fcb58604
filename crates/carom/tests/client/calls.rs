//! What calls do when all goes well, and when the server says no.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use carom::client::{CallOptions, Channel};
use carom::codec::{BytesCodec, Codec};
use carom::credentials::{CallContext, CallCredentials, MetadataFuture};
use carom::server::{Method, Server, Service};
use carom::{CallStart, Code, CompressionEncoding, MetadataMap, Request, Response, Status};
use futures_util::future::poll_fn;
use futures_util::stream;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::support::{bytes, collect, serve, serve_with, soon};

async fn channel() -> (Server, Channel) {
    let (server, address) = serve();
    (server, soon(Channel::connect(address)).await.expect("connects"))
}

#[tokio::test]
async fn unary_with_metadata_both_ways() {
    let (_server, channel) = channel().await;
    let mut request = bytes("hello");
    request.metadata_mut().insert("x-text", "a b").unwrap();
    request.metadata_mut().append("x-bin", vec![0, 1]).unwrap();
    request.metadata_mut().append("x-bin", vec![2]).unwrap();
    let response = soon(channel.unary("/test.Kinds/Echo", BytesCodec, request)).await.unwrap();
    assert_eq!(response.get_ref(), "hello");
    assert_eq!(response.metadata().get("x-text").unwrap().as_bytes(), b"a b");
    let binary: Vec<_> =
        response.metadata().get_all("x-bin").map(|value| value.as_bytes().to_vec()).collect();
    assert_eq!(binary, [vec![0, 1], vec![2]]);
    assert_eq!(response.trailers().get("trail-bin").unwrap().as_bytes(), [0, 255]);
    assert_eq!(response.trailers().get("authority").unwrap().as_bytes(), channel.target().as_bytes());
}

#[tokio::test]
async fn the_four_kinds() {
    let (_server, channel) = channel().await;
    let stream =
        soon(channel.server_streaming("/test.Kinds/Count", BytesCodec, bytes("1000"))).await.unwrap();
    let messages = soon(collect(stream.into_inner())).await.unwrap();
    assert_eq!(messages.len(), 1000);
    assert_eq!(messages[999], "999");

    let parts = stream::iter((0..500).map(|_| Bytes::from(vec![1; 10_000])));
    let sum =
        soon(channel.client_streaming("/test.Kinds/Sum", BytesCodec, Request::new(parts))).await.unwrap();
    assert_eq!(sum.get_ref(), "500 5000000");

    let parts = stream::iter((0..500).map(|i| Bytes::from(i.to_string())));
    let chat =
        soon(channel.bidi_streaming("/test.Kinds/Chat", BytesCodec, Request::new(parts))).await.unwrap();
    let mut chat = chat.into_inner();
    for i in 0..500 {
        assert_eq!(soon(chat.message()).await.unwrap().unwrap(), i.to_string());
    }
    assert!(soon(chat.message()).await.unwrap().is_none());
    assert!(soon(chat.trailers()).await.unwrap().is_some());
}

#[tokio::test]
async fn ping_pong_goes_message_by_message() {
    let (_server, channel) = channel().await;
    let (sender, receiver) = mpsc::unbounded_channel();
    let requests =
        stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) });
    sender.send(Bytes::from_static(b"0")).unwrap();
    let chat =
        soon(channel.bidi_streaming("/test.Kinds/Chat", BytesCodec, Request::new(requests))).await.unwrap();
    let mut chat = chat.into_inner();
    for i in 0..100 {
        assert_eq!(soon(chat.message()).await.unwrap().unwrap(), i.to_string());
        sender.send(Bytes::from((i + 1).to_string())).unwrap();
    }
    drop(sender);
    assert_eq!(soon(chat.message()).await.unwrap().unwrap(), "100");
    assert!(soon(chat.message()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_status_comes_with_all_it_has() {
    let (_server, channel) = channel().await;
    let status = soon(channel.unary("/test.Kinds/Fail", BytesCodec, bytes(""))).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(status.message(), "né % found");
    assert_eq!(status.details(), b"\x00details");
    assert_eq!(status.metadata().get("why").unwrap().as_bytes(), b"because");
    let status = soon(channel.unary("/test.Kinds/Nothing", BytesCodec, bytes(""))).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    let never = stream::pending::<Bytes>();
    let status = soon(channel.client_streaming("/test.Kinds/Refuse", BytesCodec, Request::new(never)))
        .await
        .unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::PermissionDenied, "not you"));
}

#[tokio::test]
async fn messages_over_the_limits_fail_alone() {
    let (_server, channel) = channel().await;
    let status = soon(channel.unary("/test.Kinds/Size", BytesCodec, bytes("5000000"))).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(status.message(), "CLIENT: Received message larger than max (5000000 vs. 4194304)");
    let mut request = bytes("5000000");
    request.set_max_recv_message_size(6_000_000);
    let response = soon(channel.unary("/test.Kinds/Size", BytesCodec, request)).await.unwrap();
    assert_eq!(response.get_ref().len(), 5_000_000);
    let mut request = bytes("123456");
    request.set_max_send_message_size(5);
    let status = soon(channel.unary("/test.Kinds/Echo", BytesCodec, request)).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(status.message(), "CLIENT: Sent message larger than max (6 vs. 5)");
}

#[cfg(feature = "gzip")]
#[tokio::test]
async fn compression_both_ways() {
    let (server, address) = serve_with(Server::builder().compression(Some(CompressionEncoding::Gzip)), None);
    let channel =
        Channel::builder(address).compression(Some(CompressionEncoding::Gzip)).connect_lazy().unwrap();
    let payload = Bytes::from(vec![b'z'; 300_000]);
    let response =
        soon(channel.unary("/test.Kinds/Echo", BytesCodec, Request::new(payload.clone()))).await.unwrap();
    assert_eq!(response.get_ref(), &payload);
    // The limit is on what comes out, and holds while inflating.
    let mut request = Request::new(payload);
    request.set_max_recv_message_size(200_000);
    let status = soon(channel.unary("/test.Kinds/Echo", BytesCodec, request)).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    drop(server);
}

#[tokio::test]
async fn deadlines_end_calls_at_both_ends() {
    let (told, mut dropped) = mpsc::unbounded_channel();
    let (_server, address) = serve_with(Server::builder(), Some(told));
    let channel = Channel::builder(address).connect_lazy().unwrap();
    let mut request = bytes("");
    request.set_timeout(Duration::from_millis(100));
    let start = Instant::now();
    let status = soon(channel.unary("/test.Kinds/Hang", BytesCodec, request)).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::DeadlineExceeded, "Deadline Exceeded"));
    assert!(start.elapsed() >= Duration::from_millis(100));
    soon(dropped.recv()).await.expect("the handler was cancelled");

    let mut request = bytes("");
    request.set_timeout(Duration::from_secs(77));
    let response = soon(channel.unary("/test.Kinds/Timeout", BytesCodec, request)).await.unwrap();
    let left: u64 = std::str::from_utf8(response.get_ref()).unwrap().parse().unwrap();
    assert!((60_000..=77_000).contains(&left), "{left}");

    let mut request = bytes("");
    request.set_timeout(Duration::ZERO);
    let status = soon(channel.unary("/test.Kinds/Echo", BytesCodec, request)).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn dropping_a_call_cancels_it() {
    let (told, mut dropped) = mpsc::unbounded_channel();
    let (_server, address) = serve_with(Server::builder(), Some(told));
    let channel = soon(Channel::connect(address)).await.unwrap();
    let call = channel.unary("/test.Kinds/Hang", BytesCodec, bytes(""));
    assert!(tokio::time::timeout(Duration::from_millis(50), call).await.is_err());
    soon(dropped.recv()).await.expect("the handler was cancelled");
    // The connection goes on.
    soon(channel.unary("/test.Kinds/Echo", BytesCodec, bytes("x"))).await.unwrap();
}

#[tokio::test]
async fn slow_readers_hold_the_server_back() {
    let (_server, channel) = channel().await;
    let stream =
        soon(channel.server_streaming("/test.Kinds/Chunks", BytesCodec, bytes("200"))).await.unwrap();
    let mut stream = stream.into_inner();
    // Other calls go on while the stream is not read.
    for _ in 0..10 {
        soon(channel.unary("/test.Kinds/Echo", BytesCodec, bytes("x"))).await.unwrap();
    }
    let mut n = 0;
    while let Some(chunk) = soon(stream.message()).await.unwrap() {
        assert_eq!(chunk.len(), 100_000);
        n += 1;
    }
    assert_eq!(n, 200);
}

#[tokio::test]
async fn raw_calls_from_a_thread_without_a_runtime() {
    let (_server, channel) = channel().await;
    let work = move || {
        let call = channel.start_call("/test.Kinds/Chat", CallOptions::default(), MetadataMap::new());
        call.send_message(Bytes::from_static(b"one"));
        call.send_last_message(Bytes::from_static(b"two"));
        futures_executor(async {
            assert!(poll_fn(|cx| call.poll_headers(cx)).await.is_some());
            assert_eq!(poll_fn(|cx| call.poll_message(cx)).await.unwrap(), "one");
            assert_eq!(poll_fn(|cx| call.poll_message(cx)).await.unwrap(), "two");
            assert!(poll_fn(|cx| call.poll_message(cx)).await.is_none());
            let (status, _) = poll_fn(|cx| call.poll_status(cx)).await;
            assert_eq!(status.code(), Code::Ok);
            assert!(call.peer().unwrap().starts_with("ipv4:127.0.0.1:"));
        });
        let call = channel.start_unary(
            "/test.Kinds/Echo",
            CallOptions::default(),
            MetadataMap::new(),
            Bytes::from_static(b"hi"),
        );
        let outcome = futures_executor(poll_fn(|cx| call.poll_unary(cx)));
        assert_eq!(outcome.status.code(), Code::Ok);
        assert_eq!(outcome.message.unwrap(), "hi");
        let call = channel.start_call("/test.Kinds/Chat", CallOptions::default(), MetadataMap::new());
        call.cancel(Status::cancelled("enough"));
        let (status, _) = futures_executor(poll_fn(|cx| call.poll_status(cx)));
        assert_eq!((status.code(), status.message()), (Code::Cancelled, "enough"));
    };
    soon(tokio::task::spawn_blocking(work)).await.unwrap();
}

/// Runs a future on this thread, parked between wake-ups.
fn futures_executor<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut cx = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        std::thread::park_timeout(crate::support::PATIENCE);
    }
}

#[tokio::test]
async fn interceptors_change_and_refuse_calls() {
    let (_server, address) = serve();
    let refusing = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&refusing);
    let channel = Channel::builder(address)
        .intercept(|mut request: CallStart| {
            request.metadata_mut().insert("x-order", "first").unwrap();
            Ok(request)
        })
        .intercept(move |mut request: CallStart| {
            if switch.load(Ordering::Relaxed) {
                return Err(Status::permission_denied("not today"));
            }
            request.metadata_mut().append("x-order", "second").unwrap();
            Ok(request)
        })
        .connect_lazy()
        .unwrap();
    let response = soon(channel.unary("/test.Kinds/Echo", BytesCodec, bytes(""))).await.unwrap();
    let order: Vec<_> =
        response.metadata().get_all("x-order").map(|value| value.as_bytes().to_vec()).collect();
    assert_eq!(order, [b"first".to_vec(), b"second".to_vec()]);
    refusing.store(true, Ordering::Relaxed);
    let status = soon(channel.unary("/test.Kinds/Echo", BytesCodec, bytes(""))).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::PermissionDenied, "not today"));
}

pub(crate) struct Token;

impl CallCredentials for Token {
    fn metadata<'a>(&'a self, call: CallContext<'a>) -> MetadataFuture<'a> {
        Box::pin(async move {
            let mut metadata = MetadataMap::new();
            metadata.insert("authorization", format!("Bearer {}", call.service_url)).unwrap();
            Ok(metadata)
        })
    }
}

#[tokio::test]
async fn call_credentials_stay_off_plain_channels() {
    let (_server, channel) = channel().await;
    let mut options = CallOptions::default();
    options.credentials = Some(Arc::new(Token));
    let call = channel.start_unary("/test.Kinds/Echo", options, MetadataMap::new(), Bytes::new());
    let outcome = soon(poll_fn(|cx| call.poll_unary(cx))).await;
    assert_eq!(outcome.status.code(), Code::Unauthenticated);
}

/// Whether it is a method is the server's to say.
#[tokio::test]
async fn any_path_reaches_the_server() {
    let (_server, channel) = channel().await;
    for method in ["test.Kinds/Echo", "/", "Echo"] {
        let call = channel.start_call(method, CallOptions::default(), MetadataMap::new());
        let (status, _) = soon(poll_fn(|cx| call.poll_status(cx))).await;
        assert_eq!(status.code(), Code::Unimplemented, "{method:?}: {status}");
    }
}

#[tokio::test]
async fn options_that_cannot_be_sent_are_refused() {
    let (_server, channel) = channel().await;
    for method in ["", "/test.Kinds/Ec ho", "/test.Kinds/E\r\nx: y"] {
        let call = channel.start_call(method.to_owned(), CallOptions::default(), MetadataMap::new());
        let (status, _) = soon(poll_fn(|cx| call.poll_status(cx))).await;
        assert_eq!(status.code(), Code::Internal, "{method:?}");
    }
    let mut request = bytes("");
    request.set_authority("other.example:1");
    let response = soon(channel.unary("/test.Kinds/Echo", BytesCodec, request)).await.unwrap();
    assert_eq!(response.trailers().get("authority").unwrap().as_bytes(), b"other.example:1");
    let mut request = bytes("");
    request.set_authority("a\r\nb");
    let status = soon(channel.unary("/test.Kinds/Echo", BytesCodec, request)).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
}

/// Text in quotes, which says so in its content type.
#[derive(Clone)]
struct Quoted;

impl Codec for Quoted {
    type Encode = String;
    type Decode = String;
    const SUBTYPE: &'static str = "json";

    fn encode(&self, message: &String, out: &mut BytesMut) -> Result<(), Status> {
        out.extend_from_slice(format!("{message:?}").as_bytes());
        Ok(())
    }

    fn decode(&self, message: Bytes) -> Result<String, Status> {
        let text =
            std::str::from_utf8(&message).ok().and_then(|text| text.strip_prefix('"')?.strip_suffix('"'));
        text.map(str::to_owned).ok_or_else(|| Status::internal("no quotes"))
    }
}

/// The same bytes for protobuf.
#[derive(Clone)]
struct Unquoted;

impl Codec for Unquoted {
    type Encode = Bytes;
    type Decode = Bytes;
    const SUBTYPE: &'static str = "proto";

    fn encode(&self, message: &Bytes, out: &mut BytesMut) -> Result<(), Status> {
        out.extend_from_slice(message);
        Ok(())
    }

    fn decode(&self, message: Bytes) -> Result<Bytes, Status> {
        Ok(message)
    }
}

struct Subtypes;

impl Service for Subtypes {
    fn name(&self) -> &str {
        "test.Subtypes"
    }

    fn methods(&self) -> Vec<Method> {
        vec![
            Method::unary("Quoted", Quoted, |request: Request<String>| async move {
                Ok(Response::new(request.into_inner()))
            }),
            Method::unary("Unquoted", Unquoted, |request: Request<Bytes>| async move {
                Ok(Response::new(request.into_inner()))
            }),
        ]
    }
}

#[tokio::test]
async fn subtypes_are_sent_and_checked() {
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let server = Server::builder().add_service(Subtypes).bind(any).start(Handle::current()).unwrap();
    let address = server.local_addrs()[0].socket_addr().unwrap();
    let channel = Channel::connect(address.to_string()).await.unwrap();
    let quoted = |method| channel.unary(method, Quoted, Request::new("text".to_owned()));
    assert_eq!(soon(quoted("/test.Subtypes/Quoted")).await.unwrap().into_inner(), "text");
    let refused = soon(quoted("/test.Subtypes/Unquoted")).await.unwrap_err();
    assert!(refused.message().contains("415"), "{refused}");
    let unquoted = |method| channel.unary(method, Unquoted, Request::new(Bytes::from("text")));
    assert_eq!(soon(unquoted("/test.Subtypes/Unquoted")).await.unwrap().into_inner(), "text");
    let refused = soon(unquoted("/test.Subtypes/Quoted")).await.unwrap_err();
    assert!(refused.message().contains("415"), "{refused}");
    // Bytes that are handed on may be anything: what names no subtype is protobuf to a server.
    let raw = soon(channel.unary("/test.Subtypes/Unquoted", BytesCodec, bytes("x"))).await;
    assert_eq!(raw.unwrap().into_inner(), "x");
}

/// `self.authorize(&request).await?` at the top of a handler needs that.
#[test]
fn requests_and_streams_are_send_and_sync() {
    fn all<T: Send + Sync>() {}
    all::<carom::Streaming<Bytes>>();
    all::<Request<carom::Streaming<Bytes>>>();
    all::<Response<carom::Streaming<Bytes>>>();
    all::<Channel>();
    all::<Status>();
}
