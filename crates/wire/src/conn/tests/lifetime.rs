//! How long a connection may live (gRFC A9), and how long the place of a stream is kept.

use std::time::Duration;

use bytes::Bytes;

use super::pair::{Pair, events, request, response, trailers};
use crate::{
    conn::{Config, Event, ServerConfig},
    frame::ErrorCode,
};

const AGE: Duration = Duration::from_secs(600);
const GRACE: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_secs(100);

fn pair(server: ServerConfig) -> Pair {
    Pair::with(Config::default(), server)
}

/// The words of the GOAWAY that the client got.
fn goaway(events: &[Event]) -> Option<&[u8]> {
    events.iter().find_map(|event| match event {
        Event::GoAway { code: ErrorCode::NO_ERROR, debug, .. } => Some(&debug[..]),
        _ => None,
    })
}

#[test]
fn an_old_connection_ends_with_its_last_call() {
    let mut pair = pair(ServerConfig { max_connection_age: Some(AGE), ..ServerConfig::default() });
    let (_, theirs) = pair.open(true);
    pair.advance(AGE - Duration::from_secs(1));
    assert_eq!(goaway(&pair.run().0), None);
    pair.advance(Duration::from_secs(1));
    assert_eq!(goaway(&pair.run().0), Some(&b"max_age"[..]));
    pair.advance(AGE);
    pair.run();
    assert!(!pair.server.is_closed(), "no grace was set, so the call may go on");
    pair.server.respond(theirs, &response, Bytes::new(), trailers);
    let (client, _) = pair.run();
    assert!(matches!(client.last(), Some(Event::Closed { error: None })), "{client:?}");
}

#[test]
fn the_grace_of_an_old_connection_ends() {
    let config = ServerConfig {
        max_connection_age: Some(AGE),
        max_connection_age_grace: Some(GRACE),
        ..ServerConfig::default()
    };
    let mut pair = pair(config);
    pair.open(true);
    pair.advance(AGE);
    pair.run();
    pair.advance(GRACE - Duration::from_secs(1));
    pair.run();
    assert!(!pair.server.is_closed());
    pair.advance(Duration::from_secs(1));
    let (_, server) = pair.run();
    assert!(matches!(server[..], [Event::Reset { .. }, Event::Closed { error: Some(_) }]), "{server:?}");
}

#[test]
fn a_connection_without_calls_ends_when_it_was_idle_for_long_enough() {
    let mut pair = pair(ServerConfig { max_connection_idle: Some(IDLE), ..ServerConfig::default() });
    // Calls one after another, and one that is open for long: never idle.
    for _ in 0..10 {
        let (_, theirs) = pair.open(true);
        pair.advance(IDLE * 2);
        pair.server.respond(theirs, &response, Bytes::new(), trailers);
        pair.run();
        pair.advance(IDLE / 2);
        assert_eq!(goaway(&pair.run().0), None);
    }
    pair.advance(IDLE / 2 - Duration::from_secs(1));
    assert_eq!(goaway(&pair.run().0), None);
    pair.advance(Duration::from_secs(1));
    let (client, _) = pair.run();
    assert_eq!(goaway(&client), Some(&b"max_idle"[..]));
    assert!(matches!(client.last(), Some(Event::Closed { error: None })), "{client:?}");
}

#[test]
fn a_connection_that_never_had_a_call_is_idle_too() {
    let mut pair = pair(ServerConfig { max_connection_idle: Some(IDLE), ..ServerConfig::default() });
    pair.advance(IDLE);
    assert_eq!(goaway(&pair.run().0), Some(&b"max_idle"[..]));
}

#[test]
fn times_that_never_come_are_none() {
    let never = Some(Duration::MAX);
    let config = ServerConfig {
        max_connection_idle: never,
        max_connection_age: never,
        connection: Config { handshake_timeout: Duration::MAX, ..Config::default() },
        stall_timeout: never,
        ..ServerConfig::default()
    };
    let mut pair = pair(config);
    pair.open(true);
    pair.advance(AGE);
    pair.run();
    assert!(!pair.server.is_closed());
}

#[test]
fn the_place_of_a_stream_is_not_given_away_before_its_end_is_told() {
    let mut pair = Pair::new();
    let (ours, theirs) = pair.open(true);
    pair.server.respond(theirs, &response, Bytes::from_static(b"x"), trailers);
    super::pair::carry(&mut pair.server, &mut pair.client, pair.now);
    // Everything but the end is taken; a caller that is done opens the next stream meanwhile.
    loop {
        let event = pair.client.next_event(pair.now).expect("the trailers come");
        if matches!(event, Event::Headers { end_stream: true, .. }) {
            break;
        }
    }
    assert_eq!(pair.client.active_streams(), 0);
    let second = pair.client.open(&request, true).unwrap();
    assert_ne!(second.index(), ours.index(), "two streams in one place");
    let rest = events(&mut pair.client, pair.now);
    assert!(matches!(rest[..], [Event::Finished { key }] if key == ours), "{rest:?}");
    let third = pair.client.open(&request, true).unwrap();
    assert_eq!(third.index(), ours.index(), "told, and free");
    // An end that nobody wants to hear of any more frees the place as well.
    pair.client.reset(second, ErrorCode::CANCEL);
    assert_eq!(pair.client.open(&request, true).unwrap().index(), second.index());
}
