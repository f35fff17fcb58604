use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use carom_wire::Code;
use smallvec::smallvec;

use super::super::attempt::Processed;
use super::*;

struct Owner {
    budget: Arc<ReplayBudget>,
    back: Mutex<Vec<Attempt>>,
}

impl CallOwner for Owner {
    fn take_back(&self, attempt: Attempt) {
        self.back.lock().unwrap().push(attempt);
    }

    fn retry(&self, attempt: Attempt, _wait: Wait) {
        self.take_back(attempt);
    }

    fn replay_budget(&self) -> &Arc<ReplayBudget> {
        &self.budget
    }
}

impl Default for Owner {
    fn default() -> Self {
        Self { budget: ReplayBudget::new(ReplayBudget::DEFAULT), back: Mutex::default() }
    }
}

const FIRST: AttemptId = AttemptId::FIRST;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn slot(chunks: SmallVec<[Bytes; 1]>, half_closed: bool) -> Arc<CallSlot> {
    slot_of(Arc::new(Owner::default()), chunks, half_closed)
}

fn slot_of(owner: Arc<Owner>, chunks: SmallVec<[Bytes; 1]>, half_closed: bool) -> Arc<CallSlot> {
    let spec = CallSpec {
        path: Bytes::from_static(b"/a.B/C"),
        authority: None,
        subtype: "",
        encoding: None,
        early: CallLimits { deadline: None, wait_for_ready: false, max_recv: 1024, max_send: 1024 },
        late: None,
    };
    CallSlot::new(spec, owner, MetadataMap::new(), chunks, half_closed, None, None)
}

fn drain(call: &CallSlot) -> Vec<(Bytes, bool)> {
    drain_by(call, FIRST)
}

fn drain_by(call: &CallSlot, id: AttemptId) -> Vec<(Bytes, bool)> {
    std::iter::from_fn(|| call.lock().next_chunk(id, call.replay_budget())).collect()
}

/// Another attempt beside those that there are.
fn attempt_more(call: &Arc<CallSlot>) -> Attempt {
    let mut state = call.lock();
    state.more.push(AttemptState::new());
    Attempt { call: Arc::clone(call), id: AttemptId(state.more.len() as u8) }
}

fn head() -> ResponseHead {
    ResponseHead { encoding: None, accept_encoding: None, metadata: MetadataMap::new() }
}

fn unavailable() -> Ended {
    Ended::local(Status::unavailable("refused"))
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
    let owner = Arc::new(Owner::default());
    let call = slot_of(Arc::clone(&owner), smallvec![chunk(1)], false);
    call.send([chunk(2)], true);
    let first = drain(&call);
    let finished = Attempt::first(Arc::clone(&call)).end(unavailable(), Processed::No);
    assert!(finished.wakers.is_empty() && !call.has_ended());
    let attempt = owner.back.lock().unwrap().pop().expect("it is to be placed again");
    assert_eq!(drain(&call), first);
    let _ = attempt.end(unavailable(), Processed::No);
    assert!(call.has_ended() && owner.back.lock().unwrap().is_empty(), "once");

    let call = slot_of(Arc::clone(&owner), smallvec![chunk(1)], true);
    drain(&call);
    let _ = call.lock().receive_head(FIRST, head());
    let _ = Attempt::first(Arc::clone(&call)).end(unavailable(), Processed::No);
    assert!(call.has_ended() && owner.back.lock().unwrap().is_empty());
}

#[test]
fn an_attempt_that_never_left_is_placed_as_often_as_need_be() {
    let owner = Arc::new(Owner::default());
    let call = slot_of(Arc::clone(&owner), smallvec![chunk(1)], true);
    let mut attempt = Attempt::first(Arc::clone(&call));
    for _ in 0..5 {
        attempt.withdraw();
        attempt = owner.back.lock().unwrap().pop().expect("it came back");
    }
    assert_eq!(drain(&call), [(chunk(1), true)]);
}

#[test]
fn the_first_attempt_that_is_answered_carries_the_call() {
    let call = slot(smallvec![chunk(1)], false);
    drain(&call);
    let second = attempt_more(&call);
    call.send([chunk(2)], true);
    assert_eq!(drain_by(&call, second.id), [(chunk(1), false), (chunk(2), true)], "at its own pace");
    assert!(!second.has_ended());
    let _ = call.lock().receive_head(second.id, head());
    assert!(call.lock().is_over(FIRST), "the other one is of no interest any more");
    assert!(!second.has_ended() && !call.has_ended());
    // What the first hears now changes nothing.
    let _ = call.lock().receive_head(FIRST, head());
    let _ = Attempt::first(Arc::clone(&call)).end(unavailable(), Processed::Maybe);
    assert!(!call.has_ended());
    let ok = Ended::local(Status::new(Code::Ok, ""));
    let _ = second.end(ok, Processed::Maybe);
    let waker = Waker::noop();
    let code = call.poll_end(&mut Context::from_waker(waker), |end| end.status.code());
    assert_eq!(code, Poll::Ready(Code::Ok));
}

#[test]
fn what_a_pick_attached_is_told_of_its_own_attempt() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let call = slot(smallvec![chunk(1)], true);
    let second = attempt_more(&call);
    for (id, name) in [(FIRST, "first"), (second.id, "second")] {
        let told = Arc::clone(&told);
        let mut attachments = Attachments::default();
        attachments.push(move |outcome: Option<&CallOutcome>| {
            told.lock().unwrap().push((name, outcome.map(|outcome| outcome.status.code())));
        });
        call.lock().attempt_mut(id).attachments = Some(Box::new(attachments));
    }
    let _ = call.lock().receive_head(second.id, head());
    let wakers = Attempt::first(Arc::clone(&call)).end(unavailable(), Processed::Maybe).complete(&call);
    assert!(wakers.is_empty());
    let finished = second.end(Ended::local(Status::new(Code::Ok, "")), Processed::Maybe);
    let _ = finished.complete(&call);
    let told = told.lock().unwrap();
    assert_eq!(*told, [("first", Some(Code::Unavailable)), ("second", Some(Code::Ok))]);
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
fn a_servers_status_concludes_the_call_after_its_last_message() {
    let end = |by| Ended { by, ..Ended::local(Status::new(Code::Ok, "")) };
    for by in [EndedBy::Trailers, EndedBy::Local] {
        let call = slot(smallvec![], true);
        let count = Arc::new(Count::default());
        let waker = Arc::clone(&count).into();
        let mut cx = Context::from_waker(&waker);
        let message = Message { compressed: false, payload: chunk(1) };
        call.lock().receive_message(message);
        assert!(call.poll_concluded(&mut cx, |_| ()).is_pending());
        let finished = call.lock().finish(end(by));
        finished.complete(&call).into_iter().for_each(Waker::wake);
        let at_once = by == EndedBy::Local;
        assert_eq!(call.poll_concluded(&mut cx, |_| ()).is_ready(), at_once);
        let woken = count.0.load(Ordering::Relaxed);
        assert!(matches!(call.poll_message(&mut cx), Poll::Ready(Some(_))));
        assert_eq!(count.0.load(Ordering::Relaxed) - woken, usize::from(!at_once));
        assert!(call.poll_concluded(&mut cx, |_| ()).is_ready());
    }
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
    let _ = call.lock().receive_head(FIRST, head());
    assert!(call.lock().head.is_none());
    assert!(drain(&call).is_empty());
}
