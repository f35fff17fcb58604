//! The limits of a call, from its own options, the service config, and the channel's defaults.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use carom_wire::Status;

use super::service_config::MethodConfig;

/// The default limit of received messages, as in all gRPC implementations.
const MAX_RECV_MESSAGE_SIZE: usize = 4 * 1024 * 1024;

/// The limits of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallLimits {
    /// The time at which the call ends with DEADLINE_EXCEEDED.
    pub(crate) deadline: Option<Instant>,
    pub(crate) wait_for_ready: bool,
    /// The largest message accepted, decompressed, in bytes.
    pub(crate) max_recv: usize,
    /// The largest message sent, before compression, in bytes.
    pub(crate) max_send: usize,
}

/// The limits that a call, or its channel's defaults, asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Requested {
    pub(crate) deadline: Option<Instant>,
    pub(crate) wait_for_ready: Option<bool>,
    pub(crate) max_recv: Option<usize>,
    pub(crate) max_send: Option<usize>,
}

impl Requested {
    /// Combines them with the configuration of the method (gRFC A2): the earlier deadline, the smaller sizes, the
    /// call's own choice of wait-for-ready. `started` is when the call started.
    pub(crate) fn under(
        &self,
        config: Option<&MethodConfig>,
        started: impl FnOnce() -> Instant,
    ) -> CallLimits {
        let Some(config) = config else {
            return CallLimits {
                deadline: self.deadline,
                wait_for_ready: self.wait_for_ready.unwrap_or(false),
                max_recv: self.max_recv.unwrap_or(MAX_RECV_MESSAGE_SIZE),
                max_send: self.max_send.unwrap_or(usize::MAX),
            };
        };
        // A timeout beyond the clock's range counts as none.
        let timeout = config.timeout.and_then(|timeout| started().checked_add(timeout));
        let smaller = |own: Option<usize>, configured| own.into_iter().chain(configured).min();
        CallLimits {
            deadline: self.deadline.into_iter().chain(timeout).min(),
            wait_for_ready: self.wait_for_ready.or(config.wait_for_ready).unwrap_or(false),
            max_recv: smaller(self.max_recv, config.max_response_message_bytes)
                .unwrap_or(MAX_RECV_MESSAGE_SIZE),
            max_send: smaller(self.max_send, config.max_request_message_bytes).unwrap_or(usize::MAX),
        }
    }
}

/// The limits of a call that started before it was known whether there is a service config. It is not placed before
/// they are known. Only such calls pay for the lock.
#[derive(Debug)]
pub(crate) struct LateLimits {
    requested: Requested,
    started: Instant,
    state: Mutex<Late>,
}

#[derive(Debug)]
struct Late {
    /// The call's own limits, until the others are known.
    limits: CallLimits,
    known: bool,
    /// The largest message that the caller sent meanwhile.
    largest: usize,
}

impl LateLimits {
    pub(crate) fn new(requested: Requested, started: Instant) -> Arc<Self> {
        let limits = requested.under(None, || started);
        Arc::new(Self { requested, started, state: Mutex::new(Late { limits, known: false, largest: 0 }) })
    }

    fn lock(&self) -> MutexGuard<'_, Late> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The limits known so far.
    pub(crate) fn get(&self) -> CallLimits {
        self.lock().limits
    }

    /// Whether the limits are final.
    pub(crate) fn are_known(&self) -> bool {
        self.lock().known
    }

    /// Applies what the service config says about the method. Only the first time counts.
    ///
    /// # Errors
    /// The status that the call ends with, if a message that was sent is larger than allowed.
    pub(crate) fn apply_config(&self, config: Option<&MethodConfig>) -> Result<(), Status> {
        let mut state = self.lock();
        if std::mem::replace(&mut state.known, true) {
            return Ok(());
        }
        state.limits = self.requested.under(config, || self.started);
        check_sent(state.largest, state.limits.max_send)
    }

    /// Checks that a message of `len` bytes may be sent.
    ///
    /// # Errors
    /// The status that the call ends with, if it is larger than allowed, as far as that is known.
    pub(crate) fn check_sent(&self, len: usize) -> Result<(), Status> {
        let mut state = self.lock();
        state.largest = state.largest.max(len);
        check_sent(len, state.limits.max_send)
    }
}

/// Checks that a message of `len` bytes may be sent.
pub(super) fn check_sent(len: usize, max: usize) -> Result<(), Status> {
    // The prefix has four bytes for the length.
    let max = max.min(u32::MAX as usize);
    if len > max {
        return Err(Status::resource_exhausted(format!(
            "CLIENT: Sent message larger than max ({len} vs. {max})"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
