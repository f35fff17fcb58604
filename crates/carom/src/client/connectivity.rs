//! Connectivity states of channels and subchannels (`doc/connectivity-semantics-and-api.md` of the gRPC project), and
//! watching a channel's.

use std::fmt;

use tokio::sync::watch;

use super::error::SharedError;

/// How a channel, or one of its subchannels, stands with its servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum ConnectivityState {
    /// No connection, and none is being made: nobody has asked for one. A call starts one.
    Idle = 0,
    /// A connection is being made; calls wait for the outcome.
    Connecting = 1,
    /// Calls go out.
    Ready = 2,
    /// The last attempt to connect failed and the next is due after a wait. Calls fail at once, except those that wait
    /// for readiness.
    TransientFailure = 3,
    /// The channel was closed. This state stays.
    Shutdown = 4,
}

impl ConnectivityState {
    /// The name in capitals, as in `TRANSIENT_FAILURE`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "IDLE",
            Self::Connecting => "CONNECTING",
            Self::Ready => "READY",
            Self::TransientFailure => "TRANSIENT_FAILURE",
            Self::Shutdown => "SHUTDOWN",
        }
    }
}

impl fmt::Display for ConnectivityState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The state of a subchannel as its policy sees it. A subchannel has no SHUTDOWN: nothing is heard of one that was
/// removed.
#[derive(Debug, Clone)]
pub enum SubchannelState {
    /// No connection; [`connect`](super::balancer::Controller::connect) starts an attempt.
    Idle,
    /// An attempt is under way.
    Connecting,
    /// Calls can be started on the connection.
    Ready,
    /// The attempt failed, for this reason. [`Idle`](Self::Idle) follows when the back-off is over.
    TransientFailure(SharedError),
}

/// Follows the state of a channel. States that follow each other faster than they are looked at are seen as one change.
#[derive(Debug, Clone)]
pub struct StateWatch {
    receiver: watch::Receiver<ConnectivityState>,
}

impl StateWatch {
    pub(crate) fn new(receiver: watch::Receiver<ConnectivityState>) -> Self {
        Self { receiver }
    }

    /// The state now.
    pub fn current(&self) -> ConnectivityState {
        *self.receiver.borrow()
    }

    /// Waits until the state differs from `from` and returns it. After [`ConnectivityState::Shutdown`] nothing changes
    /// any more: it is returned at once, whatever `from` is.
    pub async fn changed_from(&mut self, from: ConnectivityState) -> ConnectivityState {
        let differs = |state: &ConnectivityState| *state != from || *state == ConnectivityState::Shutdown;
        match self.receiver.wait_for(differs).await {
            Ok(state) => *state,
            // The control task is gone with its runtime.
            Err(_) => ConnectivityState::Shutdown,
        }
    }

    /// Waits until the channel is in `wanted`; `false` if it was shut down before.
    pub async fn reached(&mut self, wanted: ConnectivityState) -> bool {
        let over = |state: &ConnectivityState| *state == wanted || *state == ConnectivityState::Shutdown;
        match self.receiver.wait_for(over).await {
            Ok(state) => *state == wanted,
            Err(_) => wanted == ConnectivityState::Shutdown,
        }
    }
}
