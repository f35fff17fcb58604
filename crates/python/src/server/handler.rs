//! Method handlers, as the program gave them.

use std::collections::HashMap;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

/// One `grpc.RpcMethodHandler`, taken apart.
pub(super) struct Handler {
    pub(super) request_streaming: bool,
    pub(super) response_streaming: bool,
    pub(super) behavior: Py<PyAny>,
    pub(super) deserializer: Option<Py<PyAny>>,
    pub(super) serializer: Option<Py<PyAny>>,
}

impl Handler {
    /// # Errors
    /// The object lacks an attribute that handlers have.
    pub(super) fn read(handler: &Bound<'_, PyAny>) -> PyResult<Self> {
        let request_streaming = handler.getattr("request_streaming")?.is_truthy()?;
        let response_streaming = handler.getattr("response_streaming")?.is_truthy()?;
        let name = match (request_streaming, response_streaming) {
            (false, false) => "unary_unary",
            (false, true) => "unary_stream",
            (true, false) => "stream_unary",
            (true, true) => "stream_stream",
        };
        let optional = |name: &str| -> PyResult<Option<Py<PyAny>>> {
            let value = handler.getattr(name)?;
            Ok((!value.is_none()).then(|| value.unbind()))
        };
        Ok(Self {
            request_streaming,
            response_streaming,
            behavior: handler.getattr(name)?.unbind(),
            deserializer: optional("request_deserializer")?,
            serializer: optional("response_serializer")?,
        })
    }
}

/// Where handlers are found.
pub(super) struct Handlers {
    fixed: HashMap<String, Arc<Handler>>,
    /// `find(method, invocation_metadata)`, where interceptors or generic handlers must be asked for each call.
    find: Option<Py<PyAny>>,
}

/// What was found.
pub(super) enum Found {
    Handler(Arc<Handler>),
    Ask(Py<PyAny>),
    Nobody,
}

impl Handlers {
    /// # Errors
    /// A handler lacks an attribute.
    pub(super) fn read(fixed: &Bound<'_, PyDict>, find: Option<Py<PyAny>>) -> PyResult<Self> {
        let mut handlers = HashMap::with_capacity(fixed.len());
        for (path, handler) in fixed {
            let path = path.cast::<PyString>()?.to_cow()?.into_owned();
            handlers.insert(path, Arc::new(Handler::read(&handler)?));
        }
        Ok(Self { fixed: handlers, find })
    }

    pub(super) fn find(&self, py: Python<'_>, path: &str) -> Found {
        if let Some(handler) = self.fixed.get(path) {
            return Found::Handler(Arc::clone(handler));
        }
        match &self.find {
            Some(find) => Found::Ask(find.clone_ref(py)),
            None => Found::Nobody,
        }
    }

    /// The paths whose requests are one message.
    pub(super) fn unary_requests(&self) -> impl Iterator<Item = &str> {
        self.fixed.iter().filter(|(_, handler)| !handler.request_streaming).map(|(path, _)| path.as_str())
    }
}
