//! Compressed messages, both ways, and what is wrong with some of them.
#![cfg(feature = "gzip")]

mod support;

use bytes::{Bytes, BytesMut};
use carom::codec::BytesCodec;
use carom::server::{DetachedHandler, IncomingCall, Method, RequestMode, Responder, Server};
use carom::{
    Channel, Code, CompressionEncoding, CompressionSwitch, MetadataMap, Request, Response, Status, Streaming,
};
use futures_util::{StreamExt, stream};

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
        client.http().send_data(key, framed(true, &gzip(&payload)), true);
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
async fn each_message_of_a_stream_is_compressed_or_not() {
    // Tells of each request message whether it came compressed, and compresses the answers that say so.
    let flags =
        Method::bidi_streaming("Flags", BytesCodec, |request: Request<Streaming<Bytes>>| async move {
            let switch = CompressionSwitch::new(true);
            let setter = switch.clone();
            let answers = stream::unfold(request.into_inner(), |mut messages| async move {
                let answer = match messages.message().await {
                    Ok(None) => return None,
                    Ok(Some(_)) if messages.message_compressed() => Ok(Bytes::from_static(b"compressed")),
                    Ok(Some(_)) => Ok(Bytes::from_static(b"plain")),
                    Err(status) => Err(status),
                };
                Some((answer, messages))
            });
            let answers = answers.inspect(move |answer| {
                setter.set(answer.as_ref().is_ok_and(|answer| answer == "compressed"));
            });
            let mut response = Response::new(answers);
            response.set_compression(Some(CompressionEncoding::Gzip));
            response.set_compression_switch(&switch);
            Ok(response)
        });
    let flag = Method::unary("Flag", BytesCodec, |request: Request<Bytes>| async move {
        Ok(Response::new(Bytes::from(request.message_compressed().to_string())))
    });
    let (_server, addr) = start(Server::builder().add_service(TestService(vec![flags, flag])));
    let channel = Channel::connect(addr.to_string()).await.unwrap();

    let switch = CompressionSwitch::new(false);
    let setter = switch.clone();
    let pattern = [true, false, false, true];
    let messages = stream::iter(pattern)
        .inspect(move |compressed| setter.set(*compressed))
        .map(|_| Bytes::from_static(b"a message of some length, some length"));
    let mut request = Request::new(messages);
    request.set_compression(CompressionEncoding::Deflate);
    request.set_compression_switch(&switch);
    let response = channel.bidi_streaming("/test.Test/Flags", BytesCodec, request).await.unwrap();
    let mut answers = response.into_inner();
    for compressed in pattern {
        let answer = answers.message().await.unwrap().unwrap();
        assert_eq!(answer, if compressed { "compressed" } else { "plain" });
        assert_eq!(answers.message_compressed(), compressed);
    }
    assert!(answers.message().await.unwrap().is_none());

    // A call overrides the channel, also with nothing at all.
    let builder = Channel::builder(addr.to_string()).compression(Some(CompressionEncoding::Gzip));
    let channel = builder.connect().await.unwrap();
    for (wish, compressed) in
        [(None, true), (Some(None), false), (Some(Some(CompressionEncoding::Deflate)), true)]
    {
        let mut request = Request::new(Bytes::from_static(b"abc"));
        if let Some(encoding) = wish {
            request.set_compression(encoding);
        }
        let response = channel.unary("/test.Test/Flag", BytesCodec, request).await.unwrap();
        assert_eq!(response.get_ref(), compressed.to_string().as_bytes());
        assert!(!response.message_compressed());
    }
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
        client.http().send_data(key, framed(true, &gzip(b"x")), true);
        assert_eq!(client.reply(key).await.status.code(), Code::Internal, "a flag without an encoding");
        let key = client.open(method, with("gzip"));
        client.http().send_data(key, framed(true, b"not gzip"), true);
        assert_eq!(client.reply(key).await.status.code(), Code::Internal, "{method}");
        let key = client.open(method, with("gzip"));
        client.http().send_data(key, framed(true, &gzip(&vec![0; 64 << 20])), true);
        assert_eq!(client.reply(key).await.status.code(), Code::ResourceExhausted, "a bomb");
    }
}

/// Answers raw calls on a thread of its own.
struct OnThread(std::sync::Mutex<std::sync::mpsc::Sender<IncomingCall>>);

impl DetachedHandler for OnThread {
    fn call(&self, call: IncomingCall) {
        let _ = self.0.lock().unwrap().send(call);
    }

    fn request_mode(&self, _path: &str) -> RequestMode {
        RequestMode::Unary
    }
}

/// Whether each message of a raw answer is compressed, and what the head says of that.
async fn raw_answer(answer: impl Fn(&Responder) + Send + 'static) -> (Option<Bytes>, Vec<bool>) {
    let (sender, calls) = std::sync::mpsc::channel::<IncomingCall>();
    std::thread::spawn(move || {
        for call in calls {
            answer(&call.responder);
            call.responder.finish(Status::new(Code::Ok, ""), MetadataMap::new());
        }
    });
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let builder = Server::builder().fallback(OnThread(std::sync::Mutex::new(sender))).bind(any);
    let server = builder.start(tokio::runtime::Handle::current()).unwrap();
    let mut client = Client::connect(server.local_addrs()[0].socket_addr().unwrap()).await;
    let key = client.open("/a.B/Raw", Head { accept: Some("gzip, deflate"), ..Head::default() });
    client.send(key, b"", true);
    let reply = client.reply(key).await;
    assert_eq!(reply.status.code(), Code::Ok);
    let head = reply.head.expect("a head");
    (head.encoding, reply.messages.iter().map(|message| message.compressed).collect())
}

fn message() -> Bytes {
    Bytes::from(vec![0; 1000])
}

#[tokio::test]
async fn nothing_is_compressed_under_a_head_that_did_not_say_so() {
    let gzip = Some(CompressionEncoding::Gzip);
    // After a head without an encoding.
    let answer = raw_answer(move |responder| {
        responder.send_initial_metadata(MetadataMap::new());
        responder.set_compression(gzip);
        responder.send_message(message(), true);
    });
    assert_eq!(answer.await, (None, vec![false]));
    let answer = raw_answer(move |responder| {
        responder.send_initial_metadata(MetadataMap::new());
        responder.set_compression(gzip);
        responder.finish_unary(None, message(), MetadataMap::new());
    });
    assert_eq!(answer.await, (None, vec![false]));
    // In another encoding than the head's, and again in the head's.
    let answer = raw_answer(move |responder| {
        responder.set_compression(gzip);
        responder.send_message(message(), true);
        responder.set_compression(Some(CompressionEncoding::Deflate));
        responder.send_message(message(), true);
        responder.set_compression(None);
        responder.send_message(message(), true);
        responder.set_compression(gzip);
        responder.send_message(message(), true);
    });
    assert_eq!(answer.await, (Some(Bytes::from("gzip")), vec![true, false, false, true]));
}

#[tokio::test]
async fn a_first_message_that_is_not_compressed_does_not_decide_for_those_after_it() {
    let answer = raw_answer(|responder| {
        responder.set_compression(Some(CompressionEncoding::Gzip));
        responder.send_message(message(), false);
        responder.send_message(message(), true);
    });
    assert_eq!(answer.await, (Some(Bytes::from("gzip")), vec![false, true]));
}
