use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::*;

fn start(
    resolver: &dyn Resolver,
    target: &str,
) -> (Box<dyn ActiveResolver>, mpsc::UnboundedReceiver<ResolverEvent>) {
    let (sink, events) = ResolverSink::new(Handle::current());
    let target = Resolvers::default().parse_any(target).expect("valid");
    let active = resolver.start(&target, sink);
    (active, events)
}

fn addresses(event: Option<ResolverEvent>) -> Vec<String> {
    match event {
        Some(ResolverEvent::Resolved(resolution)) => {
            let addresses = resolution.endpoints.iter().flat_map(|endpoint| &endpoint.addresses);
            addresses.map(ToString::to_string).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// Answers `1.2.3.N` for the Nth look-up, twice, as systems do that list socket types; the first `failures` fail.
fn counted(failures: usize) -> DnsResolver {
    let count = AtomicUsize::new(0);
    DnsResolver::with_look_up(Arc::new(move |_, port| {
        let turn = count.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            if turn < failures {
                return Err(io::Error::other("no such name"));
            }
            let address = SocketAddr::from(([1, 2, 3, turn as u8], port));
            Ok(vec![address, address])
        })
    }))
}

#[tokio::test]
async fn addresses_need_no_look_up() {
    for (target, expected) in
        [("127.0.0.1:5", "ipv4:127.0.0.1:5"), ("[::1]:5", "ipv6:[::1]:5"), ("unix:/a", "unix:/a")]
    {
        let (_, resolver) = Resolvers::default().find(target).expect("known");
        let (_active, mut events) = start(&*resolver, target);
        assert_eq!(addresses(events.try_recv().ok()), [expected]);
    }
}

#[tokio::test]
async fn localhost_by_the_system() {
    let (_active, mut events) = start(&DnsResolver::default(), "localhost:80");
    let found = addresses(events.recv().await);
    assert!(
        found.iter().any(|address| address == "ipv4:127.0.0.1:80" || address == "ipv6:[::1]:80"),
        "{found:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn hints_keep_the_minimum_interval() {
    let (mut active, mut events) = start(&counted(0), "some.name:80");
    let begin = Instant::now();
    assert_eq!(addresses(events.recv().await), ["ipv4:1.2.3.0:80"]);
    active.resolve_now();
    active.resolve_now();
    assert_eq!(addresses(events.recv().await), ["ipv4:1.2.3.1:80"]);
    assert_eq!(begin.elapsed().as_secs(), 30);
    // Without a hint nobody is asked.
    tokio::time::sleep(Duration::from_secs(1000)).await;
    assert!(events.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn failures_are_reported_and_repeated_with_backoff() {
    let (_active, mut events) = start(&counted(3), "some.name:80");
    let begin = Instant::now();
    for _ in 0..3 {
        match events.recv().await {
            Some(ResolverEvent::Failed(error)) => {
                assert_eq!(error.to_string(), "DNS resolution failed for some.name:80: no such name");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(addresses(events.recv().await), ["ipv4:1.2.3.3:80"]);
    let waited = begin.elapsed().as_secs_f64();
    assert!((4.0..6.3).contains(&waited), "1 + 1.6 + 2.56 s, each a fifth more or less: {waited}");
}

#[tokio::test(start_paused = true)]
async fn dropping_ends_the_work() {
    let (active, mut events) = start(&counted(usize::MAX), "some.name:80");
    assert!(matches!(events.recv().await, Some(ResolverEvent::Failed(_))));
    drop(active);
    assert!(events.recv().await.is_none(), "the task and its sink are gone");
}

#[tokio::test]
async fn a_name_server_is_refused_by_the_system_resolver() {
    let error = Resolvers::default().find("dns://8.8.8.8/example.com:80").err().expect("refused").to_string();
    assert!(error.contains("`8.8.8.8`") && error.contains("dns:///example.com:80"), "{error}");
}

#[tokio::test]
async fn manual_reports_reach_channels_that_come_later() {
    let resolver = ManualResolver::new();
    resolver.update(vec![Address::Unix("/a".into())]);
    let (mut active, mut events) = start(&resolver, "x:1");
    assert_eq!(addresses(events.recv().await), ["unix:/a"]);
    resolver.fail("gone");
    assert!(matches!(events.recv().await, Some(ResolverEvent::Failed(error)) if error.to_string() == "gone"));
    active.resolve_now();
    assert_eq!(*resolver.hints().borrow(), 1);
}
