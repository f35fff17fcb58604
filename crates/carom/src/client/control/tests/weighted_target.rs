//! `weighted_target_experimental`: shares, states and the life of targets.

use std::time::Duration;

use super::*;
use crate::client::resolver::{Endpoint, HierarchicalPath};

/// Resolves endpoints, each a target's name and a port, for these targets with their weights and policies.
fn resolve(rig: &mut Rig, targets: &[(&str, u32, &str)], endpoints: &[(&str, u16)]) {
    let targets: Vec<String> = targets
        .iter()
        .map(|(name, weight, policy)| {
            format!(r#""{name}":{{"weight":{weight},"childPolicy":[{{"{policy}":{{}}}}]}}"#)
        })
        .collect();
    let config = format!(
        r#"{{"loadBalancingConfig":[{{"weighted_target_experimental":{{"targets":{{{}}}}}}}]}}"#,
        targets.join(",")
    );
    let endpoints = endpoints.iter().map(|(name, port)| {
        let mut endpoint = Endpoint::new(address(*port));
        endpoint.attributes.insert(HierarchicalPath(vec![Arc::from(*name)]));
        endpoint
    });
    let mut resolution = Resolution::with_endpoints(endpoints.collect());
    resolution.service_config = Some(Ok(config.into()));
    rig.core.resolved(resolution, rig.now);
    rig.act();
}

fn rig() -> Rig {
    let mut rig = Rig::configured(Policies::default(), None);
    rig.exit_idle();
    rig
}

const BOTH: [(&str, u32, &str); 2] = [("blue", 3, "round_robin"), ("green", 1, "round_robin")];
const THREE: [(&str, u16); 3] = [("blue", 1), ("blue", 2), ("green", 3)];

#[test]
fn calls_are_shared_by_weight_among_what_is_ready() {
    let mut rig = rig();
    resolve(&mut rig, &BOTH, &THREE);
    assert_eq!(rig.trying(), [1, 2, 3]);
    rig.connect(3);
    assert_eq!(rig.picks(100), [(3, 100)].into(), "blue is not READY");
    rig.connect(1);
    rig.connect(2);
    let counts = rig.picks(8000);
    assert!(counts[&1].abs_diff(counts[&2]) <= 1, "blue's in turn: {counts:?}");
    assert!(counts[&3].abs_diff(2000) < 150, "{counts:?}");
    resolve(&mut rig, &[("blue", 1, "round_robin"), ("green", 1, "round_robin")], &THREE);
    let counts = rig.picks(8000);
    assert!(counts[&3].abs_diff(4000) < 200, "{counts:?}");
    assert!(rig.attempts.is_empty() && rig.removed.is_empty());
}

#[test]
fn fails_when_all_targets_failed_and_not_before() {
    let mut rig = rig();
    resolve(&mut rig, &BOTH, &[("blue", 1), ("green", 3)]);
    let first = rig.take_port(1);
    rig.fail(first, "refused");
    assert_eq!(rig.states().last(), Some(&Connecting));
    let third = rig.take_port(3);
    rig.fail(third, "no route");
    assert_eq!(rig.states().last(), Some(&TransientFailure));
    assert!(rig.failure().message().contains("failed to connect"), "{}", rig.failure());
    rig.pass(Duration::from_secs(2));
    assert!(rig.states().iter().all(|state| *state == TransientFailure), "although both try again");
    // Another endpoint makes its target CONNECTING, which is no reason to let calls wait again.
    resolve(&mut rig, &BOTH, &[("blue", 1), ("blue", 2), ("green", 3)]);
    assert!(rig.trying().contains(&2));
    assert!(rig.states().iter().all(|state| *state == TransientFailure));
    rig.connect(3);
    assert_eq!(rig.states().last(), Some(&Ready));
}

#[test]
fn one_that_rests_counts_before_one_that_failed() {
    let mut rig = rig();
    let targets = [("blue", 1, "round_robin"), ("green", 1, "pick_first")];
    resolve(&mut rig, &targets, &[("blue", 1), ("green", 3)]);
    let first = rig.take_port(1);
    let third = rig.connect(3);
    rig.pass(Duration::from_millis(100));
    rig.fail(third, "gone");
    assert_eq!(rig.states().last(), Some(&Connecting), "one that connects counts before both");
    rig.fail(first, "refused");
    assert_eq!(rig.states().last(), Some(&Idle));
    assert!(matches!(rig.pick(), Pick::Queue));
    rig.exit_idle();
    assert_eq!(rig.trying(), [3]);
}

#[test]
fn a_target_that_left_is_kept_for_a_while() {
    let mut rig = rig();
    resolve(&mut rig, &BOTH, &[("blue", 1), ("green", 3)]);
    rig.connect(1);
    rig.connect(3);
    resolve(&mut rig, &BOTH[..1], &[("blue", 1)]);
    assert_eq!(rig.picks(50), [(1, 50)].into());
    assert!(rig.removed.is_empty());
    rig.pass(Duration::from_secs(15 * 60 - 1));
    resolve(&mut rig, &BOTH, &[("blue", 1), ("green", 3)]);
    assert_eq!(rig.picks(50).len(), 2, "back with its connection");
    assert_eq!(rig.core.poll_timeout(), None, "nothing is to be removed any more");
    rig.pass(Duration::from_secs(3600));
    resolve(&mut rig, &BOTH[..1], &[("blue", 1)]);
    rig.pass(Duration::from_secs(15 * 60));
    assert_eq!(rig.removed, ["ipv4:127.0.0.1:3"]);
    // Another policy replaces the child at once.
    resolve(&mut rig, &[("blue", 1, "pick_first")], &[("blue", 1)]);
    assert_eq!(rig.removed.len(), 2);
    rig.connect(1);
    assert_eq!(rig.picks(5), [(1, 5)].into());
}

#[test]
fn endpoints_without_a_path_belong_to_no_target() {
    let mut rig = rig();
    resolve(&mut rig, &BOTH, &[("red", 9)]);
    assert!(rig.attempts.is_empty());
    assert_eq!(rig.states().last(), Some(&TransientFailure));
    assert!(rig.failure().message().contains("name resolution gave no addresses"));
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.hints, 1);
}
