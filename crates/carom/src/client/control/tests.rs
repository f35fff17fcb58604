//! Policy, machines and core together, under a clock of the test's own.

mod balancing;
mod config;
mod ring_hash;
mod tree;
mod weighted_target;

use std::collections::VecDeque;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use carom_wire::{Code, MetadataMap};

use super::core::{Action, Core};
use super::*;
use crate::client::backoff::BackoffConfig;
use crate::client::balancer::{ExitIdle, Pick, PickArgs, PickFirst, Picker, Policies, PolicyFactory};
use crate::client::error::SharedError;
use crate::client::resolver::{Address, Resolution};
use crate::client::service_config::{ConfigSelector, ServiceConfig};

/// A core with what it wants done, as text, and what it published last.
struct Rig {
    core: Core,
    now: Instant,
    attempts: VecDeque<(Arc<Subchannel>, u64)>,
    removed: Vec<String>,
    hints: usize,
    states: Vec<ConnectivityState>,
    picker: Option<Arc<dyn Picker>>,
    selectors: Vec<Option<Arc<dyn ConfigSelector>>>,
    /// Whether a picker asked for a connection.
    asked: Arc<AtomicBool>,
}

fn address(port: u16) -> Address {
    Address::Tcp(SocketAddr::from(([127, 0, 0, 1], port)))
}

static NO_METADATA: MetadataMap = MetadataMap::new();

fn error(text: &str) -> SharedError {
    Arc::from(Box::<dyn Error + Send + Sync>::from(text))
}

impl Rig {
    fn new() -> Self {
        Self::with(Arc::new(PickFirst))
    }

    /// A channel whose default service config chooses this policy.
    fn with(policy: Arc<dyn PolicyFactory>) -> Self {
        let config = format!(r#"{{"loadBalancingConfig":[{{"{}":{{}}}}]}}"#, policy.name());
        let mut policies = Policies::default();
        policies.register(policy);
        Self::configured(policies, Some(&config))
    }

    fn configured(policies: Policies, config: Option<&str>) -> Self {
        let config = config.map(|text| Arc::new(ServiceConfig::parse(text, &policies).expect("valid")));
        let mut core = Core::new("svc:80", policies, config, BackoffConfig::default());
        let asked = Arc::new(AtomicBool::new(false));
        let by_picker = Arc::clone(&asked);
        core.on_exit_idle_request(ExitIdle::new(move || by_picker.store(true, Ordering::Relaxed)));
        Self {
            core: core.with_random(Box::new(|| 0.5)),
            now: Instant::now(),
            attempts: VecDeque::new(),
            removed: Vec::new(),
            hints: 0,
            states: Vec::new(),
            picker: None,
            selectors: Vec::new(),
            asked,
        }
    }

    fn resolve(&mut self, ports: &[u16]) {
        let addresses = ports.iter().map(|port| address(*port)).collect();
        self.core.resolved(Resolution::new(addresses), self.now);
        self.act();
    }

    fn exit_idle(&mut self) {
        self.core.exit_idle(self.now);
        self.act();
    }

    /// Does what a picker asked for. Returns whether it did.
    fn heed(&mut self) -> bool {
        let asked = self.asked.swap(false, Ordering::Relaxed);
        if asked {
            self.exit_idle();
        }
        asked
    }

    fn act(&mut self) {
        while let Some(action) = self.core.next_action() {
            match action {
                Action::Connect { subchannel, attempt } => self.attempts.push_back((subchannel, attempt)),
                Action::Abort { subchannel } => {
                    self.attempts.retain(|(other, _)| !Arc::ptr_eq(other, &subchannel));
                }
                Action::Remove { subchannel } => {
                    self.attempts.retain(|(other, _)| !Arc::ptr_eq(other, &subchannel));
                    self.removed.push(subchannel.address().to_string());
                }
                Action::Publish { state, picker } => {
                    self.states.push(state);
                    self.picker = Some(picker);
                }
                Action::Configure { selector } => self.selectors.push(selector),
                Action::Resolve => self.hints += 1,
            }
        }
    }

    /// The attempt under way, which must be the only one and to this port.
    fn take(&mut self, port: u16) -> (Arc<Subchannel>, u64) {
        assert_eq!(self.attempts.len(), 1, "attempts under way");
        let attempt = self.attempts.pop_front().expect("one");
        assert_eq!(attempt.0.address(), &address(port));
        attempt
    }

    fn fail(&mut self, (subchannel, attempt): (Arc<Subchannel>, u64), cause: &str) {
        self.core.attempt_ended(&subchannel, attempt, error(cause), self.now);
        self.act();
    }

    fn ready(&mut self, (subchannel, attempt): &(Arc<Subchannel>, u64)) {
        self.core.attempt_ready(subchannel, *attempt, self.now);
        self.act();
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.core.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.core.handle_timeout(self.now);
            self.act();
        }
        self.now = end;
    }

