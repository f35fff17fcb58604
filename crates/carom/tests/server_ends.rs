//! How calls end before their answer: deadlines, cancellation, lost connections; and how a slow reader holds back a fast
//! writer.

mod support;

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use carom::codec::BytesCodec;
use carom::server::Method;
use carom::{Cancellation, Cancelled, Code, Request, Response, Status, Streaming};
use carom_wire::conn::Config;
use carom_wire::frame::ErrorCode;
use futures_util::stream;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use support::{Client, Head, drop_signal, serve, soon};

/// A place for the receiving end of a handler's drop signal, and a handler that never answers.
fn stuck(name: &'static str) -> (Method, Arc<Mutex<Option<oneshot::Receiver<()>>>>) {
    let dropped = Arc::new(Mutex::new(None));
    let place = Arc::clone(&dropped);
    let method = Method::unary(name, BytesCodec, move |_: Request<Bytes>| {
        let (signal, receiver) = drop_signal();
        *place.lock().unwrap() = Some(receiver);
        async move {
            let _signal = signal;
            pending::<Result<Response<Bytes>, Status>>().await
        }
    });
    (method, dropped)
}

fn with_timeout(millis: u64) -> Head {
    Head { timeout: Some(Duration::from_millis(millis)), ..Head::default() }
}

#[tokio::test]
async fn a_deadline_ends_handler_and_call() {
    let (method, dropped) = stuck("Stuck");
    let (_server, addr) = serve(vec![method]);
    let mut client = Client::connect(addr).await;
    let begun = Instant::now();
    let key = client.open("Stuck", with_timeout(50));
    client.send(key, b"", true);
    let reply = client.reply(key).await;
    assert_eq!(reply.status.code(), Code::DeadlineExceeded);
    assert!(begun.elapsed() >= Duration::from_millis(50));
    let dropped = dropped.lock().unwrap().take().unwrap();
    soon(dropped).await.unwrap();
}

