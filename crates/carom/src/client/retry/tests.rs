use carom_wire::Status;

use super::*;
use crate::client::service_config::RetryThrottling;

fn policy() -> Arc<RetryPolicy> {
    Arc::new(RetryPolicy {
        max_attempts: 5,
        initial_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_millis(500),
        backoff_multiplier: 2.0,
        retryable_codes: vec![Code::Unavailable],
    })
}

fn ended(code: Code, pushback: &[&str]) -> Ended {
    let mut end = Ended::local(Status::new(code, ""));
    for value in pushback {
        end.metadata.append("grpc-retry-pushback-ms", *value).unwrap();
    }
    end
}

fn backoff(millis: u64) -> Option<Wait> {
    Some(Wait::Backoff(Duration::from_millis(millis)))
}

#[test]
fn waits_grow_up_to_the_longest() {
    let mut retry = Retry::new(policy(), None);
    for (attempt, wait) in [100, 200, 400, 500].into_iter().enumerate() {
        assert_eq!(retry.previous_attempts(), attempt as u32);
        assert_eq!(retry.after(&ended(Code::Unavailable, &[]), true), backoff(wait));
    }
    assert_eq!(retry.after(&ended(Code::Unavailable, &[]), true), None, "five attempts at most");
}

#[test]
fn a_backoff_varies_by_a_fifth() {
    let wait = Wait::Backoff(Duration::from_millis(100));
    assert_eq!(wait.duration(0.0), Duration::from_millis(80));
    assert_eq!(wait.duration(0.5), Duration::from_millis(100));
    assert_eq!(wait.duration(1.0), Duration::from_millis(120));
    assert_eq!(Wait::Exactly(Duration::from_millis(30)).duration(1.0), Duration::from_millis(30));
}

#[test]
fn a_server_says_when_to_come_back() {
    let mut retry = Retry::new(policy(), None);
    assert_eq!(retry.after(&ended(Code::Unavailable, &[]), true), backoff(100));
    let exactly = Some(Wait::Exactly(Duration::from_millis(30)));
    assert_eq!(retry.after(&ended(Code::Unavailable, &["30"]), true), exactly);
    // The exponent counts anew.
    assert_eq!(retry.after(&ended(Code::Unavailable, &[]), true), backoff(100));
    assert_eq!(retry.after(&ended(Code::Unavailable, &[]), true), backoff(200));

    let now = Some(Wait::Exactly(Duration::ZERO));
    assert_eq!(Retry::new(policy(), None).after(&ended(Code::Unavailable, &["0"]), true), now);
    for never in [&["-1"][..], &["abc"], &[""], &["1.5"], &["2147483648"], &["1", "2"]] {
        let mut retry = Retry::new(policy(), None);
        assert_eq!(retry.after(&ended(Code::Unavailable, never), true), None, "{never:?}");
    }
}

#[test]
fn other_codes_and_calls_that_cannot_be_sent_again_are_left() {
    let after = |end: Ended, possible| Retry::new(policy(), None).after(&end, possible);
    assert_eq!(after(ended(Code::Internal, &[]), true), None);
    assert_eq!(
        after(ended(Code::Internal, &["100"]), true),
        None,
        "a code does not become another by push-back"
    );
    assert_eq!(after(ended(Code::Unavailable, &[]), false), None);
    assert_eq!(after(ended(Code::Ok, &[]), true), None);
}

#[test]
fn retries_stop_while_too_many_fail() {
    let throttle =
        Arc::new(RetryThrottle::new(RetryThrottling { max_millitokens: 10_000, millitoken_ratio: 100 }));
    let attempt = |code: Code| {
        Retry::new(policy(), Some(Arc::clone(&throttle))).after(&ended(code, &[]), true).is_some()
    };
    for _ in 0..4 {
        assert!(attempt(Code::Unavailable));
    }
    assert!(!attempt(Code::Unavailable), "five of ten tokens are left");
    // A code that is not retried takes none, a refusal by the server does.
    assert!(!attempt(Code::Internal));
    for _ in 0..10 {
        attempt(Code::Ok);
    }
    assert!(!attempt(Code::Unavailable), "six, less the one that this took");
    for _ in 0..11 {
        attempt(Code::Ok);
    }
    assert!(attempt(Code::Unavailable));

    // A new config goes on in proportion.
    let larger = RetryThrottle::new(RetryThrottling { max_millitokens: 100_000, millitoken_ratio: 1_000 });
    larger.inherit(&throttle);
    assert!(!larger.failed(), "51 of 100, less one, are half");
    larger.succeeded();
    larger.succeeded();
    assert!(larger.failed());
}
