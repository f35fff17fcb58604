//! The examples of RFC 7541 appendix C, and the two halves against each other.

use bytes::BytesMut;

use super::*;
use crate::fields::{FieldWriter, HeaderBlock, Indexing};
use crate::random::Random;

type Pairs<'a> = &'a [(&'a str, &'a str)];

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

fn pairs(block: &HeaderBlock) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    block.fields().iter().map(|field| (text(&field.name), text(&field.value))).collect()
}

#[track_caller]
fn check(decoder: &mut Decoder, hex: &str, expected: Pairs<'_>) -> HeaderBlock {
    let block = decoder.decode(&bytes(hex)).unwrap();
    let got = pairs(&block);
    let got: Vec<_> = got.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(got, expected);
    block
}

const FIRST: Pairs<'_> =
    &[(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")];
const SECOND: Pairs<'_> = &[
    (":method", "GET"),
    (":scheme", "http"),
    (":path", "/"),
    (":authority", "www.example.com"),
    ("cache-control", "no-cache"),
];
const THIRD: Pairs<'_> = &[
    (":method", "GET"),
    (":scheme", "https"),
    (":path", "/index.html"),
    (":authority", "www.example.com"),
    ("custom-key", "custom-value"),
];

#[test]
fn c2_single_fields() {
    let decoder = || Decoder::new(4096, 16384);
    check(
        &mut decoder(),
        "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
        &[("custom-key", "custom-header")],
    );
    check(&mut decoder(), "040c 2f73 616d 706c 652f 7061 7468", &[(":path", "/sample/path")]);
    let never =
        check(&mut decoder(), "1008 7061 7373 776f 7264 0673 6563 7265 74", &[("password", "secret")]);
    assert!(never.fields()[0].sensitive);
    check(&mut decoder(), "82", &[(":method", "GET")]);
}

#[test]
fn c3_requests_without_huffman() {
    let mut decoder = Decoder::new(4096, 16384);
    check(&mut decoder, "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", FIRST);
    check(&mut decoder, "8286 84be 5808 6e6f 2d63 6163 6865", SECOND);
    check(&mut decoder, "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65", THIRD);
}

#[test]
fn c4_requests_with_huffman() {
    let mut decoder = Decoder::new(4096, 16384);
    check(&mut decoder, "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", FIRST);
    check(&mut decoder, "8286 84be 5886 a8eb 1064 9cbf", SECOND);
    check(&mut decoder, "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf", THIRD);
}

#[test]
fn c4_is_what_the_encoder_writes() {
    let mut encoder = Encoder::new();
    let expected = [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ];
    for (hex, fields) in expected.into_iter().zip([FIRST, SECOND, THIRD]) {
        let mut out = BytesMut::new();
        let mut w = encoder.begin(&mut out);
        for (name, value) in fields {
            w.field(name.as_bytes(), value.as_bytes(), Indexing::Incremental);
        }
        assert_eq!(out[..], bytes(hex)[..]);
    }
}

