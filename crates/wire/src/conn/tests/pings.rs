//! Keepalive and the policing of pings (gRFC A8).

use std::time::Duration;

use bytes::Bytes;

use super::pair::{Attacked, Pair, request, response, trailers};
use crate::{
    conn::{Config, Event, Keepalive, PingPolicy, ServerConfig, Side},
    frame::{ErrorCode, flag, kind},
};

const KEEPALIVE: Keepalive =
    Keepalive { interval: Duration::from_secs(20), timeout: Duration::from_secs(5), without_calls: false };

fn minutes(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}

fn too_many_pings(events: &[Event]) -> bool {
    matches!(events.last(), Some(Event::Closed { error: Some(error) })
        if error.code == ErrorCode::ENHANCE_YOUR_CALM && error.reason == "too_many_pings")
}

/// A server with a call open, if `call`.
fn pinged(policy: PingPolicy, call: bool) -> Attacked {
    let mut attacked = Attacked::server(ServerConfig { ping_policy: policy, ..ServerConfig::default() });
    if call {
        let block = attacked.block(request);
        attacked.frame(kind::HEADERS, flag::END_HEADERS, 1, &block);
        attacked.events();
    }
    attacked
}

/// Pings after each of the pauses; how many were taken before the connection ended.
fn taken(attacked: &mut Attacked, pauses: impl IntoIterator<Item = Duration>) -> usize {
    let mut taken = 0;
    for pause in pauses {
        attacked.now += pause;
        attacked.frame(kind::PING, 0, 0, &[0; 8]);
        let events = attacked.events();
        if !events.is_empty() {
            assert!(too_many_pings(&events), "{events:?}");
            let (head, payload) = attacked.written().pop().unwrap();
            assert_eq!(head.kind, kind::GOAWAY);
            assert!(payload.ends_with(b"too_many_pings"), "{payload:?}");
            return taken;
        }
        taken += 1;
    }
    taken
}

#[test]
fn pings_five_minutes_apart_are_taken_during_a_call_and_two_hours_apart_without() {
    let policy = PingPolicy::default();
    assert_eq!(taken(&mut pinged(policy, true), [minutes(5); 20]), 20);
    assert_eq!(taken(&mut pinged(policy, true), [minutes(4); 20]), 3, "the first, and two strikes");
    assert_eq!(taken(&mut pinged(policy, false), [minutes(5); 20]), 3);
    assert_eq!(taken(&mut pinged(policy, false), [minutes(120); 20]), 20);
}

#[test]
fn the_policy_can_be_told() {
    let often = PingPolicy { min_interval: Duration::from_secs(1), without_calls: true, max_strikes: 5 };
    assert_eq!(taken(&mut pinged(often, false), [Duration::from_secs(1); 20]), 20);
    assert_eq!(taken(&mut pinged(often, false), [Duration::from_millis(900); 20]), 6);
    let never = PingPolicy { max_strikes: 0, ..PingPolicy::default() };
    assert_eq!(taken(&mut pinged(never, false), [Duration::ZERO; 50]), 50);
}

#[test]
fn what_the_server_sends_sets_the_strikes_back() {
    let mut attacked = pinged(PingPolicy::default(), true);
    let key = attacked.engine.streams.find(1).unwrap();
    attacked.engine.send_headers(key, &response, false);
    for round in 0..10 {
        // One is forgiven, and strikes begin anew after it.
        assert_eq!(taken(&mut attacked, [Duration::from_secs(1); 3]), 3, "round {round}");
        attacked.engine.send_data(key, Bytes::from_static(b"x"), false);
        attacked.written();
    }
    assert_eq!(taken(&mut attacked, [Duration::from_secs(1); 10]), 3);
}

#[test]
fn our_own_probes_are_not_too_many() {
    // Megabytes in both directions: each end probes the bandwidth as it will.
    let mut pair = Pair::new();
    let (ours, theirs) = pair.open(false);
    pair.server.send_headers(theirs, &response, false);
    let piece = Bytes::from(vec![7; 300_000]);
    let mut probes = 0;
    for round in 0..200 {
        pair.server.send_data(theirs, piece.clone(), false);
        pair.client.send_data(ours, piece.clone(), false);
        let (client, server) = pair.run();
        for (side, events, key) in [(Side::Client, client, ours), (Side::Server, server, theirs)] {
            for event in events {
                match event {
                    Event::Data { data, .. } if side == Side::Client => pair.client.release(key, data.len()),
                    Event::Data { data, .. } => pair.server.release(key, data.len()),
                    Event::Closed { error } => panic!("round {round}: {error:?}"),
                    _ => {}
                }
            }
        }
        probes += usize::from(pair.server.ping_strikes.last() == Some(pair.now));
        pair.advance(Duration::from_millis(500));
    }
    assert!(probes > 3, "there was nothing to police: {probes} pings");
    pair.server.send_trailers(theirs, Box::new(trailers));
    pair.run();
    assert!(!pair.client.is_closed() && !pair.server.is_closed());
}

#[test]
fn a_client_takes_any_number_of_pings() {
    let mut attacked = Attacked::client(Config::default());
    for _ in 0..100 {
        attacked.frame(kind::PING, 0, 0, &[0; 8]);
    }
    assert!(attacked.events().is_empty());
}

#[test]
fn an_answer_behind_other_data_is_waited_for() {
    let config = Config { keepalive: Some(KEEPALIVE), ..Config::default() };
    let mut attacked = Attacked::client(config);
    let key = attacked.engine.open(&request, true).unwrap();
    let head = attacked.block(response);
    attacked.frame(kind::HEADERS, flag::END_HEADERS, key.id().get(), &head);
    attacked.events();
    attacked.now += KEEPALIVE.interval;
    attacked.engine.handle_timeout(attacked.now);
    assert!(attacked.written().iter().any(|(head, _)| head.kind == kind::PING));
    // No answer within five seconds, but data after four: the peer is there.
    attacked.now += Duration::from_secs(4);
    attacked.frame(kind::DATA, 0, key.id().get(), b"x");
    attacked.events();
    attacked.now += Duration::from_secs(1);
    attacked.engine.handle_timeout(attacked.now);
    assert!(!attacked.engine.is_closed());
    // The next ping finds nobody.
    attacked.now += Duration::from_secs(19);
    attacked.engine.handle_timeout(attacked.now);
    attacked.now += KEEPALIVE.timeout;
    attacked.engine.handle_timeout(attacked.now);
    assert!(attacked.engine.is_closed());
}
