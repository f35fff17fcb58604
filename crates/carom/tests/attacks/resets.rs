//! Streams that are opened to be reset: Rapid Reset (CVE-2023-44487) and MadeYouReset (CVE-2025-8671).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use carom::server::{DetachedHandler, IncomingCall, RequestMode};
use carom_wire::frame::{ErrorCode, flag, kind};

use crate::attacker::{Attacker, message, put_frame, request, request_with};
use crate::siege::{Bounds, MIB, Siege};

/// Streams of an attack that nobody stops.
const STREAMS: u32 = 20_000;
const BOUNDS: Bounds = Bounds { memory: 3 * MIB, cpu: Duration::from_secs(3) };

/// Opens stream after stream by what `waste` writes for each, until the server has enough.
async fn waste(attacker: &mut Attacker, waste: impl Fn(&mut BytesMut, u32)) {
    let mut stream = 1;
    while stream < 2 * STREAMS {
        let mut out = BytesMut::new();
        for _ in 0..100 {
            waste(&mut out, stream);
            stream += 2;
        }
        if !attacker.write(&out).await {
            break;
        }
    }
}

#[tokio::test]
async fn rapid_reset() {
    let siege = Siege::begin().await;
    let mut attacker = Attacker::connect(siege.addr).await;
    let (head, body) = (request("Hang"), message(0, b"x"));
    waste(&mut attacker, |out, stream| {
        put_frame(out, kind::HEADERS, flag::END_HEADERS, stream, &head);
        put_frame(out, kind::DATA, flag::END_STREAM, stream, &body);
        put_frame(out, kind::RST_STREAM, 0, stream, &ErrorCode::CANCEL.0.to_be_bytes());
    })
    .await;
    assert_eq!(attacker.ended().await, Some(ErrorCode::ENHANCE_YOUR_CALM));
    // A budget of 1,000 and what was forgiven meanwhile; each handler was gone before the next one came.
    assert!((1000..STREAMS as usize / 2).contains(&siege.ledger.begun()), "{}", siege.ledger.begun());
    assert_eq!(siege.ledger.most(), 1);
    siege.end(&BOUNDS).await;
}

/// Keeps calls, as work does that cannot be stopped.
struct Keep(Arc<Mutex<Vec<IncomingCall>>>);

impl DetachedHandler for Keep {
    fn call(&self, call: IncomingCall) {
        self.0.lock().unwrap().push(call);
    }

    fn request_mode(&self, _: &str) -> RequestMode {
        RequestMode::Streaming
    }
}

#[tokio::test]
async fn rapid_reset_of_work_that_goes_on() {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let siege = Siege::against(|builder| builder.fallback(Keep(Arc::clone(&kept)))).await;
    let mut attacker = Attacker::connect(siege.addr).await;
    // Fewer than the budget of resets, so that the connection lives on.
    let head = request("/elsewhere/Work");
    for _ in 0..9 {
        let mut out = BytesMut::new();
        for _ in 0..100 {
            let stream = attacker.next_stream();
            put_frame(&mut out, kind::HEADERS, flag::END_HEADERS, stream, &head);
            put_frame(&mut out, kind::RST_STREAM, 0, stream, &ErrorCode::CANCEL.0.to_be_bytes());
        }
        assert!(attacker.write(&out).await);
    }
    // What comes after is refused, though no stream is open.
    let stream = attacker.open("/elsewhere/Work").await;
    assert_eq!(attacker.outcome(stream).await, ErrorCode::REFUSED_STREAM.to_string());
    assert_eq!(kept.lock().unwrap().len(), 200, "max_concurrent_streams");
    siege.hold(&BOUNDS).await;
    // Whoever finishes makes room.
    kept.lock().unwrap().clear();
    let stream = attacker.call("Say", b"room").await;
    assert_eq!(attacker.outcome(stream).await, "13");
    drop(attacker);
    siege.end(&BOUNDS).await;
}

