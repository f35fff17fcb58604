//! A call that an event loop serves. Used in the loop's thread only.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use carom::server::{IncomingCall, MessageReceiver, Responder};
use carom::{Cancelled, MetadataMap};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};

use super::queue::{CallWaker, LoopQueue};
use super::waiters::{Ask, NowOrLater, Waiters};
use crate::convert;
use crate::server::facts::Facts;

/// A call to be answered.
#[pyclass(frozen, module = "carom._carom")]
pub(crate) struct AioServerCall {
    facts: Facts,
    stream: Streams,
    queue: Py<LoopQueue>,
    wake: Arc<CallWaker>,
    waker: Waker,
    state: Mutex<State>,
    finished: AtomicBool,
    active: Arc<AtomicUsize>,
}

/// What futures wait for.
struct Streams {
    receiver: Mutex<MessageReceiver>,
    responder: Responder,
}

#[derive(Default)]
struct State {
    waiters: Waiters<Streams>,
    task: Option<Py<PyAny>>,
    done_callbacks: Vec<Py<PyAny>>,
    initial_sent: bool,
    next_uncompressed: bool,
}

impl AioServerCall {
    pub(super) fn new(queue: &Bound<'_, LoopQueue>, call: IncomingCall, active: Arc<AtomicUsize>) -> Self {
        let IncomingCall { head, facts, receiver, responder, .. } = call;
        let wake = CallWaker::new(queue.get().shared());
        let waker = wake.waker();
        Self {
            facts: Facts { head, call: facts },
            stream: Streams { receiver: Mutex::new(receiver), responder },
            queue: queue.clone().unbind(),
            wake,
            waker,
            state: Mutex::default(),
            finished: AtomicBool::new(false),
            active,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn context(&self) -> Context<'_> {
        Context::from_waker(&self.waker)
    }

    fn responder(&self) -> &Responder {
        &self.stream.responder
    }

    fn was_cancelled(&self) -> bool {
        self.responder().cancelled().is_some_and(|reason| reason != Cancelled::Finished)
    }

    /// Something of the call has changed: futures get their results, a cancelled call's handler is cancelled.
    pub(super) fn woken(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, call) = (slf.py(), slf.get());
        call.wake.accept();
        let mut waiters = std::mem::take(&mut call.lock().waiters);
        let resolved = waiters.resolve(py, &call.stream, &mut call.context())?;
        call.lock().waiters = waiters;
        let over = call.responder().poll_cancelled(&mut call.context()).is_ready();
        for resolved in resolved {
            resolved.deliver(py)?;
        }
        if over && call.was_cancelled() && !call.finished.load(Ordering::Acquire) {
            let task = call.lock().task.take();
            if let Some(task) = task {
                task.bind(py).call_method0("cancel")?;
            }
        }
        if over {
            call.conclude(py);
        }
        Ok(())
    }

    /// The call is over: forgets it and calls the callbacks.
    fn conclude(&self, py: Python<'_>) {
        if let Some(token) = self.wake.take_token() {
            self.queue.get().remove(token);
        }
        let callbacks = std::mem::take(&mut self.lock().done_callbacks);
        for callback in callbacks {
            if let Err(error) = callback.call0(py) {
                error.write_unraisable(py, Some(callback.bind(py)));
            }
        }
    }

    /// Notes that the answer has been given.
    fn answered(&self, py: Python<'_>) {
        if !self.finished.swap(true, Ordering::AcqRel) {
            self.conclude(py);
        }
    }

    /// Has wake-ups come here. `false`: they did already.
    fn watch(slf: &Bound<'_, Self>) -> bool {
        let call = slf.get();
        if call.wake.has_token() {
            return false;
        }
        call.wake.set_token(call.queue.get().add_server_call(slf.clone().unbind()));
        true
    }

    fn now_or_later<'py>(slf: &Bound<'py, Self>, ask: Ask<Streams>) -> PyResult<NowOrLater<'py>> {
        let (py, call) = (slf.py(), slf.get());
        if let Poll::Ready(now) = ask(py, &call.stream, &mut call.context()) {
            return Ok(NowOrLater::Now(now?.into_bound(py)));
        }
        if Self::watch(slf)
            && let Poll::Ready(now) = ask(py, &call.stream, &mut call.context())
        {
            return Ok(NowOrLater::Now(now?.into_bound(py)));
        }
        let future = call.queue.get().create_future(py)?;
        call.lock().waiters.push(ask, future.clone().unbind());
        Ok(NowOrLater::Later(future))
    }
}

impl Drop for AioServerCall {
    fn drop(&mut self) {
        self.active.fetch_sub(1, Ordering::Relaxed);
    }
}

fn ask_message(py: Python<'_>, stream: &Streams, cx: &mut Context<'_>) -> Poll<PyResult<Py<PyAny>>> {
    stream.receiver.lock().unwrap_or_else(PoisonError::into_inner).poll_message(cx).map(|message| {
        match message {
            Ok(Some(message)) => Ok(PyBytes::new(py, &message).into_any().unbind()),
            Ok(None) => Ok(py.None()),
            // The call is over, and its task is being cancelled: this says the same to who waits for the message.
            Err(_) => {
                let error = py.import("asyncio")?.getattr("CancelledError")?.call0()?;
                Err(PyErr::from_value(error))
            }
        }
    })
}

