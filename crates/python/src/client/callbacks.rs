//! The thread that tells the program about ended calls. Tasks of connections never take the interpreter's lock; they
//! put the call here, and a daemon thread of the interpreter calls back.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::call::SharedCall;
use crate::signal::detached;

static STARTED: AtomicBool = AtomicBool::new(false);
static CALLS: Mutex<VecDeque<Arc<SharedCall>>> = Mutex::new(VecDeque::new());
static ADDED: Condvar = Condvar::new();

thread_local! {
    /// In the thread: the call whose callbacks it is calling.
    static CALLING: RefCell<Option<Weak<SharedCall>>> = const { RefCell::new(None) };
}

/// Whether this is the callback thread.
pub(crate) fn is_own_thread() -> bool {
    CALLING.with_borrow(Option::is_some)
}

/// Has the thread look whether a call has ended.
pub(crate) fn look_at(call: Arc<SharedCall>) {
    CALLS.lock().unwrap_or_else(PoisonError::into_inner).push_back(call);
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
pub(crate) fn next_callbacks(py: Python<'_>) -> Vec<Py<PyAny>> {
    if let Some(before) = CALLING.take().and_then(|call| call.upgrade()) {
        before.callbacks_ran();
    }
    let call = detached(py, next_ended);
    CALLING.set(Some(Arc::downgrade(&call)));
    call.take_callbacks()
}

/// Waits for a watched call that has ended.
fn next_ended() -> Arc<SharedCall> {
    loop {
        let call = {
            let mut calls = CALLS.lock().unwrap_or_else(PoisonError::into_inner);
            loop {
                match calls.pop_front() {
                    Some(call) => break call,
                    None => calls = ADDED.wait(calls).unwrap_or_else(PoisonError::into_inner),
                }
            }
        };
        if call.has_ended() {
            return call;
        }
    }
}
