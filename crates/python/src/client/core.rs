//! What the calls of threads and of event loops have in common.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use bytes::Bytes;
use carom::client::RawCall;
use carom::{Code, MetadataMap, Status};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use crate::convert;
use crate::runtime::OfProcess;

/// What the calls of a channel ask it.
#[derive(Debug, Default)]
pub(crate) struct ChannelState {
    /// No new calls.
    pub(crate) refusing: AtomicBool,
    /// Calls were cancelled by closing the channel.
    pub(crate) closed: AtomicBool,
    /// Calls that have not ended.
    pub(crate) active: AtomicUsize,
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) status: Status,
    pub(crate) initial: MetadataMap,
    pub(crate) trailing: MetadataMap,
    /// The response of a call that has one.
    pub(crate) message: Option<Bytes>,
    /// This side ended it.
    pub(crate) local: bool,
}

/// One call.
pub(crate) struct CallCore {
    /// Not there yet while call credentials are asked for.
    raw: OnceLock<OfProcess<RawCall>>,
    /// One response, so that all of the answer is taken at once; otherwise a stream.
    one_response: bool,
    deadline: Option<Instant>,
    channel: Arc<ChannelState>,
    end: Mutex<Option<Arc<End>>>,
    local: AtomicBool,
    counted: AtomicBool,
}

impl CallCore {
    pub(crate) fn new(one_response: bool, deadline: Option<Instant>, channel: Arc<ChannelState>) -> Self {
        channel.active.fetch_add(1, Ordering::Relaxed);
        Self {
            raw: OnceLock::new(),
            one_response,
            deadline,
            channel,
            end: Mutex::new(None),
            local: AtomicBool::new(false),
            counted: AtomicBool::new(true),
        }
    }

    /// A call that is under way.
    pub(crate) fn begun(
        raw: RawCall,
        one_response: bool,
        deadline: Option<Instant>,
        channel: Arc<ChannelState>,
    ) -> Self {
        let call = Self::new(one_response, deadline, channel);
        call.begin(raw);
        call
    }

    /// A call that ended while it was waited for.
    pub(crate) fn ended(end: End, deadline: Option<Instant>, channel: Arc<ChannelState>) -> Self {
        let call = Self::new(true, deadline, channel);
        call.set_end(&mut call.lock(), end);
        call
    }

