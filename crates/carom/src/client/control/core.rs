//! The core of the control task, which makes its decisions.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use slab::Slab;
use smallvec::SmallVec;

use super::timers::{TimerKey, Timers};
use crate::client::backoff::{Backoff, BackoffConfig};
use crate::client::balancer::{
    ChildId, Chosen, Controller, ExitIdle, PickFirst, Picker, Policies, Policy, PolicyFactory, Rejected,
    Resolved, TimerId,
};
use crate::client::connectivity::{ConnectivityState, SubchannelState};
use crate::client::error::SharedError;
use crate::client::resolver::{Address, Resolution};
use crate::client::service_config::{ConfigSelector, ServiceConfig};
use crate::client::subchannel::{Machine, Outcome, Subchannel, SubchannelId};
use crate::clock;

/// An action that the control task is to carry out.
pub(super) enum Action {
    /// Start this attempt to connect.
    Connect { subchannel: Arc<Subchannel>, attempt: u64 },
    /// Abandon the attempt in progress.
    Abort { subchannel: Arc<Subchannel> },
    /// The subchannel is no longer needed: close its connection once its calls are done.
    Remove { subchannel: Arc<Subchannel> },
    /// The channel's state, and the picker for calls from now on.
    Publish { state: ConnectivityState, picker: Arc<dyn Picker> },
    /// The source of the methods' configuration from now on; `None` for none.
    Configure { selector: Option<Arc<dyn ConfigSelector>> },
    /// Hint to the resolver that it should resolve again.
    Resolve,
}

/// A source of random numbers from 0 to 1.
pub(super) type Random = Box<dyn FnMut() -> f64 + Send>;

/// The owner of a timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timer {
    Subchannel(SubchannelId),
    Policy(ChildId, TimerId),
    /// The back-off before a resolver whose result was rejected is asked again.
    Resolve,
}

/// The tree of policies, their subchannels and their timers.
///
/// Report what happened, with the time; then take [`Core::next_action`] until there is none, and come back by
/// [`Core::poll_timeout`].
///
/// Policies and subchannels are in slabs. A policy acts through a [`View`], which knows its owner; notices for a policy
/// wait in `notices` with the number of their owner. No policy is entered while another one runs, except for a child
/// that its parent updates; nothing needs to be searched for.
pub(in crate::client) struct Core {
    now: Instant,
    /// The server's name as the user gave it.
    target: Arc<str>,
    backoff: BackoffConfig,
    random: Random,
    known: Policies,
    /// What pickers ask for a connection by.
    exit_idle_handle: ExitIdle,
    default_config: Option<Arc<ServiceConfig>>,
    /// The service config in use, once something has been resolved.
    config: Option<Arc<ServiceConfig>>,
    /// Whether a connection was asked for.
    awake: bool,
    root: Root,
    /// The policy that will replace the root once it has something to offer.
    successor: Option<Successor>,
    policies: Slab<Node>,
    subchannels: Slab<Member>,
    /// The next serial number of a policy or subchannel, which distinguishes it from earlier ones in the same slot of
    /// the slab.
    next_serial: u32,
    timers: Timers<Timer>,
    /// The notices that policies have not received yet.
    notices: VecDeque<Notice>,
    /// The policies that are to aggregate.
    touched: Vec<ChildId>,
    actions: VecDeque<Action>,
    /// The back-off between hints to a resolver whose result was rejected.
    resolve_backoff: Backoff,
    /// Set during such a wait.
    resolve_timer: Option<TimerKey>,
}

/// The policy whose state and picker the channel uses.
struct Root {
    id: ChildId,
    name: String,
    /// The state that it published last.
    state: ConnectivityState,
}

/// The policy that will replace the root; see [`Core::successor`].
struct Successor {
    id: ChildId,
    name: String,
    published: Option<(ConnectivityState, Arc<dyn Picker>)>,
}

