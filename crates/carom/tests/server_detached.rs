//! Raw calls, answered from other threads.

mod support;

use std::future::poll_fn;
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use carom::codec::BytesCodec;
use carom::server::{DetachedHandler, IncomingCall, Method, RequestMode, Server};
use carom::{Cancelled, Code, MetadataMap, Request, Response, Status};
use carom_wire::conn::Config;
use carom_wire::frame::ErrorCode;
use tokio::net::TcpStream;

use support::{Client, Head, LIMIT, TestService, start};

/// Hands calls to a thread.
struct ToThread(mpsc::Sender<IncomingCall>);

impl DetachedHandler for ToThread {
    fn call(&self, call: IncomingCall) {
        self.0.send(call).unwrap();
    }

    fn request_mode(&self, path: &str) -> RequestMode {
        if path.ends_with("Unary") { RequestMode::Unary } else { RequestMode::Streaming }
    }
}

fn serve_by(work: impl Fn(IncomingCall) + Send + 'static) -> (Server, std::net::SocketAddr) {
    let (sender, calls) = mpsc::channel();
    thread::spawn(move || {
        for call in calls {
            work(call);
        }
    });
    start(Server::builder().fallback(ToThread(sender)))
}

/// Polls on a thread without a runtime, parked meanwhile.
fn wait<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(std::sync::Arc::new(Unpark(thread::current())));
    let begun = std::time::Instant::now();
    loop {
        if let Poll::Ready(value) = poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        thread::park_timeout(LIMIT);
        assert!(begun.elapsed() < LIMIT, "nothing woke the thread");
    }
}

fn metadata(key: &str, value: &str) -> MetadataMap {
    let mut metadata = MetadataMap::new();
    metadata.insert(key, value.to_owned()).unwrap();
    metadata
}

#[tokio::test]
async fn unary_calls_come_whole_and_are_answered_in_one_hand_over() {
    let (_server, addr) = serve_by(|mut call| {
        let payload = call.receiver.try_message().unwrap().unwrap();
        assert_eq!(call.receiver.try_message().unwrap(), None);
        assert_eq!(call.head.path_str(), "/any.Service/Unary");
        call.responder.finish_unary(Some(metadata("x-a", "1")), payload, metadata("x-b", "2"));
        // The first end counts.
        call.responder.finish(Status::internal("too late"), MetadataMap::new());
    });
    let mut client = Client::connect(addr).await;
    for size in [0, 10, 5_000, 3_000_000] {
        let reply = client.unary("/any.Service/Unary", &vec![9; size]).await;
        assert_eq!(reply.status.code(), Code::Ok, "{}", reply.status);
        assert_eq!(reply.messages[0].payload, vec![9; size]);
        assert_eq!(reply.head.unwrap().metadata.get("x-a").unwrap().as_bytes(), b"1");
        assert_eq!(reply.trailers.get("x-b").unwrap().as_bytes(), b"2");
    }
    // Cardinality is the library's business.
    let none = client.open("/any.Service/Unary", Head::default());
    client.half_close(none);
    assert_eq!(client.reply(none).await.status.code(), Code::Unimplemented);
    // Many at once.
    let keys: Vec<_> = (0..100)
        .map(|_| {
            let key = client.open("/any.Service/Unary", Head::default());
            client.send(key, b"x", true);
            key
        })
        .collect();
    for key in keys {
        assert_eq!(client.reply(key).await.status.code(), Code::Ok);
    }
}

#[tokio::test]
async fn streams_both_ways_from_a_thread() {
    let (_server, addr) = serve_by(|mut call| {
        call.responder.send_initial_metadata(metadata("x-early", "yes"));
        while let Some(message) = wait(|cx| call.receiver.poll_message(cx)).unwrap() {
            wait(|cx| call.responder.poll_ready(cx));
            call.responder.send_message(message, false);
        }
        call.responder.finish(Status::ok(""), metadata("x-late", "too"));
    });
    let mut client = Client::connect(addr).await;
    let key = client.open("/a.B/Stream", Head::default());
    assert_eq!(client.head(key).await.metadata.get("x-early").unwrap().as_bytes(), b"yes");
    for n in 0..50u8 {
        client.send(key, &[n; 2000], false);
        assert_eq!(client.message(key).await, vec![n; 2000]);
    }
    client.half_close(key);
    let reply = client.reply(key).await;
    assert_eq!(reply.status.code(), Code::Ok);
    assert_eq!(reply.trailers.get("x-late").unwrap().as_bytes(), b"too");
}

#[tokio::test]
async fn services_go_before_the_fallback() {
    let (sender, calls) = mpsc::channel::<IncomingCall>();
    thread::spawn(move || {
        for call in calls {
            call.responder.finish(Status::not_found("by the fallback"), MetadataMap::new());
        }
    });
    let own = Method::unary("Own", BytesCodec, |_: Request<Bytes>| async { Ok(Response::new(Bytes::new())) });
    let (_server, addr) =
        start(Server::builder().add_service(TestService(vec![own])).fallback(ToThread(sender)));
    let mut client = Client::connect(addr).await;
    assert_eq!(client.unary("Own", b"").await.status.code(), Code::Ok);
    assert_eq!(client.unary("Other", b"").await.status.message(), "by the fallback");
}

