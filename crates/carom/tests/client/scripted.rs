//! Peers that are played by hand, on the bare engine.

use std::time::{Duration, Instant};

use bytes::Bytes;
use carom::client::{CallOptions, Channel};
use carom::codec::BytesCodec;
use carom::transport::{Stage, TransportError};
use carom::{Code, MetadataMap, Response, Status};
use carom_wire::conn::{Config, Event, ServerConfig};
use carom_wire::fields::{FieldWriter, Fields, Indexing};
use carom_wire::frame::ErrorCode;
use futures_util::future::poll_fn;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::support::{Peer, bytes, framed, listen, soon};

/// Header fields as they stand here.
pub(crate) struct Raw(pub(crate) &'static [(&'static str, &'static str)]);

impl Fields for Raw {
    fn encode(&self, w: &mut dyn FieldWriter) {
        for (name, value) in self.0 {
            w.field(name.as_bytes(), value.as_bytes(), Indexing::Without);
        }
    }
}

const HEAD: Raw = Raw(&[(":status", "200"), ("content-type", "application/grpc")]);

async fn start(config: ServerConfig) -> (TcpListener, Channel, Peer) {
    let (listener, address) = listen().await;
    let channel = Channel::builder(address).connect_lazy().unwrap();
    channel.state(true);
    let mut peer = Peer::accept(&listener, config).await;
    assert!(matches!(peer.event().await, Event::Ready));
    (listener, channel, peer)
}

fn call(channel: &Channel) -> JoinHandle<Result<Response<Bytes>, Status>> {
    call_with(channel, None)
}

fn call_with(channel: &Channel, timeout: Option<Duration>) -> JoinHandle<Result<Response<Bytes>, Status>> {
    let channel = channel.clone();
    let mut request = bytes("x");
    if let Some(timeout) = timeout {
        request.set_timeout(timeout);
    }
    tokio::spawn(async move { channel.unary("/a.B/C", BytesCodec, request).await })
}

/// One call answered by `script`; how it ended.
async fn ended_by(
    script: impl FnOnce(&mut Peer, carom_wire::stream::StreamKey),
) -> Result<Response<Bytes>, Status> {
    let (_listener, channel, mut peer) = start(ServerConfig::default()).await;
    let call = call(&channel);
    let key = peer.request().await;
    script(&mut peer, key);
    peer.flush().await;
    let result = soon(call).await.unwrap();
    drop(channel);
    peer.run_out().await;
    result
}

#[tokio::test]
async fn more_calls_than_streams_wait_and_expire() {
    let config = ServerConfig::default().with(|config| config.max_concurrent_streams = 1);
    let (_listener, channel, mut peer) = start(config).await;
    let first = call(&channel);
    let key = peer.request().await;
    let second = call(&channel);
    let third = call_with(&channel, Some(Duration::from_millis(50)));
    let status = soon(third).await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "the deadline runs in the queue");
    peer.answer(key, b"1").await;
    assert_eq!(soon(first).await.unwrap().unwrap().get_ref(), "1");
    let key = peer.request().await;
    peer.answer(key, b"2").await;
    assert_eq!(soon(second).await.unwrap().unwrap().get_ref(), "2");
}

/// The server says nothing at all meanwhile: the room that a call leaves must not be noticed only when it does.
#[tokio::test]
async fn a_call_that_gives_up_makes_room_for_one_that_waits() {
    let config = ServerConfig::default().with(|config| config.max_concurrent_streams = 1);
    let (_listener, channel, mut peer) = start(config).await;
    let expires = call_with(&channel, Some(Duration::from_millis(50)));
    peer.request().await;
    let is_cancelled = call(&channel);
    assert_eq!(soon(expires).await.unwrap().unwrap_err().code(), Code::DeadlineExceeded);
    peer.request().await;
    let waits = call(&channel);
    is_cancelled.abort();
    let key = peer.request().await;
    peer.answer(key, b"at last").await;
    assert_eq!(soon(waits).await.unwrap().unwrap().get_ref(), "at last");
}

