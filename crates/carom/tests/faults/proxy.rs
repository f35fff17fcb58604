//! A TCP proxy with a bad day: it delays, cuts into slices, resets, and swallows, each connection by a script that
//! follows from the seed.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fastrand::Rng;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

pub(crate) struct Proxy {
    pub(crate) addr: SocketAddr,
    accepting: JoinHandle<()>,
}

/// What one connection has to bear.
#[derive(Clone, Copy)]
struct Script {
    /// For each slice, either way.
    delay: Duration,
    /// The longest slice in bytes.
    slice: usize,
    fate: Fate,
}

#[derive(Clone, Copy)]
enum Fate {
    /// Ends when one of the two ends it.
    Kind,
    /// Reset, both ways, after so many bytes.
    Reset { after: usize },
    /// After so many bytes nothing gets through any more; a while later it is reset.
    Blackhole { after: usize, lasts: Duration },
    /// Refused before a byte has passed.
    Refused,
}

impl Script {
    fn write(rng: &mut Rng) -> Self {
        // Small numbers are as common as large ones: the handshake and the first calls are worth hitting.
        let (most, longest) = (1 << rng.u32(4..20), 1 << rng.u32(..16));
        let after = rng.usize(..most);
        let fate = match rng.u32(..10) {
            0..3 => Fate::Kind,
            3..7 => Fate::Reset { after },
            7..9 => Fate::Blackhole { after, lasts: Duration::from_millis(rng.u64(..600)) },
            _ => Fate::Refused,
        };
        let delay = if rng.bool() { Duration::ZERO } else { Duration::from_micros(rng.u64(..3_000)) };
        Self { delay, slice: rng.usize(1..=longest), fate }
    }
}

impl Proxy {
    /// A proxy before `server`.
    pub(crate) async fn start(server: SocketAddr, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            for number in 0.. {
                let Ok((client, _)) = listener.accept().await else { break };
                while connections.try_join_next().is_some() {}
                let script = Script::write(&mut Rng::with_seed(seed.wrapping_mul(1_000_003) + number));
                connections.spawn(carry(client, server, script));
            }
        });
        Self { addr, accepting }
    }

    /// Ends all connections.
    pub(crate) async fn stop(self) {
        self.accepting.abort();
        let _ = self.accepting.await;
    }
}

/// Carries bytes both ways until the script, or one of the two, has had enough.
async fn carry(mut client: TcpStream, server: SocketAddr, script: Script) {
    let limit = match script.fate {
        Fate::Refused => return reset(&client),
        Fate::Kind => usize::MAX,
        Fate::Reset { after } | Fate::Blackhole { after, .. } => after,
    };
    let Ok(mut server) = TcpStream::connect(server).await else { return reset(&client) };
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
    }
    let carried = AtomicUsize::new(0);
    let ended = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let up = pump(from_client, to_server, script, &carried, limit);
        let down = pump(from_server, to_client, script, &carried, limit);
        tokio::select! { ended = up => ended, ended = down => ended }
    };
    if let (Ended::ByScript, Fate::Blackhole { lasts, .. }) = (ended, script.fate) {
        tokio::time::sleep(lasts).await;
    }
    if ended == Ended::ByScript {
        reset(&client);
        reset(&server);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    ByScript,
    ByPeer,
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    script: Script,
    carried: &AtomicUsize,
    limit: usize,
) -> Ended {
    let mut slice = vec![0; script.slice];
    loop {
        let Ok(n @ 1..) = from.read(&mut slice).await else { return Ended::ByPeer };
        if !script.delay.is_zero() {
            tokio::time::sleep(script.delay).await;
        }
        let before = carried.fetch_add(n, Ordering::Relaxed);
        // What lies within the limit still arrives.
        let within = n.min(limit.saturating_sub(before));
        if to.write_all(&slice[..within]).await.is_err() {
            return Ended::ByPeer;
        }
        if within < n {
            return Ended::ByScript;
        }
    }
}

/// Makes the end of a connection a reset, and not a good end.
fn reset(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
