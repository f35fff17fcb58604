use super::*;

fn coded(text: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    encode(text, &mut out);
    assert_eq!(out.len(), encoded_len(text));
    out.to_vec()
}

fn decoded(coded: &[u8]) -> Result<Vec<u8>, Invalid> {
    let mut out = Vec::new();
    decode(coded, &mut out).map(|()| out)
}

/// The plainest decoder: bit by bit, every code word compared.
fn decoded_slowly(coded: &[u8]) -> Result<Vec<u8>, Invalid> {
    let bits: Vec<u32> =
        coded.iter().flat_map(|byte| (0..8).rev().map(move |bit| u32::from(byte >> bit & 1))).collect();
    let (mut out, mut word, mut length) = (Vec::new(), 0u32, 0u8);
    for bit in bits {
        (word, length) = (word << 1 | bit, length + 1);
        if let Some(symbol) = (0..SYMBOLS).find(|&s| LENGTHS[s] == length && CODES[s] == word) {
            if symbol == EOS {
                return Err(Invalid::EndOfString);
            }
            out.push(symbol as u8);
            (word, length) = (0, 0);
        }
    }
    if length < 8 && word == (1 << length) - 1 { Ok(out) } else { Err(Invalid::Padding) }
}

#[test]
fn code_words_of_the_specification() {
    // A few from each end of the table in appendix B.
    let expected = [
        (0, 0x1ff8, 13),
        (b' ' as usize, 0x14, 6),
        (b'0' as usize, 0x0, 5),
        (b'X' as usize, 0xfc, 8),
        (b'z' as usize, 0x7b, 7),
        (b'\\' as usize, 0x7fff0, 19),
        (127, 0xffffffc, 28),
        (249, 0xffffffe, 28),
        (255, 0x3ffffee, 26),
        (EOS, 0x3fffffff, 30),
    ];
    for (symbol, word, length) in expected {
        assert_eq!((CODES[symbol], LENGTHS[symbol]), (word, length), "symbol {symbol}");
    }
}

#[test]
fn every_byte_alone_and_behind_others() {
    for byte in 0..=255 {
        for before in 0..9 {
            let mut text = vec![b'0'; before];
            text.push(byte);
            assert_eq!(decoded(&coded(&text)).unwrap(), text);
        }
    }
}

#[test]
fn all_bytes_at_once() {
    let text: Vec<u8> = (0..=255).cycle().take(2000).collect();
    assert_eq!(decoded(&coded(&text)).unwrap(), text);
}

#[test]
fn agrees_with_the_slow_decoder() {
    let mut random = crate::random::Random::new(7);
    for round in 0..1000 {
        let length = random.below(24);
        // Mostly ones in every other round, where the long code words are.
        let source: Vec<u8> = (0..length)
            .map(|_| {
                let byte = random.below(256) as u8;
                if round % 2 == 0 { byte } else { byte | 0xfc }
            })
            .collect();
        assert_eq!(decoded(&source), decoded_slowly(&source), "{source:02x?}");
    }
}

#[test]
fn padding_is_short_and_all_ones() {
    assert_eq!(decoded(b"").unwrap(), b"");
    assert_eq!(decoded(&[0x07]).unwrap(), b"0");
    assert_eq!(decoded(&[0x06]), Err(Invalid::Padding));
    // A whole byte of padding.
    assert_eq!(decoded(&[0x07, 0xff]), Err(Invalid::Padding));
    assert_eq!(decoded(&[0xff]), Err(Invalid::Padding));
    assert_eq!(decoded(&[0xff, 0xff, 0xff]), Err(Invalid::Padding));
}

#[test]
fn end_of_string_inside_is_invalid() {
    assert_eq!(decoded(&[0xff, 0xff, 0xff, 0xff]), Err(Invalid::EndOfString));
    assert_eq!(decoded(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), Err(Invalid::EndOfString));
}

#[test]
fn output_is_bounded_by_the_shortest_code_word() {
    let source = vec![0u8; 1000];
    assert_eq!(decoded(&source).unwrap().len(), 1600);
}

/// In pieces of any size, valid or not, the counter says what the decoder does.
#[test]
fn a_string_in_pieces_is_as_long_as_it_is_whole() {
    let mut random = crate::random::Random::new(5);
    for round in 0..20_000 {
        let mut source: Vec<u8> = (0..random.below(40)).map(|_| random.below(256) as u8).collect();
        if round % 2 == 0 {
            source = coded(&source);
        }
        let mut counter = Counter::default();
        let mut rest = &source[..];
        let mut counted = Ok(());
        while !rest.is_empty() && counted.is_ok() {
            let (piece, later) = rest.split_at((1 + random.below(9)).min(rest.len()));
            counted = counter.push(piece);
            rest = later;
        }
        let counted = counted.and_then(|()| counter.finish());
        assert_eq!(counted, decoded(&source).map(|text| text.len()), "{source:x?}");
    }
}
