use bytes::BytesMut;

use super::*;
use crate::fields::HeaderField;
use crate::hpack::{Decoder, Encoder};

fn received(fields: &[(&'static str, &'static [u8])]) -> MetadataMap {
    let fields = fields.iter().map(|(name, value)| HeaderField::new(*name, *value));
    MetadataMap::from_fields(&HeaderBlock::from_fields(fields.collect()))
}

fn sent(map: &MetadataMap) -> HeaderBlock {
    let mut out = BytesMut::new();
    map.encode(&mut Encoder::new().begin(&mut out));
    Decoder::new(4096, usize::MAX).decode(&out).unwrap()
}

fn pairs(map: &MetadataMap) -> Vec<(&str, &[u8])> {
    map.iter().map(|(key, value)| (key, value.as_bytes())).collect()
}

#[test]
fn an_ordered_multimap() {
    let mut map = MetadataMap::new();
    map.append("a", "1").unwrap();
    map.append("b", "2").unwrap();
    map.append("a", String::from("3")).unwrap();
    assert_eq!(pairs(&map), [("a", &b"1"[..]), ("b", b"2"), ("a", b"3")]);
    assert_eq!(map.get("a").unwrap(), "1");
    assert_eq!(map.get_all("a").collect::<Vec<_>>(), ["1", "3"]);
    assert!(map.contains_key("b") && !map.contains_key("c"));
    assert_eq!((map.len(), map.is_empty()), (3, false));

    map.insert("a", "4").unwrap();
    assert_eq!(pairs(&map), [("a", &b"4"[..]), ("b", b"2")]);
    map.insert("c-bin", vec![0, 255]).unwrap();
    map.append("b", Bytes::from_static(b"5")).unwrap();
    map.append("c-bin", &[1u8, 2][..]).unwrap();
    map.append("c-bin", b"xy").unwrap();
    assert_eq!(map.remove("b").unwrap(), "2");
    assert_eq!(map.remove("b"), None);
    assert_eq!(pairs(&map), [("a", &b"4"[..]), ("c-bin", &[0, 255]), ("c-bin", &[1, 2]), ("c-bin", b"xy")]);

    let mut other = MetadataMap::with_capacity(1);
    other.append("a", "6").unwrap();
    other.merge(&map);
    assert_eq!(other.get_all("a").collect::<Vec<_>>(), ["6", "4"]);
    other.clear();
    assert!(other.is_empty());
}

#[test]
fn keys_are_checked() {
    let mut map = MetadataMap::new();
    let error = map.insert("a b", "x").unwrap_err();
    assert_eq!((error.key(), error.position()), ("a b", Some(1)));
    assert_eq!(error.to_string(), "metadata key \"a b\": ' ' at position 1 is not one of [0-9a-z_.-]");
    for key in ["with space", "new\nline", "colon:", "\u{fc}", "nul\0", ":path", "a,b"] {
        assert!(map.insert(key, "x").is_err(), "{key}");
        assert!(map.append(key, "x").is_err(), "{key}");
    }
    assert_eq!(map.insert("", "x").unwrap_err().to_string(), "metadata key is empty");
    assert!(map.is_empty());
    map.insert("0-9_a.z", "x").unwrap();
}

/// As in HTTP: a key that a program looks up or sets in another case is the same key.
#[test]
fn keys_are_of_any_case() {
    let mut map = MetadataMap::new();
    map.insert("Authorization", "a").unwrap();
    map.append("AUTHORIZATION", "b").unwrap();
    map.append("Data-BIN", vec![0, 255]).unwrap();
    assert_eq!(pairs(&map), [("authorization", &b"a"[..]), ("authorization", b"b"), ("data-bin", &[0, 255])]);
    assert_eq!(map.get("AuthoriZation").unwrap(), "a");
    assert_eq!(map.get_all("Authorization").count(), 2);
    assert!(map.contains_key("data-Bin"));
    map.insert("AuthorizatioN", "c").unwrap();
    assert_eq!(map.remove("AUTHORIZATION").unwrap(), "c");
    assert_eq!(map.len(), 1);
}

#[test]
fn values_are_checked() {
    let mut map = MetadataMap::new();
    let error = map.insert("key", "a\r\nb: c").unwrap_err();
    assert_eq!(error.position(), Some(1));
    assert_eq!(
        error.to_string(),
        "metadata value of \"key\": '\\r' at position 1 is not printable ASCII; for binary values use a key that \
         ends in -bin"
    );
    for value in ["\0", "\t", "\x7f", "\u{e9}"] {
        assert!(map.append("key", value).is_err(), "{value:?}");
    }
    assert!(map.is_empty());
    let printable: String = (' '..='~').collect();
    map.insert("key", printable).unwrap();
    map.insert("empty", "").unwrap();
    map.insert("key-bin", (0..=255).collect::<Vec<u8>>()).unwrap();
}

