//! `random_subsetting_experimental`: another policy over a random part of the endpoints (gRFC A68).

use std::collections::HashSet;
use std::sync::Arc;

use twox_hash::XxHash64;

use super::endpoints::{Key, hashed_text};
use super::random::seed;
use super::{
    ChildId, Chosen, Controller, Picker, Policies, Policy, PolicyConfig, PolicyFactory, QueuePicker,
    Rejected, Resolved, failure,
};
use crate::client::connectivity::ConnectivityState;
use crate::client::error::SharedError;
use crate::client::resolver::Endpoint;
use crate::client::service_config::Json;

/// The factory of `random_subsetting_experimental`: each channel uses a random subset of the endpoints, so that many
/// clients of many servers do not all connect to all. An endpoint that comes or goes changes at most one of the subset.
///
/// Its configuration, both fields required:
///
/// - `subsetSize`: the largest number of endpoints, at least 1.
/// - `childPolicy`: a list of policies as in `loadBalancingConfig`; the first known one balances over the subset.
///
/// ```json
/// {"loadBalancingConfig": [{"random_subsetting_experimental":
///     {"subsetSize": 20, "childPolicy": [{"round_robin": {}}]}}]}
/// ```
#[derive(Debug, Clone, Copy)]
pub struct RandomSubsetting;

#[derive(Debug, Clone)]
struct Config {
    size: usize,
    child: Chosen,
}

impl PolicyFactory for RandomSubsetting {
    fn name(&self) -> &str {
        "random_subsetting_experimental"
    }

    fn parse_config(&self, config: &Json, policies: &Policies) -> Result<PolicyConfig, String> {
        // Protobuf's JSON has both spellings, and C++ reads the second.
        let size = config.get("subsetSize").or_else(|| config.get("subset_size"));
        let size = size.and_then(Json::as_u64).and_then(|size| u32::try_from(size).ok());
        let size = size.filter(|size| *size > 0).ok_or("`subsetSize` is not a whole number of at least 1")?;
        let child = config.get("childPolicy").or_else(|| config.get("child_policy"));
        let child = policies.parse_list(child.ok_or("`childPolicy` is missing")?);
        let child = child.map_err(|reason| format!("`childPolicy`: {reason}"))?;
        Ok(Arc::new(Config { size: size as usize, child }))
    }

    fn build(&self, target: &Arc<str>) -> Box<dyn Policy> {
        Box::new(State { target: Arc::clone(target), seed: None, child: None, awake: false, latest: None })
    }
}

struct State {
    /// The server's name as the user gave it, for messages.
    target: Arc<str>,
    /// What the choice of this policy depends on, drawn once.
    seed: Option<u64>,
    child: Option<Child>,
    /// Whether a connection was asked for.
    awake: bool,
    /// What the child published and this policy did not yet.
    latest: Option<(ConnectivityState, Arc<dyn Picker>)>,
}

struct Child {
    id: ChildId,
    /// The name of its kind.
    name: String,
}

/// Chooses at most `size` endpoints: those whose first addresses have the least hashes. Endpoints without an address
/// and duplicates are left out.
fn subset(endpoints: Vec<Endpoint>, size: usize, seed: u64) -> Vec<Endpoint> {
    let mut seen = HashSet::new();
    let mut hashed: Vec<(u64, Endpoint)> = endpoints
        .into_iter()
        .filter(|endpoint| seen.insert(Key::of(endpoint)))
        .filter_map(|endpoint| {
            let text = hashed_text(endpoint.addresses.first()?);
            Some((XxHash64::oneshot(seed, text.as_bytes()), endpoint))
        })
        .collect();
    hashed.sort_by_key(|(hash, _)| *hash);
    hashed.truncate(size);
    hashed.into_iter().map(|(_, endpoint)| endpoint).collect()
}

impl State {
    /// The child of the kind that the configuration chooses. Another kind replaces the child.
    fn child(&mut self, chosen: &Chosen, controller: &mut dyn Controller) -> (ChildId, bool) {
        let name = chosen.factory.name();
        if let Some(child) = self.child.as_ref().filter(|child| child.name == name) {
            return (child.id, false);
        }
        if let Some(old) = self.child.take() {
            controller.remove_child(old.id);
            self.latest = None;
        }
        let id = controller.create_child(&*chosen.factory);
        self.child = Some(Child { id, name: name.to_owned() });
        (id, true)
    }
}

