use super::*;

fn parse(text: &str) -> Json {
    Json::parse(text).expect(text)
}

#[test]
fn values() {
    let json = parse(r#" { "a" : [ 1, -2.5e3, "x", true, false, null, {}, [] ], "b":{"c":"d"} } "#);
    let elements = json.get("a").and_then(Json::as_array).expect("an array");
    assert_eq!(elements.len(), 8);
    assert_eq!(elements[0].as_u64(), Some(1));
    assert_eq!(elements[1].as_f64(), Some(-2500.0));
    assert_eq!(elements[2].as_str(), Some("x"));
    assert_eq!((elements[3].as_bool(), elements[4].as_bool()), (Some(true), Some(false)));
    assert_eq!(json.get("b").and_then(|b| b.get("c")), Some(&Json::String("d".into())));
    assert_eq!(json.as_object().map(<[_]>::len), Some(2));
    assert_eq!(parse(r#"{"a":null}"#).get("a"), None, "null is absent");
}

#[test]
fn whole_numbers() {
    for (text, number) in [
        ("0", Some(0)),
        ("\"18446744073709551615\"", Some(u64::MAX)),
        ("1e3", Some(1000)),
        ("5.0", Some(5)),
        ("1.5", None),
        ("-1", None),
        ("\"+1\"", None),
        ("\"inf\"", None),
        ("\"x\"", None),
        ("1e400", None),
        ("18446744073709551616", None),
    ] {
        assert_eq!(parse(text).as_u64(), number, "{text}");
    }
}

#[test]
fn escapes() {
    assert_eq!(parse(r#""\"\\\/\b\f\n\r\t\u0041\ud83d\ude00é""#).as_str(), Some("\"\\/\u{8}\u{c}\n\r\tA😀é"));
}

#[test]
fn refusals() {
    for (text, reason) in [
        ("", "a value is missing"),
        ("nul", "a value is missing"),
        ("1 2", "unexpected text after the value"),
        ("{", "the name of a member is missing"),
        ("{\"a\" 1}", "a `:` is missing"),
        ("{\"a\":1 \"b\":2}", "a `,` or `}` is missing"),
        ("{\"a\":1,}", "the name of a member is missing"),
        ("{\"a\":1,\"b\":2,\"a\":3}", "a duplicate name"),
        ("[1,]", "a value is missing"),
        ("[1 2]", "a `,` or `]` is missing"),
        ("01", "leading zeros"),
        ("-", "a digit is missing"),
        ("1.", "a digit is missing"),
        ("1e", "a digit is missing"),
        ("\"a", "an unterminated string"),
        ("\"\\", "an unterminated string"),
        ("\"\n\"", "a control character"),
        ("\"\\x\"", "an unknown escape"),
        ("\"\\u12\"", "four hexadecimal digits"),
        ("\"\\u+123\"", "four hexadecimal digits"),
        ("\"\\ud800\"", "surrogate"),
        ("\"\\ud800\\u0041\"", "surrogate"),
        ("\"\\udc00\"", "surrogate"),
    ] {
        let error = Json::parse(text).expect_err(text).to_string();
        assert!(error.contains(reason), "{text}: {error}");
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(Json::parse(&nested(60)).is_ok());
    assert!(Json::parse(&nested(100_000)).is_err());
}

#[test]
fn any_prefix_of_a_text_is_read_without_a_panic() {
    let text = r#"{"é":["\ud83d\ude00",{"x":-1.5e-3},true,null]}"#;
    for (end, _) in text.char_indices() {
        assert!(Json::parse(&text[..end]).is_err());
    }
}
