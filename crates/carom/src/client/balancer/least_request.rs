//! `least_request_experimental`: each call to the least loaded of a few endpoints drawn at random (gRFC A48).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::endpoints::{Child, Connected, Spread};
use super::random::SharedRandom;
use super::{
    CallOutcome, Completion, Controller, Pick, PickArgs, Picker, Policies, Policy, PolicyConfig,
    PolicyFactory,
};
use crate::client::service_config::Json;

/// The factory of `least_request_experimental`: each call draws a few of the endpoints that are READY and goes to the
/// one with the fewest open calls of this channel.
///
/// Slow servers thus get fewer calls than fast ones, which `round_robin` does not see. Open calls are counted for each
/// endpoint, across its connections.
///
/// Its configuration: `choiceCount`, the number of draws, at least 2; more than 10 count as 10. Default 2.
#[derive(Debug, Clone, Copy)]
pub struct LeastRequest;

#[derive(Debug, Clone, Copy, PartialEq)]
struct Config {
    choices: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { choices: 2 }
    }
}

/// More draws than this cost more than they gain (gRFC A48).
const MAX_CHOICES: u64 = 10;

impl PolicyFactory for LeastRequest {
    fn name(&self) -> &str {
        "least_request_experimental"
    }

    fn parse_config(&self, config: &Json, _policies: &Policies) -> Result<PolicyConfig, String> {
        let Some(choices) = config.get("choiceCount") else { return Ok(Arc::new(Config::default())) };
        let choices = choices.as_u64().filter(|choices| *choices >= 2);
        let choices = choices.ok_or("`choiceCount` is not a whole number of at least 2")?;
        Ok(Arc::new(Config { choices: choices.min(MAX_CHOICES) as u32 }))
    }

    fn build(&self, target: &Arc<str>) -> Box<dyn Policy> {
        Box::new(Connected::new(target, FewestOpen(Config::default())))
    }
}

struct FewestOpen(Config);

impl Spread for FewestOpen {
    type Kept = OpenCalls;

    fn configure(&mut self, config: Option<&PolicyConfig>) {
        self.0 = config.and_then(|config| config.downcast_ref()).copied().unwrap_or_default();
    }

    fn picker(
        &self,
        ready: &mut dyn Iterator<Item = &Child<OpenCalls>>,
        controller: &mut dyn Controller,
    ) -> Arc<dyn Picker> {
        Arc::new(FewestOpenPicker {
            members: ready.map(|child| (Arc::clone(&child.picker), child.kept.clone())).collect(),
            choices: self.0.choices,
            random: SharedRandom::new(controller),
        })
    }
}

/// The number of open calls of an endpoint, shared by all pickers.
#[derive(Debug, Default, Clone)]
struct OpenCalls(Arc<AtomicUsize>);

/// A call that is counted until it ends.
struct OpenCall(OpenCalls);

impl Completion for OpenCall {
    fn complete(self: Box<Self>, _outcome: Option<&CallOutcome>) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

struct FewestOpenPicker {
    /// At least one.
    members: Vec<(Arc<dyn Picker>, OpenCalls)>,
    choices: u32,
    random: SharedRandom,
}

impl Picker for FewestOpenPicker {
    fn pick<'a>(&'a self, args: &PickArgs<'_>) -> Pick<'a> {
        let draw = || {
            let (picker, open) = &self.members[self.random.below(self.members.len() as u64) as usize];
            (picker, open, open.0.load(Ordering::Relaxed))
        };
        let mut best = draw();
        for _ in 1..self.choices {
            let other = draw();
            if other.2 < best.2 {
                best = other;
            }
        }
        let (picker, open, _) = best;
        let pick = picker.pick(args);
        if !matches!(pick, Pick::Use { .. }) {
            return pick;
        }
        open.0.fetch_add(1, Ordering::Relaxed);
        pick.on_completion(OpenCall(open.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_choices_has_bounds() {
        let parse = |text: &str| {
            let config =
                LeastRequest.parse_config(&Json::parse(text).expect("JSON"), &Policies::default())?;
            Ok(config.downcast_ref::<Config>().expect("its own").choices)
        };
        for (text, choices) in [
            ("{}", 2),
            (r#"{"choiceCount":2}"#, 2),
            (r#"{"choiceCount":"7"}"#, 7),
            (r#"{"choiceCount":10}"#, 10),
            (r#"{"choiceCount":4294967296}"#, 10),
            (r#"{"unknown":1}"#, 2),
        ] {
            assert_eq!(parse(text), Ok(choices), "{text}");
        }
        for text in ["1", "0", "-2", "2.5", "true", "[]"] {
            let error: String = parse(&format!(r#"{{"choiceCount":{text}}}"#)).expect_err(text);
            assert!(error.starts_with("`choiceCount` is not"), "{text}: {error}");
        }
    }
}