#[tokio::test]
async fn made_you_reset() {
    let head = request("Deaf");
    let open =
        |out: &mut BytesMut, stream: u32| put_frame(out, kind::HEADERS, flag::END_HEADERS, stream, &head);
    let closed = |out: &mut BytesMut, stream: u32| {
        put_frame(out, kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, &head);
    };
    type Provoke<'a> = &'a dyn Fn(&mut BytesMut, u32);
    let ways: [(&str, Provoke<'_>); 6] = [
        ("a window past its limit", &|out, stream| {
            open(out, stream);
            put_frame(out, kind::WINDOW_UPDATE, 0, stream, &0x7fff_ffff_u32.to_be_bytes());
        }),
        ("an increment of zero", &|out, stream| {
            open(out, stream);
            put_frame(out, kind::WINDOW_UPDATE, 0, stream, &[0; 4]);
        }),
        ("DATA after the end", &|out, stream| {
            closed(out, stream);
            put_frame(out, kind::DATA, 0, stream, b"more");
        }),
        ("HEADERS after the end", &|out, stream| {
            closed(out, stream);
            put_frame(out, kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, &[]);
        }),
        ("trailers that do not end", &|out, stream| {
            open(out, stream);
            put_frame(out, kind::HEADERS, flag::END_HEADERS, stream, &[]);
        }),
        ("a head without a path", &|out, stream| {
            put_frame(out, kind::HEADERS, flag::END_HEADERS, stream, &[0x83]);
        }),
    ];
    for (what, provoke) in ways {
        let siege = Siege::begin().await;
        let mut attacker = Attacker::connect(siege.addr).await;
        waste(&mut attacker, provoke).await;
        assert_eq!(attacker.ended().await, Some(ErrorCode::ENHANCE_YOUR_CALM), "{what}");
        assert!(siege.ledger.most() <= 200, "{what}: {} handlers", siege.ledger.most());
        assert!(siege.ledger.begun() < STREAMS as usize / 2, "{what}: {} handlers", siege.ledger.begun());
        siege.end(&BOUNDS).await;
    }
}

/// Good calls in between make up for some resets, and leave the rest to be counted.
#[tokio::test]
async fn rapid_reset_among_good_calls() {
    let siege = Siege::begin().await;
    let mut attacker = Attacker::connect(siege.addr).await;
    let (hang, say, body) = (request("Hang"), request("Say"), message(0, b"x"));
    waste(&mut attacker, |out, stream| {
        let good = stream % 8 == 1;
        put_frame(out, kind::HEADERS, flag::END_HEADERS, stream, if good { &say } else { &hang });
        put_frame(out, kind::DATA, flag::END_STREAM, stream, &body);
        if !good {
            put_frame(out, kind::RST_STREAM, 0, stream, &ErrorCode::CANCEL.0.to_be_bytes());
        }
    })
    .await;
    assert_eq!(attacker.ended().await, Some(ErrorCode::ENHANCE_YOUR_CALM));
    assert!(siege.ledger.begun() < STREAMS as usize / 2, "{}", siege.ledger.begun());
    siege.end(&BOUNDS).await;
}

/// A brown-out as an honest client sees it: hundreds of calls a second that all run out of time, and one that does not.
#[tokio::test]
async fn calls_that_all_run_out_of_time_are_no_attack() {
    const CALLS: u32 = 4_000;
    let siege = Siege::begin().await;
    let mut client = Attacker::connect(siege.addr).await;
    let stream = client.open("Sum").await;
    let (head, body) = (request_with("Hang", &[(b"grpc-timeout", b"20m")]), message(0, b"x"));
    let mut open = std::collections::VecDeque::new();
    // 160 at a time for 20 ms each are 8,000 a second at most.
    for n in 0..CALLS / 16 {
        let mut out = BytesMut::new();
        if n >= 10 {
            for _ in 0..16 {
                let expired: u32 = open.pop_front().expect("a call");
                put_frame(&mut out, kind::RST_STREAM, 0, expired, &ErrorCode::CANCEL.0.to_be_bytes());
            }
        }
        for _ in 0..16 {
            let stream = client.next_stream();
            put_frame(&mut out, kind::HEADERS, flag::END_HEADERS, stream, &head);
            put_frame(&mut out, kind::DATA, flag::END_STREAM, stream, &body);
            open.push_back(stream);
        }
        assert!(client.write(&out).await, "after {n} rounds: {:?}", client.seen().goaway);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    client.send(stream, &message(0, b"unharmed"), true).await;
    assert_eq!(client.outcome(stream).await, "0", "{:?}", client.seen().goaway);
    assert!(siege.ledger.begun() > CALLS as usize / 2, "{} calls", siege.ledger.begun());
    drop(client);
    siege.end(&Bounds { memory: 4 * MIB, cpu: Duration::from_secs(5) }).await;
}
