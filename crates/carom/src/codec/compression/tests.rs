use super::*;

#[test]
fn round_trips() {
    let payload: Vec<u8> = (0..100_000u32).map(|n| (n / 100) as u8).collect();
    for encoding in CompressionEncoding::ALL.iter().copied() {
        let mut out = BytesMut::from(&b"kept"[..]);
        compress(encoding, &payload, &mut out).unwrap();
        assert_eq!(&out[..4], b"kept");
        assert!(out.len() < payload.len() / 2);
        assert_eq!(decompress(encoding, &out[4..], payload.len()).unwrap(), payload);
    }
}

#[test]
fn the_limit_is_exact_and_holds_while_inflating() {
    use carom_wire::Code;
    // 64 MiB of zeros in some 64 KiB: must stop at the limit and not after.
    let mut bomb = BytesMut::new();
    compress(CompressionEncoding::Gzip, &vec![0; 64 << 20], &mut bomb).unwrap();
    let status = decompress(CompressionEncoding::Gzip, &bomb, 1 << 20).unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("1048576"), "{}", status.message());

    for (size, fits) in [(0, true), (999, true), (1000, true), (1001, false)] {
        let mut out = BytesMut::new();
        compress(CompressionEncoding::Gzip, &vec![7; size], &mut out).unwrap();
        assert_eq!(decompress(CompressionEncoding::Gzip, &out, 1000).is_ok(), fits, "{size}");
    }
}

#[test]
fn garbage_and_cut_messages_are_errors() {
    use carom_wire::Code;
    let mut good = BytesMut::new();
    compress(CompressionEncoding::Gzip, b"hello hello hello", &mut good).unwrap();
    for bad in [&b"not gzip at all"[..], &good[..good.len() - 6], b""] {
        let status = decompress(CompressionEncoding::Gzip, bad, 1000).unwrap_err();
        assert_eq!(status.code(), Code::Internal, "{bad:?}");
    }
}

#[test]
fn lists_of_encodings() {
    let set = Encodings::parse(b"identity, gzip ,zstd");
    assert!(set.contains(CompressionEncoding::Gzip));
    assert!(!set.contains(CompressionEncoding::Deflate));
    assert_eq!(Encodings::parse(b""), Encodings::default());
    assert_eq!(Encodings::parse(ACCEPT_ENCODING.as_bytes()), Encodings::parse(b"gzip,deflate"),);
}
