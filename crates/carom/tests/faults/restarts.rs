//! Servers that are killed, and servers that are shut down, while calls go on.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use carom::server::Server;
use fastrand::Rng;
use tokio::runtime::Handle;

use crate::leftovers::Leftovers;
use crate::load::{Calls, Ledger, Load};
use crate::{WARM_UP, alone, duration, seed, serve};

/// Tells the child at which address to serve.
const ADDRESS: &str = "CAROM_FAULT_SERVER";

/// A server in a process of its own, which is killed at the latest when this is dropped.
struct Victim {
    process: Child,
    addr: SocketAddr,
    /// Reads which calls were begun, until the process has ended.
    reading: Option<JoinHandle<()>>,
    _stdin: ChildStdin,
}

impl Victim {
    fn start(addr: SocketAddr, ledger: &Arc<Ledger>) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "restarts::serves_until_it_is_killed", "--ignored", "--nocapture"])
            .env(ADDRESS, addr.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = process.stdin.take().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut next =
            |prefix: &str| lines.find_map(|line| line.unwrap().strip_prefix(prefix).map(str::to_owned));
        let addr = next("at ").expect("the address").parse().unwrap();
        let ledger = Arc::clone(ledger);
        let reading = std::thread::spawn(move || {
            // The last line may be cut short by the kill.
            for line in lines.map_while(Result::ok) {
                if let Some(call) = line.strip_prefix("run ").and_then(|call| call.strip_suffix('.')) {
                    ledger.count(call.parse().unwrap());
                }
            }
        });
        Self { process, addr, reading: Some(reading), _stdin: stdin }
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if let Some(reading) = self.reading.take() {
            let _ = reading.join();
        }
    }
}

/// Not a test: what runs in the child.
#[test]
#[ignore = "runs in a process that another test starts and kills"]
fn serves_until_it_is_killed() {
    let Ok(addr) = std::env::var(ADDRESS) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let say = |line: String| {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(line.as_bytes());
        let _ = out.flush();
    };
    let _within = runtime.enter();
    // Known to the parent before an answer can be.
    let record = Arc::new(move |call: u64| say(format!("run {call}.\n")));
    let calls = Calls { record, alive: Arc::default() };
    let addr: SocketAddr = addr.parse().unwrap();
    let server = Server::builder().add_service(calls).bind(addr).start(Handle::current()).unwrap();
    say(format!("\nat {}\n", server.local_addrs()[0].socket_addr().unwrap()));
    // The parent's end is this one's end.
    let _ = std::io::stdin().read(&mut [0]);
}

async fn killing(lasts: Duration, seed: u64) {
    let ledger = Arc::<Ledger>::default();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut rng = Rng::with_seed(seed);
    let start = |addr| {
        let ledger = Arc::clone(&ledger);
        async move { tokio::task::spawn_blocking(move || Victim::start(addr, &ledger)).await.unwrap() }
    };
    let mut victim = start(any).await;
    let addr = victim.addr;
    let load = Load::start(addr, seed);
    let until = tokio::time::Instant::now() + lasts;
    let mut kills = 0;
    while tokio::time::Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(rng.u64(100..500))).await;
        tokio::task::spawn_blocking(move || drop(victim)).await.unwrap();
        kills += 1;
        tokio::time::sleep(Duration::from_millis(rng.u64(..100))).await;
        victim = start(addr).await;
    }
    let report = load.finish().await;
    tokio::task::spawn_blocking(move || drop(victim)).await.unwrap();
    report.check(&ledger);
    println!("seed {seed}: {kills} kills, {} OK, {} failed", report.ok(), report.failed());
    assert!(report.ok() > 0 && report.failed() > 0, "{} OK, {} failed", report.ok(), report.failed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_are_killed() {
    let _alone = alone();
    killing(WARM_UP, seed()).await;
    let before = Leftovers::count();
    killing(duration(), seed() + 1).await;
    before.expect_no_more().await;
}

async fn replacing(lasts: Duration, seed: u64) {
    let (ledger, alive) = (Arc::<Ledger>::default(), Arc::<AtomicUsize>::default());
    let mut rng = Rng::with_seed(seed);
    let (mut server, addr) = serve(SocketAddr::from(([127, 0, 0, 1], 0)), &ledger, &alive);
    let load = Load::start(addr, seed);
    let until = tokio::time::Instant::now() + lasts;
    let mut old = Vec::new();
    while tokio::time::Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(rng.u64(..200))).await;
        let grace = [None, Some(Duration::ZERO), Some(Duration::from_millis(rng.u64(..60)))];
        server.shutdown(grace[rng.usize(..3)]);
        // The socket is closed at once; calls may go on for longer.
        let next = loop {
            let record = Arc::clone(&ledger);
            let calls = Calls { record: Arc::new(move |call| record.count(call)), alive: Arc::clone(&alive) };
            match Server::builder().add_service(calls).bind(addr).start(Handle::current()) {
                Ok(next) => break next,
                Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
            }
            assert!(
                tokio::time::Instant::now() < until + Duration::from_secs(20),
                "the port is not free again"
            );
        };
        old.push(std::mem::replace(&mut server, next));
    }
    let report = load.finish().await;
    old.push(server);
    let count = old.len();
    for server in old {
        server.shutdown(None);
        server.terminated().await;
    }
    report.check(&ledger);
    println!("seed {seed}: {count} servers, {} OK, {} failed", report.ok(), report.failed());
    assert!(report.ok() > 0, "{} OK", report.ok());
    assert_eq!(alive.load(Ordering::Relaxed), 0, "handlers are left over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_are_replaced() {
    let _alone = alone();
    replacing(WARM_UP, seed()).await;
    let before = Leftovers::count();
    replacing(duration(), seed() + 1).await;
    before.expect_no_more().await;
}
