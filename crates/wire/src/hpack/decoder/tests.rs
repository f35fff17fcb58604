use bytes::BytesMut;

use super::*;
use crate::fields::{FieldWriter, Indexing};
use crate::hpack::Encoder;

fn decoder() -> Decoder {
    Decoder::new(4096, 16 * 1024)
}

fn literal(flags: u8, name: &str, value: &str) -> Vec<u8> {
    let mut block = BytesMut::new();
    block.extend_from_slice(&[flags]);
    for text in [name, value] {
        integer::encode(&mut block, 0, 7, text.len());
        block.extend_from_slice(text.as_bytes());
    }
    block.to_vec()
}

fn indexed(name: &str, value: &str) -> Vec<u8> {
    literal(0x40, name, value)
}

#[test]
fn truncated_blocks() {
    let mut whole = indexed("name", "value");
    whole.extend(literal(0x10, "other", "thing"));
    for end in 1..whole.len() {
        let result = decoder().decode(&whole[..end]);
        // A cut between the two fields is a shorter block.
        if end == indexed("name", "value").len() {
            assert!(result.is_ok());
        } else {
            assert_eq!(result.unwrap_err(), DecodeError::Truncated, "cut at {end}");
        }
    }
}

#[test]
fn indices_that_do_not_exist() {
    assert_eq!(decoder().decode(&[0x80]).unwrap_err(), DecodeError::InvalidIndex(0));
    assert_eq!(decoder().decode(&[0xbe]).unwrap_err(), DecodeError::InvalidIndex(62));
    assert_eq!(decoder().decode(&[0x7f, 0x00, 0x00]).unwrap_err(), DecodeError::InvalidIndex(63));
    // The highest number that can be written.
    let far = decoder().decode(&[0xff, 0xff, 0xff, 0xff, 0x7f]).unwrap_err();
    assert!(matches!(far, DecodeError::InvalidIndex(_)), "{far}");
}

#[test]
fn integers_are_capped() {
    for first in [0xff, 0x7f, 0x3f, 0x1f, 0x0f] {
        let mut block = vec![first];
        block.extend([0xff; 10]);
        block.push(0);
        assert_eq!(decoder().decode(&block).unwrap_err(), DecodeError::IntegerTooLong, "{first:#x}");
        // Zeros in front are as endless.
        let mut block = vec![first];
        block.extend([0x80; 100]);
        assert_eq!(decoder().decode(&block).unwrap_err(), DecodeError::IntegerTooLong, "{first:#x}");
    }
}

#[test]
fn a_length_allocates_nothing() {
    // A string of 268 million bytes that does not follow.
    assert_eq!(decoder().decode(&[0x00, 0x7f, 0xff, 0xff, 0xff, 0x7f]).unwrap_err(), DecodeError::Truncated);
    assert_eq!(decoder().decode(&[0x00, 0xff, 0xff, 0xff, 0xff, 0x7f]).unwrap_err(), DecodeError::Truncated);
}

#[test]
fn huffman_errors_pass_through() {
    let error = decoder().decode(&[0x00, 0x84, 0xff, 0xff, 0xff, 0xff, 0x00]).unwrap_err();
    assert_eq!(error, DecodeError::HuffmanEndOfString);
    assert_eq!(decoder().decode(&[0x00, 0x81, 0x00, 0x00]).unwrap_err(), DecodeError::HuffmanPadding);
}

#[test]
fn size_update_comes_first() {
    assert!(decoder().decode(&[0x20, 0x82]).is_ok());
    assert!(decoder().decode(&[0x20, 0x3f, 0xe1, 0x1f, 0x82]).is_ok());
    assert_eq!(decoder().decode(&[0x82, 0x20]).unwrap_err(), DecodeError::SizeUpdateNotFirst);
}

#[test]
fn size_update_stays_within_the_setting() {
    let to = |size| {
        let mut block = BytesMut::new();
        integer::encode(&mut block, 0x20, 5, size);
        block
    };
    assert!(decoder().decode(&to(4096)).is_ok());
    let error = decoder().decode(&to(4097)).unwrap_err();
    assert_eq!(error, DecodeError::SizeUpdateTooLarge { size: 4097, max: 4096 });
    assert!(Decoder::new(8192, 16384).decode(&to(8192)).is_ok());

    // A lower setting binds the peer once it has seen it.
    let mut lowered = Decoder::new(100, 16384);
    assert!(lowered.decode(&to(4096)).is_ok());
    lowered.settings_acknowledged();
    let error = lowered.decode(&to(101)).unwrap_err();
    assert_eq!(error, DecodeError::SizeUpdateTooLarge { size: 101, max: 100 });
}

