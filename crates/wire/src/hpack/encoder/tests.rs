use super::*;
use crate::hpack::Decoder;

use Indexing::{Incremental, Never, Without};

const REQUEST: Group = Group(0);
const OK: Group = Group(2);

fn block(encoder: &mut Encoder, fields: &[(&str, &str, Indexing)]) -> Vec<u8> {
    let mut out = BytesMut::new();
    let mut w = encoder.begin(&mut out);
    for (name, value, indexing) in fields {
        w.field(name.as_bytes(), value.as_bytes(), *indexing);
    }
    out.to_vec()
}

#[test]
fn static_pairs_take_a_byte() {
    let mut encoder = Encoder::new();
    for (position, (name, value)) in static_table::ENTRIES.iter().enumerate() {
        let mut out = BytesMut::new();
        encoder.begin(&mut out).field(name, value, Incremental);
        if is_secret(position + 1) {
            // An empty secret has no secret, but the rule has no exception.
            assert_ne!(out[0] & 0x80, 0x80);
        } else {
            assert_eq!(out[..], [0x80 | (position as u8 + 1)], "{}", name.escape_ascii());
        }
    }
}

#[test]
fn static_names_are_found_and_others_are_not() {
    for (name, _) in static_table::ENTRIES {
        let index = static_table::find_name(name).unwrap();
        assert_eq!(static_table::ENTRIES[index - 1].0, name);
        assert!(index == 1 || static_table::ENTRIES[index - 2].0 != name, "not the first of its name");
    }
    for name in ["", "x", "te", "grpc-status", "content-typf", ":authoritz"] {
        assert_eq!(static_table::find_name(name.as_bytes()), None);
    }
}

#[test]
fn a_repeated_pair_takes_a_byte() {
    let mut encoder = Encoder::new();
    let fields = [("grpc-status", "0", Incremental), (":path", "/a.B/C", Incremental)];
    let first = block(&mut encoder, &fields);
    let generation = encoder.generation();
    assert!(first.len() > 10);
    assert_eq!(block(&mut encoder, &fields), [0xbf, 0xbe]);
    assert_eq!(encoder.generation(), generation);
    // `Without` uses what is there.
    assert_eq!(block(&mut encoder, &[("grpc-status", "0", Without)]), [0xbf]);
}

#[test]
fn without_leaves_the_table_alone() {
    let mut encoder = Encoder::new();
    let fields = [("x-key", "value", Without)];
    let first = block(&mut encoder, &fields);
    assert_eq!(first[0], 0x00);
    assert_eq!(block(&mut encoder, &fields), first);
    assert_eq!(encoder.generation(), 0);
}

#[test]
fn names_are_indexed_alone_too() {
    let mut encoder = Encoder::new();
    block(&mut encoder, &[("x-key", "1", Incremental)]);
    assert_eq!(block(&mut encoder, &[("x-key", "2", Without)])[..2], [0x0f, 0x2f]);
    assert_eq!(block(&mut encoder, &[("x-key", "2", Incremental)])[0], 0x7e);
    assert_eq!(block(&mut encoder, &[("x-key", "2", Incremental)]), [0xbe]);
    assert_eq!(block(&mut encoder, &[("x-key", "1", Incremental)]), [0xbf]);
}

#[test]
fn secrets_are_never_indexed() {
    for name in ["authorization", "proxy-authorization", "cookie", "set-cookie"] {
        let mut encoder = Encoder::new();
        for indexing in [Incremental, Without, Never] {
            let out = block(&mut encoder, &[(name, "secret", indexing)]);
            assert_eq!(out[0] & 0xf0, 0x10, "{name} {indexing:?}");
            let list = Decoder::new(4096, 16384).decode(&out).unwrap();
            assert!(list.fields()[0].sensitive);
        }
        assert_eq!(encoder.generation(), 0);
    }
    let mut encoder = Encoder::new();
    let fields = [("x-token", "secret", Never)];
    assert_eq!(block(&mut encoder, &fields)[0], 0x10);
    assert_eq!(block(&mut encoder, &fields)[0], 0x10);
    // Not even where the pair got into the table by another way.
    block(&mut encoder, &[("x-token", "secret", Incremental)]);
    assert_eq!(block(&mut encoder, &fields)[0] & 0xf0, 0x10);
}

#[test]
fn huffman_only_where_it_is_shorter() {
    let mut encoder = Encoder::new();
    let short = block(&mut encoder, &[("x", "aaaaaaaa", Without)]);
    assert_eq!(short[3], 0x80 | 5);
    let plain = block(&mut encoder, &[("x", "\\\\\\\\", Without)]);
    assert_eq!(plain[3], 4);
}

#[test]
fn the_size_update_is_written_once_and_first() {
    let mut encoder = Encoder::new();
    block(&mut encoder, &[("x-key", "1", Incremental)]);
    encoder.set_max_table_size(0);
    assert!(encoder.update_due());
    assert_eq!(block(&mut encoder, &[(":method", "POST", Incremental)]), [0x20, 0x83]);
    assert_eq!(block(&mut encoder, &[(":method", "POST", Incremental)]), [0x83]);
    // Nothing can be indexed now.
    let plain = block(&mut encoder, &[("x-key", "1", Incremental)]);
    assert_eq!(plain[0], 0x00);
    assert_eq!(block(&mut encoder, &[("x-key", "1", Incremental)]), plain);
}

