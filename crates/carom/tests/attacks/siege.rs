//! A server under attack, its neighbour's calls, and what the attack may cost.

use std::fs::File;
use std::future::Future;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use carom::codec::BytesCodec;
use carom::server::{Builder, Method, Server, Service};
use carom::{Channel, Request, Response, Status, Streaming};
use futures_util::stream;
use tokio::runtime::{Handle, Runtime};
use tokio::task::JoinHandle;

use crate::MEMORY;

/// Nothing here takes this long unless it hangs.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);
pub(crate) const KIB: usize = 1024;
pub(crate) const MIB: usize = 1024 * KIB;

/// Calls that the neighbour completes after an attack before it is believed to be unharmed.
const CALLS_AFTER: usize = 5;
/// An attack that lasts this long must have seen calls of the neighbour.
const CALLS_WITHIN: Duration = Duration::from_secs(1);

pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(LIMIT, future).await.expect("in time")
}

/// What an attack may cost.
pub(crate) struct Bounds {
    /// Bytes that the process may hold at its peak beyond what it held before.
    pub(crate) memory: usize,
    /// CPU time of the worker, the neighbour's calls included.
    pub(crate) cpu: Duration,
}

/// What the handlers did.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) begun: AtomicUsize,
    pub(crate) running: AtomicUsize,
    pub(crate) most: AtomicUsize,
    /// Messages that streams of responses produced.
    pub(crate) produced: AtomicUsize,
}

/// A handler that runs.
pub(crate) struct Running(Arc<Ledger>);

impl Ledger {
    pub(crate) fn enter(self: &Arc<Self>) -> Running {
        self.begun.fetch_add(1, Ordering::Relaxed);
        let running = self.running.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(running, Ordering::Relaxed);
        Running(Arc::clone(self))
    }

    pub(crate) fn begun(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }

    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    pub(crate) fn produced(&self) -> usize {
        self.produced.load(Ordering::Relaxed)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// `test.Siege`.
pub(crate) struct Methods(pub(crate) Arc<Ledger>);

/// The size of each message of `Flow`.
pub(crate) const FLOW_MESSAGE: usize = 16 * KIB;

impl Service for Methods {
    fn name(&self) -> &str {
        "test.Siege"
    }

    fn methods(&self) -> Vec<Method> {
        let [hang, flow, sum, deaf, say] = std::array::from_fn(|_| Arc::clone(&self.0));
        vec![
            // What the neighbour calls; not counted.
            Method::unary("Echo", BytesCodec, |request: Request<Bytes>| async move {
                Ok(Response::new(request.into_inner()))
            }),
            Method::unary("Hang", BytesCodec, move |_: Request<Bytes>| {
                let running = hang.enter();
                async move {
                    std::future::pending::<()>().await;
                    drop(running);
                    Err::<Response<Bytes>, _>(Status::internal("never"))
                }
            }),
            // Messages without end.
            Method::server_streaming("Flow", BytesCodec, move |_: Request<Bytes>| {
                let (ledger, running) = (Arc::clone(&flow), flow.enter());
                async move {
                    Ok(Response::new(stream::repeat_with(move || {
                        let _ = &running;
                        ledger.produced.fetch_add(1, Ordering::Relaxed);
                        Ok(Bytes::from(vec![7; FLOW_MESSAGE]))
                    })))
                }
            }),
            Method::client_streaming("Sum", BytesCodec, move |request: Request<Streaming<Bytes>>| {
                let running = sum.enter();
                async move {
                    let (mut messages, mut size) = (request.into_inner(), 0);
                    while let Some(message) = messages.message().await? {
                        size += message.len();
                    }
                    drop(running);
                    Ok(Response::new(Bytes::from(size.to_string())))
                }
            }),
            // Reads nothing of what it is sent.
            Method::client_streaming("Deaf", BytesCodec, move |request: Request<Streaming<Bytes>>| {
                let running = deaf.enter();
                async move {
                    std::future::pending::<()>().await;
                    drop((request, running));
                    Err::<Response<Bytes>, _>(Status::internal("never"))
                }
            }),
            // Puts what it was sent into a status, as careless programs do.
            Method::unary("Say", BytesCodec, move |request: Request<Bytes>| {
                let running = say.enter();
                async move {
                    drop(running);
                    let words = String::from_utf8_lossy(request.get_ref()).into_owned();
                    Err::<Response<Bytes>, _>(Status::internal(words))
                }
            }),
        ]
    }
}

/// What is known of the neighbour's calls.
#[derive(Default)]
struct Neighbour {
    completed: AtomicUsize,
    slowest: Mutex<Duration>,
    failed: Mutex<Option<Status>>,
}

impl Neighbour {
    fn took(&self, time: Duration) {
        let mut slowest = self.slowest.lock().unwrap();
        *slowest = time.max(*slowest);
    }
}

/// One siege at a time: memory is counted for the whole process.
struct Alone {
    _guard: MutexGuard<'static, ()>,
}

impl Alone {
    fn get() -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        Self { _guard: ALONE.lock().unwrap_or_else(PoisonError::into_inner) }
    }
}

pub(crate) struct Siege {
    pub(crate) addr: SocketAddr,
    pub(crate) server: Server,
    pub(crate) ledger: Arc<Ledger>,
    neighbour: Arc<Neighbour>,
    calling: JoinHandle<()>,
    runtime: Option<Runtime>,
    started: Instant,
    calls_before: usize,
    memory_before: usize,
    cpu_before: Duration,
    worker: File,
    _alone: Alone,
}

impl Siege {
    /// A server with the defaults.
    pub(crate) async fn begin() -> Self {
        Self::against(|builder| builder).await
    }

