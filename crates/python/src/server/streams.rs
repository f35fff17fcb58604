//! The requests of a stream, as an iterator that blocks.

use std::sync::{Arc, Mutex, PoisonError};

use carom::Status;
use carom::server::MessageReceiver;
use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::handler::Handler;
use crate::signal::block_on;

/// Iterates over the requests of a call. Ends with grpc.RpcError when the call was cancelled or is broken.
#[pyclass(frozen, dict, weakref, module = "carom._carom")]
pub(crate) struct RequestIterator {
    receiver: Mutex<MessageReceiver>,
    handler: Arc<Handler>,
    /// The call ended under the handler: what it raises because of that is not its fault.
    failed: Mutex<Option<Status>>,
}

impl RequestIterator {
    pub(super) fn new(receiver: MessageReceiver, handler: Arc<Handler>) -> Self {
        Self { receiver: Mutex::new(receiver), handler, failed: Mutex::new(None) }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

#[pymethods]
impl RequestIterator {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let message = block_on(py, None, |cx| {
            self.receiver.lock().unwrap_or_else(PoisonError::into_inner).poll_message(cx)
        })?;
        match message {
            Some(Ok(Some(message))) => {
                let message = PyBytes::new(py, &message).into_any();
                match &self.handler.deserializer {
                    None => Ok(message),
                    Some(deserializer) => deserializer.bind(py).call1((message,)),
                }
            }
            Some(Ok(None)) | None => Err(PyStopIteration::new_err(())),
            Some(Err(status)) => {
                *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
                let error = py.import("grpc")?.getattr("RpcError")?.call0()?;
                Err(PyErr::from_value(error))
            }
        }
    }

    /// As `next(iterator)`.
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.__next__(py)
    }
}
