//! Finding servers, losing them, finding them again.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use carom::client::resolver::{Address, FixedResolver, ManualResolver};
use carom::client::{BackoffConfig, Channel, ConnectError, ConnectivityState};
use carom::codec::BytesCodec;
use carom::server::{ListenAddr, Server};
use carom::transport::{ByteStream, Connecting, PeerAddr};
use carom::{Code, Status};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::runtime::Handle;

use crate::support::{Kinds, bytes, free_address, listen, serve, soon};

async fn echo(channel: &Channel) -> Result<(), Status> {
    soon(channel.unary("/test.Kinds/Echo", BytesCodec, bytes("x"))).await.map(drop)
}

/// Quick waits, so that tests need none.
fn impatient() -> BackoffConfig {
    let mut config = BackoffConfig::default();
    config.initial = Duration::from_millis(20);
    config.max = Duration::from_millis(50);
    config
}

#[tokio::test]
async fn nobody_there() {
    let address = free_address().await;
    let error = soon(Channel::connect(address.to_string())).await.unwrap_err();
    let text = format!(
        "failed to connect to all addresses; last error: ipv4:{address}: Connection refused (os error 111) (target: \
         {address})"
    );
    assert_eq!(error.to_string(), text);
    assert!(matches!(error, ConnectError::Unavailable(_)));
    let channel = Channel::builder(address.to_string()).connect_lazy().unwrap();
    assert_eq!(channel.state(false), ConnectivityState::Idle);
    let start = Instant::now();
    let status = echo(&channel).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unavailable, &text[..]));
    assert!(start.elapsed() < Duration::from_secs(5), "fails at once");
    assert_eq!(channel.state(false), ConnectivityState::TransientFailure);
    assert_eq!(echo(&channel).await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn targets_that_make_no_sense() {
    for target in ["", "foo://x", "localhost:99999", "dns://8.8.8.8/x:1"] {
        assert!(matches!(Channel::builder(target).connect_lazy(), Err(ConnectError::Target(_))), "{target}");
    }
    let error = Channel::builder("localhost:1").user_agent("a\r\nb").connect_lazy().unwrap_err();
    assert!(matches!(error, ConnectError::HeaderText { what: "user agent", .. }));
}

#[test]
fn without_a_runtime() {
    assert!(matches!(Channel::builder("localhost:1").connect_lazy(), Err(ConnectError::NoRuntime)));
}

#[tokio::test]
async fn wait_for_ready_waits_and_its_deadline_runs() {
    let address = free_address().await;
    let channel = Channel::builder(address.to_string()).backoff(impatient()).connect_lazy().unwrap();
    let mut request = bytes("");
    request.set_wait_for_ready(true);
    request.set_timeout(Duration::from_millis(100));
    let status = soon(channel.unary("/test.Kinds/Echo", BytesCodec, request)).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(status.message().starts_with("Deadline Exceeded"), "{}", status.message());
    assert!(status.message().contains("Connection refused"), "{}", status.message());

    let mut request = bytes("");
    request.set_wait_for_ready(true);
    let caller = channel.clone();
    let call = tokio::spawn(async move { caller.unary("/test.Kinds/Echo", BytesCodec, request).await });
    assert!(soon(channel.watch_state().reached(ConnectivityState::TransientFailure)).await);
    let server =
        Server::builder().add_service(Kinds { dropped: None }).bind(address).start(Handle::current());
    let _server = server.expect("starts");
    soon(call).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_server_that_goes_and_comes_back() {
    let (server, address) = serve();
    let channel = Channel::builder(address.clone()).backoff(impatient()).connect_lazy().unwrap();
    echo(&channel).await.unwrap();
    let mut watch = channel.watch_state();
    server.shutdown(Some(Duration::ZERO));
    assert!(soon(watch.reached(ConnectivityState::Idle)).await);
    soon(server.terminated()).await;
    assert_eq!(echo(&channel).await.unwrap_err().code(), Code::Unavailable);
    let address: SocketAddr = address.parse().unwrap();
    let server =
        Server::builder().add_service(Kinds { dropped: None }).bind(address).start(Handle::current());
    let _server = server.expect("starts again");
    assert!(soon(watch.reached(ConnectivityState::Ready)).await, "connects by itself");
    echo(&channel).await.unwrap();
}

#[tokio::test]
async fn a_graceful_shutdown_loses_no_call() {
    let (first, address) = serve();
    let channel = soon(Channel::connect(address.clone())).await.unwrap();
    let address: SocketAddr = address.parse().unwrap();
    let stream =
        soon(channel.server_streaming("/test.Kinds/Chunks", BytesCodec, bytes("100"))).await.unwrap();
    let mut stream = stream.into_inner();
    first.shutdown(None);
    let second = Server::builder().add_service(Kinds { dropped: None }).bind(address).reuse_port(true);
    // The port is free once the first has stopped listening; its last call goes on.
    let mut second = Some(second);
    let started = soon(async {
        loop {
            let builder = match second.take() {
                Some(builder) => builder,
                None => Server::builder().add_service(Kinds { dropped: None }).bind(address).reuse_port(true),
            };
            match builder.start(Handle::current()) {
                Ok(server) => return server,
                Err(error) if error.is_address_in_use() => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    })
    .await;
    let mut n = 0;
    while soon(stream.message()).await.unwrap().is_some() {
        n += 1;
        if n % 10 == 0 {
            echo(&channel).await.unwrap();
        }
    }
    assert_eq!(n, 100);
    drop(started);
}

#[tokio::test]
async fn the_first_address_that_works_is_taken() {
    let (_server, address) = serve();
    let dead = free_address().await;
    let channel = soon(Channel::connect(format!("ipv4:{dead},{address}"))).await.unwrap();
    echo(&channel).await.unwrap();
}

#[tokio::test]
async fn a_resolver_of_ones_own() {
    let (_first, address) = serve();
    let resolver = ManualResolver::new();
    let channel = Channel::builder("somewhere:///svc")
        .resolver(Arc::new(resolver.clone()))
        .backoff(impatient())
        .connect_lazy()
        .unwrap();
    let mut hints = resolver.hints();
    resolver.fail("no idea where svc is");
    let status = echo(&channel).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.message(), "no idea where svc is (target: somewhere:///svc)");
    resolver.update(vec![Address::Tcp(free_address().await)]);
    soon(hints.wait_for(|count| *count > 0)).await.expect("asked again");
    resolver.update(vec![Address::Tcp(address.parse().unwrap())]);
    assert!(soon(channel.watch_state().reached(ConnectivityState::Ready)).await);
    echo(&channel).await.unwrap();
}

#[tokio::test]
async fn unix_sockets() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a socket");
    let server =
        Server::builder().add_service(Kinds { dropped: None }).bind(ListenAddr::from(path.as_path()));
    let _server = server.start(Handle::current()).expect("starts");
    for target in [format!("unix:{}", path.display()), format!("unix://{}", path.display())] {
        let channel = Channel::builder(target.replace(' ', "%20")).connect_lazy().unwrap();
        let response = soon(channel.unary("/test.Kinds/Echo", BytesCodec, bytes("x"))).await.unwrap();
        assert_eq!(response.trailers().get("authority").unwrap().as_bytes(), b"localhost");
    }
    let status = echo(&Channel::builder("unix:/nowhere").connect_lazy().unwrap()).await.unwrap_err();
    assert!(status.message().contains("unix:/nowhere: No such file or directory"), "{}", status.message());
}

#[tokio::test]
async fn states_are_seen() {
    let (_server, address) = serve();
    let channel = Channel::builder(address).connect_lazy().unwrap();
    assert_eq!(channel.state(true), ConnectivityState::Idle);
    assert!(soon(channel.watch_state().reached(ConnectivityState::Ready)).await);
    let waiting = channel.wait_for_state_change(ConnectivityState::Ready);
    channel.close();
    assert_eq!(soon(waiting).await, ConnectivityState::Shutdown);
    let status = echo(&channel).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Cancelled, "Channel closed!"));
}

