//! `ring_hash_experimental`: calls with the same key go to the same endpoint (gRFCs A42, A61 and A76).
//!
//! Each endpoint has entries on a ring of hashes, and a call goes to the endpoint of the first entry from its own hash
//! on. If endpoints come or go, few calls move between the others. Endpoints connect when a call first needs them.
//!
//! A walk along the ring skips the endpoints in TRANSIENT_FAILURE. Pickers do not walk: they hold a ring that lacks
//! them, made once for all calls, and search that.

mod ring;

use std::hash::Hasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use carom_wire::{MetadataMap, Status};
use twox_hash::XxHash64;

use self::ring::{Member, Ring};
use super::endpoints::{Child, Children, Counts, hashed_text};
use super::random::SharedRandom;
use super::{
    ChildId, Controller, ExitIdle, Pick, PickArgs, Picker, Policies, Policy, PolicyConfig, PolicyFactory,
    QueuePicker, Rejected, Resolved, failure,
};
use crate::client::connectivity::ConnectivityState;
use crate::client::error::SharedError;
use crate::client::resolver::{HashKey, Weight};
use crate::client::service_config::Json;

/// The factory of `ring_hash_experimental`: calls with the same value in a header go to the same endpoint, as long as it
/// can be connected to.
///
/// Its configuration:
///
/// - `requestHashHeader`: the metadata key whose values are hashed, joined by commas. A call without it goes to a random
///   endpoint, of those with a connection if there are any. Calls fail with INTERNAL if no header is configured.
/// - `minRingSize`, `maxRingSize`: bounds on the number of entries, each from 1 to 8,388,608; default 1024 and 4096. Above
///   4096 they count as 4096. More entries distribute calls more evenly.
///
/// Endpoints get entries in proportion to their [`Weight`]. An endpoint's places depend on its [`HashKey`], or else on
/// its first address, and are those of every gRPC implementation.
///
/// ```json
/// {"loadBalancingConfig": [{"ring_hash_experimental": {"requestHashHeader": "session-id"}}]}
/// ```
#[derive(Debug, Clone, Copy)]
pub struct RingHash;

#[derive(Debug, Clone, PartialEq)]
struct Config {
    min: u32,
    max: u32,
    /// The header that is hashed, in lower case.
    header: Option<Arc<str>>,
}

/// The bound on both sizes in a config.
const MAX_SIZE: u64 = 8 << 20;
/// The size of a ring whatever the config says: rings of 8 Mi entries, one a policy, would be large.
const SIZE_CAP: u32 = 4096;

impl Default for Config {
    fn default() -> Self {
        Self { min: 1024, max: SIZE_CAP, header: None }
    }
}

impl PolicyFactory for RingHash {
    fn name(&self) -> &str {
        "ring_hash_experimental"
    }

    fn parse_config(&self, config: &Json, _policies: &Policies) -> Result<PolicyConfig, String> {
        let size = |name: &str, default: u32| {
            let Some(size) = config.get(name) else { return Ok(default) };
            let size = size.as_u64().filter(|size| (1..=MAX_SIZE).contains(size));
            size.map(|size| size as u32).ok_or(format!("`{name}` is not a whole number from 1 to {MAX_SIZE}"))
        };
        let default = Config::default();
        let (min, max) = (size("minRingSize", default.min)?, size("maxRingSize", default.max)?);
        if min > max {
            return Err(format!("`minRingSize` ({min}) is above `maxRingSize` ({max})"));
        }
        let header = config.get("requestHashHeader").map(read_header).transpose()?.flatten();
        Ok(Arc::new(Config { min: min.min(SIZE_CAP), max: max.min(SIZE_CAP), header }))
    }

    fn build(&self, target: &Arc<str>) -> Box<dyn Policy> {
        Box::new(State {
            target: Arc::clone(target),
            config: Config::default(),
            children: Children::new(),
            ring: Ring::empty(),
            wanted: Arc::default(),
            published: None,
            changed: false,
        })
    }
}

/// Reads the name of a header; an empty one is none, as in protobuf.
fn read_header(json: &Json) -> Result<Option<Arc<str>>, String> {
    let name = json.as_str().ok_or("`requestHashHeader` is not a string")?.to_ascii_lowercase();
    if name.is_empty() {
        return Ok(None);
    }
    if name.ends_with("-bin") {
        return Err(format!("`requestHashHeader` is `{name}`, whose values would be binary"));
    }
    match MetadataMap::new().insert(&name, "") {
        Ok(()) => Ok(Some(name.into())),
        Err(error) => Err(format!("`requestHashHeader` is not a metadata key: {error}")),
    }
}

