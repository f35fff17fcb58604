//! `pick_first`: one connection, to the first address that takes it (gRFC A61).
//!
//! ```text
//!            exit_idle / addresses               an address is READY
//!   Idle ───────────────────────────► Passing ───────────────────────► Selected
//!    ▲                                  │  ▲                              │
//!    │                    all failed    ▼  │ new addresses                │ connection lost or GOAWAY
//!    │                                 Failed ──► Selected (any READY)    │
//!    └────────────────────────────────────────────────────────────────────┘
//! ```
//! In `Failed` every subchannel tries again when its own wait is over, whether calls come or not; the channel stays in
//! TRANSIENT_FAILURE until one of them is READY.
//!
//! While `Passing`, the next address is tried when the one before failed, or has not answered for
//! [`ATTEMPT_DELAY`] (RFC 8305, "Happy Eyeballs"): a name whose first address is a black hole connects all the same.

use std::sync::Arc;
use std::time::Duration;

use carom_wire::Status;

use super::{Controller, FailPicker, Policy, QueuePicker, SinglePicker, SubchannelState};
use crate::client::connectivity::ConnectivityState;
use crate::client::resolver::Address;
use crate::client::subchannel::Subchannel;

/// How long an address may stay silent before the next one is tried beside it (RFC 8305 §5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// The policy of a channel that was not told otherwise.
pub(crate) struct PickFirst {
    /// How the user named the server, for messages.
    target: String,
    addresses: Vec<Address>,
    /// One an address of the list that was tried, in its order.
    members: Vec<Member>,
    phase: Phase,
}

struct Member {
    subchannel: Arc<Subchannel>,
    state: SubchannelState,
}

enum Phase {
    /// Nobody asked for a connection, or the one there was is lost.
    Idle,
    /// Asked for one before the resolver answered.
    AwaitingAddresses,
    /// Trying. `members[latest]` is the last that was begun; past the end, all were.
    Passing { latest: usize },
    /// `members` is that one.
    Selected,
    /// All addresses failed, or there are none.
    Failed,
}

impl PickFirst {
    pub(crate) fn new(target: String) -> Self {
        Self { target, addresses: Vec::new(), members: Vec::new(), phase: Phase::Idle }
    }

    /// Tries the addresses from the first on. Subchannels of addresses that are still listed are kept with their waits.
    fn start_pass(&mut self, controller: &mut dyn Controller) {
        let mut old = std::mem::take(&mut self.members);
        for address in &self.addresses {
            let known = old.iter().position(|member| member.subchannel.address() == address);
            self.members.push(match known {
                Some(at) => old.swap_remove(at),
                None => Member {
                    subchannel: controller.create_subchannel(address.clone()),
                    state: SubchannelState::Idle,
                },
            });
        }
        for member in &old {
            controller.remove_subchannel(&member.subchannel);
        }
        if !matches!(self.phase, Phase::Failed) {
            controller.publish(ConnectivityState::Connecting, Arc::new(QueuePicker));
        }
        self.pass_from(0, controller);
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
            controller.set_timer(Some(ATTEMPT_DELAY));
            return;
        }
        self.phase = Phase::Passing { latest: self.members.len() };
        controller.set_timer(None);
        self.fail_if_all_did(start.saturating_sub(1), controller);
    }

    /// Ends the pass unless an address may still answer; `last` is the one that failed last.
    fn fail_if_all_did(&mut self, last: usize, controller: &mut dyn Controller) {
        let trying =
            |member: &Member| matches!(member.state, SubchannelState::Connecting | SubchannelState::Ready);
        if self.members.iter().any(trying) {
            return;
        }
        // Sticky: a channel that failed stays so until it is READY, although it goes on trying.
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
        let message = format!(
            "failed to connect to all addresses; last error: {}: {cause} (target: {})",
            subchannel.address(),
            self.target
        );
        controller
            .publish(ConnectivityState::TransientFailure, Arc::new(FailPicker(Status::unavailable(message))));
    }

    fn select(&mut self, index: usize, controller: &mut dyn Controller) {
        controller.set_timer(None);
        let selected = self.members.swap_remove(index);
        for member in self.members.drain(..) {
            controller.remove_subchannel(&member.subchannel);
        }
        let picker = SinglePicker(Arc::clone(&selected.subchannel));
        self.members.push(selected);
        self.phase = Phase::Selected;
        controller.publish(ConnectivityState::Ready, Arc::new(picker));
    }

    fn drop_members(&mut self, controller: &mut dyn Controller) {
        for member in self.members.drain(..) {
            controller.remove_subchannel(&member.subchannel);
        }
    }
}

impl Policy for PickFirst {
    fn update(&mut self, addresses: &[Address], controller: &mut dyn Controller) {
        self.addresses = addresses.to_vec();
        if addresses.is_empty() {
            self.drop_members(controller);
            controller.set_timer(None);
            self.phase = Phase::Failed;
            let status =
                Status::unavailable(format!("name resolution gave no addresses (target: {})", self.target));
            controller.publish(ConnectivityState::TransientFailure, Arc::new(FailPicker(status)));
            controller.request_resolution();
            return;
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
    }

    fn resolver_error(&mut self, message: &str, controller: &mut dyn Controller) {
        // Old addresses are better than none; with none, whoever waits for them hears why.
        if self.addresses.is_empty() {
            self.phase = Phase::Failed;
            let status = Status::unavailable(format!("{message} (target: {})", self.target));
            controller.publish(ConnectivityState::TransientFailure, Arc::new(FailPicker(status)));
        }
    }

    fn subchannel_changed(
        &mut self,
        subchannel: &Arc<Subchannel>,
        state: &SubchannelState,
        controller: &mut dyn Controller,
    ) {
        let found = self.members.iter().position(|member| Arc::ptr_eq(&member.subchannel, subchannel));
        let Some(index) = found else { return };
        self.members[index].state = state.clone();
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
                // The next call connects again; meanwhile the resolver may learn where to.
                self.phase = Phase::Idle;
                controller.publish(ConnectivityState::Idle, Arc::new(QueuePicker));
                controller.request_resolution();
            }
            _ => {}
        }
    }

    fn timer_expired(&mut self, controller: &mut dyn Controller) {
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