#[tokio::test]
async fn closing_ends_calls_under_way_and_dropping_does_not() {
    let (_server, address) = serve();
    let channel = soon(Channel::connect(address.clone())).await.unwrap();
    let caller = channel.clone();
    let call = tokio::spawn(async move { caller.unary("/test.Kinds/Hang", BytesCodec, bytes("")).await });
    // The call is on its way once a later one is answered.
    echo(&channel).await.unwrap();
    channel.close();
    let status = soon(call).await.unwrap().unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Cancelled, "Channel closed!"));

    let channel = soon(Channel::connect(address)).await.unwrap();
    let stream =
        soon(channel.server_streaming("/test.Kinds/Count", BytesCodec, bytes("5000"))).await.unwrap();
    drop(channel);
    let mut stream = stream.into_inner();
    let mut n = 0;
    while soon(stream.message()).await.unwrap().is_some() {
        n += 1;
    }
    assert_eq!(n, 5000);
}

/// Connects to a server that answers anything with `answer`.
async fn answered_by(answer: &'static [u8]) -> String {
    let (listener, address) = listen().await;
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 1024];
        let _ = socket.read(&mut buffer).await;
        let _ = socket.write_all(answer).await;
        if !answer.is_empty() {
            // Until the client hangs up.
            while matches!(socket.read(&mut buffer).await, Ok(1..)) {}
        }
    });
    let error = soon(Channel::connect(address)).await.unwrap_err();
    soon(server).await.unwrap();
    error.to_string()
}

