//! Serving one call of a synchronous server, in a thread of the executor.

use std::sync::Arc;

use bytes::Bytes;
use carom::server::{IncomingCall, MessageReceiver};
use carom::{Code, MetadataMap, Status};
use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyBytes;

use super::context::ServicerContext;
use super::handler::{Found, Handler, Handlers};
use super::queue::Queue;
use super::streams::RequestIterator;
use crate::convert;
use crate::signal::block_on;

/// What serving needs of its server.
pub(super) struct Server<'a> {
    pub(super) queue: &'a Arc<Queue>,
    pub(super) handlers: &'a Handlers,
    /// `log(message, exception)`.
    pub(super) log: &'a Py<PyAny>,
}

/// The call could not be served to its end; what the client is told.
struct Fault {
    code: Code,
    details: String,
    /// For the log.
    error: Option<PyErr>,
}

impl Fault {
    fn new(code: Code, details: impl Into<String>, error: PyErr) -> Self {
        Self { code, details: details.into(), error: Some(error) }
    }
}

static CONTEXT_CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// A new `contextvars.Context`: what one call sets, the next does not see.
fn variables(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    CONTEXT_CLASS
        .get_or_try_init(py, || Ok::<_, PyErr>(py.import("contextvars")?.getattr("Context")?.unbind()))?
        .bind(py)
        .call0()
}

