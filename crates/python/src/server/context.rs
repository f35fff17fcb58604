//! The context that a handler of a synchronous server is given.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Wake, Waker};

use bytes::Bytes;
use carom::server::{CallFacts, RequestHead, Responder};
use carom::{Code, MetadataMap, Status};
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use super::facts::Facts;
use super::queue::Queue;
use crate::convert;

/// A call as its handler sees it (`grpc.ServicerContext`).
#[pyclass(frozen, dict, weakref, module = "carom._carom")]
pub(crate) struct ServicerContext {
    facts: Facts,
    responder: Responder,
    state: Mutex<State>,
    /// Made when the first callback is added.
    callbacks: Mutex<Option<Arc<Callbacks>>>,
    queue: Weak<Queue>,
    over: AtomicBool,
}

#[derive(Default)]
struct State {
    code: Option<Py<PyAny>>,
    details: Option<Py<PyAny>>,
    trailing: Option<Py<PyAny>>,
    aborted: bool,
    initial_sent: bool,
    next_uncompressed: bool,
}

/// What is to be called when a call ends. The end wakes this, and the dispatcher thread calls.
pub(crate) struct Callbacks {
    list: Mutex<Vec<Py<PyAny>>>,
    queue: Weak<Queue>,
}

impl Callbacks {
    /// What is to be called, which then is nothing any more.
    pub(super) fn take(&self) -> Vec<Py<PyAny>> {
        std::mem::take(&mut *self.list.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn run(&self, py: Python<'_>) {
        for callback in self.take() {
            if let Err(error) = callback.call0(py) {
                error.write_unraisable(py, Some(callback.bind(py)));
            }
        }
    }
}

impl Wake for Callbacks {
    fn wake(self: Arc<Self>) {
        if let Some(queue) = self.queue.upgrade() {
            queue.call_ended(self);
        }
    }
}

impl ServicerContext {
    pub(super) fn new(
        head: Arc<RequestHead>,
        facts: CallFacts,
        responder: Responder,
        queue: &Arc<Queue>,
    ) -> Self {
        Self {
            facts: Facts { head, call: facts },
            responder,
            state: Mutex::default(),
            callbacks: Mutex::new(None),
            queue: Arc::downgrade(queue),
            over: AtomicBool::new(false),
        }
    }

    pub(super) fn responder(&self) -> &Responder {
        &self.responder
    }

    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.lock().aborted
    }

    /// Whether the next message is compressed, as far as the handler has a say.
    pub(super) fn take_compress(&self) -> bool {
        !std::mem::take(&mut self.lock().next_uncompressed)
    }

    /// The code that the handler set: `None` if it set none.
    fn set_code_number(&self, py: Python<'_>) -> Option<i32> {
        let code = self.lock().code.as_ref().map(|code| code.clone_ref(py))?;
        Some(code_number(code.bind(py)))
    }

    fn details_text(&self, py: Python<'_>) -> Option<String> {
        let details = self.lock().details.as_ref().map(|details| details.clone_ref(py))?;
        let bytes = details.bind(py).cast::<PyBytes>().ok()?.as_bytes().to_vec();
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The trailing metadata, and the status details if they are among it.
    fn trailing(&self, py: Python<'_>) -> PyResult<(MetadataMap, Option<Bytes>)> {
        let trailing = self.lock().trailing.as_ref().map(|trailing| trailing.clone_ref(py));
        match trailing {
            Some(trailing) => convert::metadata(Some(trailing.bind(py))),
            None => Ok((MetadataMap::new(), None)),
        }
    }

    /// The call goes well as far as the handler says: its one response.
    pub(super) fn finish_unary(&self, py: Python<'_>, payload: Bytes) -> PyResult<()> {
        let plain = {
            let state = self.lock();
            state.code.is_none() && state.details.is_none() && state.trailing.is_none()
        };
        if plain && !self.lock().next_uncompressed {
            self.responder.finish_unary(None, payload, MetadataMap::new());
            return Ok(());
        }
        let code = self.set_code_number(py).unwrap_or(0);
        if code == 0 && self.details_text(py).is_none() && self.take_compress() {
            let (trailing, _) = self.trailing(py)?;
            self.responder.finish_unary(None, payload, trailing);
            return Ok(());
        }
        if code == 0 {
            self.responder.send_message(payload, self.take_compress());
        }
        self.finish(py)
    }

    /// Ends the call with what the handler set.
    pub(super) fn finish(&self, py: Python<'_>) -> PyResult<()> {
        let code = self.set_code_number(py).unwrap_or(0);
        let details = self.details_text(py).unwrap_or_default();
        let (trailing, status_details) = self.trailing(py)?;
        self.responder.finish(convert::status(code, &details, status_details), trailing);
        Ok(())
    }

    /// Ends the call because something went wrong; what the handler set comes before `code` and `details`.
    pub(super) fn fail(&self, py: Python<'_>, code: Code, details: &str) {
        let code = self.set_code_number(py).filter(|&set| set != 0).unwrap_or(code as i32);
        let own = self.details_text(py);
        let (trailing, status_details) = self.trailing(py).unwrap_or_default();
        let status = convert::status(code, own.as_deref().unwrap_or(details), status_details);
        self.responder.finish(status, trailing);
    }

    /// The call is over: callbacks are called, once.
    pub(super) fn conclude(&self, py: Python<'_>) {
        self.over.store(true, Ordering::Release);
        let callbacks = self.callbacks.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(callbacks) = callbacks {
            callbacks.run(py);
        }
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire) || !self.responder.is_active()
    }
}

/// The wire number of a `grpc.StatusCode`; anything else is UNKNOWN.
fn code_number(code: &Bound<'_, PyAny>) -> i32 {
    let number = || -> PyResult<i32> { code.getattr("value")?.get_item(0)?.extract() };
    number().unwrap_or(Code::Unknown as i32)
}

/// Text as UTF-8 bytes; bytes stay.
fn encoded(text: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    match text.cast::<PyString>() {
        Ok(text) => Ok(PyBytes::new(text.py(), text.to_cow()?.as_bytes()).into_any().unbind()),
        Err(_) => Ok(text.clone().unbind()),
    }
}

#[pymethods]
impl ServicerContext {
    /// Whether the call goes on.
    fn is_active(&self) -> bool {
        !self.is_over()
    }

