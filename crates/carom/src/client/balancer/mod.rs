//! Load balancing: from endpoints to the connection that a call takes.
//!
//! ```text
//!   resolver ── endpoints, config ──▶ Policy ── create, connect ──▶ subchannels
//!                                      │  ▲ ◀────── states ────────────┘
//!                        create, update│  │state, picker
//!                                      ▼  │
//!                                     child policies
//! ```
//! Policies form a tree; the channel's control task owns all of them, and all of their subchannels and timers. A
//! [`Policy`] is told what happened and acts through its own [`Controller`]. It publishes immutable [`Picker`]s, which
//! are all that a call touches: the root's goes to the channel, that of a child to its parent, which makes its own
//! picker of its children's. No policy sees a transport, a clock or the children of others: subchannels pace their own
//! attempts to connect.
//!
//! A policy is made by a [`PolicyFactory`], found by its name in the [`Policies`] of the channel.

mod pick_first;
mod picker;
mod round_robin;

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use self::pick_first::PickFirst;
pub use self::picker::{CallMetadata, FailPicker, Pick, PickArgs, Picker, QueuePicker, SinglePicker};
pub use self::round_robin::RoundRobin;
use super::connectivity::{ConnectivityState, SubchannelState};
use super::error::SharedError;
use super::resolver::{Address, Attributes, Endpoint};
use super::service_config::Json;
use super::subchannel::Subchannel;
pub use crate::client::attachments::{Attachments, CallOutcome, Completion};

/// The configuration of one policy, read by its factory and known to it alone.
pub type PolicyConfig = Arc<dyn Any + Send + Sync>;

/// What a resolver found, as a policy gets it.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The servers, best first.
    pub endpoints: Vec<Endpoint>,
    /// What is said of all of them together.
    pub attributes: Attributes,
    /// What [`PolicyFactory::parse_config`] made of the service config; `None` if it says nothing of this policy.
    pub config: Option<PolicyConfig>,
}

/// A policy's refusal of an update. The resolver is asked again, with back-off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    reason: String,
}

impl Rejected {
    /// A refusal for this reason.
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

/// Decides which subchannels there are, and which of them calls take.
pub trait Policy: Send {
    /// Takes what the resolver, or the parent, found; it replaces what came before.
    ///
    /// # Errors
    /// [`Rejected`] if the policy can do nothing with it. What it did before goes on, unless it says otherwise by
    /// [`Controller::publish`].
    fn update(&mut self, resolved: Resolved, controller: &mut dyn Controller) -> Result<(), Rejected>;

    /// The resolver failed. What it found before stays good.
    fn resolver_error(&mut self, error: &SharedError, controller: &mut dyn Controller);

    /// A subchannel of this policy changed.
    fn subchannel_changed(
        &mut self,
        subchannel: &Arc<Subchannel>,
        state: &SubchannelState,
        controller: &mut dyn Controller,
    );

    /// A child published. [`aggregate`](Self::aggregate) follows, after what else happened meanwhile: nothing has to be
    /// published from here.
    fn child_changed(
        &mut self,
        child: ChildId,
        state: ConnectivityState,
        picker: &Arc<dyn Picker>,
        controller: &mut dyn Controller,
    ) {
        let _ = (child, state, picker, controller);
    }

    /// All that happened together was told by [`child_changed`](Self::child_changed): the time to publish what follows
    /// from it, once, however many children there are.
    fn aggregate(&mut self, controller: &mut dyn Controller) {
        let _ = controller;
    }

    /// A connection is wanted: a call came while the state was IDLE, or the user asked.
    fn exit_idle(&mut self, controller: &mut dyn Controller);

    /// A timer of this policy is due. It is gone; it may be set again.
    fn timer_expired(&mut self, timer: TimerId, controller: &mut dyn Controller) {
        let _ = (timer, controller);
    }
}

/// What a policy may do.
pub trait Controller {
    /// Makes a subchannel, IDLE at first. Its states go to [`Policy::subchannel_changed`].
    fn create_subchannel(&mut self, address: Address) -> Arc<Subchannel>;

