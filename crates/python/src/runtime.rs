//! The one tokio runtime of the process: a thread that runs the tasks of all connections and never touches the
//! interpreter.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use arc_swap::ArcSwapOption;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use tokio::runtime::{Builder, Handle};

static RUNTIME: ArcSwapOption<Handle> = ArcSwapOption::const_empty();
static STARTING: Mutex<()> = Mutex::new(());

/// The runtime; the first use starts it.
///
/// # Errors
/// The system has no thread or descriptor left for it.
pub(crate) fn handle() -> PyResult<Handle> {
    if let Some(handle) = RUNTIME.load_full() {
        return Ok(Handle::clone(&handle));
    }
    let _one_at_a_time = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = RUNTIME.load_full() {
        return Ok(Handle::clone(&handle));
    }
    let failed =
        |error| PyRuntimeError::new_err(format!("cannot start the thread that serves connections: {error}"));
    let runtime =
        Builder::new_current_thread().enable_all().thread_name("carom-blocking").build().map_err(failed)?;
    let handle = runtime.handle().clone();
    thread::Builder::new()
        .name("carom".to_owned())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))
        .map_err(failed)?;
    RUNTIME.store(Some(Arc::new(handle.clone())));
    Ok(handle)
}

/// In the child of a fork the runtime's thread does not exist: the next use starts another.
pub(crate) fn after_fork_in_child() {
    if let Some(stale) = RUNTIME.swap(None) {
        // What the parent's thread was doing is in an unknown state: nothing of it may be run or dropped here.
        std::mem::forget(stale);
    }
}