    /// Locks the end of the call. A call of the process that this one was forked from has ended: what carried it is not
    /// here.
    fn lock(&self) -> MutexGuard<'_, Option<Arc<End>>> {
        let mut slot = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.is_none() && self.raw.get().is_some_and(|raw| raw.get().is_none()) {
            let status = Status::unavailable("the process was forked while the call was under way");
            self.set_end(&mut slot, End::local(status));
        }
        slot
    }

    /// Starts a prepared call, unless it was ended meanwhile.
    pub(crate) fn begin(&self, raw: RawCall) {
        let end = self.lock();
        if end.is_none() {
            // A second start would be dropped, and with it cancelled.
            let _ = self.raw.set(OfProcess::new(raw));
        }
    }

    pub(crate) fn raw(&self) -> Option<&RawCall> {
        self.raw.get()?.get()
    }

    pub(crate) fn has_one_response(&self) -> bool {
        self.one_response
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(crate) fn channel_closed(&self) -> bool {
        self.channel.closed.load(Ordering::Acquire)
    }

    fn set_end(&self, slot: &mut Option<Arc<End>>, end: End) -> Arc<End> {
        let end = Arc::new(end);
        *slot = Some(Arc::clone(&end));
        self.uncount();
        end
    }

    fn uncount(&self) {
        if self.counted.swap(false, Ordering::AcqRel) {
            self.channel.active.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// How the call ended.
    pub(crate) fn poll_end(&self, cx: &mut Context<'_>) -> Poll<Arc<End>> {
        let mut slot = self.lock();
        if let Some(end) = &*slot {
            return Poll::Ready(Arc::clone(end));
        }
        let Some(raw) = self.raw() else { return Poll::Pending };
        let local = self.local.load(Ordering::Acquire);
        let end = if self.one_response {
            let outcome = ready!(raw.poll_unary(cx));
            End {
                status: outcome.status,
                initial: outcome.initial_metadata,
                trailing: outcome.trailing_metadata,
                message: outcome.message,
                local,
            }
        } else {
            let (status, trailing) = ready!(raw.poll_status_in_order(cx));
            End { status, initial: initial_of_ended(raw), trailing, message: None, local }
        };
        Poll::Ready(self.set_end(&mut slot, end))
    }

    /// How the call ended, if it has.
    pub(crate) fn end(&self) -> Option<Arc<End>> {
        if let Some(end) = &*self.lock() {
            return Some(Arc::clone(end));
        }
        let raw = self.raw()?;
        // Looking must not replace the waker of who waits.
        let has_ended = if self.one_response { raw.has_ended() } else { raw.has_ended_in_order() };
        if !has_ended {
            return None;
        }
        match self.poll_end(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(end) => Some(end),
            Poll::Pending => None,
        }
    }

    /// The next message of a stream of responses; `None` after the last, or once this side has ended the call.
    pub(crate) fn poll_message(&self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match self.raw() {
            Some(_) if !self.one_response && self.local.load(Ordering::Acquire) => Poll::Ready(None),
            Some(raw) if !self.one_response => raw.poll_message(cx),
            _ => self.poll_end(cx).map(|end| end.message.clone()),
        }
    }

    /// The server's initial metadata; empty if the call ended without.
    pub(crate) fn poll_initial(&self, cx: &mut Context<'_>) -> Poll<MetadataMap> {
        if let Some(end) = &*self.lock() {
            return Poll::Ready(end.initial.clone());
        }
        match self.raw() {
            Some(raw) => raw.poll_headers(cx).map(Option::unwrap_or_default),
            None => Poll::Pending,
        }
    }

    /// Room for another request, or no use for one any more.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self.raw() {
            Some(raw) => raw.poll_ready(cx),
            None if self.end().is_some() => Poll::Ready(()),
            None => Poll::Pending,
        }
    }

    /// Ends the call at this side. `false`: it had ended.
    pub(crate) fn cancel(&self, status: Status) -> bool {
        if self.end().is_some() {
            return false;
        }
        self.local.store(true, Ordering::Release);
        let raw = self.raw();
        if let Some(raw) = raw {
            raw.cancel(status.clone());
        }
        // A unary call ends with what its connection makes of it. A stream ends here, though all of it may have arrived
        // and only wait to be read.
        if raw.is_none_or(|_| !self.one_response) {
            let mut slot = self.lock();
            if slot.is_none() {
                let initial = raw.map(initial_of_ended).unwrap_or_default();
                self.set_end(&mut slot, End { initial, ..End::local(status) });
            }
        }
        true
    }

    /// Puts another status in the place of the one the call ended with.
    pub(crate) fn overrule(&self, status: Status) {
        self.cancel(status.clone());
        let mut slot = self.lock();
        let (initial, trailing) =
            slot.as_ref().map(|end| (end.initial.clone(), end.trailing.clone())).unwrap_or_default();
        self.set_end(&mut slot, End { status, initial, trailing, message: None, local: true });
    }
}

/// The server's initial metadata of a call that has ended.
fn initial_of_ended(raw: &RawCall) -> MetadataMap {
    match raw.poll_headers(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(initial)) => initial,
        Poll::Ready(None) | Poll::Pending => MetadataMap::new(),
    }
}

impl Drop for CallCore {
    fn drop(&mut self) {
        self.uncount();
    }
}

impl End {
    /// An end that this side decided, before the server had said anything.
    fn local(status: Status) -> Self {
        let (initial, trailing) = (MetadataMap::new(), MetadataMap::new());
        Self { status, initial, trailing, message: None, local: true }
    }

    /// (code, details, debug error string) for the interpreter.
    pub(crate) fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let debug = (!self.local).then(|| convert::debug_error_string(&self.status));
        (self.status.code() as i32, self.status.message(), debug).into_pyobject(py)
    }

    /// The trailing metadata, status details among it.
    pub(crate) fn trailing<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        convert::metadata_tuple(py, &[], &self.trailing, self.status.details())
    }

    pub(crate) fn message<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.message.as_ref().map(|message| PyBytes::new(py, message))
    }

    pub(crate) fn is_ok(&self) -> bool {
        self.status.code() == Code::Ok
    }
}
