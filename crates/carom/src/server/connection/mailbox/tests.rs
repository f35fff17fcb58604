use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use super::{CallWaker, CancelCell, CancelSource, Cancelled, Command, Mailbox};
use crate::deadlines::tests::test_keys;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn take(mailbox: &Mailbox) -> (usize, Vec<u32>) {
    let (mut commands, mut woken) = (Vec::new(), Vec::new());
    mailbox.take(&mut commands, &mut woken);
    (commands.len(), woken)
}

#[test]
fn many_entries_wake_the_task_once() {
    let mailbox = Arc::new(Mailbox::default());
    let count = Arc::new(Count::default());
    mailbox.set_task(&Context::from_waker(&Waker::from(Arc::clone(&count))));
    let wakers: Vec<_> = (0..3).map(|index| CallWaker::new(index, Arc::clone(&mailbox))).collect();
    for _ in 0..2 {
        for waker in &wakers {
            Waker::from(Arc::clone(waker)).wake();
        }
        mailbox.push(Command::Shutdown).unwrap();
    }
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    assert_eq!(take(&mailbox), (2, vec![0, 1, 2]));
    assert_eq!(take(&mailbox), (0, vec![]));
    // Not accepted yet: another wake-up of the same call is the same wake-up.
    wakers[1].wake_by_ref();
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    wakers[1].accept();
    wakers[1].wake_by_ref();
    assert_eq!(count.0.load(Ordering::Relaxed), 2);
    assert_eq!(take(&mailbox), (0, vec![1]));
}

#[test]
fn a_closed_mailbox_gives_commands_back() {
    let mailbox = Mailbox::default();
    mailbox.push(Command::Shutdown).unwrap();
    assert_eq!(mailbox.close().len(), 1);
    assert!(mailbox.push(Command::Abort).is_err());
    let cell = Arc::new(CancelCell::default());
    mailbox.watch(test_keys(1)[0], Arc::clone(&cell));
    assert_eq!(cell.reason(), Some(Cancelled::ConnectionLost));
}