    fn states(&mut self) -> Vec<ConnectivityState> {
        std::mem::take(&mut self.states)
    }

    fn pick(&self) -> Pick<'_> {
        self.picker.as_ref().expect("published").pick(&PickArgs::new(b"/a.B/C", &NO_METADATA))
    }

    fn failure(&self) -> Status {
        match self.pick() {
            Pick::Fail(status) => status,
            _ => panic!("calls do not fail"),
        }
    }
}

use ConnectivityState::{Connecting, Idle, Ready, TransientFailure};

#[test]
fn tries_addresses_in_order_and_keeps_the_first_that_works() {
    let mut rig = Rig::new();
    rig.resolve(&[1, 2, 3]);
    assert!(rig.attempts.is_empty(), "nobody asked yet");
    rig.exit_idle();
    assert_eq!(rig.states(), [Connecting]);
    let first = rig.take(1);
    rig.fail(first, "refused");
    let second = rig.take(2);
    rig.ready(&second);
    assert_eq!(rig.states(), [Ready]);
    assert_eq!(rig.removed.len(), 2, "the others are dropped");
    assert!(matches!(rig.pick(), Pick::Use { subchannel, .. } if subchannel.address() == &address(2)));
}

#[test]
fn waits_for_the_resolver_when_asked_before_it_answers() {
    let mut rig = Rig::new();
    rig.exit_idle();
    assert_eq!(rig.states(), [Connecting]);
    rig.resolve(&[1]);
    rig.take(1);
}

#[test]
fn a_lost_connection_makes_it_idle_until_it_is_asked_again() {
    let mut rig = Rig::new();
    rig.resolve(&[1, 2]);
    rig.exit_idle();
    let first = rig.take(1);
    rig.ready(&first);
    rig.fail(first, "the server closed the connection");
    assert_eq!(rig.states(), [Connecting, Ready, Idle]);
    assert_eq!(rig.hints, 1);
    rig.pass(Duration::from_secs(600));
    assert!(rig.attempts.is_empty());
    rig.exit_idle();
    rig.take(1);
}

#[test]
fn fails_with_the_last_error_and_tries_on_by_itself() {
    let mut rig = Rig::new();
    rig.resolve(&[1, 2]);
    rig.exit_idle();
    let first = rig.take(1);
    rig.fail(first, "no route");
    let second = rig.take(2);
    rig.fail(second, "Connection refused (os error 111)");
    assert_eq!(rig.states(), [Connecting, TransientFailure]);
    let status = rig.failure();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(
        status.message(),
        "failed to connect to all addresses; last error: ipv4:127.0.0.1:2: Connection refused (os error 111) \
         (target: svc:80)"
    );
    assert_eq!(rig.hints, 1, "the addresses may be out of date");

    rig.pass(Duration::from_millis(999));
    assert!(rig.attempts.is_empty());
    rig.pass(Duration::from_millis(1));
    assert_eq!(rig.attempts.len(), 2, "each address when its own wait is over");
    let (first, second) = (rig.attempts.pop_front().expect("two"), rig.attempts.pop_front().expect("two"));
    rig.fail(first, "no route");
    assert!(rig.failure().message().contains("ipv4:127.0.0.1:1: no route"));
    rig.ready(&second);
    let states = rig.states();
    assert!(states[..states.len() - 1].iter().all(|state| *state == TransientFailure), "{states:?}");
    assert_eq!(states.last(), Some(&Ready), "no CONNECTING between: the failure is sticky (gRFC A61)");
}

#[test]
fn waits_that_are_not_over_are_not_skipped_by_asking() {
    let mut rig = Rig::new();
    rig.resolve(&[1]);
    rig.exit_idle();
    let first = rig.take(1);
    rig.fail(first, "refused");
    rig.exit_idle();
    rig.resolve(&[1]);
    assert!(rig.attempts.is_empty());
    rig.resolve(&[1, 2]);
    rig.take(2);
}

#[test]
fn a_silent_address_does_not_hold_up_the_next() {
    let mut rig = Rig::new();
    rig.resolve(&[1, 2, 3]);
    rig.exit_idle();
    rig.pass(Duration::from_millis(249));
    assert_eq!(rig.attempts.len(), 1);
    rig.pass(Duration::from_millis(1));
    assert_eq!(rig.attempts.len(), 2, "a quarter of a second later the second is tried beside the first");
    let second = rig.attempts.pop_back().expect("two");
    rig.fail(second, "refused");
    assert_eq!(rig.attempts.len(), 2, "it failed: the third at once");
    let third = rig.attempts.pop_back().expect("two");
    rig.ready(&third);
    assert_eq!(rig.states(), [Connecting, Ready]);
    assert!(rig.attempts.is_empty(), "the first was given up");
    rig.pass(Duration::from_secs(60));
    assert!(rig.attempts.is_empty());
}

