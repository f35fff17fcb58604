//! Calls while the network and the servers fail: none hangs past its deadline, none is OK that was not run, none is run
//! twice, and afterwards no task, descriptor or buffer is left over.
//!
//! Each test takes some seconds; `CAROM_FAULT_SECONDS=60` makes it longer, `CAROM_SEED=7` another one.

#![cfg(target_os = "linux")] // descriptors are counted in /proc

mod leftovers;
mod load;
mod proxy;
mod restarts;

use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use carom::server::Server;
use tokio::runtime::Handle;

use crate::leftovers::Leftovers;
use crate::load::{Calls, Ledger, Load};
use crate::proxy::Proxy;

/// Counts what is allocated.
#[global_allocator]
static MEMORY: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

/// Calls before anything is counted: what a process sets up once is nobody's leftover.
const WARM_UP: Duration = Duration::from_millis(500);

/// How long a test makes calls.
fn duration() -> Duration {
    Duration::from_secs_f64(number("CAROM_FAULT_SECONDS").unwrap_or(2.0))
}

fn seed() -> u64 {
    number("CAROM_SEED").unwrap_or(1)
}

fn number<T: std::str::FromStr>(variable: &str) -> Option<T> {
    std::env::var(variable).ok()?.parse().ok()
}

/// The tests run one at a time: what is left over is counted for the whole process.
struct Alone {
    _guard: MutexGuard<'static, ()>,
}

fn alone() -> Alone {
    static ALONE: Mutex<()> = Mutex::new(());
    Alone { _guard: ALONE.lock().unwrap_or_else(PoisonError::into_inner) }
}

/// A server in this process.
fn serve(addr: SocketAddr, ledger: &Arc<Ledger>, alive: &Arc<AtomicUsize>) -> (Server, SocketAddr) {
    let ledger = Arc::clone(ledger);
    let calls = Calls { record: Arc::new(move |call| ledger.count(call)), alive: Arc::clone(alive) };
    let server = Server::builder().add_service(calls).bind(addr).start(Handle::current()).unwrap();
    let addr = server.local_addrs()[0].socket_addr().unwrap();
    (server, addr)
}

async fn through_proxy(lasts: Duration, seed: u64) {
    let (ledger, alive) = (Arc::<Ledger>::default(), Arc::<AtomicUsize>::default());
    let (server, addr) = serve(SocketAddr::from(([127, 0, 0, 1], 0)), &ledger, &alive);
    let proxy = Proxy::start(addr, seed).await;
    let load = Load::start(proxy.addr, seed);
    tokio::time::sleep(lasts).await;
    let report = load.finish().await;
    proxy.stop().await;
    server.shutdown(None);
    server.terminated().await;
    report.check(&ledger);
    println!("seed {seed}: {} OK, {} failed", report.ok(), report.failed());
    assert!(report.ok() > 0 && report.failed() > 0, "{} OK, {} failed", report.ok(), report.failed());
    assert_eq!(alive.load(std::sync::atomic::Ordering::Relaxed), 0, "handlers are left over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_through_a_bad_network() {
    let _alone = alone();
    through_proxy(WARM_UP, seed()).await;
    let before = Leftovers::count();
    through_proxy(duration(), seed() + 1).await;
    before.expect_no_more().await;
}
