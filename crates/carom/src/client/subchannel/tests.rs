use super::*;

const HALF: f64 = 0.5;

fn error(text: &str) -> SharedError {
    Arc::from(Box::<dyn Error + Send + Sync>::from(text))
}

fn secs(n: f64) -> Duration {
    Duration::from_secs_f64(n)
}

fn machine() -> (Machine, Instant) {
    (Machine::new(BackoffConfig::default()), Instant::now())
}

fn cause(outcome: &Outcome) -> String {
    match &outcome.state {
        Some(SubchannelState::TransientFailure(cause)) => cause.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn connects_and_is_lost() {
    let (mut machine, now) = machine();
    let outcome = machine.connect(now, HALF);
    assert_eq!(outcome.start, Some(1));
    assert!(matches!(outcome.state, Some(SubchannelState::Connecting)));
    assert!(machine.connect(now, HALF).start.is_none(), "asked twice, connects once");
    assert!(matches!(machine.attempt_ready(1).state, Some(SubchannelState::Ready)));
    assert_eq!(machine.poll_timeout(), None);
    assert!(matches!(machine.attempt_ended(1, error("gone")).state, Some(SubchannelState::Idle)));
}

#[test]
fn failures_wait_longer_and_longer_from_the_start_of_the_attempt() {
    let (mut machine, mut now) = machine();
    for (attempt, wait) in [(1, 1.0), (2, 1.6), (3, 2.56)] {
        assert_eq!(machine.connect(now, HALF).start, Some(attempt));
        let failed_at = now + secs(0.3);
        assert_eq!(cause(&machine.attempt_ended(attempt, error("refused"))), "refused");
        assert_eq!(machine.poll_timeout(), Some(now + secs(wait)));
        assert!(machine.handle_timeout(failed_at, HALF).state.is_none());
        assert!(machine.connect(failed_at, HALF).start.is_none(), "not before the wait is over");
        now += secs(wait);
        assert!(matches!(machine.handle_timeout(now, HALF).state, Some(SubchannelState::Idle)));
    }
    // Only the server's SETTINGS reset the waits.
    machine.connect(now, HALF);
    machine.attempt_ready(4);
    machine.attempt_ended(4, error("gone"));
    now += secs(1.0);
    machine.connect(now, HALF);
    machine.attempt_ended(5, error("refused"));
    assert_eq!(machine.poll_timeout(), Some(now + secs(1.0)));
}

#[test]
fn an_attempt_without_settings_times_out() {
    let (mut machine, now) = machine();
    machine.connect(now, HALF);
    assert_eq!(machine.poll_timeout(), Some(now + secs(20.0)));
    let outcome = machine.handle_timeout(now + secs(20.0), HALF);
    assert!(outcome.abort);
    assert_eq!(cause(&outcome), "connection attempt timed out after 20 s");
    // What the attempt says afterwards is of no interest.
    assert!(machine.attempt_ready(1).state.is_none());
    assert!(!machine.is_current(1));
    assert!(matches!(machine.handle_timeout(now + secs(20.0), HALF).state, Some(SubchannelState::Idle)));
}

#[test]
fn a_server_that_only_closes_is_not_asked_in_a_tight_loop() {
    let (mut machine, now) = machine();
    machine.connect(now, HALF);
    machine.attempt_ready(1);
    machine.attempt_ended(1, error("gone"));
    let outcome = machine.connect(now, HALF);
    assert_eq!(outcome.start, None);
    assert!(matches!(outcome.state, Some(SubchannelState::Connecting)));
    let later = now + MIN_ATTEMPT_SPACING;
    assert_eq!(machine.poll_timeout(), Some(later));
    assert_eq!(machine.handle_timeout(later, HALF).start, Some(2));
}
