//! What a call costs the whole library, client and server together, counted by callgrind: see `instructions.rs` of
//! `carom-wire`. Both ends run on one thread and talk through a pipe in memory, so that the kernel has no part in it.
//!
//! `instructions SCENARIO N` does N units of work.

use std::sync::Arc;

use bytes::Bytes;
use carom::client::Channel;
use carom::codec::BytesCodec;
use carom::server::{Method, Server, Service};
use carom::transport::{Address, ByteStream, Connecting, PeerAddr};
use carom::{Request, Response, Status};
use futures_util::StreamExt;
use tokio::runtime::{Builder, Handle};

/// Calls under way at once.
const IN_FLIGHT: usize = 10;
/// What the pipe holds each way.
const PIPE: usize = 1 << 20;

struct Echo;

impl Service for Echo {
    fn name(&self) -> &str {
        "test.Echo"
    }

    fn methods(&self) -> Vec<Method> {
        vec![
            Method::unary("Unary", BytesCodec, |request: Request<Bytes>| async move {
                Ok::<_, Status>(Response::new(request.into_inner()))
            }),
            Method::bidi_streaming(
                "Stream",
                BytesCodec,
                |request: Request<carom::Streaming<Bytes>>| async move {
                    Ok::<_, Status>(Response::new(request.into_inner()))
                },
            ),
        ]
    }
}

async fn unary(channel: &Channel, n: usize) {
    let mut calls = futures_util::stream::iter(0..n)
        .map(|_| {
            channel.unary("/test.Echo/Unary", BytesCodec, Request::new(Bytes::from_static(b"0123456789")))
        })
        .buffer_unordered(IN_FLIGHT);
    let mut ended = 0;
    while let Some(answer) = calls.next().await {
        assert_eq!(answer.expect("an answer").into_inner().len(), 10);
        ended += 1;
    }
    assert_eq!(ended, n);
}

async fn sequential(channel: &Channel, n: usize) {
    for _ in 0..n {
        let request = Request::new(Bytes::from_static(b"0123456789"));
        let answer = channel.unary("/test.Echo/Unary", BytesCodec, request).await;
        assert_eq!(answer.expect("an answer").into_inner().len(), 10);
    }
}

async fn stream(channel: &Channel, n: usize) {
    let messages = futures_util::stream::iter((0..n).map(|_| Bytes::from_static(b"0123456789")));
    let call = channel.bidi_streaming("/test.Echo/Stream", BytesCodec, Request::new(messages)).await;
    let mut answers = call.expect("a response").into_inner();
    let mut came = 0;
    while let Some(answer) = answers.next().await {
        assert_eq!(answer.expect("a message").len(), 10);
        came += 1;
    }
    assert_eq!(came, n);
}

fn main() {
    // Cargo adds words of its own.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let (scenario, n) = match &words[..] {
        [scenario, n] => (scenario.as_str(), n.parse().expect("N is a number")),
        // As `cargo bench` and `cargo test --benches` run it: shows that it works, counts nothing.
        _ => ("unary", 100),
    };
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let server = Arc::new(Server::builder().add_service(Echo).start(Handle::current()).expect("starts"));
        let connect = {
            let server = Arc::clone(&server);
            move |_: &Address| -> Connecting {
                let (ours, theirs) = tokio::io::duplex(PIPE);
                server.serve_connection(theirs, PeerAddr::Named("client".into()));
                Box::pin(async { Ok(Box::new(ours) as Box<dyn ByteStream>) })
            }
        };
        let channel =
            Channel::builder("ipv4:127.0.0.1:1").connector(connect).connect().await.expect("connects");
        match scenario {
            "unary" => unary(&channel, n).await,
            "sequential" => sequential(&channel, n).await,
            "stream" => stream(&channel, n).await,
            other => panic!("there is no scenario {other:?}"),
        }
    });
}
