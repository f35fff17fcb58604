//! What a peer can put into metadata, status and timeout: nothing panics, and what is read can be sent on.

#![no_main]

use bytes::{Bytes, BytesMut};
use carom_wire::{
    Code, HeaderBlock, HeaderField, MetadataMap, Status,
    fields::FieldWriter,
    hpack::{Decoder, Encoder},
    status, timeout,
};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 12] = [
    "grpc-status",
    "grpc-message",
    "grpc-status-details-bin",
    "grpc-timeout",
    "x",
    "y-bin",
    "-bin",
    "te",
    "authorization",
    "X-Upper",
    "grpc-trace-bin",
    ":path",
];

fuzz_target!(|input: &[u8]| {
    let mut fields = Vec::new();
    let mut rest = input;
    while let [name, length, after @ ..] = rest {
        let (value, after) = after.split_at(after.len().min(usize::from(*length)));
        rest = after;
        let value = Bytes::copy_from_slice(value);
        match NAMES.get(usize::from(*name)) {
            Some(name) => fields.push(HeaderField::new(*name, value)),
            // A name of the input's own: the first half of the value.
            None => {
                let middle = value.len() / 2;
                fields.push(HeaderField::new(value.slice(..middle), value.slice(middle..)));
            }
        }
        texts(&fields[fields.len() - 1].value);
    }
    let block = HeaderBlock::from_fields(fields);
    metadata(&block);
    if let Some(status) = Status::from_trailers(&block) {
        let back = Status::from_trailers(&sent(|w| status.encode(w))).expect("grpc-status was written");
        assert_eq!((back.code(), back.message()), (status.code(), status.message()));
        assert_eq!((back.details(), back.metadata()), (status.details(), status.metadata()));
    }
});

fn metadata(block: &HeaderBlock) {
    let map = MetadataMap::from_fields(block);
    let again = sent(|w| map.encode(w));
    assert_eq!(again.list_size(), map.header_list_size());
    assert_eq!(again.malformed(), None);
    assert_eq!(MetadataMap::from_fields(&again), map);
    let mut copy = MetadataMap::new();
    for (key, value) in map.iter() {
        // What a peer sends may hold bytes that are not to be sent by this side's applications.
        if copy.append(key, value).is_err() {
            assert!(value.as_bytes().iter().any(|byte| !matches!(byte, 0x20..=0x7e)));
        }
    }
    for (key, value) in copy.iter() {
        assert!(map.get_all(key).any(|known| known == value));
    }
}

fn texts(text: &[u8]) {
    let message = status::percent_decode(text);
    let escaped = status::percent_encode(&message);
    assert!(escaped.bytes().all(|byte| matches!(byte, 0x20..=0x7e)));
    assert_eq!(escaped, escaped.trim());
    assert_eq!(status::percent_decode(escaped.as_bytes()), message);

    let code = Code::from_bytes(text);
    assert!(code == Code::Unknown || code.as_str().as_bytes() == text);

    if let Ok(duration) = timeout::parse(text) {
        let encoded = timeout::encode(duration);
        let back = timeout::parse(encoded.as_bytes()).expect("what was encoded");
        // Past three years the unit is the minute, past two hundred the hour.
        assert!(back >= duration && back <= duration + duration / 100, "{duration:?} {back:?}");
    }

    let mut map = MetadataMap::new();
    let text = String::from_utf8_lossy(text);
    let middle = (0..=text.len() / 2).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    let (key, value) = text.split_at(middle);
    match map.insert(key, value) {
        Ok(()) => assert_eq!(sent(|w| map.encode(w)).malformed(), None),
        Err(error) => assert!(map.is_empty() && !error.to_string().is_empty()),
    }
}

fn sent(write: impl FnOnce(&mut dyn FieldWriter)) -> HeaderBlock {
    let (mut encoder, mut out) = (Encoder::new(), BytesMut::new());
    write(&mut encoder.begin(&mut out));
    Decoder::new(4096, 1 << 30).decode(&out).expect("what the encoder wrote")
}