    /// A server as `configure` wants it. From here on memory and CPU count.
    pub(crate) async fn against(configure: impl FnOnce(Builder) -> Builder) -> Self {
        let alone = Alone::get();
        static SIEGES: AtomicUsize = AtomicUsize::new(0);
        let worker = format!("siege-{}", SIEGES.fetch_add(1, Ordering::Relaxed));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name(worker.clone())
            .enable_all()
            .build()
            .unwrap();
        let ledger = Arc::new(Ledger::default());
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let builder = Server::builder().add_service(Methods(Arc::clone(&ledger))).bind(any);
        let server = configure(builder).start(runtime.handle().clone()).unwrap();
        let addr = server.local_addrs()[0].socket_addr().unwrap();
        let channel = Channel::builder(addr.to_string()).runtime(runtime.handle().clone());
        let channel = soon(channel.connect()).await.unwrap();
        let neighbour = Arc::new(Neighbour::default());
        let calling = tokio::spawn(live(channel, Arc::clone(&neighbour)));
        let mut siege = Self {
            addr,
            server,
            ledger,
            neighbour,
            calling,
            runtime: Some(runtime),
            started: Instant::now(),
            calls_before: 0,
            memory_before: 0,
            cpu_before: Duration::ZERO,
            worker: worker_stat(&worker),
            _alone: alone,
        };
        siege.calls(CALLS_AFTER).await;
        siege.count_from_here();
        siege
    }

    /// The runtime that is attacked, for channels.
    pub(crate) fn handle(&self) -> Handle {
        self.runtime.as_ref().unwrap().handle().clone()
    }

    /// What was there until now is not the attack's.
    pub(crate) fn count_from_here(&mut self) {
        self.calls_before = self.neighbour.completed.load(Ordering::Relaxed);
        *self.neighbour.slowest.lock().unwrap() = Duration::ZERO;
        self.started = Instant::now();
        self.cpu_before = cpu(&self.worker);
        self.memory_before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
    }

