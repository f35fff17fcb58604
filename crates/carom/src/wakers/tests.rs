use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use super::{Waiters, register};

#[derive(Default)]
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_task_that_polls_again_is_kept_once() {
    let task = Waker::from(Arc::<Counter>::default());
    let mut waker = None;
    assert!(register(&mut waker, &Context::from_waker(&task)).is_none());
    assert!(register(&mut waker, &Context::from_waker(&task)).is_none());
    let other = Waker::from(Arc::<Counter>::default());
    assert!(register(&mut waker, &Context::from_waker(&other)).is_some_and(|old| old.will_wake(&task)));

    let mut waiters = Waiters::default();
    for _ in 0..3 {
        assert!(waiters.add(&Context::from_waker(&task)).is_none());
    }
    assert_eq!(waiters.take().count(), 1);
}

#[test]
fn of_very_many_the_oldest_gives_way_and_is_woken() {
    let mut waiters = Waiters::default();
    let first = Arc::<Counter>::default();
    assert!(waiters.add(&Context::from_waker(&Waker::from(Arc::clone(&first)))).is_none());
    for _ in 0..10 * Waiters::MOST {
        let task = Waker::from(Arc::<Counter>::default());
        if let Some(oldest) = waiters.add(&Context::from_waker(&task)) {
            oldest.wake();
        }
    }
    assert_eq!(first.0.load(Ordering::Relaxed), 1);
    assert_eq!(waiters.take().count(), Waiters::MOST);
    assert_eq!(waiters.take().count(), 0);
}
