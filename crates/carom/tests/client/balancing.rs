//! Policies with real servers, and a policy of a user's own.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use carom::client::balancer::{
    CallOutcome, ChildId, Controller, Pick, PickArgs, PickFirst, Picker, Policies, Policy, PolicyConfig,
    PolicyFactory, Rejected, Resolved,
};
use carom::client::resolver::{Address, ManualResolver};
use carom::client::service_config::Json;
use carom::client::{Channel, ConnectivityState, SharedError};
use carom::codec::BytesCodec;
use carom::server::{Method, Server, Service};
use carom::{Code, MetadataMap, Request, Response};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::support::{bytes, free_address, serve, serve_with, soon};

const ROUND_ROBIN: &str = r#"{"loadBalancingConfig":[{"round_robin":{}}]}"#;

/// Answers with the number of the server.
struct Who(usize);

impl Service for Who {
    fn name(&self) -> &str {
        "test.Who"
    }

    fn methods(&self) -> Vec<Method> {
        let number = self.0.to_string();
        vec![Method::unary("Am", BytesCodec, move |_: Request<bytes::Bytes>| {
            let number = number.clone();
            async move { Ok(Response::new(number.into())) }
        })]
    }
}

fn start(number: usize, at: SocketAddr) -> (Server, SocketAddr) {
    let server =
        Server::builder().add_service(Who(number)).bind(at).start(Handle::current()).expect("starts");
    let address = server.local_addrs()[0].socket_addr().expect("TCP");
    (server, address)
}

/// Three servers, and their addresses.
fn start_three() -> (Vec<(Server, SocketAddr)>, Vec<Address>) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let servers: Vec<_> = (0..3).map(|number| start(number, any)).collect();
    let addresses = servers.iter().map(|(_, address)| Address::Tcp(*address)).collect();
    (servers, addresses)
}

async fn who(channel: &Channel) -> Result<usize, Code> {
    who_for(channel, None).await
}

async fn who_for(channel: &Channel, user: Option<&str>) -> Result<usize, Code> {
    let mut request = bytes("");
    if let Some(user) = user {
        request.metadata_mut().insert("user", user.to_owned()).expect("valid");
    }
    let answer = soon(channel.unary("/test.Who/Am", BytesCodec, request)).await;
    let answer = answer.map_err(|status| status.code())?.into_inner();
    Ok(std::str::from_utf8(&answer).expect("text").parse().expect("a number"))
}

async fn spread(channel: &Channel, calls: usize) -> BTreeMap<usize, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..calls {
        *counts.entry(who(channel).await.expect("answers")).or_default() += 1;
    }
    counts
}

