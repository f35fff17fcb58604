use super::*;

fn parse(text: &str) -> Result<Config, String> {
    let config = RingHash.parse_config(&Json::parse(text).expect("JSON"), &Policies::default())?;
    Ok(config.downcast_ref::<Config>().expect("its own").clone())
}

#[test]
fn sizes_have_bounds_and_a_cap() {
    let sizes = |text: &str| parse(text).map(|config| (config.min, config.max));
    for (text, expected) in [
        ("{}", (1024, 4096)),
        (r#"{"minRingSize":1,"maxRingSize":"7"}"#, (1, 7)),
        (r#"{"minRingSize":4096}"#, (4096, 4096)),
        (r#"{"minRingSize":5000,"maxRingSize":8388608}"#, (4096, 4096)),
    ] {
        assert_eq!(sizes(text), Ok(expected), "{text}");
    }
    for (text, part) in [
        (r#"{"minRingSize":0}"#, "`minRingSize` is not a whole number from 1 to 8388608"),
        (r#"{"maxRingSize":8388609}"#, "`maxRingSize` is not"),
        (r#"{"minRingSize":1.5}"#, "`minRingSize` is not"),
        (r#"{"minRingSize":8,"maxRingSize":7}"#, "`minRingSize` (8) is above `maxRingSize` (7)"),
        (r#"{"minRingSize":5000}"#, "`minRingSize` (5000) is above `maxRingSize` (4096)"),
        (r#"{"requestHashHeader":1}"#, "`requestHashHeader` is not a string"),
        (r#"{"requestHashHeader":"a-bin"}"#, "binary"),
        (r#"{"requestHashHeader":"a b"}"#, "not a metadata key"),
        (r#"{"requestHashHeader":":path"}"#, "not a metadata key"),
    ] {
        let error = sizes(text).expect_err(text);
        assert!(error.contains(part), "{text}: {error}");
    }
    assert_eq!(
        parse(r#"{"requestHashHeader":"Session-Id"}"#).expect("valid").header.as_deref(),
        Some("session-id")
    );
    assert_eq!(parse(r#"{"requestHashHeader":""}"#).expect("valid").header, None);
}

#[test]
fn states_of_the_children_make_the_state() {
    use ConnectivityState::{Connecting, Idle, Ready, TransientFailure};
    let counts = |ready, connecting, idle, failed| Counts { ready, connecting, idle, failed };
    for (counts, state) in [
        (counts(1, 0, 0, 2), Ready),
        (counts(0, 0, 1, 2), TransientFailure),
        (counts(0, 1, 0, 2), TransientFailure),
        (counts(0, 0, 2, 1), Connecting),
        (counts(0, 1, 1, 1), Connecting),
        (counts(0, 1, 2, 0), Connecting),
        (counts(0, 0, 3, 0), Idle),
        (counts(0, 0, 0, 1), TransientFailure),
    ] {
        assert_eq!(state_of(counts), state, "{counts:?}");
    }
}

#[test]
fn values_of_a_header_are_hashed_joined() {
    let mut metadata = MetadataMap::new();
    assert_eq!(hash_values(&metadata, "user"), None);
    metadata.append("user", "alice").expect("valid");
    assert_eq!(hash_values(&metadata, "user"), Some(8_332_761_332_120_969_289));
    metadata.append("user", "bob").expect("valid");
    assert_eq!(hash_values(&metadata, "user"), Some(17_952_652_443_028_463_985));
}
