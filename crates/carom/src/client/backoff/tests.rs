use super::*;

#[test]
fn grows_to_its_limit_and_starts_over() {
    let mut backoff = Backoff::new(BackoffConfig::default());
    let mut waits: Vec<f64> = (0..12).map(|_| backoff.next_delay(0.5).as_secs_f64()).collect();
    assert!((waits[0] - 1.0).abs() < 1e-9);
    assert!((waits[1] - 1.6).abs() < 1e-9);
    assert!((waits[2] - 2.56).abs() < 1e-9);
    assert!((waits.pop().expect("twelve") - 120.0).abs() < 1e-9);
    backoff.reset();
    assert_eq!(backoff.next_delay(0.5), Duration::from_secs(1));
}

#[test]
fn jitter_stays_within_a_fifth() {
    for (random, wait) in [(0.0, 800), (0.5, 1000), (1.0, 1200)] {
        let mut backoff = Backoff::new(BackoffConfig::default());
        assert_eq!(backoff.next_delay(random).as_millis(), wait);
    }
}

#[test]
fn odd_settings_never_panic() {
    let config = BackoffConfig {
        initial: Duration::from_secs(10),
        max: Duration::from_secs(1),
        multiplier: f64::NAN,
        jitter: 7.0,
        ..BackoffConfig::default()
    };
    let mut backoff = Backoff::new(config);
    assert_eq!(backoff.next_delay(0.0), Duration::ZERO);
    assert_eq!(backoff.next_delay(0.5), Duration::from_secs(1));
}

#[test]
fn an_attempt_has_twenty_seconds_or_more() {
    let backoff = Backoff::new(BackoffConfig::default());
    assert_eq!(backoff.connect_timeout(Duration::from_secs(1)), Duration::from_secs(20));
    assert_eq!(backoff.connect_timeout(Duration::from_secs(50)), Duration::from_secs(50));
}