#[tokio::test]
async fn a_dropped_responder_answers() {
    let (_server, addr) = serve_by(drop);
    let mut client = Client::connect(addr).await;
    for method in ["/a.B/Unary", "/a.B/Stream"] {
        let reply = client.unary(method, b"").await;
        assert_eq!(reply.status.code(), Code::Internal);
        assert!(reply.status.message().contains("without an answer"), "{}", reply.status);
    }
}

#[tokio::test]
async fn a_thread_hears_that_its_call_is_over() {
    let (results, ends) = mpsc::channel();
    let (_server, addr) = serve_by(move |mut call| {
        let end = wait(|cx| call.responder.poll_cancelled(cx));
        assert!(!call.responder.is_active());
        // All of these come to nothing, and none of them hangs.
        call.responder.send_message(Bytes::from_static(b"late"), true);
        wait(|cx| call.responder.poll_ready(cx));
        call.responder.finish_unary(None, Bytes::new(), MetadataMap::new());
        let message = call.receiver.try_message();
        results.send((end, message.map(drop).map_err(|status| status.code()))).unwrap();
    });
    let next = async || {
        for _ in 0..2000 {
            if let Ok(end) = ends.try_recv() {
                return end;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("no word from the thread");
    };
    let mut client = Client::connect(addr).await;
    let key =
        client.open("/a.B/Stream", Head { timeout: Some(Duration::from_millis(30)), ..Head::default() });
    assert_eq!(client.reply(key).await.status.code(), Code::DeadlineExceeded);
    assert_eq!(next().await, (Cancelled::DeadlineExceeded, Err(Code::DeadlineExceeded)));

    let key = client.open("/a.B/Stream", Head::default());
    client.flush().await;
    client.http().reset(key, ErrorCode::CANCEL);
    client.flush().await;
    assert_eq!(next().await, (Cancelled::ByPeer, Err(Code::Cancelled)));

    let _open = client.open("/a.B/Stream", Head::default());
    client.flush().await;
    drop(client);
    assert_eq!(next().await, (Cancelled::ConnectionLost, Err(Code::Cancelled)));
}

#[tokio::test]
async fn a_fast_thread_waits_for_a_slow_client() {
    const PIECE: usize = 16 * 1024;
    let (results, sent) = mpsc::channel();
    let (_server, addr) = serve_by(move |call| {
        for _ in 0..500 {
            wait(|cx| call.responder.poll_ready(cx));
            call.responder.send_message(Bytes::from(vec![5; PIECE]), false);
            results.send(()).unwrap();
        }
        call.responder.finish(Status::ok(""), MetadataMap::new());
    });
    let window = 64 * 1024;
    let config = Config::default().with(|config| {
        config.initial_stream_window = window;
        config.max_window = window;
    });
    let mut client = Client::configured(TcpStream::connect(addr).await.unwrap(), config);
    client.reads = false;
    let key = client.open("/a.B/Stream", Head::default());
    client.head(key).await;
    // Until the window is used up.
    let pause = Duration::from_millis(100);
    while tokio::time::timeout(pause, client.pump()).await.is_ok() {}
    let made = sent.try_iter().count();
    let bound = (window as usize + 2 * Config::default().max_send_buffer) / PIECE + 2;
    assert!(made <= bound, "{made} messages were sent, at most {bound} may be");
    client.reads = true;
    client.http().release(key, window as usize);
    let reply = client.reply(key).await;
    assert_eq!((reply.status.code(), reply.messages.len()), (Code::Ok, 500));
}

#[tokio::test]
async fn calls_that_outlive_their_reset_count_against_the_limit() {
    let (kept, calls) = mpsc::channel();
    let (_server, addr) = start(Server::builder().max_concurrent_streams(5).fallback(ToThread(kept)));
    let mut client = Client::connect(addr).await;
    // Open and reset, while nobody lets go of the calls.
    for _ in 0..5 {
        let key = client.open("/a.B/Stream", Head::default());
        client.flush().await;
        client.http().reset(key, ErrorCode::CANCEL);
    }
    let refused = client.unary("/a.B/Stream", b"").await;
    assert_eq!(refused.reset, Some(ErrorCode::REFUSED_STREAM));
    assert_eq!(calls.try_iter().count(), 5);
    // They were dropped just now: there is room again.
    let key = client.open("/a.B/Stream", Head::default());
    client.send(key, b"", true);
    client.flush().await;
    let call = poll_fn(|cx| {
        cx.waker().wake_by_ref();
        calls.try_recv().map_or(Poll::Pending, Poll::Ready)
    });
    support::soon(call).await.responder.finish(Status::not_found("here"), MetadataMap::new());
    assert_eq!(client.reply(key).await.status.code(), Code::NotFound);
}
