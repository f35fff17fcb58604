//! HPACK. The first byte chooses: arbitrary bytes into a decoder, or fields through an encoder and a decoder.

#![no_main]

use bytes::BytesMut;
use carom_wire::fields::{FIELD_OVERHEAD, FieldWriter, HeaderBlock, Indexing};
use carom_wire::hpack::{Decoder, Encoder};
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

fuzz_target!(|input: &[u8]| {
    if let Some((choice, rest)) = input.split_first() {
        if choice & 1 == 0 {
            decode(choice >> 1, rest);
        } else {
            // An input that ends early has done what it says.
            let _ = round_trip(&mut Unstructured::new(rest));
        }
    }
});

/// Blocks of a length byte each go into one decoder, and into another that never sees the same block twice, so
/// cannot remember any: both must say the same.
fn decode(choice: u8, mut input: &[u8]) {
    let soft_limit = if choice & 1 == 0 { 1000 } else { 1 << 20 };
    let table = if choice & 2 == 0 { 4096 } else { 128 };
    let (mut decoder, mut forgetful) = (Decoder::new(table, soft_limit), Decoder::new(table, 1 << 30));
    if choice & 4 != 0 {
        decoder.settings_acknowledged();
        forgetful.settings_acknowledged();
    }
    let mut number = 0u32;
    while let [length, rest @ ..] = input {
        let (block, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        input = rest;
        let Ok(decoded) = decoder.decode(block) else { return };
        check(&decoded, soft_limit);
        number += 1;
        let mut unique = block.to_vec();
        unique.extend_from_slice(&[0x00, 0x01, b'n', 0x04]);
        unique.extend_from_slice(&number.to_be_bytes());
        let expected = forgetful.decode(&unique).expect("it is the same block and one field");
        let (_, expected) = expected.fields().split_last().expect("the field added");
        if decoded.over_limit() {
            assert!(expected.starts_with(decoded.fields()));
        } else {
            assert_eq!(decoded.fields(), expected);
        }
    }
}

fn check(block: &HeaderBlock, soft_limit: usize) {
    let size = |f: &carom_wire::HeaderField| f.name.len() + f.value.len() + FIELD_OVERHEAD;
    let kept: usize = block.fields().iter().map(size).sum();
    assert_eq!(block.over_limit(), block.list_size() > soft_limit);
    assert!(kept <= soft_limit && block.limit() == soft_limit);
    assert!(block.over_limit() || kept == block.list_size());
}

fn round_trip(input: &mut Unstructured<'_>) -> Result<()> {
    const NAMES: [&[u8]; 8] =
        [b":path", b":status", b"content-type", b"te", b"cookie", b"x-a", b"x-b", b"authorization"];
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new(4096, 1 << 30));
    let mut out = BytesMut::new();
    while !input.is_empty() {
        if input.ratio(1u8, 8u8)? {
            encoder.set_max_table_size(input.int_in_range(0..=5000)?);
        }
        let mut sent = Vec::new();
        out.clear();
        let mut w = encoder.begin(&mut out);
        for _ in 0..input.int_in_range(0..=8u8)? {
            let name = match input.int_in_range(0..=15usize)? {
                known @ 0..8 => NAMES[known],
                _ => text(input, 20)?,
            };
            let value = match input.int_in_range(0..=3u8)? {
                0 => b"200".to_vec(),
                1 => vec![input.arbitrary()?; input.int_in_range(0..=4200)?],
                _ => text(input, 60)?.to_vec(),
            };
            let indexing = match input.int_in_range(0..=3u8)? {
                0 => Indexing::Never,
                1 => Indexing::Without,
                _ => Indexing::Incremental,
            };
            w.field(name, &value, indexing);
            sent.push((name, value, indexing));
        }
        let block = decoder.decode(&out).expect("what the encoder wrote");
        assert_eq!(block.fields().len(), sent.len());
        for (field, (name, value, indexing)) in block.fields().iter().zip(&sent) {
            assert_eq!((&field.name[..], &field.value[..]), (*name, &value[..]));
            let secret = matches!(*name, b"cookie" | b"authorization");
            assert!(field.sensitive || !secret, "{name:?} {indexing:?}");
        }
    }
    Ok(())
}

fn text<'a>(input: &mut Unstructured<'a>, max: usize) -> Result<&'a [u8]> {
    let length = input.int_in_range(0..=max)?.min(input.len());
    input.bytes(length)
}