impl Server<'_> {
    /// Serves a call and answers it, whatever happens.
    pub(super) fn serve(&self, py: Python<'_>, call: IncomingCall) {
        let IncomingCall { head, facts, receiver, responder, .. } = call;
        let path = head.path_str();
        let found = self.handlers.find(py, path);
        if matches!(found, Found::Nobody) {
            responder.finish(Status::unimplemented("Method not found!"), MetadataMap::new());
            self.queue.done();
            return;
        }
        let context =
            match Bound::new(py, ServicerContext::new(Arc::clone(&head), facts, responder, self.queue)) {
                Ok(context) => context,
                Err(error) => {
                    // The responder went with the context, which answers INTERNAL.
                    error.write_unraisable(py, None);
                    self.queue.done();
                    return;
                }
            };
        let result = self.handler(py, found, &context).and_then(|handler| match handler {
            Some(handler) => self.run(py, &handler, receiver, &context),
            None => {
                Err(Fault { code: Code::Unimplemented, details: "Method not found!".to_owned(), error: None })
            }
        });
        if let Err(fault) = result {
            self.fail(py, &context, fault);
        }
        context.get().conclude(py);
        self.queue.done();
    }

    fn fail(&self, py: Python<'_>, context: &Bound<'_, ServicerContext>, fault: Fault) {
        let context = context.get();
        if context.is_aborted() {
            context.fail(py, fault.code, "");
            return;
        }
        if let Some(error) = &fault.error
            && context.responder().is_active()
            && let Err(error) = self.log.call1(py, (fault.details.as_str(), error.value(py)))
        {
            error.write_unraisable(py, None);
        }
        context.fail(py, fault.code, &fault.details);
    }

    fn handler(
        &self,
        py: Python<'_>,
        found: Found,
        context: &Bound<'_, ServicerContext>,
    ) -> Result<Option<Arc<Handler>>, Fault> {
        let find = match found {
            Found::Handler(handler) => return Ok(Some(handler)),
            Found::Nobody => return Ok(None),
            Found::Ask(find) => find,
        };
        let facts = context.get().facts();
        let ask = || {
            let metadata = facts.invocation_metadata(py)?;
            let handler = find.bind(py).call1((facts.head.path_str(), metadata))?;
            if handler.is_none() {
                Ok(None)
            } else {
                Handler::read(&handler).map(|handler| Some(Arc::new(handler)))
            }
        };
        ask().map_err(|error| Fault::new(Code::Unknown, "Error in service handler!", error))
    }

    fn run(
        &self,
        py: Python<'_>,
        handler: &Arc<Handler>,
        receiver: MessageReceiver,
        context: &Bound<'_, ServicerContext>,
    ) -> Result<(), Fault> {
        let failed = |error| Fault::new(Code::Internal, "The call could not be set up", error);
        let variables = variables(py).map_err(failed)?;
        let mut requests = None;
        let request = if handler.request_streaming {
            let iterator =
                Bound::new(py, RequestIterator::new(receiver, Arc::clone(handler))).map_err(failed)?;
            requests = Some(iterator.clone());
            iterator.into_any()
        } else {
            match self.one_request(py, handler, receiver)? {
                Some(request) => request,
                // Cancelled before its message came, or refused by the library.
                None => return Ok(()),
            }
        };
        let behavior = handler.behavior.bind(py);
        let result = variables.call_method1("run", (behavior, request, context));
        let blame = |error: PyErr, doing: &str| self.blame(py, error, doing, requests.as_ref());
        let response = match result {
            Ok(response) => response,
            Err(error) => return blame(error, "calling application").map_or(Ok(()), Err),
        };
        if handler.response_streaming {
            return match self.send_all(py, handler, &variables, &response, context) {
                Ok(()) => Ok(()),
                Err(Sending::Fault(fault)) => Err(fault),
                Err(Sending::Raised(error)) => blame(error, "iterating responses").map_or(Ok(()), Err),
            };
        }
        let payload = serialize(py, handler, &response)?;
        context.get().finish_unary(py, payload).map_err(invalid_trailing)
    }

    /// What is to be told of an exception that the program raised; nothing if it is the end of the call itself.
    fn blame(
        &self,
        py: Python<'_>,
        error: PyErr,
        doing: &str,
        requests: Option<&Bound<'_, RequestIterator>>,
    ) -> Option<Fault> {
        let is_rpc_error =
            || -> PyResult<bool> { Ok(error.matches(py, py.import("grpc")?.getattr("RpcError")?)?) };
        if requests.is_some_and(|requests| requests.get().has_failed()) && is_rpc_error().unwrap_or(false) {
            return None;
        }
        // SystemExit and its like too: the call has to end.
        Some(Fault::new(Code::Unknown, format!("Exception {doing}: {}", text(py, &error)), error))
    }

    fn one_request<'py>(
        &self,
        py: Python<'py>,
        handler: &Handler,
        mut receiver: MessageReceiver,
    ) -> Result<Option<Bound<'py, PyAny>>, Fault> {
        let message = block_on(py, None, |cx| receiver.poll_message(cx))
            .map_err(|error| Fault::new(Code::Unknown, "Interrupted", error))?;
        let message = match message {
            Some(Ok(Some(message))) => message,
            Some(Ok(None)) => {
                let details = "The call has no request message where one belongs".to_owned();
                return Err(Fault { code: Code::Unimplemented, details, error: None });
            }
            Some(Err(_)) | None => return Ok(None),
        };
        let message = PyBytes::new(py, &message).into_any();
        match &handler.deserializer {
            None => Ok(Some(message)),
            Some(deserializer) => deserializer
                .bind(py)
                .call1((message,))
                .map(Some)
                .map_err(|error| Fault::new(Code::Internal, "Exception deserializing request!", error)),
        }
    }

    fn send_all(
        &self,
        py: Python<'_>,
        handler: &Handler,
        variables: &Bound<'_, PyAny>,
        responses: &Bound<'_, PyAny>,
        context: &Bound<'_, ServicerContext>,
    ) -> Result<(), Sending> {
        let context = context.get();
        let responder = context.responder();
        let responses = responses.try_iter().map_err(Sending::Raised)?;
        let next = responses.getattr("__next__").map_err(Sending::Raised)?;
        let run = variables.getattr("run").map_err(Sending::Raised)?;
        loop {
            let response = match run.call1((&next,)) {
                Ok(response) => response,
                Err(error) if error.is_instance_of::<PyStopIteration>(py) => break,
                Err(error) => return Err(Sending::Raised(error)),
            };
            if !responder.is_active() {
                return Ok(());
            }
            let payload = serialize(py, handler, &response).map_err(Sending::Fault)?;
            responder.send_message(payload, context.take_compress());
            block_on(py, None, |cx| responder.poll_ready(cx)).map_err(Sending::Raised)?;
        }
        context.finish(py).map_err(|error| Sending::Fault(invalid_trailing(error)))
    }
}

/// Why a stream of responses was left.
enum Sending {
    Fault(Fault),
    /// By the program's iterator.
    Raised(PyErr),
}

fn serialize(py: Python<'_>, handler: &Handler, response: &Bound<'_, PyAny>) -> Result<Bytes, Fault> {
    let payload = match &handler.serializer {
        None => convert::payload(response),
        Some(serializer) => serializer.bind(py).call1((response,)).and_then(|bytes| convert::payload(&bytes)),
    };
    payload.map_err(|error| Fault::new(Code::Internal, "Failed to serialize response!", error))
}

fn invalid_trailing(error: PyErr) -> Fault {
    Fault::new(Code::Internal, "The trailing metadata cannot be sent", error)
}

fn text(py: Python<'_>, error: &PyErr) -> String {
    match error.value(py).str() {
        Ok(text) => text.to_string_lossy().into_owned(),
        Err(_) => "(the exception has no text)".to_owned(),
    }
}
