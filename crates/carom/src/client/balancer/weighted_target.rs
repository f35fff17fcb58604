//! `weighted_target_experimental`: other policies side by side, each with a share of the calls.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::weighted_random::WeightedPicker;
use super::{
    ChildId, Chosen, Controller, Picker, Policies, Policy, PolicyConfig, PolicyFactory, QueuePicker,
    Rejected, Resolved, TimerId, failure,
};
use crate::client::connectivity::ConnectivityState;
use crate::client::error::SharedError;
use crate::client::resolver::{Endpoint, HierarchicalPath};
use crate::client::service_config::Json;

/// The factory of `weighted_target_experimental`: each call goes to one of several targets, at random by weight, of those
/// that are READY. A target is a policy of its own over the endpoints whose [`HierarchicalPath`] begins with its name.
///
/// Its configuration: `targets`, an object from names to `weight`, at least 1, and `childPolicy`, a list of policies as in
/// `loadBalancingConfig`. A target that leaves the configuration keeps its connections for 15 minutes, in case it returns.
///
/// ```json
/// {"loadBalancingConfig": [{"weighted_target_experimental": {"targets": {
///     "stable": {"weight": 95, "childPolicy": [{"round_robin": {}}]},
///     "canary": {"weight": 5, "childPolicy": [{"round_robin": {}}]}}}}]}
/// ```
#[derive(Debug, Clone, Copy)]
pub struct WeightedTarget;

/// The time that a target is kept after it has left the configuration.
const RETENTION: Duration = Duration::from_secs(15 * 60);

#[derive(Debug, Clone)]
struct Config {
    targets: Vec<(Arc<str>, TargetConfig)>,
}

#[derive(Debug, Clone)]
struct TargetConfig {
    weight: u32,
    child: Chosen,
}

impl PolicyFactory for WeightedTarget {
    fn name(&self) -> &str {
        "weighted_target_experimental"
    }

    fn parse_config(&self, config: &Json, policies: &Policies) -> Result<PolicyConfig, String> {
        let targets = config.get("targets").and_then(Json::as_object).unwrap_or_default();
        if targets.is_empty() {
            return Err("`targets` is not an object with a target".into());
        }
        let read = |(name, target): &(Box<str>, Json)| {
            let weight = target.get("weight").and_then(Json::as_u64);
            let weight = weight.and_then(|weight| u32::try_from(weight).ok()).filter(|weight| *weight > 0);
            let weight = weight
                .ok_or(format!("`weight` of the target `{name}` is not a whole number of at least 1"))?;
            let child = target
                .get("childPolicy")
                .ok_or(format!("`childPolicy` of the target `{name}` is missing"))?;
            let child = policies.parse_list(child);
            let child = child.map_err(|reason| format!("`childPolicy` of the target `{name}`: {reason}"))?;
            Ok::<_, String>((Arc::from(&**name), TargetConfig { weight, child }))
        };
        Ok(Arc::new(Config { targets: targets.iter().map(read).collect::<Result<_, _>>()? }))
    }

    fn build(&self, target: &Arc<str>) -> Box<dyn Policy> {
        Box::new(State { target: Arc::clone(target), targets: BTreeMap::new(), awake: false, next_timer: 0 })
    }
}

struct State {
    /// The server's name as the user gave it, for messages.
    target: Arc<str>,
    targets: BTreeMap<Arc<str>, Target>,
    /// Whether a connection was asked for.
    awake: bool,
    next_timer: u32,
}

struct Target {
    child: ChildId,
    /// The name of the child's kind.
    kind: String,
    weight: u32,
    /// The state, in which TRANSIENT_FAILURE is not left for CONNECTING.
    state: ConnectivityState,
    picker: Arc<dyn Picker>,
    /// Set once it is out of the configuration: the timer that removes it.
    retired: Option<TimerId>,
}

impl State {
    /// Ensures that there is a target of this name and kind, in use. Returns its child, and whether that is new.
    fn employ(
        &mut self,
        name: &Arc<str>,
        config: &TargetConfig,
        controller: &mut dyn Controller,
    ) -> (ChildId, bool) {
        let kind = config.child.factory.name();
        if let Some(target) = self.targets.get_mut(name) {
            if let Some(timer) = target.retired.take() {
                controller.cancel_timer(timer);
            }
            if target.kind == kind {
                target.weight = config.weight;
                return (target.child, false);
            }
            controller.remove_child(target.child);
        }
        let child = controller.create_child(&*config.child.factory);
        let target = Target {
            child,
            kind: kind.to_owned(),
            weight: config.weight,
            // As long as it has not said otherwise, a failure of the others must not fail calls.
            state: ConnectivityState::Connecting,
            picker: Arc::new(QueuePicker),
            retired: None,
        };
        self.targets.insert(Arc::clone(name), target);
        (child, true)
    }

    /// The targets of the configuration that are in this state.
    fn in_state(&self, state: ConnectivityState) -> impl Iterator<Item = &Target> {
        self.targets.values().filter(move |target| target.retired.is_none() && target.state == state)
    }

    fn retire(&mut self, config: &Config, controller: &mut dyn Controller) {
        for (name, target) in &mut self.targets {
            if target.retired.is_none() && !config.targets.iter().any(|(listed, _)| listed == name) {
                let timer = TimerId(self.next_timer);
                self.next_timer = self.next_timer.wrapping_add(1);
                controller.set_timer(timer, RETENTION);
                target.retired = Some(timer);
            }
        }
    }
}

