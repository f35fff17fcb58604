//! Interceptors go around calls of all kinds, typed and raw, on both sides.

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use carom::client::CallOptions;
use carom::codec::BytesCodec;
use carom::server::{DetachedHandler, IncomingCall, Method, RequestMode, Server};
use carom::{
    CallEnd, CallObserver, CallStart, Channel, Code, Interceptor, MessageInfo, MetadataMap, Request,
    Response, Status, Streaming,
};
use futures_util::{StreamExt, future::poll_fn, stream};
use tokio::sync::Notify;

use support::{Client, Head, TestService, soon, start};

fn methods() -> Vec<Method> {
    vec![
        Method::unary("Echo", BytesCodec, |request: Request<Bytes>| async move {
            let mut response = Response::new(request.into_inner());
            response.metadata_mut().insert("x-head", "1").unwrap();
            response.trailers_mut().insert("x-end", "2").unwrap();
            Ok(response)
        }),
        Method::bidi_streaming("Chat", BytesCodec, |request: Request<Streaming<Bytes>>| async move {
            Ok(Response::new(request.into_inner()))
        }),
        Method::unary("Fail", BytesCodec, |_: Request<Bytes>| async move {
            Err::<Response<Bytes>, _>(Status::not_found("no such thing"))
        }),
        Method::unary("Hang", BytesCodec, |_: Request<Bytes>| async move {
            std::future::pending::<Result<Response<Bytes>, Status>>().await
        }),
    ]
}

/// Writes down what it is told, and says when a call has ended.
#[derive(Clone, Default)]
struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    ended: Arc<Notify>,
}

impl Log {
    fn write(&self, line: String) {
        self.lines.lock().unwrap().push(line);
    }

    /// The lines of one call, once it has ended.
    async fn of_call(&self) -> Vec<String> {
        soon(self.ended.notified()).await;
        std::mem::take(&mut self.lines.lock().unwrap())
    }
}

impl Interceptor for Log {
    async fn intercept(&self, mut call: CallStart) -> Result<CallStart, Status> {
        // It may wait.
        tokio::task::yield_now().await;
        self.write(format!("begin {}", call.path()));
        call.observe(self.clone());
        Ok(call)
    }
}

impl CallObserver for Log {
    fn request_message(&mut self, message: &MessageInfo) {
        self.write(format!("request {}", message.size));
    }

    fn response_metadata(&mut self, metadata: &MetadataMap) {
        self.write(format!("head {}", metadata.contains_key("x-head")));
    }

    fn response_message(&mut self, message: &MessageInfo) {
        self.write(format!("response {}", message.size));
    }

    fn end(&mut self, end: &CallEnd<'_>) {
        assert!(end.duration < Duration::from_secs(20));
        self.write(format!("end {:?} {}", end.status.code(), end.trailers.contains_key("x-end")));
        self.ended.notify_one();
    }
}

/// A server and a channel, both observed.
async fn observed() -> (Server, Channel, Log, Log) {
    let (of_server, of_client) = (Log::default(), Log::default());
    let (server, addr) =
        start(Server::builder().add_service(TestService(methods())).intercept(of_server.clone()));
    let channel =
        soon(Channel::builder(addr.to_string()).intercept(of_client.clone()).connect()).await.unwrap();
    (server, channel, of_server, of_client)
}

fn request(text: &'static str) -> Request<Bytes> {
    Request::new(Bytes::from_static(text.as_bytes()))
}

#[tokio::test]
async fn a_unary_call_is_seen_from_its_beginning_to_its_end() {
    let (_server, channel, of_server, of_client) = observed().await;
    let answer = soon(channel.unary("/test.Test/Echo", BytesCodec, request("four"))).await.unwrap();
    assert_eq!(answer.get_ref(), "four");
    let expected = ["begin /test.Test/Echo", "request 4", "head true", "response 4", "end Ok true"];
    assert_eq!(of_server.of_call().await, expected);
    assert_eq!(of_client.of_call().await, expected);
}

