//! Connectivity states of channels and subchannels (`doc/connectivity-semantics-and-api.md` of the gRPC project), and
//! watching those of a channel.

use std::fmt;

use tokio::sync::watch;

use super::error::SharedError;

/// The connectivity state of a channel or a subchannel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum ConnectivityState {
    /// There is no connection, and none is being established, because none was asked for. A call asks for one.
    Idle = 0,
    /// A connection is being established; calls wait for the outcome.
    Connecting = 1,
    /// There is a connection that calls can use.
    Ready = 2,
    /// The last attempt to connect failed and the next one follows after a wait. Calls fail at once, except those with
    /// wait-for-ready.
    TransientFailure = 3,
    /// The channel was closed. This state is final.
    Shutdown = 4,
}

impl ConnectivityState {
    /// The name in upper case, such as `TRANSIENT_FAILURE`.
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

/// The state of a subchannel as its policy sees it. A subchannel has no SHUTDOWN: nothing is reported about one that
/// was removed.
#[derive(Debug, Clone)]
pub enum SubchannelState {
    /// No connection; [`connect`](super::balancer::Controller::connect) starts an attempt.
    Idle,
    /// An attempt is in progress.
    Connecting,
    /// Calls can be started on the connection.
    Ready,
    /// The attempt failed, for this reason. [`Idle`](Self::Idle) follows when the back-off is over.
    TransientFailure(SharedError),
}

/// A watch on the state of a channel. States that change faster than they are read are seen as one change.
#[derive(Debug, Clone)]
pub struct StateWatch {
    receiver: watch::Receiver<ConnectivityState>,
}

impl StateWatch {
    pub(crate) fn new(receiver: watch::Receiver<ConnectivityState>) -> Self {
        Self { receiver }
    }

    /// The current state.
    pub fn current(&self) -> ConnectivityState {
        *self.receiver.borrow()
    }

    /// Waits until the state differs from `from` and returns it. [`ConnectivityState::Shutdown`] is final: it is
    /// returned at once, whatever `from` is.
    pub async fn changed_from(&mut self, from: ConnectivityState) -> ConnectivityState {
        let differs = |state: &ConnectivityState| *state != from || *state == ConnectivityState::Shutdown;
        match self.receiver.wait_for(differs).await {
            Ok(state) => *state,
            // The control task is gone with its runtime.
            Err(_) => ConnectivityState::Shutdown,
        }
    }

    /// Waits until the channel is in the state `wanted`; returns `false` if it was shut down before that.
    pub async fn reached(&mut self, wanted: ConnectivityState) -> bool {
        let over = |state: &ConnectivityState| *state == wanted || *state == ConnectivityState::Shutdown;
        match self.receiver.wait_for(over).await {
            Ok(state) => *state == wanted,
            Err(_) => wanted == ConnectivityState::Shutdown,
        }
    }
}
