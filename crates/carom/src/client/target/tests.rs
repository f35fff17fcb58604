use super::*;

fn dns(text: &str) -> (String, u16) {
    match Target::parse(text).expect(text).location() {
        Location::Dns { host, port } => (host.clone(), *port),
        other => panic!("{text}: {other:?}"),
    }
}

fn fixed(text: &str) -> Vec<Address> {
    match Target::parse(text).expect(text).location() {
        Location::Fixed(addresses) => addresses.clone(),
        other => panic!("{text}: {other:?}"),
    }
}

fn refused(text: &str) -> String {
    Target::parse(text).expect_err(text).to_string()
}

#[test]
fn names() {
    let cases = [
        ("localhost:50051", "localhost", 50051),
        ("example.com", "example.com", 443),
        ("dns:example.com:80", "example.com", 80),
        ("dns:///example.com:80", "example.com", 80),
        ("DNS:///example.com", "example.com", 443),
        ("dns:///[::1]:50051", "::1", 50051),
        ("[::1]:50051", "::1", 50051),
        ("::1", "::1", 443),
        ("example.com:https", "example.com", 443),
        ("dns:///a%2Db:7", "a-b", 7),
        ("127.0.0.1:1", "127.0.0.1", 1),
    ];
    for (text, host, port) in cases {
        assert_eq!(dns(text), (host.to_owned(), port), "{text}");
    }
}

#[test]
fn name_server() {
    let target = Target::parse("dns://8.8.8.8:53/example.com:80").expect("valid");
    assert_eq!(target.name_server(), "8.8.8.8:53");
    assert_eq!(target.location(), &Location::Dns { host: "example.com".into(), port: 80 });
}

#[test]
fn addresses() {
    let tcp = |text: &str| Address::Tcp(text.parse().expect(text));
    assert_eq!(fixed("ipv4:1.2.3.4:5,6.7.8.9"), [tcp("1.2.3.4:5"), tcp("6.7.8.9:443")]);
    assert_eq!(fixed("ipv4:///1.2.3.4:5"), [tcp("1.2.3.4:5")]);
    assert_eq!(fixed("ipv6:[::1]:5,[fe80::2],::3"), [tcp("[::1]:5"), tcp("[fe80::2]:443"), tcp("[::3]:443")]);
    assert_eq!(fixed("ipv6:%5B::1%5D:5"), [tcp("[::1]:5")]);
}

#[test]
fn unix_sockets() {
    assert_eq!(fixed("unix:a/b.sock"), [Address::Unix("a/b.sock".into())]);
    assert_eq!(fixed("unix:/run/b"), [Address::Unix("/run/b".into())]);
    assert_eq!(fixed("unix:///run/b"), [Address::Unix("/run/b".into())]);
    assert_eq!(fixed("unix:///run/a%20b"), [Address::Unix("/run/a b".into())]);
    assert_eq!(fixed("unix-abstract:name"), [Address::UnixAbstract(b"name".to_vec())]);
}

#[test]
fn authorities() {
    let cases = [
        ("localhost:50051", "localhost:50051"),
        ("example.com", "example.com"),
        ("dns:///example.com:443", "example.com:443"),
        ("[::1]:50051", "[::1]:50051"),
        ("::1", "[::1]"),
        ("ipv4:1.2.3.4:5,6.7.8.9:5", "1.2.3.4:5"),
        ("ipv6:[::1]:5", "[::1]:5"),
        ("unix:/run/b", "localhost"),
        ("unix-abstract:b", "localhost"),
    ];
    for (text, authority) in cases {
        assert_eq!(Target::parse(text).expect(text).default_authority(), authority, "{text}");
    }
}

#[test]
fn refusals_say_what_is_wrong() {
    let cases = [
        ("", "it is empty"),
        ("local host:1", "the character ' '"),
        ("foo:///bar", "the scheme `foo` is not known"),
        ("localhost:", "the port after `:` is missing"),
        (":50051", "the host is missing"),
        ("dns:///", "the host is missing"),
        ("localhost:0", "port 0"),
        ("localhost:65536", "the port `65536` is not a number from 1 to 65535"),
        ("localhost:+80", "the port `+80`"),
        ("[::1:50051", "has no `]`"),
        ("[::1]50051", "`50051` follows the `]`"),
        ("[host]:1", "`[host]` is not an IPv6 address"),
        ("a:b:c", "several colons"),
        ("ipv4:localhost:1", "`localhost` is no IPv4 address"),
        ("ipv4:1.2.3.4:1,", "the host is missing"),
        ("ipv6:1.2.3.4:1", "is no IPv6 address"),
        ("unix:", "the path of the socket is missing"),
        ("unix://relative/path", "takes no authority"),
        ("unix-abstract:", "the name of the socket is missing"),
        ("dns:///a%2", "not followed by two hexadecimal digits"),
        ("dns:///a%+1", "not followed by two hexadecimal digits"),
        ("dns:///%ff", "not UTF-8"),
        ("a,b:1", "contains ','"),
        ("user@host:1", "contains '@'"),
        ("dns:///a%20b:1", "contains ' '"),
        ("host%0d%0a", "contains '\\r'"),
    ];
    for (text, part) in cases {
        let message = refused(text);
        assert!(message.contains(part), "{text}: {message}");
        assert!(message.starts_with(&format!("invalid target {text:?}: ")), "{message}");
    }
}

#[test]
fn schemes_of_others_reach_their_resolver() {
    let target = Target::parse_with("consul://agent:8500/web%2Fv1", true).expect("valid");
    assert_eq!(target.scheme(), "consul");
    assert_eq!(target.name_server(), "agent:8500");
    assert_eq!(target.location(), &Location::Other("web/v1".into()));
}
