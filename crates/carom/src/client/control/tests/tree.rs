//! Policies made of policies: `round_robin`, and small ones that show one rule each.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::client::balancer::{
    CallOutcome, ChildId, Controller, Policy, QueuePicker, Rejected, Resolved, RoundRobin, TimerId,
};
use crate::client::connectivity::SubchannelState;
use crate::client::resolver::Endpoint;

impl Rig {
    pub(super) fn resolve_endpoints(&mut self, endpoints: &[&[u16]]) {
        let endpoints = endpoints
            .iter()
            .map(|ports| Endpoint::with_addresses(ports.iter().map(|port| address(*port))))
            .collect();
        self.core.resolved(Resolution::with_endpoints(endpoints), self.now);
        self.act();
    }

    /// Where attempts are under way.
    pub(super) fn trying(&self) -> Vec<u16> {
        let mut ports: Vec<u16> = self.attempts.iter().map(|(subchannel, _)| port(subchannel)).collect();
        ports.sort_unstable();
        ports
    }

    /// The attempt under way to this port.
    pub(super) fn take_port(&mut self, wanted: u16) -> (Arc<Subchannel>, u64) {
        let at = self.attempts.iter().position(|(subchannel, _)| port(subchannel) == wanted);
        self.attempts.remove(at.expect("an attempt")).expect("there")
    }

    pub(super) fn connect(&mut self, port: u16) -> (Arc<Subchannel>, u64) {
        let attempt = self.take_port(port);
        self.ready(&attempt);
        attempt
    }

    /// How often each port is picked in `n` calls.
    pub(super) fn picks(&self, n: usize) -> BTreeMap<u16, usize> {
        let mut counts = BTreeMap::new();
        for _ in 0..n {
            match self.pick() {
                Pick::Use { subchannel, .. } => *counts.entry(port(subchannel)).or_default() += 1,
                other => panic!("{other:?}"),
            }
        }
        counts
    }
}

pub(super) fn port(subchannel: &Subchannel) -> u16 {
    match subchannel.address() {
        Address::Tcp(address) => address.port(),
        other => panic!("{other}"),
    }
}

/// A round robin that was asked to connect.
fn round_robin(ports: &[u16]) -> Rig {
    let mut rig = Rig::with(Arc::new(RoundRobin));
    rig.exit_idle();
    rig.resolve(ports);
    rig
}

#[test]
fn all_endpoints_are_connected_to_and_calls_go_round() {
    let mut rig = round_robin(&[1, 2, 3]);
    assert_eq!(rig.states(), [Connecting]);
    assert_eq!(rig.trying(), [1, 2, 3]);
    rig.connect(2);
    assert_eq!(rig.states(), [Ready]);
    assert_eq!(rig.picks(4), BTreeMap::from([(2, 4)]));
    rig.connect(1);
    rig.connect(3);
    assert_eq!(rig.picks(300), BTreeMap::from([(1, 100), (2, 100), (3, 100)]));
    assert!(rig.states().iter().all(|state| *state == Ready));
}

#[test]
fn a_lost_connection_is_made_anew_at_once_and_left_out_meanwhile() {
    let mut rig = round_robin(&[1, 2]);
    let first = rig.connect(1);
    rig.connect(2);
    rig.pass(Duration::from_secs(1));
    rig.fail(first, "gone");
    assert_eq!(rig.hints, 1);
    assert_eq!(rig.picks(10), BTreeMap::from([(2, 10)]));
    assert_eq!(rig.trying(), [1]);
    rig.connect(1);
    assert_eq!(rig.picks(10), BTreeMap::from([(1, 5), (2, 5)]));
}

