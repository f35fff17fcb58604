use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use carom_wire::message::{Message, PREFIX_LEN};
use carom_wire::{Code, Status};

use super::{CREDIT_PORTION, Command, Inbox, InboxReader, Mailbox, Taken};
use crate::deadlines::tests::test_keys;

fn inbox() -> (Arc<Inbox>, InboxReader, Arc<Mailbox>) {
    let mailbox = Arc::new(Mailbox::default());
    let inbox = Arc::new(Inbox::new(test_keys(1)[0], Arc::clone(&mailbox)));
    (Arc::clone(&inbox), InboxReader::new(inbox), mailbox)
}

fn fill(inbox: &Inbox, texts: &[&'static str]) {
    let (expected, mut texts) = (texts.len(), texts.iter());
    let (count, result) = inbox.fill(|| {
        let message =
            |text: &&'static str| Message { compressed: false, payload: Bytes::from_static(text.as_bytes()) };
        Ok(texts.next().map(message))
    });
    assert_eq!(result.map_err(|status| status.code()), Ok(()));
    assert_eq!(count, expected);
}

fn poll(reader: &mut InboxReader) -> Poll<Result<Option<Bytes>, Code>> {
    reader.poll_message(&mut Context::from_waker(Waker::noop())).map(|result| {
        result.map(|message| message.map(|message| message.payload)).map_err(|status| status.code())
    })
}

fn commands(mailbox: &Mailbox) -> Vec<Command> {
    let (mut commands, mut woken) = (Vec::new(), Vec::new());
    mailbox.take(&mut commands, &mut woken);
    commands
}

#[test]
fn messages_come_in_order_and_then_the_end() {
    let (inbox, mut reader, _mailbox) = inbox();
    assert_eq!(poll(&mut reader), Poll::Pending);
    fill(&inbox, &["a", "b"]);
    inbox.end();
    assert_eq!(poll(&mut reader), Poll::Ready(Ok(Some("a".into()))));
    assert_eq!(poll(&mut reader), Poll::Ready(Ok(Some("b".into()))));
    assert_eq!(poll(&mut reader), Poll::Ready(Ok(None)));
    // Who has everything does not care how the call ends afterwards.
    inbox.fail(Status::cancelled("late"));
    assert_eq!(poll(&mut reader), Poll::Ready(Ok(None)));
}

#[test]
fn a_failure_drops_what_was_not_read() {
    let (inbox, mut reader, _mailbox) = inbox();
    fill(&inbox, &["a"]);
    inbox.fail(Status::deadline_exceeded("now"));
    inbox.end();
    assert_eq!(poll(&mut reader), Poll::Ready(Err(Code::DeadlineExceeded)));
    assert_eq!(poll(&mut reader), Poll::Ready(Err(Code::DeadlineExceeded)));
}

#[test]
fn credit_is_asked_for_once_until_it_is_given() {
    let (inbox, mut reader, mailbox) = inbox();
    fill(&inbox, &["one", "two", "three"]);
    // Attended: the connection asks by itself.
    inbox.attend();
    assert!(poll(&mut reader).is_ready());
    assert!(commands(&mailbox).is_empty());
    assert_eq!(inbox.taken(), Taken { messages: 1, bytes: PREFIX_LEN + 3 });
    // Elsewhere: one word for many messages.
    assert!(poll(&mut reader).is_ready());
    assert!(poll(&mut reader).is_ready());
    assert!(matches!(commands(&mailbox)[..], [Command::Release { .. }]));
    assert_eq!(inbox.taken(), Taken { messages: 2, bytes: 2 * PREFIX_LEN + 8 });
    assert_eq!(inbox.taken(), Taken::default());
}

#[test]
fn many_small_messages_are_taken_together_and_told_of_by_and_by() {
    let (inbox, mut reader, mailbox) = inbox();
    fill(&inbox, &["0123456789"; 2000]);
    assert!(poll(&mut reader).is_ready());
    assert!(inbox.is_empty());
    assert!(matches!(commands(&mailbox)[..], [Command::Release { .. }]));
    // The rest is told of in portions, and all of it when the reader comes back for more.
    let mut told = inbox.taken();
    for _ in 1..2000 {
        assert_eq!(poll(&mut reader), Poll::Ready(Ok(Some("0123456789".into()))));
        if let [Command::Release { .. }] = commands(&mailbox)[..] {
            let taken = inbox.taken();
            assert!((CREDIT_PORTION..CREDIT_PORTION + 15).contains(&taken.bytes));
            told = Taken { messages: told.messages + taken.messages, bytes: told.bytes + taken.bytes };
        }
    }
    assert_eq!(poll(&mut reader), Poll::Pending);
    assert!(matches!(commands(&mailbox)[..], [Command::Release { .. }]));
    let rest = inbox.taken();
    assert_eq!((told.messages + rest.messages, told.bytes + rest.bytes), (2000, 2000 * 15));
    assert!(told.messages > rest.messages);
}

#[test]
fn data_without_the_end_of_a_message_wakes_nobody() {
    struct Woken(AtomicBool);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let (inbox, mut reader, _mailbox) = inbox();
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    assert!(reader.poll_message(&mut Context::from_waker(&Waker::from(Arc::clone(&woken)))).is_pending());
    fill(&inbox, &[]);
    assert!(!woken.0.load(Ordering::Relaxed));
    fill(&inbox, &["whole"]);
    assert!(woken.0.load(Ordering::Relaxed));
}

#[test]
fn an_error_in_the_stream_comes_after_the_messages_before_it() {
    let (inbox, mut reader, _mailbox) = inbox();
    let mut left = 3;
    let (count, result) = inbox.fill(|| {
        left -= 1;
        if left == 0 {
            return Err(Status::internal("cut short"));
        }
        Ok(Some(Message { compressed: false, payload: Bytes::new() }))
    });
    assert_eq!((count, result.map_err(|status| status.code())), (2, Err(Code::Internal)));
    assert!(poll(&mut reader).is_ready());
}