#[test]
fn a_lower_setting_asks_for_an_update() {
    let mut lowered = Decoder::new(100, 16384);
    // The memo must not hide it.
    assert!(lowered.decode(&[0x82]).is_ok());
    assert!(lowered.decode(&[0x82]).is_ok());
    lowered.settings_acknowledged();
    assert_eq!(lowered.decode(&[0x82]).unwrap_err(), DecodeError::SizeUpdateMissing);

    let mut lowered = Decoder::new(100, 16384);
    lowered.settings_acknowledged();
    assert!(lowered.decode(&[0x20, 0x3f, 0x45, 0x82]).is_ok());
    assert!(lowered.decode(&[0x82]).is_ok());
}

#[test]
fn eviction_as_in_section_4_4() {
    let mut decoder = decoder();
    // 32 + 4 + 60 = 96 bytes each.
    let value = "x".repeat(60);
    for number in 0..100 {
        decoder.decode(&indexed(&format!("n-{number:02}"), &value)).unwrap();
    }
    assert_eq!(decoder.table.entries.len(), 4096 / 96);
    assert_eq!(decoder.table.size, 4096 / 96 * 96);
    let newest = decoder.decode(&[0xbe]).unwrap();
    assert_eq!(newest.fields()[0].name, "n-99");

    // An entry larger than the table empties it.
    decoder.decode(&indexed("large", &"x".repeat(5000))).unwrap();
    assert_eq!((decoder.table.entries.len(), decoder.table.size), (0, 0));
    assert_eq!(decoder.decode(&[0xbe]).unwrap_err(), DecodeError::InvalidIndex(62));
}

#[test]
fn a_name_may_come_from_the_entry_that_is_evicted_for_it() {
    let mut decoder = decoder();
    let name = "n".repeat(2000);
    decoder.decode(&indexed(&name, "")).unwrap();
    let mut block = BytesMut::from(&[0x7e][..]);
    integer::encode(&mut block, 0, 7, 2500);
    block.extend_from_slice(&[b'v'; 2500]);
    // 2000 + 2500 + 32 > 4096: nothing is left, the field is whole.
    let fields = decoder.decode(&block).unwrap();
    assert_eq!((fields.fields()[0].name.len(), fields.fields()[0].value.len()), (2000, 2500));
    assert!(decoder.table.entries.is_empty());
}

#[test]
fn past_the_soft_limit_fields_are_dropped_and_the_table_stays_in_step() {
    let mut decoder = Decoder::new(4096, 200);
    let mut block = indexed("first", "1");
    block.extend(literal(0x00, "long", &"x".repeat(150)));
    block.extend(indexed("last", "2"));
    let list = decoder.decode(&block).unwrap();
    assert!(list.over_limit());
    assert_eq!(list.fields().len(), 1);
    assert_eq!(list.list_size(), 38 + (4 + 150 + 32) + 37);
    // The field that was dropped is in the table.
    let next = decoder.decode(&[0xbe, 0xbf]).unwrap();
    assert!(!next.over_limit());
    assert_eq!(next.get(b"last").unwrap(), "2");
    assert_eq!(next.get(b"first").unwrap(), "1");
}

#[test]
fn exactly_the_soft_limit_is_within_it() {
    let block = literal(0x00, "name", "value");
    assert!(!Decoder::new(4096, 41).decode(&block).unwrap().over_limit());
    assert!(Decoder::new(4096, 40).decode(&block).unwrap().over_limit());
}

#[test]
fn a_bomb_of_references_is_stopped() {
    // One large entry, then a byte for each repetition of it (CVE-2016-6581).
    let mut decoder = decoder();
    let mut block = indexed("bomb", &"x".repeat(4000));
    block.extend(vec![0xbe; 16 * 1024]);
    let error = decoder.decode(&block).unwrap_err();
    assert_eq!(error, DecodeError::ListTooLarge { limit: MAX_LIST_SIZE });
    assert!(error.is_excessive());
    assert!(!DecodeError::Truncated.is_excessive());
}

#[test]
fn empty_fields_count_too_and_are_dropped() {
    // The overhead of 32 bytes a field counts: two empty strings cost three bytes on the wire.
    let block = [0x00, 0x00, 0x00].repeat(20_000);
    let list = decoder().decode(&block).unwrap();
    assert!(list.over_limit());
    assert_eq!((list.fields().len(), list.list_size(), list.limit()), (512, 640_000, 16 * 1024));
}