#[test]
fn each_endpoint_has_a_timer_of_its_own() {
    let mut rig = Rig::with(Arc::new(RoundRobin));
    rig.exit_idle();
    rig.resolve_endpoints(&[&[1, 2], &[3, 4]]);
    assert_eq!(rig.trying(), [1, 3]);
    rig.pass(Duration::from_millis(100));
    let third = rig.take_port(3);
    rig.fail(third, "refused");
    assert_eq!(rig.trying(), [1, 4], "the next address of that endpoint");
    rig.pass(Duration::from_millis(150));
    assert_eq!(rig.trying(), [1, 2, 4], "the first endpoint's silence lasted 250 ms");
    rig.connect(2);
    assert_eq!(rig.trying(), [4], "one connection an endpoint");
    rig.connect(4);
    assert_eq!(rig.picks(2), BTreeMap::from([(2, 1), (4, 1)]));
}

#[test]
fn fails_when_all_failed_and_stays_so_while_it_tries() {
    let mut rig = round_robin(&[1, 2]);
    let first = rig.take_port(1);
    rig.fail(first, "no route");
    assert_eq!(rig.states(), [Connecting], "the other may answer");
    let second = rig.take_port(2);
    rig.fail(second, "refused");
    assert_eq!(rig.states(), [TransientFailure]);
    assert!(rig.failure().message().contains("ipv4:127.0.0.1:2: refused"), "the newest: {}", rig.failure());
    rig.pass(Duration::from_secs(2));
    assert_eq!(rig.trying(), [1, 2], "each tries again by itself");
    assert!(rig.states().iter().all(|state| *state == TransientFailure));
    rig.connect(1);
    assert_eq!(rig.states().last(), Some(&Ready));
    // One that failed counts as failed until it is READY: the loss of the other leaves the channel failing.
    let second = rig.take_port(2);
    rig.fail(second, "refused");
    assert_eq!(rig.picks(2), BTreeMap::from([(1, 2)]));
}

#[test]
fn an_idle_endpoint_among_failed_ones_is_connecting() {
    let mut rig = round_robin(&[1, 2, 3]);
    let first = rig.connect(1);
    for port in [2, 3] {
        let attempt = rig.take_port(port);
        rig.fail(attempt, "refused");
    }
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.states().last(), Some(&Ready));
    rig.fail(first, "gone");
    assert_eq!(rig.states(), [Connecting], "it connects again at once");
    let first = rig.take_port(1);
    rig.fail(first, "refused");
    assert_eq!(rig.states(), [TransientFailure]);
    rig.pass(Duration::from_secs(2));
    assert_eq!(rig.trying(), [1, 2, 3]);
    assert!(rig.states().iter().all(|state| *state == TransientFailure), "although all connect");
}

#[test]
fn endpoints_come_and_go_without_a_call_cut() {
    let mut rig = round_robin(&[1, 2]);
    rig.connect(1);
    rig.connect(2);
    rig.resolve(&[2, 3]);
    assert_eq!(rig.removed, ["ipv4:127.0.0.1:1"]);
    assert_eq!(rig.trying(), [3], "2 keeps its connection");
    assert_eq!(rig.picks(4), BTreeMap::from([(2, 4)]));
    rig.connect(3);
    assert_eq!(rig.picks(4), BTreeMap::from([(2, 2), (3, 2)]));
    // The same list in another order, with a duplicate.
    rig.resolve(&[3, 2, 3]);
    assert!(rig.attempts.is_empty());
    assert_eq!(rig.picks(4), BTreeMap::from([(2, 2), (3, 2)]));
}

#[test]
fn endpoints_are_the_same_in_whatever_order_their_addresses_are() {
    let mut rig = Rig::with(Arc::new(RoundRobin));
    rig.exit_idle();
    rig.resolve_endpoints(&[&[1, 2], &[3]]);
    rig.connect(1);
    rig.connect(3);
    rig.resolve_endpoints(&[&[3], &[2, 1]]);
    assert!(rig.attempts.is_empty(), "{:?}", rig.trying());
    assert_eq!(rig.picks(4), BTreeMap::from([(1, 2), (3, 2)]));
}

