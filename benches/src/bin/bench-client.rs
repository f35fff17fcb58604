//! Loads a server on 127.0.0.1 over one channel and prints one line of JSON.
//!
//! ```text
//! bench-client unary    PORT THREADS CONCURRENCY SECONDS NAME_BYTES
//! bench-client sstream  PORT THREADS COUNT SIZE REPEATS
//! bench-client pingpong PORT THREADS SECONDS SIZE
//! bench-client upload   PORT THREADS COUNT SIZE REPEATS
//! bench-client fairness PORT THREADS SECONDS
//! ```
//! `fairness` makes one small call after another, first alone and then beside a stream of 1 MiB messages on the same
//! connection, and prints a line for each. THREADS 0 is the current-thread runtime. The first half second, or the first repeat, is not counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use carom::{Channel, Status};
use carom_bench::{
    Meter, arg,
    bench::{Chunk, StreamRequest, bench_client::BenchClient},
    helloworld::{HelloRequest, greeter_client::GreeterClient},
    micros,
};

const WARM_UP: Duration = Duration::from_millis(500);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mode = arg(1, "unary".to_owned());
    let port: u16 = arg(2, 50051);
    carom_bench::runtime(arg(3, 1)).block_on(async move {
        // In a task, so that a worker does the work and not the thread that waits here.
        tokio::spawn(async move {
            let channel = Channel::builder(format!("127.0.0.1:{port}"))
                .max_recv_message_size(Some(64 << 20))
                .connect()
                .await
                .map_err(|error| Status::unavailable(error.to_string()))?;
            match mode.as_str() {
                "unary" => unary(channel).await,
                "sstream" => server_stream(channel).await,
                "pingpong" => ping_pong(channel).await,
                "upload" => upload(channel).await,
                "fairness" => fairness(channel).await,
                other => Err(Status::invalid_argument(format!(
                    "{other}: unary, sstream, pingpong, upload or fairness"
                ))),
            }
        })
        .await??;
        Ok(())
    })
}

async fn unary(channel: Channel) -> Result<(), Status> {
    let (concurrency, seconds, size) = (arg(4, 1), arg(5, 3.0), arg(6, 5));
    let name = "w".repeat(size);
    drive(&channel, concurrency, WARM_UP, &name).await?;
    let meter = Meter::start();
    let latencies = drive(&channel, concurrency, Duration::from_secs_f64(seconds), &name).await?;
    meter.finish("unary", latencies.len() as u64, 0, latencies);
    Ok(())
}

