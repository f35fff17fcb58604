//! The one tokio runtime of the process: a thread that runs the tasks of all connections and never touches the
//! interpreter.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use arc_swap::ArcSwapOption;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use tokio::runtime::{Builder, Handle};

static RUNTIME: ArcSwapOption<Handle> = ArcSwapOption::const_empty();
static STARTING: Mutex<()> = Mutex::new(());
/// Counts the forks that led to this process.
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// Something that lives by the runtime of the process that made it, such as a channel or a call. In the child of a fork the
/// tasks behind it are not there, and its locks may be held by threads that are not there either: it must not be touched, not
/// even to be dropped.
pub(crate) struct OfProcess<T> {
    generation: u64,
    /// There until it is dropped.
    value: Option<T>,
}

impl<T> OfProcess<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { generation: GENERATION.load(Ordering::Relaxed), value: Some(value) }
    }

    /// The value; `None` in the child of a fork.
    #[inline]
    pub(crate) fn get(&self) -> Option<&T> {
        self.value.as_ref().filter(|_| self.generation == GENERATION.load(Ordering::Relaxed))
    }
}

impl<T> Drop for OfProcess<T> {
    fn drop(&mut self) {
        if self.get().is_none() {
            std::mem::forget(self.value.take());
        }
    }
}

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
    keep_the_memory_of_messages();
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

/// Makes glibc keep the memory of large messages for the next one.
///
/// By default it returns what is free at the end of an arena above 128 KiB. Of a message of 1 MiB the interpreter makes
/// several copies, all free when it has been handled, so each message would have its pages from the system anew, one fault
/// at a time: half of what it costs. What glibc keeps it learns from blocks that are given back, up to twice the largest
/// (`mallopt(3)`, M_MMAP_THRESHOLD); this block is of the size of the largest message that is taken by default. Thresholds that
/// the user has set stay as they are.
fn keep_the_memory_of_messages() {
    const LARGEST_MESSAGE: usize = 4 * 1024 * 1024;
    drop(std::hint::black_box(Vec::<u8>::with_capacity(LARGEST_MESSAGE)));
}

/// In the child of a fork the runtime's thread does not exist: the next use starts another.
pub(crate) fn after_fork_in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    if let Some(stale) = RUNTIME.swap(None) {
        // What the parent's thread was doing is in an unknown state: nothing of it may be run or dropped here.
        std::mem::forget(stale);
    }
}