/// Throws `block` away in pieces as large as `piece` says.
fn discard(
    decoder: &mut Decoder,
    block: &[u8],
    mut piece: impl FnMut() -> usize,
) -> Result<HeaderBlock, DecodeError> {
    let mut discard = Discard::new();
    let mut rest = block;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(piece().min(rest.len()));
        discard.feed(decoder, now)?;
        rest = later;
    }
    discard.finish(decoder)
}

fn table(decoder: &Decoder) -> (usize, usize, Vec<&HeaderField>) {
    let table = &decoder.table;
    (table.size, table.max_size, table.entries.iter().map(|entry| &entry.field).collect())
}

/// Thrown away in any pieces, a block does to the table what it does when it is decoded, and is as large.
#[test]
fn a_discarded_block_leaves_the_table_in_step() {
    let mut random = crate::random::Random::new(3);
    for _ in 0..300 {
        let mut encoder = Encoder::new();
        // A limit of none: whatever is discarded is past it.
        let (mut whole, mut pieces) = (Decoder::new(4096, 0), Decoder::new(4096, 0));
        for _ in 0..8 {
            let mut block = BytesMut::new();
            encoder.set_max_table_size(random.below(5000) as u32);
            let mut w = encoder.begin(&mut block);
            for _ in 0..1 + random.below(8) {
                let indexing = [Indexing::Incremental, Indexing::Without, Indexing::Never][random.below(3)];
                let most = if random.below(8) == 0 { 6000 } else { 30 };
                let mut text = |most: usize| -> Vec<u8> {
                    let len = random.below(most);
                    (0..len).map(|_| b"abc01~{\xff"[random.below(8)]).collect()
                };
                let (name, value) = (text(6), text(most));
                w.field(&name, &value, indexing);
            }
            let decoded = whole.decode(&block).unwrap();
            let discarded = discard(&mut pieces, &block, || 1 + random.below(50)).unwrap();
            assert_eq!(discarded.list_size(), decoded.list_size());
            assert!(discarded.over_limit() && discarded.fields().is_empty());
            assert_eq!(table(&pieces), table(&whole));
        }
    }
}

#[test]
fn never_indexed_stays_known() {
    let list = decoder().decode(&literal(0x10, "token", "secret")).unwrap();
    assert!(list.fields()[0].sensitive);
    assert!(!format!("{list:?}").contains("secret"));
    assert!(!decoder().decode(&literal(0x00, "token", "open")).unwrap().fields()[0].sensitive);
}

#[test]
fn a_repeated_block_is_the_same_allocation() {
    let mut decoder = decoder();
    let mut encoder = Encoder::new();
    let mut block = |path: &str| {
        let mut out = BytesMut::new();
        let mut w = encoder.begin(&mut out);
        w.field(b":method", b"POST", Indexing::Incremental);
        w.field(b":path", path.as_bytes(), Indexing::Incremental);
        w.field(b"x-plain", b"literal", Indexing::Without);
        out
    };
    let inserting = decoder.decode(&block("/a/B")).unwrap();
    let first = decoder.decode(&block("/a/B")).unwrap();
    let second = decoder.decode(&block("/a/B")).unwrap();
    assert!(!inserting.ptr_eq(&first));
    assert!(first.ptr_eq(&second));
    assert_eq!(first.fields(), second.fields());

    // The same bytes mean something else once the table has changed.
    let bytes = block("/a/B");
    let other = decoder.decode(&block("/a/Other")).unwrap();
    assert_eq!(other.get(b":path").unwrap(), "/a/Other");
    let after = decoder.decode(&bytes).unwrap();
    assert!(!after.ptr_eq(&first));
    assert_eq!(after.get(b":path").unwrap(), "/a/Other");
}

#[test]
fn a_block_that_inserts_is_never_remembered() {
    let mut decoder = decoder();
    let block = indexed("name", "value");
    for round in 1..=3 {
        decoder.decode(&block).unwrap();
        assert_eq!(decoder.table.entries.len(), round);
    }
    let update = [0x20, 0x82];
    decoder.decode(&update).unwrap();
    assert!(decoder.table.entries.is_empty());
    decoder.decode(&[0x3f, 0xe1, 0x1f]).unwrap();
    decoder.decode(&block).unwrap();
    decoder.decode(&update).unwrap();
    assert!(decoder.table.entries.is_empty());
}

#[test]
fn blocks_that_never_repeat_do_not_push_out_those_that_do() {
    let mut decoder = decoder();
    let often = literal(0x00, "method", "often");
    decoder.decode(&often).unwrap();
    let known = decoder.decode(&often).unwrap();
    for number in 0..1000 {
        decoder.decode(&literal(0x00, "trace", &number.to_string())).unwrap();
        assert!(decoder.decode(&often).unwrap().ptr_eq(&known), "after {number} others");
    }
    // One that is not met again makes room in the end.
    for number in 0..1000 {
        decoder.decode(&literal(0x00, "trace", &number.to_string())).unwrap();
    }
    assert!(!decoder.decode(&often).unwrap().ptr_eq(&known));
}

