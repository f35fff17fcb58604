//! How long connections and calls may last, in the clock of a runtime that stands still while nobody works, so that
//! the defaults are tried as they are.

mod support;

use std::future::pending;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use carom::codec::BytesCodec;
use carom::server::{Builder, Keepalive, Method, PingPolicy, Server};
use carom::transport::PeerAddr;
use carom::{Code, Request, Response, Status};
use carom_wire::conn::Config;
use carom_wire::frame::{self, ErrorCode};
use futures_util::stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::runtime::Handle;
use tokio::time::Instant;

use support::{Client, Head, TestService, drop_signal};

const MINUTE: Duration = Duration::from_secs(60);

fn methods() -> Vec<Method> {
    vec![
        Method::unary("Echo", BytesCodec, |request: Request<Bytes>| async move {
            Ok(Response::new(request.into_inner()))
        }),
        Method::unary("Stuck", BytesCodec, |_: Request<Bytes>| pending::<Result<Response<Bytes>, Status>>()),
    ]
}

fn start(builder: Builder) -> Server {
    builder.add_service(TestService(methods())).start(Handle::current()).unwrap()
}

/// The other end of a connection to the server; so much fits in between.
fn dial(server: &Server, room: usize) -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(room);
    assert!(server.serve_connection(theirs, PeerAddr::Named("test".into())));
    ours
}

fn connect(server: &Server) -> Client<DuplexStream> {
    Client::over(dial(server, 1 << 20))
}

