//! `pick_first`: one connection, to the first address that accepts it (gRFC A61).
//!
//! ```text
//!            exit_idle / addresses               an address is READY
//!   Idle ───────────────────────────► Passing ───────────────────────► Selected
//!    ▲                                  │  ▲                              │
//!    │                    all failed    ▼  │ new addresses                │ connection lost or GOAWAY
//!    │                                 Failed ──► Selected (any READY)    │
//!    └────────────────────────────────────────────────────────────────────┘
//! ```
//! In `Failed` every subchannel retries when its own wait is over, whether or not there are calls; the policy stays in
//! TRANSIENT_FAILURE until one of them is READY.
//!
//! While `Passing`, the next address is tried when the previous one has failed, or has not answered for
//! [`ATTEMPT_DELAY`] (RFC 8305, "Happy Eyeballs"): a name whose first address is a black hole still connects.

use std::collections::{HashMap, HashSet, VecDeque};
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{
    Controller, Policies, Policy, PolicyConfig, PolicyFactory, QueuePicker, Rejected, Resolved, SinglePicker,
    TimerId, failure,
};
use crate::client::connectivity::{ConnectivityState, SubchannelState};
use crate::client::error::SharedError;
use crate::client::resolver::{Address, Endpoint, Weight};
use crate::client::service_config::Json;
use crate::client::subchannel::{Subchannel, SubchannelId};

/// The time that an address may stay silent before the next one is tried in parallel (RFC 8305 §5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// The timer that fires [`ATTEMPT_DELAY`] after the start of an attempt.
const NEXT_ATTEMPT: TimerId = TimerId(0);

/// The factory of `pick_first`, the default policy: all calls go to the first address that accepts a connection.
///
/// Its configuration: `shuffleAddressList`, a boolean. `true` puts the endpoints in a random order at each update, so
/// that clients with the same list are spread over it, in proportion to the endpoints' [`Weight`]s if they have
/// any. Default `false`.
#[derive(Debug, Clone, Copy)]
pub struct PickFirst;

struct Config {
    shuffle: bool,
}

impl PolicyFactory for PickFirst {
    fn name(&self) -> &str {
        "pick_first"
    }

    fn parse_config(&self, config: &Json, _policies: &Policies) -> Result<PolicyConfig, String> {
        let shuffle = match config.get("shuffleAddressList") {
            None => false,
            Some(value) => value.as_bool().ok_or("`shuffleAddressList` is not a boolean")?,
        };
        Ok(Arc::new(Config { shuffle }))
    }

    fn build(&self, target: &Arc<str>) -> Box<dyn Policy> {
        Box::new(State {
            target: Arc::clone(target),
            addresses: Vec::new(),
            members: Vec::new(),
            index: HashMap::new(),
            trying: 0,
            phase: Phase::Idle,
        })
    }
}

/// The policy.
struct State {
    /// The server's name as the user gave it, for messages.
    target: Arc<str>,
    /// The addresses, without duplicates.
    addresses: Vec<Address>,
    /// One member for each address of the list that was tried, in order.
    members: Vec<Member>,
    /// The index of each subchannel in `members`, if there are too many for a linear search.
    index: HashMap<SubchannelId, usize>,
    /// The number of `members` that are CONNECTING or READY.
    trying: usize,
    phase: Phase,
}

struct Member {
    subchannel: Arc<Subchannel>,
    state: SubchannelState,
}

impl Member {
    fn is_trying(&self) -> bool {
        matches!(self.state, SubchannelState::Connecting | SubchannelState::Ready)
    }
}

enum Phase {
    /// No connection was asked for, or it was lost.
    Idle,
    /// A connection was asked for before the resolver answered.
    AwaitingAddresses,
    /// Trying addresses. `members[latest]` is the last one begun; past the end, all were.
    Passing { latest: usize },
    /// One address is connected; it is the only one in `members`.
    Selected,
    /// All addresses failed, or there are none.
    Failed,
}

/// Up to this many members, a linear search is faster than a look-up.
const FEW: usize = 8;

impl State {
    /// Starts a pass over the addresses from the first. Subchannels of addresses that are still listed are kept with
    /// their waits.
    fn start_pass(&mut self, controller: &mut dyn Controller) {
        let mut old: HashMap<Address, Member> =
            self.members.drain(..).map(|member| (member.subchannel.address().clone(), member)).collect();
        for address in &self.addresses {
            self.members.push(old.remove(address).unwrap_or_else(|| Member {
                subchannel: controller.create_subchannel(address.clone()),
                state: SubchannelState::Idle,
            }));
        }
        for member in old.values() {
            controller.remove_subchannel(&member.subchannel);
        }
        self.trying = self.members.iter().filter(|member| member.is_trying()).count();
        self.index.clear();
        if self.members.len() > FEW {
            let ids = self.members.iter().enumerate().map(|(at, member)| (member.subchannel.id(), at));
            self.index.extend(ids);
        }
        if !matches!(self.phase, Phase::Failed) {
            controller.publish(ConnectivityState::Connecting, Arc::new(QueuePicker));
        }
        self.pass_from(0, controller);
    }

