use super::*;

const FRESH: Facts = Facts { over: false, committed: false, transparent_retries: 0 };

#[test]
fn what_the_server_did_not_look_at_is_sent_once_more() {
    assert_eq!(decide(FRESH, Processed::No), Decision::Again);
    assert_eq!(decide(Facts { transparent_retries: 1, ..FRESH }, Processed::No), Decision::Deliver);
}

#[test]
fn what_it_may_have_looked_at_is_not() {
    assert_eq!(decide(FRESH, Processed::Maybe), Decision::Deliver);
}

#[test]
fn neither_is_a_call_that_is_over_or_cannot_be_sent_again() {
    assert_eq!(decide(Facts { over: true, ..FRESH }, Processed::No), Decision::Deliver);
    assert_eq!(decide(Facts { committed: true, ..FRESH }, Processed::No), Decision::Deliver);
}
