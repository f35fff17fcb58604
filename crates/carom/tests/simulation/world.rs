//! Who lives in the simulation: servers that are replaced, channels whose links are lost, callers that check what they
//! were promised.

use std::collections::HashMap;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use carom::client::resolver::{Address, FixedResolver};
use carom::codec::BytesCodec;
use carom::server::{Method, Server, Service};
use carom::transport::{ByteStream, Connecting, PeerAddr};
use carom::{Channel, Code, Request, Response, Status, Streaming};
use carom_wire::conn::ServerConfig;
use futures_util::stream::{self, StreamExt};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use crate::network::Network;

/// The timeout of calls that are not meant to run out: longer than all that the network may do to them.
const AMPLE: Duration = Duration::from_secs(600);
/// A timer fires up to a millisecond late, and a call passes several.
const LATE: Duration = Duration::from_millis(10);
const CALLERS: u64 = 12;
const CALLS: u64 = 12;

/// What came of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) ok: u64,
    pub(crate) cancelled: u64,
    pub(crate) expired: u64,
    pub(crate) lost: u64,
    pub(crate) bytes: u64,
    pub(crate) trace: u64,
}

impl Outcome {
    pub(crate) fn add(&mut self, other: &Self) {
        self.ok += other.ok;
        self.cancelled += other.cancelled;
        self.expired += other.expired;
        self.lost += other.lost;
        self.bytes += other.bytes;
        self.trace ^= other.trace;
    }
}

/// What servers know of calls.
#[derive(Default)]
struct Ledger {
    /// How often the handler of a call was begun.
    begun: Mutex<HashMap<u64, u32>>,
    /// Handlers that are alive.
    alive: AtomicUsize,
}

/// A handler that is alive.
struct Alive(Arc<Ledger>);

impl Ledger {
    fn begin(self: &Arc<Self>, call: u64) -> Alive {
        *self.begun.lock().expect("not poisoned").entry(call).or_default() += 1;
        self.alive.fetch_add(1, Ordering::Relaxed);
        Alive(Arc::clone(self))
    }

    fn begun(&self, call: u64) -> u32 {
        self.begun.lock().expect("not poisoned").get(&call).copied().unwrap_or(0)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a request asks for, in 24 bytes.
#[derive(Clone, Copy)]
struct Wish {
    call: u64,
    /// Bytes of a message.
    size: u32,
    /// Messages of a stream.
    count: u32,
    /// How long the handler thinks, in microseconds.
    pause: u64,
}

impl Wish {
    fn encode(self) -> Bytes {
        let mut out = Vec::with_capacity(24);
        out.extend(self.call.to_be_bytes());
        out.extend(self.size.to_be_bytes());
        out.extend(self.count.to_be_bytes());
        out.extend(self.pause.to_be_bytes());
        out.into()
    }

    fn decode(bytes: &[u8]) -> Self {
        let word = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().expect("24 bytes"));
        Self { call: word(0), size: (word(8) >> 32) as u32, count: word(8) as u32, pause: word(16) }
    }

    /// The message of a stream, or the answer, at `index`.
    fn message(self, index: u32) -> Bytes {
        let first = (self.call as u8).wrapping_add(index as u8);
        (0..self.size).map(|at| first.wrapping_mul(31).wrapping_add(at as u8)).collect()
    }
}

struct Calls {
    ledger: Arc<Ledger>,
}

impl Service for Calls {
    fn name(&self) -> &str {
        "sim.Calls"
    }

