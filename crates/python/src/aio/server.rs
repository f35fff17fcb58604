//! The server of event loops.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arc_swap::ArcSwap;
use carom::server::{DetachedHandler, IncomingCall, RequestMode, Server as Inner};
use carom::{MetadataMap, Status};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::queue::{Completion, LoopQueue, Shared};
use super::server_call::AioServerCall;
use crate::convert;
use crate::options::Options;
use crate::runtime;
use crate::server::listen::{self, TlsFiles};
use crate::signal::detached;

/// A server whose handlers run in an event loop.
#[pyclass(frozen, module = "carom._carom")]
pub(crate) struct AioServer {
    inner: Inner,
    intake: Arc<IntakeState>,
    reuse_port: bool,
    running: OnceLock<Running>,
}

struct Running {
    queue: Py<LoopQueue>,
    token: usize,
    /// `on_call(AioServerCall)`.
    on_call: Py<PyAny>,
    /// Called at the end.
    on_terminated: Py<PyAny>,
}

/// What connections see of the server.
struct IntakeState {
    target: Mutex<Target>,
    terminated: AtomicBool,
    max_calls: usize,
    active: Arc<AtomicUsize>,
    /// Paths whose requests are one message.
    unary: ArcSwap<HashSet<String>>,
}

/// Where calls go.
enum Target {
    /// Kept until the server starts.
    Waiting(Vec<IncomingCall>),
    Queue(Arc<Shared>, usize),
}

impl IntakeState {
    fn target(&self) -> MutexGuard<'_, Target> {
        self.target.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn terminate(&self) {
        self.terminated.store(true, Ordering::Release);
        if let Target::Queue(queue, token) = &*self.target() {
            queue.push(Completion::Woken(*token));
        }
    }
}

struct Intake(Arc<IntakeState>);

impl DetachedHandler for Intake {
    fn call(&self, call: IncomingCall) {
        if self.0.active.fetch_add(1, Ordering::Relaxed) >= self.0.max_calls {
            self.0.active.fetch_sub(1, Ordering::Relaxed);
            let status = Status::resource_exhausted("Concurrent RPC limit exceeded!");
            call.responder.finish(status, MetadataMap::new());
            return;
        }
        match &mut *self.0.target() {
            Target::Waiting(calls) => calls.push(call),
            Target::Queue(queue, token) => queue.push(Completion::Incoming(*token, Box::new(call))),
        }
    }

    fn request_mode(&self, path: &str) -> RequestMode {
        if self.0.unary.load().contains(path) { RequestMode::Unary } else { RequestMode::Streaming }
    }
}

impl AioServer {
    /// A call came: the program's handler is started.
    pub(super) fn incoming(
        slf: &Bound<'_, Self>,
        queue: &Bound<'_, LoopQueue>,
        call: IncomingCall,
    ) -> PyResult<()> {
        let Some(running) = slf.get().running.get() else { return Ok(()) };
        let call = AioServerCall::new(queue, call, Arc::clone(&slf.get().intake.active));
        running.on_call.bind(slf.py()).call1((call,))?;
        Ok(())
    }

    /// The server has ended.
    pub(super) fn woken(slf: &Bound<'_, Self>) -> PyResult<()> {
        let server = slf.get();
        let Some(running) = server.running.get() else { return Ok(()) };
        if server.intake.terminated.load(Ordering::Acquire) {
            running.queue.get().remove(running.token);
            running.on_terminated.bind(slf.py()).call0()?;
        }
        Ok(())
    }
}

#[pymethods]
impl AioServer {
    #[new]
    fn new(
        options: &Bound<'_, PyAny>,
        #[pyo3(from_py_with = convert::count)] maximum_concurrent_rpcs: Option<usize>,
        compression: Option<i32>,
    ) -> PyResult<Self> {
        let options = Options::read(options)?;
        let intake = Arc::new(IntakeState {
            target: Mutex::new(Target::Waiting(Vec::new())),
            terminated: AtomicBool::new(false),
            max_calls: maximum_concurrent_rpcs.unwrap_or(usize::MAX),
            active: Arc::default(),
            unary: ArcSwap::default(),
        });
        let inner = options
            .server(Inner::builder())
            .compression(convert::compression(options.compression(compression))?.flatten())
            .fallback(Intake(Arc::clone(&intake)))
            .start(runtime::handle()?)
            .map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        let ended = Arc::clone(&intake);
        inner.on_terminated(move || ended.terminate());
        Ok(Self { inner, intake, reuse_port: options.reuse_port.unwrap_or(true), running: OnceLock::new() })
    }

    /// Listens at an address; returns the port.
    fn add_port(&self, py: Python<'_>, address: &str, tls: Option<TlsFiles>) -> PyResult<u16> {
        listen::add_port(py, &self.inner, address, tls, self.reuse_port)
    }

    /// Begins to hand calls to `on_call`, in the loop of `queue`. `handlers`: those known by path.
    fn start(
        slf: &Bound<'_, Self>,
        queue: &Bound<'_, LoopQueue>,
        on_call: Py<PyAny>,
        handlers: &Bound<'_, PyDict>,
        on_terminated: Py<PyAny>,
    ) -> PyResult<()> {
        let server = slf.get();
        let mut unary = HashSet::new();
        for (path, handler) in handlers {
            if !handler.getattr("request_streaming")?.is_truthy()? {
                unary.insert(path.extract::<String>()?);
            }
        }
        server.intake.unary.store(Arc::new(unary));
        let token = queue.get().add_server(slf.clone().unbind());
        let running = Running { queue: queue.clone().unbind(), token, on_call, on_terminated };
        if server.running.set(running).is_err() {
            queue.get().remove(token);
            return Err(PyRuntimeError::new_err("the server has been started already"));
        }
        let shared = Arc::clone(queue.get().shared());
        let mut target = server.intake.target();
        if let Target::Waiting(calls) = &mut *target {
            for call in calls.drain(..) {
                shared.push(Completion::Incoming(token, Box::new(call)));
            }
        }
        *target = Target::Queue(Arc::clone(&shared), token);
        drop(target);
        // An end that came before there was a queue to tell.
        shared.push(Completion::Woken(token));
        Ok(())
    }

    /// Refuses new calls; ends those that run after `grace` seconds.
    fn stop(&self, py: Python<'_>, grace: f64) {
        let grace = convert::timeout(Some(grace)).ok().flatten();
        detached(py, || self.inner.shutdown(grace));
    }
}
