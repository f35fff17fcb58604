//! Waiting of greenlets: in a program on gevent a wait gives its thread to the other greenlets.
//!
//! `grpc.experimental.gevent.init_gevent` hands over a function that knows the gevent hub of each thread. From then on a
//! wait leaves a future of the hub's [`LoopQueue`] with whatever wakes it, and the greenlet sleeps until that future is
//! done. Greenlets share the stack and the identity of their thread, so nothing here belongs to a thread.

use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use crate::aio::queue::{FutureCompletion, LoopQueue};
use crate::signal::Signal;

/// Returns the `_Hub` of the thread that calls it; None where greenlets do not run.
static HUB_OF_THREAD: OnceLock<Py<PyAny>> = OnceLock::new();

/// Has all waits from now on give way to other greenlets. Called once; later calls change nothing.
#[pyfunction]
pub(crate) fn wait_in_greenlets(hub_of_thread: Py<PyAny>) {
    HUB_OF_THREAD.get_or_init(|| hub_of_thread);
}

/// Whether the program runs on gevent.
#[inline]
pub(crate) fn is_on() -> bool {
    HUB_OF_THREAD.get().is_some()
}

/// Greenlets that sleep until they are woken. Empty where there are none, and then waking costs a comparison.
#[derive(Default)]
pub(crate) struct Sleepers(Vec<FutureCompletion>);

impl Sleepers {
    pub(crate) const fn none() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn wake(&mut self) {
        for sleeper in self.0.drain(..) {
            sleeper.complete();
        }
    }

    fn remove(&mut self, token: usize) {
        self.0.retain(|sleeper| sleeper.token() != token);
    }
}

/// What wakes greenlets that sleep.
pub(crate) trait WakeSource: Sync {
    fn with_sleepers(&self, change: &mut dyn FnMut(&mut Sleepers));
}

/// The hub that runs the greenlets of a thread.
pub(crate) struct Hub<'py> {
    object: Bound<'py, PyAny>,
    queue: Bound<'py, LoopQueue>,
}

impl<'py> Hub<'py> {
    /// The hub of this thread; `None` where a wait holds no greenlet up.
    ///
    /// # Errors
    /// What gevent raises where a hub cannot be made.
    #[inline]
    pub(crate) fn current(py: Python<'py>) -> PyResult<Option<Self>> {
        match HUB_OF_THREAD.get() {
            None => Ok(None),
            Some(of_thread) => Self::of_thread(of_thread.bind(py)),
        }
    }

    fn of_thread(of_thread: &Bound<'py, PyAny>) -> PyResult<Option<Self>> {
        let object = of_thread.call0()?;
        if object.is_none() {
            return Ok(None);
        }
        let queue = object.getattr("queue")?.cast_into::<LoopQueue>()?;
        Ok(Some(Self { object, queue }))
    }

    /// Sleeps until `step` has a result. It is asked at first, after each wake-up by `source`, and after the time that it
    /// named when it had none.
    ///
    /// # Errors
    /// What is raised into the sleeping greenlet, as GreenletExit or gevent's Timeout.
    pub(crate) fn sleep<T>(
        &self,
        source: &dyn WakeSource,
        mut step: impl FnMut() -> Result<T, Option<Duration>>,
    ) -> PyResult<T> {
        loop {
            let (future, completion) = self.queue.get().future(self.queue.py())?;
            let token = completion.token();
            let mut completion = Some(completion);
            source.with_sleepers(&mut |sleepers| sleepers.0.extend(completion.take()));
            let slept = match step() {
                Ok(result) => Ok(Some(result)),
                Err(limit) => {
                    let limit = limit.map(|limit| limit.as_secs_f64());
                    self.object.call_method1("wait", (&future, limit)).map(|_| None)
                }
            };
            source.with_sleepers(&mut |sleepers| sleepers.remove(token));
            // A future that is done has left the queue, and its token may be another's by now.
            if !future.call_method0("done")?.is_truthy()? {
                self.queue.get().remove(token);
            }
            if let Some(result) = slept? {
                return Ok(result);
            }
        }
    }

    /// As [`crate::signal::block_on_shared`].
    ///
    /// # Errors
    /// As [`Hub::sleep`].
    pub(crate) fn block_on<T>(
        &self,
        signal: &Arc<Signal>,
        waker: &Waker,
        until: Option<Instant>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> PyResult<Option<T>> {
        self.sleep(&**signal, || match poll(&mut Context::from_waker(waker)) {
            Poll::Ready(ready) => Ok(Some(ready)),
            Poll::Pending => match until.map(|until| until.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => Ok(None),
                left => Err(left),
            },
        })
    }
}