    fn methods(&self) -> Vec<Method> {
        let (once, down, up, chat, hang) = (
            Arc::clone(&self.ledger),
            Arc::clone(&self.ledger),
            Arc::clone(&self.ledger),
            Arc::clone(&self.ledger),
            Arc::clone(&self.ledger),
        );
        vec![
            Method::unary("Once", BytesCodec, move |request: Request<Bytes>| {
                let wish = Wish::decode(request.get_ref());
                let alive = once.begin(wish.call);
                async move {
                    if wish.pause > 0 {
                        sleep(Duration::from_micros(wish.pause)).await;
                    }
                    drop(alive);
                    Ok(Response::new(wish.message(0)))
                }
            }),
            Method::server_streaming("Down", BytesCodec, move |request: Request<Bytes>| {
                let wish = Wish::decode(request.get_ref());
                let alive = Arc::new(down.begin(wish.call));
                async move {
                    let messages = stream::iter(0..wish.count).then(move |index| {
                        let alive = Arc::clone(&alive);
                        async move {
                            if wish.pause > 0 && index % 7 == 0 {
                                sleep(Duration::from_micros(wish.pause)).await;
                            }
                            drop(alive);
                            Ok(wish.message(index))
                        }
                    });
                    Ok(Response::new(messages))
                }
            }),
            Method::client_streaming("Up", BytesCodec, move |request: Request<Streaming<Bytes>>| {
                let ledger = Arc::clone(&up);
                async move {
                    let mut messages = request.into_inner();
                    let first = messages.message().await?.ok_or_else(|| Status::internal("no wish came"))?;
                    let wish = Wish::decode(&first);
                    let _alive = ledger.begin(wish.call);
                    let mut came = 0;
                    while let Some(message) = messages.message().await? {
                        if message != wish.message(came) {
                            return Err(Status::data_loss("a message came changed"));
                        }
                        came += 1;
                    }
                    Ok(Response::new(Bytes::copy_from_slice(&came.to_be_bytes())))
                }
            }),
            Method::bidi_streaming("Chat", BytesCodec, move |request: Request<Streaming<Bytes>>| {
                let ledger = Arc::clone(&chat);
                async move {
                    let mut messages = request.into_inner();
                    let first = messages.message().await?.ok_or_else(|| Status::internal("no wish came"))?;
                    let alive = ledger.begin(Wish::decode(&first).call);
                    let echo = stream::unfold((messages, alive), |(mut messages, alive)| async move {
                        let message = messages.message().await.transpose()?;
                        Some((message, (messages, alive)))
                    });
                    Ok(Response::new(echo))
                }
            }),
            Method::unary("Hang", BytesCodec, move |request: Request<Bytes>| {
                let alive = hang.begin(Wish::decode(request.get_ref()).call);
                async move {
                    pending::<()>().await;
                    drop(alive);
                    Err::<Response<Bytes>, _>(Status::internal("never"))
                }
            }),
        ]
    }
}

/// Everything of one run.
pub(crate) struct World {
    seed: u64,
    network: Network,
    ledger: Arc<Ledger>,
    servers: Arc<Mutex<Vec<Server>>>,
    config: ServerConfig,
}

/// A caller that is not done, for whatever reason it ends.
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What one caller has to know.
#[derive(Clone)]
struct Caller {
    seed: u64,
    network: Network,
    ledger: Arc<Ledger>,
    channel: Channel,
    outcome: Arc<Mutex<Outcome>>,
    /// Nothing is lost in this world: no call has an excuse.
    calm: bool,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let network = Network::new(seed);
        // Narrow windows make many waits; a low limit makes calls queue for streams.
        let config = ServerConfig::default().with(|config| {
            config.connection.initial_stream_window = 1 + network.below(60_000) as u32;
            config.max_concurrent_streams = 1 + network.below(20) as u32;
            config.connection.max_send_buffer = 1 + network.below(40_000) as usize;
        });
        let world = Self { seed, network, ledger: Arc::default(), servers: Arc::default(), config };
        for _ in 0..2 {
            let server = world.start_server();
            world.servers.lock().expect("not poisoned").push(server);
        }
        world
    }

    fn start_server(&self) -> Server {
        Server::builder()
            .add_service(Calls { ledger: Arc::clone(&self.ledger) })
            .with_http2(|config| *config = self.config.clone())
            .start(Handle::current())
            .expect("a server without an address starts")
    }