/// A policy in the tree.
struct Node {
    serial: u32,
    /// The policy; taken out while it runs.
    policy: Option<Box<dyn Policy>>,
    parent: Option<ChildId>,
    /// The index in its parent's `children`.
    place: usize,
    children: Vec<ChildId>,
    subchannels: SmallVec<[SubchannelId; 1]>,
    timers: SmallVec<[(TimerId, TimerKey); 1]>,
    /// Whether it is in `touched`.
    touched: bool,
}

struct Member {
    subchannel: Arc<Subchannel>,
    machine: Machine,
    owner: ChildId,
    /// The index in its owner's `subchannels`.
    place: usize,
    timer: Option<TimerKey>,
}

enum Notice {
    Subchannel(Arc<Subchannel>, SubchannelState),
    Child { child: ChildId, state: ConnectivityState, picker: Arc<dyn Picker> },
}

impl Core {
    pub(in crate::client) fn new(
        target: &str,
        known: Policies,
        default_config: Option<Arc<ServiceConfig>>,
        backoff: BackoffConfig,
    ) -> Self {
        let mut core = Self {
            now: clock::now(),
            target: target.into(),
            backoff,
            random: Box::new(fastrand::f64),
            known,
            exit_idle_handle: ExitIdle::new(|| {}),
            config: None,
            awake: false,
            root: Root {
                id: ChildId { index: 0, serial: 0 },
                name: String::new(),
                state: ConnectivityState::Idle,
            },
            successor: None,
            default_config,
            policies: Slab::new(),
            subchannels: Slab::new(),
            next_serial: 0,
            timers: Timers::default(),
            notices: VecDeque::new(),
            touched: Vec::new(),
            actions: VecDeque::new(),
            resolve_backoff: Backoff::new(BackoffConfig::default()),
            resolve_timer: None,
        };
        let chosen = core.chosen(core.default_config.as_deref());
        core.root.name = chosen.factory.name().to_owned();
        core.root.id = core.create_policy(&*chosen.factory, None);
        core
    }

    /// A random number from 0 to 1.
    pub(super) fn random(&mut self) -> f64 {
        (self.random)()
    }

    /// Sets what pickers ask for a connection by; until then nobody listens to them.
    pub(super) fn on_exit_idle_request(&mut self, handle: ExitIdle) {
        self.exit_idle_handle = handle;
    }

    /// Creates a core with a test's own source of randomness.
    #[cfg(test)]
    pub(super) fn with_random(mut self, random: Random) -> Self {
        self.random = random;
        self
    }

    pub(super) fn next_action(&mut self) -> Option<Action> {
        self.aggregate();
        self.actions.pop_front()
    }

    pub(super) fn subchannels(&self) -> impl Iterator<Item = &Arc<Subchannel>> {
        self.subchannels.iter().map(|(_, member)| &member.subchannel)
    }

    pub(super) fn resolved(&mut self, resolution: Resolution, now: Instant) {
        self.now = now;
        let Resolution { endpoints, attributes, service_config } = resolution;
        let parsed = match service_config {
            None => Ok(self.default_config.clone().unwrap_or_default()),
            Some(Ok(text)) => match ServiceConfig::parse(&text, &self.known) {
                Ok(config) => Ok(Arc::new(config)),
                Err(error) => Err(Arc::new(error) as SharedError),
            },
            Some(Err(error)) => Err(error),
        };
        // An invalid config does not replace a valid one; without any, it is unknown how to balance (gRFC A21).
        let (config, valid) = match parsed {
            Ok(config) => (config, true),
            Err(error) => {
                tracing::warn!(target = %self.target, %error, "service config refused");
                let Some(config) = self.config.clone().or_else(|| self.default_config.clone()) else {
                    self.with_latest(|policy, view| policy.resolver_error(&error, view));
                    self.on_result(false);
                    return self.deliver_notices();
                };
                (config, false)
            }
        };
        let chosen = self.chosen(Some(&config));
        let fresh = self.choose(&*chosen.factory);
        let resolved = Resolved { endpoints, attributes, config: chosen.config };
        let outcome = self.with_latest(|policy, view| {
            let outcome = policy.update(resolved, view);
            if fresh {
                policy.exit_idle(view);
            }
            outcome
        });
        if let Some(Err(rejected)) = &outcome {
            tracing::debug!(target = %self.target, %rejected, "resolution refused");
        }
        self.on_result(valid && !matches!(outcome, Some(Err(_))));
        self.deliver_notices();
        self.configure(config);
    }

