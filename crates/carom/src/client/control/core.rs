//! The part of the control task that decides.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::client::backoff::BackoffConfig;
use crate::client::balancer::{Controller, Picker, Policy, SubchannelState};
use crate::client::connectivity::ConnectivityState;
use crate::client::resolver::Address;
use crate::client::subchannel::{Machine, Outcome, Subchannel};
use crate::clock;

/// What the control task is to do.
pub(super) enum Action {
    /// Start this attempt to connect.
    Connect { subchannel: Arc<Subchannel>, attempt: u64 },
    /// Give up the attempt that is under way.
    Abort { subchannel: Arc<Subchannel> },
    /// The subchannel is of no use any more: close its connection once its calls are done.
    Remove { subchannel: Arc<Subchannel> },
    /// The channel's state, and what calls ask from now on.
    Publish { state: ConnectivityState, picker: Arc<dyn Picker> },
    /// Hint to the resolver.
    Resolve,
}

/// A number from 0 to 1.
pub(super) type Random = Box<dyn FnMut() -> f64 + Send>;

/// Policy and subchannels.
///
/// Tell it what happened, with the time; then take [`Core::next_action`] until there is none, and come back by
/// [`Core::poll_timeout`].
pub(super) struct Core {
    policy: Box<dyn Policy>,
    desk: Desk,
}

/// What the policy controls.
struct Desk {
    now: Instant,
    backoff: BackoffConfig,
    random: Random,
    next_id: u64,
    policy_timer: Option<Instant>,
    members: Vec<Member>,
    /// What the policy is still to be told.
    notices: VecDeque<(Arc<Subchannel>, SubchannelState)>,
    actions: VecDeque<Action>,
}

struct Member {
    subchannel: Arc<Subchannel>,
    machine: Machine,
}

impl Core {
    pub(super) fn new(policy: Box<dyn Policy>, backoff: BackoffConfig, random: Random) -> Self {
        let desk = Desk {
            now: clock::now(),
            backoff,
            random,
            next_id: 0,
            policy_timer: None,
            members: Vec::new(),
            notices: VecDeque::new(),
            actions: VecDeque::new(),
        };
        Self { policy, desk }
    }

    pub(super) fn next_action(&mut self) -> Option<Action> {
        self.desk.actions.pop_front()
    }

    pub(super) fn subchannels(&self) -> impl Iterator<Item = &Arc<Subchannel>> {
        self.desk.members.iter().map(|member| &member.subchannel)
    }

    pub(super) fn resolved(&mut self, addresses: &[Address], now: Instant) {
        self.desk.now = now;
        self.policy.update(addresses, &mut self.desk);
        self.settle();
    }

    pub(super) fn resolver_failed(&mut self, message: &str, now: Instant) {
        self.desk.now = now;
        self.policy.resolver_error(message, &mut self.desk);
        self.settle();
    }

    pub(super) fn exit_idle(&mut self, now: Instant) {
        self.desk.now = now;
        self.policy.exit_idle(&mut self.desk);
        self.settle();
    }

    /// Whether news of this attempt still counts.
    pub(super) fn is_current(&self, subchannel: &Arc<Subchannel>, attempt: u64) -> bool {
        self.desk
            .members
            .iter()
            .any(|member| Arc::ptr_eq(&member.subchannel, subchannel) && member.machine.is_current(attempt))
    }

    pub(super) fn attempt_ready(&mut self, subchannel: &Arc<Subchannel>, attempt: u64, now: Instant) {
        self.change(subchannel, now, |machine| machine.attempt_ready(attempt));
    }

    pub(super) fn attempt_ended(
        &mut self,
        subchannel: &Arc<Subchannel>,
        attempt: u64,
        cause: &str,
        now: Instant,
    ) {
        self.change(subchannel, now, |machine| machine.attempt_ended(attempt, cause));
    }

    fn change(
        &mut self,
        subchannel: &Arc<Subchannel>,
        now: Instant,
        f: impl FnOnce(&mut Machine) -> Outcome,
    ) {
        self.desk.now = now;
        if let Some(member) = self.desk.member(subchannel) {
            let outcome = f(&mut member.machine);
            self.desk.carry_out(subchannel, outcome);
        }
        self.settle();
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let machines = self.desk.members.iter().filter_map(|member| member.machine.poll_timeout());
        machines.chain(self.desk.policy_timer).min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.desk.now = now;
        let mut outcomes = Vec::new();
        for member in &mut self.desk.members {
            if member.machine.poll_timeout().is_some_and(|at| at <= now) {
                let outcome = member.machine.handle_timeout(now, (self.desk.random)());
                outcomes.push((Arc::clone(&member.subchannel), outcome));
            }
        }
        for (subchannel, outcome) in outcomes {
            self.desk.carry_out(&subchannel, outcome);
        }
        self.settle();
        if self.desk.policy_timer.is_some_and(|at| at <= now) {
            self.desk.policy_timer = None;
            self.policy.timer_expired(&mut self.desk);
            self.settle();
        }
    }

    /// Tells the policy what it does not know yet, until it has nothing to say to it.
    fn settle(&mut self) {
        while let Some((subchannel, state)) = self.desk.notices.pop_front() {
            self.policy.subchannel_changed(&subchannel, &state, &mut self.desk);
        }
    }
}

impl Desk {
    fn member(&mut self, subchannel: &Arc<Subchannel>) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| Arc::ptr_eq(&member.subchannel, subchannel))
    }

    fn carry_out(&mut self, subchannel: &Arc<Subchannel>, outcome: Outcome) {
        if outcome.abort {
            self.actions.push_back(Action::Abort { subchannel: Arc::clone(subchannel) });
        }
        if let Some(attempt) = outcome.start {
            self.actions.push_back(Action::Connect { subchannel: Arc::clone(subchannel), attempt });
        }
        if let Some(state) = outcome.state {
            self.notices.push_back((Arc::clone(subchannel), state));
        }
    }
}

impl Controller for Desk {
    fn create_subchannel(&mut self, address: Address) -> Arc<Subchannel> {
        self.next_id += 1;
        let subchannel = Subchannel::new(self.next_id, address);
        let machine = Machine::new(self.backoff.clone());
        self.members.push(Member { subchannel: Arc::clone(&subchannel), machine });
        subchannel
    }

    fn remove_subchannel(&mut self, subchannel: &Arc<Subchannel>) {
        self.members.retain(|member| !Arc::ptr_eq(&member.subchannel, subchannel));
        self.notices.retain(|(about, _)| !Arc::ptr_eq(about, subchannel));
        self.actions.push_back(Action::Remove { subchannel: Arc::clone(subchannel) });
    }

    fn connect(&mut self, subchannel: &Arc<Subchannel>) {
        let (now, random) = (self.now, (self.random)());
        if let Some(member) = self.member(subchannel) {
            let outcome = member.machine.connect(now, random);
            self.carry_out(subchannel, outcome);
        }
    }

    fn publish(&mut self, state: ConnectivityState, picker: Arc<dyn Picker>) {
        self.actions.push_back(Action::Publish { state, picker });
    }

    fn set_timer(&mut self, after: Option<Duration>) {
        self.policy_timer = after.map(|after| self.now + after);
    }

    fn request_resolution(&mut self) {
        self.actions.push_back(Action::Resolve);
    }
}