/// Calls until the answers come from these servers alone, each of them.
async fn settles_on(channel: &Channel, servers: &[usize]) {
    soon(async {
        loop {
            let counts = spread(channel, 3 * servers.len()).await;
            if counts.keys().eq(servers) && counts.values().all(|count| *count == 3) {
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn round_robin_with_servers_that_come_and_go() {
    let (servers, addresses) = start_three();
    let resolver = ManualResolver::new();
    resolver.update(addresses.clone());
    let channel = Channel::builder("manual")
        .resolver(Arc::new(resolver.clone()))
        .default_service_config(ROUND_ROBIN)
        .connect();
    let channel = soon(channel).await.expect("connects");
    settles_on(&channel, &[0, 1, 2]).await;
    assert_eq!(spread(&channel, 300).await, BTreeMap::from([(0, 100), (1, 100), (2, 100)]));

    // One leaves the list, and comes back.
    resolver.update(addresses[1..].to_vec());
    settles_on(&channel, &[1, 2]).await;
    resolver.update(addresses.clone());
    settles_on(&channel, &[0, 1, 2]).await;

    // One goes down: its connection is closed, no call fails by it, and it is found again when it is back.
    let mut hints = resolver.hints();
    let (first, at) = &servers[0];
    first.shutdown(Some(Duration::from_secs(5)));
    soon(first.terminated()).await;
    soon(hints.wait_for(|hints| *hints > 0)).await.expect("asked to resolve again");
    settles_on(&channel, &[1, 2]).await;
    let (_again, _) = start(0, *at);
    settles_on(&channel, &[0, 1, 2]).await;
}

/// A channel to these servers by this policy.
fn balanced(addresses: Vec<Address>, policy: &str) -> (Channel, ManualResolver) {
    let resolver = ManualResolver::new();
    resolver.update(addresses);
    let channel = Channel::builder("manual")
        .resolver(Arc::new(resolver.clone()))
        .default_service_config(format!(r#"{{"loadBalancingConfig":[{policy}]}}"#))
        .connect_lazy()
        .expect("valid");
    (channel, resolver)
}

#[tokio::test]
async fn ring_hash_keeps_users_at_their_server_and_moves_them_when_it_is_gone() {
    let (servers, addresses) = start_three();
    let policy = r#"{"ring_hash_experimental":{"requestHashHeader":"user"}}"#;
    let (channel, _resolver) = balanced(addresses, policy);
    // Each call of a new user may have to connect first, and asks for that itself.
    let mut homes = Vec::new();
    for number in 0..60 {
        homes.push(who_for(&channel, Some(&number.to_string())).await.expect("answers"));
    }
    for server in 0..3 {
        assert!(homes.contains(&server), "{homes:?}");
    }
    for (number, home) in homes.iter().enumerate() {
        assert_eq!(who_for(&channel, Some(&number.to_string())).await, Ok(*home));
    }
    // Without the header any server will do.
    assert!(who(&channel).await.is_ok());

    let (gone, _) = &servers[1];
    gone.shutdown(Some(Duration::from_secs(5)));
    soon(gone.terminated()).await;
    // Users of that server move, the others stay. The first call may still find its connection refused.
    let lost = homes.iter().position(|home| *home == 1).expect("one").to_string();
    soon(async {
        while who_for(&channel, Some(&lost)).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    for (number, home) in homes.iter().enumerate() {
        let now = who_for(&channel, Some(&number.to_string())).await.expect("answers");
        assert!(if *home == 1 { now != 1 } else { now == *home }, "user {number}: {home}, then {now}");
    }
}

#[tokio::test]
async fn calls_without_a_key_make_more_connections_while_they_use_the_first() {
    let (_servers, addresses) = start_three();
    let policy = r#"{"ring_hash_experimental":{"requestHashHeader":"user"}}"#;
    let (channel, _resolver) = balanced(addresses, policy);
    let mut seen = [false; 3];
    soon(async {
        while seen != [true; 3] {
            seen[who(&channel).await.expect("answers")] = true;
        }
    })
    .await;
}

#[tokio::test]
async fn the_other_policies_with_real_servers() {
    let (_servers, addresses) = start_three();
    for (policy, expected) in [
        (r#"{"least_request_experimental":{}}"#, 3),
        (r#"{"weighted_random":{}}"#, 3),
        (r#"{"random_subsetting_experimental":{"subsetSize":2,"childPolicy":[{"round_robin":{}}]}}"#, 2),
    ] {
        let (channel, _resolver) = balanced(addresses.clone(), policy);
        soon(async { while spread(&channel, 60).await.len() < expected {} }).await;
        assert_eq!(spread(&channel, 60).await.len(), expected, "{policy}");
    }
}

/// A `pick_first` child whose picks are counted and told of their end, and marked for the server.
struct Counting(Arc<Counts>);

#[derive(Default)]
struct Counts {
    outstanding: AtomicUsize,
    ended: Mutex<Vec<Code>>,
    paths: Mutex<Vec<String>>,
}

impl PolicyFactory for Counting {
    fn name(&self) -> &str {
        "counting"
    }

    fn parse_config(&self, config: &Json, _policies: &Policies) -> Result<PolicyConfig, String> {
        let mark = config.get("mark").and_then(Json::as_str).ok_or("`mark` is not a string")?;
        Ok(Arc::new(mark.to_owned()))
    }

    fn build(&self, _target: &Arc<str>) -> Box<dyn Policy> {
        Box::new(CountingPolicy { counts: Arc::clone(&self.0), mark: String::new(), child: None })
    }
}

struct CountingPolicy {
    counts: Arc<Counts>,
    mark: String,
    child: Option<ChildId>,
}

impl Policy for CountingPolicy {
    fn update(&mut self, resolved: Resolved, controller: &mut dyn Controller) -> Result<(), Rejected> {
        if let Some(mark) = resolved.config.as_ref().and_then(|config| config.downcast_ref::<String>()) {
            self.mark.clone_from(mark);
        }
        let child = *self.child.get_or_insert_with(|| controller.create_child(&PickFirst));
        controller.update_child(child, Resolved { config: None, ..resolved })?;
        controller.child_exit_idle(child);
        Ok(())
    }

    fn resolver_error(&mut self, _error: &SharedError, _controller: &mut dyn Controller) {}

    fn child_changed(
        &mut self,
        _child: ChildId,
        state: ConnectivityState,
        picker: &Arc<dyn Picker>,
        controller: &mut dyn Controller,
    ) {
        let mut mark = MetadataMap::new();
        mark.insert("mark", self.mark.clone()).expect("valid");
        let picker = CountingPicker { counts: Arc::clone(&self.counts), mark, child: Arc::clone(picker) };
        controller.publish(state, Arc::new(picker));
    }

    fn exit_idle(&mut self, controller: &mut dyn Controller) {
        if let Some(child) = self.child {
            controller.child_exit_idle(child);
        }
    }
}

struct CountingPicker {
    counts: Arc<Counts>,
    mark: MetadataMap,
    child: Arc<dyn Picker>,
}

impl Picker for CountingPicker {
    fn pick<'a>(&'a self, args: &PickArgs<'_>) -> Pick<'a> {
        if args.with_metadata(|metadata| metadata.contains_key("drop-me")).unwrap_or(false) {
            return Pick::Drop(carom::Status::unavailable("dropped by the policy"));
        }
        let pick = self.child.pick(args);
        if !matches!(pick, Pick::Use { .. }) {
            return pick;
        }
        self.counts.outstanding.fetch_add(1, Ordering::SeqCst);
        self.counts.paths.lock().expect("whole").push(String::from_utf8_lossy(args.path).into_owned());
        let counts = Arc::clone(&self.counts);
        pick.with_metadata(&self.mark).on_completion(move |outcome: Option<&CallOutcome>| {
            counts.outstanding.fetch_sub(1, Ordering::SeqCst);
            if let Some(outcome) = outcome {
                assert_eq!(outcome.trailers.contains_key("why"), outcome.status.code() == Code::NotFound);
                counts.ended.lock().expect("whole").push(outcome.status.code());
            }
        })
    }
}

#[tokio::test]
async fn a_policy_of_a_users_own_counts_calls_and_marks_them() {
    let (dropped, mut drops) = mpsc::unbounded_channel();
    let (_server, address) = serve_with(Server::builder(), Some(dropped));
    let counts = Arc::new(Counts::default());
    let channel = Channel::builder(address)
        .register_policy(Arc::new(Counting(Arc::clone(&counts))))
        .default_service_config(r#"{"loadBalancingConfig":[{"counting":{"mark":"blue"}}]}"#)
        .connect_lazy()
        .expect("valid");

    let response = soon(channel.unary("/test.Kinds/Echo", BytesCodec, bytes("x"))).await.expect("answers");
    assert_eq!(response.metadata().get("mark").and_then(|mark| mark.to_str().ok()), Some("blue"));
    assert_eq!(*counts.ended.lock().unwrap(), [Code::Ok]);
    let status = soon(channel.unary("/test.Kinds/Fail", BytesCodec, bytes(""))).await.expect_err("fails");
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(*counts.ended.lock().unwrap(), [Code::Ok, Code::NotFound]);
    assert_eq!(counts.outstanding.load(Ordering::SeqCst), 0);

    // Calls under way count until they end, by whom ever.
    let hangs: Vec<_> = (0..3)
        .map(|_| {
            let channel = channel.clone();
            tokio::spawn(async move { channel.unary("/test.Kinds/Hang", BytesCodec, bytes("")).await })
        })
        .collect();
    soon(async {
        while counts.outstanding.load(Ordering::SeqCst) < 3 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    for hang in hangs {
        hang.abort();
        assert!(soon(hang).await.is_err());
    }
    assert_eq!(counts.outstanding.load(Ordering::SeqCst), 0);
    assert_eq!(counts.ended.lock().unwrap()[2..], [Code::Cancelled; 3]);
    let _ = drops.try_recv();

    // Dropped calls are dropped, although they would wait.
    let mut request = bytes("");
    request.metadata_mut().insert("drop-me", "now").unwrap();
    request.set_wait_for_ready(true);
    let status = soon(channel.unary("/test.Kinds/Echo", BytesCodec, request)).await.expect_err("dropped");
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "dropped by the policy"));
    let paths = counts.paths.lock().unwrap();
    assert_eq!(paths[..2], ["/test.Kinds/Echo", "/test.Kinds/Fail"]);
}

#[tokio::test]
async fn a_server_that_is_lost_ends_what_was_counted() {
    let (server, address) = serve();
    let counts = Arc::new(Counts::default());
    let channel = Channel::builder(address)
        .register_policy(Arc::new(Counting(Arc::clone(&counts))))
        .default_service_config(r#"{"loadBalancingConfig":[{"counting":{"mark":"x"}}]}"#)
        .connect_lazy()
        .expect("valid");
    let call = {
        let channel = channel.clone();
        tokio::spawn(async move { channel.unary("/test.Kinds/Hang", BytesCodec, bytes("")).await })
    };
    soon(async {
        while counts.outstanding.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    server.shutdown(Some(Duration::ZERO));
    let status = soon(call).await.expect("runs").expect_err("lost");
    assert_eq!(*counts.ended.lock().unwrap(), [status.code()]);
    assert_eq!(counts.outstanding.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_failed_call_knows_the_error_of_the_attempt_behind_it() {
    let address = free_address().await;
    for config in ["{}", ROUND_ROBIN] {
        let channel = Channel::builder(address.to_string())
            .default_service_config(config)
            .connect_lazy()
            .expect("valid");
        let status = soon(channel.unary("/test.Who/Am", BytesCodec, bytes(""))).await.expect_err("refused");
        let mut error: Option<&(dyn Error + 'static)> = status.source();
        let mut chain = Vec::new();
        while let Some(cause) = error {
            chain.push(cause.to_string());
            error = cause.source();
        }
        assert!(chain.len() >= 2 && chain[0].starts_with("failed to connect to all addresses"), "{chain:?}");
        assert!(chain[1].starts_with("Connection refused"), "{chain:?}");
    }
}
