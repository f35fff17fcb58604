//! The attack table of SECURITY.md, as far as one connection can stand it alone.

use std::time::Duration;

use super::pair::{Attacked, request, response};
use crate::{
    conn::{Config, Event, ServerConfig},
    fields::{HeaderField, Indexing},
    frame::{ErrorCode, flag, kind},
};

fn calm(events: &[Event]) -> bool {
    matches!(events.last(), Some(Event::Closed { error: Some(error) }) if error.code == ErrorCode::ENHANCE_YOUR_CALM)
}

#[test]
fn rapid_reset() {
    let mut attacked = Attacked::server(Config::default());
    let mut id = 1;
    for _ in 0..2 * ServerConfig::default().reset_burst {
        let block = attacked.block(request);
        attacked.frame(kind::HEADERS, flag::END_HEADERS, id, &block);
        attacked.frame(kind::RST_STREAM, 0, id, &8_u32.to_be_bytes());
        let events = attacked.events();
        attacked.written();
        if calm(&events) {
            return;
        }
        id += 2;
    }
    panic!("nobody stopped {} resets", id / 2);
}

#[test]
fn made_you_reset() {
    let mut attacked = Attacked::server(Config::default());
    for n in 0..2 * ServerConfig::default().reset_burst {
        let id = 2 * n + 1;
        let block = attacked.block(request);
        attacked.frame(kind::HEADERS, flag::END_HEADERS, id, &block);
        attacked.frame(kind::WINDOW_UPDATE, 0, id, &0x7fff_ffff_u32.to_be_bytes());
        let events = attacked.events();
        attacked.written();
        if calm(&events) {
            return;
        }
    }
    panic!("nobody stopped the provoked resets");
}

#[test]
fn continuation_flood() {
    let mut attacked = Attacked::server(Config::default());
    attacked.frame(kind::HEADERS, 0, 1, b"");
    for _ in 0..2 * Config::default().max_continuations {
        attacked.frame(kind::CONTINUATION, 0, 1, b"");
    }
    assert!(calm(&attacked.events()));
}

#[test]
fn a_header_block_of_endless_bytes() {
    for fragment in [&[0; 16_384][..], &[0; 1000], &[0]] {
        let mut attacked = Attacked::server(Config::default());
        attacked.frame(kind::HEADERS, 0, 1, b"");
        let mut most = 0;
        for frames in 1.. {
            attacked.frame(kind::CONTINUATION, 0, 1, fragment);
            let events = attacked.events();
            if calm(&events) {
                // A megabyte of bytes, or the budget of frames.
                assert!(frames * fragment.len() <= (1 << 20) + 16_384 && frames <= 10_100, "{frames} frames");
                break;
            }
            assert!(events.is_empty(), "{events:?}");
            most = most.max(attacked.engine.buffered());
        }
        assert!(most <= 64 * 1024, "{most} bytes were held");
    }
}

/// Blocks that are thrown away cost time, of which there is not any amount.
#[test]
fn large_header_blocks_one_after_another() {
    let mut attacked = Attacked::server(Config::default());
    for n in 0..1000 {
        let id = 2 * n + 1;
        let mut block = attacked.block(request).to_vec();
        // A literal of 60 × 16,384 bytes, which is 127 + 1 + 127 × 128 + 59 × 16,384.
        block.extend([0, 1, b'n', 0x7f, 0x81, 0xff, 0x3b]);
        attacked.frame(kind::HEADERS, flag::END_STREAM, id, &block);
        for _ in 0..60 {
            attacked.frame(kind::CONTINUATION, 0, id, &[b'v'; 16_384]);
        }
        attacked.frame(kind::CONTINUATION, flag::END_HEADERS, id, b"");
        let events = attacked.events();
        if calm(&events) {
            assert!((100..250).contains(&n), "{n} blocks");
            return;
        }
        let [Event::Headers { ref block, key, .. }] = events[..] else { panic!("{events:?}") };
        assert!(block.over_limit());
        attacked.engine.send_headers(key, &response, true);
        attacked.events();
        attacked.written();
    }
    panic!("nobody stopped it");
}

/// A literal of 4,000 bytes that goes into the table, and so many bytes that each name it.
fn bomb(attacked: &mut Attacked, times: usize) -> Vec<u8> {
    let mut block = attacked.block(request).to_vec();
    // 4,000 is 127 + 33 + 30 × 128.
    block.extend([0x40, 4, b'b', b'o', b'm', b'b', 0x7f, 0xa1, 0x1e]);
    block.extend([b'x'; 4000]);
    block.resize(block.len() + times, 0xbe);
    block
}