    fn position(&self, subchannel: &Subchannel) -> Option<usize> {
        let id = subchannel.id();
        if self.members.len() > FEW {
            return self.index.get(&id).copied();
        }
        self.members.iter().position(|member| member.subchannel.id() == id)
    }

    /// Tries the next address from `start` on.
    fn pass_from(&mut self, start: usize, controller: &mut dyn Controller) {
        if matches!(self.phase, Phase::Failed) {
            return self.connect_idle(controller);
        }
        for (at, member) in self.members.iter().enumerate().skip(start) {
            match member.state {
                SubchannelState::TransientFailure(_) => continue,
                SubchannelState::Idle => controller.connect(&member.subchannel),
                SubchannelState::Connecting | SubchannelState::Ready => {}
            }
            self.phase = Phase::Passing { latest: at };
            controller.set_timer(NEXT_ATTEMPT, ATTEMPT_DELAY);
            return;
        }
        self.phase = Phase::Passing { latest: self.members.len() };
        controller.cancel_timer(NEXT_ATTEMPT);
        self.fail_if_all_did(start.saturating_sub(1), controller);
    }

    /// Ends the pass unless an address may still answer; `last` is the one that failed last.
    fn fail_if_all_did(&mut self, last: usize, controller: &mut dyn Controller) {
        if self.trying > 0 {
            return;
        }
        // Sticky: a channel that failed stays so until it is READY, although it keeps trying.
        self.phase = Phase::Failed;
        self.publish_failure(last, controller);
        controller.request_resolution();
        self.connect_idle(controller);
    }

    fn connect_idle(&self, controller: &mut dyn Controller) {
        for member in &self.members {
            if matches!(member.state, SubchannelState::Idle) {
                controller.connect(&member.subchannel);
            }
        }
    }

    fn publish_failure(&self, last: usize, controller: &mut dyn Controller) {
        let Some(Member { subchannel, state: SubchannelState::TransientFailure(cause) }) =
            self.members.get(last)
        else {
            return;
        };
        let error = ConnectFailed {
            target: Arc::clone(&self.target),
            address: subchannel.address().clone(),
            cause: Arc::clone(cause),
        };
        failure::publish(error.to_string(), Arc::new(error), controller);
    }

    fn select(&mut self, index: usize, controller: &mut dyn Controller) {
        controller.cancel_timer(NEXT_ATTEMPT);
        let selected = self.members.swap_remove(index);
        self.remove_members(controller);
        let picker = SinglePicker(Arc::clone(&selected.subchannel));
        self.members.push(selected);
        self.trying = 1;
        self.phase = Phase::Selected;
        controller.publish(ConnectivityState::Ready, Arc::new(picker));
    }

    fn remove_members(&mut self, controller: &mut dyn Controller) {
        for member in self.members.drain(..) {
            controller.remove_subchannel(&member.subchannel);
        }
        self.index.clear();
        self.trying = 0;
    }

    fn flatten(&mut self, mut endpoints: Vec<Endpoint>, shuffle: bool, controller: &mut dyn Controller) {
        if shuffle {
            endpoints = shuffle_by_weight(endpoints, || controller.random());
        }
        let addresses = endpoints.into_iter().flat_map(|endpoint| endpoint.addresses);
        let mut seen = HashSet::new();
        self.addresses = interleave(addresses.filter(|address| seen.insert(address.clone())).collect());
    }
}

/// Puts endpoints in a random order, in which one of twice the weight is first twice as often (gRFC A113): each draws
/// u^(1 / weight), and the greatest is first. `random` gives numbers from 0 to below 1.
fn shuffle_by_weight(endpoints: Vec<Endpoint>, mut random: impl FnMut() -> f64) -> Vec<Endpoint> {
    let mut drawn: Vec<(f64, Endpoint)> = endpoints
        .into_iter()
        .map(|endpoint| {
            // The logarithm has the same order, and does not round great weights' draws to 1.
            let u = 1.0 - random();
            (u.ln() / f64::from(Weight::of(&endpoint.attributes)), endpoint)
        })
        .collect();
    drawn.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    drawn.into_iter().map(|(_, endpoint)| endpoint).collect()
}