    fn channel(&self) -> Channel {
        let (network, servers) = (self.network.clone(), Arc::clone(&self.servers));
        let connect = move |_: &Address| -> Connecting {
            let (ours, theirs) = network.link();
            let servers = servers.lock().expect("not poisoned");
            let server = &servers[network.below(servers.len() as u64) as usize];
            let taken = server.serve_connection(theirs, PeerAddr::Named("client".into()));
            Box::pin(async move {
                let stopped = || std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "stopping");
                if taken { Ok(Box::new(ours) as Box<dyn ByteStream>) } else { Err(stopped()) }
            })
        };
        Channel::builder("sim:///servers")
            .resolver(Arc::new(FixedResolver::new(vec![Address::Named("a server".into())])))
            .connector(connect)
            .with_http2(|config| *config = self.config.connection.clone())
            .wait_for_ready(true)
            .connect_lazy()
            .expect("a usable target")
    }

    /// Loses links and replaces servers until `over` says that the callers are done.
    async fn trouble(&self, over: &AtomicUsize) {
        while over.load(Ordering::Relaxed) > 0 {
            sleep(Duration::from_micros(self.network.below(400_000))).await;
            if self.network.one_in(6) {
                let server = self.start_server();
                let which = self.network.below(2) as usize;
                let old = std::mem::replace(&mut self.servers.lock().expect("not poisoned")[which], server);
                self.network.note("replaced", which as u64);
                let grace = self.network.below(200);
                old.shutdown(if self.network.one_in(3) { None } else { Some(Duration::from_millis(grace)) });
            } else {
                self.network.lose_one();
            }
        }
    }

    /// Runs until all callers are done and everything has been taken down.
    pub(crate) async fn run(self) -> Outcome {
        let calm = self.seed.is_multiple_of(3);
        let outcome = Arc::new(Mutex::new(Outcome::default()));
        let running = Arc::new(AtomicUsize::new(CALLERS as usize));
        let channels: Vec<_> = (0..3).map(|_| self.channel()).collect();
        let mut callers = Vec::new();
        for number in 0..CALLERS {
            let caller = Caller {
                seed: self.seed,
                network: self.network.clone(),
                ledger: Arc::clone(&self.ledger),
                channel: channels[number as usize % channels.len()].clone(),
                outcome: Arc::clone(&outcome),
                calm,
            };
            let running = Running(Arc::clone(&running));
            callers.push(tokio::spawn(async move {
                let _running = running;
                for call in 0..CALLS {
                    caller.call(number * CALLS + call).await;
                }
            }));
        }
        if !calm {
            self.trouble(&running).await;
        }
        for caller in callers {
            caller.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        }
        for channel in channels {
            channel.close();
        }
        let servers = std::mem::take(&mut *self.servers.lock().expect("not poisoned"));
        for server in &servers {
            server.shutdown(None);
        }
        for server in &servers {
            server.terminated().await;
        }
        self.rest().await;
        let mut outcome =
            Arc::into_inner(outcome).expect("no caller is left").into_inner().expect("not poisoned");
        (outcome.bytes, outcome.trace) = (self.network.bytes(), self.network.trace());
        outcome
    }

    /// Waits until nothing is left of connections and handlers; an hour that the clock jumps over is the limit.
    async fn rest(&self) {
        let tasks = || Handle::current().metrics().num_alive_tasks();
        for _ in 0..36_000 {
            if self.network.links() == 0 && self.ledger.alive.load(Ordering::Relaxed) == 0 && tasks() == 0 {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!(
            "seed {}: {} links, {} handlers and {} tasks are left over",
            self.seed,
            self.network.links(),
            self.ledger.alive.load(Ordering::Relaxed),
            tasks()
        );
    }
}

impl Caller {
    /// Makes a call of some kind and checks what came of it.
    async fn call(&self, call: u64) {
        let network = &self.network;
        sleep(Duration::from_micros(network.below(20_000))).await;
        let size = if network.one_in(8) { network.below(200_000) } else { network.below(300) };
        let pause = if network.one_in(3) { network.below(20_000) } else { 0 };
        let wish = Wish { call, size: size as u32, count: network.below(30) as u32, pause };
        let hurried = network.one_in(6);
        let timeout = if hurried { Duration::from_micros(network.below(80_000)) } else { AMPLE };
        let kind = if hurried { network.below(5) } else { network.below(4) };
        let patience = network.one_in(8).then(|| Duration::from_micros(network.below(60_000)));

        let started = Instant::now();
        let made: Pin<Box<dyn Future<Output = Result<(), Status>> + Send>> = match kind {
            0 => Box::pin(self.once(wish, timeout)),
            1 => Box::pin(self.down(wish, timeout)),
            2 => Box::pin(self.up(wish, timeout)),
            3 => Box::pin(self.chat(wish, timeout)),
            _ => Box::pin(self.hang(wish, timeout)),
        };
        let result = match patience {
            Some(patience) => tokio::time::timeout(patience, made).await.ok(),
            None => Some(made.await),
        };
        let took = started.elapsed();
        self.check(wish, kind, timeout, took, result);
    }

    fn check(
        &self,
        wish: Wish,
        kind: u64,
        timeout: Duration,
        took: Duration,
        result: Option<Result<(), Status>>,
    ) {
        let about = format!(
            "seed {}, call {}, kind {kind}, timeout {timeout:?}, after {took:?}",
            self.seed, wish.call
        );
        assert!(took <= timeout + LATE, "{about}: past its deadline with {result:?}");
        let begun = self.ledger.begun(wish.call);
        assert!(begun <= 1, "{about}: ran {begun} times with {result:?}");
        let mut outcome = self.outcome.lock().expect("not poisoned");
        let code = match &result {
            None => {
                outcome.cancelled += 1;
                100
            }
            Some(Ok(())) => {
                assert_eq!(begun, 1, "{about}: OK, and no handler ran");
                outcome.ok += 1;
                0
            }
            Some(Err(status)) => {
                match status.code() {
                    Code::DeadlineExceeded => {
                        // With time in plenty nothing but a wake-up that was lost explains it.
                        assert!(timeout < AMPLE, "{about}: {status}");
                        outcome.expired += 1;
                    }
                    Code::Unavailable => {
                        assert!(!self.calm, "{about}: lost, where nothing is: {status}");
                        outcome.lost += 1;
                    }
                    _ => panic!("{about}: {status}"),
                }
                status.code() as u64
            }
        };
        self.network.note("call", wish.call);
        self.network.note("ended", code);
    }

    fn request<T>(&self, message: T, timeout: Duration) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(timeout);
        request
    }

    async fn once(&self, wish: Wish, timeout: Duration) -> Result<(), Status> {
        let answer =
            self.channel.unary("/sim.Calls/Once", BytesCodec, self.request(wish.encode(), timeout)).await?;
        assert_eq!(answer.into_inner(), wish.message(0), "call {}: not its answer", wish.call);
        Ok(())
    }

    async fn down(&self, wish: Wish, timeout: Duration) -> Result<(), Status> {
        let request = self.request(wish.encode(), timeout);
        let answer = self.channel.server_streaming("/sim.Calls/Down", BytesCodec, request).await?;
        let mut messages = answer.into_inner();
        for index in 0..wish.count {
            let Some(message) = messages.message().await? else {
                panic!("call {}: OK after {index} of {} messages", wish.call, wish.count);
            };
            assert_eq!(message, wish.message(index), "call {}: message {index} came changed", wish.call);
            // Who reads slowly can be late by himself.
            if timeout == AMPLE && self.network.one_in(5) {
                sleep(Duration::from_micros(self.network.below(3_000))).await;
            }
        }
        match messages.message().await? {
            None => Ok(()),
            Some(_) => panic!("call {}: more messages than {}", wish.call, wish.count),
        }
    }

    fn outgoing(wish: Wish) -> impl futures_util::Stream<Item = Bytes> + Send + 'static {
        stream::once(async move { wish.encode() })
            .chain(stream::iter(0..wish.count).map(move |index| wish.message(index)))
    }

    async fn up(&self, wish: Wish, timeout: Duration) -> Result<(), Status> {
        let request = self.request(Self::outgoing(wish), timeout);
        let answer = self.channel.client_streaming("/sim.Calls/Up", BytesCodec, request).await?;
        assert_eq!(
            answer.into_inner()[..],
            wish.count.to_be_bytes(),
            "call {}: messages are missing",
            wish.call
        );
        Ok(())
    }

    async fn chat(&self, wish: Wish, timeout: Duration) -> Result<(), Status> {
        let request = self.request(Self::outgoing(wish), timeout);
        let answer = self.channel.bidi_streaming("/sim.Calls/Chat", BytesCodec, request).await?;
        let mut messages = answer.into_inner();
        let mut index = 0;
        while let Some(message) = messages.message().await? {
            assert_eq!(message, wish.message(index), "call {}: message {index} came changed", wish.call);
            index += 1;
        }
        assert_eq!(index, wish.count, "call {}: OK without all messages", wish.call);
        Ok(())
    }

    async fn hang(&self, wish: Wish, timeout: Duration) -> Result<(), Status> {
        let request = self.request(wish.encode(), timeout);
        self.channel.unary("/sim.Calls/Hang", BytesCodec, request).await.map(drop)
    }
}
