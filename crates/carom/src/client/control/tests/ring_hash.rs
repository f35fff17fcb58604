//! `ring_hash_experimental`: who is connected to, and where calls go.

use std::num::NonZeroU32;
use std::time::Duration;

use super::balancing::configured;
use super::tree::port;
use super::*;
use crate::client::balancer::RingHash;
use crate::client::resolver::{Endpoint, HashKey, Weight};

const BY_USER: &str = r#"{"ring_hash_experimental":{"requestHashHeader":"user"}}"#;

/// Picks for a call of this user: the port, or `None` if the call waits.
fn pick_for(rig: &Rig, user: &str) -> Option<u16> {
    let mut metadata = MetadataMap::new();
    metadata.insert("user", user.to_owned()).expect("valid");
    port_of(rig.picker.as_ref().expect("published").pick(&PickArgs::new(b"/a.B/C", &metadata)))
}

fn port_of(pick: Pick<'_>) -> Option<u16> {
    match pick {
        Pick::Use { subchannel, .. } => Some(port(subchannel)),
        Pick::Queue => None,
        other => panic!("{other:?}"),
    }
}

/// A channel to these ports that nobody has called on yet.
fn resting(ports: &[u16]) -> Rig {
    let config = format!(r#"{{"loadBalancingConfig":[{BY_USER}]}}"#);
    let mut rig = Rig::configured(Policies::default(), Some(&config));
    rig.resolve(ports);
    rig
}

/// Calls for one user after the other until there is a connection to each of these ports.
fn connect_all(rig: &mut Rig, ports: &[u16]) {
    let mut connected = 0;
    for number in 0..1000 {
        if pick_for(rig, &number.to_string()).is_none() {
            assert!(rig.heed());
            let attempt = rig.attempts.pop_front().expect("one");
            rig.ready(&attempt);
            connected += 1;
        }
    }
    assert_eq!(connected, ports.len());
}

#[test]
fn endpoints_connect_when_a_call_needs_them_and_keep_its_user() {
    let mut rig = resting(&[1, 2, 3]);
    assert_eq!(rig.states(), [Idle]);
    rig.pass(Duration::from_secs(600));
    assert!(rig.attempts.is_empty(), "nobody called");
    assert_eq!(pick_for(&rig, "alice"), None);
    assert_eq!(pick_for(&rig, "alice"), None);
    assert!(rig.heed());
    assert_eq!(rig.states(), [Connecting]);
    assert_eq!(rig.attempts.len(), 1, "the endpoint of the call, no other");
    let home = rig.trying()[0];
    assert_eq!(pick_for(&rig, "alice"), None);
    assert!(!rig.heed(), "it is being connected to");
    rig.connect(home);
    assert_eq!(rig.states(), [Ready]);
    for _ in 0..10 {
        assert_eq!(pick_for(&rig, "alice"), Some(home));
    }
}

#[test]
fn the_user_of_a_channel_can_ask_for_a_connection_before_any_call() {
    let mut rig = resting(&[1, 2]);
    rig.exit_idle();
    assert_eq!(rig.states(), [Idle, Connecting]);
    assert_eq!(rig.attempts.len(), 1);
    // Also if what a call wanted has left the list.
    let mut rig = resting(&[1]);
    assert_eq!(pick_for(&rig, "alice"), None);
    rig.resolve(&[2]);
    assert!(rig.heed());
    rig.take(2);
    // Asked for before there are endpoints, calls wait for them.
    let mut rig = configured(BY_USER, &[1, 2]);
    assert_eq!(rig.states(), [Connecting, Idle]);
    assert_eq!(pick_for(&rig, "alice"), None);
    assert!(rig.heed());
    assert_eq!(rig.attempts.len(), 1);
}

#[test]
fn users_of_an_endpoint_that_left_move_and_no_others() {
    // With one entry each: a larger ring gives those that stay more entries, and moves a few of their users too.
    let one_each = r#"{"ring_hash_experimental":{"requestHashHeader":"user","minRingSize":1}}"#;
    let mut rig = configured(one_each, &[1, 2, 3]);
    connect_all(&mut rig, &[1, 2, 3]);
    let homes: Vec<_> = (0..100).map(|number| pick_for(&rig, &number.to_string())).collect();
    rig.resolve(&[3, 1]);
    assert_eq!(rig.removed, ["ipv4:127.0.0.1:2"]);
    for (number, before) in homes.iter().enumerate() {
        let now = pick_for(&rig, &number.to_string());
        assert!(
            if *before == Some(2) { now == Some(1) || now == Some(3) } else { now == *before },
            "{number}"
        );
    }
    rig.resolve(&[1, 2, 3]);
    let again = (0..100).position(|number| pick_for(&rig, &number.to_string()).is_none());
    assert!(again.is_some() && rig.heed());
    rig.connect(2);
    let back: Vec<_> = (0..100).map(|number| pick_for(&rig, &number.to_string())).collect();
    assert_eq!(back, homes);
}

#[test]
fn calls_go_past_an_endpoint_that_fails_and_return() {
    let mut rig = resting(&[1, 2, 3]);
    assert_eq!(pick_for(&rig, "alice"), None);
    rig.heed();
    let home = rig.trying()[0];
    let attempt = rig.take_port(home);
    rig.states();
    rig.fail(attempt, "refused");
    assert_eq!(rig.states().first(), Some(&Connecting), "one of three failed");
    // Recovery goes on without a call: one of the others is tried.
    assert_eq!(rig.attempts.len(), 1);
    assert_ne!(rig.trying()[0], home);
    // The call goes to the next entry, whichever that is.
    if pick_for(&rig, "alice").is_none() {
        rig.heed();
    }
    while let Some((subchannel, attempt)) = rig.attempts.pop_front() {
        rig.ready(&(subchannel, attempt));
    }
    assert_eq!(rig.states().last(), Some(&Ready));
    let next = pick_for(&rig, "alice").expect("READY");
    assert_ne!(next, home);
    rig.pass(Duration::from_secs(2));
    rig.connect(home);
    assert_eq!(pick_for(&rig, "alice"), Some(home));
}

#[test]
fn fails_with_two_failed_and_goes_on_to_the_rest_by_itself() {
    let mut rig = resting(&[1, 2, 3]);
    rig.exit_idle();
    rig.states();
    let mut tried = Vec::new();
    for _ in 0..3 {
        assert_eq!(rig.attempts.len(), 1, "one at a time");
        let attempt = rig.attempts.pop_front().expect("one");
        tried.push(port(&attempt.0));
        rig.fail(attempt, "refused");
    }
    tried.sort_unstable();
    assert_eq!(tried, [1, 2, 3]);
    assert_eq!(rig.states().last(), Some(&TransientFailure));
    let mut metadata = MetadataMap::new();
    metadata.insert("user", "alice").expect("valid");
    let picker = Arc::clone(rig.picker.as_ref().expect("published"));
    match picker.pick(&PickArgs::new(b"/a.B/C", &metadata)) {
        Pick::Fail(status) => assert!(status.message().contains("refused"), "{status}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(rig.failure().code(), Code::Unavailable, "without a header, too");
}

#[test]
fn calls_without_the_header_use_what_is_connected() {
    let mut rig = resting(&[1, 2, 3]);
    assert_eq!(port_of(rig.pick()), None);
    assert!(rig.heed());
    assert_eq!(rig.attempts.len(), 1);
    for _ in 0..20 {
        assert_eq!(port_of(rig.pick()), None);
    }
    assert!(!rig.heed(), "one attempt at a time");
    let first = rig.trying()[0];
    rig.connect(first);
    // Calls go to the connection that exists; meanwhile they make the others, one at a time.
    for connected in 1..3 {
        for _ in 0..50 {
            assert!(port_of(rig.pick()).is_some());
        }
        assert!(rig.heed());
        // Until it is known that one is CONNECTING, another may have been asked for.
        assert!((1..=3 - connected).contains(&rig.attempts.len()), "{:?}", rig.trying());
        while let Some(attempt) = rig.attempts.pop_front() {
            rig.ready(&attempt);
        }
        if rig.picks(100).len() == 3 {
            break;
        }
    }
    let counts = rig.picks(3000);
    assert!(counts.len() == 3 && counts.values().all(|count| *count > 700), "{counts:?}");
    assert!(!rig.heed());
}

#[test]
fn without_a_header_configured_calls_end_with_internal() {
    let mut rig = Rig::with(Arc::new(RingHash));
    rig.exit_idle();
    rig.resolve(&[1]);
    match rig.pick() {
        Pick::Drop(status) => {
            assert_eq!(status.code(), Code::Internal);
            assert!(status.message().contains("`requestHashHeader`"), "{status}");
        }
        other => panic!("{other:?}"),
    }
    rig.resolve(&[]);
    assert_eq!(rig.failure().message(), "name resolution gave no addresses (target: svc:80)");
}

#[test]
fn weights_and_hash_keys_are_attributes_of_the_endpoint() {
    let mut rig = configured(BY_USER, &[]);
    let endpoint = |port: u16, key: &str, weight: u32| {
        let mut endpoint = Endpoint::new(address(port));
        endpoint.attributes.insert(HashKey(key.into()));
        endpoint.attributes.insert(Weight(NonZeroU32::new(weight).expect("not zero")));
        endpoint
    };
    let resolve = |rig: &mut Rig, endpoints: Vec<Endpoint>| {
        rig.core.resolved(Resolution::with_endpoints(endpoints), rig.now);
        rig.act();
    };
    resolve(&mut rig, vec![endpoint(1, "blue", 1), endpoint(2, "green", 9)]);
    let names: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
    for user in &names {
        if pick_for(&rig, user).is_none() {
            rig.heed();
            while let Some(attempt) = rig.attempts.pop_front() {
                rig.ready(&attempt);
            }
        }
    }
    let homes: Vec<_> = names.iter().map(|user| pick_for(&rig, user)).collect();
    let light = homes.iter().filter(|home| **home == Some(1)).count();
    assert!((50..200).contains(&light), "{light} of 1000 have a tenth of the ring");
    // Another server under the same key has the same users.
    resolve(&mut rig, vec![endpoint(7, "blue", 1), endpoint(2, "green", 9)]);
    for (user, before) in names.iter().zip(&homes) {
        let now = pick_for(&rig, user);
        assert_eq!(now, before.filter(|home| *home == 2), "{user}");
    }
}
