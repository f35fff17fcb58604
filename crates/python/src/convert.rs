//! Between the interpreter's objects and the library's: payloads, metadata, times, status.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use bytes::Bytes;
use carom::{Code, CompressionEncoding, MetadataMap, Status};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyFloat, PyString, PyTuple, PyType};

pyo3::create_exception!(_carom, InvalidMetadata, PyValueError, "Metadata that cannot be sent.");

/// Payloads from this size on are sent out of the interpreter's memory; smaller ones are copied, which costs less than
/// giving the reference back.
const SHARE_FROM: usize = 64 * 1024;

/// Under this key programs give and find the status details.
const DETAILS_KEY: &str = "grpc-status-details-bin";

/// A payload to send.
///
/// # Errors
/// TypeError for anything but bytes.
pub(crate) fn payload(message: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    let Ok(bytes) = message.cast::<PyBytes>() else {
        let kind = message.get_type();
        return Err(PyTypeError::new_err(format!("Expected bytes, got {}", kind.name()?)));
    };
    let data = bytes.as_bytes();
    if data.len() < SHARE_FROM {
        return Ok(Bytes::copy_from_slice(data));
    }
    Ok(Bytes::from_owner(PyBackedBytes::from(bytes.clone())))
}

/// Whatever Python takes for true or false; None is neither.
pub(crate) fn truth(value: &Bound<'_, PyAny>) -> PyResult<Option<bool>> {
    if value.is_none() { Ok(None) } else { value.is_truthy().map(Some) }
}

/// A whole number, also as a float; None is none.
pub(crate) fn count(value: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
    match value.cast::<PyFloat>() {
        Ok(_) => value.call_method0("__int__")?.extract(),
        Err(_) => value.extract(),
    }
}

/// Metadata to send, and the status details if they are among it.
///
/// # Errors
/// TypeError for what is not pairs of text; [`InvalidMetadata`] for keys and values that HTTP/2 does not carry.
pub(crate) fn metadata(pairs: Option<&Bound<'_, PyAny>>) -> PyResult<(MetadataMap, Option<Bytes>)> {
    let mut map = MetadataMap::new();
    let mut details = None;
    let Some(pairs) = pairs.filter(|pairs| !pairs.is_none()) else { return Ok((map, details)) };
    for pair in pairs.try_iter()? {
        let pair = pair?;
        match pair.len()? {
            2 => {}
            // In grpcio's words: it unpacks.
            n @ (0 | 1) => {
                let words = format!("not enough values to unpack (expected 2, got {n})");
                return Err(PyValueError::new_err(words));
            }
            _ => return Err(PyValueError::new_err("too many values to unpack (expected 2)")),
        }
        let (key, value) = (pair.get_item(0)?, pair.get_item(1)?);
        let key = match key.cast::<PyBytes>() {
            Ok(bytes) => Cow::Owned(String::from_utf8_lossy(bytes.as_bytes()).into_owned()),
            Err(_) => key.cast::<PyString>().map_err(|_| expected_str(&key))?.to_cow()?,
        };
        let value = match value.cast::<PyBytes>() {
            Ok(bytes) => Bytes::copy_from_slice(bytes.as_bytes()),
            Err(_) => {
                let text = value.cast::<PyString>().map_err(|_| expected_str(&value))?;
                if key.ends_with("-bin") {
                    let words = format!("Binary metadata key={key:?} expected bytes, got <class 'str'>");
                    return Err(PyTypeError::new_err(words));
                }
                Bytes::copy_from_slice(text.to_cow()?.as_bytes())
            }
        };
        if key == DETAILS_KEY {
            details = Some(value);
            continue;
        }
        // Any case is one key in Rust; grpcio refuses what is not lower case, and sends nothing of what is reserved.
        if let Some(byte) = key.bytes().find(u8::is_ascii_uppercase) {
            let byte = char::from(byte);
            return Err(InvalidMetadata::new_err(format!(
                "metadata key {key:?}: '{byte}' is not lower case"
            )));
        }
        match map.append(&key, value) {
            Ok(()) => {}
            Err(error) if error.is_reserved() => tracing::debug!(%key, "reserved metadata is not sent"),
            Err(error) => return Err(InvalidMetadata::new_err(error.to_string())),
        }
    }
    Ok((map, details))
}

