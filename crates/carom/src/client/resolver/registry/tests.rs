use tokio::runtime::Handle;

use super::super::host_port::split_host_port;
use super::super::{Address, ResolverEvent, ResolverSink};
use super::*;

fn dns(text: &str) -> (String, u16) {
    let (target, _) = Resolvers::default().find(text).expect(text);
    assert_eq!(target.scheme(), "dns", "{text}");
    split_host_port(target.endpoint()).expect(text)
}

/// What a target resolves to at once.
fn fixed(text: &str) -> Vec<Address> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let _entered = runtime.enter();
    let (target, resolver) = Resolvers::default().find(text).expect(text);
    let (sink, mut events) = ResolverSink::new(Handle::current());
    let _active = resolver.start(&target, sink);
    match events.try_recv() {
        Ok(ResolverEvent::Resolved(resolution)) => {
            resolution.endpoints.into_iter().flat_map(|endpoint| endpoint.addresses).collect()
        }
        other => panic!("{text}: {other:?}"),
    }
}

fn refused(text: &str) -> String {
    Resolvers::default().find(text).err().expect(text).to_string()
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
        let (target, resolver) = Resolvers::default().find(text).expect(text);
        assert_eq!(resolver.default_authority(&target), authority, "{text}");
    }
}

#[test]
fn refusals_say_what_is_wrong() {
    let cases = [
        ("", "it is empty"),
        ("local host:1", "the character ' '"),
        ("foo:///bar", "the scheme `foo` is unknown"),
        ("http://localhost:1", "unix-abstract; write host:port without a scheme"),
        ("https://localhost:1", "write host:port without a scheme, and call tls() on the builder"),
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
fn a_scheme_of_the_users_own_is_known_once_it_is_registered() {
    let mut resolvers = Resolvers::default();
    resolvers.register("Consul", Arc::new(super::super::FixedResolver::new(Vec::new())));
    let (target, resolver) = resolvers.find("consul://agent:8500/web").expect("known");
    assert_eq!((target.scheme(), target.authority(), target.endpoint()), ("consul", "agent:8500", "web"));
    assert_eq!(resolver.default_authority(&target), "web");
    let refused = resolvers.find("foo://web").err().expect("unknown").to_string();
    assert!(refused.contains("known schemes are consul, dns, ipv4, ipv6, unix, unix-abstract"), "{refused}");
}

#[test]
fn a_resolver_for_all_targets_sees_every_scheme() {
    let resolvers = Resolvers::default();
    for (text, scheme, endpoint) in [
        ("consul://agent:8500/web%2Fv1", "consul", "web/v1"),
        ("svc.test:80", "dns", "svc.test:80"),
        ("IPV4:1.2.3.4:5", "ipv4", "1.2.3.4:5"),
        ("é:1", "dns", "é:1"),
    ] {
        let target = resolvers.parse_any(text).expect(text);
        assert_eq!((target.scheme(), target.endpoint()), (scheme, endpoint), "{text}");
    }
}