#[tokio::test]
async fn a_stream_is_seen_message_by_message() {
    let (_server, channel, of_server, of_client) = observed().await;
    let messages = stream::iter([Bytes::from("a"), Bytes::from("bc"), Bytes::from(vec![0; 40_000])]);
    let answer = channel.bidi_streaming("/test.Test/Chat", BytesCodec, Request::new(messages));
    let sizes: Vec<_> =
        soon(answer).await.unwrap().into_inner().map(|one| one.unwrap().len()).collect().await;
    assert_eq!(sizes, [1, 2, 40_000]);
    for log in [of_server, of_client] {
        let lines = log.of_call().await;
        let only =
            |what: &str| lines.iter().filter(|line| line.starts_with(what)).cloned().collect::<Vec<_>>();
        assert_eq!(only("request"), ["request 1", "request 2", "request 40000"]);
        assert_eq!(only("response"), ["response 1", "response 2", "response 40000"]);
        assert_eq!((&lines[0][..], &lines[lines.len() - 1][..]), ("begin /test.Test/Chat", "end Ok false"));
    }
}

#[tokio::test]
async fn errors_deadlines_and_cancellations_are_ends() {
    let (_server, channel, of_server, of_client) = observed().await;
    soon(channel.unary("/test.Test/Fail", BytesCodec, request("x"))).await.unwrap_err();
    for log in [&of_server, &of_client] {
        assert_eq!(log.of_call().await, ["begin /test.Test/Fail", "request 1", "end NotFound false"]);
    }
    let mut late = request("x");
    late.set_timeout(Duration::from_millis(50));
    soon(channel.unary("/test.Test/Hang", BytesCodec, late)).await.unwrap_err();
    assert_eq!(of_client.of_call().await.last().unwrap(), "end DeadlineExceeded false");
    let end = of_server.of_call().await.pop().unwrap();
    assert!(["end DeadlineExceeded false", "end Cancelled false"].contains(&&end[..]), "{end}");
    let call = channel.unary("/test.Test/Hang", BytesCodec, request("x"));
    assert!(tokio::time::timeout(Duration::from_millis(50), call).await.is_err());
    assert_eq!(of_client.of_call().await.last().unwrap(), "end Cancelled false");
    assert_eq!(of_server.of_call().await.last().unwrap(), "end Cancelled false");
}

#[tokio::test]
async fn raw_calls_pass_through_them_too() {
    /// Answers with what the interceptor put into the metadata.
    struct Raw;
    impl DetachedHandler for Raw {
        fn call(&self, call: IncomingCall) {
            let note = call.metadata().get("x-note").map(|note| note.as_bytes().to_vec()).unwrap_or_default();
            assert_eq!(call.extensions().and_then(|extensions| extensions.get::<u32>()), Some(&7));
            call.responder.finish_unary(None, note.into(), MetadataMap::new());
        }
        fn request_mode(&self, _path: &str) -> RequestMode {
            RequestMode::Unary
        }
    }
    let (of_server, of_client) = (Log::default(), Log::default());
    let builder =
        Server::builder().fallback(Raw).intercept(of_server.clone()).intercept(|mut call: CallStart| {
            let note = call.metadata().get("x-note").map(|note| note.to_str().unwrap().to_owned());
            call.metadata_mut().insert("x-note", format!("{} and back", note.unwrap_or_default())).unwrap();
            call.extensions_mut().insert(7u32);
            Ok(call)
        });
    let (_server, addr) = start(builder);
    let channel =
        Channel::builder(addr.to_string()).intercept(of_client.clone()).intercept(|mut call: CallStart| {
            call.metadata_mut().insert("x-note", "there").unwrap();
            Ok(call)
        });
    let channel = soon(channel.connect()).await.unwrap();
    let call = channel.start_unary(
        "/a.B/Raw",
        CallOptions::default(),
        MetadataMap::new(),
        Bytes::from_static(b"ask"),
    );
    let outcome = soon(poll_fn(|cx| call.poll_unary(cx))).await;
    assert_eq!(outcome.message.unwrap(), "there and back");
    let expected = ["begin /a.B/Raw", "request 3", "head false", "response 14", "end Ok false"];
    assert_eq!(of_server.of_call().await, expected);
    assert_eq!(of_client.of_call().await, expected);
}

