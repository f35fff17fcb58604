use super::{camel, ident, snake};

#[test]
fn snake_case_of_method_names() {
    let cases = [
        ("SayHello", "say_hello"),
        ("sayHello", "say_hello"),
        ("say_hello", "say_hello"),
        ("GetHTTPUrl2Go", "get_http_url2_go"),
        ("do_add", "do_add"),
        ("V1Get", "v1_get"),
        ("HTTP", "http"),
        ("Get_URL", "get_url"),
        ("_Hidden", "_hidden"),
    ];
    for (name, expected) in cases {
        assert_eq!(snake(name), expected, "{name}");
    }
}

#[test]
fn camel_case_of_type_names() {
    let cases = [("SayHello", "SayHello"), ("do_add", "DoAdd"), ("HTTPGet", "HTTPGet"), ("list2", "List2")];
    for (name, expected) in cases {
        assert_eq!(camel(name), expected, "{name}");
    }
}

#[test]
fn keywords_are_escaped() {
    assert_eq!(ident("type").to_string(), "r#type");
    assert_eq!(ident("self").to_string(), "self_");
    assert_eq!(ident("kind").to_string(), "kind");
}
