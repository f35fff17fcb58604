use std::time::{Duration, Instant};

use carom_wire::MetadataMap;
use carom_wire::call::RequestFields;
use carom_wire::conn::{Config, Connection, Side};
use carom_wire::stream::StreamKey;

use super::*;

/// Keys of streams that once were.
fn keys(n: usize) -> Vec<StreamKey> {
    let metadata = MetadataMap::new();
    let fields = RequestFields {
        scheme: "http",
        authority: "a",
        path: b"/a.B/C",
        timeout: None,
        user_agent: "",
        encoding: None,
        accept_encoding: None,
        previous_attempts: 0,
        metadata: &metadata,
    };
    let mut conn = Connection::new(Side::Client, Config::default(), Instant::now());
    (0..n).map(|_| conn.open(&fields, false).expect("no limit before SETTINGS")).collect()
}

#[test]
fn the_earliest_comes_first() {
    let now = Instant::now();
    let keys = keys(3);
    let mut deadlines = Deadlines::default();
    for (key, ms) in keys.iter().zip([30, 10, 20]) {
        deadlines.push(now + Duration::from_millis(ms), *key);
    }
    assert_eq!(deadlines.next(), Some(now + Duration::from_millis(10)));
    assert!(deadlines.pop_due(now).is_none());
    let later = now + Duration::from_millis(20);
    assert!(deadlines.pop_due(later) == Some(keys[1]));
    assert!(deadlines.pop_due(later) == Some(keys[2]));
    assert!(deadlines.pop_due(later).is_none());
}

#[test]
fn calls_that_ended_do_not_pile_up() {
    let now = Instant::now();
    let keys = keys(1000);
    let mut deadlines = Deadlines::default();
    for key in &keys {
        deadlines.push(now + Duration::from_secs(60), *key);
        deadlines.ended(|_| false);
        assert!(deadlines.heap.len() <= SWEEP_FROM);
    }
}
