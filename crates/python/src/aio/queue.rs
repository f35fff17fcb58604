//! The completion queue of an event loop.
//!
//! Tasks of connections push what happened and make the loop's descriptor readable when the queue was empty. The loop
//! then drains the whole batch in its own thread: no other thread ever runs for it.

use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use carom::server::IncomingCall;
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use slab::Slab;

use super::call::AioCall;
use super::server::AioServer;
use super::server_call::AioServerCall;
use super::wake_fd::WakeFd;

/// Something for the loop to look at.
pub(super) enum Completion {
    /// What is under this token was woken.
    Woken(usize),
    /// The server under this token has a call.
    Incoming(usize, Box<IncomingCall>),
}

/// Whom a completion concerns.
enum Entry {
    Call(Py<AioCall>),
    ServerCall(Py<AioServerCall>),
    Server(Py<AioServer>),
    Future(Py<PyAny>),
}

/// The queue as tasks see it.
pub(super) struct Shared {
    wake: WakeFd,
    ready: Mutex<Vec<Completion>>,
}

impl Shared {
    pub(super) fn push(&self, completion: Completion) {
        let was_empty = {
            let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
            ready.push(completion);
            ready.len() == 1
        };
        if was_empty {
            self.wake.set();
        }
    }

    fn take(&self) -> Vec<Completion> {
        self.wake.clear();
        std::mem::take(&mut *self.ready.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The completion queue of one event loop.
#[pyclass(frozen, module = "carom._carom")]
pub(crate) struct LoopQueue {
    shared: Arc<Shared>,
    create_future: Py<PyAny>,
    entries: Mutex<Slab<Entry>>,
}

impl LoopQueue {
    fn entries(&self) -> MutexGuard<'_, Slab<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// A future of the loop.
    pub(super) fn create_future<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.create_future.bind(py).call0()
    }

    /// A future of the loop, and what resolves it to None from any thread.
    pub(crate) fn future<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, FutureCompletion)> {
        let future = self.create_future(py)?;
        let token = self.entries().insert(Entry::Future(future.clone().unbind()));
        Ok((future, FutureCompletion { queue: Arc::clone(&self.shared), token }))
    }

    pub(super) fn add_call(&self, call: Py<AioCall>) -> usize {
        self.entries().insert(Entry::Call(call))
    }

    pub(super) fn add_server_call(&self, call: Py<AioServerCall>) -> usize {
        self.entries().insert(Entry::ServerCall(call))
    }

    pub(super) fn add_server(&self, server: Py<AioServer>) -> usize {
        self.entries().insert(Entry::Server(server))
    }

    /// Forgets what is under a token. What the entry held is given back to be dropped outside the lock.
    pub(crate) fn remove(&self, token: usize) {
        let entry = self.entries().try_remove(token);
        drop(entry);
    }

    fn find(&self, py: Python<'_>, token: usize) -> Option<Entry> {
        self.entries().get(token).map(|entry| match entry {
            Entry::Call(call) => Entry::Call(call.clone_ref(py)),
            Entry::ServerCall(call) => Entry::ServerCall(call.clone_ref(py)),
            Entry::Server(server) => Entry::Server(server.clone_ref(py)),
            Entry::Future(future) => Entry::Future(future.clone_ref(py)),
        })
    }

    fn complete(slf: &Bound<'_, Self>, completion: Completion) -> PyResult<()> {
        let (py, queue) = (slf.py(), slf.get());
        match completion {
            Completion::Woken(token) => match queue.find(py, token) {
                Some(Entry::Call(call)) => AioCall::woken(call.bind(py)),
                Some(Entry::ServerCall(call)) => AioServerCall::woken(call.bind(py)),
                Some(Entry::Server(server)) => AioServer::woken(server.bind(py)),
                Some(Entry::Future(future)) => {
                    queue.remove(token);
                    let future = future.bind(py);
                    if !future.call_method0("done")?.is_truthy()? {
                        future.call_method1("set_result", (py.None(),))?;
                    }
                    Ok(())
                }
                None => Ok(()),
            },
            Completion::Incoming(token, call) => match queue.find(py, token) {
                Some(Entry::Server(server)) => AioServer::incoming(server.bind(py), slf, *call),
                // Dropped, a call is answered by the library.
                _ => Ok(()),
            },
        }
    }
}

#[pymethods]
impl LoopQueue {
    #[new]
    fn new(create_future: Py<PyAny>) -> PyResult<Self> {
        let wake = WakeFd::new().map_err(|error| {
            PyOSError::new_err(format!("cannot make the descriptor of an event loop: {error}"))
        })?;
        Ok(Self {
            shared: Arc::new(Shared { wake, ready: Mutex::default() }),
            create_future,
            entries: Mutex::default(),
        })
    }

    /// Lets go of all that waits for a loop that has been closed. Servers among it hold the queue in turn.
    fn close(&self) {
        let entries = std::mem::take(&mut *self.entries());
        drop(entries);
    }

    /// The descriptor to watch for reading.
    fn fileno(&self) -> RawFd {
        self.shared.wake.raw()
    }

    /// Looks at all that has come. To be called in the loop's thread when the descriptor is readable.
    fn drain(slf: &Bound<'_, Self>) {
        for completion in slf.get().shared.take() {
            if let Err(error) = Self::complete(slf, completion) {
                error.write_unraisable(slf.py(), Some(slf.as_any()));
            }
        }
    }
}

/// Resolves a future of a loop, from any thread.
pub(crate) struct FutureCompletion {
    queue: Arc<Shared>,
    token: usize,
}

impl FutureCompletion {
    /// What `LoopQueue::remove` forgets the future by.
    pub(crate) fn token(&self) -> usize {
        self.token
    }

    pub(crate) fn complete(self) {
        self.queue.push(Completion::Woken(self.token));
    }

    /// Leaves the future as it is, for ever.
    pub(crate) fn forget(self) {}
}

/// Wakes one call of a loop. Has a token while something waits for the call.
pub(super) struct CallWaker {
    queue: Arc<Shared>,
    token: AtomicUsize,
    queued: AtomicBool,
}

/// Nobody waits.
const NO_TOKEN: usize = usize::MAX;

impl CallWaker {
    pub(super) fn new(queue: &Arc<Shared>) -> Arc<Self> {
        Arc::new(Self {
            queue: Arc::clone(queue),
            token: AtomicUsize::new(NO_TOKEN),
            queued: AtomicBool::new(false),
        })
    }

    pub(super) fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }

    pub(super) fn has_token(&self) -> bool {
        self.token.load(Ordering::Acquire) != NO_TOKEN
    }

    pub(super) fn set_token(&self, token: usize) {
        self.token.store(token, Ordering::Release);
    }

    /// The token, which from now on is none.
    pub(super) fn take_token(&self) -> Option<usize> {
        let token = self.token.swap(NO_TOKEN, Ordering::AcqRel);
        (token != NO_TOKEN).then_some(token)
    }

    /// To be called before looking: wake-ups from here on count again.
    pub(super) fn accept(&self) {
        self.queued.store(false, Ordering::Release);
    }
}

impl Wake for CallWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let token = self.token.load(Ordering::Acquire);
        if token == NO_TOKEN {
            self.accept();
        } else {
            self.queue.push(Completion::Woken(token));
        }
    }
}
