use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use smallvec::smallvec;

use super::*;

#[derive(Default)]
struct Owner;

impl CallOwner for Owner {
    fn take_back(&self, _call: Arc<CallSlot>) {}
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn slot(chunks: SmallVec<[Bytes; 1]>, half_closed: bool) -> Arc<CallSlot> {
    let spec = CallSpec {
        path: Bytes::from_static(b"/a.B/C"),
        authority: None,
        encoding: None,
        early: CallLimits { deadline: None, wait_for_ready: false, max_recv: 1024, max_send: 1024 },
        late: None,
    };
    CallSlot::new(spec, Arc::new(Owner), MetadataMap::new(), chunks, half_closed)
}

fn drain(call: &CallSlot) -> Vec<(Bytes, bool)> {
    std::iter::from_fn(|| call.lock().next_chunk()).collect()
}

fn chunk(n: usize) -> Bytes {
    Bytes::from(n.to_string())
}

#[test]
fn chunks_come_in_order_and_the_last_ends_the_stream() {
    let call = slot(smallvec![chunk(1)], true);
    assert_eq!(drain(&call), [(chunk(1), true)]);
    let call = slot(smallvec![], false);
    call.send([chunk(1), chunk(2)], false);
    assert_eq!(drain(&call), [(chunk(1), false), (chunk(2), false)]);
    call.send([], true);
    assert_eq!(drain(&call), [(Bytes::new(), true)], "nothing left to send: an empty frame ends it");
    call.send([chunk(3)], false);
    assert!(drain(&call).is_empty(), "nothing after the half-close");
}

#[test]
fn what_was_sent_is_sent_again_until_the_server_answers() {
    let call = slot(smallvec![chunk(1)], false);
    call.send([chunk(2)], true);
    let first = drain(&call);
    assert!(call.lock().may_retry());
    assert!(call.lock().unplaced().is_none());
    assert_eq!(drain(&call), first);
    assert!(!call.lock().may_retry(), "once");

    let call = slot(smallvec![chunk(1)], true);
    drain(&call);
    call.lock().commit();
    assert!(!call.lock().may_retry());
}

#[test]
fn not_more_than_the_limit_is_kept() {
    let call = slot(smallvec![], false);
    for n in 0..100 {
        call.send([Bytes::from(vec![n; 10_000])], false);
    }
    let sent = drain(&call);
    assert!(sent.iter().enumerate().all(|(n, (chunk, _))| chunk[0] == n as u8 && chunk.len() == 10_000));
    let mut state = call.lock();
    assert!(!state.may_retry());
    assert!(state.outgoing.chunks.is_empty());
    assert_eq!((state.outgoing.kept, state.outgoing.waiting), (0, 0));
}

#[test]
fn senders_are_held_back_and_woken_once() {
    let call = slot(smallvec![], false);
    let count = Arc::new(Count::default());
    let waker = Arc::clone(&count).into();
    let mut cx = Context::from_waker(&waker);
    assert!(call.poll_ready(&mut cx).is_ready());
    call.send([Bytes::from(vec![0; SEND_BUFFER])], false);
    assert!(call.poll_ready(&mut cx).is_pending());
    assert!(call.lock().take_ready_waker().is_none());
    drain(&call);
    call.lock().take_ready_waker().expect("room again").wake();
    assert!(call.lock().take_ready_waker().is_none());
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    assert!(call.poll_ready(&mut cx).is_ready());
}

#[test]
fn the_first_end_counts_and_wakes_all_who_wait() {
    let call = slot(smallvec![chunk(1)], false);
    let count = Arc::new(Count::default());
    let waker = Arc::clone(&count).into();
    let mut cx = Context::from_waker(&waker);
    assert!(call.poll_head(&mut cx, |_| ()).is_pending());
    assert!(call.poll_message(&mut cx).is_pending());
    assert!(call.poll_end(&mut cx, |_| ()).is_pending());
    assert!(matches!(call.poll_sender(&mut cx), SenderState::Free));
    call.cancel(|| Status::cancelled("first"));
    call.cancel(|| Status::cancelled("second"));
    assert_eq!(count.0.load(Ordering::Relaxed), 4);
    let end = call.poll_end(&mut cx, |end| end.status.message().to_owned());
    assert_eq!(end, Poll::Ready("first".to_owned()));
    assert!(matches!(call.poll_sender(&mut cx), SenderState::Over));
    assert!(drain(&call).is_empty());
    assert!(
        matches!(call.poll_outcome(&mut cx), Poll::Ready(outcome) if outcome.end.status.message() == "first")
    );
    assert!(call.has_ended());
    assert!(call.poll_end(&mut cx, |_| ()).is_ready(), "asking again does not hang");
}

#[test]
fn an_answer_to_a_call_that_was_given_up_changes_nothing() {
    let call = slot(smallvec![chunk(1)], true);
    drain(&call);
    call.cancel(|| Status::cancelled("enough"));
    // The connection's task has not looked yet, and the server's answer comes.
    let mut state = call.lock();
    state.commit();
    assert!(!state.may_retry());
    assert!(state.next_chunk().is_none());
}