#[test]
fn an_empty_list_is_refused_and_asked_for_again_with_backoff() {
    let mut rig = round_robin(&[1]);
    rig.connect(1);
    rig.resolve(&[]);
    assert_eq!(rig.states().last(), Some(&TransientFailure));
    assert_eq!(rig.removed, ["ipv4:127.0.0.1:1"]);
    assert!(rig.failure().message().contains("name resolution gave no addresses"));
    assert_eq!(rig.hints, 0);
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.hints, 1);
    rig.resolve(&[]);
    rig.pass(Duration::from_millis(1599));
    assert_eq!(rig.hints, 1, "the second wait is longer: 1.6 s");
    rig.pass(Duration::from_millis(1));
    assert_eq!(rig.hints, 2);
    // One that is taken ends that.
    rig.resolve(&[]);
    rig.resolve(&[1]);
    rig.connect(1);
    rig.pass(Duration::from_secs(100));
    assert_eq!(rig.hints, 2);
}

/// A parent with one child that it removes on its timer; counts how often it is asked to aggregate.
struct Parent {
    child: Option<ChildId>,
    aggregated: Arc<AtomicUsize>,
    refuses: bool,
}

struct ParentFactory(Arc<AtomicUsize>, bool);

impl PolicyFactory for ParentFactory {
    fn name(&self) -> &str {
        "parent"
    }

    fn build(&self, _target: &Arc<str>) -> Box<dyn Policy> {
        Box::new(Parent { child: None, aggregated: Arc::clone(&self.0), refuses: self.1 })
    }
}

impl Policy for Parent {
    fn update(&mut self, resolved: Resolved, controller: &mut dyn Controller) -> Result<(), Rejected> {
        if self.refuses {
            return Err(Rejected::new("as it likes"));
        }
        let child = *self.child.get_or_insert_with(|| controller.create_child(&RoundRobin));
        controller.update_child(child, resolved)?;
        controller.set_timer(TimerId(7), Duration::from_secs(10));
        Ok(())
    }

    fn resolver_error(&mut self, _error: &SharedError, _controller: &mut dyn Controller) {}

    fn subchannel_changed(
        &mut self,
        _subchannel: &Arc<Subchannel>,
        _state: &SubchannelState,
        _controller: &mut dyn Controller,
    ) {
        panic!("all subchannels are grandchildren's");
    }

    fn child_changed(
        &mut self,
        child: ChildId,
        state: ConnectivityState,
        picker: &Arc<dyn Picker>,
        controller: &mut dyn Controller,
    ) {
        assert_eq!(Some(child), self.child);
        controller.publish(state, Arc::clone(picker));
    }

    fn aggregate(&mut self, _controller: &mut dyn Controller) {
        self.aggregated.fetch_add(1, Ordering::Relaxed);
    }

    fn exit_idle(&mut self, _controller: &mut dyn Controller) {}

    fn timer_expired(&mut self, timer: TimerId, controller: &mut dyn Controller) {
        assert_eq!(timer, TimerId(7));
        if let Some(child) = self.child.take() {
            controller.remove_child(child);
            controller.publish(Idle, Arc::new(QueuePicker));
        }
    }
}

#[test]
fn a_removed_child_takes_all_that_is_below_it_along() {
    let mut rig = Rig::with(Arc::new(ParentFactory(Arc::default(), false)));
    rig.resolve_endpoints(&[&[1, 2], &[3]]);
    rig.pass(Duration::from_secs(5));
    assert_eq!(rig.trying(), [1, 2, 3]);
    let third = rig.connect(3);
    assert_eq!(rig.states().last(), Some(&Ready));
    rig.pass(Duration::from_secs(5));
    rig.removed.sort();
    assert_eq!(rig.removed, ["ipv4:127.0.0.1:1", "ipv4:127.0.0.1:2", "ipv4:127.0.0.1:3"]);
    assert_eq!(rig.states(), [Idle]);
    assert_eq!(rig.core.poll_timeout(), None, "no timer is left");
    assert_eq!(rig.core.subchannels().count(), 0);
    // Late news of what is gone.
    assert!(!rig.core.is_current(&third.0, third.1));
    rig.fail(third, "late");
    assert!(rig.states().is_empty());
}

