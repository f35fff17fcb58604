//! How calls end, and what their statuses say of it.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use carom::client::resolver::{ActiveResolver, Resolver, ResolverSink};
use carom::client::{CallOptions, Channel, Target};
use carom::codec::BytesCodec;
use carom::transport::{Blame, ConnectionError, ErrorCode, TransportError};
use carom::{CallStart, Code, MetadataMap, Request, Status, Stream};
use carom_wire::conn::{Event, ServerConfig};
use futures_util::future::poll_fn;
use futures_util::{StreamExt, stream};
use tokio::sync::oneshot;

use crate::scripted::Raw;
use crate::support::{Peer, bytes, collect, listen, serve, soon};

/// What `anyhow` prints below an error, down to the first cause.
fn chain(status: &Status) -> Vec<String> {
    let mut words = Vec::new();
    let mut error = status.source();
    while let Some(cause) = error {
        words.push(cause.to_string());
        error = cause.source();
    }
    words
}

async fn connected(config: ServerConfig) -> (Channel, Peer) {
    let (listener, address) = listen().await;
    let channel = Channel::builder(address).connect_lazy().unwrap();
    channel.state(true);
    let mut peer = Peer::accept(&listener, config).await;
    assert!(matches!(peer.event().await, Event::Ready));
    (channel, peer)
}

/// Neither the calls that the server may have looked at, nor the one that it did not, are ended without its words.
#[tokio::test]
async fn a_goaway_reaches_the_status_of_each_call() {
    let (channel, mut peer) = connected(ServerConfig::default()).await;
    let calls: Vec<_> = (0..3)
        .map(|_| {
            let channel = channel.clone();
            tokio::spawn(async move { channel.unary("/a.B/C", BytesCodec, bytes("x")).await })
        })
        .collect();
    for _ in 0..3 {
        peer.request().await;
    }
    peer.conn.close(ErrorCode::ENHANCE_YOUR_CALM, "too many cooks");
    peer.flush().await;
    drop(peer);
    for call in calls {
        let status = soon(call).await.unwrap().unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert!(status.message().contains("ENHANCE_YOUR_CALM"), "{status}");
        assert!(status.message().contains("too many cooks"), "{status}");
        let transport = status.source().unwrap().downcast_ref::<TransportError>().unwrap();
        let connection = transport.source().unwrap().downcast_ref::<ConnectionError>().unwrap();
        assert_eq!((connection.blame, connection.code), (Blame::PeerSays, ErrorCode::ENHANCE_YOUR_CALM));
    }
}

fn panicking_requests() -> Request<impl Stream<Item = Bytes> + Send + 'static> {
    Request::new(stream::iter(0..3).map(|i| match i {
        0 => Bytes::from_static(b"one"),
        _ => panic!("out of {}", "paper"),
    }))
}

#[tokio::test]
async fn a_stream_of_requests_that_panics_ends_its_call() {
    let (_server, address) = serve();
    let channel = soon(Channel::connect(address)).await.unwrap();
    let call = channel.client_streaming("/test.Kinds/Sum", BytesCodec, panicking_requests());
    let status = soon(call).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Internal, "the stream of requests panicked"));
    assert_eq!(chain(&status), ["panicked: out of paper"]);

    let call = channel.bidi_streaming("/test.Kinds/Chat", BytesCodec, panicking_requests());
    let status = match soon(call).await {
        Err(status) => status,
        Ok(response) => soon(collect(response.into_inner())).await.unwrap_err(),
    };
    assert_eq!(status.message(), "the stream of requests panicked");
    // The channel goes on.
    soon(channel.unary("/test.Kinds/Echo", BytesCodec, bytes("x"))).await.unwrap();
}

#[tokio::test]
async fn the_server_is_told_of_a_call_that_a_panic_ended() {
    let (channel, mut peer) = connected(ServerConfig::default()).await;
    let (go, told) = oneshot::channel::<()>();
    let requests = stream::once(async move {
        told.await.unwrap();
        panic!("late")
    });
    let call =
        tokio::spawn(
            async move { channel.client_streaming("/a.B/C", BytesCodec, Request::new(requests)).await },
        );
    let key = peer.request().await;
    go.send(()).unwrap();
    loop {
        match peer.event().await {
            Event::Data { .. } => {}
            Event::Reset { key: reset, code, .. } => {
                break assert_eq!((reset, code), (key, ErrorCode::CANCEL));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(soon(call).await.unwrap().unwrap_err().code(), Code::Internal);
}

/// Interceptors of raw calls run in a task of the channel's.
#[tokio::test]
async fn an_interceptor_that_panics_ends_its_raw_call() {
    let (_server, address) = serve();
    let panics = |_: CallStart| -> Result<CallStart, Status> { panic!("no token") };
    let channel = Channel::builder(address).intercept(panics).connect_lazy().unwrap();
    let call =
        channel.start_unary("/test.Kinds/Echo", CallOptions::default(), MetadataMap::new(), Bytes::new());
    let status = soon(poll_fn(|cx| call.poll_unary(cx))).await.status;
    assert_eq!(status.code(), Code::Internal);
    assert_eq!(chain(&status), ["panicked: no token"]);
}

#[tokio::test]
async fn a_resolver_that_panics_ends_the_calls_of_its_channel() {
    struct Panics;
    impl Resolver for Panics {
        fn start(&self, _: &Target, _: ResolverSink) -> Box<dyn ActiveResolver> {
            panic!("no map")
        }
    }
    let channel = Channel::builder("map:///x").resolver(Arc::new(Panics)).connect_lazy().unwrap();
    for _ in 0..2 {
        let status = soon(channel.unary("/a.B/C", BytesCodec, bytes(""))).await.unwrap_err();
        assert_eq!(status.code(), Code::Internal);
        assert!(status.message().contains("a resolver or a load-balancing policy panicked"), "{status}");
    }
}

#[tokio::test]
async fn a_failed_call_has_its_initial_metadata() {
    let (channel, mut peer) = connected(ServerConfig::default()).await;
    let call = tokio::spawn(async move { channel.unary("/a.B/C", BytesCodec, bytes("x")).await });
    let key = peer.request().await;
    let head = Raw(&[(":status", "200"), ("content-type", "application/grpc"), ("x-zone", "a")]);
    peer.conn.send_headers(key, &head, false);
    peer.conn.send_trailers(key, Box::new(Raw(&[("grpc-status", "5"), ("x-end", "b")])));
    peer.flush().await;
    let status = soon(call).await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(status.initial_metadata().get("x-zone").unwrap().as_bytes(), b"a");
    assert_eq!(status.metadata().get("x-end").unwrap().as_bytes(), b"b");
}
