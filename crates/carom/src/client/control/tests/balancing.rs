//! Policies that choose among the connections of all endpoints.

use std::time::Duration;

use super::tree::port;
use super::*;
use crate::client::balancer::{Attachments, LeastRequest};

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
