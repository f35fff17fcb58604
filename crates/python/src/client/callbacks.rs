//! The thread that tells the program about ended calls. Tasks of connections never take the interpreter's lock; they
//! put the call here, and a daemon thread of the interpreter calls back.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::call::SharedCall;
use crate::cooperative::{Hub, Sleepers, WakeSource};
use crate::signal::detached;

static STARTED: AtomicBool = AtomicBool::new(false);
static CALLS: Mutex<Calls> = Mutex::new(Calls { queue: VecDeque::new(), greenlets: Sleepers::none() });
static ADDED: Condvar = Condvar::new();

thread_local! {
    /// In the thread: the call whose callbacks it is calling.
    static CALLING: RefCell<Option<Weak<SharedCall>>> = const { RefCell::new(None) };
}

/// Whether this is the callback thread.
pub(crate) fn is_own_thread() -> bool {
    CALLING.with_borrow(Option::is_some)
}

/// The calls to look at.
struct Calls {
    queue: VecDeque<Arc<SharedCall>>,
    /// The thread, where it is a greenlet.
    greenlets: Sleepers,
}

fn lock() -> MutexGuard<'static, Calls> {
    CALLS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has the thread look whether a call has ended.
pub(crate) fn look_at(call: Arc<SharedCall>) {
    {
        let mut calls = lock();
        calls.queue.push_back(call);
        calls.greenlets.wake();
    }
    ADDED.notify_one();
}

/// Starts the thread, once.
///
/// # Errors
/// The interpreter cannot start a thread.
pub(crate) fn start(py: Python<'_>) -> PyResult<()> {
    if STARTED.swap(true, Ordering::AcqRel) {
        return Ok(());
    }
    let options = PyDict::new(py);
    options.set_item("target", py.import("grpc._channel")?.getattr("_run_callbacks")?)?;
    options.set_item("name", "carom-callbacks")?;
    options.set_item("daemon", true)?;
    let thread = py.import("threading")?.getattr("Thread")?.call((), Some(&options));
    if let Err(error) = thread.and_then(|thread| thread.call_method0("start")) {
        STARTED.store(false, Ordering::Release);
        return Err(error);
    }
    Ok(())
}

/// In the child of a fork the thread does not exist.
pub(crate) fn after_fork_in_child() {
    STARTED.store(false, Ordering::Release);
}

/// Waits for a call that has ended, and returns what is to be called. For the thread.
#[pyfunction]
pub(crate) fn next_callbacks(py: Python<'_>) -> PyResult<Vec<Py<PyAny>>> {
    if let Some(before) = CALLING.take().and_then(|call| call.upgrade()) {
        before.callbacks_ran();
    }
    let ended = match Hub::current(py)? {
        None => detached(py, next_ended),
        Some(hub) => hub.sleep(&Watch, || take_ended().ok_or(None))?,
    };
    CALLING.set(Some(Arc::downgrade(&ended)));
    Ok(ended.take_callbacks())
}

/// What wakes the thread where it is a greenlet.
struct Watch;

impl WakeSource for Watch {
    fn with_sleepers(&self, change: &mut dyn FnMut(&mut Sleepers)) {
        change(&mut lock().greenlets);
    }
}

/// A watched call that has ended, if there is one.
fn take_ended() -> Option<Arc<SharedCall>> {
    loop {
        let call = lock().queue.pop_front()?;
        if call.has_ended() {
            return Some(call);
        }
    }
}

/// Waits for a watched call that has ended.
fn next_ended() -> Arc<SharedCall> {
    loop {
        if let Some(call) = take_ended() {
            return call;
        }
        let added = ADDED.wait_while(lock(), |calls| calls.queue.is_empty());
        drop(added.unwrap_or_else(PoisonError::into_inner));
    }
}
