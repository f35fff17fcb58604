//! Load balancing: from endpoints to the connection that a call uses.
//!
//! ```text
//!   resolver ── endpoints, config ──▶ Policy ── create, connect ──▶ subchannels
//!                                      │  ▲ ◀────── states ────────────┘
//!                        create, update│  │state, picker
//!                                      ▼  │
//!                                     child policies
//! ```
//! Policies form a tree; the channel's control task owns all of them, and all of their subchannels and timers. A
//! [`Policy`] is notified of events and acts through its own [`Controller`]. It publishes immutable [`Picker`]s, which
//! are all that a call touches: the root's goes to the channel, that of a child to its parent, which builds its own
//! picker from those of its children. No policy sees a transport, a clock or the children of others: subchannels pace
//! their own attempts to connect.
//!
//! A policy is created by a [`PolicyFactory`], found by its name in the [`Policies`] of the channel.

mod endpoints;
mod failure;
mod least_request;
mod pick_first;
mod picker;
mod random;
mod random_subsetting;
mod ring_hash;
mod round_robin;
mod weighted_random;
mod weighted_target;

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use self::least_request::LeastRequest;
pub use self::pick_first::PickFirst;
pub use self::picker::{
    CallMetadata, ExitIdle, FailPicker, Pick, PickArgs, Picker, QueuePicker, SinglePicker,
};
pub use self::random_subsetting::RandomSubsetting;
pub use self::ring_hash::RingHash;
pub use self::round_robin::RoundRobin;
pub use self::weighted_random::WeightedRandom;
pub use self::weighted_target::WeightedTarget;
use super::connectivity::{ConnectivityState, SubchannelState};
use super::error::SharedError;
use super::resolver::{Address, Attributes, Endpoint};
use super::service_config::Json;
use super::subchannel::Subchannel;
pub use crate::client::attachments::{Attachments, CallOutcome, Completion};

/// The configuration of one policy, parsed by its factory and opaque to everyone else.
pub type PolicyConfig = Arc<dyn Any + Send + Sync>;

/// The result of a resolver, as passed to a policy.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The servers, best first.
    pub endpoints: Vec<Endpoint>,
    /// The attributes of all of them together.
    pub attributes: Attributes,
    /// The configuration from [`PolicyFactory::parse_config`]; `None` if the service config has none for this policy.
    pub config: Option<PolicyConfig>,
}

/// A policy's rejection of an update. The resolver is asked again, with back-off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    reason: String,
}

impl Rejected {
    /// Creates a rejection with this reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the load-balancing policy refused an update: {}", self.reason)
    }
}

impl std::error::Error for Rejected {}

/// A load-balancing policy: it decides which subchannels exist, and which of them calls use.
pub trait Policy: Send {
    /// Applies an update from the resolver or the parent; it replaces earlier ones.
    ///
    /// # Errors
    /// [`Rejected`] if the policy cannot use it. It continues as before, unless it calls [`Controller::publish`].
    fn update(&mut self, resolved: Resolved, controller: &mut dyn Controller) -> Result<(), Rejected>;

    /// Handles a failure of the resolver. Earlier results stay valid.
    fn resolver_error(&mut self, error: &SharedError, controller: &mut dyn Controller);

    /// Handles a change of a subchannel of this policy. By default nothing: a policy may have children alone.
    fn subchannel_changed(
        &mut self,
        subchannel: &Arc<Subchannel>,
        state: &SubchannelState,
        controller: &mut dyn Controller,
    ) {
        let _ = (subchannel, state, controller);
    }

    /// Handles what a child published. [`aggregate`](Self::aggregate) follows once all pending changes are handled:
    /// nothing needs to be published from here.
    fn child_changed(
        &mut self,
        child: ChildId,
        state: ConnectivityState,
        picker: &Arc<dyn Picker>,
        controller: &mut dyn Controller,
    ) {
        let _ = (child, state, picker, controller);
    }

    /// Publishes the state that results from the children's. It is called once, after
    /// [`child_changed`](Self::child_changed) for everything that happened together, however many children there are.
    fn aggregate(&mut self, controller: &mut dyn Controller) {
        let _ = controller;
    }

    /// Leaves IDLE: a connection is wanted, because of a call, at the user's request or at that of a picker
    /// ([`ExitIdle`]). A policy passes it on to the children that it may concern.
    fn exit_idle(&mut self, controller: &mut dyn Controller);

    /// Handles a timer of this policy that is due. It may be set again.
    fn timer_expired(&mut self, timer: TimerId, controller: &mut dyn Controller) {
        let _ = (timer, controller);
    }
}

/// The controller of a policy: everything that the policy may do.
pub trait Controller {
    /// Creates a subchannel, IDLE at first. Its state changes go to [`Policy::subchannel_changed`].
    fn create_subchannel(&mut self, address: Address) -> Arc<Subchannel>;

    /// Removes a subchannel. Calls on its connection continue; no more changes of it are reported.
    fn remove_subchannel(&mut self, subchannel: &Subchannel);

    /// Asks an IDLE subchannel to connect. Does nothing in any other state.
    fn connect(&mut self, subchannel: &Subchannel);

