use super::{lower_snake_case, pascal_case, upper_snake_case};

#[test]
fn pascal_case_keeps_capitals() {
    for (name, expected) in [
        ("Foo", "Foo"),
        ("foo_bar", "FooBar"),
        ("fooBar", "FooBar"),
        ("HTTPServer", "HTTPServer"),
        ("foo2bar", "Foo2bar"),
        ("_foo__bar_", "FooBar"),
        ("Foo_V1", "FooV1"),
        ("", ""),
    ] {
        assert_eq!(pascal_case(name), expected, "{name}");
    }
}

#[test]
fn snake_case_finds_words() {
    for (name, expected) in [
        ("foo_bar", "foo_bar"),
        ("FooBar", "foo_bar"),
        ("HTTPServer", "http_server"),
        ("fooBAR", "foo_bar"),
        ("foo1", "foo1"),
        ("Foo1Bar", "foo1_bar"),
        ("foo_1", "foo_1"),
        ("_foo__bar_", "foo_bar"),
        ("A", "a"),
        ("AB1", "ab1"),
        ("", ""),
        ("__", ""),
    ] {
        assert_eq!(lower_snake_case(name), expected, "{name}");
    }
    assert_eq!(upper_snake_case("PhoneType"), "PHONE_TYPE");
}