#[test]
fn hpack_bomb() {
    let mut attacked = Attacked::server(Config::default());
    let block = bomb(&mut attacked, 10_000);
    attacked.frame(kind::HEADERS, flag::END_HEADERS, 1, &block);
    assert!(calm(&attacked.events()));
    // A smaller one takes nothing but its call.
    let mut attacked = Attacked::server(Config::default());
    let block = bomb(&mut attacked, 4_000);
    attacked.frame(kind::HEADERS, flag::END_HEADERS, 1, &block);
    let events = attacked.events();
    let [Event::Headers { ref block, .. }] = events[..] else { panic!("{events:?}") };
    assert!(block.over_limit() && block.list_size() > 4_000 * 4_000);
    assert!(block.fields().iter().map(HeaderField::list_size).sum::<usize>() <= block.limit());
}

#[test]
fn floods_of_frames_that_carry_nothing() {
    let cases: [(&str, u8, u8, u32, &[u8]); 9] = [
        ("PING", kind::PING, 0, 0, &[0; 8]),
        ("answers to PING", kind::PING, flag::ACK, 0, &[0; 8]),
        ("SETTINGS", kind::SETTINGS, 0, 0, &[]),
        ("answers to SETTINGS", kind::SETTINGS, flag::ACK, 0, &[]),
        ("PRIORITY", kind::PRIORITY, 0, 1, &[0, 0, 0, 3, 0]),
        ("empty DATA", kind::DATA, 0, 1, &[]),
        ("WINDOW_UPDATE", kind::WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]),
        ("GOAWAY", kind::GOAWAY, 0, 0, &[0; 8]),
        ("frames of no known type", 0xf0, 0, 0, &[]),
    ];
    for (what, kind, flags, stream, payload) in cases {
        let mut attacked = Attacked::server(Config::default());
        let block = attacked.block(request);
        attacked.frame(kind::HEADERS, flag::END_HEADERS, 1, &block);
        for _ in 0..=Config::default().idle_frame_burst + 10 {
            attacked.frame(kind, flags, stream, payload);
        }
        assert!(calm(&attacked.events()), "{what}");
    }
}

/// What a server may send a client without end: heads that announce another one, resets of streams that are gone.
#[test]
fn floods_of_a_server() {
    let mut attacked = Attacked::client(Config::default());
    attacked.engine.open(&request, false).unwrap();
    let informational = attacked.block(|w| w.field(b":status", b"103", Indexing::Incremental));
    for _ in 0..=Config::default().idle_frame_burst {
        attacked.frame(kind::HEADERS, flag::END_HEADERS, 1, &informational);
    }
    assert!(calm(&attacked.events()), "1xx");

    let mut attacked = Attacked::client(Config::default());
    attacked.engine.open(&request, false).unwrap();
    for _ in 0..=Config::default().idle_frame_burst + 1 {
        attacked.frame(kind::RST_STREAM, 0, 1, &8_u32.to_be_bytes());
    }
    assert!(calm(&attacked.events()), "RST_STREAM");
}

#[test]
fn a_header_block_that_never_ends_runs_out_of_time() {
    let mut attacked = Attacked::server(Config::default());
    attacked.frame(kind::HEADERS, 0, 1, b"\x83");
    assert!(attacked.events().is_empty());
    attacked.now += Config::default().handshake_timeout;
    attacked.engine.handle_timeout(attacked.now);
    assert!(calm(&attacked.events()));
}

#[test]
fn a_frame_larger_than_allowed_is_refused_before_it_has_come() {
    let mut attacked = Attacked::server(Config::default());
    attacked.engine.input().extend_from_slice(&[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1]);
    let events = attacked.events();
    assert!(
        matches!(&events[..], [Event::Closed { error: Some(error) }] if error.code == ErrorCode::FRAME_SIZE_ERROR),
        "{events:?}"
    );
}

#[test]
fn a_header_frame_that_drips_runs_out_of_time() {
    let mut attacked = Attacked::server(Config::default());
    // The head of a HEADERS frame of 100 bytes, and a byte each second.
    attacked.engine.input().extend_from_slice(&[0, 0, 100, kind::HEADERS, flag::END_HEADERS, 0, 0, 0, 1]);
    for second in 0..20 {
        attacked.engine.input().extend_from_slice(b"\x83");
        attacked.pass(Duration::from_secs(1));
        let events = attacked.events();
        if matches!(&events[..], [Event::Closed { error: Some(error) }] if error.code == ErrorCode::ENHANCE_YOUR_CALM)
        {
            assert!(second >= 9, "{second}");
            return;
        }
        assert!(events.is_empty(), "{events:?}");
    }
    panic!("nobody stopped it");
}
