//! Futures of the event loop that wait for something of a call.

use std::task::{Context, Poll};

use pyo3::prelude::*;

/// What polls for a future's result.
pub(super) type Ask<T> = fn(Python<'_>, &T, &mut Context<'_>) -> Poll<PyResult<Py<PyAny>>>;

/// A result that is there, or a future of it.
pub(super) enum NowOrLater<'py> {
    Now(Bound<'py, PyAny>),
    Later(Bound<'py, PyAny>),
}

impl<'py> NowOrLater<'py> {
    /// The one or the other.
    pub(super) fn either(self) -> Bound<'py, PyAny> {
        match self {
            Self::Now(object) | Self::Later(object) => object,
        }
    }

    /// The future, if it takes one.
    pub(super) fn future(self) -> Option<Bound<'py, PyAny>> {
        match self {
            Self::Now(_) => None,
            Self::Later(future) => Some(future),
        }
    }
}

/// The futures of one call, in the order in which they were made.
pub(super) struct Waiters<T>(Vec<(Ask<T>, Py<PyAny>)>);

impl<T> Default for Waiters<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Waiters<T> {
    pub(super) fn push(&mut self, ask: Ask<T>, future: Py<PyAny>) {
        self.0.push((ask, future));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those whose result has come, with it. A future that was cancelled takes nothing: what it waited for is for the
    /// next one.
    pub(super) fn resolve(
        &mut self,
        py: Python<'_>,
        of: &T,
        cx: &mut Context<'_>,
    ) -> PyResult<Vec<Resolved>> {
        let mut resolved = Vec::new();
        let mut waiting = Vec::with_capacity(self.0.len());
        for (ask, future) in self.0.drain(..) {
            if future.bind(py).call_method0("done")?.is_truthy()? {
                continue;
            }
            match ask(py, of, cx) {
                Poll::Ready(result) => resolved.push(Resolved { future, result }),
                Poll::Pending => waiting.push((ask, future)),
            }
        }
        self.0 = waiting;
        Ok(resolved)
    }
}

/// A future and what it is to hold.
pub(super) struct Resolved {
    future: Py<PyAny>,
    result: PyResult<Py<PyAny>>,
}

impl Resolved {
    pub(super) fn deliver(self, py: Python<'_>) -> PyResult<()> {
        let future = self.future.bind(py);
        match self.result {
            Ok(value) => future.call_method1("set_result", (value,))?,
            Err(error) => future.call_method1("set_exception", (error,))?,
        };
        Ok(())
    }
}
