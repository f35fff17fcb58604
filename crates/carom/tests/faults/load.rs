//! Calls under bad conditions, and what must be true of each of them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use carom::client::BackoffConfig;
use carom::codec::BytesCodec;
use carom::server::{Method, Service};
use carom::{Channel, Code, Request, Response, Status, Streaming};
use fastrand::Rng;
use futures_util::stream::{self, StreamExt};
use tokio::task::JoinSet;

/// How late a deadline may be kept on a machine that has much else to do.
const LATE: Duration = Duration::from_secs(2);
const AMPLE: Duration = Duration::from_secs(3);
const CALLERS: u64 = 16;

/// Told of each call whose handler begins.
pub(crate) type Record = Arc<dyn Fn(u64) + Send + Sync>;

/// `faults.Calls`: each message begins with the number of its call.
pub(crate) struct Calls {
    pub(crate) record: Record,
    /// Handlers that are alive.
    pub(crate) alive: Arc<AtomicUsize>,
}

struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(alive))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn number(message: &[u8]) -> u64 {
    message.first_chunk().map_or(u64::MAX, |bytes| u64::from_be_bytes(*bytes))
}

/// The message of a call, `len` bytes beyond its number.
fn message(call: u64, len: usize) -> Bytes {
    let mut out = call.to_be_bytes().to_vec();
    out.resize(8 + len, call as u8);
    out.into()
}

impl Service for Calls {
    fn name(&self) -> &str {
        "faults.Calls"
    }

    fn methods(&self) -> Vec<Method> {
        let [once, down, chat] = std::array::from_fn(|_| (Arc::clone(&self.record), Arc::clone(&self.alive)));
        vec![
            Method::unary("Once", BytesCodec, move |request: Request<Bytes>| {
                let call = number(request.get_ref());
                let alive = Alive::new(&once.1);
                (once.0)(call);
                async move {
                    if call.is_multiple_of(3) {
                        tokio::time::sleep(Duration::from_millis(call % 40)).await;
                    }
                    drop(alive);
                    Ok(Response::new(request.into_inner()))
                }
            }),
            // Twenty times what it was sent.
            Method::server_streaming("Down", BytesCodec, move |request: Request<Bytes>| {
                let message = request.into_inner();
                let alive = Alive::new(&down.1);
                (down.0)(number(&message));
                async move {
                    let messages = stream::iter(0..20).map(move |_| {
                        let _ = &alive;
                        Ok(message.clone())
                    });
                    Ok(Response::new(messages))
                }
            }),
            Method::bidi_streaming("Chat", BytesCodec, move |request: Request<Streaming<Bytes>>| {
                let (record, alive) = (Arc::clone(&chat.0), Alive::new(&chat.1));
                async move {
                    let mut messages = request.into_inner();
                    let first = messages.message().await?.ok_or_else(|| Status::internal("nothing came"))?;
                    record(number(&first));
                    let echo = stream::unfold((messages, alive), |(mut messages, alive)| async move {
                        let message = messages.message().await.transpose()?;
                        Some((message, (messages, alive)))
                    });
                    Ok(Response::new(stream::once(async move { Ok(first) }).chain(echo)))
                }
            }),
        ]
    }
}

/// How often the handler of each call was begun.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<HashMap<u64, u32>>);

impl Ledger {
    pub(crate) fn count(&self, call: u64) {
        *self.0.lock().unwrap().entry(call).or_default() += 1;
    }

    fn begun(&self, call: u64) -> u32 {
        self.0.lock().unwrap().get(&call).copied().unwrap_or(0)
    }
}

/// How a call ended: `None` if its caller gave it up.
type End = Option<Code>;

/// What came of all calls of a run.
#[derive(Default)]
pub(crate) struct Report {
    ends: Mutex<Vec<(u64, End)>>,
}

impl Report {
    fn with(&self, which: impl Fn(End) -> bool) -> usize {
        self.ends.lock().unwrap().iter().filter(|(_, end)| which(*end)).count()
    }

    pub(crate) fn ok(&self) -> usize {
        self.with(|end| end == Some(Code::Ok))
    }

    pub(crate) fn failed(&self) -> usize {
        self.with(|end| end.is_some_and(|code| code != Code::Ok))
    }

    /// None is OK that was not run, and none was run twice: what is sent again by itself (gRFC A6) is only what no
    /// server has looked at.
    pub(crate) fn check(&self, ledger: &Ledger) {
        for (call, end) in self.ends.lock().unwrap().iter() {
            let begun = ledger.begun(*call);
            assert!(begun <= 1, "call {call} ended with {end:?} and ran {begun} times");
            assert!(*end != Some(Code::Ok) || begun == 1, "call {call} is OK and did not run");
        }
    }
}

/// Makes calls of all kinds to `target` until told to stop.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    report: Arc<Report>,
    channels: Vec<Channel>,
    callers: JoinSet<()>,
}