/// Keeps `concurrency` calls in flight for a while; the latency of each.
async fn drive(
    channel: &Channel,
    concurrency: usize,
    span: Duration,
    name: &str,
) -> Result<Vec<u32>, Status> {
    let end = Instant::now() + span;
    let callers: Vec<_> = (0..concurrency)
        .map(|_| {
            let (client, name) = (GreeterClient::new(channel.clone()), name.to_owned());
            tokio::spawn(async move {
                let mut latencies = Vec::with_capacity(1 << 16);
                loop {
                    let start = Instant::now();
                    if start >= end {
                        return Ok::<_, Status>(latencies);
                    }
                    let request = HelloRequest { name: name.clone(), ..Default::default() };
                    let reply = client.say_hello(request).await?;
                    assert_eq!(reply.get_ref().message.len(), name.len() + 8, "the reply is the right one");
                    latencies.push(micros(start.elapsed()));
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for caller in callers {
        all.extend(caller.await.map_err(|error| Status::internal(error.to_string()))??);
    }
    Ok(all)
}

async fn server_stream(channel: Channel) -> Result<(), Status> {
    let (count, size, repeats): (u32, u32, u32) = (arg(4, 100_000), arg(5, 16), arg(6, 3));
    let client = BenchClient::new(channel);
    let mut meter = Meter::start();
    let (mut messages, mut bytes) = (0, 0);
    for repeat in 0..=repeats {
        if repeat == 1 {
            meter = Meter::start();
            (messages, bytes) = (0, 0);
        }
        let request = StreamRequest { count, size, ..Default::default() };
        let mut chunks = client.server_stream(request).await?.into_inner();
        while let Some(chunk) = chunks.message().await? {
            messages += 1;
            bytes += chunk.data.len() as u64;
        }
    }
    assert_eq!(messages, u64::from(count) * u64::from(repeats), "every message came");
    meter.finish("sstream", messages, bytes, Vec::new());
    Ok(())
}

async fn ping_pong(channel: Channel) -> Result<(), Status> {
    let (seconds, size): (f64, usize) = (arg(4, 3.0), arg(5, 16));
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    let requests = futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    });
    let mut replies = BenchClient::new(channel).ping_pong(requests).await?.into_inner();
    let chunk = Chunk { data: vec![b'x'; size].into(), ..Default::default() };
    let mut latencies = Vec::new();
    let begin = Instant::now();
    let mut meter = None;
    while begin.elapsed() < WARM_UP + Duration::from_secs_f64(seconds) {
        if meter.is_none() && begin.elapsed() >= WARM_UP {
            latencies.clear();
            meter = Some(Meter::start());
        }
        let start = Instant::now();
        sender.send(chunk.clone()).await.map_err(|_| Status::unavailable("the call ended early"))?;
        let reply = replies.message().await?.ok_or_else(|| Status::data_loss("the replies ended early"))?;
        assert_eq!(reply.data.len(), size, "the reply is the right one");
        latencies.push(micros(start.elapsed()));
    }
    let rounds = latencies.len();
    if let Some(meter) = meter {
        meter.finish("pingpong", rounds as u64, (rounds * size * 2) as u64, latencies);
    }
    Ok(())
}

async fn upload(channel: Channel) -> Result<(), Status> {
    let (count, size, repeats): (u32, usize, u32) = (arg(4, 1000), arg(5, 1 << 20), arg(6, 3));
    let client = BenchClient::new(channel);
    let chunk = Chunk { data: vec![b'x'; size].into(), ..Default::default() };
    let mut meter = Meter::start();
    let mut bytes = 0;
    for repeat in 0..=repeats {
        if repeat == 1 {
            meter = Meter::start();
            bytes = 0;
        }
        let chunk = chunk.clone();
        let chunks = futures_util::stream::iter((0..count).map(move |_| chunk.clone()));
        bytes += client.upload(chunks).await?.into_inner().bytes;
    }
    let messages = u64::from(count) * u64::from(repeats);
    assert_eq!(bytes, messages * size as u64, "every byte came");
    meter.finish("upload", messages, bytes, Vec::new());
    Ok(())
}

/// Small calls alone, then with a stream of large messages under way.
async fn fairness(channel: Channel) -> Result<(), Status> {
    let span = Duration::from_secs_f64(arg(4, 3.0));
    drive(&channel, 1, WARM_UP, "wwwww").await?;
    let meter = Meter::start();
    let latencies = drive(&channel, 1, span, "wwwww").await?;
    meter.finish("alone", latencies.len() as u64, 0, latencies);

    let client = BenchClient::new(channel.clone());
    let streaming = tokio::spawn(async move {
        let mut bytes = 0;
        // More than can be taken: it goes on until it is dropped.
        let request = StreamRequest { count: u32::MAX, size: 1 << 20, ..Default::default() };
        let mut chunks = client.server_stream(request).await?.into_inner();
        while let Some(chunk) = chunks.message().await? {
            bytes += chunk.data.len() as u64;
            STREAMED.store(bytes, Ordering::Relaxed);
        }
        Ok::<_, Status>(())
    });
    drive(&channel, 1, WARM_UP, "wwwww").await?;
    let before = STREAMED.load(Ordering::Relaxed);
    let meter = Meter::start();
    let latencies = drive(&channel, 1, span, "wwwww").await?;
    let streamed = STREAMED.load(Ordering::Relaxed) - before;
    meter.finish("beside a stream", latencies.len() as u64, streamed, latencies);
    streaming.abort();
    Ok(())
}

/// Bytes that came on the stream of [`fairness`].
static STREAMED: AtomicU64 = AtomicU64::new(0);
