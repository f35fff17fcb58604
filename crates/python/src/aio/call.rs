//! The call of an event loop. Used in the loop's thread only.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use carom::client::CallOptions;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use super::queue::{CallWaker, LoopQueue};
use super::waiters::{Ask, NowOrLater, Waiters};
use crate::client::Channel;
use crate::client::core::{CallCore, End};
use crate::convert;

/// A call under way or ended.
#[pyclass(frozen, module = "carom._carom")]
pub(crate) struct AioCall {
    core: CallCore,
    queue: Py<LoopQueue>,
    wake: Arc<CallWaker>,
    waker: Waker,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiters: Waiters<CallCore>,
    done_callbacks: Vec<Py<PyAny>>,
    prepared: Option<Prepared>,
    /// The task that asks for call credentials.
    kept: Option<Py<PyAny>>,
}

/// What a call is started with once its call credentials are known.
struct Prepared {
    channel: Py<Channel>,
    method: String,
    payload: Option<Bytes>,
    options: CallOptions,
}

impl AioCall {
    pub(crate) fn new(queue: &Bound<'_, LoopQueue>, core: CallCore) -> Self {
        let wake = CallWaker::new(queue.get().shared());
        let waker = wake.waker();
        Self { core, queue: queue.clone().unbind(), wake, waker, state: Mutex::default() }
    }

    pub(crate) fn prepared(
        queue: &Bound<'_, LoopQueue>,
        core: CallCore,
        channel: Py<Channel>,
        method: String,
        payload: Option<Bytes>,
        options: CallOptions,
    ) -> Self {
        let call = Self::new(queue, core);
        call.lock().prepared = Some(Prepared { channel, method, payload, options });
        call
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn context(&self) -> Context<'_> {
        Context::from_waker(&self.waker)
    }

    /// Something of the call has changed: resolves the futures whose result came.
    pub(super) fn woken(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, call) = (slf.py(), slf.get());
        call.wake.accept();
        let mut waiters = std::mem::take(&mut call.lock().waiters);
        let resolved = waiters.resolve(py, &call.core, &mut call.context())?;
        let watched = !call.lock().done_callbacks.is_empty();
        let ended = watched && call.core.poll_end(&mut call.context()).is_ready();
        let (callbacks, idle) = {
            let mut state = call.lock();
            state.waiters = waiters;
            let callbacks = if ended { std::mem::take(&mut state.done_callbacks) } else { Vec::new() };
            (callbacks, state.waiters.is_empty() && state.done_callbacks.is_empty())
        };
        if idle && let Some(token) = call.wake.take_token() {
            call.queue.get().remove(token);
        }
        for resolved in resolved {
            resolved.deliver(py)?;
        }
        for callback in callbacks {
            if let Err(error) = callback.call0(py) {
                error.write_unraisable(py, Some(callback.bind(py)));
            }
        }
        Ok(())
    }

    /// What `ask` polls for, if it is there, or a future of it.
    fn now_or_later<'py>(slf: &Bound<'py, Self>, ask: Ask<CallCore>) -> PyResult<NowOrLater<'py>> {
        let (py, call) = (slf.py(), slf.get());
        if let Poll::Ready(now) = ask(py, &call.core, &mut call.context()) {
            return Ok(NowOrLater::Now(now?.into_bound(py)));
        }
        if Self::watch(slf) {
            // What came before there was a token woke nobody: look once more.
            if let Poll::Ready(now) = ask(py, &call.core, &mut call.context()) {
                return Ok(NowOrLater::Now(now?.into_bound(py)));
            }
        }
        let future = call.queue.get().create_future(py)?;
        call.lock().waiters.push(ask, future.clone().unbind());
        Ok(NowOrLater::Later(future))
    }

    /// Has wake-ups come here. `false`: they did already.
    fn watch(slf: &Bound<'_, Self>) -> bool {
        let call = slf.get();
        if call.wake.has_token() {
            return false;
        }
        call.wake.set_token(call.queue.get().add_call(slf.clone().unbind()));
        true
    }

    fn ended(&self) -> PyResult<Arc<End>> {
        self.core.end().ok_or_else(|| PyValueError::new_err("the call has not ended"))
    }
}

/// The end, as a future's result.
fn ask_end(py: Python<'_>, core: &CallCore, cx: &mut Context<'_>) -> Poll<PyResult<Py<PyAny>>> {
    core.poll_end(cx).map(|_| Ok(py.None()))
}

