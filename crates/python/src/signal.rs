//! Waiting of interpreter threads for what connections do, without the interpreter's lock.
//!
//! Before Python 3.13 a daemon thread that asks for the lock while the interpreter ends is unwound on the spot, and a
//! thread must not be unwound through Rust. So all that gives the lock back here passes a gate, [`detached`]: once the
//! interpreter is about to end ([`before_exit`]), threads stay behind it.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use crate::cooperative::{self, Hub, Sleepers, WakeSource};

/// How often the main thread looks for signals (Ctrl-C) while it waits.
const SIGNAL_CHECK: Duration = Duration::from_millis(100);

static FINALIZING: AtomicBool = AtomicBool::new(false);
static FINALIZER: OnceLock<ThreadId> = OnceLock::new();
/// Threads that passed the gate and do not have the lock yet.
static RETURNING: AtomicUsize = AtomicUsize::new(0);

/// Runs `work` without the interpreter's lock.
pub(crate) fn detached<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> T {
    let result = py.detach(|| {
        let result = work();
        RETURNING.fetch_add(1, Ordering::SeqCst);
        if FINALIZING.load(Ordering::SeqCst) && FINALIZER.get() != Some(&thread::current().id()) {
            RETURNING.fetch_sub(1, Ordering::SeqCst);
            loop {
                thread::park();
            }
        }
        result
    });
    RETURNING.fetch_sub(1, Ordering::SeqCst);
    result
}

/// Called when the interpreter is about to end, in the thread that ends it: no other thread takes the lock from here
/// any more.
#[pyfunction]
pub(crate) fn before_exit(py: Python<'_>) {
    /// A thread that has passed the gate needs the lock only for a moment.
    const PATIENCE: Duration = Duration::from_secs(1);
    FINALIZER.get_or_init(|| thread::current().id());
    FINALIZING.store(true, Ordering::SeqCst);
    let end = Instant::now() + PATIENCE;
    while RETURNING.load(Ordering::SeqCst) > 0 && Instant::now() < end {
        py.detach(|| thread::sleep(Duration::from_millis(1)));
    }
}

/// Counts wake-ups; threads wait for the next one.
#[derive(Default)]
pub(crate) struct Signal {
    state: Mutex<SignalState>,
    changed: Condvar,
}

#[derive(Default)]
struct SignalState {
    count: u64,
    greenlets: Sleepers,
}

impl Signal {
    fn lock(&self) -> MutexGuard<'_, SignalState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there were more than `seen` wake-ups, or until `until`.
    fn wait(&self, seen: u64, until: Option<Instant>) {
        let mut state = self.lock();
        while state.count == seen {
            state = match until {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return;
                    }
                    self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        {
            let mut state = self.lock();
            state.count += 1;
            state.greenlets.wake();
        }
        self.changed.notify_all();
    }
}

impl WakeSource for Signal {
    fn with_sleepers(&self, change: &mut dyn FnMut(&mut Sleepers)) {
        change(&mut self.lock().greenlets);
    }
}

/// Notes the thread that imports the module as the one that handles signals.
pub(crate) fn note_main_thread() {
    MAIN_THREAD.get_or_init(|| thread::current().id());
}

static MAIN_THREAD: OnceLock<ThreadId> = OnceLock::new();

thread_local! {
    /// What this thread is woken by. A late wake-up of something it waited for earlier makes it look once in vain.
    static OWN: RefCell<Option<(Arc<Signal>, Waker)>> = const { RefCell::new(None) };
}

/// Runs `wait` with what wakes this thread.
fn with_own_signal<T>(wait: impl FnOnce(&Arc<Signal>, &Waker) -> T) -> T {
    let (signal, waker) = OWN.with(|own| {
        own.borrow_mut()
            .get_or_insert_with(|| {
                let signal = Arc::new(Signal::default());
                (Arc::clone(&signal), Waker::from(signal))
            })
            .clone()
    });
    wait(&signal, &waker)
}

/// Waits until `poll` is ready, or until `until`: then `None`. Other threads of the interpreter run meanwhile.
///
/// `poll` is given the waker of this thread, so it must be something that only one thread waits for at a time; see
/// [`block_on_shared`] for the rest.
///
/// # Errors
/// What a signal handler raised, as KeyboardInterrupt.
pub(crate) fn block_on<T: Send>(
    py: Python<'_>,
    until: Option<Instant>,
    poll: impl FnMut(&mut Context<'_>) -> Poll<T> + Send,
) -> PyResult<Option<T>> {
    if cooperative::is_on() {
        // The greenlets of a thread wait for different things.
        let signal = Arc::new(Signal::default());
        let waker = Waker::from(Arc::clone(&signal));
        return wait_loop(py, &signal, &waker, until, poll);
    }
    with_own_signal(|signal, waker| wait_loop(py, signal, waker, until, poll))
}

/// As [`block_on`], for what several threads may wait for at once: all are woken by `signal`, whose waker is `waker`.
///
/// # Errors
/// As [`block_on`].
pub(crate) fn block_on_shared<T: Send>(
    py: Python<'_>,
    signal: &Arc<Signal>,
    waker: &Waker,
    until: Option<Instant>,
    poll: impl FnMut(&mut Context<'_>) -> Poll<T> + Send,
) -> PyResult<Option<T>> {
    wait_loop(py, signal, waker, until, poll)
}

fn wait_loop<T: Send>(
    py: Python<'_>,
    signal: &Arc<Signal>,
    waker: &Waker,
    until: Option<Instant>,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T> + Send,
) -> PyResult<Option<T>> {
    let mut cx = Context::from_waker(waker);
    if let Poll::Ready(ready) = poll(&mut cx) {
        return Ok(Some(ready));
    }
    if let Some(hub) = Hub::current(py)? {
        return hub.block_on(signal, waker, until, poll);
    }
    let is_main = MAIN_THREAD.get() == Some(&thread::current().id());
    loop {
        let slice = is_main.then(|| Instant::now() + SIGNAL_CHECK);
        let end = match (slice, until) {
            (Some(slice), Some(until)) => Some(slice.min(until)),
            (slice, until) => slice.or(until),
        };
        let result = detached(py, || {
            let mut cx = Context::from_waker(waker);
            loop {
                let seen = signal.lock().count;
                if let Poll::Ready(ready) = poll(&mut cx) {
                    return Some(ready);
                }
                if end.is_some_and(|end| end <= Instant::now()) {
                    return None;
                }
                signal.wait(seen, end);
            }
        });
        if result.is_some() {
            return Ok(result);
        }
        py.check_signals()?;
        if until.is_some_and(|until| until <= Instant::now()) {
            return Ok(None);
        }
    }
}