    /// Waits until the neighbour has completed `count` calls from now on.
    async fn calls(&self, count: usize) {
        let goal = self.neighbour.completed.load(Ordering::Relaxed) + count;
        soon(async {
            while self.neighbour.completed.load(Ordering::Relaxed) < goal {
                let failed = self.neighbour.failed.lock().unwrap().clone();
                assert!(failed.is_none(), "the neighbour's call failed: {failed:?}");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }

    /// Bytes held at the peak so far, beyond those before the attack.
    pub(crate) fn memory(&self) -> usize {
        MEMORY.peak_usage().saturating_sub(self.memory_before)
    }

    /// Lets time pass with the attacker still there, in which next to nothing may be done: somebody who waits must not
    /// cost anything.
    pub(crate) async fn quiet(&self, time: Duration) {
        let before = cpu(&self.worker);
        tokio::time::sleep(time).await;
        let spent = cpu(&self.worker) - before;
        assert!(spent <= time / 2, "{spent:?} of CPU within {time:?} of silence");
    }

    /// The attack is over, or has done what it can do: what did it cost?
    pub(crate) async fn hold(&self, bounds: &Bounds) {
        let (memory, cpu, took) =
            (self.memory(), cpu(&self.worker) - self.cpu_before, self.started.elapsed());
        let calls = self.neighbour.completed.load(Ordering::Relaxed) - self.calls_before;
        if std::env::var_os("CAROM_SIEGE").is_some() {
            let name = std::thread::current().name().unwrap_or_default().to_owned();
            println!("{name}: {} KiB, CPU {cpu:?} of {took:?}, {calls} calls beside", memory / KIB);
        }
        assert!(
            memory <= bounds.memory,
            "{} KiB at the peak, {} are allowed",
            memory / KIB,
            bounds.memory / KIB
        );
        assert!(cpu <= bounds.cpu, "{cpu:?} of CPU, {:?} are allowed", bounds.cpu);
        assert!(calls > 0 || took < CALLS_WITHIN, "no call of the neighbour within {took:?}");
        self.calls(CALLS_AFTER).await;
        let slowest = *self.neighbour.slowest.lock().unwrap();
        assert!(slowest < LIMIT / 6, "a call of the neighbour took {slowest:?}");
    }

    /// As [`hold`](Self::hold), and afterwards nothing of the attack is left: the only connection is the neighbour's.
    pub(crate) async fn end(mut self, bounds: &Bounds) {
        self.hold(bounds).await;
        soon(async {
            while self.server.connections() > 1 || self.ledger.running() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        self.stop();
    }

    fn stop(&mut self) {
        self.calling.abort();
        self.server.shutdown(Some(Duration::ZERO));
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Siege {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A neighbour who makes one call after another.
async fn live(channel: Channel, neighbour: Arc<Neighbour>) {
    loop {
        let begun = Instant::now();
        let request = Request::new(Bytes::from_static(b"hello"));
        let called = channel.unary("/test.Siege/Echo", BytesCodec, request);
        let reply = match tokio::time::timeout(LIMIT, called).await {
            Ok(reply) => reply,
            Err(_) => Err(Status::deadline_exceeded("the neighbour waits no longer")),
        };
        if let Err(status) = reply {
            *neighbour.failed.lock().unwrap() = Some(status);
            return;
        }
        let took = begun.elapsed();
        neighbour.took(took);
        neighbour.completed.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// What the system knows of the worker thread, kept open: descriptors may run out.
fn worker_stat(name: &str) -> File {
    /// While threads come and go, a listing of them may pass over one that stays (proc(5)).
    const LISTINGS: usize = 100;
    let of_worker = |stat: &String| stat.contains(&format!("({name})"));
    let look = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        let mut stats = tasks.map(|task| task.path().join("stat"));
        stats.find(|path| std::fs::read_to_string(path).is_ok_and(|stat| of_worker(&stat)))
    };
    let found = (0..LISTINGS).find_map(|_| look());
    File::open(found.expect("the worker")).unwrap()
}

/// CPU time that a thread has used, to a hundredth of a second.
fn cpu(stat: &File) -> Duration {
    const TICKS_A_SECOND: u64 = 100; // USER_HZ, which is part of Linux's interface
    let mut buffer = [0; 1024];
    let read = stat.read_at(&mut buffer, 0).unwrap();
    let text = String::from_utf8_lossy(&buffer[..read]);
    // proc_pid_stat(5): user and system time are the 12th and 13th field after the name in parentheses.
    let (_, after) = text.rsplit_once(')').unwrap();
    let ticks: u64 = after.split_whitespace().skip(11).take(2).flat_map(str::parse::<u64>).sum();
    Duration::from_millis(ticks * 1000 / TICKS_A_SECOND)
}
