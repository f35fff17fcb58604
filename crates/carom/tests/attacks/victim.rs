//! The server under attack, in a process of its own, and a neighbour who is to notice nothing.

use std::future::pending;
use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use buffa_types::google::protobuf::Value;
use bytes::Bytes;
use carom::client::Channel;
use carom::codec::{BuffaCodec, BytesCodec};
use carom::server::{Builder, Config, Method, Server, Service};
use carom::{Code, Request, Response, Status, Streaming};
use futures_util::stream;
use tokio::task::JoinHandle;

const ROLE: &str = "CAROM_TEST_VICTIM";
/// What a server may grow by under any attack here, in bytes, unless the attack says more.
pub(crate) const GROWTH: usize = 24 << 20;

struct VictimService;

/// Handlers of `Linger` at work now, and the most at once.
static RUNNING: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

impl Service for VictimService {
    fn name(&self) -> &str {
        "attacks.Victim"
    }

    fn methods(&self) -> Vec<Method> {
        vec![
            Method::unary("Echo", BytesCodec, |request: Request<Bytes>| async move {
                Ok(Response::new(request.into_inner()))
            }),
            Method::unary("Stuck", BytesCodec, |_: Request<Bytes>| {
                pending::<Result<Response<Bytes>, Status>>()
            }),
            // Works for a while, whether or not its call still exists.
            Method::unary("Linger", BytesCodec, |_: Request<Bytes>| async {
                let now = RUNNING.fetch_add(1, Ordering::SeqCst) + 1;
                MOST.fetch_max(now, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(20));
                RUNNING.fetch_sub(1, Ordering::SeqCst);
                Ok(Response::new(Bytes::new()))
            })
            .blocking(),
            Method::unary("Most", BytesCodec, |_: Request<Bytes>| async {
                Ok(Response::new(Bytes::from(MOST.load(Ordering::SeqCst).to_string())))
            }),
            Method::server_streaming("Pour", BytesCodec, |_: Request<Bytes>| async {
                Ok(Response::new(stream::repeat_with(|| Ok(Bytes::from_static(&[7; 4096])))))
            }),
            Method::client_streaming("Deaf", BytesCodec, |request: Request<Streaming<Bytes>>| async {
                let _unread = request;
                pending::<Result<Response<Bytes>, Status>>().await
            }),
            Method::unary("Parse", BuffaCodec::<Value, Value>::new(), |request: Request<Value>| async {
                Ok(Response::new(request.into_inner()))
            }),
        ]
    }
}

/// The server's settings, as `name=number` pairs.
fn builder(settings: &str) -> Builder {
    let mut builder = Server::builder().add_service(VictimService);
    for setting in settings.split_whitespace() {
        let (name, number) = setting.split_once('=').expect("name=number");
        let number: usize = number.parse().expect("a number");
        let millis = Duration::from_millis(number as u64);
        builder = match name {
            "quota" => builder.memory_quota(Some(number)),
            "connections" => builder.max_connections(Some(number)),
            "handshake" => builder.handshake_timeout(millis),
            "stall" => builder.stall_timeout(Some(millis)),
            "streams" => builder.http2(Config { max_concurrent_streams: number as u32, ..Config::default() }),
            _ => panic!("no setting {name}"),
        };
    }
    builder
}

/// Serves until its standard input ends. Nothing when it is run as an ordinary test.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn server() {
    let Ok(settings) = std::env::var(ROLE) else { return };
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let server = builder(&settings).bind(any).start(tokio::runtime::Handle::current()).unwrap();
    println!("\nlistening {}", server.local_addrs()[0].socket_addr().unwrap());
    io::stdout().flush().unwrap();
    tokio::task::spawn_blocking(|| io::stdin().lines().for_each(drop)).await.unwrap();
}

/// A server under attack. It ends with this.
pub(crate) struct Victim {
    child: Child,
    pub(crate) addr: SocketAddr,
    neighbour: JoinHandle<()>,
    calls: Arc<AtomicUsize>,
    memory_before: usize,
    time_before: Duration,
}