/// Sorts endpoints by the first name of their paths, which is taken off. Those without a path belong to no target.
fn by_target(endpoints: Vec<Endpoint>) -> HashMap<Arc<str>, Vec<Endpoint>> {
    let mut sorted: HashMap<Arc<str>, Vec<Endpoint>> = HashMap::new();
    for mut endpoint in endpoints {
        let path = endpoint.attributes.get::<HierarchicalPath>();
        let Some((first, rest)) = path.and_then(|path| path.0.split_first()) else { continue };
        let (first, rest) = (Arc::clone(first), HierarchicalPath(rest.to_vec()));
        endpoint.attributes.insert(rest);
        sorted.entry(first).or_default().push(endpoint);
    }
    sorted
}

impl Policy for State {
    fn update(&mut self, resolved: Resolved, controller: &mut dyn Controller) -> Result<(), Rejected> {
        let config = resolved.config.as_ref().and_then(|config| config.downcast_ref::<Config>());
        let Some(config) = config else {
            let rejected = Rejected::new(
                "weighted_target_experimental needs `targets`: choose it by `loadBalancingConfig`",
            );
            if self.targets.is_empty() {
                failure::publish_error(Arc::new(rejected.clone()), &self.target, controller);
            }
            return Err(rejected);
        };
        self.retire(config, controller);
        let mut endpoints = by_target(resolved.endpoints);
        let mut outcome = Ok(());
        for (name, target) in &config.targets {
            let (child, is_new) = self.employ(name, target, controller);
            let update = Resolved {
                endpoints: endpoints.remove(name).unwrap_or_default(),
                attributes: resolved.attributes.clone(),
                config: target.child.config.clone(),
            };
            outcome = outcome.and(controller.update_child(child, update));
            if is_new && self.awake {
                controller.child_exit_idle(child);
            }
        }
        self.aggregate(controller);
        outcome
    }

    fn resolver_error(&mut self, error: &SharedError, controller: &mut dyn Controller) {
        if self.targets.is_empty() {
            failure::publish_error(Arc::clone(error), &self.target, controller);
        }
        for target in self.targets.values() {
            controller.child_resolver_error(target.child, error);
        }
    }

    fn child_changed(
        &mut self,
        child: ChildId,
        state: ConnectivityState,
        picker: &Arc<dyn Picker>,
        _controller: &mut dyn Controller,
    ) {
        let Some(target) = self.targets.values_mut().find(|target| target.child == child) else { return };
        let retries =
            target.state == ConnectivityState::TransientFailure && state == ConnectivityState::Connecting;
        if !retries {
            target.state = state;
            target.picker = Arc::clone(picker);
        }
    }

    fn aggregate(&mut self, controller: &mut dyn Controller) {
        use ConnectivityState::{Connecting, Idle, Ready, TransientFailure};
        if self.targets.is_empty() {
            return;
        }
        let states = [Ready, Connecting, Idle];
        let state = states.into_iter().find(|state| self.in_state(*state).next().is_some());
        let state = state.unwrap_or(TransientFailure);
        let picker: Arc<dyn Picker> = match state {
            Ready | TransientFailure => {
                let members = self.in_state(state).map(|target| (target.weight, Arc::clone(&target.picker)));
                Arc::new(WeightedPicker::new(members, controller))
            }
            _ => Arc::new(QueuePicker),
        };
        controller.publish(state, picker);
    }

    fn exit_idle(&mut self, controller: &mut dyn Controller) {
        if self.targets.is_empty() && !self.awake {
            controller.publish(ConnectivityState::Connecting, Arc::new(QueuePicker));
        }
        self.awake = true;
        for target in self.targets.values().filter(|target| target.retired.is_none()) {
            controller.child_exit_idle(target.child);
        }
    }

    fn timer_expired(&mut self, timer: TimerId, controller: &mut dyn Controller) {
        self.targets.retain(|_, target| {
            let over = target.retired == Some(timer);
            if over {
                controller.remove_child(target.child);
            }
            !over
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_need_a_weight_and_a_policy() {
        let parse = |text: &str| {
            let config =
                WeightedTarget.parse_config(&Json::parse(text).expect("JSON"), &Policies::default())?;
            let config = config.downcast_ref::<Config>().expect("its own").clone();
            Ok(config.targets.into_iter().map(|(name, target)| (name.to_string(), target.weight)).collect())
        };
        let good = r#"{"targets":{"a":{"weight":"3","childPolicy":[{"round_robin":{}}]}}}"#;
        assert_eq!(parse(good), Ok(vec![("a".to_owned(), 3)]));
        for (text, part) in [
            ("{}", "`targets` is not an object with a target"),
            (r#"{"targets":{}}"#, "`targets`"),
            (r#"{"targets":{"a":{"childPolicy":[{"round_robin":{}}]}}}"#, "`weight` of the target `a`"),
            (
                r#"{"targets":{"a":{"weight":0,"childPolicy":[{"round_robin":{}}]}}}"#,
                "`weight` of the target",
            ),
            (r#"{"targets":{"a":{"weight":1}}}"#, "`childPolicy` of the target `a` is missing"),
            (r#"{"targets":{"a":{"weight":1,"childPolicy":[{"x":{}}]}}}"#, "`a`: none of the load-balancing"),
        ] {
            let error: String = parse(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
