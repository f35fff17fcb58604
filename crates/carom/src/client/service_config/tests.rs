use std::time::Duration;

use carom_wire::Code;

use super::*;

fn parse(text: &str) -> Result<ServiceConfig, InvalidServiceConfig> {
    ServiceConfig::parse(text, &Policies::default())
}

fn method(fields: &str) -> Result<MethodConfig, String> {
    let config = parse(&format!(r#"{{"methodConfig":[{{"name":[{{}}],{fields}}}]}}"#));
    let config = config.map_err(|error| error.to_string())?;
    Ok(config.select(b"/a.B/C").expect("no error").expect("the default").clone())
}

#[test]
fn methods_are_found_by_their_name_then_their_service_then_the_default() {
    let config = parse(
        r#"{"methodConfig":[
            {"name":[{"service":"A","method":"m"}],"timeout":"1s"},
            {"name":[{"service":"A"},{"service":"C","method":""}],"timeout":"2s"},
            {"name":[{}],"timeout":"3s"},
            {"timeout":"4s"}]}"#,
    )
    .expect("valid");
    for (path, seconds) in [("/A/m", 1), ("/A/x", 2), ("/C/m", 2), ("/B/y", 3), ("/A.A/m", 3), ("", 3)] {
        let found = config.select(path.as_bytes()).expect("no error").expect("some");
        assert_eq!(found.timeout, Some(Duration::from_secs(seconds)), "{path}");
    }
    assert!(parse("{}").expect("valid").select(b"/A/m").expect("no error").is_none());
}

#[test]
fn what_is_said_of_a_method() {
    let all = method(
        r#""timeout":"1.5s","waitForReady":true,"maxRequestMessageBytes":"7","maxResponseMessageBytes":0,
           "retryPolicy":{"maxAttempts":9,"initialBackoff":"0.1s","maxBackoff":"1s","backoffMultiplier":2,
           "retryableStatusCodes":[14,"unavailable","ABORTED"]}"#,
    )
    .expect("valid");
    assert_eq!(all.timeout, Some(Duration::from_millis(1500)));
    assert_eq!(all.wait_for_ready, Some(true));
    assert_eq!((all.max_request_message_bytes, all.max_response_message_bytes), (Some(7), Some(0)));
    let retry = all.retry_policy.expect("some");
    assert_eq!(retry.max_attempts, 5, "more are cut");
    assert_eq!(retry.initial_backoff, Duration::from_millis(100));
    assert_eq!((retry.max_backoff, retry.backoff_multiplier), (Duration::from_secs(1), 2.0));
    assert_eq!(retry.retryable_codes, [Code::Unavailable, Code::Unavailable, Code::Aborted]);
}

