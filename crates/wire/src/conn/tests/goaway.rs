use std::time::Duration;

use bytes::Bytes;

use super::pair::{Attacked, Pair, request, response, trailers};
use crate::{
    conn::{Config, Event, Keepalive, OpenError, ResetBy, ServerConfig},
    frame::{ErrorCode, kind},
};

fn goaway(last: u32, code: ErrorCode) -> Vec<u8> {
    [last.to_be_bytes(), code.0.to_be_bytes()].concat()
}

#[test]
fn a_graceful_server_lets_open_calls_end_and_then_closes() {
    let mut pair = Pair::new();
    let (ours, theirs) = pair.open(true);
    pair.server.shutdown(pair.now);
    let (client, server) = pair.run();
    assert!(
        client.iter().any(|event| matches!(event, Event::GoAway { code: ErrorCode::NO_ERROR, .. })),
        "{client:?}"
    );
    assert!(!server.iter().any(|event| matches!(event, Event::Closed { .. })), "{server:?}");
    assert_eq!(pair.client.open(&request, true), Err(OpenError::GoingAway));
    pair.server.respond(theirs, &response, Bytes::from_static(b"late but whole"), trailers);
    let (client, server) = pair.run();
    assert!(
        client.iter().any(|event| matches!(event, Event::Finished { key } if *key == ours)),
        "{client:?}"
    );
    assert!(matches!(client.last(), Some(Event::Closed { error: None })), "{client:?}");
    assert!(matches!(server.last(), Some(Event::Closed { error: None })), "{server:?}");
}

#[test]
fn a_call_that_crosses_the_first_goaway_is_served() {
    let mut pair = Pair::new();
    let (_, _) = pair.open(true);
    pair.server.shutdown(pair.now);
    // The client has not seen the GOAWAY yet.
    let crossing = pair.client.open(&request, true).unwrap();
    let (_, server) = pair.run();
    assert!(
        server.iter().any(|event| matches!(event, Event::Headers { key, .. } if key.id() == crossing.id())),
        "{server:?}"
    );
}

#[test]
fn a_client_that_never_answers_the_ping_gets_the_last_goaway_all_the_same() {
    let mut attacked = Attacked::server(Config::default());
    let block = attacked.block(request);
    attacked.frame(kind::HEADERS, 0x5, 1, &block);
    attacked.events();
    attacked.engine.shutdown(attacked.now);
    let first: Vec<_> = attacked.written().iter().map(|(head, _)| head.kind).collect();
    assert_eq!(first, [kind::GOAWAY, kind::PING]);
    attacked.now += ServerConfig::default().drain_timeout;
    attacked.engine.handle_timeout(attacked.now);
    let written = attacked.written();
    assert!(
        matches!(&written[..], [(head, payload)] if head.kind == kind::GOAWAY && payload[..4] == [0, 0, 0, 1])
    );
    // A stream after that is not served, and the table stays in step.
    let block = attacked.block(request);
    attacked.frame(kind::HEADERS, 0x5, 3, &block);
    assert!(attacked.events().is_empty());
}

#[test]
fn streams_above_the_last_one_were_not_processed() {
    let mut attacked = Attacked::client(Config::default());
    let first = attacked.engine.open(&request, true).unwrap();
    let second = attacked.engine.open(&request, true).unwrap();
    attacked.frame(kind::GOAWAY, 0, 0, &goaway(first.id().get(), ErrorCode::NO_ERROR));
    let events = attacked.events();
    assert!(
        matches!(&events[..], [Event::GoAway { .. }, Event::Reset { key, by: ResetBy::GoAway, .. }] if *key == second),
        "{events:?}"
    );
    assert_eq!(attacked.engine.active_streams(), 1);
}

#[test]
fn a_later_goaway_only_lowers_the_last_stream() {
    let mut attacked = Attacked::client(Config::default());
    attacked.engine.open(&request, true).unwrap();
    attacked.frame(kind::GOAWAY, 0, 0, &goaway(1, ErrorCode::NO_ERROR));
    attacked.frame(kind::GOAWAY, 0, 0, &goaway(3, ErrorCode::NO_ERROR));
    let events = attacked.events();
    assert!(matches!(events.last(), Some(Event::Closed { error: Some(_) })), "{events:?}");
}

#[test]
fn keepalive_finds_a_silent_peer() {
    let keepalive = Keepalive {
        interval: Duration::from_secs(20),
        timeout: Duration::from_secs(5),
        without_calls: false,
    };
    let config = Config { keepalive: Some(keepalive), ..Config::default() };
    let mut pair = Pair::with(config, Config::default());
    assert_eq!(pair.client.poll_timeout(), None, "no call, no ping");
    pair.open(true);
    pair.advance(Duration::from_secs(20));
    pair.run();
    assert!(!pair.client.is_closed(), "the peer answered");
    pair.advance(Duration::from_secs(20));
    pair.advance(Duration::from_secs(5));
    assert!(pair.client.is_closed(), "this time nothing was carried over");
}
