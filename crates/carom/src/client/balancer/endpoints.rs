//! What policies share that balance over endpoints (gRFC A61 calls them petiole policies).
//!
//! Each endpoint has a `pick_first` child of its own, which tries the endpoint's addresses and paces itself: these are
//! the [`Children`]. A policy that keeps a connection to every endpoint is [`Connected`], and differs from others only
//! in its [`Spread`]: how it distributes calls over the children that are READY.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{
    ChildId, Controller, PickFirst, Picker, Policy, PolicyConfig, QueuePicker, Rejected, Resolved, failure,
};
use crate::client::connectivity::ConnectivityState;
use crate::client::error::SharedError;
use crate::client::resolver::{Address, Attributes, Endpoint};

/// The children of a policy, one for each endpoint, with a `T` that the policy keeps for each.
pub(super) struct Children<T> {
    /// In the order of the list.
    list: Vec<Child<T>>,
    /// The index of each in `list`.
    by_id: HashMap<ChildId, usize>,
    counts: Counts,
    /// The picker of the child that failed last.
    last_failure: Option<Arc<dyn Picker>>,
}

/// The child of one endpoint.
pub(super) struct Child<T> {
    pub(super) id: ChildId,
    key: Key,
    /// The first address of the endpoint.
    pub(super) first: Address,
    /// The attributes of the endpoint, as they were listed last.
    pub(super) attributes: Attributes,
    /// The state, in which TRANSIENT_FAILURE lasts until the child is READY.
    pub(super) state: ConnectivityState,
    /// What the child published last.
    pub(super) picker: Arc<dyn Picker>,
    /// What the policy keeps for the endpoint as long as it is listed.
    pub(super) kept: T,
}

/// Endpoints are the same if their addresses are, in whatever order: sorted, without duplicates.
#[derive(PartialEq, Eq, Hash, Clone)]
pub(super) struct Key(Box<[Address]>);

impl Key {
    pub(super) fn of(endpoint: &Endpoint) -> Self {
        let mut addresses = endpoint.addresses.to_vec();
        addresses.sort_unstable();
        addresses.dedup();
        Self(addresses.into())
    }
}

/// The number of children in each state.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) ready: usize,
    pub(super) connecting: usize,
    pub(super) idle: usize,
    pub(super) failed: usize,
}

impl Counts {
    fn of(&mut self, state: ConnectivityState) -> &mut usize {
        match state {
            ConnectivityState::Ready => &mut self.ready,
            ConnectivityState::Connecting => &mut self.connecting,
            ConnectivityState::Idle => &mut self.idle,
            ConnectivityState::TransientFailure | ConnectivityState::Shutdown => &mut self.failed,
        }
    }
}

/// What [`Children::update`] did.
pub(super) struct Updated {
    /// The children that were created, in the order of the list. They are IDLE.
    pub(super) created: Vec<ChildId>,
    /// The first refusal of a child.
    pub(super) outcome: Result<(), Rejected>,
}

impl<T: Default> Children<T> {
    pub(super) fn new() -> Self {
        Self { list: Vec::new(), by_id: HashMap::new(), counts: Counts::default(), last_failure: None }
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Child<T>> {
        self.list.iter()
    }

    /// The picker of the child that failed last, with its error.
    pub(super) fn last_failure(&self) -> Option<&Arc<dyn Picker>> {
        self.last_failure.as_ref()
    }

    /// Creates, updates and removes children so that there is one for each endpoint with an address. Duplicates make
    /// one child, with the attributes of the first.
    pub(super) fn update(
        &mut self,
        endpoints: Vec<Endpoint>,
        attributes: &Attributes,
        controller: &mut dyn Controller,
    ) -> Updated {
        let mut old: HashMap<Key, Child<T>> =
            self.list.drain(..).map(|child| (child.key.clone(), child)).collect();
        self.by_id.clear();
        self.counts = Counts::default();
        let mut seen = HashSet::with_capacity(endpoints.len());
        let mut updated = Updated { created: Vec::new(), outcome: Ok(()) };
        for endpoint in endpoints {
            let Some(first) = endpoint.addresses.first().cloned() else { continue };
            let key = Key::of(&endpoint);
            if !seen.insert(key.clone()) {
                continue;
            }
            let child = match old.remove(&key) {
                Some(child) => Child { first, attributes: endpoint.attributes.clone(), ..child },
                None => {
                    let id = controller.create_child(&PickFirst);
                    updated.created.push(id);
                    Child {
                        id,
                        key,
                        first,
                        attributes: endpoint.attributes.clone(),
                        state: ConnectivityState::Idle,
                        picker: Arc::new(QueuePicker),
                        kept: T::default(),
                    }
                }
            };
            self.by_id.insert(child.id, self.list.len());
            *self.counts.of(child.state) += 1;
            let update = Resolved { endpoints: vec![endpoint], attributes: attributes.clone(), config: None };
            updated.outcome = updated.outcome.and(controller.update_child(child.id, update));
            self.list.push(child);
        }
        for child in old.values() {
            controller.remove_child(child.id);
        }
        if self.list.is_empty() {
            self.last_failure = None;
        }
        updated
    }

    /// Records what a child published. Returns the states before and after, unless nothing changes: a child that failed
    /// counts as failed until it is READY.
    pub(super) fn record(
        &mut self,
        child: ChildId,
        state: ConnectivityState,
        picker: &Arc<dyn Picker>,
    ) -> Option<(ConnectivityState, ConnectivityState)> {
        let &at = self.by_id.get(&child)?;
        let child = &mut self.list[at];
        let before = child.state;
        if state == ConnectivityState::TransientFailure {
            self.last_failure = Some(Arc::clone(picker));
        } else if before == ConnectivityState::TransientFailure && state != ConnectivityState::Ready {
            return None;
        }
        *self.counts.of(before) -= 1;
        *self.counts.of(state) += 1;
        child.state = state;
        child.picker = Arc::clone(picker);
        Some((before, state))
    }
}

/// The text of an address whose hash places an endpoint: `ip:port` or `[ip6]:port` for TCP, as in every gRPC
/// implementation.
pub(super) fn hashed_text(address: &Address) -> String {
    match address {
        Address::Tcp(address) => address.to_string(),
        other => other.to_string(),
    }
}

/// How calls are distributed over the endpoints that are READY.
pub(super) trait Spread: Send + 'static {
    /// What is kept for an endpoint as long as it is listed.
    type Kept: Default + Send;

