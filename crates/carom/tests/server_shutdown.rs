//! Starting and stopping: addresses, ports that are taken, and calls that run when the server stops.

mod support;

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bytes::Bytes;
use carom::codec::BytesCodec;
use carom::server::{ListenAddr, ListenOptions, Method, Server};
use carom::{Code, Request, Response, Status};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use support::{Client, Head, TestService, serve, soon};

fn echo() -> Method {
    Method::unary("Echo", BytesCodec, |request: Request<Bytes>| async move {
        Ok(Response::new(request.into_inner()))
    })
}

fn stuck() -> Method {
    Method::unary("Stuck", BytesCodec, |_: Request<Bytes>| async {
        pending::<Result<Response<Bytes>, Status>>().await
    })
}

/// A method that tells when it has begun and answers when it is told to.
fn held() -> (Method, oneshot::Receiver<()>, oneshot::Sender<()>) {
    let (begun, has_begun) = oneshot::channel();
    let (go, may_go) = oneshot::channel::<()>();
    let ends = Mutex::new(Some((begun, may_go)));
    let method = Method::unary("Held", BytesCodec, move |_: Request<Bytes>| {
        let (begun, may_go) = ends.lock().unwrap().take().unwrap();
        begun.send(()).unwrap();
        async move {
            may_go.await.unwrap();
            Ok(Response::new(Bytes::from_static(b"done")))
        }
    });
    (method, has_begun, go)
}

#[tokio::test]
async fn a_graceful_stop_finishes_calls_and_refuses_new_ones() {
    let (method, begun, go) = held();
    let (server, addr) = serve(vec![method, echo()]);
    let mut client = Client::connect(addr).await;
    let key = client.open("Held", Head::default());
    client.send(key, b"", true);
    client.flush().await;
    soon(begun).await.unwrap();

    server.shutdown(None);
    soon(async {
        while client.goaways < 2 {
            client.pump().await;
        }
    })
    .await;
    assert!(!client.http().can_open());
    assert!(!server.is_terminated());
    go.send(()).unwrap();
    let reply = client.reply(key).await;
    assert_eq!((reply.status.code(), &reply.messages[0].payload[..]), (Code::Ok, &b"done"[..]));
    assert_eq!(client.close().await, None);
    soon(server.terminated()).await;
    assert!(server.is_terminated());
    assert!(TcpStream::connect(addr).await.is_err());
}

#[tokio::test]
async fn calls_under_way_when_the_server_stops_are_served() {
    let (server, addr) = serve(vec![echo()]);
    let mut client = Client::connect(addr).await;
    client.unary("Echo", b"").await;
    // The client has not heard of it when it sends these.
    server.shutdown(None);
    tokio::task::yield_now().await;
    let keys: Vec<_> = (0..20)
        .map(|_| {
            let key = client.open("Echo", Head::default());
            client.send(key, b"x", true);
            key
        })
        .collect();
    for key in keys {
        assert_eq!(client.reply(key).await.status.code(), Code::Ok);
    }
    assert_eq!(client.close().await, None);
    soon(server.terminated()).await;
}

#[tokio::test]
async fn after_the_grace_period_calls_are_cancelled() {
    for (grace, least) in
        [(Duration::from_millis(50), Duration::from_millis(50)), (Duration::ZERO, Duration::ZERO)]
    {
        let (server, addr) = serve(vec![stuck(), echo()]);
        let mut client = Client::connect(addr).await;
        let key = client.open("Stuck", Head::default());
        client.send(key, b"", true);
        client.unary("Echo", b"").await;
        let begun = Instant::now();
        server.shutdown(Some(grace));
        let reply = client.reply(key).await;
        assert_eq!(reply.status.code(), Code::Unavailable, "{}", reply.status);
        assert!(begun.elapsed() >= least);
        soon(server.terminated()).await;
    }
}

#[tokio::test]
async fn those_who_do_not_await_are_called_back() {
    let (server, addr) = serve(vec![echo()]);
    let mut client = Client::connect(addr).await;
    client.unary("Echo", b"").await;
    let (told, tell) = oneshot::channel();
    server.on_terminated(move || told.send(()).unwrap());
    server.shutdown(None);
    assert_eq!(client.close().await, None);
    soon(tell).await.unwrap();
    let (told, tell) = oneshot::channel();
    server.on_terminated(move || told.send(()).unwrap());
    soon(tell).await.unwrap();
    server.shutdown(Some(Duration::ZERO));
}

