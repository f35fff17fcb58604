//! Frames that cost the sender little and carry nothing (CVE-2019-9511 to 9518).

use carom_wire::frame::{flag, kind};

use crate::raw::{ENHANCE_YOUR_CALM, Raw, request_block};
use crate::victim::{GROWTH, TIME, Victim};

/// A frame: kind, flags, stream, payload.
type Frame = (u8, u8, u32, &'static [u8]);

/// Sends a frame over and over until the connection ends.
async fn flood(frames: &[Frame], reads: bool) {
    for &(kind, flags, stream, payload) in frames {
        let victim = Victim::start("").await;
        let mut raw = match reads {
            true => Raw::connect(victim.addr).await,
            false => Raw::deaf(victim.addr, &[]).await,
        };
        raw.request(1, "Deaf", &[], false);
        for _ in 0..200_000 {
            raw.frame(kind, flags, stream, payload);
            if !raw.flush_some().await {
                break;
            }
        }
        let end = raw.listen().ended().await;
        // Whoever never read may have lost the words with the connection.
        if let Some((code, words)) = end {
            assert_eq!(code, ENHANCE_YOUR_CALM, "frame of type {kind}: {words}");
        } else {
            assert!(!reads, "frame of type {kind}: no GOAWAY");
        }
        victim.stays_unharmed(GROWTH, TIME).await;
    }
}

const FLOODS: [Frame; 9] = [
    (kind::PING, 0, 0, &[0; 8]),
    (kind::PING, flag::ACK, 0, &[0; 8]),
    (kind::SETTINGS, 0, 0, &[]),
    (kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 255, 255, 0, 1, 0, 0, 0, 0]),
    (kind::PRIORITY, 0, 1, &[0, 0, 0, 3, 0]),
    (kind::WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]),
    (kind::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
    (kind::DATA, 0, 1, &[]),
    // A type that nobody knows, 100 bytes each.
    (0xf0, 0, 0, &[0; 100]),
];

#[tokio::test]
async fn by_a_client_that_reads() {
    flood(&FLOODS, true).await;
}

#[tokio::test]
async fn by_a_client_that_does_not_read_the_answers() {
    // Those that are answered.
    flood(&[FLOODS[0], FLOODS[2], FLOODS[3]], false).await;
}

#[tokio::test]
async fn pings_between_calls_pile_up_no_answers() {
    // Calls forgive what comes between them, so that the flood goes on for as long as it likes: what bounds it is that a
    // server does not read on while its answers are not taken.
    let victim = Victim::start("stall=2000").await;
    let mut raw = Raw::deaf(victim.addr, &[]).await;
    let block = request_block("Echo", &[]);
    for n in 0..400_000 {
        raw.frame(kind::HEADERS, flag::END_HEADERS, 2 * n + 1, &block);
        raw.data(2 * n + 1, &[0; 5], true);
        raw.frame(kind::SETTINGS, 0, 0, b"");
        if !raw.flush_some().await {
            break;
        }
    }
    raw.listen().ended().await;
    victim.stays_unharmed(GROWTH, TIME * 2).await;
}

#[tokio::test]
async fn resets_of_streams_that_are_gone() {
    let victim = Victim::start("").await;
    let mut raw = Raw::connect(victim.addr).await;
    raw.request(1, "Stuck", &[], true);
    for _ in 0..20_000 {
        raw.reset(1);
        if !raw.flush_some().await {
            break;
        }
    }
    raw.ended_calmly("too many streams reset").await;
    victim.stays_unharmed(GROWTH, TIME).await;
}

#[tokio::test]
async fn trailers_without_a_stream() {
    // HEADERS that name nothing, on streams that have ended (CVE-2019-9518's kind).
    let victim = Victim::start("").await;
    let mut raw = Raw::connect(victim.addr).await;
    raw.request(1, "Stuck", &[], true);
    raw.frame(kind::HEADERS, flag::END_HEADERS, 1, b"");
    for _ in 0..200_000 {
        raw.frame(kind::HEADERS, flag::END_HEADERS, 1, b"");
        if !raw.flush_some().await {
            break;
        }
    }
    let (code, words) = raw.ended().await.expect("a GOAWAY");
    assert!(code == ENHANCE_YOUR_CALM || code == 5, "{code}: {words}");
    victim.stays_unharmed(GROWTH, TIME).await;
}

#[tokio::test]
async fn windows_past_their_bounds_and_by_nothing() {
    for (increment, expected) in [(0x7fff_ffff, 3), (0, 1)] {
        let victim = Victim::start("").await;
        let mut raw = Raw::connect(victim.addr).await;
        // On a stream it ends the stream, on the connection the connection (RFC 9113 §6.9.1).
        raw.request(1, "Stuck", &[], false);
        raw.window(1, increment);
        raw.until("a reset", |seen| seen.resets == [(1, expected)]).await;
        raw.window(0, increment);
        let (code, words) = raw.ended().await.expect("a GOAWAY");
        assert_eq!(code, expected, "{words}");
        victim.stays_unharmed(GROWTH, TIME).await;
    }
}

#[tokio::test]
async fn a_frame_larger_than_allowed() {
    let victim = Victim::start("").await;
    let mut raw = Raw::connect(victim.addr).await;
    raw.bytes(&[0xff, 0xff, 0xff, kind::DATA, 0, 0, 0, 0, 1]);
    let (code, _) = raw.ended().await.expect("a GOAWAY");
    assert_eq!(code, 6, "FRAME_SIZE_ERROR, before the payload came");
    victim.stays_unharmed(GROWTH, TIME).await;
}
