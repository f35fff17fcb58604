//! Whatever bytes a peer sends, to either side: nothing panics, what is written stays in proportion, and it does
//! not matter how the bytes were cut on their way.

#![no_main]

use std::time::Instant;

use bytes::{Buf, Bytes};
use carom_wire::{
    conn::{Connection, Event, ServerConfig, Side},
    fields::{FieldWriter, Indexing},
};
use libfuzzer_sys::fuzz_target;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

fuzz_target!(|input: &[u8]| {
    let [choice, cuts, rest @ ..] = input else { return };
    let side = if choice & 1 == 0 { Side::Server } else { Side::Client };
    let mut bytes = Vec::new();
    if choice & 2 == 0 {
        if side == Side::Server {
            bytes.extend_from_slice(PREFACE);
        }
        bytes.extend_from_slice(SETTINGS);
    }
    if choice & 4 == 0 {
        frames(rest, &mut bytes)
    } else {
        bytes.extend_from_slice(rest)
    }
    let at_once = run(side, &bytes, usize::MAX);
    let in_pieces = run(side, &bytes, usize::from(*cuts) + 1);
    assert_eq!(at_once, in_pieces);
});

/// Frames with a right length: kind, flags, stream, length, payload. The stream is a small number, or any.
fn frames(mut input: &[u8], out: &mut Vec<u8>) {
    while let [kind, flags, stream, length, rest @ ..] = input {
        let (payload, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        input = rest;
        let stream = if *stream < 0xf0 { u32::from(stream % 16) } else { u32::from(*stream) << 23 | 1 };
        out.extend_from_slice(&[0, 0, payload.len() as u8, kind % 18, *flags]);
        out.extend_from_slice(&stream.to_be_bytes());
        out.extend_from_slice(payload);
    }
}

/// The events and the output of an engine whose application answers what can be answered.
fn run(side: Side, bytes: &[u8], piece: usize) -> (Vec<String>, Vec<u8>) {
    let now = Instant::now();
    let mut config = ServerConfig::default();
    config.connection.max_header_list_size = 400;
    config.connection.idle_frame_burst = 40;
    config.reset_burst = 8;
    let mut engine = match side {
        Side::Client => Connection::client(config.connection, now),
        Side::Server => Connection::server(config, now),
    };
    if side == Side::Client {
        for _ in 0..4 {
            engine.open(&request, false).expect("a new connection");
        }
    }
    let mut seen = Vec::new();
    for piece in bytes.chunks(piece.min(bytes.len().max(1))) {
        engine.input().extend_from_slice(piece);
        while let Some(event) = engine.next_event(now) {
            answer(&mut engine, &event);
            seen.push(told(&event));
        }
        if engine.is_closed() {
            break;
        }
    }
    engine.handle_eof();
    while let Some(event) = engine.next_event(now) {
        seen.push(told(&event));
    }
    assert!(engine.is_closed() && engine.active_streams() == 0);
    assert!(seen.last().is_some_and(|event| event.starts_with("Closed")));
    engine.transmit(now, usize::MAX);
    let length = engine.output().remaining();
    assert!(length <= 20 * bytes.len() + 2000, "{length} bytes for {}", bytes.len());
    let written = engine.output().copy_to_bytes(length).to_vec();
    (seen, written)
}

/// The guess at what bytes that are no HTTP/2 may be depends on how many have come.
fn told(event: &Event) -> String {
    let text = format!("{event:?}");
    match text.find("this looks like") {
        Some(guess) => text[..guess].to_owned(),
        None => text,
    }
}

fn answer(engine: &mut Connection, event: &Event) {
    match event {
        Event::Headers { key, end_stream, .. } => {
            engine.send_headers(*key, &response, false);
            engine.send_data(*key, Bytes::from_static(b"data"), *end_stream);
        }
        Event::Data { key, data, end_stream } => {
            engine.release(*key, data.len());
            engine.expect(*key, 100, true);
            if *end_stream {
                engine.send_trailers(*key, Box::new(trailers));
            }
        }
        _ => {}
    }
}

fn request(w: &mut dyn FieldWriter) {
    w.field(b":method", b"POST", Indexing::Incremental);
    w.field(b":scheme", b"http", Indexing::Incremental);
    w.field(b":path", b"/a.B/C", Indexing::Incremental);
}

fn response(w: &mut dyn FieldWriter) {
    w.field(b":status", b"200", Indexing::Incremental);
}

fn trailers(w: &mut dyn FieldWriter) {
    w.field(b"grpc-status", b"0", Indexing::Incremental);
}
