use std::sync::{Arc, Mutex};

use super::*;
use crate::interceptor::{CallObserver, CallStart};
use crate::request::Request;

#[derive(Clone, Default)]
struct Sizes(Arc<Mutex<Vec<(usize, bool)>>>);

impl CallObserver for Sizes {
    fn request_message(&mut self, message: &MessageInfo) {
        self.0.lock().unwrap().push((message.size, message.compressed));
    }
}

fn observed() -> (Observers, Sizes) {
    let sizes = Sizes::default();
    let mut start = CallStart::new(Bytes::from_static(b"/a.B/C"), Request::new(()));
    start.observe(sizes.clone());
    (start.into_parts().1, sizes)
}

fn framed(flag: u8, payload: &[u8]) -> Vec<u8> {
    [&[flag][..], &(payload.len() as u32).to_be_bytes(), payload].concat()
}

#[test]
fn messages_are_told_however_they_lie_in_chunks() {
    let (observers, sizes) = observed();
    let mut observation = Observation::of(observers);
    // Two in one, one whose payload follows in pieces, an empty one.
    observation.request_chunk(&[framed(0, b"one"), framed(1, b"four")].concat().into());
    let large = framed(0, &[7; 1000]);
    for piece in [&large[..PREFIX_LEN], &large[PREFIX_LEN..500], &large[500..]] {
        observation.request_chunk(&Bytes::copy_from_slice(piece));
    }
    observation.request_chunk(&framed(0, b"").into());
    assert_eq!(*sizes.0.lock().unwrap(), [(3, false), (4, true), (1000, false), (0, false)]);
}

#[test]
fn what_was_sent_before_the_interceptors_were_done_is_told_then() {
    let (observers, sizes) = observed();
    let mut observation = Observation::default();
    observation.request_chunk(&framed(0, b"early").into());
    assert!(sizes.0.lock().unwrap().is_empty());
    observation.begin(observers);
    observation.request_chunk(&framed(0, b"late!!").into());
    assert_eq!(*sizes.0.lock().unwrap(), [(5, false), (6, false)]);
}
