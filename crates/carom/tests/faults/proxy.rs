//! A TCP proxy that does to connections what networks do, by a seed.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Where connections are led to, if the server is there.
pub(crate) type Upstream = Arc<Mutex<Option<SocketAddr>>>;

/// Leads connections of `listener` to the upstream until it is dropped. Everything it started ends with it.
pub(crate) async fn run(listener: TcpListener, upstream: Upstream, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { continue };
                let target = *upstream.lock().unwrap();
                let fate = random.fork();
                if let Some(target) = target {
                    connections.spawn(lead(client, target, fate));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn lead(client: TcpStream, target: SocketAddr, mut random: fastrand::Rng) {
    let Ok(server) = TcpStream::connect(target).await else { return };
    // Without this the end of a connection would never be a reset.
    if random.bool() {
        let _ = client.set_zero_linger();
        let _ = server.set_zero_linger();
    }
    let life = Duration::from_millis(random.u64(20..400));
    let black_hole = random.u8(0..4) == 0;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let (up, down) = (random.fork(), random.fork());
    let both = async { tokio::join!(pump(from_client, to_server, up), pump(from_server, to_client, down),) };
    let mut both = std::pin::pin!(both);
    if tokio::time::timeout(life, both.as_mut()).await.is_err() && black_hole {
        // Nothing goes through any more, and nobody is told.
        tokio::time::sleep(Duration::from_millis(random.u64(50..300))).await;
    }
}

/// Hands bytes on in pieces, some of them late.
async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut random: fastrand::Rng) {
    let mut buffer = vec![0; 2048];
    loop {
        let most = random.usize(1..=buffer.len());
        let Ok(n @ 1..) = from.read(&mut buffer[..most]).await else { return };
        if random.u8(0..8) == 0 {
            tokio::time::sleep(Duration::from_millis(random.u64(0..8))).await;
        }
        let cut = random.usize(0..=n);
        for piece in [&buffer[..cut], &buffer[cut..n]] {
            if to.write_all(piece).await.is_err() {
                return;
            }
        }
    }
}