    /// Seconds until the deadline, or None.
    fn time_remaining(&self) -> Option<f64> {
        self.facts.time_remaining()
    }

    /// Ends the call with CANCELLED.
    fn cancel(&self) {
        self.responder.finish(Status::cancelled("Cancelled by the server's application"), MetadataMap::new());
    }

    /// Has `callback()` called when the call ends. False if it has ended.
    fn add_callback(&self, callback: Py<PyAny>) -> bool {
        if self.is_over() {
            return false;
        }
        let mut slot = self.callbacks.lock().unwrap_or_else(PoisonError::into_inner);
        let callbacks = slot
            .get_or_insert_with(|| Arc::new(Callbacks { list: Mutex::default(), queue: self.queue.clone() }));
        callbacks.list.lock().unwrap_or_else(PoisonError::into_inner).push(callback);
        let waker = Waker::from(Arc::clone(callbacks));
        // An end that comes between now and then is told by the waker, or by the handler's own end.
        let _ = self.responder.poll_cancelled(&mut Context::from_waker(&waker));
        true
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

    /// Sets the compression of the responses.
    fn set_compression(&self, compression: i32) -> PyResult<()> {
        self.responder.set_compression(convert::compression(Some(compression))?.flatten());
        Ok(())
    }

    /// Sends the next response uncompressed.
    fn disable_next_message_compression(&self) {
        self.lock().next_uncompressed = true;
    }

    /// Sends the initial metadata now. Once.
    fn send_initial_metadata(&self, initial_metadata: &Bound<'_, PyAny>) -> PyResult<()> {
        let (metadata, _) = convert::metadata(Some(initial_metadata))?;
        if std::mem::replace(&mut self.lock().initial_sent, true) {
            return Err(PyValueError::new_err("Initial metadata no longer allowed!"));
        }
        self.responder.send_initial_metadata(metadata);
        Ok(())
    }

    /// Sets the metadata that goes out with the status.
    fn set_trailing_metadata(&self, trailing_metadata: Py<PyAny>) {
        let old = self.lock().trailing.replace(trailing_metadata);
        drop(old);
    }

    /// The state as programs know it that look into grpcio's contexts.
    #[getter]
    fn _state<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("grpc._server")?.getattr("_State")?.call1((slf,))
    }

    /// The trailing metadata set so far.
    fn trailing_metadata(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.lock().trailing.as_ref().map(|trailing| trailing.clone_ref(py))
    }

    /// Sets the status code.
    fn set_code(&self, code: Py<PyAny>) {
        let old = self.lock().code.replace(code);
        drop(old);
    }

    /// The status code set so far, or None.
    fn code(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.lock().code.as_ref().map(|code| code.clone_ref(py))
    }

    /// Sets the status message.
    fn set_details(&self, details: &Bound<'_, PyAny>) -> PyResult<()> {
        let details = encoded(details)?;
        let old = self.lock().details.replace(details);
        drop(old);
        Ok(())
    }

    /// The status message set so far, as bytes, or None.
    fn details(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.lock().details.as_ref().map(|details| details.clone_ref(py))
    }

    /// Ends the call with a status other than OK, by raising.
    fn abort(&self, code: &Bound<'_, PyAny>, details: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = code.py();
        let (code, details) = if code_number(code) == 0 {
            // A call that is aborted has failed.
            let unknown = py.import("grpc")?.getattr("StatusCode")?.getattr("UNKNOWN")?;
            (unknown.unbind(), PyBytes::new(py, b"").into_any().unbind())
        } else {
            (code.clone().unbind(), encoded(details)?)
        };
        let old = {
            let mut state = self.lock();
            state.aborted = true;
            (state.code.replace(code), state.details.replace(details))
        };
        drop(old);
        Err(PyException::new_err(()))
    }

    /// As `abort`, with a grpc.Status.
    fn abort_with_status(&self, status: &Bound<'_, PyAny>) -> PyResult<()> {
        self.set_trailing_metadata(status.getattr("trailing_metadata")?.unbind());
        self.abort(&status.getattr("code")?, &status.getattr("details")?)
    }
}
