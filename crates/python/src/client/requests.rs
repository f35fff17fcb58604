//! Feeding a call from the program's iterator.

use bytes::Bytes;
use carom::Code;
use pyo3::prelude::*;

use super::core::CallCore;
use crate::convert;
use crate::signal::block_on;

/// Why the requests ended early.
enum Fault {
    Iterating(PyErr),
    Serializing(PyErr),
}

/// Sends every request and half-closes. What the iterator or the serializer raises ends the call.
pub(super) fn send_all(
    py: Python<'_>,
    core: &CallCore,
    requests: &Bound<'_, PyAny>,
    serializer: Option<&Bound<'_, PyAny>>,
) {
    let (code, details, error) = match send_each(py, core, requests, serializer) {
        Ok(()) => return,
        Err(Fault::Iterating(error)) => (Code::Unknown, "Exception iterating requests!", error),
        Err(Fault::Serializing(error)) => (Code::Internal, "Exception serializing request!", error),
    };
    if core.cancel(convert::status(code as i32, details, None)) {
        log(py, details, &error);
    }
}

fn send_each(
    py: Python<'_>,
    core: &CallCore,
    requests: &Bound<'_, PyAny>,
    serializer: Option<&Bound<'_, PyAny>>,
) -> Result<(), Fault> {
    let Some(raw) = core.raw() else { return Ok(()) };
    let requests = requests.try_iter().map_err(Fault::Iterating)?;
    for request in requests {
        if raw.has_ended() {
            return Ok(());
        }
        let request = request.map_err(Fault::Iterating)?;
        let payload = serialize(&request, serializer).map_err(Fault::Serializing)?;
        raw.send_message(payload);
        block_on(py, None, |cx| raw.poll_ready(cx)).map_err(Fault::Iterating)?;
    }
    raw.half_close();
    Ok(())
}

fn serialize(request: &Bound<'_, PyAny>, serializer: Option<&Bound<'_, PyAny>>) -> PyResult<Bytes> {
    match serializer {
        None => convert::payload(request),
        Some(serializer) => convert::payload(&serializer.call1((request,))?),
    }
}

/// Writes what the program raised to its log.
fn log(py: Python<'_>, message: &str, error: &PyErr) {
    let logged = py
        .import("grpc._server")
        .and_then(|module| module.getattr("_log_exception")?.call1((message, error.value(py))));
    if let Err(error) = logged {
        error.write_unraisable(py, None);
    }
}
