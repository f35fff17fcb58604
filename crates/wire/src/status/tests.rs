use std::borrow::Cow;

use bytes::BytesMut;

use super::*;
use crate::fields::HeaderField;
use crate::hpack::{Decoder, Encoder};

fn trailers(fields: &[(&'static str, &'static [u8])]) -> HeaderBlock {
    HeaderBlock::from_fields(fields.iter().map(|(name, value)| HeaderField::new(*name, *value)).collect())
}

fn sent(status: &Status) -> HeaderBlock {
    let mut out = BytesMut::new();
    status.encode(&mut Encoder::new().begin(&mut out));
    Decoder::new(4096, usize::MAX).decode(&out).unwrap()
}

#[test]
fn codes_by_number_and_by_name() {
    for number in 0..=16 {
        let code = Code::from_i32(number);
        assert_eq!(code as i32, number);
        assert_eq!(i32::from(code), number);
        assert_eq!(code.as_str(), number.to_string());
        assert_eq!(Code::from_bytes(code.as_str().as_bytes()), code);
        assert!(!code.description().is_empty());
        // The name is the variant's in capitals.
        assert_eq!(code.name().replace('_', ""), format!("{code:?}").to_uppercase());
    }
    for number in [-1, 17, 100, i32::MIN, i32::MAX] {
        assert_eq!(Code::from_i32(number), Code::Unknown);
    }
}

#[test]
fn grpc_status_is_decimal_without_leading_zeros() {
    for text in ["", "00", "01", "17", "99", "100", "-1", "+1", " 1", "1 ", "a", "0x0", "4294967296"] {
        assert_eq!(Code::from_bytes(text.as_bytes()), Code::Unknown, "{text:?}");
    }
}

#[test]
fn a_status_is_one_pointer() {
    assert_eq!(size_of::<Status>(), size_of::<usize>());
    assert_eq!(size_of::<Result<(), Status>>(), size_of::<usize>());
}

#[test]
fn one_constructor_a_code() {
    assert_eq!(Status::ok("").code(), Code::Ok);
    assert_eq!(Status::unauthenticated("who").code(), Code::Unauthenticated);
    let status = Status::not_found(format!("no {}", "x"));
    assert_eq!((status.code(), status.message()), (Code::NotFound, "no x"));
    assert_eq!(status.to_string(), "status: NOT_FOUND, message: \"no x\"");
    assert_eq!(format!("{status:?}"), "Status { code: NotFound, message: \"no x\" }");
}

#[test]
fn the_source_stays_with_it() {
    let mut status = Status::unavailable("cannot connect");
    assert!(Error::source(&status).is_none());
    status.set_source(Arc::new(std::io::Error::other("cause")));
    assert_eq!(Error::source(&status.clone()).unwrap().to_string(), "cause");
}

#[test]
fn what_is_sent_comes_back() {
    let mut status =
        Status::with_details(Code::Aborted, "50 % \u{2603}\r\n ", Bytes::from_static(&[0, 1, 255]));
    status.metadata_mut().append("x", "1").unwrap();
    status.metadata_mut().append("y-bin", vec![0]).unwrap();
    let back = Status::from_trailers(&sent(&status)).unwrap();
    assert_eq!(back.code(), Code::Aborted);
    assert_eq!(back.message(), "50 % \u{2603}\r\n ");
    assert_eq!(back.details(), [0, 1, 255]);
    assert_eq!(back.details_bytes(), status.details_bytes());
    assert_eq!(back.metadata(), status.metadata());
}

#[test]
fn empty_parts_are_not_sent() {
    let block = sent(&Status::ok(""));
    assert_eq!(block.fields().len(), 1);
    assert_eq!(block.get(b"grpc-status").unwrap(), "0");
}

#[test]
fn trailers_without_status_are_none() {
    assert!(Status::from_trailers(&trailers(&[("grpc-message", b"x")])).is_none());
}

#[test]
fn nothing_in_trailers_fails() {
    let odd = trailers(&[
        ("grpc-status", b"7x"),
        ("grpc-message", b"%zz%4\xff"),
        ("grpc-status-details-bin", b"not base64!"),
        ("x-bin", b"!"),
        ("y", b"1"),
    ]);
    let status = Status::from_trailers(&odd).unwrap();
    assert_eq!(status.code(), Code::Unknown);
    assert_eq!(status.message(), "%zz%4\u{fffd}");
    assert_eq!(status.details(), b"");
    assert_eq!(status.metadata().len(), 1);
}