const RESPONSES: [Pairs<'_>; 3] = [
    &[
        (":status", "302"),
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
        ("location", "https://www.example.com"),
    ],
    &[
        (":status", "307"),
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
        ("location", "https://www.example.com"),
    ],
    &[
        (":status", "200"),
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:22 GMT"),
        ("location", "https://www.example.com"),
        ("content-encoding", "gzip"),
        ("set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
    ],
];

/// The examples of C.5 and C.6 have a table of 256 bytes, so entries are evicted.
fn with_small_table() -> Decoder {
    let mut decoder = Decoder::new(256, 16384);
    decoder.settings_acknowledged();
    // Update to 256.
    decoder.decode(&[0x3f, 0xe1, 0x01]).unwrap();
    decoder
}

#[test]
fn c5_responses_without_huffman() {
    let mut decoder = with_small_table();
    check(
        &mut decoder,
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 \
         474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        RESPONSES[0],
    );
    check(&mut decoder, "4803 3330 37c1 c0bf", RESPONSES[1]);
    check(
        &mut decoder,
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 \
         666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 \
         3630 303b 2076 6572 7369 6f6e 3d31",
        RESPONSES[2],
    );
}

#[test]
fn c6_responses_with_huffman() {
    let mut decoder = with_small_table();
    check(
        &mut decoder,
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 \
         63c7 8f0b 97c8 e9ae 82ae 43d3",
        RESPONSES[0],
    );
    check(&mut decoder, "4883 640e ffc1 c0bf", RESPONSES[1]);
    check(
        &mut decoder,
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 \
         b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
        RESPONSES[2],
    );
}

fn random_field(random: &mut Random) -> (Vec<u8>, Vec<u8>, Indexing) {
    const NAMES: [&str; 12] = [
        ":path",
        ":status",
        "content-type",
        "te",
        "grpc-status",
        "grpc-message",
        "x-a",
        "x-b",
        "x-trace-bin",
        "cookie",
        "authorization",
        "user-agent",
    ];
    let name = match random.below(8) {
        0 => format!("x-{}", random.below(300)),
        _ => NAMES[random.below(NAMES.len())].to_owned(),
    };
    let value = match random.below(6) {
        0 => (0..random.below(300)).map(|_| random.below(256) as u8).collect(),
        1 => "v".repeat(random.below(1500)).into_bytes(),
        2 => b"200".to_vec(),
        _ => random.below(40).to_string().into_bytes(),
    };
    let indexing = [Indexing::Incremental, Indexing::Incremental, Indexing::Without, Indexing::Never];
    (name.into_bytes(), value, indexing[random.below(4)])
}

#[test]
fn encoder_and_decoder_stay_in_step() {
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let mut encoder = Encoder::new();
        let mut decoder = Decoder::new(4096, usize::MAX);
        for _ in 0..200 {
            if random.below(20) == 0 {
                for _ in 0..=random.below(3) {
                    encoder.set_max_table_size(random.below(6000) as u32);
                }
            }
            let fields: Vec<_> = (0..random.below(12)).map(|_| random_field(&mut random)).collect();
            let mut out = BytesMut::new();
            let mut w = encoder.begin(&mut out);
            for (name, value, indexing) in &fields {
                w.field(name, value, *indexing);
            }
            let block = decoder.decode(&out).unwrap();
            let got: Vec<_> = block.fields().iter().map(|f| (f.name.to_vec(), f.value.to_vec())).collect();
            let sent: Vec<_> = fields.into_iter().map(|(name, value, _)| (name, value)).collect();
            assert_eq!(got, sent, "seed {seed}");
        }
    }
}

/// Against an implementation that shares nothing with this one.
mod against_loona {
    use super::*;

    #[test]
    fn it_reads_what_we_write() {
        for seed in 100..106 {
            let mut random = Random::new(seed);
            let mut encoder = Encoder::new();
            let mut theirs = loona_hpack::Decoder::new();
            for _ in 0..100 {
                if random.below(20) == 0 {
                    encoder.set_max_table_size(random.below(6000) as u32);
                }
                let fields: Vec<_> = (0..1 + random.below(8)).map(|_| random_field(&mut random)).collect();
                let mut out = BytesMut::new();
                let mut w = encoder.begin(&mut out);
                for (name, value, indexing) in &fields {
                    w.field(name, value, *indexing);
                }
                let got = theirs.decode(&out).unwrap();
                let sent: Vec<_> = fields.into_iter().map(|(name, value, _)| (name, value)).collect();
                assert_eq!(got, sent, "seed {seed}");
            }
        }
    }

    #[test]
    fn we_read_what_it_writes() {
        for seed in 200..206 {
            let mut random = Random::new(seed);
            let mut theirs = loona_hpack::Encoder::new();
            let mut decoder = Decoder::new(4096, usize::MAX);
            for _ in 0..100 {
                let fields: Vec<_> = (0..1 + random.below(8)).map(|_| random_field(&mut random)).collect();
                let pairs = fields.iter().map(|(name, value, _)| (&name[..], &value[..]));
                let block = decoder.decode(&theirs.encode(pairs)).unwrap();
                let got: Vec<_> =
                    block.fields().iter().map(|f| (f.name.to_vec(), f.value.to_vec())).collect();
                let sent: Vec<_> = fields.into_iter().map(|(name, value, _)| (name, value)).collect();
                assert_eq!(got, sent, "seed {seed}");
            }
        }
    }
}