struct State {
    /// The server's name as the user gave it, for messages.
    target: Arc<str>,
    config: Config,
    /// Kept for each child is whether a picker wants it to connect.
    children: Children<Arc<AtomicBool>>,
    ring: Ring,
    /// Whether any child is wanted.
    wanted: Arc<AtomicBool>,
    published: Option<ConnectivityState>,
    /// Whether a child changed since the picker was made.
    changed: bool,
}

/// The state of the policy (gRFC A61). One failed endpoint of several is no reason to fail: the walk goes on to others.
fn state_of(counts: Counts) -> ConnectivityState {
    let Counts { ready, connecting, idle, failed } = counts;
    if ready > 0 {
        ConnectivityState::Ready
    } else if failed >= 2 {
        ConnectivityState::TransientFailure
    } else if connecting > 0 || (failed == 1 && idle > 0) {
        ConnectivityState::Connecting
    } else if idle > 0 {
        ConnectivityState::Idle
    } else {
        ConnectivityState::TransientFailure
    }
}

/// The name by which an endpoint is placed on the ring.
fn hash_key<T>(child: &Child<T>) -> Box<str> {
    match child.attributes.get::<HashKey>() {
        Some(HashKey(key)) if !key.is_empty() => key.clone(),
        _ => hashed_text(&child.first).into(),
    }
}

impl State {
    fn place(&mut self) {
        let members: Vec<_> = self
            .children
            .iter()
            .map(|child| Member { key: hash_key(child), weight: Weight::of(&child.attributes) })
            .collect();
        self.ring = Ring::new(&members, self.config.min, self.config.max);
    }

    fn picker(&self, controller: &mut dyn Controller) -> RingPicker {
        let counts = self.children.counts();
        let members: Vec<_> = self
            .children
            .iter()
            .map(|child| Candidate {
                state: child.state,
                picker: Arc::clone(&child.picker),
                wanted: Arc::clone(&child.kept),
            })
            .collect();
        let part = |whole: bool, keep: fn(ConnectivityState) -> bool| {
            if whole { self.ring.clone() } else { self.ring.retain(|at| keep(members[at].state)) }
        };
        let alive = part(counts.failed == 0, |state| state != ConnectivityState::TransientFailure);
        let ready = match self.config.header {
            Some(_) => part(counts.ready == members.len(), |state| state == ConnectivityState::Ready),
            None => Ring::empty(),
        };
        RingPicker {
            header: self.config.header.clone(),
            connecting: counts.connecting > 0,
            members,
            all: self.ring.clone(),
            alive,
            ready,
            random: SharedRandom::new(controller),
            any_wanted: Arc::clone(&self.wanted),
            exit_idle: controller.exit_idle_handle(),
        }
    }

    /// Connects the children that pickers asked for. Returns how many.
    fn connect_wanted(&self, controller: &mut dyn Controller) -> usize {
        if !self.wanted.swap(false, Ordering::AcqRel) {
            return 0;
        }
        let mut connected = 0;
        for child in self.children.iter() {
            if child.kept.swap(false, Ordering::AcqRel) && child.state == ConnectivityState::Idle {
                controller.child_exit_idle(child.id);
                connected += 1;
            }
        }
        connected
    }

    fn first_idle(&self) -> Option<ChildId> {
        let idle = self.children.iter().find(|child| child.state == ConnectivityState::Idle);
        idle.map(|child| child.id)
    }
}

impl Policy for State {
    fn update(&mut self, resolved: Resolved, controller: &mut dyn Controller) -> Result<(), Rejected> {
        let config = resolved.config.as_ref().and_then(|config| config.downcast_ref::<Config>());
        self.config = config.cloned().unwrap_or_default();
        let updated = self.children.update(resolved.endpoints, &resolved.attributes, controller);
        self.place();
        self.changed = true;
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
        _controller: &mut dyn Controller,
    ) {
        self.changed |= self.children.record(child, state, picker).is_some();
    }

