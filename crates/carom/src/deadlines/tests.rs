use std::time::{Duration, Instant};

use carom_wire::call::Refusal;
use carom_wire::conn::{Config, Connection};
use carom_wire::stream::StreamKey;

use super::Deadlines;

/// Keys of streams, for tests of what is kept beside them.
pub(crate) fn test_keys(count: usize) -> Vec<StreamKey> {
    let mut conn = Connection::client(Config::default(), Instant::now());
    (0..count).map(|_| conn.open(&Refusal::Http { status: 200 }, false).unwrap()).collect()
}

fn drain(deadlines: &mut Deadlines, now: Instant) -> Vec<StreamKey> {
    std::iter::from_fn(|| deadlines.expired(now)).collect()
}

#[test]
fn they_pass_in_order_and_once() {
    let start = Instant::now();
    let keys = test_keys(3);
    let mut deadlines = Deadlines::default();
    assert_eq!(deadlines.next(), None);
    for (key, millis) in keys.iter().zip([30, 10, 20]) {
        deadlines.insert(start + Duration::from_millis(millis), *key, 3, |_| true);
    }
    assert_eq!(deadlines.next(), Some(start + Duration::from_millis(10)));
    assert_eq!(drain(&mut deadlines, start), []);
    assert_eq!(drain(&mut deadlines, start + Duration::from_millis(20)), [keys[1], keys[2]]);
    assert_eq!(drain(&mut deadlines, start + Duration::from_secs(1)), [keys[0]]);
    assert_eq!(deadlines.next(), None);
}

#[test]
fn calls_that_ended_do_not_pile_up() {
    let start = Instant::now();
    let keys = test_keys(2);
    let mut deadlines = Deadlines::default();
    deadlines.insert(start + Duration::from_secs(60), keys[0], 1, |_| true);
    for n in 0..10_000 {
        deadlines.insert(start + Duration::from_secs(60 + n), keys[1], 1, |key| key == keys[0]);
        assert!(deadlines.heap.len() <= Deadlines::FEW);
    }
    assert!(drain(&mut deadlines, start + Duration::from_secs(60)).contains(&keys[0]));
}