    /// Removes a subchannel. Calls on its connection go on; nothing more is heard of it.
    fn remove_subchannel(&mut self, subchannel: &Subchannel);

    /// Asks an IDLE subchannel to connect. In any other state nothing happens.
    fn connect(&mut self, subchannel: &Subchannel);

    /// Makes a child policy. What it publishes goes to [`Policy::child_changed`].
    fn create_child(&mut self, factory: &dyn PolicyFactory) -> ChildId;

    /// Gives a child an update. Its news of this are told later, not before this returns.
    ///
    /// # Errors
    /// The child's own.
    fn update_child(&mut self, child: ChildId, resolved: Resolved) -> Result<(), Rejected>;

    /// Passes an error of the resolver on to a child.
    fn child_resolver_error(&mut self, child: ChildId, error: &SharedError);

    /// Passes on to a child that a connection is wanted.
    fn child_exit_idle(&mut self, child: ChildId);

    /// Removes a child with its subchannels, its timers and its own children. Nothing more is heard of it.
    fn remove_child(&mut self, child: ChildId);

    /// Sets the policy's state, and what calls, or its parent, ask from now on.
    fn publish(&mut self, state: ConnectivityState, picker: Arc<dyn Picker>);

    /// Sets a timer of this policy, anew if it was set.
    fn set_timer(&mut self, timer: TimerId, after: Duration);

    /// Stops a timer of this policy, if it was set.
    fn cancel_timer(&mut self, timer: TimerId);

    /// Tells the resolver that what it found may be out of date.
    fn request_resolution(&mut self);

    /// A random number, at least 0 and below 1.
    fn random(&mut self) -> f64;
}

/// A timer of one policy, by a number that the policy gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimerId(pub u32);

/// A child of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChildId {
    pub(super) index: u32,
    /// Tells a child from those that had its place before.
    pub(super) serial: u32,
}

/// Makes policies of one kind.
pub trait PolicyFactory: Send + Sync + 'static {
    /// The name by which service configs choose the policy.
    fn name(&self) -> &str;

    /// Reads the policy's own configuration out of a service config; `policies` knows the policies that it may name in
    /// turn.
    ///
    /// # Errors
    /// What is wrong with it, in words. The service config is invalid then.
    fn parse_config(&self, config: &Json, policies: &Policies) -> Result<PolicyConfig, String>;

    /// Makes a policy of a channel to `target`, which is what messages call the server.
    fn build(&self, target: &Arc<str>) -> Box<dyn Policy>;
}

/// The policies that a channel knows, by name. By default `pick_first` and `round_robin`.
#[derive(Clone)]
pub struct Policies {
    factories: HashMap<String, Arc<dyn PolicyFactory>>,
}

impl Default for Policies {
    fn default() -> Self {
        let mut policies = Self { factories: HashMap::new() };
        policies.register(Arc::new(PickFirst));
        policies.register(Arc::new(RoundRobin));
        policies
    }
}

impl Policies {
    /// Adds a policy, in place of one of the same name.
    pub fn register(&mut self, factory: Arc<dyn PolicyFactory>) {
        self.factories.insert(factory.name().to_owned(), factory);
    }

    /// The policy of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn PolicyFactory>> {
        self.factories.get(name)
    }

    /// Reads a list as service configs have it, `[{"name": {…}}, …]`: the first policy that is known, with its
    /// configuration (gRFC A24).
    ///
    /// # Errors
    /// What is wrong with the list, in words; also if none of its policies is known.
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

/// A policy with its configuration.
#[derive(Clone)]
pub struct Chosen {
    /// Makes it.
    pub factory: Arc<dyn PolicyFactory>,
    /// Its configuration, if it has one.
    pub config: Option<PolicyConfig>,
}

impl fmt::Debug for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chosen").field("policy", &self.factory.name()).finish_non_exhaustive()
    }
}