/// Waits, as long as it takes, for the connection to end; after how long it did.
async fn until_closed(client: &mut Client<DuplexStream>) -> Duration {
    let begun = Instant::now();
    while client.closed.is_none() {
        client.pump().await;
    }
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_socket_takes_nothing_is_closed_after_a_minute() {
    // Once while the connection is open, once when its last words wait: so many pings are too many.
    let any = PingPolicy { max_strikes: 0, ..PingPolicy::default() };
    for policy in [any, PingPolicy::default()] {
        let server = start(Server::builder().ping_policy(policy));
        // A client that sends pings, as many as are answered, and never reads an answer.
        let mut client = dial(&server, 128);
        client.write_all(frame::PREFACE).await.unwrap();
        client.write_all(b"\0\0\0\x04\0\0\0\0\0").await.unwrap();
        let begun = Instant::now();
        let ping = b"\0\0\x08\x06\0\0\0\0\0pingping";
        let stuffed = async { while client.write_all(ping).await.is_ok() {} };
        let _ = tokio::time::timeout(MINUTE / 2, stuffed).await;
        while server.connections() > 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert!(begun.elapsed() < MINUTE * 2, "nobody closed it");
        }
        assert!(begun.elapsed() >= MINUTE, "{:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_whose_reader_rests_is_waited_for() {
    let (signal, mut dropped) = drop_signal();
    let signal = Mutex::new(Some(signal));
    let pour = Method::server_streaming("Pour", BytesCodec, move |_: Request<Bytes>| {
        let signal = signal.lock().unwrap().take();
        async move {
            Ok(Response::new(stream::unfold((signal, 0), |(signal, n)| async move {
                (n < 100).then_some((Ok(Bytes::from_static(&[7; 8192])), (signal, n + 1)))
            })))
        }
    });
    let mut all = methods();
    all.push(pour);
    let server = Server::builder().add_service(TestService(all)).start(Handle::current()).unwrap();
    let window = 64 * 1024;
    let config = Config::default().with(|config| {
        config.initial_stream_window = window;
        config.max_window = window;
    });
    let mut client = Client::configured(dial(&server, 1 << 20), config);
    client.reads = false;
    let key = client.open("Pour", Head::default());
    client.send(key, b"", true);
    for _ in 0..60 {
        assert_eq!(client.unary("Echo", b"x").await.status.code(), Code::Ok, "other calls go on");
        tokio::time::advance(MINUTE).await;
    }
    assert!(!client.has_reply(key));
    assert!(dropped.try_recv().is_err(), "the handler is still wanted");
    // The reader has rested enough, and finds all that there is.
    client.reads = true;
    client.http().release(key, window as usize);
    let reply = client.reply(key).await;
    assert_eq!(reply.status.code(), Code::Ok, "{}", reply.status);
    assert_eq!(reply.messages.len(), 100);
    assert!(dropped.await.is_ok(), "the handler was dropped");
}

#[tokio::test(start_paused = true)]
async fn connections_grow_old_and_not_all_at_once() {
    let server = start(Server::builder().max_connection_age(Some(MINUTE * 10)));
    let mut ages = Vec::new();
    for _ in 0..40 {
        let mut client = connect(&server);
        let age = until_closed(&mut client).await;
        assert_eq!(client.closed, Some(None), "in good order");
        assert_eq!(
            client.goaway.as_ref().map(|(code, words)| (*code, words.as_str())),
            Some((ErrorCode::NO_ERROR, "max_age"))
        );
        assert!(age >= MINUTE * 9 && age <= MINUTE * 11 + Duration::from_secs(2), "{age:?}");
        ages.push(age);
    }
    ages.sort();
    assert!(ages[39] - ages[0] > MINUTE, "from {:?} to {:?}", ages[0], ages[39]);
}

#[tokio::test(start_paused = true)]
async fn calls_may_outlive_their_connections_age_by_the_grace() {
    let server =
        start(Server::builder().max_connection_age(Some(MINUTE)).max_connection_age_grace(Some(MINUTE * 2)));
    let mut client = connect(&server);
    let key = client.open("Stuck", Head::default());
    client.send(key, b"", true);
    let age = until_closed(&mut client).await;
    assert!(age >= MINUTE * 29 / 10 && age <= MINUTE * 32 / 10, "{age:?}");
    assert_eq!(client.goaways, 3, "the warning, the last stream, and the end");
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_ends() {
    let server = start(Server::builder().max_connection_idle(Some(MINUTE * 5)));
    let mut client = connect(&server);
    for _ in 0..5 {
        assert_eq!(client.unary("Echo", b"x").await.status.code(), Code::Ok);
        tokio::time::sleep(MINUTE * 4).await;
    }
    let rest = until_closed(&mut client).await;
    assert!(rest <= MINUTE + Duration::from_secs(2), "{rest:?}");
    assert_eq!(client.closed, Some(None));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_vanished_is_found_by_keepalive() {
    let keepalive = Keepalive { interval: MINUTE, timeout: Duration::from_secs(20), without_calls: true };
    for (builder, expected) in [
        (Server::builder().keepalive(Some(keepalive)), MINUTE + keepalive.timeout),
        (Server::builder(), Duration::from_secs(7200 + 20)),
    ] {
        let server = start(builder);
        let mut client = dial(&server, 1 << 20);
        client.write_all(frame::PREFACE).await.unwrap();
        client.write_all(b"\0\0\0\x04\0\0\0\0\0").await.unwrap();
        // It takes what comes and says nothing any more.
        let begun = Instant::now();
        let mut got = Vec::new();
        client.read_to_end(&mut got).await.unwrap();
        let took = begun.elapsed();
        assert!(took >= expected && took <= expected + Duration::from_secs(2), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn clients_that_ping_too_often_are_told_so() {
    let policy = PingPolicy { min_interval: MINUTE, without_calls: true, max_strikes: 2 };
    let server = start(Server::builder().ping_policy(policy));
    let eager = Keepalive { interval: Duration::from_secs(30), timeout: MINUTE, without_calls: true };
    let fair = Keepalive { interval: MINUTE * 2, ..eager };
    for (keepalive, survives) in [(fair, true), (eager, false)] {
        let config = Config::default().with(|config| config.keepalive = Some(keepalive));
        let mut client = Client::configured(dial(&server, 1 << 20), config);
        let key = client.open("Stuck", Head::default());
        client.send(key, b"", true);
        let outcome = tokio::time::timeout(MINUTE * 20, until_closed(&mut client)).await;
        assert_eq!(outcome.is_err(), survives, "{keepalive:?}: {:?}", client.closed);
        let words = client.goaway.take();
        let expected = (ErrorCode::ENHANCE_YOUR_CALM, "too_many_pings".to_owned());
        assert_eq!(words, (!survives).then_some(expected));
    }
}