impl Policy for State {
    fn update(&mut self, resolved: Resolved, controller: &mut dyn Controller) -> Result<(), Rejected> {
        let config = resolved.config.as_ref().and_then(|config| config.downcast_ref::<Config>());
        let Some(config) = config else {
            let rejected = Rejected::new(
                "random_subsetting_experimental needs `subsetSize` and `childPolicy`: choose it by `loadBalancingConfig`",
            );
            if self.child.is_none() {
                failure::publish_error(Arc::new(rejected.clone()), &self.target, controller);
            }
            return Err(rejected);
        };
        let seed = *self.seed.get_or_insert_with(|| seed(controller));
        let (child, is_new) = self.child(&config.child, controller);
        let endpoints = subset(resolved.endpoints, config.size, seed);
        let update =
            Resolved { endpoints, attributes: resolved.attributes, config: config.child.config.clone() };
        let outcome = controller.update_child(child, update);
        if is_new && self.awake {
            controller.child_exit_idle(child);
        }
        outcome
    }

    fn resolver_error(&mut self, error: &SharedError, controller: &mut dyn Controller) {
        match &self.child {
            Some(child) => controller.child_resolver_error(child.id, error),
            None => failure::publish_error(Arc::clone(error), &self.target, controller),
        }
    }

    fn child_changed(
        &mut self,
        child: ChildId,
        state: ConnectivityState,
        picker: &Arc<dyn Picker>,
        _controller: &mut dyn Controller,
    ) {
        if self.child.as_ref().is_some_and(|current| current.id == child) {
            self.latest = Some((state, Arc::clone(picker)));
        }
    }

    fn aggregate(&mut self, controller: &mut dyn Controller) {
        if let Some((state, picker)) = self.latest.take() {
            controller.publish(state, picker);
        }
    }

    fn exit_idle(&mut self, controller: &mut dyn Controller) {
        match &self.child {
            Some(child) => controller.child_exit_idle(child.id),
            None if self.awake => {}
            None => controller.publish(ConnectivityState::Connecting, Arc::new(QueuePicker)),
        }
        self.awake = true;
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::client::resolver::Address;

    fn chosen(last_bytes: impl IntoIterator<Item = u8>, seed: u64) -> Vec<String> {
        let endpoint = |last| Endpoint::new(Address::Tcp(SocketAddr::from(([10, 0, 0, last], 80))));
        let chosen = subset(last_bytes.into_iter().map(endpoint).collect(), 2, seed);
        chosen.iter().map(|endpoint| hashed_text(&endpoint.addresses[0])).collect()
    }

    #[test]
    fn a_seed_chooses_the_same_endpoints_in_every_implementation() {
        assert_eq!(chosen(1..=5, 0), ["10.0.0.1:80", "10.0.0.4:80"]);
        assert_eq!(chosen(1..=5, 1), ["10.0.0.5:80", "10.0.0.2:80"]);
        assert_eq!(chosen(1..=5, 42), ["10.0.0.5:80", "10.0.0.2:80"]);
        assert_eq!(chosen([4, 2, 5, 1, 3, 5], 42), ["10.0.0.5:80", "10.0.0.2:80"], "in any order");
        assert_eq!(chosen([1, 3, 4, 5], 42), ["10.0.0.5:80", "10.0.0.4:80"]);
        assert_eq!(chosen([7], 42), ["10.0.0.7:80"]);
    }

    #[test]
    fn size_and_child_are_needed() {
        let parse = |text: &str| {
            let config =
                RandomSubsetting.parse_config(&Json::parse(text).expect("JSON"), &Policies::default())?;
            let config = config.downcast_ref::<Config>().expect("its own");
            Ok((config.size, config.child.factory.name().to_owned()))
        };
        let expected = Ok((3, "round_robin".to_owned()));
        assert_eq!(parse(r#"{"subsetSize":3,"childPolicy":[{"x":{}},{"round_robin":{}}]}"#), expected);
        assert_eq!(parse(r#"{"subset_size":"3","child_policy":[{"round_robin":{}}]}"#), expected);
        for (text, part) in [
            (r#"{"childPolicy":[{"round_robin":{}}]}"#, "`subsetSize` is not a whole number of at least 1"),
            (r#"{"subsetSize":0,"childPolicy":[{"round_robin":{}}]}"#, "`subsetSize`"),
            (r#"{"subsetSize":4294967296,"childPolicy":[{"round_robin":{}}]}"#, "`subsetSize`"),
            (r#"{"subsetSize":1}"#, "`childPolicy` is missing"),
            (r#"{"subsetSize":1,"childPolicy":[{"x":{}}]}"#, "`childPolicy`: none of the load-balancing"),
            (
                r#"{"subsetSize":1,"childPolicy":[{"ring_hash_experimental":{"minRingSize":0}}]}"#,
                "`childPolicy`: the configuration of the policy `ring_hash_experimental`: `minRingSize`",
            ),
        ] {
            let error: String = parse(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
