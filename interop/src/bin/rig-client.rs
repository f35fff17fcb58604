//! The rig's client: `rig-client PORT [--tls FOLDER [--mtls]]`. Prints `ok CASE` or `FAILED CASE: reason`.

use std::error::Error;
use std::fmt::Debug;
use std::future::Future;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use carom::client::Channel;
use carom::codec::BytesCodec;
use carom::{Code, CompressionEncoding, MetadataMap, Request, Response, Status};
use futures_util::future::try_join_all;
use futures_util::stream::{self, Stream};
use tokio::sync::mpsc;

use carom_interop::Arguments;
use carom_interop::proto::rig_client::RigClient;
use carom_interop::proto::{DownloadRequest, FailRequest, Payload, Token};

/// Every call is bounded; only a broken peer gets near this.
const PATIENCE: Duration = Duration::from_secs(20);
const DEFAULT_RECEIVE_LIMIT: usize = 4 << 20;
const TWO_MEBIBYTES: usize = 2 << 20;
const DETAILS: &str = "100 % schlägt fehl: é, 漢字, tab\tand 25%25";

type Outcome = Result<(), Box<dyn Error>>;

/// What each case is handed.
#[derive(Clone)]
struct Rig {
    channel: Channel,
    stub: RigClient,
}

fn patient<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(PATIENCE);
    request
}

fn payload(number: i32, size: usize) -> Payload {
    Payload { number, body: vec![b'x'; size], ..Default::default() }
}

fn download(count: i32, size: usize) -> Request<DownloadRequest> {
    patient(DownloadRequest { count, size: size as i32, ..Default::default() })
}

fn expect<T: PartialEq + Debug>(got: T, wanted: T, what: &str) -> Outcome {
    if got == wanted { Ok(()) } else { Err(format!("{what} is {got:?}, not {wanted:?}").into()) }
}

/// The status that a call ends with, which has one of these codes.
fn expect_error<T>(outcome: Result<T, Status>, codes: &[Code]) -> Result<Status, Box<dyn Error>> {
    match outcome {
        Ok(_) => Err("answered instead of an error".into()),
        Err(status) if codes.contains(&status.code()) => Ok(status),
        Err(status) => Err(format!("ended with {status}, not with one of {codes:?}").into()),
    }
}

/// A stream of requests that is fed from outside and ends when the sender is dropped.
fn fed() -> (mpsc::UnboundedSender<Payload>, impl Stream<Item = Payload> + Send + 'static) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let stream = stream::unfold(receiver, |mut receiver| async move {
        let payload = receiver.recv().await?;
        Some((payload, receiver))
    });
    (sender, stream)
}

fn unique(what: &str) -> Result<Token, Box<dyn Error>> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_nanos();
    Ok(Token { token: format!("{what} {now}"), ..Default::default() })
}

impl Rig {
    async fn expect_alive(&self) -> Outcome {
        let reply = self.stub.echo(patient(payload(7, 5))).await?;
        expect(reply.get_ref(), &payload(7, 5), "the call after it")
    }

    async fn unary(self) -> Outcome {
        for number in 0..20 {
            let reply = self.stub.echo(patient(payload(number, 5))).await?;
            expect(reply.get_ref(), &payload(number, 5), "answer")?;
        }
        let reply = self.stub.echo(patient(Payload::default())).await?;
        expect(reply.get_ref(), &Payload::default(), "answer to an empty message")
    }

    async fn unary_at_once(self) -> Outcome {
        let calls = (0..50).map(|number| self.stub.echo(patient(payload(number, 5))));
        let replies = try_join_all(calls).await?;
        let numbers: Vec<i32> = replies.iter().map(|reply| reply.get_ref().number).collect();
        expect(numbers, (0..50).collect(), "numbers")
    }

    async fn server_stream(self) -> Outcome {
        let mut replies = self.stub.download(download(1000, 100)).await?.into_inner();
        let mut numbers = Vec::new();
        while let Some(reply) = replies.message().await? {
            numbers.push(reply.number);
        }
        expect(numbers, (0..1000).collect(), "numbers")
    }

    async fn client_stream(self) -> Outcome {
        let payloads = stream::iter((0..500).map(|number| payload(number, 10)));
        let summary = self.stub.upload(patient(payloads)).await?.into_inner();
        expect((summary.count, summary.bytes), (500, 5000), "summary")?;
        let nothing = self.stub.upload(patient(stream::iter([]))).await?;
        expect(nothing.get_ref().count, 0, "count of nothing")
    }

