//! `rpc_soak` and `channel_soak`: large calls one after the other, on one channel or each on a new one.

use std::time::{Duration, Instant};

use carom::Request;
use futures_util::future::try_join_all;

use super::cases::{Outcome, channel, expect_body};
use super::flags::Flags;
use super::proto::SimpleRequest;
use super::proto::test_service_client::TestServiceClient;
use super::{LARGE_REQUEST, LARGE_RESPONSE, zeros};

struct Soak {
    iterations: u32,
    max_failures: u32,
    max_latency: Duration,
    overall: Duration,
    pause: Duration,
    request_size: usize,
    response_size: usize,
    threads: u32,
}

impl Soak {
    fn parse(flags: &Flags) -> Outcome<Self> {
        let millis = |name: &str, default: u64| flags.number(name, default).map(Duration::from_millis);
        let soak = Self {
            iterations: flags.number("soak_iterations", 10)?,
            max_failures: flags.number("soak_max_failures", 0)?,
            max_latency: millis("soak_per_iteration_max_acceptable_latency_ms", 1000)?,
            overall: Duration::from_secs(flags.number("soak_overall_timeout_seconds", 10)?),
            pause: millis("soak_min_time_ms_between_rpcs", 0)?,
            request_size: flags.number("soak_request_size", LARGE_REQUEST)?,
            response_size: flags.number("soak_response_size", LARGE_RESPONSE)?,
            threads: flags.number("soak_num_threads", 1)?,
        };
        if soak.threads == 0 || !soak.iterations.is_multiple_of(soak.threads) {
            return Err("--soak_iterations must be a multiple of --soak_num_threads".into());
        }
        Ok(soak)
    }

    async fn call(&self, client: &TestServiceClient) -> Outcome {
        let mut request = Request::new(SimpleRequest {
            response_size: i32::try_from(self.response_size)?,
            payload: zeros(self.request_size).into(),
            ..Default::default()
        });
        request.set_timeout(self.overall);
        let start = Instant::now();
        let response = client.unary_call(request).await?;
        expect_body(&response.get_ref().payload.body, self.response_size)?;
        let took = start.elapsed();
        if took > self.max_latency {
            return Err(format!("took {took:?}, longer than {:?}", self.max_latency).into());
        }
        Ok(())
    }
}

/// Runs the case.
pub(super) async fn run(flags: &Flags, new_channel_each: bool) -> Outcome {
    let soak = Soak::parse(flags)?;
    let shared = TestServiceClient::new(channel(flags, |builder| builder)?);
    let began = Instant::now();
    let workers = (0..soak.threads).map(|worker| {
        let (soak, shared) = (&soak, &shared);
        async move {
            let (mut done, mut failed) = (0, 0);
            for iteration in 0..soak.iterations / soak.threads {
                if began.elapsed() >= soak.overall {
                    break;
                }
                let next = tokio::time::Instant::now() + soak.pause;
                let outcome = match new_channel_each {
                    false => soak.call(shared).await,
                    true => soak.call(&TestServiceClient::new(channel(flags, |builder| builder)?)).await,
                };
                if let Err(reason) = outcome {
                    eprintln!("worker {worker}, iteration {iteration}: {reason}");
                    failed += 1;
                }
                done += 1;
                tokio::time::sleep_until(next).await;
            }
            Outcome::Ok((done, failed))
        }
    });
    let counts = try_join_all(workers).await?;
    let done: u32 = counts.iter().map(|count| count.0).sum();
    let failed: u32 = counts.iter().map(|count| count.1).sum();
    if done != soak.iterations {
        return Err(format!("{done} of {} calls within {:?}", soak.iterations, soak.overall).into());
    }
    if failed > soak.max_failures {
        return Err(format!("{failed} calls failed, more than {}", soak.max_failures).into());
    }
    Ok(())
}
