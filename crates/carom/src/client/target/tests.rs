use super::*;

fn parse(text: &str) -> Result<Target, InvalidTarget> {
    Target::parse(text, |scheme| ["dns", "unix", "consul"].contains(&scheme))
}

#[test]
fn parts() {
    for (text, scheme, authority, path, endpoint) in [
        ("localhost:50051", "dns", "", "localhost:50051", "localhost:50051"),
        ("dns:example.com:80", "dns", "", "example.com:80", "example.com:80"),
        ("DNS:///example.com", "dns", "", "/example.com", "example.com"),
        ("dns://8.8.8.8:53/example.com:80", "dns", "8.8.8.8:53", "/example.com:80", "example.com:80"),
        ("unix:a/b.sock", "unix", "", "a/b.sock", "a/b.sock"),
        ("unix:///run/a%20b", "unix", "", "/run/a b", "run/a b"),
        ("consul://agent:8500/web%2Fv1", "consul", "agent:8500", "/web/v1", "web/v1"),
        ("consul://agent", "consul", "agent", "", ""),
        ("foo:bar", "dns", "", "foo:bar", "foo:bar"),
    ] {
        let target = parse(text).expect(text);
        assert_eq!(
            (target.scheme(), target.authority(), target.path(), target.endpoint()),
            (scheme, authority, path, endpoint),
            "{text}"
        );
        assert_eq!((target.as_str(), target.to_string()), (text, text.to_owned()));
    }
}

#[test]
fn refusals_say_what_is_wrong() {
    for (text, part) in [
        ("", "it is empty"),
        ("local host:1", "the character ' '"),
        ("a\u{7}", "the character"),
        ("dns:///a%2", "not followed by two hexadecimal digits"),
        ("dns:///a%+1", "not followed by two hexadecimal digits"),
        ("dns:///%ff", "not UTF-8"),
    ] {
        let message = parse(text).expect_err(text).to_string();
        assert!(message.contains(part), "{text}: {message}");
        assert!(message.starts_with(&format!("invalid target {text:?}: ")), "{message}");
    }
}
