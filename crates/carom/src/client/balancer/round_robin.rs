//! `round_robin`: a connection to each endpoint, and each call to the next (gRFC A61).
//!
//! Each endpoint has a `pick_first` child of its own, which tries the endpoint's addresses and paces itself. A child
//! that is IDLE connects at once. A child that failed counts as failed until it is READY, so that the channel does not
//! report CONNECTING forever while every attempt fails.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use carom_wire::Status;

use super::{
    ChildId, Controller, FailPicker, Pick, PickArgs, PickFirst, Picker, Policies, Policy, PolicyConfig,
    PolicyFactory, QueuePicker, Rejected, Resolved,
};
use crate::client::connectivity::{ConnectivityState, SubchannelState};
use crate::client::error::SharedError;
use crate::client::resolver::{Address, Endpoint};
use crate::client::service_config::Json;
use crate::client::subchannel::Subchannel;

/// The factory of `round_robin`: calls go in turn to the endpoints that are READY. It has no configuration.
#[derive(Debug, Clone, Copy)]
pub struct RoundRobin;

impl PolicyFactory for RoundRobin {
    fn name(&self) -> &str {
        "round_robin"
    }

    fn parse_config(&self, _config: &Json, _policies: &Policies) -> Result<PolicyConfig, String> {
        Ok(Arc::new(()))
    }

    fn build(&self, target: &Arc<str>) -> Box<dyn Policy> {
        Box::new(State {
            target: Arc::clone(target),
            children: Vec::new(),
            by_id: HashMap::new(),
            counts: Counts::default(),
            last_failure: None,
            published: None,
            ready_changed: false,
        })
    }
}

struct State {
    /// The server's name as the user gave it, for messages.
    target: Arc<str>,
    /// The children, in the order of the list.
    children: Vec<Child>,
    /// The index of each in `children`.
    by_id: HashMap<ChildId, usize>,
    counts: Counts,
    /// The picker of the child that failed last.
    last_failure: Option<Arc<dyn Picker>>,
    published: Option<ConnectivityState>,
    /// Whether the READY children, or their pickers, differ from what was published.
    ready_changed: bool,
}

struct Child {
    id: ChildId,
    key: Key,
    state: ConnectivityState,
    picker: Option<Arc<dyn Picker>>,
}

/// Endpoints are the same if their addresses are, in whatever order: sorted, without duplicates.
#[derive(PartialEq, Eq, Hash, Clone)]
struct Key(Box<[Address]>);

impl Key {
    fn of(endpoint: &Endpoint) -> Self {
        let mut addresses = endpoint.addresses.to_vec();
        addresses.sort_unstable();
        addresses.dedup();
        Self(addresses.into())
    }
}

/// The number of children in each state.
#[derive(Default)]
struct Counts {
    ready: usize,
    /// Those that are CONNECTING, or IDLE and about to be.
    connecting: usize,
}

impl Counts {
    fn of(&mut self, state: ConnectivityState) -> Option<&mut usize> {
        match state {
            ConnectivityState::Ready => Some(&mut self.ready),
            ConnectivityState::Connecting | ConnectivityState::Idle => Some(&mut self.connecting),
            ConnectivityState::TransientFailure | ConnectivityState::Shutdown => None,
        }
    }

    fn add(&mut self, state: ConnectivityState) {
        self.of(state).into_iter().for_each(|count| *count += 1);
    }

    fn remove(&mut self, state: ConnectivityState) {
        self.of(state).into_iter().for_each(|count| *count -= 1);
    }
}

impl State {
    fn fail(&mut self, message: String, source: SharedError, controller: &mut dyn Controller) {
        let mut status = Status::unavailable(message);
        status.set_source(source);
        self.published = Some(ConnectivityState::TransientFailure);
        controller.publish(ConnectivityState::TransientFailure, Arc::new(FailPicker(status)));
    }

    fn ready_pickers(&self) -> Vec<Arc<dyn Picker>> {
        let ready = self.children.iter().filter(|child| child.state == ConnectivityState::Ready);
        ready.filter_map(|child| child.picker.clone()).collect()
    }
}

