use super::*;

fn interleaved(list: &str) -> String {
    let parse = |text: &str| match text {
        unix if unix.starts_with('/') => Address::Unix(unix.into()),
        ip => Address::Tcp(ip.parse().expect("an address")),
    };
    let addresses = interleave(list.split_whitespace().map(parse).collect());
    let texts: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    texts.join(" ")
}

#[test]
fn families_alternate_starting_with_that_of_the_first() {
    assert_eq!(
        interleaved("[::1]:1 [::2]:1 1.1.1.1:1 2.2.2.2:1"),
        "ipv6:[::1]:1 ipv4:1.1.1.1:1 ipv6:[::2]:1 ipv4:2.2.2.2:1"
    );
    assert_eq!(interleaved("1.1.1.1:1 [::1]:1 [::2]:1"), "ipv4:1.1.1.1:1 ipv6:[::1]:1 ipv6:[::2]:1");
    assert_eq!(
        interleaved("/a /b 1.1.1.1:1 2.2.2.2:1 [::1]:1"),
        "unix:/a ipv4:1.1.1.1:1 ipv6:[::1]:1 unix:/b ipv4:2.2.2.2:1"
    );
    assert_eq!(
        interleaved("1.1.1.1:1 2.2.2.2:1"),
        "ipv4:1.1.1.1:1 ipv4:2.2.2.2:1",
        "one family keeps its order"
    );
    assert_eq!(interleaved(""), "");
}
