use super::*;

fn text(timeout: Duration) -> String {
    format!("{:?}", encode(timeout))
}

#[test]
fn the_coarsest_unit_that_is_exact() {
    let cases = [
        (Duration::ZERO, "0n"),
        (Duration::from_nanos(1), "1n"),
        (Duration::from_nanos(999), "999n"),
        (Duration::from_micros(1), "1u"),
        (Duration::from_micros(1500), "1500u"),
        (Duration::from_millis(20), "20m"),
        (Duration::from_millis(1500), "1500m"),
        (Duration::from_secs(1), "1S"),
        (Duration::from_secs(3600), "3600S"),
        (Duration::from_secs(86_400), "86400S"),
    ];
    for (timeout, expected) in cases {
        assert_eq!(text(timeout), expected);
        assert_eq!(parse(expected.as_bytes()), Ok(timeout));
    }
}

#[test]
fn rounded_up_to_three_digits() {
    assert_eq!(text(Duration::from_micros(9_999_876)), "10S");
    assert_eq!(text(Duration::from_micros(4_987_654)), "4990m");
    assert_eq!(text(Duration::from_nanos(1001)), "1010n");
    assert_eq!(text(Duration::from_millis(123_001)), "124S");
}

#[test]
fn never_shorter_never_more_than_a_hundredth_longer() {
    let mut random = crate::random::Random::new(5);
    for _ in 0..20_000 {
        let digits = 1 + random.below(17) as u32;
        let timeout = Duration::from_nanos(random.below(10usize.pow(digits)) as u64);
        let encoded = encode(timeout);
        assert!(encoded.as_bytes().len() <= 9);
        let back = parse(encoded.as_bytes()).unwrap();
        assert!(back >= timeout, "{timeout:?} became {encoded:?}");
        assert!(back <= timeout + timeout / 100, "{timeout:?} became {encoded:?}");
    }
}

#[test]
fn too_long_becomes_the_longest() {
    assert_eq!(text(Duration::from_secs(99_899_999)), "99900000S");
    assert_eq!(text(Duration::from_secs(99_900_000)), "1665001M");
    assert_eq!(text(Duration::from_secs(99_999_999)), "1666667M");
    assert_eq!(text(Duration::from_secs(6_000_000_000)), "1666667H");
    assert_eq!(text(Duration::MAX), "99999999H");
    assert_eq!(parse(b"99999999H"), Ok(Duration::from_secs(99_999_999 * 3600)));
}

#[test]
fn malformed_is_refused() {
    let cases: [(&[u8], InvalidTimeout); 12] = [
        (b"", InvalidTimeout::NoDigits),
        (b"S", InvalidTimeout::NoDigits),
        (b"1", InvalidTimeout::UnknownUnit(b'1')),
        (b"12", InvalidTimeout::UnknownUnit(b'2')),
        (b"1s", InvalidTimeout::UnknownUnit(b's')),
        (b"123456789S", InvalidTimeout::TooManyDigits),
        (b"000000001S", InvalidTimeout::TooManyDigits),
        (b"-1S", InvalidTimeout::NotADigit(b'-')),
        (b"+1S", InvalidTimeout::NotADigit(b'+')),
        (b" 1S", InvalidTimeout::NotADigit(b' ')),
        (b"1.5S", InvalidTimeout::NotADigit(b'.')),
        (b"1S ", InvalidTimeout::NotADigit(b'S')),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(text), Err(expected), "{}", text.escape_ascii());
    }
    assert_eq!(
        InvalidTimeout::UnknownUnit(b's').to_string(),
        "grpc-timeout has 's' for a unit, which is not one of H, M, S, m, u, n"
    );
}

#[test]
fn all_units_and_eight_digits() {
    let cases: [(&[u8], Duration); 7] = [
        (b"2H", Duration::from_secs(7200)),
        (b"2M", Duration::from_secs(120)),
        (b"2S", Duration::from_secs(2)),
        (b"2m", Duration::from_millis(2)),
        (b"2u", Duration::from_micros(2)),
        (b"2n", Duration::from_nanos(2)),
        (b"00000012m", Duration::from_millis(12)),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(text), Ok(expected));
    }
}
