//! Calls the four kinds of methods of a service that echoes bytes, and some that fail.
use std::time::Duration;

use bytes::Bytes;
use carom::client::Channel;
use carom::codec::BytesCodec;
use carom::{Code, CompressionEncoding, Request};
use futures_util::stream;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let target = std::env::args().nth(1).unwrap();
    let channel = Channel::connect(target).await.unwrap();
    let mut request = Request::new(Bytes::from_static(b"hello"));
    request.metadata_mut().insert("x-in", "seen").unwrap();
    let response = channel.unary("/t.T/Unary", BytesCodec, request).await.unwrap();
    println!("{:?} {:?} {:?}", response.get_ref(), response.metadata(), response.trailers());
    let mut request = Request::new(Bytes::from(vec![7; 2 << 20]));
    request.set_compression(CompressionEncoding::Gzip);
    let response = channel.unary("/t.T/Unary", BytesCodec, request).await.unwrap();
    println!("{}", response.get_ref().len());
    let response =
        channel.unary("/t.T/Unary", BytesCodec, Request::new(Bytes::from(vec![7; 3 << 20]))).await.unwrap();
    println!("{}", response.get_ref().len());

    let mut stream = channel
        .server_streaming("/t.T/SStream", BytesCodec, Request::new(Bytes::from_static(b"1000")))
        .await
        .unwrap()
        .into_inner();
    let mut n = 0;
    while let Some(message) = stream.message().await.unwrap() {
        assert_eq!(message, n.to_string());
        n += 1;
    }
    println!("{n} {:?}", stream.trailers().await);
    let messages = stream::iter((0..500).map(|_| Bytes::from(vec![1; 10_000])));
    let response =
        channel.client_streaming("/t.T/CStream", BytesCodec, Request::new(messages)).await.unwrap();
    println!("{:?}", response.get_ref());
    let messages = stream::iter((0..500).map(|i| Bytes::from(i.to_string())));
    let mut stream =
        channel.bidi_streaming("/t.T/Bidi", BytesCodec, Request::new(messages)).await.unwrap().into_inner();
    let mut n = 0;
    while let Some(message) = stream.message().await.unwrap() {
        assert_eq!(message, n.to_string());
        n += 1;
    }
    println!("{n}");
    let error = channel.unary("/t.T/Fail", BytesCodec, Request::new(Bytes::new())).await.unwrap_err();
    println!("{error:?}");
    let mut request = Request::new(Bytes::new());
    request.set_timeout(Duration::from_millis(100));
    let start = std::time::Instant::now();
    let error = channel.unary("/t.T/Slow", BytesCodec, request).await.unwrap_err();
    println!("{error:?} {:?}", start.elapsed());
    let error = channel
        .unary("/t.T/Big", BytesCodec, Request::new(Bytes::from_static(b"5000000")))
        .await
        .unwrap_err();
    println!("{error:?}");
    let error = channel.unary("/t.T/None", BytesCodec, Request::new(Bytes::new())).await.unwrap_err();
    assert_eq!(error.code(), Code::Unimplemented);
    println!("{error:?}");
    let error = Channel::connect("127.0.0.1:1").await.unwrap_err();
    println!("{error}");
    let dead = Channel::builder("localhost:1").connect_lazy().unwrap();
    println!("{:?}", dead.unary("/t.T/Fail", BytesCodec, Request::new(Bytes::new())).await.unwrap_err());
}
