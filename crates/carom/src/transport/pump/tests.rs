use std::time::{Duration, Instant};

use super::Idleness;

#[test]
fn a_connection_that_is_called_again_soon_keeps_its_memory_longer() {
    let start = Instant::now();
    let mut idleness = Idleness::new(start);
    let first = idleness.due().expect("a wait");
    assert_eq!(first, start + Idleness::IDLE_AFTER);
    idleness.freed(true);
    assert_eq!(idleness.due(), None, "there is nothing left to give");
    let again = first + Duration::from_millis(100);
    idleness.be_active(again);
    assert_eq!(idleness.due(), Some(again + Idleness::IDLE_AFTER_RETURN));
}

#[test]
fn a_connection_that_comes_back_late_does_not() {
    let start = Instant::now();
    let mut idleness = Idleness::new(start);
    idleness.freed(true);
    let late = start + Idleness::IDLE_AFTER_RETURN;
    idleness.be_active(late);
    assert_eq!(idleness.due(), Some(late + Idleness::IDLE_AFTER));
}

#[test]
fn what_the_handshake_left_is_not_wanted_again() {
    let start = Instant::now();
    let mut idleness = Idleness::new(start);
    idleness.freed(false);
    let soon = start + Duration::from_millis(20);
    idleness.be_active(soon);
    assert_eq!(idleness.due(), Some(soon + Idleness::IDLE_AFTER));
}