impl Victim {
    /// Starts a server with these settings, and a neighbour at work.
    pub(crate) async fn start(settings: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "victim::server", "--nocapture"])
            .env(ROLE, settings)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = io::BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let addr: Option<SocketAddr> = lines.find_map(|line| line.strip_prefix("listening ")?.parse().ok());
        let Some(addr) = addr else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("the server did not start");
        };
        let channel = Channel::builder(addr.to_string()).connect().await.unwrap();
        let calls = Arc::new(AtomicUsize::new(0));
        let neighbour = tokio::spawn(neighbour(channel, Arc::clone(&calls)));
        let mut victim =
            Self { child, addr, neighbour, calls, memory_before: 0, time_before: Duration::ZERO };
        victim.neighbour_goes_on(20).await;
        victim.memory_before = victim.peak_memory();
        victim.time_before = victim.processor_time();
        victim
    }

    /// Waits for more calls of the neighbour's.
    pub(crate) async fn neighbour_goes_on(&self, more: usize) {
        let from = self.calls.load(Ordering::SeqCst);
        let limit = Instant::now() + super::raw::LIMIT;
        while self.calls.load(Ordering::SeqCst) < from + more {
            assert!(!self.neighbour.is_finished(), "the neighbour's call failed");
            assert!(Instant::now() < limit, "the neighbour has to wait");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// After the attack: the neighbour went on, memory did not grow past `growth` bytes, less processor time went by than
    /// `time`, and all is quiet.
    pub(crate) async fn stays_unharmed(mut self, growth: usize, time: Duration) {
        self.neighbour_goes_on(20).await;
        let grown = self.grown();
        assert!(grown <= growth, "the server grew by {} KiB, {} are allowed", grown >> 10, growth >> 10);
        let taken = self.processor_time() - self.time_before;
        assert!(taken <= time, "the server took {taken:?} of processor time, {time:?} are allowed");
        self.neighbour.abort();
        let _ = (&mut self.neighbour).await;
        let before = self.processor_time();
        tokio::time::sleep(Duration::from_millis(150)).await;
        let after = self.processor_time() - before;
        assert!(after <= Duration::from_millis(60), "the server goes on working for nobody: {after:?}");
    }

    /// By how many bytes the server has grown at most.
    pub(crate) fn grown(&self) -> usize {
        self.peak_memory().saturating_sub(self.memory_before)
    }

    fn status(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).expect("the server runs")
    }

    /// The most that was resident at any time, in bytes.
    fn peak_memory(&self) -> usize {
        let status = self.status("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches("kB").trim().parse::<usize>().unwrap() << 10
    }

    /// User and system time.
    fn processor_time(&self) -> Duration {
        let stat = self.status("stat");
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10)
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.neighbour.abort();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Calls one after another, each of which must be answered well and soon.
async fn neighbour(channel: Channel, calls: Arc<AtomicUsize>) {
    loop {
        let mut request = Request::new(Bytes::from_static(b"good morning"));
        request.set_timeout(Duration::from_secs(5));
        let response = channel.unary("/attacks.Victim/Echo", BytesCodec, request).await;
        match response {
            Ok(response) => assert_eq!(response.get_ref(), "good morning"),
            Err(status) => panic!("the neighbour's call failed: {status}"),
        }
        calls.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// What an ordinary attack may cost, in a build without optimisation.
pub(crate) const TIME: Duration = Duration::from_secs(3);

/// Asks a method without arguments on a connection of its own.
pub(crate) async fn ask(addr: SocketAddr, method: &'static str) -> String {
    let channel = Channel::builder(addr.to_string()).connect().await.unwrap();
    let answer = channel.unary(method, BytesCodec, Request::new(Bytes::new())).await;
    assert!(answer.as_ref().map_or_else(Status::code, |_| Code::Ok) == Code::Ok, "{answer:?}");
    String::from_utf8(answer.unwrap().into_inner().to_vec()).unwrap()
}
