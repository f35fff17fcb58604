use std::time::{Duration, Instant};

use rustix::param::clock_ticks_per_second;

/// Wall time, this process's CPU and, where the variable `SERVER_PID` names one, a server's CPU over a
/// stretch of work.
pub struct Meter {
    started: Instant,
    own_us: f64,
    server: Option<(u32, f64)>,
}

impl Meter {
    /// Starts measuring.
    pub fn start() -> Self {
        let server = std::env::var("SERVER_PID").ok().and_then(|pid| pid.parse().ok());
        Self {
            started: Instant::now(),
            own_us: cpu_us(std::process::id()),
            server: server.map(|pid| (pid, cpu_us(pid))),
        }
    }

    /// Prints one line of JSON: `units` calls or messages with `bytes` of payload were done, and each took
    /// one of `latencies`, in microseconds, where they were taken.
    pub fn finish(self, what: &str, units: u64, bytes: u64, mut latencies: Vec<u32>) {
        let secs = self.started.elapsed().as_secs_f64();
        let own = cpu_us(std::process::id()) - self.own_us;
        let server = self.server.map_or(-1.0, |(pid, before)| (cpu_us(pid) - before) / units as f64);
        latencies.sort_unstable();
        let percentile = |share: f64| match latencies.len() {
            0 => -1.0,
            n => f64::from(latencies[((n - 1) as f64 * share) as usize]),
        };
        println!(
            "{{\"what\":\"{what}\",\"units\":{units},\"secs\":{secs:.4},\"per_s\":{:.1},\"mb_s\":{:.2},\
             \"client_cpu_us\":{:.3},\"server_cpu_us\":{server:.3},\"client_util\":{:.3},\"p50_us\":{},\"p99_us\":{}}}",
            units as f64 / secs,
            bytes as f64 / 1e6 / secs,
            own / units as f64,
            own / 1e6 / secs,
            percentile(0.5),
            percentile(0.99),
        );
    }
}

/// User and system time of a process in microseconds, from `/proc`; 0 where there is none.
fn cpu_us(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The second field, the name in parentheses, may hold spaces; utime and stime are the 14th and 15th.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |n: usize| fields.get(n).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) * 1e6 / clock_ticks_per_second() as f64
}

/// Whole microseconds.
pub fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}
