//! Resolving names with the system's own resolver (`getaddrinfo`: hosts file, DNS, whatever the machine is configured
//! for).

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::fixed::Settled;
use super::host_port::split_host_port;
use super::{ActiveResolver, Address, Resolution, Resolver, ResolverSink};
use crate::client::backoff::{Backoff, BackoffConfig};
use crate::client::target::{InvalidTarget, Target};

/// The minimum time between look-ups, which bounds the load on name servers however often connections fail (as in
/// gRPC's own DNS resolvers).
const MIN_INTERVAL: Duration = Duration::from_secs(30);

type LookUp =
    dyn Fn(String, u16) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> + Send + Sync;

/// A resolver that looks names up when the channel starts and again after failures, but no more often than its minimum
/// interval (30 s by default). A failed look-up is repeated with back-off.
#[derive(Clone)]
pub struct DnsResolver {
    min_interval: Duration,
    look_up: Arc<LookUp>,
}

impl Default for DnsResolver {
    fn default() -> Self {
        Self { min_interval: MIN_INTERVAL, look_up: Arc::new(|host, port| Box::pin(look_up(host, port))) }
    }
}

impl fmt::Debug for DnsResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DnsResolver").field("min_interval", &self.min_interval).finish_non_exhaustive()
    }
}

impl DnsResolver {
    /// Sets the minimum time between two successful look-ups. Default 30 s.
    #[must_use]
    pub fn min_interval(mut self, interval: Duration) -> Self {
        self.min_interval = interval;
        self
    }

    #[cfg(test)]
    pub(super) fn with_look_up(look_up: Arc<LookUp>) -> Self {
        Self { min_interval: MIN_INTERVAL, look_up }
    }
}

async fn look_up(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    // RFC 6761, 6.3: it is the loopback addresses, whatever a name server or the hosts file says.
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(vec![(Ipv6Addr::LOCALHOST, port).into(), (Ipv4Addr::LOCALHOST, port).into()]);
    }
    Ok(tokio::net::lookup_host((host, port)).await?.collect())
}

/// Returns the host and port of a target that the system's resolver can look up.
fn parse(target: &Target) -> Result<(String, u16), InvalidTarget> {
    let (host, port) =
        split_host_port(target.endpoint()).map_err(|reason| InvalidTarget::new(target, reason))?;
    if !target.authority().is_empty() {
        let reason = format!(
            "the system's resolver cannot be told to ask the name server `{}`; leave it out (dns:///{host}:{port}) or give \
             the channel a resolver that can",
            target.authority()
        );
        return Err(InvalidTarget::new(target, reason));
    }
    Ok((host, port))
}

impl Resolver for DnsResolver {
    fn check(&self, target: &Target) -> Result<(), InvalidTarget> {
        parse(target).map(drop)
    }

    /// The host and port as written.
    fn default_authority(&self, target: &Target) -> String {
        let name = target.endpoint();
        let Ok((host, port)) = split_host_port(name) else { return name.to_owned() };
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        // RFC 9110, 4.2.2: a default port may be left out; grpc keeps what was written.
        if target.as_str().ends_with(&format!(":{port}")) { format!("{host}:{port}") } else { host }
    }

    fn start(&self, target: &Target, sink: ResolverSink) -> Box<dyn ActiveResolver> {
        let (host, port) = match parse(target) {
            Ok(found) => found,
            Err(error) => {
                sink.error(error);
                return Box::new(Settled);
            }
        };
        if let Ok(ip) = host.parse::<IpAddr>() {
            sink.update(Resolution::new(vec![Address::Tcp(SocketAddr::new(ip, port))]));
            return Box::new(Settled);
        }
        let (hint, hints) = watch::channel(());
        let task = Task { resolver: self.clone(), host, port, sink: sink.clone(), hints };
        let task = sink.runtime().spawn(task.run()).abort_handle();
        Box::new(Active { hint, task })
    }
}

struct Active {
    hint: watch::Sender<()>,
    task: AbortHandle,
}

impl ActiveResolver for Active {
    fn resolve_now(&mut self) {
        self.hint.send_replace(());
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Task {
    resolver: DnsResolver,
    host: String,
    port: u16,
    sink: ResolverSink,
    hints: watch::Receiver<()>,
}

impl Task {
    async fn run(mut self) {
        let mut backoff = Backoff::new(BackoffConfig::default());
        loop {
            let started = Instant::now();
            // Hints up to now are answered by this look-up.
            self.hints.mark_unchanged();
            let cause = match (self.resolver.look_up)(self.host.clone(), self.port).await {
                Ok(addresses) if !addresses.is_empty() => {
                    backoff.reset();
                    self.sink.update(Resolution::new(distinct(addresses)));
                    if self.hints.changed().await.is_err() {
                        return;
                    }
                    sleep_until(started + self.resolver.min_interval).await;
                    continue;
                }
                Ok(_) => io::Error::new(io::ErrorKind::NotFound, "the name has no addresses"),
                Err(error) => error,
            };
            self.sink.error(LookUpFailed { host: self.host.clone(), port: self.port, cause });
            sleep(backoff.next_delay(fastrand::f64())).await;
        }
    }
}

/// The error of a name that could not be looked up.
#[derive(Debug)]
struct LookUpFailed {
    host: String,
    port: u16,
    cause: io::Error,
}

impl fmt::Display for LookUpFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DNS resolution failed for {}:{}: {}", self.host, self.port, self.cause)
    }
}

impl Error for LookUpFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

/// Removes duplicates, keeping the order; on some systems `getaddrinfo` returns an address once per socket type.
fn distinct(addresses: Vec<SocketAddr>) -> Vec<Address> {
    let mut seen = Vec::with_capacity(addresses.len());
    for address in addresses {
        let address = Address::Tcp(address);
        if !seen.contains(&address) {
            seen.push(address);
        }
    }
    seen
}
