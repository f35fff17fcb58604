//! Retries by the policy of a service config (gRFC A6), against peers that are played by hand.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use carom::client::resolver::{Address, ManualResolver, Resolution};
use carom::client::{CallOptions, Channel, ChannelBuilder};
use carom::codec::BytesCodec;
use carom::{Code, MetadataMap, Request, Response, Status};
use carom_wire::conn::{Event, ServerConfig};
use carom_wire::stream::StreamKey;
use futures_util::stream;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::scripted::Raw;
use crate::support::{Peer, bytes, framed, listen, soon};

/// Short waits: what they are is tested where there is no clock.
const POLICY: &str = r#"{"methodConfig":[{"name":[{}],"retryPolicy":{
    "maxAttempts":3,"initialBackoff":"0.001s","maxBackoff":"0.002s","backoffMultiplier":2,
    "retryableStatusCodes":["UNAVAILABLE"]}}]}"#;

const HEAD: Raw = Raw(&[(":status", "200"), ("content-type", "application/grpc")]);
/// Trailers-Only: nothing of a response has begun.
const UNAVAILABLE: Raw =
    Raw(&[(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "14")]);

async fn connected(
    config: &str,
    more: impl FnOnce(ChannelBuilder) -> ChannelBuilder,
) -> (TcpListener, Channel, Peer) {
    let (listener, address) = listen().await;
    let builder = more(Channel::builder(address).default_service_config(config));
    let channel = builder.connect_lazy().expect("valid");
    channel.state(true);
    let peer = ready(&listener).await;
    (listener, channel, peer)
}

async fn ready(listener: &TcpListener) -> Peer {
    let mut peer = Peer::accept(listener, ServerConfig::default()).await;
    assert!(matches!(peer.event().await, Event::Ready));
    peer
}

/// The next request, and what it says of attempts before.
async fn request(peer: &mut Peer) -> (StreamKey, Option<String>) {
    loop {
        if let Event::Headers { key, block, .. } = peer.event().await {
            let field = block.fields().iter().find(|field| field.name == "grpc-previous-rpc-attempts");
            return (key, field.map(|field| String::from_utf8_lossy(&field.value).into_owned()));
        }
    }
}

async fn refuse(peer: &mut Peer, key: StreamKey) {
    peer.conn.send_headers(key, &UNAVAILABLE, true);
    peer.flush().await;
}

fn unary(channel: &Channel) -> JoinHandle<Result<Response<Bytes>, Status>> {
    let channel = channel.clone();
    tokio::spawn(async move { channel.unary("/a.B/C", BytesCodec, bytes("x")).await })
}

#[tokio::test]
async fn a_call_that_failed_is_made_again_until_it_succeeds() {
    let (_listener, channel, mut peer) = connected(POLICY, |builder| builder).await;
    let call = unary(&channel);
    for previous in [None, Some("1")] {
        let (key, said) = request(&mut peer).await;
        assert_eq!(said.as_deref(), previous);
        refuse(&mut peer, key).await;
    }
    let (key, said) = request(&mut peer).await;
    assert_eq!(said.as_deref(), Some("2"));
    peer.answer(key, b"at last").await;
    assert_eq!(soon(call).await.unwrap().unwrap().get_ref(), "at last");
}

