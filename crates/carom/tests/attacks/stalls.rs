//! Peers that are slow: windows that stay shut, sockets that are not read, prefaces, handshakes and header blocks that
//! come byte by byte.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use carom::credentials::{Identity, ServerTlsConfig};
use carom::server::Server;
use carom::transport::PeerAddr;
use carom_wire::frame::{ErrorCode, PREFACE, flag, kind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Handle;

use crate::attacker::{Attacker, Ears, message, request, settings_payload};
use crate::siege::{Bounds, KIB, Ledger, MIB, Methods, Siege, soon};

/// As many calls as a connection may have.
const CALLS: usize = 200;
/// `max_send_buffer` and the message that goes beyond it, for each call.
const BUFFERED: usize = CALLS * (64 + 16 + 16) * KIB;
const HELD_BACK: Bounds = Bounds { memory: BUFFERED, cpu: Duration::from_secs(4) };
/// More than enough for a connection to be closed that was given a fifth of a second.
const IN_TIME: Duration = Duration::from_secs(8);

async fn begin_flows(siege: &Siege, attacker: &mut Attacker) {
    for _ in 0..CALLS {
        attacker.call("Flow", b"").await;
    }
    soon(async {
        while siege.ledger.begun() < CALLS {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn windows_that_stay_shut() {
    let siege = Siege::begin().await;
    let mut attacker = Attacker::greeting(siege.addr, &[(4, 0)], Ears::Open).await;
    begin_flows(&siege, &mut attacker).await;
    siege.quiet(Duration::from_millis(300)).await;
    // The handlers are asked for nothing beyond the send buffer.
    assert!((1..=CALLS * 5).contains(&siege.ledger.produced()), "{} messages", siege.ledger.produced());
    assert_eq!(attacker.seen().data, 0);
    siege.hold(&HELD_BACK).await;
    // They were held back, not dead: an open window gets all of it moving.
    attacker.frame(kind::SETTINGS, 0, 0, &settings_payload(&[(4, 1000)])).await;
    attacker.until(|seen| seen.data >= 60_000).await;
    drop(attacker);
    siege.end(&HELD_BACK).await;
}

#[tokio::test]
async fn a_socket_that_is_not_read() {
    let siege = Siege::begin().await;
    let mut attacker = Attacker::greeting(siege.addr, &[(4, 0x7fff_ffff)], Ears::Shut).await;
    attacker.frame(kind::WINDOW_UPDATE, 0, 0, &(0x7fff_ffff_u32 - 65_535).to_be_bytes()).await;
    begin_flows(&siege, &mut attacker).await;
    // The kernel takes some megabytes first.
    let mut produced = 0;
    soon(async {
        while produced != siege.ledger.produced() {
            produced = siege.ledger.produced();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
    .await;
    siege.quiet(Duration::from_millis(300)).await;
    assert_eq!(siege.ledger.produced(), produced, "the handlers are held back");
    drop(attacker);
    siege.end(&HELD_BACK).await;
}

/// Under a clock of the test's own: 60 s without any progress are the end.
#[tokio::test(start_paused = true)]
async fn a_connection_that_takes_nothing_is_closed() {
    let ledger = Arc::new(Ledger::default());
    let server =
        Server::builder().add_service(Methods(Arc::clone(&ledger))).start(Handle::current()).unwrap();
    let (ours, theirs) = tokio::io::duplex(16 * KIB);
    assert!(server.serve_connection(theirs, PeerAddr::Unix(None)));
    let mut attacker = Attacker::over(ours, Ears::Shut);
    attacker.greet(&[]).await;
    attacker.call("Flow", b"").await;
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!((server.connections(), ledger.running()), (1, 1));
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!((server.connections(), ledger.running()), (0, 0));
}

/// A reader that rests is not one that takes nothing: its windows are shut, and its system takes what the rest is sent.
#[tokio::test(start_paused = true)]
async fn a_reader_may_rest_for_an_hour() {
    let ledger = Arc::new(Ledger::default());
    let server =
        Server::builder().add_service(Methods(Arc::clone(&ledger))).start(Handle::current()).unwrap();
    let (ours, theirs) = tokio::io::duplex(16 * KIB);
    assert!(server.serve_connection(theirs, PeerAddr::Unix(None)));
    let mut client = Attacker::over(ours, Ears::Open);
    client.greet(&[(4, 0)]).await;
    let resting = client.call("Flow", b"").await;
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let other = client.call("Say", b"still here").await;
        assert_eq!(client.outcome(other).await, "13");
    }
    assert_eq!(client.seen().reset(resting), None);
    assert_eq!((server.connections(), ledger.running()), (1, 1));
    client.frame(kind::WINDOW_UPDATE, 0, resting, &60_000_u32.to_be_bytes()).await;
    client.until(|seen| seen.data >= 60_000).await;
    assert_eq!(client.seen().data, 60_000);
}

/// Sends `bytes` one at a time. Whether the other side closed before all was sent.
async fn drip(addr: SocketAddr, bytes: &[u8]) -> bool {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let mut scrap = [0; 1024];
    for byte in bytes {
        if stream.write_all(&[*byte]).await.is_err() {
            return true;
        }
        let pause = tokio::time::sleep(Duration::from_millis(50));
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => break,
                read = stream.read(&mut scrap) => if !matches!(read, Ok(1..)) { return true },
            }
        }
    }
    false
}

async fn drip_many(addr: SocketAddr, bytes: Vec<u8>) {
    let dripping: Vec<_> = (0..50)
        .map(|_| {
            let bytes = bytes.clone();
            tokio::spawn(async move { drip(addr, &bytes).await })
        })
        .collect();
    for closed in dripping {
        assert!(tokio::time::timeout(IN_TIME, closed).await.expect("closed in time").unwrap());
    }
}

const SLOW: Bounds = Bounds { memory: 2 * MIB, cpu: Duration::from_secs(3) };

#[tokio::test]
async fn slow_prefaces() {
    let siege = Siege::against(|builder| builder.handshake_timeout(Duration::from_millis(200))).await;
    // The preface; and a first frame that does not come to its end.
    drip_many(siege.addr, [&PREFACE[..], &[0; 300]].concat()).await;
    siege.hold(&SLOW).await;
    let settings = [&[0, 0x27, 0x10, kind::SETTINGS, 0, 0, 0, 0, 0][..], &[0; 300]].concat();
    drip_many(siege.addr, [&PREFACE[..], &settings].concat()).await;
    siege.end(&SLOW).await;
}

#[tokio::test]
async fn slow_tls_handshakes() {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let identity = Identity::from_pem(key.cert.pem(), key.signing_key.serialize_pem());
    let tls = ServerTlsConfig::new(identity);
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let siege =
        Siege::against(|builder| builder.handshake_timeout(Duration::from_millis(200)).bind_tls(any, tls))
            .await;
    let addr = siege.server.local_addrs()[1].socket_addr().unwrap();
    // The head of a record that holds a ClientHello of 8,000 bytes, and its beginning.
    let hello = [&[0x16, 3, 1, 0x1f, 0x40, 1, 0, 0x1f, 0x3c, 3, 3][..], &[7; 300]].concat();
    drip_many(addr, hello).await;
    siege.end(&SLOW).await;
}

#[tokio::test]
async fn slow_header_blocks() {
    let siege = Siege::against(|builder| builder.handshake_timeout(Duration::from_millis(200))).await;
    let mut attacker = Attacker::connect(siege.addr).await;
    attacker.frame(kind::HEADERS, 0, 1, &request("Hang")).await;
    let begun = tokio::time::Instant::now();
    // Fewer CONTINUATION frames than are allowed.
    for _ in 0..40 {
        attacker.frame(kind::CONTINUATION, 0, 1, &[0]).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        if attacker.seen().ended {
            break;
        }
    }
    assert_eq!(attacker.ended().await, Some(ErrorCode::ENHANCE_YOUR_CALM));
    assert!(begun.elapsed() < IN_TIME);
    siege.end(&SLOW).await;
}

/// Messages that come byte by byte are legal; they cost a stream each and no more.
#[tokio::test]
async fn messages_that_come_slowly() {
    let siege = Siege::begin().await;
    let mut attacker = Attacker::connect(siege.addr).await;
    let data = message(0, &[1; 1000]);
    for _ in 0..CALLS {
        let stream = attacker.open("Sum").await;
        attacker.frame(kind::DATA, 0, stream, &data[..3]).await;
    }
    let refused = attacker.next_stream();
    attacker.frame(kind::HEADERS, flag::END_HEADERS, refused, &request("Sum")).await;
    assert_eq!(attacker.outcome(refused).await, ErrorCode::REFUSED_STREAM.to_string());
    siege.quiet(Duration::from_millis(200)).await;
    drop(attacker);
    siege.end(&SLOW).await;
}
