//! The synchronous server.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use carom::server::Server as Inner;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::handler::Handlers;
use super::listen::{self, TlsFiles};
use super::queue::{Dispatch, Intake, Queue, TIME_SLICE};
use super::serve::Server;
use crate::convert;
use crate::cooperative::{self, Hub};
use crate::options::Options;
use crate::runtime;
use crate::signal::detached;

/// A server whose handlers run in an executor.
#[pyclass(frozen, module = "carom._carom")]
pub(crate) struct SyncServer {
    inner: Inner,
    queue: Arc<Queue>,
    handlers: Mutex<Option<Arc<Handlers>>>,
    reuse_port: bool,
    log: Py<PyAny>,
}

#[pymethods]
impl SyncServer {
    #[new]
    fn new(
        options: &Bound<'_, PyAny>,
        #[pyo3(from_py_with = convert::count)] maximum_concurrent_rpcs: Option<usize>,
        compression: Option<i32>,
        max_drains: usize,
        log: Py<PyAny>,
    ) -> PyResult<Self> {
        let options = Options::read(options)?;
        let queue = Queue::new(max_drains, maximum_concurrent_rpcs);
        let builder = options
            .server(Inner::builder())
            .compression(convert::compression(options.compression(compression))?.flatten())
            .fallback(Intake(Arc::clone(&queue)));
        let inner =
            builder.start(runtime::handle()?).map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        let ended = Arc::clone(&queue);
        inner.on_terminated(move || ended.terminate());
        Ok(Self {
            inner,
            queue,
            handlers: Mutex::new(None),
            reuse_port: options.reuse_port.unwrap_or(true),
            log,
        })
    }

    /// Listens at an address; returns the port.
    fn add_port(&self, py: Python<'_>, address: &str, tls: Option<TlsFiles>) -> PyResult<u16> {
        listen::add_port(py, &self.inner, address, tls, self.reuse_port)
    }

    /// Sets the handlers: those found by path, and `find(method, invocation_metadata)` for the rest, unless `complete`.
    fn set_handlers(&self, fixed: &Bound<'_, PyDict>, find: Py<PyAny>, complete: bool) -> PyResult<()> {
        let handlers = Handlers::read(fixed, (!complete).then_some(find))?;
        self.queue.set_unary(handlers.unary_requests().map(str::to_owned).collect());
        *self.handlers.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(handlers));
        Ok(())
    }

    /// Waits for work for the dispatcher thread: how many drains to hand to the executor, or callables to call; None at
    /// the server's end.
    fn next_dispatch<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let dispatch = match Hub::current(py)? {
            None => detached(py, || self.queue.next_dispatch()),
            Some(hub) => hub.sleep(&*self.queue, || self.queue.try_dispatch())?,
        };
        Ok(match dispatch {
            Dispatch::Start(count) => Some(count.into_pyobject(py)?.into_any()),
            Dispatch::Callbacks(ended) => {
                let callbacks = ended.iter().flat_map(|callbacks| callbacks.take());
                Some(PyList::new(py, callbacks.collect::<Vec<_>>())?.into_any())
            }
            Dispatch::End => None,
        })
    }

    /// The executor took `drains` work items less than it was to: what waits is answered with UNAVAILABLE.
    fn refuse(&self, drains: usize, reason: &str) {
        self.queue.refuse(drains, reason);
    }

    /// A work item of the executor: serves calls.
    fn drain(&self, py: Python<'_>) {
        let Some(handlers) = self.handlers.lock().unwrap_or_else(PoisonError::into_inner).clone() else {
            self.queue.yield_worker();
            return;
        };
        let server = Server { queue: &self.queue, handlers: &handlers, log: &self.log };
        // A greenlet that lingered or went on to the next call would hold up all others.
        let greenlets = cooperative::is_on();
        let end = Instant::now() + if greenlets { Duration::ZERO } else { TIME_SLICE };
        loop {
            let call = match self.queue.take() {
                Some(call) => call,
                None if greenlets => match self.queue.take_or_end() {
                    Some(call) => call,
                    None => return,
                },
                None => match detached(py, || self.queue.linger()) {
                    Some(call) => call,
                    None => return,
                },
            };
            server.serve(py, call);
            if Instant::now() >= end {
                self.queue.yield_worker();
                return;
            }
        }
    }

    /// Refuses new calls; ends those that run after `grace` seconds.
    fn stop(&self, py: Python<'_>, grace: f64) {
        let grace = convert::timeout(Some(grace)).ok().flatten().unwrap_or(Duration::MAX);
        detached(py, || {
            self.queue.stop();
            self.inner.shutdown(if grace == Duration::MAX { None } else { Some(grace) });
        });
    }
}