    pub(super) fn resolver_failed(&mut self, error: &SharedError, now: Instant) {
        self.now = now;
        self.with_latest(|policy, view| policy.resolver_error(error, view));
        self.deliver_notices();
        // Nothing better will come soon.
        if self.config.is_none()
            && let Some(config) = self.default_config.clone()
        {
            self.configure(config);
        }
    }

    pub(super) fn exit_idle(&mut self, now: Instant) {
        self.now = now;
        self.awake = true;
        self.with_latest(|policy, view| policy.exit_idle(view));
        self.deliver_notices();
    }

    /// Publishes the source of the methods' configuration, unless it is unchanged.
    fn configure(&mut self, config: Arc<ServiceConfig>) {
        if self.config.as_ref().is_some_and(|current| Arc::ptr_eq(current, &config)) {
            return;
        }
        let selector = config.has_methods().then(|| Arc::clone(&config) as Arc<dyn ConfigSelector>);
        self.config = Some(config);
        self.actions.push_back(Action::Configure { selector });
    }

    /// Returns the policy that a service config chooses, or the default.
    fn chosen(&self, config: Option<&ServiceConfig>) -> Chosen {
        let chosen = config.and_then(|config| config.balancer.clone());
        chosen.unwrap_or_else(|| Chosen { factory: Arc::new(PickFirst), config: None })
    }

    /// Ensures that the latest policy is of this kind. Returns whether a new one is to be told that a connection is
    /// wanted.
    fn choose(&mut self, factory: &dyn PolicyFactory) -> bool {
        let latest = self.successor.as_ref().map_or(&self.root.name, |successor| &successor.name);
        if latest == factory.name() {
            return false;
        }
        if let Some(successor) = self.successor.take() {
            self.remove_policy(successor.id);
        }
        if self.root.name == factory.name() {
            return false;
        }
        let id = self.create_policy(factory, None);
        self.successor = Some(Successor { id, name: factory.name().to_owned(), published: None });
        self.awake
    }

    /// Handles what a policy without a parent published. A successor takes over once it is no longer CONNECTING, or if
    /// the root has no connection to offer either.
    fn publish_root(&mut self, id: ChildId, state: ConnectivityState, picker: Arc<dyn Picker>) {
        if id == self.root.id {
            self.root.state = state;
            self.actions.push_back(Action::Publish { state, picker });
        } else if let Some(successor) = self.successor.as_mut().filter(|successor| successor.id == id) {
            successor.published = Some((state, picker));
        }
        let ready = |successor: &mut Successor| match &successor.published {
            None => false,
            Some((state, _)) => {
                *state != ConnectivityState::Connecting || self.root.state != ConnectivityState::Ready
            }
        };
        if let Some(Successor { id, name, published: Some((state, picker)) }) = self.successor.take_if(ready)
        {
            let old = std::mem::replace(&mut self.root, Root { id, name, state });
            self.remove_policy(old.id);
            self.actions.push_back(Action::Publish { state, picker });
        }
    }

    /// Whether events of this attempt still count.
    pub(super) fn is_current(&self, subchannel: &Subchannel, attempt: u64) -> bool {
        self.member(subchannel.id()).is_some_and(|member| member.machine.is_current(attempt))
    }

    pub(super) fn attempt_ready(&mut self, subchannel: &Subchannel, attempt: u64, now: Instant) {
        self.now = now;
        self.change(subchannel.id(), |machine| machine.attempt_ready(attempt));
        self.deliver_notices();
    }

