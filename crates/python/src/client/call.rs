//! The call of a thread. Any number of threads may wait for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use super::callbacks;
use super::core::{CallCore, End};
use crate::convert;
use crate::cooperative;
use crate::signal::{Signal, block_on, block_on_shared, detached};

/// A call under way or ended.
#[pyclass(frozen, module = "carom._carom")]
pub(crate) struct Call {
    shared: Arc<SharedCall>,
    waker: Waker,
}

/// What a call, its connection's wake-ups and the callback thread share.
pub(crate) struct SharedCall {
    pub(crate) core: CallCore,
    signal: Arc<Signal>,
    /// The callback thread is to look at wake-ups too.
    watched: AtomicBool,
    callbacks: Mutex<Callbacks>,
    /// The callbacks have run.
    called: Condvar,
}

/// What is called back when a call ends.
#[derive(Default)]
struct Callbacks {
    waiting: Vec<Py<PyAny>>,
    /// The callback thread is calling them.
    running: bool,
    /// Someone has waited long enough for them.
    overdue: bool,
}

impl Wake for SharedCall {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.signal.wake_by_ref();
        if self.watched.load(Ordering::Acquire) {
            callbacks::look_at(Arc::clone(self));
        }
    }
}

impl SharedCall {
    /// Whether the call has ended; if not, it will be looked at again.
    pub(crate) fn has_ended(self: &Arc<Self>) -> bool {
        let waker = Waker::from(Arc::clone(self));
        self.core.poll_end(&mut Context::from_waker(&waker)).is_ready()
    }

    fn callbacks(&self) -> MutexGuard<'_, Callbacks> {
        self.callbacks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what is to be called; [`callbacks_ran`](Self::callbacks_ran) is to follow.
    pub(crate) fn take_callbacks(&self) -> Vec<Py<PyAny>> {
        let mut callbacks = self.callbacks();
        callbacks.running = true;
        std::mem::take(&mut callbacks.waiting)
    }

    pub(crate) fn callbacks_ran(&self) {
        self.callbacks().running = false;
        self.called.notify_all();
    }

    /// Waits a moment for the callbacks of the ended call: programs count on theirs having run when they know the end,
    /// as grpcio's have, where a callback's thread keeps the interpreter's lock. One that takes longer, perhaps because
    /// it needs what the waiting thread holds, is not waited for.
    fn await_callbacks(&self, py: Python<'_>) {
        const PATIENCE: Duration = Duration::from_millis(50);
        // In a program on gevent the callbacks run in this thread, once it lets go.
        if !self.watched.load(Ordering::Acquire) || callbacks::is_own_thread() || cooperative::is_on() {
            return;
        }
        detached(py, || {
            let due = |callbacks: &mut Callbacks| {
                (callbacks.running || !callbacks.waiting.is_empty()) && !callbacks.overdue
            };
            let waited = self.called.wait_timeout_while(self.callbacks(), PATIENCE, due);
            let (mut callbacks, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            callbacks.overdue |= timeout.timed_out();
        });
    }
}

impl Call {
    pub(crate) fn new(core: CallCore) -> Self {
        let shared = Arc::new(SharedCall {
            core,
            signal: Arc::default(),
            watched: AtomicBool::new(false),
            callbacks: Mutex::default(),
            called: Condvar::new(),
        });
        let waker = Waker::from(Arc::clone(&shared));
        Self { shared, waker }
    }

    fn core(&self) -> &CallCore {
        &self.shared.core
    }

    fn wait_until(&self, py: Python<'_>, until: Option<Instant>) -> PyResult<Option<Arc<End>>> {
        block_on_shared(py, &self.shared.signal, &self.waker, until, |cx| self.core().poll_end(cx))
    }

    fn ended(&self) -> PyResult<Arc<End>> {
        self.core().end().ok_or_else(|| PyValueError::new_err("the call has not ended"))
    }
}

#[pymethods]
impl Call {
    /// Waits for the end of the call and, for a moment, for its callbacks. False if `timeout` seconds came first.
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let ended = self.core().end().is_some() || {
            let until = convert::timeout(timeout)?.map(|timeout| Instant::now() + timeout);
            self.wait_until(py, until)?.is_some()
        };
        if ended {
            self.shared.await_callbacks(py);
        }
        Ok(ended)
    }

    /// Whether the call has ended.
    fn done(&self) -> bool {
        self.core().end().is_some()
    }

    /// (code, details, debug error string) of an ended call.
    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        self.ended()?.status(py)
    }

    /// The one response of an ended call.
    fn unary_message<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        Ok(self.ended()?.message(py))
    }

    /// The server's initial metadata; waits for it.
    fn initial_metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let initial =
            block_on_shared(py, &self.shared.signal, &self.waker, None, |cx| self.core().poll_initial(cx))?;
        convert::metadata_tuple(py, &[], &initial.unwrap_or_default(), &[])
    }

    /// The server's trailing metadata; waits for it.
    fn trailing_metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        match self.wait_until(py, None)? {
            Some(end) => end.trailing(py),
            None => Ok(PyTuple::empty(py)),
        }
    }

    /// The next response of a stream, waiting for it; None after the last.
    fn read<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        if self.core().has_one_response() {
            return Err(PyValueError::new_err("the call has one response, not a stream"));
        }
        let message =
            block_on_shared(py, &self.shared.signal, &self.waker, None, |cx| self.core().poll_message(cx))?;
        Ok(message.flatten().map(|message| PyBytes::new(py, &message)))
    }

    /// Sends a request; waits while there is no room for another. False: the call has ended.
    fn write(&self, py: Python<'_>, message: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Some(raw) = self.core().raw() else { return Ok(false) };
        if raw.has_ended() {
            return Ok(false);
        }
        raw.send_message(convert::payload(message)?);
        block_on(py, None, |cx| raw.poll_ready(cx))?;
        Ok(!raw.has_ended())
    }

    /// Says that no more requests follow.
    fn half_close(&self) {
        if let Some(raw) = self.core().raw() {
            raw.half_close();
        }
    }

    /// Ends the call at this side. False if it had ended.
    fn cancel(&self, code: i32, details: &str) -> bool {
        let cancelled = self.core().cancel(convert::status(code, details, None));
        self.shared.wake_by_ref();
        cancelled
    }

    /// Puts another status in the place of the call's.
    fn overrule(&self, code: i32, details: &str) {
        self.core().overrule(convert::status(code, details, None));
        self.shared.signal.wake_by_ref();
    }

    /// Seconds until the deadline, or None.
    fn time_remaining(&self) -> Option<f64> {
        if self.core().end().is_some() {
            return None;
        }
        convert::remaining(self.core().deadline())
    }

    /// The server's address, or None.
    fn peer(&self) -> Option<String> {
        self.core().raw().and_then(|raw| raw.peer())
    }

    /// Has `callback()` called by the callback thread when the call ends. False if it has ended.
    fn add_done_callback(&self, py: Python<'_>, callback: Py<PyAny>) -> PyResult<bool> {
        if self.core().end().is_some() {
            return Ok(false);
        }
        callbacks::start(py)?;
        self.shared.callbacks().waiting.push(callback);
        self.shared.watched.store(true, Ordering::Release);
        // Registers the waker, and looks once more for an end that came before it was watched for.
        callbacks::look_at(Arc::clone(&self.shared));
        Ok(true)
    }
}