    /// Creates a child policy. What it publishes goes to [`Policy::child_changed`].
    fn create_child(&mut self, factory: &dyn PolicyFactory) -> ChildId;

    /// Updates a child. What the child publishes is reported later, not before this returns.
    ///
    /// # Errors
    /// Those of the child.
    fn update_child(&mut self, child: ChildId, resolved: Resolved) -> Result<(), Rejected>;

    /// Passes an error of the resolver on to a child.
    fn child_resolver_error(&mut self, child: ChildId, error: &SharedError);

    /// Tells a child that a connection is wanted.
    fn child_exit_idle(&mut self, child: ChildId);

    /// Removes a child with its subchannels, its timers and its own children. No more changes of it are reported.
    fn remove_child(&mut self, child: ChildId);

    /// Publishes the policy's state, and the picker for calls or the parent from now on.
    fn publish(&mut self, state: ConnectivityState, picker: Arc<dyn Picker>);

    /// Sets a timer of this policy, or resets it if it was set.
    fn set_timer(&mut self, timer: TimerId, after: Duration);

    /// Cancels a timer of this policy, if it was set.
    fn cancel_timer(&mut self, timer: TimerId);

    /// Tells the resolver that its result may be out of date.
    fn request_resolution(&mut self);

    /// Returns a handle by which a picker asks, from the thread of a call, that [`Policy::exit_idle`] is called.
    fn exit_idle_handle(&mut self) -> ExitIdle;

    /// Returns a random number, at least 0 and below 1.
    fn random(&mut self) -> f64;
}

/// The identity of a timer of one policy, a number that the policy chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimerId(pub u32);

/// The identity of a child policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChildId {
    pub(super) index: u32,
    /// Distinguishes a child from earlier ones with the same index.
    pub(super) serial: u32,
}

/// A factory of policies of one kind.
pub trait PolicyFactory: Send + Sync + 'static {
    /// The name by which service configs choose the policy.
    fn name(&self) -> &str;

    /// Parses the policy's own configuration from a service config; `policies` are those that it may name in turn. By
    /// default the policy has none, and ignores what is there.
    ///
    /// # Errors
    /// A description of what is wrong. The service config is then invalid.
    fn parse_config(&self, config: &Json, policies: &Policies) -> Result<PolicyConfig, String> {
        let _ = (config, policies);
        Ok(Arc::new(()))
    }

    /// Creates a policy for a channel to `target`, the name of the server in messages.
    fn build(&self, target: &Arc<str>) -> Box<dyn Policy>;
}

/// The policies of a channel, by name. By default those of this module: `pick_first`, `round_robin`,
/// `least_request_experimental`, `ring_hash_experimental`, `random_subsetting_experimental`, `weighted_random` and
/// `weighted_target_experimental`.
#[derive(Clone)]
pub struct Policies {
    factories: HashMap<String, Arc<dyn PolicyFactory>>,
}

impl Default for Policies {
    fn default() -> Self {
        let mut policies = Self { factories: HashMap::new() };
        policies.register(Arc::new(PickFirst));
        policies.register(Arc::new(RoundRobin));
        policies.register(Arc::new(LeastRequest));
        policies.register(Arc::new(RingHash));
        policies.register(Arc::new(RandomSubsetting));
        policies.register(Arc::new(WeightedRandom));
        policies.register(Arc::new(WeightedTarget));
        policies
    }
}

impl Policies {
    /// Registers a policy, replacing one of the same name.
    pub fn register(&mut self, factory: Arc<dyn PolicyFactory>) {
        self.factories.insert(factory.name().to_owned(), factory);
    }

    /// Returns the policy of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn PolicyFactory>> {
        self.factories.get(name)
    }

    /// Parses a list as in service configs, `[{"name": {…}}, …]`, and returns the first known policy with its
    /// configuration (gRFC A24).
    ///
    /// # Errors
    /// A description of what is wrong with the list; also if none of its policies is known.
    pub fn parse_list(&self, list: &Json) -> Result<Chosen, String> {
        let entries = list.as_array().ok_or("a list of load-balancing policies is not an array")?;
        let mut unknown = Vec::new();
        for entry in entries {
            let Some([(name, config)]) = entry.as_object() else {
                return Err(
                    "an entry of a list of load-balancing policies is not an object with one name".into()
                );
            };
            let Some(factory) = self.get(name) else {
                unknown.push(&**name);
                continue;
            };
            if config.as_object().is_none() {
                return Err(format!("the configuration of the policy `{name}` is not an object"));
            }
            let config = factory
                .parse_config(config, self)
                .map_err(|reason| format!("the configuration of the policy `{name}`: {reason}"))?;
            return Ok(Chosen { factory: Arc::clone(factory), config: Some(config) });
        }
        Err(format!("none of the load-balancing policies is known: [{}]", unknown.join(", ")))
    }
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.factories.keys()).finish()
    }
}

/// A policy chosen by a service config, with its configuration.
#[derive(Clone)]
pub struct Chosen {
    /// The factory of the policy.
    pub factory: Arc<dyn PolicyFactory>,
    /// The configuration, if there is one.
    pub config: Option<PolicyConfig>,
}

impl fmt::Debug for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chosen").field("policy", &self.factory.name()).finish_non_exhaustive()
    }
}
