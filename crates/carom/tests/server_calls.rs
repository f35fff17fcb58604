//! The four kinds of calls, metadata, statuses, limits, where handlers run, and what is refused.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use carom::codec::BytesCodec;
use carom::server::{Method, Server, ServiceOptions};
use carom::{CallStart, Code, MetadataMap, Request, Response, Status, Streaming};
use futures_util::{StreamExt, stream};

use support::{Client, Head, TestService, serve, start};

fn echo() -> Method {
    Method::unary("Echo", BytesCodec, |request: Request<Bytes>| async move {
        Ok(Response::new(request.into_inner()))
    })
}

/// As many messages as the first byte of the request says.
fn count() -> Method {
    Method::server_streaming("Count", BytesCodec, |request: Request<Bytes>| async move {
        let n = request.get_ref()[0];
        Ok(Response::new(stream::iter((0..n).map(|i| Ok(Bytes::from(vec![i]))))))
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

#[tokio::test]
async fn the_four_kinds() {
    let (_server, addr) = serve(vec![echo(), count(), join(), chat()]);
    let mut client = Client::connect(addr).await;

    let reply = client.unary("Echo", b"hello").await;
    assert_eq!(reply.status.code(), Code::Ok);
    assert_eq!(reply.messages[0].payload, "hello");

    let reply = client.unary("Count", &[200]).await;
    assert_eq!(reply.status.code(), Code::Ok);
    let numbers: Vec<u8> = reply.messages.iter().map(|message| message.payload[0]).collect();
    assert_eq!(numbers, (0..200).collect::<Vec<u8>>());

    let key = client.open("Join", Head::default());
    for _ in 0..100 {
        client.send(key, b"ab", false);
        client.flush().await;
    }
    client.half_close(key);
    let reply = client.reply(key).await;
    assert_eq!(reply.messages[0].payload, "ab".repeat(100));

    let key = client.open("Chat", Head::default());
    for word in ["one", "two", "three"] {
        client.send(key, word.as_bytes(), false);
        assert_eq!(client.message(key).await, format!("re: {word}"));
    }
    client.half_close(key);
    let reply = client.reply(key).await;
    assert_eq!(reply.status.code(), Code::Ok);
    assert!(reply.messages.is_empty());
}

#[tokio::test]
async fn many_calls_at_once_on_one_connection() {
    let (_server, addr) = serve(vec![echo()]);
    let mut client = Client::connect(addr).await;
    for _ in 0..5 {
        let keys: Vec<_> = (0..150u8)
            .map(|n| {
                let key = client.open("Echo", Head::default());
                client.send(key, &[n; 100], true);
                key
            })
            .collect();
        for (n, key) in keys.into_iter().enumerate() {
            assert_eq!(client.reply(key).await.messages[0].payload, vec![n as u8; 100]);
        }
    }
}

#[tokio::test]
async fn large_messages_pass_both_ways() {
    let (_server, addr) = serve(vec![echo(), chat()]);
    let mut client = Client::connect(addr).await;
    let payload: Vec<u8> = (0..3 << 20).map(|n: u32| (n % 251) as u8).collect();
    let reply = client.unary("Echo", &payload).await;
    assert_eq!(reply.status.code(), Code::Ok);
    assert_eq!(reply.messages[0].payload, payload);
    // In a stream too: the window grows to a message that is larger than it.
    let key = client.open("Chat", Head::default());
    client.send(key, &payload, true);
    assert_eq!(client.reply(key).await.messages[0].payload.len(), payload.len() + 4);
}

#[tokio::test]
async fn metadata_and_facts_reach_the_handler_and_come_back() {
    let method = Method::unary("Meta", BytesCodec, |request: Request<Bytes>| async move {
        assert_eq!(request.method(), "/test.Test/Meta");
        assert_eq!(request.authority(), Some("localhost"));
        assert!(request.remote_addr().unwrap().to_uri().starts_with("ipv4:127.0.0.1:"));
        assert!(request.deadline().is_some() && request.timeout().is_some());
        assert!(request.peer_certs().is_none());
        let mut response = Response::new(Bytes::new());
        let got = request.metadata().get("x-ask").unwrap().as_bytes().to_vec();
        response.metadata_mut().insert("x-initial", got).unwrap();
        response.trailers_mut().insert("x-trailing-bin", &[0u8, 255, 1][..]).unwrap();
        Ok(response)
    });
    let (_server, addr) = serve(vec![method]);
    let mut client = Client::connect(addr).await;
    let mut metadata = MetadataMap::new();
    metadata.insert("x-ask", "question").unwrap();
    let timeout = Some(support::LIMIT);
    let key = client.open("Meta", Head { metadata, timeout, ..Head::default() });
    client.send(key, b"", true);
    let reply = client.reply(key).await;
    assert_eq!(reply.status.code(), Code::Ok, "{}", reply.status);
    assert_eq!(reply.head.unwrap().metadata.get("x-initial").unwrap().as_bytes(), b"question");
    assert_eq!(reply.trailers.get("x-trailing-bin").unwrap().as_bytes(), [0, 255, 1]);
}

#[tokio::test]
async fn errors_carry_message_details_and_metadata() {
    let method = Method::unary("Fail", BytesCodec, |_: Request<Bytes>| async move {
        let mut status =
            Status::with_details(Code::NotFound, "no café at 100%", Bytes::from_static(b"\x01\x02"));
        status.metadata_mut().insert("x-why", "closed").unwrap();
        Err(status)
    });
    let after = Method::server_streaming("FailAfter", BytesCodec, |_: Request<Bytes>| async move {
        let items = [Ok(Bytes::from_static(b"one")), Err(Status::aborted("enough"))];
        Ok(Response::new(stream::iter(items)))
    });
    let (_server, addr) = serve(vec![method, after]);
    let mut client = Client::connect(addr).await;
    let reply = client.unary("Fail", b"").await;
    assert_eq!(reply.status.code(), Code::NotFound);
    assert_eq!(reply.status.message(), "no café at 100%");
    assert_eq!(reply.status.details(), b"\x01\x02");
    assert_eq!(reply.trailers.get("x-why").unwrap().as_bytes(), b"closed");
    assert!(reply.head.is_none(), "an error before any message is Trailers-Only");

    let reply = client.unary("FailAfter", b"").await;
    assert_eq!(reply.messages.len(), 1);
    assert_eq!((reply.status.code(), reply.status.message()), (Code::Aborted, "enough"));
}

#[tokio::test]
async fn unknown_methods_and_services_are_named() {
    let (_server, addr) = serve(vec![echo()]);
    let mut client = Client::connect(addr).await;
    for (path, named) in
        [("/test.Test/Nope", "Nope"), ("/no.Such/M", "no.Such"), ("/test.test/Echo", "test.test")]
    {
        let reply = client.unary(path, b"").await;
        assert_eq!(reply.status.code(), Code::Unimplemented, "{path}");
        assert!(reply.status.message().contains(named), "{}", reply.status.message());
    }
    let reply = client.unary("Echo", b"still here").await;
    assert_eq!(reply.messages[0].payload, "still here");
}

#[tokio::test]
async fn cardinality_is_enforced() {
    let (_server, addr) = serve(vec![echo()]);
    let mut client = Client::connect(addr).await;
    let none = client.open("Echo", Head::default());
    client.half_close(none);
    let two = client.open("Echo", Head::default());
    client.send(two, b"1", false);
    client.send(two, b"2", true);
    let cut = client.open("Echo", Head::default());
    client.http().send_data(cut, Bytes::from_static(b"\0\0\0\0\x05abc"), true);
    assert_eq!(client.reply(none).await.status.code(), Code::Unimplemented);
    assert_eq!(client.reply(two).await.status.code(), Code::Unimplemented);
    assert_eq!(client.reply(cut).await.status.code(), Code::Internal);
    assert_eq!(client.unary("Echo", b"x").await.status.code(), Code::Ok);
}

#[tokio::test]
async fn limits_end_the_call_and_not_the_connection() {
    let builder = Server::builder()
        .add_service(TestService(vec![echo(), join(), chat()]))
        .max_recv_message_size(Some(1000))
        .max_send_message_size(Some(900));
    let (_server, addr) = start(builder);
    let mut client = Client::connect(addr).await;
    let other = client.open("Join", Head::default());
    client.send(other, b"before ", false);

    let reply = client.unary("Echo", &[0; 1001]).await;
    assert_eq!(reply.status.code(), Code::ResourceExhausted);
    assert!(reply.status.message().contains("(1001 vs. 1000)"), "{}", reply.status.message());
    let reply = client.unary("Echo", &[0; 1000]).await;
    assert_eq!(reply.status.code(), Code::ResourceExhausted);
    assert!(reply.status.message().contains("(1000 vs. 900)"), "{}", reply.status.message());
    let stream = client.open("Chat", Head::default());
    client.send(stream, &[0; 5000], false);
    assert_eq!(client.reply(stream).await.status.code(), Code::ResourceExhausted);

    client.send(other, b"after", true);
    assert_eq!(client.reply(other).await.messages[0].payload, "before after");
}

#[tokio::test]
async fn a_method_may_have_limits_of_its_own() {
    let mut options = ServiceOptions::default();
    options.max_recv_message_size = Some(10);
    let small =
        Method::unary("Small", BytesCodec, |_: Request<Bytes>| async { Ok(Response::new(Bytes::new())) });
    let (_server, addr) = serve(vec![small.with_options(options), echo()]);
    let mut client = Client::connect(addr).await;
    assert_eq!(client.unary("Small", &[0; 10]).await.status.code(), Code::Ok);
    assert_eq!(client.unary("Small", &[0; 11]).await.status.code(), Code::ResourceExhausted);
    assert_eq!(client.unary("Echo", &[0; 11]).await.status.code(), Code::Ok);
}

#[tokio::test]
async fn a_panic_ends_its_call_alone() {
    let now = Method::unary("Now", BytesCodec, |request: Request<Bytes>| {
        assert!(!request.get_ref().is_empty(), "as planned");
        async { Ok(Response::new(Bytes::new())) }
    });
    let later = Method::unary("Later", BytesCodec, |_: Request<Bytes>| async {
        tokio::task::yield_now().await;
        panic!("as planned")
    });
    let streaming = Method::server_streaming("Streaming", BytesCodec, |_: Request<Bytes>| async {
        Ok(Response::new(stream::once(async { panic!("as planned") })))
    });
    let methods = vec![
        echo(),
        now,
        later,
        streaming,
        Method::unary("Spawned", BytesCodec, |_: Request<Bytes>| async { panic!("as planned") }).spawned(),
    ];
    let (_server, addr) = serve(methods);
    let mut client = Client::connect(addr).await;
    for method in ["Now", "Later", "Streaming", "Spawned"] {
        let reply = client.unary(method, b"").await;
        assert_eq!(reply.status.code(), Code::Internal, "{method}");
        assert!(!reply.status.message().contains("as planned"), "what a panic says is not for clients");
        assert_eq!(client.unary("Echo", b"x").await.status.code(), Code::Ok);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_may_run_elsewhere() {
    fn thread_name() -> Bytes {
        format!("{:?}", std::thread::current().id()).into()
    }
    let methods = vec![
        Method::unary("Blocking", BytesCodec, |_: Request<Bytes>| async {
            std::thread::sleep(std::time::Duration::from_millis(20));
            Ok(Response::new(thread_name()))
        })
        .blocking(),
        join().spawned(),
        Method::server_streaming("Count", BytesCodec, |_: Request<Bytes>| async {
            Ok(Response::new(stream::iter((0..100u8).map(|i| Ok(Bytes::from(vec![i]))))))
        })
        .spawned(),
        Method::server_streaming("Slow", BytesCodec, |_: Request<Bytes>| async {
            Ok(Response::new(stream::iter((0..100u8).map(|i| Ok(Bytes::from(vec![i]))))))
        })
        .blocking(),
        chat().spawned(),
    ];
    let (_server, addr) = serve(methods);
    let mut client = Client::connect(addr).await;
    assert!(!client.unary("Blocking", b"").await.messages[0].payload.is_empty());
    for method in ["Count", "Slow"] {
        assert_eq!(client.unary(method, b"").await.messages.len(), 100);
    }
    let key = client.open("Join", Head::default());
    client.send(key, b"a", false);
    client.send(key, b"b", true);
    assert_eq!(client.reply(key).await.messages[0].payload, "ab");
    let key = client.open("Chat", Head::default());
    client.send(key, b"a", false);
    assert_eq!(client.message(key).await, "re: a");
    client.half_close(key);
    assert_eq!(client.reply(key).await.status.code(), Code::Ok);
}

#[tokio::test]
async fn interceptors_refuse_and_change() {
    let method = Method::unary("Who", BytesCodec, |request: Request<Bytes>| async move {
        let user = request.extensions().get::<String>().cloned().unwrap_or_default();
        let note =
            request.metadata().get("x-note").map(|value| value.as_bytes().to_vec()).unwrap_or_default();
        Ok(Response::new([user.as_bytes(), &note].concat().into()))
    });
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&seen);
    let builder = Server::builder()
        .add_service(TestService(vec![method]))
        .intercept(move |mut request: CallStart| {
            counter.fetch_add(1, Ordering::Relaxed);
            let user =
                request.metadata().get("authorization").map(|value| value.to_str().unwrap().to_owned());
            let user = user.ok_or_else(|| Status::unauthenticated("who are you?"))?;
            request.extensions_mut().insert(user);
            Ok(request)
        })
        .intercept(|mut request: CallStart| {
            assert!(request.extensions().get::<String>().is_some(), "the first one comes first");
            request.metadata_mut().insert("x-note", "!").unwrap();
            Ok(request)
        });
    let (_server, addr) = start(builder);
    let mut client = Client::connect(addr).await;
    let reply = client.unary("Who", b"").await;
    assert_eq!((reply.status.code(), reply.status.message()), (Code::Unauthenticated, "who are you?"));
    let mut metadata = MetadataMap::new();
    metadata.insert("authorization", "alice").unwrap();
    let key = client.open("Who", Head { metadata, ..Head::default() });
    client.send(key, b"", true);
    assert_eq!(client.reply(key).await.messages[0].payload, "alice!");
    assert_eq!(seen.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn too_much_metadata_is_refused_alone() {
    let (_server, addr) = serve(vec![echo()]);
    let mut client = Client::connect(addr).await;
    let mut metadata = MetadataMap::new();
    metadata.insert("x-big", "y".repeat(20_000)).unwrap();
    let key = client.open("Echo", Head { metadata, ..Head::default() });
    client.send(key, b"", true);
    assert_eq!(client.reply(key).await.status.code(), Code::ResourceExhausted);
    assert_eq!(client.unary("Echo", b"x").await.status.code(), Code::Ok);
}

#[tokio::test]
async fn a_codec_that_fails_ends_the_call() {
    #[derive(Clone)]
    struct Picky;
    impl carom::Codec for Picky {
        type Encode = ();
        type Decode = ();
        const SUBTYPE: &'static str = "proto";
        fn encode(&self, (): &(), out: &mut BytesMut) -> Result<(), Status> {
            out.extend_from_slice(b"half");
            Err(Status::internal("cannot encode that"))
        }
        fn decode(&self, message: Bytes) -> Result<(), Status> {
            if message.is_empty() { Ok(()) } else { Err(Status::internal("cannot decode that")) }
        }
    }
    let method = Method::unary("Pick", Picky, |_: Request<()>| async { Ok(Response::new(())) });
    let (_server, addr) = serve(vec![method, echo()]);
    let mut client = Client::connect(addr).await;
    assert_eq!(client.unary("Pick", b"x").await.status.message(), "cannot decode that");
    assert_eq!(client.unary("Pick", b"").await.status.message(), "cannot encode that");
    assert_eq!(client.unary("Echo", b"clean").await.messages[0].payload, "clean");
}

#[tokio::test]
async fn two_services_with_one_method_do_not_start() {
    let error = Server::builder()
        .add_service(TestService(vec![echo()]))
        .add_service(TestService(vec![echo()]))
        .start(tokio::runtime::Handle::current())
        .unwrap_err();
    assert!(error.to_string().contains("/test.Test/Echo"), "{error}");
}