fn ask_message(py: Python<'_>, core: &CallCore, cx: &mut Context<'_>) -> Poll<PyResult<Py<PyAny>>> {
    core.poll_message(cx).map(|message| Ok(message_object(py, message)))
}

fn ask_initial(py: Python<'_>, core: &CallCore, cx: &mut Context<'_>) -> Poll<PyResult<Py<PyAny>>> {
    core.poll_initial(cx)
        .map(|initial| convert::metadata_tuple(py, &[], &initial, &[]).map(|tuple| tuple.into_any().unbind()))
}

fn ask_room(py: Python<'_>, core: &CallCore, cx: &mut Context<'_>) -> Poll<PyResult<Py<PyAny>>> {
    core.poll_ready(cx).map(|()| Ok(py.None()))
}

fn message_object(py: Python<'_>, message: Option<Bytes>) -> Py<PyAny> {
    match message {
        Some(message) => PyBytes::new(py, &message).into_any().unbind(),
        None => py.None(),
    }
}

#[pymethods]
impl AioCall {
    /// None if the call has ended, else a future of its end.
    fn wait<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(Self::now_or_later(slf, ask_end)?.future())
    }

    /// The next response of a stream (None after the last), or a future of it.
    fn read<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Ok(Self::now_or_later(slf, ask_message)?.either())
    }

    /// Sends a request. None if there is room for more, else a future of that.
    fn write<'py>(
        slf: &Bound<'py, Self>,
        message: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let call = slf.get();
        let payload = convert::payload(message)?;
        let Some(raw) = call.core.raw() else {
            return Err(PyValueError::new_err(
                "the call has not begun: its call credentials are not known yet",
            ));
        };
        raw.send_message(payload);
        Ok(Self::now_or_later(slf, ask_room)?.future())
    }

    /// Says that no more requests follow.
    fn half_close(&self) {
        if let Some(raw) = self.core.raw() {
            raw.half_close();
        }
    }

    /// Starts a prepared call.
    fn begin(slf: &Bound<'_, Self>, metadata: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let call = slf.get();
        let (metadata, _) = convert::metadata(metadata)?;
        let Some(prepared) = call.lock().prepared.take() else { return Ok(()) };
        match prepared.channel.get().start_raw(&prepared.method, prepared.payload, prepared.options, metadata)
        {
            Ok(raw) => call.core.begin(raw),
            Err(status) => call.core.overrule(status),
        }
        Self::woken(slf)
    }

    /// Keeps the task that asks for call credentials.
    fn keep(&self, task: Py<PyAny>) {
        let old = self.lock().kept.replace(task);
        drop(old);
    }

    /// The task that asks for call credentials, if the call has some.
    fn kept(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.lock().kept.as_ref().map(|task| task.clone_ref(py))
    }

    /// Whether the call has ended.
    fn done(&self) -> bool {
        self.core.end().is_some()
    }

    /// (code, details, debug error string) of an ended call.
    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        self.ended()?.status(py)
    }

    /// The one response of an ended call.
    fn unary_message<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        Ok(self.ended()?.message(py))
    }

    /// The server's initial metadata, or a future of it.
    fn initial_metadata<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Ok(Self::now_or_later(slf, ask_initial)?.either())
    }

    /// The server's trailing metadata, of an ended call.
    fn trailing_metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        self.ended()?.trailing(py)
    }

    /// Ends the call at this side. False if it had ended.
    fn cancel(slf: &Bound<'_, Self>, code: i32, details: &str) -> PyResult<bool> {
        let cancelled = slf.get().core.cancel(convert::status(code, details, None));
        if cancelled {
            Self::woken(slf)?;
        }
        Ok(cancelled)
    }

    /// Puts another status in the place of the call's.
    fn overrule(&self, code: i32, details: &str) {
        self.core.overrule(convert::status(code, details, None));
    }

    /// Whether the channel was closed under the call.
    fn channel_closed(&self) -> bool {
        self.core.channel_closed()
    }

    /// Seconds until the deadline, or None.
    fn time_remaining(&self) -> Option<f64> {
        convert::remaining(self.core.deadline())
    }

    /// Has `callback()` called in the loop when the call ends.
    fn add_done_callback(slf: &Bound<'_, Self>, callback: Py<PyAny>) -> PyResult<()> {
        let call = slf.get();
        call.lock().done_callbacks.push(callback);
        Self::watch(slf);
        if call.core.poll_end(&mut call.context()).is_ready() { Self::woken(slf) } else { Ok(()) }
    }
}