#[test]
fn details_come_padded_or_not_and_the_header_wins() {
    // `google.rpc.Status { code: 5 }` under grpc-status 13.
    for details in [&b"CAU"[..], b"CAU="] {
        let block = trailers(&[("grpc-status", b"13"), ("grpc-status-details-bin", details)]);
        let status = Status::from_trailers(&block).unwrap();
        assert_eq!((status.code(), status.details()), (Code::Internal, &[8, 5][..]));
    }
}

#[test]
fn from_http_status() {
    let cases = [
        (200, Code::Unknown),
        (400, Code::Internal),
        (401, Code::Unauthenticated),
        (403, Code::PermissionDenied),
        (404, Code::Unimplemented),
        (429, Code::Unavailable),
        (500, Code::Unknown),
        (502, Code::Unavailable),
        (503, Code::Unavailable),
        (504, Code::Unavailable),
        (505, Code::Unknown),
        (302, Code::Unknown),
        (415, Code::Unknown),
    ];
    for (http, code) in cases {
        assert_eq!(Status::from_http(http).code(), code, "{http}");
    }
    assert_eq!(Status::from_http(503).message(), "the response has HTTP status 503 and no grpc-status");
}

#[test]
fn from_reset_code() {
    let cases = [
        (0, Code::Internal),
        (1, Code::Internal),
        (2, Code::Internal),
        (3, Code::Internal),
        (4, Code::Internal),
        (5, Code::Unknown),
        (6, Code::Internal),
        (7, Code::Unavailable),
        (8, Code::Cancelled),
        (9, Code::Internal),
        (10, Code::Internal),
        (11, Code::ResourceExhausted),
        (12, Code::PermissionDenied),
        (13, Code::Unknown),
        (14, Code::Unknown),
        (u32::MAX, Code::Unknown),
    ];
    for (reset, code) in cases {
        assert_eq!(Status::from_reset(reset).code(), code, "{reset}");
    }
    assert_eq!(Status::from_reset(7).message(), "the peer reset the stream with REFUSED_STREAM");
    assert_eq!(Status::from_reset(0x99).message(), "the peer reset the stream with error code 0x99");
}

#[test]
fn percent_encoding_by_the_byte() {
    for byte in 0..=127u8 {
        let text = format!("-{}-", char::from(byte));
        let stays = matches!(byte, 0x20..=0x24 | 0x26..=0x7e);
        let expected = if stays { text.clone() } else { format!("-%{byte:02X}-") };
        assert_eq!(percent_encode(&text), expected);
    }
    assert!(matches!(percent_encode("plain text"), Cow::Borrowed("plain text")));
    assert_eq!(percent_encode("\u{2603}"), "%E2%98%83");
    assert_eq!(percent_encode("\t\ntest \u{1f608}"), "%09%0Atest %F0%9F%98%88");
    // HTTP takes blanks off the ends.
    assert_eq!(percent_encode(" a b "), "%20a b%20");
    assert_eq!(percent_encode(" "), "%20");
    assert_eq!(percent_encode(""), "");
}

#[test]
fn percent_decoding_keeps_what_is_broken() {
    let cases: [(&[u8], &str); 10] = [
        (b"", ""),
        (b"plain", "plain"),
        (b"%E2%98%83", "\u{2603}"),
        (b"%e2%98%83", "\u{2603}"),
        (b"100%", "100%"),
        (b"100%2", "100%2"),
        (b"%G0%0G%%41", "%G0%0G%A"),
        (b"a%FFb", "a\u{fffd}b"),
        (b"raw \xe2\x98\x83", "raw \u{2603}"),
        (b"raw \xff", "raw \u{fffd}"),
    ];
    for (text, expected) in cases {
        assert_eq!(percent_decode(text), expected, "{}", text.escape_ascii());
    }
}

#[test]
fn every_message_survives() {
    let mut random = crate::random::Random::new(13);
    for _ in 0..2000 {
        let message: String =
            (0..random.below(20)).filter_map(|_| char::from_u32(random.below(0x300) as u32)).collect();
        let encoded = percent_encode(&message);
        assert!(encoded.bytes().all(|byte| matches!(byte, 0x20..=0x7e)));
        assert_eq!(percent_decode(encoded.as_bytes()), message);
    }
}