impl Policy for State {
    fn update(&mut self, resolved: Resolved, controller: &mut dyn Controller) -> Result<(), Rejected> {
        let mut old: HashMap<Key, Child> =
            self.children.drain(..).map(|child| (child.key.clone(), child)).collect();
        self.by_id.clear();
        let mut seen = HashSet::with_capacity(resolved.endpoints.len());
        let mut outcome = Ok(());
        let mut created = Vec::new();
        let endpoints = resolved.endpoints.into_iter().filter(|endpoint| !endpoint.addresses.is_empty());
        for endpoint in endpoints {
            let key = Key::of(&endpoint);
            if !seen.insert(key.clone()) {
                continue;
            }
            let child = old.remove(&key).unwrap_or_else(|| {
                let id = controller.create_child(&PickFirst);
                created.push(id);
                Child { id, key, state: ConnectivityState::Connecting, picker: None }
            });
            self.by_id.insert(child.id, self.children.len());
            let update =
                Resolved { endpoints: vec![endpoint], attributes: resolved.attributes.clone(), config: None };
            outcome = outcome.and(controller.update_child(child.id, update));
            self.children.push(child);
        }
        self.counts = Counts::default();
        for child in &self.children {
            self.counts.add(child.state);
        }
        for child in old.values() {
            controller.remove_child(child.id);
        }
        for id in created {
            controller.child_exit_idle(id);
        }
        self.ready_changed = true;
        if self.children.is_empty() {
            let rejected = Rejected::new("name resolution gave no addresses");
            let message = format!("name resolution gave no addresses (target: {})", self.target);
            self.last_failure = None;
            self.fail(message, Arc::new(rejected.clone()), controller);
            return Err(rejected);
        }
        self.aggregate(controller);
        outcome
    }

    fn resolver_error(&mut self, error: &SharedError, controller: &mut dyn Controller) {
        // Old endpoints are better than none; without any, whoever waits for them learns why.
        if self.children.is_empty() {
            self.fail(format!("{error} (target: {})", self.target), Arc::clone(error), controller);
        }
    }

    fn subchannel_changed(
        &mut self,
        _subchannel: &Arc<Subchannel>,
        _state: &SubchannelState,
        _controller: &mut dyn Controller,
    ) {
        // All subchannels belong to the children.
    }

    fn child_changed(
        &mut self,
        child: ChildId,
        state: ConnectivityState,
        picker: &Arc<dyn Picker>,
        controller: &mut dyn Controller,
    ) {
        let Some(&at) = self.by_id.get(&child) else { return };
        if state == ConnectivityState::Idle {
            controller.child_exit_idle(child);
        }
        let child = &mut self.children[at];
        if state == ConnectivityState::TransientFailure {
            self.last_failure = Some(Arc::clone(picker));
        } else if child.state == ConnectivityState::TransientFailure && state != ConnectivityState::Ready {
            return;
        }
        self.ready_changed |= child.state == ConnectivityState::Ready || state == ConnectivityState::Ready;
        self.counts.remove(child.state);
        self.counts.add(state);
        child.state = state;
        child.picker = Some(Arc::clone(picker));
    }

    fn aggregate(&mut self, controller: &mut dyn Controller) {
        let state = if self.counts.ready > 0 {
            ConnectivityState::Ready
        } else if self.counts.connecting > 0 {
            ConnectivityState::Connecting
        } else {
            ConnectivityState::TransientFailure
        };
        let picker: Arc<dyn Picker> = match state {
            ConnectivityState::Ready if self.ready_changed || self.published != Some(state) => {
                let pickers = self.ready_pickers();
                let start = (controller.random() * pickers.len() as f64) as usize;
                Arc::new(InTurn { pickers, next: AtomicUsize::new(start) })
            }
            ConnectivityState::TransientFailure => match &self.last_failure {
                Some(picker) => Arc::clone(picker),
                None => return,
            },
            _ if self.published == Some(state) => return,
            _ => Arc::new(QueuePicker),
        };
        self.ready_changed = false;
        self.published = Some(state);
        controller.publish(state, picker);
    }

    fn exit_idle(&mut self, controller: &mut dyn Controller) {
        // Children never rest. Before the first list there are none.
        if self.published.is_none() {
            self.published = Some(ConnectivityState::Connecting);
            controller.publish(ConnectivityState::Connecting, Arc::new(QueuePicker));
        }
    }
}

/// A picker that asks those of the READY children in turn.
struct InTurn {
    /// At least one.
    pickers: Vec<Arc<dyn Picker>>,
    next: AtomicUsize,
}

impl Picker for InTurn {
    fn pick<'a>(&'a self, args: &PickArgs<'_>) -> Pick<'a> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        self.pickers[turn % self.pickers.len()].pick(args)
    }
}
