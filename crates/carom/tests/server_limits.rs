//! How much of everything a server takes on, what it says to those who want more, and that it goes on afterwards.

mod support;

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use carom::client::Channel;
use carom::codec::BytesCodec;
use carom::server::{Method, Server};
use carom::{Code, Request, Response, Status, Streaming};
use carom_wire::conn::Config;
use carom_wire::frame::ErrorCode;
use carom_wire::message::PREFIX_LEN;
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};

use support::{Client, Head, TestService, drop_signal, soon, start};

fn echo() -> Method {
    Method::unary("Echo", BytesCodec, |request: Request<Bytes>| async move {
        Ok(Response::new(request.into_inner()))
    })
}

/// A handler that answers when it is told to, and what tells all of them.
fn held() -> (Method, Arc<Notify>) {
    let go = Arc::new(Notify::new());
    let wait = Arc::clone(&go);
    let method = Method::unary("Held", BytesCodec, move |_: Request<Bytes>| {
        let wait = Arc::clone(&wait);
        async move {
            wait.notified().await;
            Ok(Response::new(Bytes::from_static(b"done")))
        }
    });
    (method, go)
}

#[tokio::test]
async fn a_connection_too_many_is_told_so() {
    let builder = Server::builder().add_service(TestService(vec![echo()])).max_connections(Some(1));
    let (server, addr) = start(builder);
    let mut first = Client::connect(addr).await;
    first.unary("Echo", b"").await;
    let mut second = Client::connect(addr).await;
    second.close().await;
    assert_eq!(second.goaways, 1);
    let (code, words) = second.goaway.take().unwrap();
    assert_eq!(code, ErrorCode::ENHANCE_YOUR_CALM);
    assert!(words.contains("limit of connections (max_connections)"), "{words}");
    // A channel says why its calls fail.
    let channel = Channel::builder(addr.to_string()).connect_lazy().unwrap();
    let request = Request::new(Bytes::new());
    let status = soon(channel.unary("/test.Test/Echo", BytesCodec, request)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("max_connections"), "{status}");
    // It would come back and take the place.
    drop(channel);
    // The one that is there does not notice, and makes room when it goes.
    first.unary("Echo", b"").await;
    drop(first);
    soon(async {
        while server.connections() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(Client::connect(addr).await.unary("Echo", b"x").await.messages[0].payload, "x");
}

#[tokio::test]
async fn many_that_are_turned_away_cost_no_more_than_some() {
    let builder = Server::builder().add_service(TestService(vec![echo()])).max_connections(Some(1));
    let (server, addr) = start(builder);
    let mut first = Client::connect(addr).await;
    first.unary("Echo", b"").await;
    let mut knocking = Vec::new();
    for _ in 0..300 {
        knocking.push(TcpStream::connect(addr).await.unwrap());
    }
    first.unary("Echo", b"").await;
    assert!(server.connections() <= 1 + 64, "{}", server.connections());
}

#[tokio::test]
async fn a_call_too_many_is_refused_with_words() {
    let (method, go) = held();
    let builder =
        Server::builder().add_service(TestService(vec![method, echo()])).max_concurrent_calls(Some(3));
    let (_server, addr) = start(builder);
    let (mut one, mut other) = (Client::connect(addr).await, Client::connect(addr).await);
    let mut keys = Vec::new();
    for _ in 0..3 {
        let key = one.open("Held", Head::default());
        one.send(key, b"", true);
        keys.push(key);
    }
    one.flush().await;
    // The limit is the server's and not the connection's.
    let refused = soon(async {
        loop {
            let reply = other.unary("Echo", b"").await;
            if reply.status.code() != Code::Ok {
                return reply;
            }
        }
    })
    .await;
    assert_eq!(refused.status.code(), Code::ResourceExhausted);
    assert!(refused.status.message().contains("max_concurrent_calls of 3"), "{}", refused.status);
    go.notify_waiters();
    for key in keys {
        assert_eq!(one.reply(key).await.status.code(), Code::Ok);
    }
    assert_eq!(other.unary("Echo", b"x").await.status.code(), Code::Ok, "there is room again");
}

#[tokio::test]
async fn handlers_that_outlive_their_call_count() {
    let (release, wait) = oneshot::channel::<()>();
    let wait = Mutex::new(Some(wait));
    // On a thread of its own, which does not notice that the call is gone.
    let stuck = Method::unary("Stuck", BytesCodec, move |_: Request<Bytes>| {
        let wait = wait.lock().unwrap().take();
        async move {
            if let Some(wait) = wait {
                let _ = wait.blocking_recv();
            }
            Ok(Response::new(Bytes::new()))
        }
    })
    .blocking();
    let builder =
        Server::builder().add_service(TestService(vec![stuck, echo()])).max_concurrent_calls(Some(1));
    let (_server, addr) = start(builder);
    let mut client = Client::connect(addr).await;
    let key = client.open("Stuck", Head::default());
    client.send(key, b"", true);
    client.flush().await;
    let refused =
        async |client: &mut Client| client.unary("Echo", b"").await.status.code() == Code::ResourceExhausted;
    soon(async { while !refused(&mut client).await {} }).await;
    client.http().reset(key, ErrorCode::CANCEL);
    for _ in 0..20 {
        assert!(refused(&mut client).await, "its thread is still busy");
    }
    release.send(()).unwrap();
    soon(async { while refused(&mut client).await {} }).await;
}

/// A handler that reads nothing and answers never; its drop signals are kept.
fn deaf() -> (Method, Arc<Mutex<Vec<oneshot::Receiver<()>>>>) {
    let dropped = Arc::new(Mutex::new(Vec::new()));
    let place = Arc::clone(&dropped);
    let method = Method::client_streaming("Deaf", BytesCodec, move |request: Request<Streaming<Bytes>>| {
        let (signal, receiver) = drop_signal();
        place.lock().unwrap().push(receiver);
        async move {
            let _held = (signal, request);
            pending::<Result<Response<Bytes>, Status>>().await
        }
    });
    (method, dropped)
}

#[tokio::test]
async fn over_the_memory_quota_the_greedy_give_back_and_the_modest_go_on() {
    const QUOTA: usize = 2 << 20;
    let (method, dropped) = deaf();
    let (held, go) = held();
    let builder =
        Server::builder().add_service(TestService(vec![method, held, echo()])).memory_quota(Some(QUOTA));
    let (_server, addr) = start(builder);
    let mut modest = Client::connect(addr).await;
    let waiting = modest.open("Held", Head::default());
    modest.send(waiting, b"", true);
    modest.flush().await;

    // 100 streams with 200 KB each that nobody reads: ten times the quota.
    let mut greedy = Client::connect(addr).await;
    let keys: Vec<_> = (0..100).map(|_| greedy.open("Deaf", Head::default())).collect();
    for &key in &keys {
        for _ in 0..20 {
            greedy.send(key, &[7; 10_000], false);
        }
    }
    let reply = greedy.any_reply().await;
    assert_eq!(reply.status.code(), Code::ResourceExhausted, "{}", reply.status);
    assert!(reply.status.message().contains("memory"), "{}", reply.status);
    // Its handler was dropped, others of them go on, and so does the call of the modest one.
    let mut ended = 0;
    let all = std::mem::take(&mut *dropped.lock().unwrap());
    for mut receiver in all {
        ended += usize::from(receiver.try_recv().is_ok());
    }
    assert!(ended > 0);
    go.notify_one();
    assert_eq!(modest.reply(waiting).await.status.code(), Code::Ok);
    // The greedy one goes, and all is as before.
    drop(greedy);
    soon(async { while modest.unary("Echo", b"x").await.status.code() != Code::Ok {} }).await;
}

/// Readers that rest may do so for any time, as long as there is memory for what waits for them.
#[tokio::test]
async fn over_the_memory_quota_what_nobody_reads_is_given_up() {
    const QUOTA: usize = 2 << 20;
    let pour = Method::server_streaming("Pour", BytesCodec, move |_: Request<Bytes>| async move {
        Ok(Response::new(futures_util::stream::repeat_with(|| Ok(Bytes::from(vec![7; 16 * 1024])))))
    });
    let builder = Server::builder().add_service(TestService(vec![pour, echo()])).memory_quota(Some(QUOTA));
    let (_server, addr) = start(builder);
    let mut modest = Client::connect(addr).await;
    // 100 streams with a send buffer of 64 KiB each: three times the quota.
    let window = 1000;
    let config = Config::default().with(|config| {
        config.initial_stream_window = window;
        config.max_window = window;
    });
    let mut resting = Client::configured(TcpStream::connect(addr).await.unwrap(), config);
    resting.reads = false;
    for _ in 0..100 {
        let key = resting.open("Pour", Head::default());
        resting.send(key, b"", true);
    }
    let reply = resting.any_reply().await;
    assert_eq!(reply.status.code(), Code::ResourceExhausted, "{}", reply.status);
    soon(async { while modest.unary("Echo", b"x").await.status.code() != Code::Ok {} }).await;
}

#[tokio::test]
async fn empty_messages_count_in_the_memory_quota() {
    const MESSAGES: usize = 10_000;
    let (method, _dropped) = deaf();
    let builder = Server::builder().add_service(TestService(vec![method])).memory_quota(Some(4 << 20));
    let (_server, addr) = start(builder);
    let mut greedy = Client::connect(addr).await;
    // Prefixes of 1 MB in all, a quarter of the quota; what keeps the messages is far more.
    for _ in 0..20 {
        let key = greedy.open("Deaf", Head::default());
        greedy.http().send_data(key, Bytes::from_static(&[0; PREFIX_LEN * MESSAGES]), false);
    }
    let reply = greedy.any_reply().await;
    assert_eq!(reply.status.code(), Code::ResourceExhausted, "{}", reply.status);
}

#[tokio::test]
async fn calls_and_connections_are_refused_while_the_quota_is_exceeded() {
    // So little that a connection without anything is too much.
    let builder = Server::builder().add_service(TestService(vec![echo()])).memory_quota(Some(1000));
    let (_server, addr) = start(builder);
    let mut first = Client::connect(addr).await;
    // Below a grain nothing is told: this one is served, and large enough to be counted.
    let key = first.open("Echo", Head::default());
    first.send(key, &[0; 100_000], false);
    first.flush().await;
    let refused = soon(async {
        loop {
            let mut next = Client::connect(addr).await;
            let call = next.open("Echo", Head::default());
            next.send(call, b"", true);
            while next.closed.is_none() && !next.has_reply(call) {
                next.pump().await;
            }
            if let Some((_, words)) = next.goaway.take() {
                return words;
            }
        }
    })
    .await;
    assert!(refused.contains("memory_quota"), "{refused}");
    let reply = first.unary("Echo", b"").await;
    assert_eq!(reply.status.code(), Code::ResourceExhausted);
    assert!(reply.status.message().contains("memory_quota of 1000 bytes"), "{}", reply.status);
}

#[tokio::test]
async fn turning_away_ends_with_its_limits() {
    let (server, addr) =
        start(Server::builder().add_service(TestService(vec![echo()])).max_connections(Some(0)));
    for _ in 0..3 {
        Client::connect(addr).await.close().await;
    }
    server.shutdown(Some(Duration::ZERO));
    soon(server.terminated()).await;
}