#[test]
fn what_happens_together_is_aggregated_once() {
    let aggregated = Arc::new(AtomicUsize::new(0));
    let mut rig = Rig::with(Arc::new(ParentFactory(Arc::clone(&aggregated), false)));
    rig.resolve(&(1..=100).collect::<Vec<_>>());
    let before = aggregated.load(Ordering::Relaxed);
    let attempts: Vec<_> = rig.attempts.drain(..).collect();
    for (subchannel, attempt) in &attempts {
        rig.core.attempt_ready(subchannel, *attempt, rig.now);
    }
    rig.act();
    assert_eq!(aggregated.load(Ordering::Relaxed) - before, 1);
    assert_eq!(rig.picks(100).len(), 100);
}

#[test]
fn a_refusal_of_a_policy_reaches_the_resolver_with_backoff() {
    let mut rig = Rig::with(Arc::new(ParentFactory(Arc::default(), true)));
    rig.resolve(&[1]);
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.hints, 1);
}

#[test]
fn a_completion_is_told_exactly_once() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let rig = {
        let mut rig = Rig::new();
        rig.resolve(&[1]);
        rig.exit_idle();
        let first = rig.take(1);
        rig.ready(&first);
        rig
    };
    let tracked = |name: &'static str| {
        let told = Arc::clone(&told);
        rig.pick().on_completion(move |outcome: Option<&CallOutcome>| {
            told.lock().expect("whole").push((name, outcome.map(|outcome| outcome.status.code())));
        })
    };
    drop(tracked("dropped"));
    let Pick::Use { attachments: Some(attachments), .. } = tracked("ended") else { panic!("attached") };
    attachments.complete(&CallOutcome { status: Status::not_found("x"), trailers: MetadataMap::new() });
    assert_eq!(*told.lock().expect("whole"), [("dropped", None), ("ended", Some(Code::NotFound))]);
}

/// A thousand endpoints, resolved and then READY, take less than a millisecond of one core in a release build on a
/// machine of today. The bound is generous, since others may use the machine; without optimization there is none.
#[test]
fn a_thousand_endpoints_cost_little() {
    let ports: Vec<u16> = (1..=1000).collect();
    for (name, mut rig) in [("round_robin", Rig::with(Arc::new(RoundRobin))), ("pick_first", Rig::new())] {
        rig.exit_idle();
        rig.act();
        // The best of several: what the machine does besides does not count.
        let mut best = [Duration::MAX; 2];
        for _ in 0..10 {
            let resolution = Resolution::new(ports.iter().map(|port| address(*port)).collect());
            let start = Instant::now();
            rig.core.resolved(resolution, rig.now);
            rig.act();
            best[0] = best[0].min(start.elapsed());
            if name == "pick_first" {
                rig.pass(Duration::from_millis(250 * 1000));
            }
            let attempts: Vec<_> = rig.attempts.drain(..).collect();
            let start = Instant::now();
            for (subchannel, attempt) in attempts {
                if name == "round_robin" {
                    rig.core.attempt_ready(&subchannel, attempt, rig.now);
                } else {
                    rig.core.attempt_ended(&subchannel, attempt, error("refused"), rig.now);
                }
            }
            rig.act();
            best[1] = best[1].min(start.elapsed());
            rig.core.resolved(Resolution::new(Vec::new()), rig.now);
            rig.act();
        }
        println!("{name}: resolved in {:?}, all states told in {:?}", best[0], best[1]);
        if !cfg!(debug_assertions) {
            assert!(best[0] + best[1] < Duration::from_millis(5), "{name}: {best:?}");
        }
    }
}