#[tokio::test]
async fn refused_streams_are_sent_again_once() {
    let (_listener, channel, mut peer) = start(ServerConfig::default()).await;
    let first = call(&channel);
    let key = peer.request().await;
    peer.conn.reset(key, ErrorCode::REFUSED_STREAM);
    let key = peer.request().await;
    peer.answer(key, b"again").await;
    assert_eq!(soon(first).await.unwrap().unwrap().get_ref(), "again");

    let second = call(&channel);
    for _ in 0..2 {
        let key = peer.request().await;
        peer.conn.reset(key, ErrorCode::REFUSED_STREAM);
    }
    peer.flush().await;
    assert_eq!(soon(second).await.unwrap().unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn calls_above_goaways_last_stream_go_to_the_next_connection() {
    let (listener, channel, mut peer) = start(ServerConfig::default()).await;
    let first = call(&channel);
    let key = peer.request().await;
    let second = call(&channel);
    let unlucky = peer.request().await;
    // As a server does that stopped looking after the first: the frame by hand, for the engine knows both.
    let mut frame = vec![0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0];
    frame.push(key.id().get() as u8);
    frame.extend_from_slice(&[0, 0, 0, 0]);
    peer.write_raw(&frame).await;
    let _ = unlucky;
    let mut next = Peer::accept(&listener, ServerConfig::default()).await;
    let key_there = next.request().await;
    next.answer(key_there, b"elsewhere").await;
    assert_eq!(soon(second).await.unwrap().unwrap().get_ref(), "elsewhere");
    peer.answer(key, b"here").await;
    assert_eq!(soon(first).await.unwrap().unwrap().get_ref(), "here");
}

#[tokio::test]
async fn a_lost_connection_is_unavailable() {
    let (listener, channel, mut peer) = start(ServerConfig::default()).await;
    let call = call(&channel);
    peer.request().await;
    let address = listener.local_addr().unwrap();
    drop(peer);
    let status = soon(call).await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let text = status.message();
    assert!(text.starts_with(&format!("connection lost: ipv4:{address}: ")), "{text}");
    assert!(text.ends_with(&format!("(target: {address})")), "{text}");
    let source = std::error::Error::source(&status).expect("a source");
    let error = source.downcast_ref::<TransportError>().expect("the connection's error");
    assert_eq!(error.stage(), Stage::Ready);
    assert!(text.contains(&error.to_string()), "{text}");
}

#[tokio::test]
async fn resets_become_statuses() {
    let cases = [
        (ErrorCode::INTERNAL_ERROR, Code::Internal),
        (ErrorCode::CANCEL, Code::Cancelled),
        (ErrorCode::ENHANCE_YOUR_CALM, Code::ResourceExhausted),
        (ErrorCode::INADEQUATE_SECURITY, Code::PermissionDenied),
        (ErrorCode::NO_ERROR, Code::Internal),
    ];
    for (code, expected) in cases {
        let status = ended_by(|peer, key| peer.conn.reset(key, code)).await.unwrap_err();
        assert_eq!(status.code(), expected, "{code}");
    }
}

#[tokio::test]
async fn a_reset_after_the_trailers_is_a_normal_end() {
    let response = ended_by(|peer, key| {
        peer.conn.send_headers(key, &HEAD, false);
        peer.conn.send_data(key, framed(b"whole"), false);
        peer.conn.send_trailers(key, Box::new(Raw(&[("grpc-status", "0")])));
        peer.conn.transmit(Instant::now(), usize::MAX);
        peer.conn.reset(key, ErrorCode::NO_ERROR);
    })
    .await
    .unwrap();
    assert_eq!(response.get_ref(), "whole");
}

#[tokio::test]
async fn http_statuses_count_without_a_grpc_status() {
    let cases: [(&'static [(&str, &str)], Code); 6] = [
        (&[(":status", "503")], Code::Unavailable),
        (&[(":status", "404")], Code::Unimplemented),
        (&[(":status", "401")], Code::Unauthenticated),
        (&[(":status", "200"), ("content-type", "text/html")], Code::Unknown),
        (&[(":status", "200"), ("grpc-status", "5"), ("grpc-message", "gone%21")], Code::NotFound),
        (&[(":status", "200"), ("grpc-status", "99")], Code::Unknown),
    ];
    for (fields, expected) in cases {
        let status = ended_by(|peer, key| peer.conn.send_headers(key, &Raw(fields), true)).await.unwrap_err();
        assert_eq!(status.code(), expected, "{fields:?}");
    }
}

#[tokio::test]
async fn responses_of_the_wrong_shape() {
    let ok = || Box::new(Raw(&[("grpc-status", "0")]));
    let status = ended_by(|peer, key| {
        peer.conn.send_headers(key, &HEAD, false);
        peer.conn.send_trailers(key, ok());
    });
    assert_eq!(status.await.unwrap_err().code(), Code::Unimplemented, "no message");
    let status = ended_by(|peer, key| {
        peer.conn.send_headers(key, &HEAD, false);
        peer.conn.send_data(key, framed(b"1"), false);
        peer.conn.send_data(key, framed(b"2"), false);
        peer.conn.send_trailers(key, ok());
    });
    assert_eq!(status.await.unwrap_err().code(), Code::Unimplemented, "two messages");
    let status = ended_by(|peer, key| {
        peer.conn.send_headers(key, &HEAD, false);
        peer.conn.send_data(key, framed(b"12345").slice(..7), false);
        peer.conn.send_trailers(key, ok());
    });
    assert_eq!(status.await.unwrap_err().code(), Code::Internal, "cut short");
    let status = ended_by(|peer, key| {
        peer.conn.send_headers(key, &HEAD, false);
        peer.conn.send_data(key, framed(b"1"), true);
    });
    assert_eq!(status.await.unwrap_err().code(), Code::Unknown, "no trailers");
    let status = ended_by(|peer, key| {
        peer.conn.send_headers(key, &HEAD, false);
        peer.conn.send_data(key, Bytes::from_static(b"\x01\x00\x00\x00\x01x"), false);
        peer.conn.send_trailers(key, ok());
    });
    assert_eq!(status.await.unwrap_err().code(), Code::Internal, "compressed without an encoding");
}

#[tokio::test]
async fn informational_heads_are_skipped() {
    let response = ended_by(|peer, key| {
        // By hand: the engine writes one head a stream. HPACK: `:status` literal with incremental indexing.
        let block = [0x48, 0x03, b'1', b'0', b'3'];
        let mut frame = vec![0, 0, block.len() as u8, 1, 4, 0, 0, 0, key.id().get() as u8];
        frame.extend_from_slice(&block);
        peer.queue_raw(&frame);
        peer.conn.send_headers(key, &Raw(&[(":status", "200"), ("content-type", "application/grpc")]), false);
        peer.conn.send_data(key, framed(b"whole"), false);
        peer.conn.send_trailers(key, Box::new(Raw(&[("grpc-status", "0")])));
    })
    .await
    .unwrap();
    assert_eq!(response.get_ref(), "whole");
}

#[tokio::test]
async fn nothing_is_sent_for_what_ended_before() {
    let (_listener, channel, mut peer) = start(ServerConfig::default()).await;
    let expired = call_with(&channel, Some(Duration::ZERO));
    assert_eq!(soon(expired).await.unwrap().unwrap_err().code(), Code::DeadlineExceeded);
    let dropped = channel.start_call("/a.B/C", CallOptions::default(), MetadataMap::new());
    drop(dropped);
    let kept = call(&channel);
    let key = peer.request().await;
    assert_eq!(key.id().get(), 1, "the first stream is that of the call that was kept");
    peer.answer(key, b"x").await;
    soon(kept).await.unwrap().unwrap();
}

#[tokio::test]
async fn senders_are_held_back_by_a_window_that_does_not_open() {
    let config = ServerConfig::default().with(|config| config.connection.initial_stream_window = 1000);
    let (_listener, channel, mut peer) = start(config).await;
    let call = channel.start_call("/a.B/C", CallOptions::default(), MetadataMap::new());
    let chunk = Bytes::from(vec![0; 10_000]);
    let mut sent = 0;
    while soon(poll_once(|cx| call.poll_ready(cx))).await {
        call.send_message(chunk.clone());
        sent += 1;
        assert!(sent < 1000, "somebody buffers without bound");
        tokio::task::yield_now().await;
    }
    assert!(sent >= 7, "{sent}");
    let key = peer.request().await;
    // The server reads: the sender may go on.
    let reading = tokio::spawn(async move {
        let mut got = 0;
        while got < sent * 10_005 {
            if let Event::Data { data, .. } = peer.event().await {
                got += data.len();
                peer.conn.release(key, data.len());
            }
        }
        peer
    });
    soon(poll_fn(|cx| call.poll_ready(cx))).await;
    let mut peer = soon(reading).await.unwrap();
    call.cancel(Status::cancelled("enough"));
    loop {
        if let Event::Reset { code, .. } = peer.event().await {
            assert_eq!(code, ErrorCode::CANCEL);
            break;
        }
    }
}

async fn poll_once(mut f: impl FnMut(&mut std::task::Context<'_>) -> std::task::Poll<()>) -> bool {
    poll_fn(|cx| std::task::Poll::Ready(f(cx).is_ready())).await
}

#[tokio::test]
async fn the_servers_reset_at_the_deadline_is_the_deadline() {
    let (_listener, channel, mut peer) = start(ServerConfig::default()).await;
    // The client's timer is not what ends it: the task that runs it is kept from looking until the reset is there.
    let call = call_with(&channel, Some(Duration::from_millis(250)));
    let key = peer.request().await;
    std::thread::sleep(Duration::from_millis(260));
    peer.conn.reset(key, ErrorCode::CANCEL);
    peer.flush().await;
    assert_eq!(soon(call).await.unwrap().unwrap_err().code(), Code::DeadlineExceeded);
}

/// A server on nghttp2 cannot end a stream whose window is shut, and the caller waits for that end.
#[tokio::test]
async fn an_answer_that_fills_the_window_leaves_room_for_its_end() {
    let window = Config::default().initial_stream_window as usize;
    for size in [window, window + 50_000] {
        let (_listener, channel, mut peer) = start(ServerConfig::default()).await;
        let call = call(&channel);
        let key = peer.request().await;
        peer.conn.send_headers(key, &HEAD, false);
        peer.conn.send_data(key, framed(&vec![0; size - 5]), false);
        // In place of the end, which our engine would send regardless: a message too many.
        peer.conn.send_data(key, framed(b"2"), false);
        peer.conn.send_trailers(key, Box::new(Raw(&[("grpc-status", "0")])));
        let peer = tokio::spawn(peer.run_out());
        let status = soon(call).await.unwrap().unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented, "two messages");
        drop(channel);
        soon(peer).await.unwrap();
    }
}

/// A server that puts a whole trace into its message: that call fails, and says why; the one beside it does not notice.
#[tokio::test]
async fn a_large_header_block_costs_its_call() {
    let (_listener, channel, mut peer) = start(ServerConfig::default()).await;
    let beside = call(&channel);
    let beside_key = peer.request().await;
    for size in [20_000, 100_000, 1_000_000] {
        for (at_once, end) in [(true, true), (true, false), (false, true)] {
            let large = move |w: &mut dyn FieldWriter| {
                if at_once {
                    HEAD.encode(w);
                }
                if end {
                    w.field(b"grpc-status", b"13", Indexing::Incremental);
                }
                w.field(b"x-trace", &vec![b'm'; size], Indexing::Without);
            };
            let outcome = call(&channel);
            let key = peer.request().await;
            if at_once {
                peer.conn.send_headers(key, &large, end);
            } else {
                peer.conn.send_headers(key, &HEAD, false);
                peer.conn.send_trailers(key, Box::new(large));
            }
            peer.flush().await;
            let status = soon(outcome).await.unwrap().unwrap_err();
            assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
            let words = format!("header list is larger than max ({}", size / 10_000);
            assert!(status.message().contains(&words), "{status}");
            assert!(status.message().contains(" vs. 16384 bytes)"), "{status}");
        }
    }
    peer.answer(beside_key, b"unharmed").await;
    assert_eq!(soon(beside).await.unwrap().unwrap().get_ref(), "unharmed");
}