    async fn ping_pong(self) -> Outcome {
        let (outgoing, requests) = fed();
        outgoing.send(payload(0, 5))?;
        let mut replies = self.stub.ping_pong(patient(requests)).await?.into_inner();
        for number in 0..100 {
            let reply = replies.message().await?.ok_or("the stream ended early")?;
            expect(reply.number, number, "number")?;
            outgoing.send(payload(number + 1, 5))?;
        }
        drop(outgoing);
        let last = replies.message().await?.map(|reply| reply.number);
        expect(last, Some(100), "the last number")?;
        expect(replies.message().await?.is_none(), true, "the end after the half-close")
    }

    async fn metadata(self) -> Outcome {
        let every_byte: Vec<u8> = (0..=255).collect();
        let mut request = patient(payload(0, 5));
        let sent = request.metadata_mut();
        sent.append("rig-text", "plain value")?;
        sent.append("rig-some-bin", every_byte)?;
        sent.append("rig-some-bin", b"")?;
        sent.append("rig-twice", "one")?;
        sent.append("rig-twice", "two")?;
        let sent = sent.clone();
        let reply: Response<Payload> = self.stub.echo(request).await?;
        for (name, got) in [("initial", reply.metadata()), ("trailing", reply.trailers())] {
            for key in ["rig-text", "rig-some-bin", "rig-twice"] {
                let values = |map: &MetadataMap| -> Vec<Vec<u8>> {
                    map.get_all(key).map(|value| value.as_bytes().to_vec()).collect()
                };
                expect(values(got), values(&sent), &format!("{name} metadata {key}"))?;
            }
        }
        Ok(())
    }

    async fn error_status(self) -> Outcome {
        for number in 1..=16 {
            let wanted = FailRequest { code: number, details: DETAILS.to_owned(), ..Default::default() };
            let mut request = patient(wanted);
            request.metadata_mut().append("rig-trail-bin", b"\x00\xff")?;
            let status = expect_error(self.stub.fail(request).await, &[Code::from_i32(number)])?;
            expect(status.message(), DETAILS, "details")?;
            let trailing = status.metadata().get("rig-trail-bin").map(|value| value.as_bytes().to_vec());
            expect(trailing, Some(vec![0, 0xff]), "trailing metadata")?;
        }
        Ok(())
    }

    async fn broken_handler(self) -> Outcome {
        let outcome = self.stub.r#break(patient(payload(0, 5))).await;
        expect_error(outcome, &[Code::Unknown, Code::Internal])?;
        self.expect_alive().await
    }

    async fn deadline(self) -> Outcome {
        let token = unique("deadline")?;
        let mut request = Request::new(token.clone());
        request.set_timeout(Duration::from_millis(300));
        let start = Instant::now();
        let status = expect_error(self.stub.hang(request).await, &[Code::DeadlineExceeded])?;
        let took = start.elapsed();
        if took < Duration::from_millis(200) || took > Duration::from_secs(5) {
            return Err(format!("a deadline of 0.3 s took {took:?}").into());
        }
        expect(status.message().is_empty(), false, "an empty message")?;
        let seen = self.stub.await_cancelled(patient(token)).await?;
        expect(seen.get_ref().cancelled, true, "cancelled at the server")
    }

    async fn cancellation(self) -> Outcome {
        let token = unique("cancel")?;
        {
            let hanging = self.stub.hang(patient(token.clone()));
            tokio::pin!(hanging);
            // Polled first, so that the call is on its way; the second call shows that the server has it.
            tokio::select! {
                biased;
                outcome = &mut hanging => return Err(format!("ended at once: {:?}", outcome.err()).into()),
                alive = self.expect_alive() => alive?,
            }
        }
        let mut replies = self.stub.download(download(1_000_000, 1000)).await?.into_inner();
        expect(replies.message().await?.is_some(), true, "a first message")?;
        drop(replies);
        self.expect_alive().await
    }

    async fn unimplemented(self) -> Outcome {
        for path in ["/carom.interop.Rig/Nowhere", "/carom.interop.Nobody/Echo", "/carom.interop.rig/Echo"] {
            let outcome = self.channel.unary(path, BytesCodec, patient(Bytes::new())).await;
            let status = expect_error(outcome, &[Code::Unimplemented])?;
            expect(status.message().is_empty(), false, "an empty message")?;
        }
        self.expect_alive().await
    }