#[test]
fn what_is_sent_comes_back() {
    let mut map = MetadataMap::new();
    map.append("key", "value, with a comma").unwrap();
    map.append("key", "again").unwrap();
    for length in 0..9 {
        map.append("data-bin", (0..length).map(|n| 250 + n as u8 % 6).collect::<Vec<u8>>()).unwrap();
    }
    map.append("data-bin", vec![b','; 1000]).unwrap();
    map.append("authorization", "secret").unwrap();
    let block = sent(&map);
    assert_eq!(MetadataMap::from_fields(&block), map);
    assert_eq!(block.list_size(), map.header_list_size());
    let secret = block.fields().iter().find(|field| field.name == "authorization").unwrap();
    assert!(secret.sensitive);
    // Unpadded.
    assert!(block.fields().iter().all(|field| !field.value.contains(&b'=')));
}

#[test]
fn binary_comes_padded_or_not_and_joined() {
    let map = received(&[("k-bin", b"AQ"), ("k-bin", b"AQ=="), ("k-bin", b"AQI=,AQ , ,AQID")]);
    let values: Vec<_> = map.get_all("k-bin").map(MetadataValue::as_bytes).collect();
    assert_eq!(values, [&[1][..], &[1], &[1, 2], &[1], &[], &[1, 2, 3]]);
    assert_eq!(pairs(&received(&[("k-bin", b"")])), [("k-bin", &b""[..])]);
}

#[test]
fn binary_that_is_not_base64_is_passed_over() {
    let map = received(&[
        ("k-bin", b"A"),
        ("k-bin", b"!!!!"),
        ("k-bin", b"AQ==AQ=="),
        ("k-bin", b"_-8"),
        ("x", b"1"),
    ]);
    assert_eq!(pairs(&map), [("x", &b"1"[..])]);
    // One bad part does not take the good ones with it; stray bits at the end are nothing.
    let map = received(&[("k-bin", b"\xff,AR")]);
    assert_eq!(pairs(&map), [("k-bin", &[1][..])]);
}

#[test]
fn text_of_a_peer_is_kept_raw() {
    let map = received(&[("x", b" \t spaced out\t "), ("y", b"caf\xe9"), ("z", b"a\tb"), ("empty", b"  ")]);
    assert_eq!(pairs(&map), [("x", &b"spaced out"[..]), ("y", b"caf\xe9"), ("z", b"a\tb"), ("empty", b"")]);
    assert!(map.get("y").unwrap().to_str().is_err());
    assert_eq!(map.get("x").unwrap().to_str().unwrap(), "spaced out");
    // What came in may go out again.
    assert_eq!(MetadataMap::from_fields(&sent(&map)), map);
}

#[test]
fn what_http_forbids_does_not_come_in() {
    let map = received(&[
        ("x", b"a\r\nb: c"),
        ("x", b"\0"),
        ("x", b"\x7f"),
        ("Upper", b"1"),
        ("with space", b"1"),
        ("x!y", b"1"),
        ("", b"1"),
    ]);
    assert!(map.is_empty(), "{map:?}");
}

#[test]
fn blanks_at_the_ends_stay_here() {
    let mut map = MetadataMap::new();
    map.insert("key", "  a b ").unwrap();
    assert_eq!(map.get("key").unwrap(), "  a b ");
    let block = sent(&map);
    assert_eq!(block.fields()[0].value, "a b");
    assert_eq!(block.list_size(), map.header_list_size());
}

#[test]
fn reserved_names_are_passed_over_both_ways() {
    let reserved = [
        ":path",
        ":status",
        "te",
        "content-type",
        "content-length",
        "user-agent",
        "host",
        "connection",
        "grpc-status",
        "grpc-message",
        "grpc-status-details-bin",
        "grpc-timeout",
        "grpc-encoding",
        "grpc-accept-encoding",
        "grpc-anything",
        "grpc-",
        "",
    ];
    let application = [
        "grpc",
        "grpcx",
        "grpc-trace-bin",
        "grpc-tags-bin",
        "grpc-retry-pushback-ms",
        "grpc-previous-rpc-attempts",
        "tea",
        "content",
        "cookie",
        "authorization",
        "accept-encoding",
        "hostname",
        "date",
        "x-user-agent",
    ];
    for name in reserved {
        assert!(is_reserved(name.as_bytes()), "{name}");
    }
    for name in application {
        assert!(!is_reserved(name.as_bytes()), "{name}");
    }
    let mut map = MetadataMap::new();
    for name in reserved.into_iter().filter(|name| !name.starts_with(':') && !name.is_empty()) {
        let error = map.insert(name, "x").unwrap_err();
        assert!(error.to_string().contains("belongs to HTTP or to gRPC itself"), "{error}");
        assert_eq!(map.append(&name.to_ascii_uppercase(), "x").unwrap_err().position(), None);
    }
    map.insert("x", "1").unwrap();
    let block = sent(&map);
    assert_eq!(block.fields().len(), 1);
    assert_eq!(block.list_size(), map.header_list_size());
}

#[test]
fn random_fields_never_panic() {
    let mut random = crate::random::Random::new(9);
    let names = ["x", "k-bin", "-bin", "X", "grpc-status", "\u{0}"];
    for _ in 0..5000 {
        let fields = (0..random.below(6)).map(|_| {
            let value: Vec<u8> = (0..random.below(20)).map(|_| random.below(256) as u8).collect();
            HeaderField::new(names[random.below(names.len())], value)
        });
        let map = MetadataMap::from_fields(&HeaderBlock::from_fields(fields.collect()));
        assert_eq!(MetadataMap::from_fields(&sent(&map)), map);
    }
}