    pub(super) fn attempt_ended(
        &mut self,
        subchannel: &Subchannel,
        attempt: u64,
        cause: SharedError,
        now: Instant,
    ) {
        self.now = now;
        self.change(subchannel.id(), |machine| machine.attempt_ended(attempt, cause));
        self.deliver_notices();
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        let fence = self.timers.fence();
        while let Some(timer) = self.timers.pop_due(now, fence) {
            match timer {
                Timer::Subchannel(id) => {
                    let random = (self.random)();
                    self.change(id, |machine| machine.handle_timeout(now, random));
                }
                Timer::Policy(id, timer) => {
                    if let Some(node) = self.node_mut(id) {
                        node.timers.retain(|(set, _)| *set != timer);
                    }
                    self.with_policy(id, |policy, view| policy.timer_expired(timer, view));
                }
                Timer::Resolve => {
                    self.resolve_timer = None;
                    self.actions.push_back(Action::Resolve);
                }
            }
            self.deliver_notices();
        }
    }

    /// Records that a result of the resolver was accepted or rejected. After a rejection another one is requested, with
    /// back-off; hints in between add nothing.
    fn on_result(&mut self, taken: bool) {
        if let Some(key) = self.resolve_timer.take() {
            self.timers.cancel(key);
        }
        if taken {
            self.resolve_backoff.reset();
        } else {
            let delay = self.resolve_backoff.next_delay((self.random)());
            self.resolve_timer = Some(self.timers.set(self.now + delay, Timer::Resolve));
        }
    }

    /// Applies a change to a subchannel's machine, with its consequences.
    fn change(&mut self, id: SubchannelId, f: impl FnOnce(&mut Machine) -> Outcome) {
        let Some(member) = self.subchannels.get_mut(id.index as usize).filter(|m| m.subchannel.id() == id)
        else {
            return;
        };
        let outcome = f(&mut member.machine);
        if let Some(key) = member.timer.take() {
            self.timers.cancel(key);
        }
        let due = member.machine.poll_timeout();
        member.timer = due.map(|at| self.timers.set(at, Timer::Subchannel(id)));
        let subchannel = &member.subchannel;
        if outcome.abort {
            self.actions.push_back(Action::Abort { subchannel: Arc::clone(subchannel) });
        }
        if let Some(attempt) = outcome.start {
            self.actions.push_back(Action::Connect { subchannel: Arc::clone(subchannel), attempt });
        }
        if let Some(state) = outcome.state {
            self.notices.push_back(Notice::Subchannel(Arc::clone(subchannel), state));
        }
    }

    /// Delivers notices to policies until there are none.
    fn deliver_notices(&mut self) {
        while let Some(notice) = self.notices.pop_front() {
            match notice {
                Notice::Subchannel(subchannel, state) => {
                    // Removed since: its owner must not be notified.
                    let Some(member) = self.member(subchannel.id()) else { continue };
                    self.with_policy(member.owner, |policy, view| {
                        policy.subchannel_changed(&subchannel, &state, view);
                    });
                }
                Notice::Child { child, state, picker } => {
                    let Some(parent) = self.node(child).and_then(|node| node.parent) else { continue };
                    let told = self.with_policy(parent, |policy, view| {
                        policy.child_changed(child, state, &picker, view);
                    });
                    if told.is_some() {
                        self.touch(parent);
                    }
                }
            }
        }
    }

    fn touch(&mut self, id: ChildId) {
        if let Some(node) = self.node_mut(id)
            && !std::mem::replace(&mut node.touched, true)
        {
            self.touched.push(id);
        }
    }

    /// Lets the policies whose children published aggregate them, from the leaves to the root.
    fn aggregate(&mut self) {
        while let Some(id) = self.touched.pop() {
            if let Some(node) = self.node_mut(id) {
                node.touched = false;
            }
            self.with_policy(id, |policy, view| policy.aggregate(view));
            self.deliver_notices();
        }
    }

    fn member(&self, id: SubchannelId) -> Option<&Member> {
        self.subchannels.get(id.index as usize).filter(|member| member.subchannel.id() == id)
    }