#[tokio::test]
async fn a_deadline_ends_a_call_whose_request_never_comes() {
    let (method, _) = stuck("Stuck");
    let (_server, addr) = serve(vec![method]);
    let mut client = Client::connect(addr).await;
    let key = client.open("Stuck", with_timeout(30));
    assert_eq!(client.reply(key).await.status.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_deadline_ends_a_response_stream() {
    let (signal, dropped) = drop_signal();
    let signal = Mutex::new(Some(signal));
    let method = Method::server_streaming("Drip", BytesCodec, move |_: Request<Bytes>| {
        let signal = signal.lock().unwrap().take();
        async move {
            Ok(Response::new(stream::unfold(signal, |signal| async {
                tokio::time::sleep(Duration::from_millis(5)).await;
                Some((Ok(Bytes::from_static(b"drop")), signal))
            })))
        }
    });
    let (_server, addr) = serve(vec![method]);
    let mut client = Client::connect(addr).await;
    let key = client.open("Drip", with_timeout(100));
    client.send(key, b"", true);
    let reply = client.reply(key).await;
    assert!(!reply.messages.is_empty());
    assert_eq!(reply.status.code(), Code::DeadlineExceeded);
    soon(dropped).await.unwrap();
}

#[tokio::test]
async fn many_deadlines_pass_in_order() {
    let (method, _) = stuck("Stuck");
    let (_server, addr) = serve(vec![method]);
    let mut client = Client::connect(addr).await;
    let keys: Vec<_> = (0..100)
        .map(|n| {
            let key = client.open("Stuck", with_timeout(10 + (n * 37) % 100));
            client.send(key, b"", true);
            key
        })
        .collect();
    for key in keys {
        assert_eq!(client.reply(key).await.status.code(), Code::DeadlineExceeded);
    }
}

#[tokio::test]
async fn a_cancelled_call_drops_its_handler_and_no_other() {
    let (method, dropped) = stuck("Stuck");
    let (_server, addr) = serve(vec![
        method,
        Method::unary("Echo", BytesCodec, |request: Request<Bytes>| async move {
            Ok(Response::new(request.into_inner()))
        }),
    ]);
    let mut client = Client::connect(addr).await;
    let key = client.open("Stuck", Head::default());
    client.send(key, b"", true);
    // Answered after the first call has begun.
    client.unary("Echo", b"").await;
    let mut dropped = dropped.lock().unwrap().take().unwrap();
    assert!(dropped.try_recv().is_err());
    client.http().reset(key, ErrorCode::CANCEL);
    client.unary("Echo", b"").await;
    soon(dropped).await.unwrap();
}

/// A handler that hands its cancellation out and, if `stay`, does not answer.
fn watched(stay: bool) -> (Method, Arc<Mutex<Option<Cancellation>>>) {
    let place = Arc::new(Mutex::new(None));
    let handed = Arc::clone(&place);
    let method = Method::unary("Watched", BytesCodec, move |request: Request<Bytes>| {
        *handed.lock().unwrap() = Some(request.cancelled());
        async move {
            if stay {
                pending::<()>().await;
            }
            Ok(Response::new(Bytes::new()))
        }
    });
    (method, place)
}

#[tokio::test]
async fn work_elsewhere_hears_how_its_call_ended() {
    // By the peer.
    let (method, place) = watched(true);
    let (_server, addr) = serve(vec![method]);
    let mut client = Client::connect(addr).await;
    let key = client.open("Watched", Head::default());
    client.send(key, b"", true);
    let cancellation = until_some(&mut client, &place).await;
    assert_eq!(cancellation.reason(), None);
    client.http().reset(key, ErrorCode::CANCEL);
    client.flush().await;
    assert_eq!(soon(cancellation).await, Cancelled::ByPeer);
    // By its deadline.
    let key = client.open("Watched", with_timeout(20));
    client.send(key, b"", true);
    let cancellation = until_some(&mut client, &place).await;
    assert_eq!(soon(cancellation).await, Cancelled::DeadlineExceeded);
    // By the loss of the connection.
    let key = client.open("Watched", Head::default());
    client.send(key, b"", true);
    let cancellation = until_some(&mut client, &place).await;
    drop(client);
    assert_eq!(soon(cancellation).await, Cancelled::ConnectionLost);
    // In good order.
    let (method, place) = watched(false);
    let (_server, addr) = serve(vec![method]);
    let mut client = Client::connect(addr).await;
    client.unary("Watched", b"").await;
    let cancellation = place.lock().unwrap().take().unwrap();
    assert_eq!(soon(cancellation).await, Cancelled::Finished);
}

/// Drives the client until the handler has put something in place.
async fn until_some<T>(client: &mut Client, place: &Mutex<Option<T>>) -> T {
    soon(async {
        loop {
            client.flush().await;
            if let Some(value) = place.lock().unwrap().take() {
                return value;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

#[tokio::test]
async fn a_lost_connection_drops_handlers_and_ends_streams() {
    let (method, dropped) = stuck("Stuck");
    let (ended, how) = oneshot::channel();
    let ended = Mutex::new(Some(ended));
    let collect =
        Method::client_streaming("Collect", BytesCodec, move |request: Request<Streaming<Bytes>>| {
            let ended = ended.lock().unwrap().take().unwrap();
            async move {
                // Read on another task, which is not dropped with the handler.
                let mut messages = request.into_inner();
                tokio::spawn(async move {
                    let _ = ended.send(loop {
                        match messages.message().await {
                            Ok(Some(_)) => {}
                            end => break end,
                        }
                    });
                });
                pending::<Result<Response<Bytes>, Status>>().await
            }
        });
    let (_server, addr) = serve(vec![method, collect]);
    let mut client = Client::connect(addr).await;
    let stuck = client.open("Stuck", Head::default());
    client.send(stuck, b"", true);
    let collecting = client.open("Collect", Head::default());
    client.send(collecting, b"one", false);
    let dropped = until_some(&mut client, &dropped).await;
    drop(client);
    soon(dropped).await.unwrap();
    assert_eq!(soon(how).await.unwrap().unwrap_err().code(), Code::Cancelled);
}

#[tokio::test]
async fn a_response_stream_waits_for_its_reader() {
    const PIECE: usize = 16 * 1024;
    let made = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&made);
    let method = Method::server_streaming("Pour", BytesCodec, move |_: Request<Bytes>| {
        let counter = Arc::clone(&counter);
        async move {
            Ok(Response::new(stream::iter((0..1000).map(move |_| {
                counter.fetch_add(1, Ordering::Relaxed);
                Ok(Bytes::from(vec![7; PIECE]))
            }))))
        }
    });
    let echo = Method::unary("Echo", BytesCodec, |request: Request<Bytes>| async move {
        Ok(Response::new(request.into_inner()))
    });
    let (_server, addr) = serve(vec![method, echo]);
    let window = 64 * 1024;
    let config = Config::default().with(|config| {
        config.initial_stream_window = window;
        config.max_window = window;
    });
    let mut client = Client::configured(TcpStream::connect(addr).await.unwrap(), config);
    client.reads = false;
    let key = client.open("Pour", Head::default());
    client.send(key, b"", true);
    // The stream fills its window and the server's send buffer, and no more, while other calls go on.
    for _ in 0..50 {
        client.unary("Echo", b"x").await;
    }
    let bound = (window as usize + Config::default().max_send_buffer) / PIECE + 2;
    let stalled = made.load(Ordering::Relaxed);
    assert!(stalled >= 4 && stalled <= bound, "{stalled} messages were made, at most {bound} may be");

    client.reads = true;
    client.http().release(key, window as usize);
    let reply = client.reply(key).await;
    assert_eq!(reply.status.code(), Code::Ok);
    assert_eq!(reply.messages.len(), 1000);
}

#[tokio::test]
async fn a_request_stream_waits_for_its_reader() {
    let (go, wait) = oneshot::channel::<()>();
    let wait = Mutex::new(Some(wait));
    let method = Method::client_streaming("Drain", BytesCodec, move |request: Request<Streaming<Bytes>>| {
        let wait = wait.lock().unwrap().take().unwrap();
        async move {
            wait.await.unwrap();
            let mut messages = request.into_inner();
            let mut bytes = 0u64;
            while let Some(message) = messages.message().await? {
                bytes += message.len() as u64;
            }
            Ok(Response::new(Bytes::copy_from_slice(&bytes.to_be_bytes())))
        }
    });
    let echo = Method::unary("Echo", BytesCodec, |request: Request<Bytes>| async move {
        Ok(Response::new(request.into_inner()))
    });
    let (_server, addr) = serve(vec![method, echo]);
    let mut client = Client::connect(addr).await;
    let key = client.open("Drain", Head::default());
    for _ in 0..256 {
        client.send(key, &[1; 16 * 1024], false);
    }
    client.half_close(key);
    for _ in 0..20 {
        client.unary("Echo", b"x").await;
    }
    let waiting = client.http().send_buffered(key);
    assert!(waiting > 2 << 20, "the server took 4 MiB that nobody read ({waiting} bytes are left)");
    go.send(()).unwrap();
    let reply = client.reply(key).await;
    assert_eq!(reply.status.code(), Code::Ok, "{}", reply.status);
    assert_eq!(&reply.messages[0].payload[..], (256u64 * 16 * 1024).to_be_bytes());
}

#[tokio::test]
async fn a_handler_may_answer_before_the_request_ends() {
    let method =
        Method::client_streaming("First", BytesCodec, |request: Request<Streaming<Bytes>>| async move {
            let first = request.into_inner().message().await?.unwrap();
            Ok(Response::new(first))
        });
    let (_server, addr) = serve(vec![method]);
    let mut client = Client::connect(addr).await;
    let key = client.open("First", Head::default());
    client.send(key, b"one", false);
    let reply = client.reply(key).await;
    assert_eq!((reply.status.code(), reply.messages[0].payload.as_ref()), (Code::Ok, &b"one"[..]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_elsewhere_ends_with_its_call() {
    let dropped = Arc::new(Mutex::new(None));
    let place = Arc::clone(&dropped);
    let method = Method::unary("Stuck", BytesCodec, move |_: Request<Bytes>| {
        let (signal, receiver) = drop_signal();
        *place.lock().unwrap() = Some(receiver);
        async move {
            let _signal = signal;
            pending::<Result<Response<Bytes>, Status>>().await
        }
    });
    for method in [method.clone().spawned(), method.blocking()] {
        let (_server, addr) = serve(vec![method]);
        let mut client = Client::connect(addr).await;
        let key = client.open("Stuck", Head::default());
        client.send(key, b"", true);
        let signal = until_some(&mut client, &dropped).await;
        client.http().reset(key, ErrorCode::CANCEL);
        client.flush().await;
        soon(signal).await.unwrap();
    }
}