#[tokio::test]
async fn servers_that_are_none() {
    let cases: [(&[u8], &str); 4] = [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP/1.1"),
        (b"\x15\x03\x01\x00\x02\x02\x46\x00\x00\x00", "the port expects TLS"),
        (b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n", "SSH-2.0-OpenSSH"),
        (b"", "closed the connection before it sent HTTP/2 SETTINGS"),
    ];
    for (answer, part) in cases {
        let text = answered_by(answer).await;
        assert!(
            text.starts_with("failed to connect to all addresses; last error: ipv4:127.0.0.1:"),
            "{text}"
        );
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing() {
    let (listener, address) = listen().await;
    let channel = Channel::builder(address).connect_timeout(Duration::from_millis(100));
    let mut backoff = impatient();
    backoff.min_connect_timeout = Duration::from_millis(100);
    let error = soon(channel.backoff(backoff).connect()).await.unwrap_err();
    assert!(error.to_string().contains("connection attempt timed out after 0.1 s"), "{error}");
    drop(listener);
}

/// A server in the same process, without a socket.
#[tokio::test]
async fn connections_over_streams_of_the_programs_own() {
    let server = Server::builder()
        .add_service(Kinds { dropped: None })
        .start(Handle::current())
        .expect("a server without an address starts");
    let at_server = server.clone();
    let connect = move |address: &Address| -> Connecting {
        assert_eq!(address.to_string(), "anything at all");
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        assert!(at_server.serve_connection(theirs, PeerAddr::Named("within".into())));
        Box::pin(async { Ok(Box::new(ours) as Box<dyn ByteStream>) })
    };
    let named = vec![Address::Named("anything at all".into())];
    let channel = Channel::builder("test:///")
        .resolver(Arc::new(FixedResolver::new(named)))
        .connector(connect)
        .connect_lazy()
        .expect("a usable target");
    let answer = soon(channel.unary("/test.Kinds/Echo", BytesCodec, bytes("hello"))).await.expect("answered");
    assert_eq!(&answer.into_inner()[..], b"hello");
    let large =
        soon(channel.unary("/test.Kinds/Size", BytesCodec, bytes("3000000"))).await.expect("answered");
    assert_eq!(large.get_ref().len(), 3_000_000);
    assert_eq!(server.connections(), 1);
    server.shutdown(None);
    soon(server.terminated()).await;
}

/// Takes bytes at once, as TLS does, and passes them on only with the second flush; the first asks to come again.
struct Reluctant {
    inner: DuplexStream,
    held: Vec<u8>,
    asked: bool,
}

impl AsyncRead for Reluctant {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Reluctant {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.held.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.held.is_empty() {
            return Poll::Ready(Ok(()));
        }
        if !std::mem::replace(&mut this.asked, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        while !this.held.is_empty() {
            let sent = ready!(Pin::new(&mut this.inner).poll_write(cx, &this.held))?;
            this.held.drain(..sent);
        }
        this.asked = false;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// What is written last must not stay in the stream: with TLS and a full socket, both sides once waited for ever.
#[tokio::test]
async fn a_flush_that_could_not_end_goes_on() {
    let (server, _) = serve();
    let connect = move |_: &Address| -> Connecting {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let reluctant = |inner| Reluctant { inner, held: Vec::new(), asked: false };
        assert!(server.serve_connection(reluctant(theirs), PeerAddr::Named("within".into())));
        Box::pin(async move { Ok(Box::new(reluctant(ours)) as Box<dyn ByteStream>) })
    };
    let channel = Channel::builder("ipv4:127.0.0.1:1").connector(connect).connect_lazy().expect("a target");
    for size in ["1", "3000000"] {
        let answer =
            soon(channel.unary("/test.Kinds/Size", BytesCodec, bytes(size))).await.expect("answered");
        assert_eq!(answer.get_ref().len().to_string(), size);
    }
}

/// A name is not looked up anywhere by a channel that has no connector of its own.
#[tokio::test]
async fn a_named_address_needs_a_connector() {
    let resolver = Arc::new(FixedResolver::new(vec![Address::Named("somewhere".into())]));
    let channel = Channel::builder("test:///").resolver(resolver).connect_lazy().expect("a usable target");
    let status =
        soon(channel.unary("/test.Kinds/Echo", BytesCodec, bytes(""))).await.expect_err("nowhere to go");
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("\"somewhere\" is a name for a connector"), "{status}");
}
