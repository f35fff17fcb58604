use std::sync::atomic::Ordering;

use smallvec::smallvec;

use super::*;

fn chunk(n: usize) -> Bytes {
    Bytes::from(n.to_string())
}

fn budget() -> Arc<ReplayBudget> {
    ReplayBudget::new(ReplayBudget::DEFAULT)
}

fn drain(log: &mut SendLog, cursor: &mut Cursor, budget: &Arc<ReplayBudget>) -> Vec<(Bytes, bool)> {
    std::iter::from_fn(|| log.next(cursor, budget)).collect()
}

#[test]
fn chunks_come_in_order_and_the_last_ends_the_stream() {
    let budget = budget();
    let (mut log, mut cursor) = (SendLog::new(smallvec![chunk(1)], true), Cursor::default());
    assert_eq!(drain(&mut log, &mut cursor, &budget), [(chunk(1), true)]);
    let (mut log, mut cursor) = (SendLog::default(), Cursor::default());
    log.push(chunk(1));
    log.push(chunk(2));
    assert_eq!(log.waiting(&cursor), 2);
    assert_eq!(drain(&mut log, &mut cursor, &budget), [(chunk(1), false), (chunk(2), false)]);
    assert_eq!(log.waiting(&cursor), 0);
    log.half_close();
    let end = drain(&mut log, &mut cursor, &budget);
    assert_eq!(end, [(Bytes::new(), true)], "nothing left to send: an empty frame ends it");
    assert_eq!(drain(&mut log, &mut cursor, &budget), []);
}

#[test]
fn two_attempts_read_each_at_its_own_pace() {
    let budget = budget();
    let mut log = SendLog::default();
    let (mut first, mut second) = (Cursor::default(), Cursor::default());
    log.push(chunk(1));
    assert_eq!(drain(&mut log, &mut first, &budget), [(chunk(1), false)]);
    log.push(chunk(2));
    assert_eq!(log.next(&mut second, &budget), Some((chunk(1), false)));
    log.push(chunk(3));
    log.half_close();
    assert_eq!(drain(&mut log, &mut first, &budget), [(chunk(2), false), (chunk(3), true)]);
    assert_eq!(drain(&mut log, &mut second, &budget), [(chunk(2), false), (chunk(3), true)]);
    // A third that begins late sends all of it.
    let all = drain(&mut log, &mut Cursor::default(), &budget);
    assert_eq!(all, [(chunk(1), false), (chunk(2), false), (chunk(3), true)]);
}

#[test]
fn a_commit_forgets_what_its_attempt_has_sent_and_no_more() {
    let budget = budget();
    let mut log = SendLog::default();
    (0..10).for_each(|n| log.push(chunk(n)));
    let mut cursor = Cursor::default();
    for n in 0..7 {
        assert_eq!(log.next(&mut cursor, &budget), Some((chunk(n), false)));
    }
    assert!(!log.is_committed());
    log.commit(&cursor);
    assert!(log.is_committed());
    assert_eq!(log.chunks.len(), 3);
    log.half_close();
    let rest: Vec<_> = drain(&mut log, &mut cursor, &budget).into_iter().map(|(chunk, _)| chunk).collect();
    assert_eq!(rest, [chunk(7), chunk(8), chunk(9)]);
    assert!(log.chunks.is_empty());
}

#[test]
fn a_call_keeps_no_more_than_its_limit() {
    let budget = budget();
    let (mut log, mut cursor) = (SendLog::default(), Cursor::default());
    for n in 0..100 {
        log.push(Bytes::from(vec![n; 10_000]));
        let (chunk, _) = log.next(&mut cursor, &budget).unwrap();
        assert_eq!((chunk[0], chunk.len()), (n, 10_000));
        assert_eq!(log.is_committed(), (usize::from(n) + 1) * 10_000 > MAX_KEPT);
    }
    assert!(log.chunks.is_empty());
    assert_eq!(log.waiting(&cursor), 0);
    assert_eq!(budget.0.load(Ordering::Relaxed), ReplayBudget::DEFAULT, "what was taken of it came back");
}

#[test]
fn calls_of_a_channel_keep_no_more_than_its_budget() {
    let budget = ReplayBudget::new(3 * PORTION);
    let mut logs: Vec<_> = (0..10).map(|_| (SendLog::default(), Cursor::default())).collect();
    for (log, cursor) in &mut logs {
        log.push(Bytes::from(vec![0; FREE + PORTION]));
        assert!(log.next(cursor, &budget).is_some());
    }
    let kept = logs.iter().filter(|(log, _)| !log.is_committed()).count();
    assert_eq!(kept, 3);
    assert_eq!(budget.0.load(Ordering::Relaxed), 0);
    drop(logs);
    assert_eq!(budget.0.load(Ordering::Relaxed), 3 * PORTION);
}

#[test]
fn small_calls_ask_the_channel_for_nothing() {
    let budget = ReplayBudget::new(0);
    let (mut log, mut cursor) =
        (SendLog::new(smallvec![Bytes::from(vec![0; FREE])], true), Cursor::default());
    assert!(log.next(&mut cursor, &budget).is_some());
    assert!(!log.is_committed());
}

#[test]
fn a_log_that_was_cleared_has_nothing_to_say() {
    let budget = budget();
    let (mut log, mut cursor) = (SendLog::new(smallvec![chunk(1), chunk(2)], false), Cursor::default());
    log.next(&mut cursor, &budget);
    log.clear();
    assert_eq!(drain(&mut log, &mut cursor, &budget), []);
}
