use super::*;

fn framed(compressed: bool, payload: &[u8]) -> Vec<u8> {
    let mut out = prefix(compressed, payload.len() as u32).to_vec();
    out.extend_from_slice(payload);
    out
}

fn drain(deframer: &mut Deframer) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| deframer.next().unwrap()).map(|message| message.payload.to_vec()).collect()
}

#[test]
fn prefix_is_flag_and_big_endian_length() {
    assert_eq!(prefix(false, 0), [0, 0, 0, 0, 0]);
    assert_eq!(prefix(true, 0x0102_0304), [1, 1, 2, 3, 4]);
}

#[test]
fn a_message_inside_a_chunk_is_a_slice_of_it() {
    let chunk = Bytes::from([framed(false, b"first"), framed(true, b"second"), framed(false, b"")].concat());
    let mut deframer = Deframer::new(100);
    deframer.push(chunk.clone());
    let first = deframer.next().unwrap().unwrap();
    assert_eq!(first, Message { compressed: false, payload: Bytes::from_static(b"first") });
    assert_eq!(first.payload.as_ptr(), chunk[5..].as_ptr());
    let second = deframer.next().unwrap().unwrap();
    assert_eq!(second, Message { compressed: true, payload: Bytes::from_static(b"second") });
    assert_eq!(second.payload.as_ptr(), chunk[15..].as_ptr());
    assert_eq!(deframer.next().unwrap().unwrap().payload, Bytes::new());
    assert_eq!(deframer.next().unwrap(), None);
    assert!(deframer.is_empty());
}

#[test]
fn a_message_whole_in_the_chunk_after_its_prefix_is_not_copied() {
    let payload = Bytes::from(vec![7; 2000]);
    let mut deframer = Deframer::new(4096);
    deframer.push(Bytes::copy_from_slice(&prefix(false, 2000)));
    assert_eq!(deframer.next().unwrap(), None);
    assert_eq!(deframer.wanted(), 2000);
    deframer.push(payload.clone());
    assert_eq!(deframer.next().unwrap().unwrap().payload.as_ptr(), payload.as_ptr());
}

#[test]
fn however_the_bytes_are_cut_the_messages_are_the_same() {
    let mut random = crate::random::Random::new(3);
    for _ in 0..300 {
        let messages: Vec<Vec<u8>> = (0..random.below(12))
            .map(|number| {
                let length = [0, 1, 4, 5, 6, 600, 3000, 20_000][random.below(8)];
                vec![number as u8; length]
            })
            .collect();
        let stream: Vec<u8> = messages.iter().flat_map(|payload| framed(false, payload)).collect();
        let mut deframer = Deframer::new(1 << 20);
        let (mut rest, mut got) = (&stream[..], Vec::new());
        let usual = [1, 3, 8, 100, 513, 9000][random.below(6)];
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(rest.len().min(1 + random.below(2 * usual)));
            deframer.push(Bytes::copy_from_slice(chunk));
            rest = after;
            if random.below(3) > 0 {
                got.extend(drain(&mut deframer));
            }
        }
        got.extend(drain(&mut deframer));
        assert_eq!(got, messages);
        assert!(deframer.is_empty());
        assert_eq!((deframer.buffered(), deframer.wanted()), (0, 0));
    }
}

