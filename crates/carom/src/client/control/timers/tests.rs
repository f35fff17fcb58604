use std::time::Duration;

use super::*;

#[test]
fn fire_in_order_and_only_those_that_were_set_before() {
    let mut timers = Timers::default();
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    timers.set(at(20), 1);
    let stopped = timers.set(at(5), 2);
    timers.set(at(10), 3);
    timers.set(at(10), 4);
    timers.set(at(30), 5);
    timers.cancel(stopped);
    assert_eq!(timers.next(), Some(at(10)));
    let fence = timers.fence();
    assert_eq!(timers.pop_due(at(20), fence), Some(3));
    timers.set(at(0), 6);
    assert_eq!(timers.pop_due(at(20), fence), Some(4));
    assert_eq!(timers.pop_due(at(20), fence), Some(1));
    assert_eq!(timers.pop_due(at(20), fence), None);
    assert_eq!(timers.next(), Some(at(0)));
}