    async fn two_mebibytes(self) -> Outcome {
        let big = payload(1, TWO_MEBIBYTES);
        let reply = self.stub.echo(patient(big.clone())).await?;
        expect(*reply.get_ref() == big, true, "the same 2 MiB came back")?;
        let mut replies = self.stub.download(download(5, TWO_MEBIBYTES)).await?.into_inner();
        let mut sizes = Vec::new();
        while let Some(reply) = replies.message().await? {
            sizes.push(reply.body.len());
        }
        expect(sizes, vec![TWO_MEBIBYTES; 5], "sizes")
    }

    async fn request_over_limit(self) -> Outcome {
        let (outgoing, requests) = fed();
        outgoing.send(payload(1, 5))?;
        let mut replies = self.stub.ping_pong(patient(requests)).await?.into_inner();
        let before = replies.message().await?.map(|reply| reply.number);
        expect(before, Some(1), "number before")?;
        let outcome = self.stub.echo(patient(payload(0, DEFAULT_RECEIVE_LIMIT + 1))).await;
        expect_error(outcome, &[Code::ResourceExhausted])?;
        outgoing.send(payload(2, 5))?;
        drop(outgoing);
        let after = replies.message().await?.map(|reply| reply.number);
        expect(after, Some(2), "number after")?;
        expect(replies.message().await?.is_none(), true, "the end after the half-close")
    }

    async fn reply_over_limit(self) -> Outcome {
        let outcome = async {
            let mut replies = self.stub.download(download(1, DEFAULT_RECEIVE_LIMIT + 1)).await?.into_inner();
            replies.message().await
        };
        expect_error(outcome.await, &[Code::ResourceExhausted])?;
        self.expect_alive().await
    }

    async fn gzip(self) -> Outcome {
        let mut request = patient(payload(3, 100_000));
        request.set_compression(CompressionEncoding::Gzip);
        let reply = self.stub.echo(request).await?;
        expect(*reply.get_ref() == payload(3, 100_000), true, "the same compressed message came back")
    }
}

/// Runs one case and tells how it went.
async fn case(name: &str, case: impl Future<Output = Outcome>) -> bool {
    // Each call has its deadline; a case that goes on for ever all the same is told by its name.
    let outcome = tokio::time::timeout(PATIENCE * 2, case).await;
    match outcome.unwrap_or_else(|_| Err(format!("not over after {:?}", PATIENCE * 2).into())) {
        Ok(()) => println!("ok {name}"),
        Err(reason) => {
            println!("FAILED {name}: {}", reason.to_string().replace('\n', " "));
            return false;
        }
    }
    true
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    let port = arguments.port.ok_or("usage: rig-client PORT [--tls FOLDER [--mtls]]")?;
    let tls = arguments.client_tls()?;
    let host = if tls.is_some() { "localhost" } else { "127.0.0.1" };
    let mut builder = Channel::builder(format!("{host}:{port}"));
    if let Some(tls) = tls {
        builder = builder.tls(tls);
    }
    let channel = builder.connect().await?;
    let rig = Rig { stub: RigClient::new(channel.clone()), channel };

    let mut passed = true;
    passed &= case("unary", rig.clone().unary()).await;
    passed &= case("unary_at_once", rig.clone().unary_at_once()).await;
    passed &= case("server_stream", rig.clone().server_stream()).await;
    passed &= case("client_stream", rig.clone().client_stream()).await;
    passed &= case("ping_pong", rig.clone().ping_pong()).await;
    passed &= case("metadata", rig.clone().metadata()).await;
    passed &= case("error_status", rig.clone().error_status()).await;
    passed &= case("broken_handler", rig.clone().broken_handler()).await;
    passed &= case("deadline", rig.clone().deadline()).await;
    passed &= case("cancellation", rig.clone().cancellation()).await;
    passed &= case("unimplemented", rig.clone().unimplemented()).await;
    passed &= case("two_mebibytes", rig.clone().two_mebibytes()).await;
    passed &= case("request_over_limit", rig.clone().request_over_limit()).await;
    passed &= case("reply_over_limit", rig.clone().reply_over_limit()).await;
    passed &= case("gzip", rig.clone().gzip()).await;
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