#[tokio::test]
async fn the_last_failure_is_the_calls() {
    let (_listener, channel, mut peer) = connected(POLICY, |builder| builder).await;
    let call = unary(&channel);
    for _ in 0..3 {
        let (key, _) = request(&mut peer).await;
        refuse(&mut peer, key).await;
    }
    assert_eq!(soon(call).await.unwrap().unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn a_response_that_has_begun_is_the_calls() {
    let (_listener, channel, mut peer) = connected(POLICY, |builder| builder).await;
    let call = unary(&channel);
    let (key, _) = request(&mut peer).await;
    peer.conn.send_headers(key, &HEAD, false);
    peer.conn.send_trailers(key, Box::new(Raw(&[("grpc-status", "14")])));
    peer.flush().await;
    assert_eq!(soon(call).await.unwrap().unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn a_lost_connection_is_a_failure_like_another() {
    let (listener, channel, mut peer) = connected(POLICY, |builder| builder).await;
    let call = unary(&channel);
    request(&mut peer).await;
    drop(peer);
    let mut peer = ready(&listener).await;
    let (key, said) = request(&mut peer).await;
    assert_eq!(said.as_deref(), Some("1"));
    peer.answer(key, b"elsewhere").await;
    assert_eq!(soon(call).await.unwrap().unwrap().get_ref(), "elsewhere");
}

/// All that was sent is sent again, and what follows goes to the new attempt.
#[tokio::test]
async fn a_stream_of_requests_is_sent_again_from_its_beginning() {
    let (_listener, channel, mut peer) = connected(POLICY, |builder| builder).await;
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let requests =
        stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) });
    let call =
        tokio::spawn(
            async move { channel.client_streaming("/a.B/C", BytesCodec, Request::new(requests)).await },
        );
    sender.send(Bytes::from_static(b"one")).unwrap();
    sender.send(Bytes::from_static(b"two")).unwrap();
    let (key, _) = request(&mut peer).await;
    receive(&mut peer, &[b"one", b"two"]).await;
    refuse(&mut peer, key).await;
    let (key, _) = request(&mut peer).await;
    receive(&mut peer, &[b"one", b"two"]).await;
    sender.send(Bytes::from_static(b"three")).unwrap();
    drop(sender);
    receive(&mut peer, &[b"three"]).await;
    peer.answer(key, b"three").await;
    assert_eq!(soon(call).await.unwrap().unwrap().get_ref(), "three");
}

/// Waits for the data of these messages and nothing else.
async fn receive(peer: &mut Peer, messages: &[&[u8]]) {
    let mut expected = BytesMut::new();
    messages.iter().for_each(|message| expected.extend_from_slice(&framed(message)));
    let mut received = BytesMut::new();
    while received.len() < expected.len() {
        match peer.event().await {
            Event::Data { data, .. } => received.extend_from_slice(&data),
            Event::Finished { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(received, expected);
}

fn slow() -> String {
    POLICY.replace("0.001s", "1000s").replace("0.002s", "1000s")
}

/// The deadline spans all attempts and the waits between them; and who closes the channel does not wait either.
#[tokio::test]
async fn a_wait_ends_with_the_deadline_and_with_the_channel() {
    let (_listener, channel, mut peer) = connected(&slow(), |builder| builder).await;
    let mut short = bytes("x");
    short.set_timeout(Duration::from_millis(50));
    let expires = {
        let channel = channel.clone();
        tokio::spawn(async move { channel.unary("/a.B/C", BytesCodec, short).await })
    };
    let (key, _) = request(&mut peer).await;
    refuse(&mut peer, key).await;
    assert_eq!(soon(expires).await.unwrap().unwrap_err().code(), Code::DeadlineExceeded);

    let closed = unary(&channel);
    let (key, _) = request(&mut peer).await;
    refuse(&mut peer, key).await;
    // The call is waiting by now or will be: it must end either way.
    channel.close();
    let status = soon(closed).await.unwrap().unwrap_err();
    assert!(matches!(status.code(), Code::Cancelled | Code::Unavailable), "{status}");
}

/// A name of a method, which tells how many calls still have it.
struct Path(#[expect(dead_code, reason = "it is only counted")] Arc<()>);

impl AsRef<[u8]> for Path {
    fn as_ref(&self) -> &[u8] {
        b"/a.B/C"
    }
}

/// A server may ask for a wait of weeks: calls that were cancelled meanwhile are not kept that long.
#[tokio::test]
async fn cancelled_calls_do_not_stay_until_their_wait_is_over() {
    const CALLS: usize = 300;
    let (_listener, channel, mut peer) = connected(&slow(), |builder| builder).await;
    let kept = Arc::new(());
    let mut calls = Vec::new();
    for _ in 0..2 {
        // Cancels those of the first round, which wait.
        calls.clear();
        for _ in 0..CALLS {
            let path = Bytes::from_owner(Path(Arc::clone(&kept)));
            calls.push(channel.start_unary(path, CallOptions::default(), MetadataMap::new(), Bytes::new()));
            let (key, _) = request(&mut peer).await;
            refuse(&mut peer, key).await;
        }
        // What is answered after the failures shows that they have arrived.
        let last = unary(&channel);
        let (key, _) = request(&mut peer).await;
        peer.answer(key, b"").await;
        soon(last).await.unwrap().unwrap();
    }
    let kept = Arc::strong_count(&kept) - 1;
    assert!(kept < CALLS + CALLS / 2, "{kept} calls are kept, of which {CALLS} wait");
}

#[tokio::test]
async fn a_server_that_says_never_is_not_asked_again() {
    let (_listener, channel, mut peer) = connected(POLICY, |builder| builder).await;
    let call = unary(&channel);
    let (key, _) = request(&mut peer).await;
    let never = Raw(&[
        (":status", "200"),
        ("content-type", "application/grpc"),
        ("grpc-status", "14"),
        ("grpc-retry-pushback-ms", "-1"),
    ]);
    peer.conn.send_headers(key, &never, true);
    peer.flush().await;
    assert_eq!(soon(call).await.unwrap().unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn retries_can_be_switched_off() {
    let (_listener, channel, mut peer) = connected(POLICY, |builder| builder.retries(false)).await;
    let call = unary(&channel);
    let (key, _) = request(&mut peer).await;
    refuse(&mut peer, key).await;
    assert_eq!(soon(call).await.unwrap().unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn a_call_made_before_the_policy_came_is_held_to_it() {
    let (listener, address) = listen().await;
    let resolver = ManualResolver::new();
    let channel = Channel::builder("manual").resolver(Arc::new(resolver.clone())).connect_lazy().unwrap();
    let call =
        channel.start_unary("/a.B/C", CallOptions::default(), MetadataMap::new(), Bytes::from_static(b"x"));
    let address = Address::Tcp(address.parse().unwrap());
    resolver.resolve(Resolution::new(vec![address]).with_service_config(POLICY));
    let mut peer = ready(&listener).await;
    let (key, _) = request(&mut peer).await;
    refuse(&mut peer, key).await;
    let (key, _) = request(&mut peer).await;
    peer.answer(key, b"again").await;
    let outcome = soon(poll_fn(|cx| call.poll_unary(cx))).await;
    assert_eq!(outcome.message.as_deref(), Some(&b"again"[..]), "{}", outcome.status);
}