/// Reorders addresses so that families alternate, starting with that of the first (RFC 8305 §4, gRFC A61). A family
/// without a working route then costs one attempt, not one for each of its addresses. Addresses that are not IP make up
/// a family of their own.
fn interleave(addresses: Vec<Address>) -> Vec<Address> {
    let family = |address: &Address| match address {
        Address::Tcp(address) if address.is_ipv6() => 0,
        Address::Tcp(_) => 1,
        _ => 2,
    };
    let mut order = Vec::new();
    let mut families: [VecDeque<Address>; 3] = Default::default();
    let total = addresses.len();
    for address in addresses {
        let family = family(&address);
        if !order.contains(&family) {
            order.push(family);
        }
        families[family].push_back(address);
    }
    let mut interleaved = Vec::with_capacity(total);
    while interleaved.len() < total {
        interleaved.extend(order.iter().filter_map(|family| families[*family].pop_front()));
    }
    interleaved
}

/// The error of a list without any address that could be connected to.
#[derive(Debug)]
struct ConnectFailed {
    target: Arc<str>,
    /// The address that failed last, with the cause.
    address: Address,
    cause: SharedError,
}

impl fmt::Display for ConnectFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, address, cause } = self;
        write!(f, "failed to connect to all addresses; last error: {address}: {cause} (target: {target})")
    }
}

impl Error for ConnectFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.cause)
    }
}

impl Policy for State {
    fn update(&mut self, resolved: Resolved, controller: &mut dyn Controller) -> Result<(), Rejected> {
        let config = resolved.config.as_deref().and_then(|config| config.downcast_ref::<Config>());
        self.flatten(resolved.endpoints, config.is_some_and(|config| config.shuffle), controller);
        if self.addresses.is_empty() {
            self.remove_members(controller);
            controller.cancel_timer(NEXT_ATTEMPT);
            self.phase = Phase::Failed;
            return Err(failure::publish_no_addresses(&self.target, controller));
        }
        match self.phase {
            Phase::Idle => {}
            Phase::Selected => {
                let listed =
                    self.members.iter().any(|member| self.addresses.contains(member.subchannel.address()));
                if !listed {
                    self.start_pass(controller);
                }
            }
            Phase::AwaitingAddresses | Phase::Passing { .. } | Phase::Failed => self.start_pass(controller),
        }
        Ok(())
    }

    fn resolver_error(&mut self, error: &SharedError, controller: &mut dyn Controller) {
        // Old addresses are better than none; without any, whoever waits for them learns why.
        if self.addresses.is_empty() {
            self.phase = Phase::Failed;
            failure::publish_error(Arc::clone(error), &self.target, controller);
        }
    }

    fn subchannel_changed(
        &mut self,
        subchannel: &Arc<Subchannel>,
        state: &SubchannelState,
        controller: &mut dyn Controller,
    ) {
        let Some(index) = self.position(subchannel) else { return };
        let member = &mut self.members[index];
        self.trying -= usize::from(member.is_trying());
        member.state = state.clone();
        self.trying += usize::from(member.is_trying());
        match (&self.phase, state) {
            (Phase::Passing { .. } | Phase::Failed, SubchannelState::Ready) => self.select(index, controller),
            (Phase::Passing { latest }, SubchannelState::TransientFailure(_)) => {
                if *latest == index {
                    self.pass_from(index + 1, controller);
                } else if *latest == self.members.len() {
                    self.fail_if_all_did(index, controller);
                }
            }
            (Phase::Failed, SubchannelState::TransientFailure(_)) => {
                self.publish_failure(index, controller);
                controller.request_resolution();
            }
            (Phase::Passing { latest }, SubchannelState::Idle) if *latest == index => {
                controller.connect(subchannel);
            }
            (Phase::Failed, SubchannelState::Idle) => controller.connect(subchannel),
            (Phase::Selected, SubchannelState::Ready) => {}
            (Phase::Selected, _) => {
                // The next call connects again; meanwhile the resolver may find new addresses.
                self.phase = Phase::Idle;
                controller.publish(ConnectivityState::Idle, Arc::new(QueuePicker));
                controller.request_resolution();
            }
            _ => {}
        }
    }

    fn timer_expired(&mut self, _timer: TimerId, controller: &mut dyn Controller) {
        if let Phase::Passing { latest } = self.phase {
            self.pass_from(latest + 1, controller);
        }
    }

    fn exit_idle(&mut self, controller: &mut dyn Controller) {
        if !matches!(self.phase, Phase::Idle) {
            return;
        }
        if self.addresses.is_empty() {
            self.phase = Phase::AwaitingAddresses;
            controller.publish(ConnectivityState::Connecting, Arc::new(QueuePicker));
        } else {
            self.start_pass(controller);
        }
    }
}

#[cfg(test)]
mod tests;
