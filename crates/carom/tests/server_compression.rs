//! Compressed messages, both ways, and what is wrong with some of them.
#![cfg(feature = "gzip")]

mod support;

use bytes::{Bytes, BytesMut};
use carom::codec::BytesCodec;
use carom::server::{Method, Server};
use carom::{Code, CompressionEncoding, Request, Response, Streaming};
use futures_util::StreamExt;

use support::{Client, Head, TestService, framed, serve, start};

fn echo() -> Method {
    Method::unary("Echo", BytesCodec, |request: Request<Bytes>| async move {
        Ok(Response::new(request.into_inner()))
    })
}

fn join() -> Method {
    Method::client_streaming("Join", BytesCodec, |request: Request<Streaming<Bytes>>| async move {
        let mut messages = request.into_inner();
        let mut all = BytesMut::new();
        while let Some(message) = messages.message().await? {
            all.extend_from_slice(&message);
        }
        assert!(messages.trailers().await?.is_none());
        Ok(Response::new(all.freeze()))
    })
}

fn chat() -> Method {
    Method::bidi_streaming("Chat", BytesCodec, |request: Request<Streaming<Bytes>>| async move {
        Ok(Response::new(
            request.into_inner().map(|message| message.map(|m| [&b"re: "[..], &m].concat().into())),
        ))
    })
}

fn gzip(payload: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(payload).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn gzip_both_ways() {
    use std::io::Read;
    let builder = Server::builder()
        .add_service(TestService(vec![echo(), chat()]))
        .compression(Some(CompressionEncoding::Gzip));
    let (_server, addr) = start(builder);
    let mut client = Client::connect(addr).await;
    let payload = b"squeeze me ".repeat(100);
    for method in ["Echo", "Chat"] {
        let head = Head { encoding: Some("gzip"), accept: Some("identity,gzip"), ..Head::default() };
        let key = client.open(method, head);
        client.conn.send_data(key, framed(true, &gzip(&payload)), true);
        let reply = client.reply(key).await;
        assert_eq!(reply.status.code(), Code::Ok, "{}", reply.status);
        let head = reply.head.unwrap();
        assert_eq!(head.encoding.as_deref(), Some(&b"gzip"[..]));
        assert!(reply.messages[0].compressed && reply.messages[0].payload.len() < 200);
        let mut inflated = Vec::new();
        flate2::read::GzDecoder::new(&reply.messages[0].payload[..]).read_to_end(&mut inflated).unwrap();
        assert!(inflated.ends_with(&payload));
    }
    // A client that does not list it gets none of it.
    let reply = client.unary("Echo", &payload).await;
    assert!(!reply.messages[0].compressed);
    assert_eq!(reply.head.unwrap().encoding, None);
}

#[tokio::test]
async fn bad_compression_is_refused() {
    let (_server, addr) = serve(vec![echo(), join()]);
    let mut client = Client::connect(addr).await;
    let with = |encoding| Head { encoding: Some(encoding), ..Head::default() };

    let key = client.open("Echo", with("snappy"));
    client.send(key, b"x", true);
    let reply = client.reply(key).await;
    assert_eq!(reply.status.code(), Code::Unimplemented);
    assert!(reply.status.message().contains("snappy") && reply.status.message().contains("gzip"));

    for method in ["Echo", "Join"] {
        let key = client.open(method, Head::default());
        client.conn.send_data(key, framed(true, &gzip(b"x")), true);
        assert_eq!(client.reply(key).await.status.code(), Code::Internal, "a flag without an encoding");
        let key = client.open(method, with("gzip"));
        client.conn.send_data(key, framed(true, b"not gzip"), true);
        assert_eq!(client.reply(key).await.status.code(), Code::Internal, "{method}");
        let key = client.open(method, with("gzip"));
        client.conn.send_data(key, framed(true, &gzip(&vec![0; 64 << 20])), true);
        assert_eq!(client.reply(key).await.status.code(), Code::ResourceExhausted, "a bomb");
    }
}
