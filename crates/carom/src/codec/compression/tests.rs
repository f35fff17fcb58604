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
    for encoding in CompressionEncoding::ALL.iter().copied() {
        // 64 MiB of zeros in some 64 KiB: must stop at the limit and not after.
        let mut bomb = BytesMut::new();
        compress(encoding, &vec![0; 64 << 20], &mut bomb).unwrap();
        let status = decompress(encoding, &bomb, 1 << 20).unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{encoding:?}");
        assert!(status.message().contains("1048576"), "{}", status.message());

        for (size, fits) in [(0, true), (999, true), (1000, true), (1001, false)] {
            let mut out = BytesMut::new();
            compress(encoding, &vec![7; size], &mut out).unwrap();
            assert_eq!(decompress(encoding, &out, 1000).is_ok(), fits, "{encoding:?} {size}");
        }
    }
}

#[cfg(feature = "zstd")]
#[test]
fn a_zstd_frame_cannot_ask_for_more_memory_than_every_decoder_has() {
    use std::io::Write;
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    encoder.window_log(ZSTD_WINDOW_LOG_MAX + 4).unwrap();
    encoder.write_all(&vec![1; 1 << 20]).unwrap();
    let wide = encoder.finish().unwrap();
    let status = decompress(CompressionEncoding::Zstd, &wide, 4 << 20).unwrap_err();
    assert_eq!(status.code(), carom_wire::Code::Internal);
    assert!(status.message().contains("zstd"), "{}", status.message());
}

#[test]
fn garbage_and_cut_messages_are_errors() {
    use carom_wire::Code;
    for encoding in CompressionEncoding::ALL.iter().copied() {
        let mut good = BytesMut::new();
        compress(encoding, b"hello hello hello", &mut good).unwrap();
        for bad in [&b"not compressed at all"[..], &good[..good.len() - 6], b""] {
            let status = decompress(encoding, bad, 1000).unwrap_err();
            assert_eq!(status.code(), Code::Internal, "{encoding:?} {bad:?}");
        }
    }
}

#[test]
fn lists_of_encodings() {
    let set = Encodings::parse(b"identity, gzip ,br");
    assert!(set.contains(CompressionEncoding::Gzip));
    assert!(!set.contains(CompressionEncoding::Deflate));
    assert_eq!(Encodings::parse(b""), Encodings::default());
    let offered: Vec<_> = ACCEPT_ENCODING.split(',').filter(|name| *name != "identity").collect();
    let known: Vec<_> = CompressionEncoding::ALL.iter().map(|encoding| encoding.as_str()).collect();
    assert_eq!(offered, known);
}