#[test]
fn silent_addresses_are_tried_a_quarter_of_a_second_apart() {
    let mut rig = Rig::new();
    rig.resolve(&[1, 2, 3]);
    rig.exit_idle();
    for (wait, begun) in [(0, 1), (249, 1), (1, 2), (249, 2), (1, 3)] {
        rig.pass(Duration::from_millis(wait));
        assert_eq!(rig.attempts.len(), begun);
    }
}

#[test]
fn an_address_that_answers_in_time_is_the_last_tried() {
    let mut rig = Rig::new();
    rig.resolve(&[1, 2, 3]);
    rig.exit_idle();
    rig.pass(Duration::from_millis(300));
    let second = rig.attempts.pop_back().expect("two");
    rig.ready(&second);
    rig.pass(Duration::from_secs(60));
    assert!(rig.attempts.is_empty());
    assert_eq!(rig.states(), [Connecting, Ready]);
}

#[test]
fn a_refusal_brings_the_next_address_at_once() {
    let mut rig = Rig::new();
    rig.resolve(&[1, 2, 3]);
    rig.exit_idle();
    rig.pass(Duration::from_millis(10));
    let first = rig.take(1);
    rig.fail(first, "refused");
    assert_eq!(rig.attempts.len(), 1);
    rig.pass(Duration::from_millis(249));
    assert_eq!(rig.attempts.len(), 1, "the quarter of a second is counted from its start");
    rig.pass(Duration::from_millis(1));
    assert_eq!(rig.attempts.len(), 2);
}

#[test]
fn attempts_time_out() {
    let mut rig = Rig::new();
    rig.resolve(&[1, 2]);
    rig.exit_idle();
    rig.pass(Duration::from_secs(19));
    assert_eq!(rig.states(), [Connecting]);
    rig.pass(Duration::from_millis(1200));
    assert_eq!(rig.states(), [Connecting; 0], "the second, begun later, may still answer");
    rig.pass(Duration::from_millis(100));
    assert_eq!(rig.states(), [TransientFailure]);
    assert!(rig.failure().message().contains("ipv4:127.0.0.1:2: connection attempt timed out after 20 s"));
    // Waits count from the start of the attempts: they are over, and both are tried anew.
    assert_eq!(rig.attempts.len(), 2);
    let first = rig.attempts.pop_front().expect("two");
    rig.ready(&first);
    assert_eq!(rig.states(), [Ready]);
}

#[test]
fn new_addresses_replace_old_ones() {
    let mut rig = Rig::new();
    rig.resolve(&[1]);
    rig.exit_idle();
    let first = rig.take(1);
    rig.ready(&first);
    rig.resolve(&[7, 1]);
    assert!(rig.attempts.is_empty(), "the connection is still to a listed address");
    rig.resolve(&[7]);
    assert_eq!(rig.removed, ["ipv4:127.0.0.1:1"]);
    rig.take(7);
    assert_eq!(rig.states(), [Connecting, Ready, Connecting]);
}

#[test]
fn resolver_errors_count_only_without_addresses() {
    let mut rig = Rig::new();
    rig.exit_idle();
    rig.core.resolver_failed(&error("DNS resolution failed for svc:80: no such name"), rig.now);
    rig.act();
    assert_eq!(rig.states(), [Connecting, TransientFailure]);
    assert_eq!(rig.failure().message(), "DNS resolution failed for svc:80: no such name (target: svc:80)");
    rig.resolve(&[1]);
    let first = rig.take(1);
    rig.ready(&first);
    rig.core.resolver_failed(&error("DNS resolution failed"), rig.now);
    rig.act();
    assert_eq!(rig.states(), [Ready]);
}

#[test]
fn no_addresses_is_a_failure() {
    let mut rig = Rig::new();
    rig.exit_idle();
    rig.resolve(&[]);
    assert_eq!(rig.states(), [Connecting, TransientFailure]);
    assert!(rig.failure().message().contains("name resolution gave no addresses"));
    rig.resolve(&[1]);
    let first = rig.take(1);
    rig.ready(&first);
    assert_eq!(rig.states().last(), Some(&Ready));
}

#[test]
fn late_news_of_dropped_attempts_changes_nothing() {
    let mut rig = Rig::new();
    rig.resolve(&[1]);
    rig.exit_idle();
    let first = rig.take(1);
    rig.resolve(&[2]);
    rig.states();
    rig.ready(&first);
    rig.fail(first, "late");
    assert!(rig.states().is_empty());
    rig.take(2);
}
