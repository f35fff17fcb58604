use std::num::NonZeroU32;

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

#[test]
fn a_shuffle_puts_endpoints_first_in_proportion_to_their_weights() {
    let endpoints: Vec<Endpoint> = [0_u32, 2, 7]
        .iter()
        .map(|weight| {
            let mut endpoint = Endpoint::new(Address::Named(weight.to_string().into()));
            if let Some(weight) = NonZeroU32::new(*weight) {
                endpoint.attributes.insert(Weight(weight));
            }
            endpoint
        })
        .collect();
    let mut random = fastrand::Rng::with_seed(7);
    let mut first = HashMap::new();
    let mut last = HashMap::new();
    for _ in 0..10_000 {
        let order = shuffle_by_weight(endpoints.clone(), || random.f64());
        assert_eq!(order.len(), 3);
        *first.entry(order[0].addresses[0].to_string()).or_insert(0_i32) += 1;
        *last.entry(order[2].addresses[0].to_string()).or_insert(0_i32) += 1;
    }
    for (name, expected) in [("0", 1000), ("2", 2000), ("7", 7000)] {
        assert!((first[name] - expected).abs() < 200, "{first:?}");
    }
    // 2 then 7, or 7 then 2, come before the one of weight 1: 2/10 × 7/8 + 7/10 × 2/3.
    assert!((last["0"] - 6417).abs() < 200, "{last:?}");
}

#[test]
fn draws_at_the_ends_are_orders_as_well() {
    let endpoints =
        vec![Endpoint::new(Address::Named("a".into())), Endpoint::new(Address::Named("b".into()))];
    for random in [0.0, 1.0 - f64::EPSILON] {
        assert_eq!(shuffle_by_weight(endpoints.clone(), || random).len(), 2);
    }
}
