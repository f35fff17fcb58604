//! Tasks that a call depends on.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use carom_wire::Status;
use pin_project_lite::pin_project;
use tokio::runtime::Handle;

use crate::client::connection::slot::CallSlot;
use crate::panics::{self, Panicked};

/// Runs a task without which the call cannot end well. If it panics, or its runtime is shut down, the call ends instead of
/// waiting for ever. `what` names it in the status.
pub(super) fn spawn(
    runtime: &Handle,
    call: Arc<CallSlot>,
    what: &'static str,
    task: impl Future<Output = ()> + Send + 'static,
) {
    runtime.spawn(Guarded { task, guard: Guard { call, what, done: false } });
}

pin_project! {
    struct Guarded<F> {
        #[pin]
        task: F,
        guard: Guard,
    }
}

impl<F: Future<Output = ()>> Future for Guarded<F> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        match panics::catch(|| this.task.poll(cx)) {
            Ok(poll) => ready!(poll),
            Err(panicked) => this.guard.fail(panicked),
        }
        this.guard.done = true;
        Poll::Ready(())
    }
}

/// Ends the call if the task is dropped before it is done.
struct Guard {
    call: Arc<CallSlot>,
    what: &'static str,
    done: bool,
}

impl Guard {
    fn fail(&self, panicked: Panicked) {
        self.call.cancel(|| {
            let mut status = Status::internal(format!("{} panicked", self.what));
            status.set_source(Arc::new(panicked));
            status
        });
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.done {
            let what = self.what;
            self.call.cancel(|| {
                Status::unavailable(format!(
                    "the runtime of the channel was shut down before {what} was done"
                ))
            });
        }
    }
}
