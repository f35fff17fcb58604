//! What is no gRPC call: other methods and content types, other protocols, garbage. Each is closed or refused with a
//! reason in the log, and the server goes on.

mod support;

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use carom::codec::BytesCodec;
use carom::server::Method;
use carom::{Code, Request, Response};
use carom_wire::frame::PREFACE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

use support::{Client, serve, soon};

fn echo() -> Method {
    Method::unary("Echo", BytesCodec, |request: Request<Bytes>| async move {
        Ok(Response::new(request.into_inner()))
    })
}

/// Keeps what is logged at WARN, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!("{}={value:?} ", field.name()));
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Sends bytes, and returns what came back before the server closed.
async fn send_raw(addr: SocketAddr, bytes: &[u8]) -> (Vec<u8>, SocketAddr) {
    soon(async {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        let local = stream.local_addr().unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut got = Vec::new();
        // A reset is an end too.
        let _ = stream.read_to_end(&mut got).await;
        (got, local)
    })
    .await
}

#[tokio::test]
async fn other_protocols_are_closed_with_a_reason() {
    let log = Log::default();
    let _logging = tracing::subscriber::set_default(log.clone());
    let (_server, addr) = serve(vec![echo()]);
    let tls_hello = [
        0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0,
    ];
    let cases: [(&[u8], &str); 3] = [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1"),
        (&tls_hello, "TLS"),
        (&[0xa5; 64], "unknown bytes"),
    ];
    for (bytes, named) in cases {
        log.0.lock().unwrap().clear();
        let (_, local) = send_raw(addr, bytes).await;
        let lines = soon(async {
            loop {
                let lines = log.0.lock().unwrap().clone();
                if !lines.is_empty() {
                    return lines;
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains(named) && lines[0].contains(&local.to_string()), "{named}: {lines:?}");
    }
    assert_eq!(Client::connect(addr).await.unary("Echo", b"x").await.status.code(), Code::Ok);
}

#[tokio::test]
async fn broken_http2_ends_its_connection_with_goaway() {
    let (_server, addr) = serve(vec![echo()]);
    // SETTINGS, then DATA on a stream that nobody opened; then SETTINGS on a stream.
    for broken in [&b"\0\0\x04\0\0\0\0\0\x01abcd"[..], b"\0\0\0\x04\0\0\0\0\x01"] {
        let bytes = [&PREFACE[..], b"\0\0\0\x04\0\0\0\0\0", broken].concat();
        let (got, _) = send_raw(addr, &bytes).await;
        // The last frame is GOAWAY (type 7) with PROTOCOL_ERROR (1).
        let goaway = got.windows(4).rposition(|window| window == [7, 0, 0, 0]).expect("no GOAWAY");
        assert_eq!(got[goaway + 10..goaway + 14], [0, 0, 0, 1], "{got:?}");
    }
    assert_eq!(Client::connect(addr).await.unary("Echo", b"x").await.status.code(), Code::Ok);
}

#[tokio::test]
async fn half_a_preface_is_waited_for() {
    let (_server, addr) = serve(vec![echo()]);
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(&PREFACE[..10]).await.unwrap();
    // The server's SETTINGS come meanwhile.
    let mut head = [0; 9];
    soon(stream.read_exact(&mut head)).await.unwrap();
    assert_eq!(head[3], 4);
    drop(stream);
    assert_eq!(Client::connect(addr).await.unary("Echo", b"x").await.status.code(), Code::Ok);
}

#[tokio::test]
async fn a_silent_connection_is_closed_in_time() {
    let builder = carom::server::Server::builder()
        .add_service(support::TestService(vec![echo()]))
        .handshake_timeout(std::time::Duration::from_millis(50));
    let (_server, addr) = support::start(builder);
    send_raw(addr, b"").await;
    send_raw(addr, &PREFACE[..20]).await;
    assert_eq!(Client::connect(addr).await.unary("Echo", b"x").await.status.code(), Code::Ok);
}

/// A request's head as literal fields without indexing (RFC 7541 §6.2.2).
fn head(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        block.push(name.len() as u8);
        block.extend_from_slice(name.as_bytes());
        block.push(value.len() as u8);
        block.extend_from_slice(value.as_bytes());
    }
    block
}

#[tokio::test]
async fn requests_that_are_not_grpc_get_an_http_status() {
    let (_server, addr) = serve(vec![echo()]);
    let cases = [
        ("GET", "application/grpc", "405"),
        ("POST", "application/json", "415"),
        ("POST", "application/grpc-web", "415"),
    ];
    for (method, content_type, status) in cases {
        let block = head(&[
            (":method", method),
            (":scheme", "http"),
            (":path", "/test.Test/Echo"),
            (":authority", "x"),
            ("content-type", content_type),
        ]);
        let mut bytes = [&PREFACE[..], b"\0\0\0\x04\0\0\0\0\0"].concat();
        bytes.extend_from_slice(&[0, 0, block.len() as u8, 1, 5, 0, 0, 0, 1]);
        bytes.extend_from_slice(&block);
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        let mut got = Vec::new();
        let answer = soon(async {
            loop {
                if let Some(answer) = answer_head(&got) {
                    return answer;
                }
                assert_ne!(stream.read_buf(&mut got).await.unwrap(), 0, "closed");
            }
        })
        .await;
        assert_eq!(answer, status, "{method} {content_type}");
    }
}

/// The `:status` of the first HEADERS frame.
fn answer_head(mut bytes: &[u8]) -> Option<String> {
    loop {
        let len = usize::from(*bytes.get(1)?) << 8 | usize::from(*bytes.get(2)?);
        let payload = bytes.get(9..9 + len)?;
        if bytes[3] == 1 {
            let block = carom_wire::hpack::Decoder::new(4096, 16384).decode(payload).unwrap();
            return Some(String::from_utf8(block.get(b":status").unwrap().to_vec()).unwrap());
        }
        bytes = &bytes[9 + len..];
    }
}