#[test]
fn durations() {
    for (text, nanos) in [("0s", Some(0)), ("0.000000001s", Some(1)), ("3.25s", Some(3_250_000_000_u64))] {
        let read = method(&format!(r#""timeout":"{text}""#)).expect(text);
        assert_eq!(read.timeout, nanos.map(Duration::from_nanos), "{text}");
    }
    for text in ["1", "", "s", ".5s", "1.s", "-1s", "+1s", "1.0000000000s", "1ms", "1e3s", "999999999999s"] {
        let error = method(&format!(r#""timeout":"{text}""#)).err();
        // `s` and `.5s` have no whole seconds.
        assert!(
            error.is_some_and(|error| error.contains("`timeout` is not a non-negative duration")),
            "{text}"
        );
    }
    assert!(method(r#""timeout":1"#).is_err());
}

#[test]
fn one_invalid_part_makes_all_of_it_invalid() {
    let retry = |fields: &str| format!(r#"{{"methodConfig":[{{"retryPolicy":{{{fields}}}}}]}}"#);
    let good = r#""initialBackoff":"1s","maxBackoff":"1s","backoffMultiplier":1"#;
    for (text, part) in [
        ("[]".to_owned(), "not an object"),
        ("{".to_owned(), "not JSON"),
        (r#"{"methodConfig":{}}"#.into(), "`methodConfig` is not an array"),
        (r#"{"methodConfig":[1]}"#.into(), "not an object"),
        (r#"{"methodConfig":[{"name":[{"method":"m"}]}]}"#.into(), "without a service"),
        (r#"{"methodConfig":[{"name":[{"service":1}]}]}"#.into(), "not a string"),
        (
            r#"{"methodConfig":[{"name":[{"service":"A","method":"m"}]},{"name":[{"service":"A","method":"m"}]}]}"#.into(),
            "names `/A/m` twice",
        ),
        (r#"{"methodConfig":[{"name":[{}]},{"name":[{"service":""}]}]}"#.into(), "twice"),
        (r#"{"methodConfig":[{"timeout":"1"}]}"#.into(), "`timeout`"),
        (r#"{"methodConfig":[{"waitForReady":"true"}]}"#.into(), "`waitForReady`"),
        (r#"{"methodConfig":[{"maxRequestMessageBytes":-1}]}"#.into(), "`maxRequestMessageBytes`"),
        (r#"{"methodConfig":[{"maxResponseMessageBytes":4294967296}]}"#.into(), "`maxResponseMessageBytes`"),
        (r#"{"methodConfig":[{"retryPolicy":{},"hedgingPolicy":{}}]}"#.into(), "both"),
        (retry(&format!(r#"{good},"maxAttempts":1,"retryableStatusCodes":[14]"#)), "`maxAttempts`"),
        (retry(&format!(r#"{good},"maxAttempts":2,"retryableStatusCodes":[]"#)), "`retryableStatusCodes`"),
        (retry(&format!(r#"{good},"maxAttempts":2,"retryableStatusCodes":[17]"#)), "no status code"),
        (retry(&format!(r#"{good},"maxAttempts":2,"retryableStatusCodes":["x"]"#)), "no status code"),
        (retry(r#""maxAttempts":2,"retryableStatusCodes":[14]"#), "`initialBackoff`"),
        (r#"{"retryThrottling":{"maxTokens":1001,"tokenRatio":1}}"#.into(), "`maxTokens`"),
        (r#"{"retryThrottling":{"maxTokens":10,"tokenRatio":0.0009}}"#.into(), "`tokenRatio`"),
        (r#"{"loadBalancingConfig":[{"nope":{}}]}"#.into(), "none of the load-balancing policies is known: [nope]"),
        (r#"{"loadBalancingConfig":[{"pick_first":[]}]}"#.into(), "is not an object"),
        (r#"{"loadBalancingConfig":[{"pick_first":{"shuffleAddressList":1}}]}"#.into(), "`shuffleAddressList`"),
        (r#"{"loadBalancingConfig":[{"a":{},"b":{}}]}"#.into(), "one name"),
        (r#"{"loadBalancingPolicy":"nope"}"#.into(), "`nope` is unknown"),
        (r#"{"healthCheckConfig":{"serviceName":1}}"#.into(), "`healthCheckConfig`"),
    ] {
        let error = parse(&text).err().unwrap_or_else(|| panic!("taken: {text}")).to_string();
        assert!(error.starts_with("invalid service config: ") && error.contains(part), "{text}: {error}");
    }
}

#[test]
fn the_rest_of_a_config() {
    let config = parse(
        r#"{"x":1,"loadBalancingConfig":[{"nope":{}},{"round_robin":{}},{"pick_first":{}}],
            "retryThrottling":{"maxTokens":"10","tokenRatio":0.5466},"healthCheckConfig":{"serviceName":"s"}}"#,
    )
    .expect("valid");
    assert_eq!(config.balancer.expect("some").factory.name(), "round_robin", "the first that is known");
    let throttling = config.retry_throttling.expect("some");
    assert_eq!((throttling.max_millitokens, throttling.millitoken_ratio), (10_000, 546));
    assert_eq!(config.health_check_service.as_deref(), Some("s"));
    let old = parse(r#"{"loadBalancingPolicy":"ROUND_ROBIN"}"#).expect("valid");
    assert_eq!(old.balancer.expect("some").factory.name(), "round_robin");
    let tenth = parse(r#"{"retryThrottling":{"maxTokens":1,"tokenRatio":0.1}}"#).expect("valid");
    assert_eq!(tenth.retry_throttling.expect("some").millitoken_ratio, 100);
}