#[test]
fn what_is_held_and_wanted() {
    let mut deframer = Deframer::new(1000);
    assert!(deframer.is_empty());
    deframer.push(Bytes::from_static(&[0, 0, 0]));
    assert_eq!(deframer.next().unwrap(), None);
    assert_eq!((deframer.buffered(), deframer.wanted()), (3, 0));
    // The end of the stream here cuts a message short.
    assert!(!deframer.is_empty());
    deframer.push(Bytes::from_static(&[0, 10, 1, 2, 3]));
    assert_eq!(deframer.next().unwrap(), None);
    assert_eq!((deframer.buffered(), deframer.wanted()), (3, 7));
    assert!(!deframer.is_empty());
    deframer.push(Bytes::from_static(&[4, 5]));
    assert_eq!((deframer.buffered(), deframer.wanted()), (5, 5));
    assert_eq!(deframer.next().unwrap(), None);
    assert_eq!((deframer.buffered(), deframer.wanted()), (5, 5));
    deframer.push(Bytes::from_static(&[6, 7, 8, 9, 10, 0]));
    assert_eq!(deframer.wanted(), 0);
    assert_eq!(deframer.next().unwrap().unwrap().payload, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10][..]);
    assert_eq!(deframer.buffered(), 1);
    assert!(!deframer.is_empty());
}

#[test]
fn the_prefix_of_an_empty_message_that_waits_for_nothing() {
    let mut deframer = Deframer::new(0);
    for byte in prefix(true, 0) {
        assert_eq!(deframer.next().unwrap(), None);
        deframer.push(Bytes::copy_from_slice(&[byte]));
    }
    assert_eq!(deframer.next().unwrap(), Some(Message { compressed: true, payload: Bytes::new() }));
    assert!(deframer.is_empty());
}

#[test]
fn too_large_is_known_from_the_prefix_and_stays() {
    let mut deframer = Deframer::new(9);
    deframer.push(Bytes::from(framed(false, &[0; 9])));
    assert!(deframer.next().unwrap().is_some());
    deframer.push(Bytes::copy_from_slice(&prefix(false, 10)));
    let error = FramingError::TooLarge { len: 10, max: 9 };
    assert_eq!(deframer.next(), Err(error));
    deframer.push(Bytes::from(framed(false, b"fine")));
    assert_eq!(deframer.next(), Err(error));
    assert!(!deframer.is_empty());
    assert_eq!(error.to_string(), "received message larger than max (10 vs. 9)");
}

#[test]
fn a_failed_deframer_holds_nothing() {
    let mut deframer = Deframer::new(9);
    deframer.push(Bytes::copy_from_slice(&prefix(false, 10)));
    assert!(deframer.next().is_err());
    for _ in 0..100 {
        deframer.push(Bytes::from(vec![0; 1000]));
    }
    assert_eq!(deframer.buffered(), 0);
}

#[test]
fn other_flags_are_refused() {
    for flag in 2..=255 {
        let mut deframer = Deframer::new(100);
        deframer.push(Bytes::copy_from_slice(&[flag, 0, 0, 0, 0]));
        assert_eq!(deframer.next(), Err(FramingError::BadFlag(flag)));
    }
}

#[test]
fn a_prefix_alone_allocates_nothing() {
    let mut deframer = Deframer::new(usize::MAX);
    deframer.push(Bytes::copy_from_slice(&prefix(false, u32::MAX)));
    assert_eq!(deframer.next().unwrap(), None);
    assert_eq!(deframer.wanted(), u32::MAX as usize);
    assert_eq!(capacity(&deframer), 0);
    // The buffer follows what came.
    for round in 1..=100 {
        deframer.push(Bytes::from(vec![0; 1000]));
        assert_eq!(deframer.next().unwrap(), None);
        assert!(capacity(&deframer) <= 2 * 1000 * round, "{} after {round}", capacity(&deframer));
    }
}

fn capacity(deframer: &Deframer) -> usize {
    match &deframer.state {
        State::Body { read, .. } => read.capacity(),
        State::Prefix | State::Failed(_) => 0,
    }
}

#[test]
fn small_chunks_that_wait_do_not_hold_on_to_their_buffers() {
    let mut deframer = Deframer::new(1 << 20);
    let large = Bytes::from(vec![1; 64 * 1024]);
    for _ in 0..1000 {
        deframer.push(large.slice(..10));
    }
    assert_eq!(deframer.buffered(), 10_000);
    assert_eq!(deframer.rest.take(usize::MAX).len(), 9990, "all that waits is in one piece of its own");
}