#[test]
fn lower_and_higher_between_two_blocks_are_both_written() {
    let mut encoder = Encoder::new();
    block(&mut encoder, &[("x-key", "1", Incremental)]);
    encoder.set_max_table_size(0);
    encoder.set_max_table_size(100);
    encoder.set_max_table_size(10_000);
    let out = block(&mut encoder, &[("x-key", "1", Incremental)]);
    // 0, then 4096; the entry is gone.
    assert_eq!(out[..5], [0x20, 0x3f, 0xe1, 0x1f, 0x40]);
}

#[test]
fn more_than_4096_bytes_are_not_used() {
    let mut encoder = Encoder::new();
    encoder.set_max_table_size(u32::MAX);
    assert!(!encoder.update_due());
    assert_eq!(block(&mut encoder, &[(":method", "POST", Incremental)]), [0x83]);
}

#[test]
fn the_table_stays_within_its_size() {
    let mut encoder = Encoder::new();
    for number in 0..1000 {
        let value = format!("{number}-{}", "x".repeat(number % 90));
        block(&mut encoder, &[("x-key", &value, Incremental)]);
        assert!(encoder.table.size <= 4096);
        let counted: usize = encoder.table.entries.iter().map(|e| e.text.len() + FIELD_OVERHEAD).sum();
        assert_eq!(encoder.table.size, counted);
    }
    // A field that would take the whole table is not put in.
    let before = encoder.generation();
    block(&mut encoder, &[("x-key", &"x".repeat(4000), Incremental)]);
    assert_eq!(encoder.generation(), before);
}

#[test]
fn all_in_one_bucket_is_only_slower() {
    let mut encoder = Encoder::new();
    let mut decoder = Decoder::new(4096, 16384);
    let colliding = (0..100_000).map(|n| n.to_string());
    let colliding =
        colliding.filter(|value| bucket(Key::new(b"x", value.as_bytes()).pair_hash) == 0).take(400);
    for value in colliding {
        for _ in 0..2 {
            let out = block(&mut encoder, &[("x", &value, Incremental)]);
            assert_eq!(decoder.decode(&out).unwrap().get(b"x").unwrap(), value.as_str());
        }
    }
}

/// Groups against fields one by one, over tables that hardly hold anything: whoever decodes must not see a difference.
#[test]
fn groups_say_what_their_fields_say() {
    use crate::random::Random;

    for seed in 0..40 {
        let mut random = Random::new(seed);
        let mut encoder = Encoder::new();
        let mut decoder = Decoder::new(4096, 1 << 16);
        for _ in 0..200 {
            if random.below(20) == 0 {
                encoder.set_max_table_size([0, 60, 120, 200, 4096][random.below(5)]);
            }
            let path = [&b"/a.B/C"[..], b"/a.B/D", b"/a.B/E"][random.below(3)];
            let agent = [&b""[..], b"x", b"longer than the others"][random.below(3)];
            let id = random.below(4).to_string();
            let mut out = BytesMut::new();
            let mut w = encoder.begin(&mut out);
            w.group(REQUEST, &[path, agent], &|w: &mut dyn FieldWriter| {
                w.field(b":path", path, Incremental);
                w.field(b"user-agent", agent, Incremental);
            });
            w.field(b"request-id", id.as_bytes(), if random.below(3) == 0 { Incremental } else { Without });
            w.group(OK, &[], &|w: &mut dyn FieldWriter| w.field(b"grpc-status", b"0", Incremental));
            let block = decoder.decode(&out).unwrap();
            let values: Vec<&[u8]> = block.fields().iter().map(|field| &field.value[..]).collect();
            assert_eq!(values, [path, agent, id.as_bytes(), b"0"], "seed {seed}");
        }
    }
}

#[test]
fn a_group_is_remembered_until_the_table_changes() {
    let mut encoder = Encoder::new();
    let written = std::cell::Cell::new(0);
    let group = |encoder: &mut Encoder| {
        let mut out = BytesMut::new();
        encoder.begin(&mut out).group(OK, &[b"0"], &|w: &mut dyn FieldWriter| {
            written.set(written.get() + 1);
            w.field(b"grpc-status", b"0", Incremental);
        });
        (out.to_vec(), written.get())
    };
    let (literal, _) = group(&mut encoder);
    assert_eq!(group(&mut encoder), (vec![0xbe], 2), "the second time it is in the table");
    assert_eq!(group(&mut encoder), (vec![0xbe], 2), "the third time nobody looks");
    block(&mut encoder, &[("x-key", "value", Incremental)]);
    assert_eq!(group(&mut encoder), (vec![0xbf], 3), "its place has moved");
    encoder.set_max_table_size(0);
    block(&mut encoder, &[]);
    let (again, _) = group(&mut encoder);
    assert_eq!(again[1..], literal[1..], "it is in no table any more");
}