    fn aggregate(&mut self, controller: &mut dyn Controller) {
        if self.children.is_empty() || !self.changed {
            return;
        }
        self.changed = false;
        let counts = self.children.counts();
        let state = state_of(counts);
        let picker = self.picker(controller);
        self.published = Some(state);
        controller.publish(state, Arc::new(picker));
        // A parent may send no calls here until this is READY, and no call would then start the next attempt.
        let recovering = matches!(state, ConnectivityState::Connecting | ConnectivityState::TransientFailure);
        if recovering
            && counts.connecting == 0
            && let Some(idle) = self.first_idle()
        {
            controller.child_exit_idle(idle);
        }
    }

    fn exit_idle(&mut self, controller: &mut dyn Controller) {
        if self.published.is_none() {
            self.published = Some(ConnectivityState::Connecting);
            controller.publish(ConnectivityState::Connecting, Arc::new(QueuePicker));
        } else if self.connect_wanted(controller) == 0
            && self.published == Some(ConnectivityState::Idle)
            && let Some(idle) = self.first_idle()
        {
            // The user wants a connection, to whichever endpoint.
            controller.child_exit_idle(idle);
        }
    }
}

/// A child as a picker sees it.
struct Candidate {
    state: ConnectivityState,
    picker: Arc<dyn Picker>,
    /// Whether it is to connect.
    wanted: Arc<AtomicBool>,
}

struct RingPicker {
    header: Option<Arc<str>>,
    members: Vec<Candidate>,
    /// Whether any member is CONNECTING.
    connecting: bool,
    /// The ring of all members.
    all: Ring,
    /// That of those not in TRANSIENT_FAILURE.
    alive: Ring,
    /// That of those that are READY, for calls with a random hash.
    ready: Ring,
    random: SharedRandom,
    any_wanted: Arc<AtomicBool>,
    exit_idle: ExitIdle,
}

impl RingPicker {
    fn member(&self, ring: &Ring, hash: u64) -> Option<&Candidate> {
        ring.at(hash).and_then(|at| self.members.get(at))
    }

    /// Asks for a connection of a member that is IDLE, once.
    fn want(&self, member: &Candidate) {
        if !member.wanted.swap(true, Ordering::AcqRel) {
            self.any_wanted.store(true, Ordering::Release);
            self.exit_idle.request();
        }
    }

    /// Picks for a call whose hash is its own.
    fn pick_at<'a>(&'a self, hash: u64, args: &PickArgs<'_>) -> Pick<'a> {
        let Some(member) = self.member(&self.alive, hash) else { return self.fail(hash, args) };
        match member.state {
            ConnectivityState::Ready => return member.picker.pick(args),
            ConnectivityState::Idle => self.want(member),
            _ => {}
        }
        Pick::Queue
    }

    /// Picks for a call without a hash of its own (gRFC A76): any endpoint will do, so a connection that exists is used,
    /// while at most one attempt at a time makes others.
    fn pick_anywhere<'a>(&'a self, hash: u64, args: &PickArgs<'_>) -> Pick<'a> {
        let Some(member) = self.member(&self.alive, hash) else { return self.fail(hash, args) };
        if member.state == ConnectivityState::Idle && !self.connecting {
            self.want(member);
        }
        self.member(&self.ready, hash).map_or(Pick::Queue, |ready| ready.picker.pick(args))
    }

    /// Fails a call with the error of the first member from its hash on.
    fn fail<'a>(&'a self, hash: u64, args: &PickArgs<'_>) -> Pick<'a> {
        self.member(&self.all, hash).map_or(Pick::Queue, |failed| failed.picker.pick(args))
    }
}

impl Picker for RingPicker {
    fn pick<'a>(&'a self, args: &PickArgs<'_>) -> Pick<'a> {
        let Some(header) = &self.header else {
            return Pick::Drop(Status::internal(
                "ring_hash_experimental has no hash for the call: set `requestHashHeader` in its configuration",
            ));
        };
        match args.with_metadata(|metadata| hash_values(metadata, header)).flatten() {
            Some(hash) => self.pick_at(hash, args),
            None => self.pick_anywhere(self.random.next(), args),
        }
    }
}

/// The hash of the values of a header, joined by commas.
fn hash_values(metadata: &MetadataMap, header: &str) -> Option<u64> {
    let mut values = metadata.get_all(header);
    let first = values.next()?;
    let mut hasher = XxHash64::with_seed(0);
    hasher.write(first.as_bytes());
    for value in values {
        hasher.write(b",");
        hasher.write(value.as_bytes());
    }
    Some(hasher.finish())
}

#[cfg(test)]
mod tests;