#[tokio::test]
async fn a_channels_interceptor_may_wait_and_refuse() {
    let (_server, addr) = start(Server::builder().add_service(TestService(methods())));
    struct Refuse;
    impl Interceptor for Refuse {
        async fn intercept(&self, call: CallStart) -> Result<CallStart, Status> {
            tokio::time::sleep(Duration::from_millis(1)).await;
            if call.path().ends_with("Echo") { Err(Status::permission_denied("not that")) } else { Ok(call) }
        }
    }
    let channel = soon(Channel::builder(addr.to_string()).intercept(Refuse).connect()).await.unwrap();
    let typed = soon(channel.unary("/test.Test/Echo", BytesCodec, request("x"))).await.unwrap_err();
    assert_eq!(typed.code(), Code::PermissionDenied);
    let raw = channel.start_unary(
        "/test.Test/Echo",
        CallOptions::default(),
        MetadataMap::new(),
        Bytes::from_static(b"x"),
    );
    assert_eq!(soon(poll_fn(|cx| raw.poll_unary(cx))).await.status.code(), Code::PermissionDenied);
    let passed = soon(channel.unary("/test.Test/Fail", BytesCodec, request("x"))).await.unwrap_err();
    assert_eq!(passed.code(), Code::NotFound);
}

#[tokio::test]
async fn a_call_that_is_refused_is_refused_before_its_body_is_taken() {
    let (_server, addr) =
        start(Server::builder().add_service(TestService(methods())).intercept(|call: CallStart| {
            match call.metadata().contains_key("authorization") {
                true => Ok(call),
                false => Err(Status::unauthenticated("who are you?")),
            }
        }));
    let mut client = Client::connect(addr).await;
    // The head alone, of a unary call: the answer does not wait for the message.
    let key = client.open("Echo", Head::default());
    let reply = client.reply(key).await;
    assert_eq!((reply.status.code(), reply.status.message()), (Code::Unauthenticated, "who are you?"));
}

#[tokio::test]
async fn while_an_interceptor_waits_no_more_comes_than_the_window_holds() {
    let gate = Arc::new(Notify::new());
    struct Wait(Arc<Notify>);
    impl Interceptor for Wait {
        async fn intercept(&self, call: CallStart) -> Result<CallStart, Status> {
            self.0.notified().await;
            Ok(call)
        }
    }
    let builder = Server::builder().add_service(TestService(methods())).intercept(Wait(Arc::clone(&gate)));
    let (_server, addr) = start(builder);
    let mut client = Client::connect(addr).await;
    let key = client.open("Echo", Head::default());
    let large = vec![7; 2 << 20];
    client.send(key, &large, true);
    let chat = client.open("Chat", Head::default());
    client.send(chat, b"early", true);
    // A call on another connection shows that the server has had its turn.
    for _ in 0..3 {
        client.flush().await;
        let _ = tokio::time::timeout(Duration::from_millis(100), client.pump()).await;
    }
    let waiting = client.http().send_buffered(key);
    assert!(waiting > 1 << 20, "{waiting} bytes wait at the client: the rest is the window");
    gate.notify_one();
    gate.notify_one();
    let passing = Arc::clone(&gate);
    let release = tokio::spawn(async move {
        for _ in 0..100 {
            passing.notify_one();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert_eq!(client.reply(key).await.messages[0].payload.len(), large.len());
    let reply = client.reply(chat).await;
    assert_eq!((reply.status.code(), &reply.messages[0].payload[..]), (Code::Ok, &b"early"[..]));
    release.abort();
}

#[tokio::test]
async fn what_panics_ends_its_call_alone() {
    struct Breaks;
    impl Interceptor for Breaks {
        async fn intercept(&self, mut call: CallStart) -> Result<CallStart, Status> {
            assert!(!call.path().ends_with("Fail"), "as the test wants it");
            call.observe(Self);
            Ok(call)
        }
    }
    impl CallObserver for Breaks {
        fn response_message(&mut self, _message: &MessageInfo) {
            panic!("as the test wants it");
        }
    }
    let (_server, addr) = start(Server::builder().add_service(TestService(methods())).intercept(Breaks));
    let mut client = Client::connect(addr).await;
    assert_eq!(client.unary("Fail", b"x").await.status.code(), Code::Internal);
    assert_eq!(client.unary("Echo", b"fine").await.messages[0].payload, "fine");
}