impl Load {
    pub(crate) fn start(target: SocketAddr, seed: u64) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut backoff = BackoffConfig::default();
        (backoff.initial, backoff.max) = (Duration::from_millis(10), Duration::from_millis(100));
        let channel =
            || Channel::builder(target.to_string()).backoff(backoff.clone()).connect_lazy().unwrap();
        let channels: Vec<_> = (0..4).map(|_| channel()).collect();
        let (stop, report) = (Arc::<AtomicBool>::default(), Arc::<Report>::default());
        let mut callers = JoinSet::new();
        for caller in 0..CALLERS {
            let mut rng = Rng::with_seed(seed ^ (caller << 32));
            let channel = channels[caller as usize % channels.len()].clone();
            let (stop, report) = (Arc::clone(&stop), Arc::clone(&report));
            callers.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let call = NEXT.fetch_add(1, Ordering::Relaxed);
                    let end = attempt(&channel, call, &mut rng).await;
                    report.ends.lock().unwrap().push((call, end));
                    tokio::time::sleep(Duration::from_micros(rng.u64(..4000))).await;
                }
            });
        }
        Self { stop, report, channels, callers }
    }

    /// Waits for the calls under way, and closes the channels.
    pub(crate) async fn finish(self) -> Report {
        self.stop.store(true, Ordering::Relaxed);
        self.callers.join_all().await;
        for channel in self.channels {
            channel.close();
        }
        Arc::into_inner(self.report).expect("no caller is left")
    }
}

/// Makes a call, and checks that it ends in time and with a status that there is a reason for.
async fn attempt(channel: &Channel, call: u64, rng: &mut Rng) -> End {
    let hurried = rng.u32(..5) == 0;
    let timeout = if hurried { Duration::from_millis(rng.u64(1..100)) } else { AMPLE };
    let size = if rng.u32(..6) == 0 { rng.usize(..100_000) } else { rng.usize(..200) };
    let (kind, wait) = (rng.u32(..4), rng.bool());
    let patience = (rng.u32(..8) == 0).then(|| Duration::from_millis(rng.u64(..50)));
    let begun = Instant::now();
    let made = async {
        match kind {
            0 | 1 => once(channel, call, size, timeout, wait).await,
            2 => down(channel, call, size, timeout, wait).await,
            _ => chat(channel, call, size, timeout, wait).await,
        }
    };
    let result = match patience {
        Some(patience) => tokio::time::timeout(patience, made).await.ok(),
        None => Some(made.await),
    };
    let took = begun.elapsed();
    assert!(took < timeout + LATE, "call {call}: {result:?} after {took:?}, its timeout is {timeout:?}");
    let code = match result? {
        Ok(()) => Code::Ok,
        Err(status) => {
            let excused = match status.code() {
                Code::Unavailable => true,
                Code::DeadlineExceeded => took >= timeout,
                _ => false,
            };
            assert!(excused, "call {call} after {took:?} of {timeout:?}: {status}");
            status.code()
        }
    };
    Some(code)
}

fn request<T>(message: T, timeout: Duration, wait: bool) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(timeout);
    request.set_wait_for_ready(wait);
    request
}

async fn once(
    channel: &Channel,
    call: u64,
    size: usize,
    timeout: Duration,
    wait: bool,
) -> Result<(), Status> {
    let sent = message(call, size);
    let answer =
        channel.unary("/faults.Calls/Once", BytesCodec, request(sent.clone(), timeout, wait)).await?;
    assert_eq!(answer.get_ref(), &sent, "call {call}: not its answer");
    Ok(())
}

async fn down(
    channel: &Channel,
    call: u64,
    size: usize,
    timeout: Duration,
    wait: bool,
) -> Result<(), Status> {
    let sent = message(call, size);
    let request = request(sent.clone(), timeout, wait);
    let mut messages =
        channel.server_streaming("/faults.Calls/Down", BytesCodec, request).await?.into_inner();
    let mut came = 0;
    while let Some(message) = messages.message().await? {
        assert_eq!(message, sent, "call {call}: message {came} came changed");
        came += 1;
    }
    assert_eq!(came, 20, "call {call} is OK without all its messages");
    Ok(())
}

async fn chat(
    channel: &Channel,
    call: u64,
    size: usize,
    timeout: Duration,
    wait: bool,
) -> Result<(), Status> {
    let sent = message(call, size);
    let outgoing = stream::iter(vec![sent.clone(); 10]);
    let request = request(outgoing, timeout, wait);
    let mut messages = channel.bidi_streaming("/faults.Calls/Chat", BytesCodec, request).await?.into_inner();
    let mut came = 0;
    while let Some(message) = messages.message().await? {
        assert_eq!(message, sent, "call {call}: message {came} came changed");
        came += 1;
    }
    assert_eq!(came, 10, "call {call} is OK without all its messages");
    Ok(())
}
