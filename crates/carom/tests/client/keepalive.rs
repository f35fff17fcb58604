//! A channel's keepalive against a server that polices pings (gRFC A8), in a clock that moves while nobody works.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use carom::client::{Channel, ConnectivityState};
use carom::server::{Keepalive, PingPolicy, Server};
use carom::transport::{Address, ByteStream, Connecting, PeerAddr};
use tokio::time::Instant;

use crate::support::{Kinds, bytes};

#[tokio::test(start_paused = true)]
async fn a_channel_pings_half_as_often_when_it_was_too_often() {
    let policy =
        PingPolicy { min_interval: Duration::from_secs(60), without_calls: true, ..PingPolicy::default() };
    let server = Server::builder()
        .ping_policy(policy)
        .add_service(Kinds { dropped: None })
        .start(tokio::runtime::Handle::current())
        .unwrap();
    let dialled = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&dialled);
    let connect = move |_: &Address| -> Connecting {
        log.lock().unwrap().push(Instant::now());
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        server.serve_connection(theirs, PeerAddr::Named("channel".into()));
        Box::pin(async { Ok(Box::new(ours) as Box<dyn ByteStream>) })
    };
    // One second is less than a channel does.
    let keepalive =
        Keepalive { interval: Duration::from_secs(1), timeout: Duration::from_secs(5), without_calls: true };
    let channel = Channel::builder("ipv4:127.0.0.1:1")
        .connector(connect)
        .with_http2(|config| config.keepalive = Some(keepalive))
        .connect()
        .await
        .unwrap();
    let begun = Instant::now();
    let mut watch = channel.watch_state();
    while begun.elapsed() < Duration::from_secs(3600) {
        let state = channel.state(true);
        let _ = tokio::time::timeout(Duration::from_secs(3600), watch.changed_from(state)).await;
    }
    // Every 10, 20 and 40 s is too often: the first ping is free, two are forgiven, the fourth ends the connection.
    let dialled = dialled.lock().unwrap().clone();
    let lived: Vec<_> = dialled.windows(2).map(|pair| (pair[1] - pair[0]).as_secs()).collect();
    assert_eq!(lived, [40, 80, 160], "and every 80 s is not");
    assert_eq!(channel.state(false), ConnectivityState::Ready);
    channel.unary("/test.Kinds/Echo", carom::codec::BytesCodec, bytes("x")).await.unwrap();
}
