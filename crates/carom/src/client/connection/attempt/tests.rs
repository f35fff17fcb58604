use carom_wire::Status;

use super::*;

const FRESH: Facts = Facts { over: false, committed: false, transparent_retries: 0 };

fn end() -> Ended {
    Ended::local(Status::unavailable("gone"))
}

#[test]
fn what_the_server_did_not_look_at_is_sent_once_more() {
    assert_eq!(decide(FRESH, Processed::No, None, &end()), Decision::Again);
    assert_eq!(
        decide(Facts { transparent_retries: 1, ..FRESH }, Processed::No, None, &end()),
        Decision::Deliver
    );
}

#[test]
fn what_it_may_have_looked_at_is_not() {
    assert_eq!(decide(FRESH, Processed::Maybe, None, &end()), Decision::Deliver);
}

#[test]
fn neither_is_a_call_that_is_over_or_cannot_be_sent_again() {
    assert_eq!(decide(Facts { over: true, ..FRESH }, Processed::No, None, &end()), Decision::Deliver);
    assert_eq!(decide(Facts { committed: true, ..FRESH }, Processed::No, None, &end()), Decision::Deliver);
}