    fn node(&self, id: ChildId) -> Option<&Node> {
        self.policies.get(id.index as usize).filter(|node| node.serial == id.serial)
    }

    fn node_mut(&mut self, id: ChildId) -> Option<&mut Node> {
        self.policies.get_mut(id.index as usize).filter(|node| node.serial == id.serial)
    }

    fn serial(&mut self) -> u32 {
        self.next_serial = self.next_serial.wrapping_add(1);
        self.next_serial
    }

    /// Runs the policy at the root, or the one that will replace it.
    fn with_latest<T>(&mut self, f: impl FnOnce(&mut dyn Policy, &mut View<'_>) -> T) -> Option<T> {
        let latest = self.successor.as_ref().map_or(self.root.id, |successor| successor.id);
        self.with_policy(latest, f)
    }

    /// Runs a policy. `None` if it is gone.
    fn with_policy<T>(
        &mut self,
        id: ChildId,
        f: impl FnOnce(&mut dyn Policy, &mut View<'_>) -> T,
    ) -> Option<T> {
        let mut policy = self.node_mut(id)?.policy.take()?;
        let out = f(&mut *policy, &mut View { core: self, owner: id });
        if let Some(node) = self.node_mut(id) {
            node.policy = Some(policy);
        }
        Some(out)
    }

    fn create_policy(&mut self, factory: &dyn PolicyFactory, parent: Option<ChildId>) -> ChildId {
        let serial = self.serial();
        let policy = factory.build(&self.target);
        let index = self.policies.insert(Node {
            serial,
            policy: Some(policy),
            parent,
            place: 0,
            children: Vec::new(),
            subchannels: SmallVec::new(),
            timers: SmallVec::new(),
            touched: false,
        });
        // A slab never holds 2^32 policies: memory would not suffice.
        let id = ChildId { index: index as u32, serial };
        if let Some(parent) = parent.and_then(|parent| self.node_mut(parent)) {
            parent.children.push(id);
            self.policies[index].place = self.children_of(id) - 1;
        }
        id
    }

    fn children_of(&self, child: ChildId) -> usize {
        let parent = self.node(child).and_then(|node| node.parent);
        parent.and_then(|parent| self.node(parent)).map_or(0, |parent| parent.children.len())
    }

    /// Removes a policy with everything that belongs to it.
    fn remove_policy(&mut self, id: ChildId) {
        let Some((parent, place)) = self.node(id).map(|node| (node.parent, node.place)) else { return };
        let moved = parent.and_then(|parent| self.node_mut(parent)).and_then(|parent| {
            parent.children.swap_remove(place);
            parent.children.get(place).copied()
        });
        if let Some(moved) = moved.and_then(|moved| self.node_mut(moved)) {
            moved.place = place;
        }
        let mut doomed = vec![id];
        while let Some(id) = doomed.pop() {
            if self.node(id).is_none() {
                continue;
            }
            let node = self.policies.remove(id.index as usize);
            doomed.extend(node.children);
            for (_, key) in node.timers {
                self.timers.cancel(key);
            }
            for subchannel in node.subchannels {
                self.discard(subchannel);
            }
        }
    }

    /// Removes a subchannel that its owner no longer lists.
    fn discard(&mut self, id: SubchannelId) {
        if self.member(id).is_none() {
            return;
        }
        let member = self.subchannels.remove(id.index as usize);
        if let Some(key) = member.timer {
            self.timers.cancel(key);
        }
        self.actions.push_back(Action::Remove { subchannel: member.subchannel });
    }
}

/// The controller of one policy.
struct View<'a> {
    core: &'a mut Core,
    owner: ChildId,
}

impl View<'_> {
    /// Whether `child` is a child of this policy.
    fn is_own(&self, child: ChildId) -> bool {
        self.core.node(child).is_some_and(|node| node.parent == Some(self.owner))
    }
}

