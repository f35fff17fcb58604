//! Calls through a network that delays, slices, resets and swallows, to a server that is stopped without warning and
//! started anew: no call hangs past its deadline, none is reported well that was not run, none runs twice, and nothing
//! is left over.
//!
//! `CAROM_FAULTS_SECONDS=N` runs for longer, `CAROM_SEED=N` with another seed.
#![cfg(target_os = "linux")]

mod proxy;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use carom::client::{BackoffConfig, Channel};
use carom::codec::BytesCodec;
use carom::server::{Method, Server, Service};
use carom::{Code, Request, Response};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// How often each call ran, by the key in its message.
type Runs = Arc<Mutex<HashMap<u64, usize>>>;

struct Counting(Runs);

impl Service for Counting {
    fn name(&self) -> &str {
        "faults.Counting"
    }

    fn methods(&self) -> Vec<Method> {
        let runs = Arc::clone(&self.0);
        vec![Method::unary("Run", BytesCodec, move |request: Request<Bytes>| {
            let runs = Arc::clone(&runs);
            async move {
                let key = u64::from_be_bytes(request.get_ref()[..8].try_into().unwrap());
                *runs.lock().unwrap().entry(key).or_default() += 1;
                if key % 3 == 0 {
                    tokio::time::sleep(Duration::from_millis(key % 17)).await;
                }
                Ok(Response::new(request.into_inner()))
            }
        })]
    }
}

const DEADLINE: Duration = Duration::from_millis(400);
/// How late the news of a deadline may be, on a machine that does other things too.
const LATE: Duration = Duration::from_millis(1500);
const CALLERS: u64 = 16;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn start(runs: &Runs) -> (Server, SocketAddr) {
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let builder = Server::builder().add_service(Counting(Arc::clone(runs))).bind(any);
    let server = builder.start(Handle::current()).unwrap();
    let addr = server.local_addrs()[0].socket_addr().unwrap();
    (server, addr)
}

/// What the callers of a run saw.
#[derive(Default)]
struct Seen {
    ok: Vec<u64>,
    failed: usize,
}

/// Calls one after another until time is up, each with a key of its own.
async fn call(channel: Channel, caller: u64, until: Instant) -> Seen {
    let mut seen = Seen::default();
    for n in 0.. {
        if Instant::now() >= until {
            return seen;
        }
        let key = caller << 32 | n;
        let mut payload = key.to_be_bytes().to_vec();
        payload.resize(8 + (n as usize * 997) % 20_000, 7);
        let mut request = Request::new(Bytes::from(payload.clone()));
        request.set_timeout(DEADLINE);
        let begun = Instant::now();
        let result = channel.unary("/faults.Counting/Run", BytesCodec, request).await;
        assert!(begun.elapsed() < DEADLINE + LATE, "call {key:x} hung for {:?}", begun.elapsed());
        match result {
            Ok(response) => {
                assert!(*response.get_ref() == payload, "call {key:x} got somebody else's answer");
                seen.ok.push(key);
            }
            Err(status) => {
                let known = [Code::Unavailable, Code::DeadlineExceeded, Code::Cancelled];
                assert!(known.contains(&status.code()), "call {key:x}: {status}");
                seen.failed += 1;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
    seen
}

async fn run(seed: u64, time: Duration) {
    let runs = Runs::default();
    let upstream = proxy::Upstream::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap().to_string();
    let proxy = tokio::spawn(proxy::run(listener, Arc::clone(&upstream), seed));
    let mut backoff = BackoffConfig::default();
    (backoff.initial, backoff.max) = (Duration::from_millis(20), Duration::from_millis(100));
    backoff.min_connect_timeout = Duration::from_millis(300);
    let until = Instant::now() + time;
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let channel = Channel::builder(&target).backoff(backoff.clone()).connect_lazy().unwrap();
        callers.spawn(call(channel, caller, until));
    }
    let mut random = fastrand::Rng::with_seed(seed ^ 1);
    let mut restarts = 0;
    while Instant::now() < until {
        let (server, addr) = start(&runs);
        *upstream.lock().unwrap() = Some(addr);
        tokio::time::sleep(Duration::from_millis(random.u64(100..500))).await;
        // For a while there is nobody.
        *upstream.lock().unwrap() = None;
        server.shutdown(Some(Duration::ZERO));
        server.terminated().await;
        restarts += 1;
        tokio::time::sleep(Duration::from_millis(random.u64(0..60))).await;
    }
    let (mut ok, mut failed) = (0, 0);
    let counted = callers.join_all().await;
    let runs = std::mem::take(&mut *runs.lock().unwrap());
    for seen in counted {
        for key in &seen.ok {
            assert!(runs.contains_key(key), "call {key:x} is reported well, and never ran");
        }
        ok += seen.ok.len();
        failed += seen.failed;
    }
    // A call that reached a handler is not sent again: only streams that a server did not process are (gRFC A6).
    if let Some((key, times)) = runs.iter().find(|(_, times)| **times > 1) {
        panic!("call {key:x} ran {times} times");
    }
    println!("seed {seed}: {ok} calls went well, {failed} failed, {restarts} restarts");
    assert!(ok > 50 && failed > 5 && restarts > 1, "too quiet to show anything");
    proxy.abort();
    let _ = proxy.await;
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn calls_survive_what_networks_and_servers_do() {
    let (seed, seconds) = (number("CAROM_SEED", 1), number("CAROM_FAULTS_SECONDS", 3));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let before = descriptors();
    runtime.block_on(run(seed, Duration::from_secs(seconds)));
    // Tasks that were told to end do so in their own time.
    let limit = Instant::now() + Duration::from_secs(10);
    while runtime.metrics().num_alive_tasks() > 0 || descriptors() > before {
        assert!(
            Instant::now() < limit,
            "{} tasks and {} descriptors are left over",
            runtime.metrics().num_alive_tasks(),
            descriptors() - before
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}
