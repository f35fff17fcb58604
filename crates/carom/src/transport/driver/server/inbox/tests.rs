use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use carom_wire::message::{Message, PREFIX_LEN};
use carom_wire::{Code, Status};

use super::{Command, Inbox, Mailbox, Taken};
use crate::transport::driver::server::test_keys;

fn inbox() -> (Inbox, Arc<Mailbox>) {
    let mailbox = Arc::new(Mailbox::default());
    (Inbox::new(test_keys(1)[0], Arc::clone(&mailbox)), mailbox)
}

fn message(text: &'static str) -> Message {
    Message { compressed: false, payload: Bytes::from_static(text.as_bytes()) }
}

fn poll(inbox: &Inbox) -> Poll<Result<Option<Bytes>, Code>> {
    inbox.poll_message(&mut Context::from_waker(Waker::noop())).map(|result| {
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
    let (inbox, _mailbox) = inbox();
    assert_eq!(poll(&inbox), Poll::Pending);
    inbox.push(message("a"), 0);
    inbox.push(message("b"), 0);
    inbox.end();
    assert_eq!(poll(&inbox), Poll::Ready(Ok(Some("a".into()))));
    assert_eq!(poll(&inbox), Poll::Ready(Ok(Some("b".into()))));
    assert_eq!(poll(&inbox), Poll::Ready(Ok(None)));
    // Who has everything does not care how the call ends afterwards.
    inbox.fail(Status::cancelled("late"));
    assert_eq!(poll(&inbox), Poll::Ready(Ok(None)));
}

#[test]
fn a_failure_drops_what_was_not_read() {
    let (inbox, _mailbox) = inbox();
    inbox.push(message("a"), 0);
    inbox.fail(Status::deadline_exceeded("now"));
    inbox.end();
    assert_eq!(poll(&inbox), Poll::Ready(Err(Code::DeadlineExceeded)));
    assert_eq!(poll(&inbox), Poll::Ready(Err(Code::DeadlineExceeded)));
}

#[test]
fn credit_is_asked_for_once_until_it_is_given() {
    let (inbox, mailbox) = inbox();
    for text in ["one", "two", "three"] {
        inbox.push(message(text), 0);
    }
    // Attended: the connection asks by itself.
    inbox.attend();
    assert!(poll(&inbox).is_ready());
    assert!(commands(&mailbox).is_empty());
    assert_eq!(inbox.taken(), Taken { messages: 1, bytes: PREFIX_LEN + 3 });
    // Elsewhere: one word for many messages.
    assert!(poll(&inbox).is_ready());
    assert!(poll(&inbox).is_ready());
    assert!(matches!(commands(&mailbox)[..], [Command::Release { .. }]));
    assert_eq!(inbox.taken(), Taken { messages: 2, bytes: 2 * PREFIX_LEN + 8 });
    assert_eq!(inbox.taken(), Taken::default());
}