fn ask_room(py: Python<'_>, stream: &Streams, cx: &mut Context<'_>) -> Poll<PyResult<Py<PyAny>>> {
    stream.responder.poll_ready(cx).map(|()| Ok(py.None()))
}

#[pymethods]
impl AioServerCall {
    /// The full method name.
    fn method(&self) -> &str {
        self.facts.head.path_str()
    }

    /// The one request, or a future of it; None: there is none.
    fn request<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Ok(Self::now_or_later(slf, ask_message)?.either())
    }

    /// The next request of a stream (None after the last), or a future of it.
    fn read<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Ok(Self::now_or_later(slf, ask_message)?.either())
    }

    /// Sends a response. None if there is room for more, else a future of that.
    fn write<'py>(
        slf: &Bound<'py, Self>,
        message: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let call = slf.get();
        let payload = convert::payload(message)?;
        let compress = {
            let mut state = call.lock();
            state.initial_sent = true;
            !std::mem::take(&mut state.next_uncompressed)
        };
        call.responder().send_message(payload, compress);
        Ok(Self::now_or_later(slf, ask_room)?.future())
    }

    /// The task of the handler: it is cancelled when the call is.
    fn set_task(slf: &Bound<'_, Self>, task: Py<PyAny>) -> PyResult<()> {
        let call = slf.get();
        call.lock().task = Some(task);
        Self::watch(slf);
        match call.responder().poll_cancelled(&mut call.context()) {
            Poll::Ready(_) => Self::woken(slf),
            Poll::Pending => Ok(()),
        }
    }

    /// Sends the initial metadata. False if that was done already.
    fn send_initial_metadata(&self, metadata: &Bound<'_, PyAny>) -> PyResult<bool> {
        let (metadata, _) = convert::metadata(Some(metadata))?;
        if std::mem::replace(&mut self.lock().initial_sent, true) {
            return Ok(false);
        }
        self.responder().send_initial_metadata(metadata);
        Ok(true)
    }

    /// Ends the call.
    fn finish(&self, py: Python<'_>, code: i32, details: &str, trailing: &Bound<'_, PyAny>) -> PyResult<()> {
        let (trailing, status_details) = convert::metadata(Some(trailing))?;
        self.responder().finish(convert::status(code, details, status_details), trailing);
        self.answered(py);
        Ok(())
    }

    /// Answers by one message, with OK.
    fn finish_unary(
        &self,
        py: Python<'_>,
        message: &Bound<'_, PyAny>,
        details: &str,
        trailing: &Bound<'_, PyTuple>,
    ) -> PyResult<()> {
        let payload = convert::payload(message)?;
        let uncompressed = self.lock().next_uncompressed;
        if details.is_empty() && trailing.is_empty() && !uncompressed {
            self.responder().finish_unary(None, payload, MetadataMap::new());
        } else {
            let (trailing, status_details) = convert::metadata(Some(trailing))?;
            self.responder().send_message(payload, !uncompressed);
            self.responder().finish(convert::status(0, details, status_details), trailing);
        }
        self.answered(py);
        Ok(())
    }

    /// Whether the call was cancelled: by the client, its deadline, a lost connection or the server's end.
    fn cancelled(&self) -> bool {
        self.was_cancelled()
    }

    /// Whether the answer has been given.
    fn finished(&self) -> bool {
        self.finished.load(Ordering::Acquire)
    }

    /// Has `callback()` called when the call ends; at once if it has.
    fn add_done_callback(&self, py: Python<'_>, callback: Py<PyAny>) -> PyResult<()> {
        if self.finished() || self.was_cancelled() {
            callback.call0(py)?;
        } else {
            self.lock().done_callbacks.push(callback);
        }
        Ok(())
    }

    /// Sets the compression of the responses. False if the head has been sent.
    fn set_compression(&self, compression: i32) -> PyResult<bool> {
        let encoding = convert::compression(Some(compression))?.flatten();
        if self.lock().initial_sent {
            return Ok(false);
        }
        self.responder().set_compression(encoding);
        Ok(true)
    }

    /// Sends the next response uncompressed.
    fn disable_next_message_compression(&self) {
        self.lock().next_uncompressed = true;
    }

    /// The client's metadata.
    fn invocation_metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        self.facts.invocation_metadata(py)
    }

    /// The client's address.
    fn peer(&self) -> String {
        self.facts.peer()
    }

    /// The identities that the client proved, or None.
    fn peer_identities<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        self.facts.peer_identities(py)
    }

    /// The auth property that holds the identities, or None.
    fn peer_identity_key(&self) -> Option<&'static str> {
        self.facts.peer_identity_key()
    }

    /// The auth properties of the connection.
    fn auth_context<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.facts.auth_context(py)
    }

    /// Seconds until the deadline, or None.
    fn time_remaining(&self) -> Option<f64> {
        self.facts.time_remaining()
    }
}
