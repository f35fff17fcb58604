use std::time::Duration;

use carom_wire::Code;

use super::*;
use crate::client::balancer::Policies;
use crate::client::service_config::{ConfigSelector, ServiceConfig};

fn config(fields: &str) -> MethodConfig {
    let text = format!(r#"{{"methodConfig":[{{"name":[{{}}],{fields}}}]}}"#);
    let config = ServiceConfig::parse(&text, &Policies::default()).expect("valid");
    config.select(b"/a.B/C").expect("no error").expect("the default").clone()
}

const ALL: &str =
    r#""timeout":"2s","waitForReady":true,"maxRequestMessageBytes":10,"maxResponseMessageBytes":20"#;

#[test]
fn the_config_gives_what_the_call_does_not_say() {
    let now = Instant::now();
    let limits = Requested::default().under(Some(&config(ALL)), || now);
    let expected = CallLimits {
        deadline: Some(now + Duration::from_secs(2)),
        wait_for_ready: true,
        max_recv: 20,
        max_send: 10,
    };
    assert_eq!(limits, expected);
    let none = Requested::default().under(None, || now);
    assert_eq!((none.max_recv, none.max_send), (4 * 1024 * 1024, usize::MAX));
}

#[test]
fn the_smaller_counts_and_a_call_chooses_itself_whether_it_waits() {
    let now = Instant::now();
    let after = |seconds| Some(now + Duration::from_secs(seconds));
    for (own, expected) in [((1, 5, 30), (1, 5, 20)), ((3, 15, 10), (2, 10, 10))] {
        let requested = Requested {
            deadline: after(own.0),
            wait_for_ready: Some(false),
            max_send: Some(own.1),
            max_recv: Some(own.2),
        };
        let limits = requested.under(Some(&config(ALL)), || now);
        let found = (limits.deadline, limits.max_send, limits.max_recv, limits.wait_for_ready);
        assert_eq!(found, (after(expected.0), expected.1, expected.2, false));
    }
    // A config may allow more than the default of 4 MiB.
    let large = config(r#""maxResponseMessageBytes":100000000"#);
    assert_eq!(Requested::default().under(Some(&large), || now).max_recv, 100_000_000);
}

#[test]
fn what_was_sent_before_the_config_came_is_held_to_it() {
    let late = LateLimits::new(Requested::default(), Instant::now());
    assert!(late.check_sent(11).is_ok() && !late.are_known());
    let error = late.apply_config(Some(&config(ALL))).expect_err("too large");
    assert_eq!(error.code(), Code::ResourceExhausted);
    assert_eq!(error.message(), "CLIENT: Sent message larger than max (11 vs. 10)");

    let late = LateLimits::new(Requested { max_send: Some(5), ..Requested::default() }, Instant::now());
    assert!(late.check_sent(6).is_err(), "its own limit is known");
    let late = LateLimits::new(Requested::default(), Instant::now());
    late.check_sent(10).expect("small");
    late.apply_config(Some(&config(ALL))).expect("small");
    assert!(late.are_known() && late.get().wait_for_ready);
    assert!(late.check_sent(11).is_err());
    late.apply_config(None).expect("the first time counts");
    assert_eq!(late.get().max_send, 10);
}
