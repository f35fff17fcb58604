//! Policies that choose among the connections of all endpoints.

use std::num::NonZeroU32;
use std::time::Duration;

use super::tree::port;
use super::*;
use crate::client::balancer::{Attachments, LeastRequest};
use crate::client::resolver::{Endpoint, Weight};

/// A pick that is held as an open call, with its port.
fn open(rig: &Rig) -> (u16, Option<Box<Attachments>>) {
    match rig.pick() {
        Pick::Use { subchannel, attachments } => (port(subchannel), attachments),
        other => panic!("{other:?}"),
    }
}

pub(super) fn configured(policy: &str, ports: &[u16]) -> Rig {
    let config = format!(r#"{{"loadBalancingConfig":[{policy}]}}"#);
    let mut rig = Rig::configured(Policies::default(), Some(&config));
    rig.exit_idle();
    rig.resolve(ports);
    rig
}

#[test]
fn least_request_evens_out_what_is_open() {
    let mut rig = configured(r#"{"least_request_experimental":{"choiceCount":10}}"#, &[1, 2, 3]);
    for port in [1, 2, 3] {
        rig.connect(port);
    }
    // Ten draws of three almost always see the least: all three stay level.
    let mut calls: Vec<_> = (0..30).map(|_| open(&rig)).collect();
    for port in [1, 2, 3] {
        let count = calls.iter().filter(|(at, _)| *at == port).count();
        assert!((9..=11).contains(&count), "{port}: {count}");
    }
    // Calls to 2 end, the others stay: new ones go there until it has caught up.
    calls.retain(|(at, _)| *at != 2);
    let next: Vec<_> = (0..8).map(|_| open(&rig)).collect();
    assert!(next.iter().all(|(at, _)| *at == 2), "{next:?}");
}

#[test]
fn least_request_draws_with_replacement() {
    let mut rig = Rig::with(Arc::new(LeastRequest));
    rig.exit_idle();
    rig.resolve(&[1, 2]);
    rig.connect(1);
    rig.connect(2);
    // 1 has an open call: it is chosen only if both draws are 1, a quarter of the time.
    let held = loop {
        let call = open(&rig);
        if call.0 == 1 {
            break call;
        }
    };
    let counts = rig.picks(4000);
    assert!((900..1100).contains(&counts[&1]), "{counts:?}");
    drop(held);
    let counts = rig.picks(4000);
    assert!((1800..2200).contains(&counts[&1]), "{counts:?}");
}

#[test]
fn least_request_keeps_counts_over_updates_and_leaves_out_what_is_not_ready() {
    let mut rig = configured(r#"{"least_request_experimental":{"choiceCount":10}}"#, &[1, 2]);
    let first = rig.connect(1);
    let held: Vec<_> = (0..5).map(|_| open(&rig)).collect();
    rig.connect(2);
    rig.resolve(&[2, 1, 3]);
    let next: Vec<_> = (0..4).map(|_| open(&rig)).collect();
    assert!(next.iter().all(|(at, _)| *at == 2), "{next:?}");
    rig.pass(Duration::from_secs(1));
    rig.fail(first, "gone");
    drop(next);
    assert_eq!(rig.picks(10)[&2], 10);
    // The connection made anew has the calls of the old one until they end.
    rig.connect(1);
    let next: Vec<_> = (0..4).map(|_| open(&rig)).collect();
    assert!(next.iter().all(|(at, _)| *at == 2), "{next:?}");
    drop(held);
    assert_eq!(open(&rig).0, 1);
}

#[test]
fn weighted_random_goes_by_the_weights_of_what_is_ready() {
    let mut rig = configured(r#"{"weighted_random":{}}"#, &[]);
    let endpoints = [(1, Some(6)), (2, Some(3)), (3, None)].map(|(port, weight)| {
        let mut endpoint = Endpoint::new(address(port));
        let weight = weight.and_then(NonZeroU32::new);
        weight.into_iter().for_each(|weight| endpoint.attributes.insert(Weight(weight)));
        endpoint
    });
    rig.core.resolved(Resolution::with_endpoints(endpoints.to_vec()), rig.now);
    rig.act();
    for port in [1, 2, 3] {
        rig.connect(port);
    }
    let counts = rig.picks(10_000);
    for (port, expected) in [(1, 6000), (2, 3000), (3, 1000)] {
        assert!(counts[&port].abs_diff(expected) < 200, "{counts:?}");
    }
    // An update that changes nothing but weights counts at once.
    rig.resolve(&[1, 2, 3]);
    let counts = rig.picks(9000);
    assert!(counts.values().all(|count| count.abs_diff(3000) < 200), "{counts:?}");
    assert!(rig.attempts.is_empty() && rig.removed.is_empty());
}

const TWO_OF_THEM: &str =
    r#"{"random_subsetting_experimental":{"subsetSize":2,"childPolicy":[{"round_robin":{}}]}}"#;

#[test]
fn random_subsetting_connects_to_a_part_and_keeps_it() {
    let mut rig = configured(TWO_OF_THEM, &[1, 2, 3, 4, 5]);
    assert_eq!(rig.states(), [Connecting, Connecting]);
    let part = rig.trying();
    assert_eq!(part.len(), 2);
    part.iter().for_each(|port| drop(rig.connect(*port)));
    assert_eq!(rig.states().last(), Some(&Ready));
    assert_eq!(rig.picks(10), [(part[0], 5), (part[1], 5)].into());
    // The same endpoints in another order.
    rig.resolve(&[5, 3, 1, 2, 4]);
    assert!(rig.attempts.is_empty() && rig.removed.is_empty());
    // One of the part leaves, and one takes its place.
    let left: Vec<u16> = (1..=5).filter(|port| *port != part[0]).collect();
    rig.resolve(&left);
    assert_eq!((rig.removed.len(), rig.attempts.len()), (1, 1));
    assert_eq!(rig.picks(4), [(part[1], 4)].into());
    // Fewer than the size are all used; none are refused.
    rig.resolve(&[part[1]]);
    assert_eq!(rig.picks(4), [(part[1], 4)].into());
    rig.resolve(&[]);
    assert!(rig.failure().message().contains("name resolution gave no addresses"));
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.hints, 1);
}

#[test]
fn random_subsetting_passes_on_what_its_child_needs() {
    // A child that rests until a picker asks.
    let ring = r#"{"ring_hash_experimental":{"requestHashHeader":"user"}}"#;
    let policy = format!(r#"{{"random_subsetting_experimental":{{"subsetSize":1,"childPolicy":[{ring}]}}}}"#);
    let mut rig =
        Rig::configured(Policies::default(), Some(&format!(r#"{{"loadBalancingConfig":[{policy}]}}"#)));
    rig.core.resolver_failed(&error("no such name"), rig.now);
    rig.act();
    assert!(rig.failure().message().contains("no such name"));
    rig.resolve(&[1, 2]);
    assert_eq!(rig.states().last(), Some(&Idle));
    assert!(matches!(rig.pick(), Pick::Queue));
    assert!(rig.heed());
    assert_eq!(rig.attempts.len(), 1);
    // Another child policy replaces it.
    let mut resolution = Resolution::new(vec![address(1), address(2)]);
    resolution.service_config = Some(Ok(format!(r#"{{"loadBalancingConfig":[{TWO_OF_THEM}]}}"#).into()));
    rig.core.resolved(resolution, rig.now);
    rig.act();
    assert_eq!(rig.trying(), [1, 2]);
}

#[test]
fn random_subsetting_by_its_name_alone_says_what_it_needs() {
    let config = r#"{"loadBalancingPolicy":"random_subsetting_experimental"}"#;
    let mut rig = Rig::configured(Policies::default(), Some(config));
    rig.exit_idle();
    rig.resolve(&[1]);
    assert!(rig.failure().message().contains("needs `subsetSize` and `childPolicy`"), "{}", rig.failure());
}
