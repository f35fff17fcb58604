use bytes::BytesMut;

use super::*;
use crate::{
    fields::Fields,
    hpack::{Decoder, Encoder},
    metadata::MetadataValue,
};

fn status(message: &str, details: usize, metadata: usize) -> Status {
    let mut map = MetadataMap::new();
    if metadata > 0 {
        map.insert("x-why-bin", MetadataValue::from(vec![7; metadata])).unwrap();
    }
    Status::with_details_and_metadata(Code::Internal, message, Bytes::from(vec![3; details]), map)
}

/// What arrives of it at a client that takes `limit` bytes, and how large the list was.
fn sent(status: Status, limit: u32) -> (Status, usize) {
    let fitting =
        trailers(StatusTrailers { status: Some(status), metadata: MetadataMap::new() }, 0, Some(limit));
    let mut out = BytesMut::new();
    fitting.encode(&mut Encoder::new().begin(&mut out));
    let block = Decoder::new(4096, 1 << 24).decode(&out).unwrap();
    (Status::from_trailers(&block).unwrap(), block.list_size())
}

#[test]
fn what_fits_goes_out_as_it_is() {
    let exact = 45 + (44 + 1000) + (55 + 134) + (9 + 134 + 32);
    let (got, size) = sent(status(&"m".repeat(1000), 100, 100), exact);
    assert_eq!(size, exact as usize);
    assert_eq!((got.message().len(), got.details().len(), got.metadata().len()), (1000, 100, 1));
    let (got, size) = sent(status(&"m".repeat(1000), 100, 100), exact - 1);
    assert!(size < exact as usize);
    assert!(got.message().starts_with("mmm") && got.message().contains("... [cut: 1000 bytes of message"));
    assert_eq!((got.details().len(), got.metadata().len()), (100, 1), "the message goes first");
}

#[test]
fn a_long_message_is_cut_with_a_mark() {
    let (got, size) = sent(status(&"m".repeat(100_000), 0, 0), 16_384);
    assert!((16_300..=16_384).contains(&size), "{size}");
    assert_eq!(got.code(), Code::Internal);
    assert!(got.message().ends_with("... [cut: 100000 bytes of message, the client takes 16384]"));
}

#[test]
fn a_message_is_cut_between_characters() {
    for (limit, text) in [(1000, "\u{e9}"), (1001, "\u{e9}"), (1002, "\u{1f980}%"), (1003, "  \u{20ac}")] {
        let message = text.repeat(1000);
        let (got, size) = sent(status(&message, 0, 0), limit);
        assert!(size <= limit as usize, "{size}");
        let (beginning, _) = got.message().split_once("... [cut: ").unwrap();
        assert!(message.starts_with(beginning) && !beginning.is_empty(), "{beginning}");
    }
}

#[test]
fn details_go_before_metadata_and_the_message_stays_useful() {
    let (got, _) = sent(status(&"m".repeat(1000), 9_000, 1_000), 8_192);
    assert!(got.message().starts_with(&"m".repeat(1000)));
    assert!(got.message().ends_with(" [left out: details, the client takes 8192 bytes]"), "{got}");
    assert_eq!((got.details().len(), got.metadata().len()), (0, 1));

    let (got, _) = sent(status("short", 1_000, 9_000), 8_192);
    assert_eq!(got.message(), "short [left out: details and metadata, the client takes 8192 bytes]");
    assert_eq!((got.details().len(), got.metadata().len()), (0, 0));
}

#[test]
fn metadata_that_is_too_large_makes_a_good_end_a_bad_one() {
    let mut metadata = MetadataMap::new();
    metadata.insert("k", "v".repeat(20_000)).unwrap();
    let fitting = trailers(StatusTrailers { status: None, metadata }, 0, Some(16_384));
    let status = fitting.status.unwrap();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().ends_with("(20078 vs. 16384 bytes)"), "{status}");
    assert!(fitting.metadata.is_empty());
}

#[test]
fn whatever_it_is_it_fits_and_keeps_its_code() {
    let mut random = crate::random::Random::new(9);
    for _ in 0..5_000 {
        let alphabet = ["a", " ", "%", "\u{e9}", "\u{1f980}", "\n"];
        let message: String =
            (0..random.below(1500)).map(|_| alphabet[random.below(alphabet.len())]).collect();
        let (details, metadata) =
            (random.below(3) * random.below(2000), random.below(3) * random.below(2000));
        let limit = 100 + random.below(6000) as u32;
        let original = status(&message, details, metadata);
        let (got, size) = sent(original.clone(), limit);
        assert!(size <= limit as usize, "{size} of {limit}");
        assert_eq!(got.code(), original.code());
        assert!(got.details().is_empty() || got.details() == original.details());
    }
}

#[test]
fn before_the_settings_came_nothing_is_known() {
    let whole = trailers(
        StatusTrailers { status: Some(status(&"m".repeat(100_000), 0, 0)), metadata: MetadataMap::new() },
        0,
        None,
    );
    assert_eq!(whole.status.unwrap().message().len(), 100_000);
}