fn expected_str(object: &Bound<'_, PyAny>) -> PyErr {
    PyTypeError::new_err(format!("Expected str, not {}", object.get_type()))
}

static METADATUM: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// The named tuple of a key and a value.
fn metadatum(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    METADATUM.import(py, "grpc._metadatum", "_Metadatum")
}

fn pair<'py>(class: &Bound<'py, PyType>, key: &str, value: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    if key.ends_with("-bin") {
        return class.call1((key, PyBytes::new(py, value)));
    }
    match std::str::from_utf8(value) {
        Ok(text) => class.call1((key, text)),
        Err(_) => class.call1((key, PyBytes::new(py, value))),
    }
}

/// Received metadata as a tuple of pairs with names. `extra` pairs stand first.
pub(crate) fn metadata_tuple<'py>(
    py: Python<'py>,
    extra: &[(&str, &[u8])],
    map: &MetadataMap,
    details: &[u8],
) -> PyResult<Bound<'py, PyTuple>> {
    if extra.is_empty() && map.is_empty() && details.is_empty() {
        return Ok(PyTuple::empty(py));
    }
    let class = metadatum(py)?;
    let mut pairs = Vec::with_capacity(extra.len() + map.len() + 1);
    for (key, value) in extra {
        pairs.push(pair(class, key, value)?);
    }
    for (key, value) in map.iter() {
        pairs.push(pair(class, key, value.as_bytes())?);
    }
    if !details.is_empty() {
        pairs.push(pair(class, DETAILS_KEY, details)?);
    }
    PyTuple::new(py, pairs)
}

/// A status from what the program gave.
pub(crate) fn status(code: i32, message: &str, details: Option<Bytes>) -> Status {
    let code = Code::from_i32(code);
    match details {
        Some(details) => Status::with_details(code, message, details),
        None => Status::new(code, message),
    }
}

/// The text that programs know as the debug error string of a status that came from the other side.
pub(crate) fn debug_error_string(status: &Status) -> String {
    match (status.code(), status.message()) {
        (Code::Ok, _) => String::new(),
        (code, "") => code.name().to_owned(),
        (code, message) => format!("{}:{message}", code.name()),
    }
}

/// A timeout in seconds; what is too far away to be told from never is never.
///
/// # Errors
/// ValueError for what is not a number.
pub(crate) fn timeout(seconds: Option<f64>) -> PyResult<Option<Duration>> {
    /// Ten years.
    const NEVER: f64 = 315_360_000.0;
    match seconds {
        None => Ok(None),
        Some(seconds) if seconds.is_nan() => Err(PyValueError::new_err("the timeout is not a number")),
        Some(seconds) if seconds >= NEVER => Ok(None),
        Some(seconds) => Ok(Some(Duration::from_secs_f64(seconds.max(0.0)))),
    }
}

/// Seconds until `deadline`, not below zero.
pub(crate) fn remaining(deadline: Option<Instant>) -> Option<f64> {
    deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()).as_secs_f64())
}

/// A `grpc.Compression`: `None` leaves it to the default, `Some(None)` is no compression.
pub(crate) fn compression(number: Option<i32>) -> PyResult<Option<Option<CompressionEncoding>>> {
    Ok(match number {
        None => None,
        Some(0) => Some(None),
        Some(1) => Some(Some(CompressionEncoding::Deflate)),
        Some(2) => Some(Some(CompressionEncoding::Gzip)),
        Some(other) => return Err(PyValueError::new_err(format!("{other} is no grpc.Compression"))),
    })
}