    /// Applies the policy's configuration; `None` stands for the default.
    fn configure(&mut self, config: Option<&PolicyConfig>) {
        let _ = config;
    }

    /// Creates the picker for these children, of which there is at least one.
    fn picker(
        &self,
        ready: &mut dyn Iterator<Item = &Child<Self::Kept>>,
        controller: &mut dyn Controller,
    ) -> Arc<dyn Picker>;
}

/// A policy that keeps a connection to each endpoint. A child that is IDLE connects at once. A child that failed counts
/// as failed until it is READY, so that the channel does not report CONNECTING forever while every attempt fails.
pub(super) struct Connected<S: Spread> {
    /// The server's name as the user gave it, for messages.
    target: Arc<str>,
    spread: S,
    children: Children<S::Kept>,
    published: Option<ConnectivityState>,
    /// Whether the READY children, their pickers or their attributes differ from what was published.
    ready_changed: bool,
}

impl<S: Spread> Connected<S> {
    pub(super) fn new(target: &Arc<str>, spread: S) -> Self {
        Self {
            target: Arc::clone(target),
            spread,
            children: Children::new(),
            published: None,
            ready_changed: false,
        }
    }
}

impl<S: Spread> Policy for Connected<S> {
    fn update(&mut self, resolved: Resolved, controller: &mut dyn Controller) -> Result<(), Rejected> {
        self.spread.configure(resolved.config.as_ref());
        let updated = self.children.update(resolved.endpoints, &resolved.attributes, controller);
        for id in updated.created {
            controller.child_exit_idle(id);
        }
        self.ready_changed = true;
        if self.children.is_empty() {
            self.published = Some(ConnectivityState::TransientFailure);
            return Err(failure::publish_no_addresses(&self.target, controller));
        }
        self.aggregate(controller);
        updated.outcome
    }

    fn resolver_error(&mut self, error: &SharedError, controller: &mut dyn Controller) {
        // Old endpoints are better than none; without any, whoever waits for them learns why.
        if self.children.is_empty() {
            self.published = Some(ConnectivityState::TransientFailure);
            failure::publish_error(Arc::clone(error), &self.target, controller);
        }
    }

    fn child_changed(
        &mut self,
        child: ChildId,
        state: ConnectivityState,
        picker: &Arc<dyn Picker>,
        controller: &mut dyn Controller,
    ) {
        if state == ConnectivityState::Idle {
            controller.child_exit_idle(child);
        }
        if let Some((before, after)) = self.children.record(child, state, picker) {
            self.ready_changed |= before == ConnectivityState::Ready || after == ConnectivityState::Ready;
        }
    }

    fn aggregate(&mut self, controller: &mut dyn Controller) {
        let counts = self.children.counts();
        let state = if counts.ready > 0 {
            ConnectivityState::Ready
        } else if counts.connecting + counts.idle > 0 {
            ConnectivityState::Connecting
        } else {
            ConnectivityState::TransientFailure
        };
        let picker: Arc<dyn Picker> = match state {
            ConnectivityState::Ready if self.ready_changed || self.published != Some(state) => {
                let is_ready = |child: &&Child<S::Kept>| child.state == ConnectivityState::Ready;
                self.spread.picker(&mut self.children.iter().filter(is_ready), controller)
            }
            ConnectivityState::TransientFailure => match self.children.last_failure() {
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
