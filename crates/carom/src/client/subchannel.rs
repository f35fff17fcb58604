//! A subchannel: one address, at most one connection to it, and the pacing of attempts to connect.
//!
//! [`Machine`] is the state machine, without I/O or clock; [`run_attempt`] is the only place in the client where a
//! transport is opened.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwapOption, Guard};

use super::backoff::{Backoff, BackoffConfig};
use super::connectivity::SubchannelState;
use super::error::SharedError;
use super::resolver::Address;
use crate::client::connection::{ClientConnection, ConnectionEvent, Driver};
use crate::transport::connect::Connector;

/// A subchannel, as policies and pickers hold it.
pub struct Subchannel {
    id: SubchannelId,
    address: Address,
    connection: ArcSwapOption<ClientConnection>,
}

/// The identity of a subchannel within its channel, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SubchannelId {
    /// The index in the control task's slab.
    pub(super) index: u32,
    /// Distinguishes it from earlier ones with the same index.
    pub(super) serial: u32,
}

impl fmt::Debug for Subchannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subchannel").field("id", &self.id).field("address", &self.address).finish()
    }
}

impl Subchannel {
    pub(super) fn new(id: SubchannelId, address: Address) -> Arc<Self> {
        Arc::new(Self { id, address, connection: ArcSwapOption::empty() })
    }

    /// The identity of the subchannel.
    pub fn id(&self) -> SubchannelId {
        self.id
    }

    /// The address that it connects to.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The connection that calls use; `None` unless READY.
    pub(crate) fn connection(&self) -> Guard<Option<Arc<ClientConnection>>> {
        self.connection.load()
    }

    pub(super) fn set_connection(
        &self,
        connection: Option<Arc<ClientConnection>>,
    ) -> Option<Arc<ClientConnection>> {
        self.connection.swap(connection)
    }
}

/// The minimum time between attempts to connect to one address, however its server behaves. A lost connection does not
/// wait for any back-off (a rule of `connection-backoff.md`), so a server that accepts connections only to close them
/// would otherwise be tried in a tight loop.
const MIN_ATTEMPT_SPACING: Duration = Duration::from_millis(50);

/// ```text
///          connect                 attempt_ready
///   Idle ──────────► Connecting ───────────────────► Ready
///    ▲ ▲    (Pausing first if        │                 │ lost
///    │ │     it was just tried)      │ failed, or      │
///    │ │                             ▼ out of time     │
///    │ └── wait over ── TransientFailure               │
///    └─────────────────────────────────────────────────┘
/// ```
pub(crate) struct Machine {
    backoff: Backoff,
    state: State,
    /// The number of the current attempt, to tell its events from those of abandoned ones.
    attempt: u64,
    last_start: Option<Instant>,
}

enum State {
    Idle,
    Pausing { until: Instant },
    Connecting { give_up: Instant, retry_at: Instant, timeout: Duration },
    Ready,
    TransientFailure { until: Instant },
}

/// What the owner of a machine must do and report.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The attempt to start, if any.
    pub(crate) start: Option<u64>,
    /// Whether to abandon the attempt in progress.
    pub(crate) abort: bool,
    /// The new state, if it changed.
    pub(crate) state: Option<SubchannelState>,
}

impl Machine {
    pub(crate) fn new(config: BackoffConfig) -> Self {
        Self { backoff: Backoff::new(config), state: State::Idle, attempt: 0, last_start: None }
    }

    /// Whether events of `attempt` still count.
    pub(crate) fn is_current(&self, attempt: u64) -> bool {
        self.attempt == attempt && matches!(self.state, State::Connecting { .. } | State::Ready)
    }

    /// Asks for a connection. `random` is from 0 to 1.
    pub(crate) fn connect(&mut self, now: Instant, random: f64) -> Outcome {
        if !matches!(self.state, State::Idle) {
            return Outcome::default();
        }
        let earliest = self.last_start.map_or(now, |start| start + MIN_ATTEMPT_SPACING);
        let start = if earliest > now {
            self.state = State::Pausing { until: earliest };
            None
        } else {
            Some(self.start_attempt(now, random))
        };
        Outcome { start, state: Some(SubchannelState::Connecting), ..Outcome::default() }
    }

    fn start_attempt(&mut self, now: Instant, random: f64) -> u64 {
        let delay = self.backoff.next_delay(random);
        let timeout = self.backoff.connect_timeout(delay);
        self.state = State::Connecting { give_up: now + timeout, retry_at: now + delay, timeout };
        self.last_start = Some(now);
        self.attempt += 1;
        self.attempt
    }

    /// Handles an attempt that succeeded: the server's SETTINGS have arrived.
    pub(crate) fn attempt_ready(&mut self, attempt: u64) -> Outcome {
        if self.attempt != attempt || !matches!(self.state, State::Connecting { .. }) {
            return Outcome::default();
        }
        self.backoff.reset();
        self.state = State::Ready;
        Outcome { state: Some(SubchannelState::Ready), ..Outcome::default() }
    }

    /// Handles an attempt that failed, or a connection that accepts no more calls.
    pub(crate) fn attempt_ended(&mut self, attempt: u64, cause: SharedError) -> Outcome {
        if self.attempt != attempt {
            return Outcome::default();
        }
        let state = match self.state {
            State::Connecting { retry_at, .. } => {
                self.state = State::TransientFailure { until: retry_at };
                SubchannelState::TransientFailure(cause)
            }
            State::Ready => {
                self.state = State::Idle;
                SubchannelState::Idle
            }
            _ => return Outcome::default(),
        };
        Outcome { state: Some(state), ..Outcome::default() }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Idle | State::Ready => None,
            State::Pausing { until } | State::TransientFailure { until } => Some(until),
            State::Connecting { give_up, .. } => Some(give_up),
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, random: f64) -> Outcome {
        match self.state {
            State::Pausing { until } if now >= until => {
                Outcome { start: Some(self.start_attempt(now, random)), ..Outcome::default() }
            }
            State::TransientFailure { until } if now >= until => {
                self.state = State::Idle;
                Outcome { state: Some(SubchannelState::Idle), ..Outcome::default() }
            }
            State::Connecting { give_up, retry_at, timeout } if now >= give_up => {
                self.state = State::TransientFailure { until: retry_at.max(now) };
                self.attempt += 1;
                let cause = Arc::new(AttemptTimedOut { timeout });
                Outcome {
                    abort: true,
                    state: Some(SubchannelState::TransientFailure(cause)),
                    ..Outcome::default()
                }
            }
            _ => Outcome::default(),
        }
    }
}

/// The error of an attempt to connect that took too long.
#[derive(Debug)]
struct AttemptTimedOut {
    timeout: Duration,
}

impl fmt::Display for AttemptTimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection attempt timed out after {} s", self.timeout.as_secs_f64())
    }
}

impl Error for AttemptTimedOut {}

/// Opens a transport to `address` and drives it to its end: one task per connection.
///
/// `report` is given [`ConnectionEvent::Ready`] at most once and [`ConnectionEvent::Ended`] once, unless the task is
/// aborted.
pub(crate) async fn run_attempt(
    address: Address,
    connector: Arc<Connector>,
    mut report: impl FnMut(ConnectionEvent) + Unpin,
) {
    match connector.connect(&address).await {
        Ok((stream, info)) => Driver::new(stream, info, connector, report).await,
        Err(error) => report(ConnectionEvent::Ended(error)),
    }
}

#[cfg(test)]
mod tests;