#[test]
fn long_blocks_are_not_remembered() {
    let mut decoder = decoder();
    let long = literal(0x00, "name", &"x".repeat(600));
    let first = decoder.decode(&long).unwrap();
    assert!(!decoder.decode(&long).unwrap().ptr_eq(&first));
    let many = vec![0x82; 100];
    let first = decoder.decode(&many).unwrap();
    assert!(!decoder.decode(&many).unwrap().ptr_eq(&first));
}

#[test]
fn malformed_blocks_decode_and_say_so() {
    let judge = |fields: &[(&str, &str)]| {
        let block: Vec<u8> = fields.iter().flat_map(|(name, value)| literal(0x00, name, value)).collect();
        decoder().decode(&block).unwrap().malformed()
    };
    assert_eq!(judge(&[(":path", "/"), ("te", "trailers"), ("x-odd", "\u{fc} \t")]), None);
    assert_eq!(judge(&[("", "")]), Some(Malformed::Name));
    assert_eq!(judge(&[(":", "")]), Some(Malformed::Name));
    assert_eq!(judge(&[("Upper", "")]), Some(Malformed::Name));
    assert_eq!(judge(&[("with space", "")]), Some(Malformed::Name));
    assert_eq!(judge(&[("a:b", "")]), Some(Malformed::Name));
    assert_eq!(judge(&[("\u{fc}", "")]), Some(Malformed::Name));
    assert_eq!(judge(&[("name", "a\r\nb: c")]), Some(Malformed::Value));
    assert_eq!(judge(&[("name", "a\0")]), Some(Malformed::Value));
    assert_eq!(judge(&[("name", ""), (":path", "/")]), Some(Malformed::PseudoAfterRegular));
    assert_eq!(judge(&[("connection", "close")]), Some(Malformed::ConnectionSpecific));
}

#[test]
fn random_bytes_never_panic() {
    let mut random = crate::random::Random::new(11);
    for _ in 0..20_000 {
        let mut decoder = Decoder::new(random.below(5000), 500);
        for _ in 0..4 {
            let block: Vec<u8> = (0..random.below(60)).map(|_| random.below(256) as u8).collect();
            if decoder.decode(&block).is_err() {
                break;
            }
        }
    }
}

/// Broken blocks are as broken in pieces.
#[test]
fn random_bytes_are_discarded_as_they_are_decoded() {
    let mut random = crate::random::Random::new(12);
    for _ in 0..20_000 {
        let setting = random.below(5000);
        let (mut whole, mut pieces) = (Decoder::new(setting, 0), Decoder::new(setting, 0));
        for _ in 0..4 {
            let block: Vec<u8> = (0..1 + random.below(60)).map(|_| random.below(256) as u8).collect();
            let decoded = whole.decode(&block);
            let discarded = discard(&mut pieces, &block, || 1 + random.below(20));
            match (decoded, discarded) {
                (Ok(decoded), Ok(discarded)) => {
                    assert_eq!(discarded.list_size(), decoded.list_size().max(1));
                    assert_eq!(table(&pieces), table(&whole));
                }
                (Err(_), Err(_)) => break,
                (decoded, discarded) => panic!("{block:x?}: {decoded:?}, {discarded:?}"),
            }
        }
    }
}

/// A literal that cannot fit into the table is not held, however long it is.
#[test]
fn a_discarded_string_is_not_kept() {
    let mut decoder = decoder();
    decoder.decode(&indexed("first", "1")).unwrap();
    let mut discard = Discard::new();
    let mut start = BytesMut::from(&[0x40, 1, b'n'][..]);
    integer::encode(&mut start, 0, 7, 500_000);
    discard.feed(&mut decoder, &start).unwrap();
    for _ in 0..500 {
        discard.feed(&mut decoder, &[b'v'; 1000]).unwrap();
        assert_eq!(discard.held(), 0);
    }
    assert_eq!(discard.finish(&decoder).unwrap().list_size(), 500_033);
    assert!(decoder.table.entries.is_empty(), "an entry that does not fit empties the table");
}

#[test]
fn what_is_known_can_be_found() {
    assert!(known::KNOWN.is_sorted());
    for text in known::KNOWN {
        assert_eq!(known::share(text), text);
    }
    assert_eq!(known::share(b"something else"), "something else");
}