#[tokio::test]
async fn idle_and_silent_connections_do_not_hold_up_the_end() {
    let (server, addr) = serve(vec![echo()]);
    let mut client = Client::connect(addr).await;
    client.unary("Echo", b"").await;
    let silent = TcpStream::connect(addr).await.unwrap();
    soon(async {
        while server.connections() < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    server.shutdown(None);
    assert_eq!(client.close().await, None);
    soon(server.terminated()).await;
    drop(silent);
}

#[tokio::test]
async fn a_taken_port_is_told_by_name() {
    let (_server, addr) = serve(vec![echo()]);
    let error = soon(Server::builder().serve(addr)).await.unwrap_err();
    assert!(error.is_address_in_use());
    let text = error.to_string();
    assert!(text.contains(&addr.to_string()) && text.contains("address already in use"), "{text}");

    let error = soon(Server::builder().run()).await.unwrap_err();
    assert!(error.to_string().contains("no address"), "{error}");
}

#[tokio::test]
async fn listeners_are_added_and_their_port_is_free_in_the_end() {
    let server = Server::builder().add_service(TestService(vec![echo()])).start(Handle::current()).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let add = |addr: ListenAddr| {
        server.add_listener(
            addr,
            #[cfg(feature = "tls")]
            None,
            ListenOptions::default(),
        )
    };
    let first = add(any.into()).unwrap().socket_addr().unwrap();
    let second = add(any.into()).unwrap().socket_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    add(path.clone().into()).unwrap();
    assert_eq!(server.local_addrs().len(), 3);
    for addr in [first, second] {
        let mut client = Client::connect(addr).await;
        assert_eq!(client.unary("Echo", b"tcp").await.messages[0].payload, "tcp");
    }
    let mut client = Client::over(UnixStream::connect(&path).await.unwrap());
    assert_eq!(client.unary("Echo", b"unix").await.messages[0].payload, "unix");
    drop(client);

    server.shutdown(None);
    soon(server.terminated()).await;
    assert!(!path.exists());
    let again = Server::builder().bind(first).bind(second).start(Handle::current()).unwrap();
    again.shutdown(Some(Duration::ZERO));
    assert!(add(any.into()).unwrap_err().to_string().contains("stopped"));
}

/// Connects to a server that is about to listen.
async fn connect_once_listening(addr: SocketAddr) -> Client<TcpStream> {
    soon(async {
        loop {
            if let Ok(io) = TcpStream::connect(addr).await {
                break Client::over(io);
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

#[tokio::test]
async fn a_signal_stops_the_server_and_a_drop_too() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let builder = Server::builder().add_service(TestService(vec![echo()])).reuse_port(true);
    let serving = tokio::spawn(builder.serve_with_shutdown(free, async {
        let _ = stopped.await;
    }));
    let mut client = connect_once_listening(free).await;
    client.unary("Echo", b"").await;
    stop.send(()).unwrap();
    assert_eq!(client.close().await, None);
    soon(serving).await.unwrap().unwrap();

    let serving = tokio::spawn(Server::builder().add_service(TestService(vec![stuck()])).serve(free));
    let mut client = connect_once_listening(free).await;
    let key = client.open("Stuck", Head::default());
    client.send(key, b"", true);
    client.pump().await;
    serving.abort();
    assert_eq!(client.reply(key).await.status.code(), Code::Unavailable);
}

/// One stream that never ends does not keep a server that was told how long it may.
#[tokio::test]
async fn a_grace_bounds_how_long_calls_keep_the_server() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let builder = Server::builder().add_service(TestService(vec![stuck()]));
    let builder = builder.shutdown_grace(Some(Duration::from_millis(20)));
    let serving = tokio::spawn(builder.serve_with_shutdown(free, async {
        let _ = stopped.await;
    }));
    let mut client = connect_once_listening(free).await;
    let key = client.open("Stuck", Head::default());
    client.send(key, b"", true);
    client.pump().await;
    stop.send(()).unwrap();
    assert_eq!(client.reply(key).await.status.code(), Code::Unavailable);
    soon(serving).await.unwrap().unwrap();
}