impl Controller for View<'_> {
    fn create_subchannel(&mut self, address: Address) -> Arc<Subchannel> {
        let serial = self.core.serial();
        let (owner, machine) = (self.owner, Machine::new(self.core.backoff.clone()));
        let entry = self.core.subchannels.vacant_entry();
        let id = SubchannelId { index: entry.key() as u32, serial };
        let subchannel = Subchannel::new(id, address);
        let member = entry.insert(Member {
            subchannel: Arc::clone(&subchannel),
            machine,
            owner,
            place: 0,
            timer: None,
        });
        let node =
            self.core.policies.get_mut(owner.index as usize).filter(|node| node.serial == owner.serial);
        if let Some(node) = node {
            member.place = node.subchannels.len();
            node.subchannels.push(id);
        }
        subchannel
    }

    fn remove_subchannel(&mut self, subchannel: &Subchannel) {
        let id = subchannel.id();
        let Some(member) = self.core.member(id) else { return };
        let (owner, place) = (member.owner, member.place);
        let moved = self.core.node_mut(owner).and_then(|node| {
            node.subchannels.swap_remove(place);
            node.subchannels.get(place).copied()
        });
        if let Some(moved) = moved
            && let Some(member) = self.core.subchannels.get_mut(moved.index as usize)
        {
            member.place = place;
        }
        self.core.discard(id);
    }

    fn connect(&mut self, subchannel: &Subchannel) {
        let (now, random) = (self.core.now, (self.core.random)());
        self.core.change(subchannel.id(), |machine| machine.connect(now, random));
    }

    fn create_child(&mut self, factory: &dyn PolicyFactory) -> ChildId {
        self.core.create_policy(factory, Some(self.owner))
    }

    fn update_child(&mut self, child: ChildId, resolved: Resolved) -> Result<(), Rejected> {
        if !self.is_own(child) {
            return Ok(());
        }
        self.core.with_policy(child, |policy, view| policy.update(resolved, view)).unwrap_or(Ok(()))
    }

    fn child_resolver_error(&mut self, child: ChildId, error: &SharedError) {
        if self.is_own(child) {
            self.core.with_policy(child, |policy, view| policy.resolver_error(error, view));
        }
    }

    fn child_exit_idle(&mut self, child: ChildId) {
        if self.is_own(child) {
            self.core.with_policy(child, |policy, view| policy.exit_idle(view));
        }
    }

    fn remove_child(&mut self, child: ChildId) {
        if self.is_own(child) {
            self.core.remove_policy(child);
        }
    }

    fn publish(&mut self, state: ConnectivityState, picker: Arc<dyn Picker>) {
        match self.core.node(self.owner) {
            None => {}
            Some(Node { parent: Some(_), .. }) => {
                self.core.notices.push_back(Notice::Child { child: self.owner, state, picker });
            }
            Some(_) => self.core.publish_root(self.owner, state, picker),
        }
    }

    fn set_timer(&mut self, timer: TimerId, after: Duration) {
        self.cancel_timer(timer);
        // A time beyond the clock's range never comes.
        let Some(at) = self.core.now.checked_add(after) else { return };
        let key = self.core.timers.set(at, Timer::Policy(self.owner, timer));
        if let Some(node) = self.core.node_mut(self.owner) {
            node.timers.push((timer, key));
        }
    }

    fn cancel_timer(&mut self, timer: TimerId) {
        let Some(node) = self.core.node_mut(self.owner) else { return };
        let Some(at) = node.timers.iter().position(|(set, _)| *set == timer) else { return };
        let (_, key) = node.timers.swap_remove(at);
        self.core.timers.cancel(key);
    }

    fn request_resolution(&mut self) {
        // Otherwise a hint follows when the back-off is over.
        if self.core.resolve_timer.is_none() {
            self.core.actions.push_back(Action::Resolve);
        }
    }

    fn exit_idle_handle(&mut self) -> ExitIdle {
        self.core.exit_idle_handle.clone()
    }

    fn random(&mut self) -> f64 {
        (self.core.random)()
    }
}
