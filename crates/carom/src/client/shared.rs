//! The state shared by calls, channel handles and the control task.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use arc_swap::{ArcSwap, Guard};
use carom_wire::call::Ended;
use carom_wire::{MetadataMap, Status};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};

use super::balancer::{CallMetadata, Pick, PickArgs, Picker, QueuePicker};
use super::connectivity::ConnectivityState;
use super::service_config::{ConfigSelector, MethodConfig, RetryThrottle};
use crate::call_options::CallOptions;
use crate::client::connection::attempt::{Attempt, Processed};
use crate::client::connection::slot::{CallOwner, CallSlot};
use crate::client::connection::{Close, ReplayBudget};
use crate::client::retry::{Retry, Wait};
use crate::credentials::CallCredentials;
use crate::interceptor::Interceptors;
use crate::transport::connect::Connector;

/// The shared state of a channel; see the module's documentation.
pub(super) struct Shared {
    pub(super) target: String,
    pub(super) connector: Arc<Connector>,
    /// The defaults of options that calls do not set.
    pub(super) defaults: CallOptions,
    /// The credentials of all calls, applied before those of each call.
    pub(super) credentials: Option<Arc<dyn CallCredentials>>,
    pub(super) interceptors: Interceptors,
    pub(super) runtime: Handle,
    /// What calls consult for their configuration and a connection.
    published: ArcSwap<Published>,
    replay_budget: Arc<ReplayBudget>,
    requests: Mutex<Requests>,
    /// Wakes the control task when there are requests.
    pub(super) notify: Notify,
    pub(super) state: watch::Sender<ConnectivityState>,
}

/// What the control task published last: one atomic load gives both.
#[derive(Clone)]
pub(super) struct Published {
    picker: Arc<dyn Picker>,
    selection: Selection,
    /// Calls are tried again as the policies of their methods say.
    retries: bool,
}

/// The source of the methods' configuration.
#[derive(Clone)]
pub(super) enum Selection {
    /// Nothing has been resolved yet: a service config may come.
    Unknown,
    /// There is none.
    None,
    By(Arc<dyn ConfigSelector>),
}

impl Selection {
    fn retry_throttle(&self) -> Option<&Arc<RetryThrottle>> {
        match self {
            Self::By(selector) => selector.retry_throttle(),
            Self::Unknown | Self::None => None,
        }
    }
}

/// What is known about a method's configuration.
pub(super) enum Selected<'a> {
    /// See [`Selection::Unknown`].
    Unknown,
    Known(Option<&'a MethodConfig>),
}

impl Published {
    pub(super) fn select(&self, path: &[u8]) -> Result<Selected<'_>, Status> {
        match &self.selection {
            Selection::None => Ok(Selected::Known(None)),
            Selection::By(selector) => selector.select(path).map(Selected::Known),
            Selection::Unknown => Ok(Selected::Unknown),
        }
    }

    /// The retries of a call of a method.
    pub(super) fn retry(&self, config: Option<&MethodConfig>) -> Option<Box<Retry>> {
        let policy = config?.retry_policy.as_ref().filter(|_| self.retries)?;
        Some(Box::new(Retry::new(Arc::clone(policy), self.selection.retry_throttle().cloned())))
    }

    /// Places an attempt; returns it if it has to wait.
    fn try_place(&self, attempt: Attempt) -> Result<(), Attempt> {
        let call = &attempt.call;
        let known = match self.apply_config(call) {
            Ok(known) => known,
            Err(status) => {
                end_call(call, status);
                return Ok(());
            }
        };
        match self.picker.pick(&PickArgs::new(&call.spec.path, &**call)) {
            Pick::Use { subchannel, attachments } if known => match &*subchannel.connection() {
                Some(connection) => connection.start(attempt, attachments),
                None => Err(attempt),
            },
            Pick::Fail(status) if !call.spec.limits().wait_for_ready => {
                end_attempt(&attempt, status);
                Ok(())
            }
            Pick::Drop(status) => {
                end_call(call, status);
                Ok(())
            }
            Pick::Use { .. } | Pick::Fail(_) | Pick::Queue => Err(attempt),
        }
    }

    /// Gives a call its configuration, if it started before that was known. Returns whether its limits are now final.
    fn apply_config(&self, call: &CallSlot) -> Result<bool, Status> {
        let Some(late) = call.spec.late.as_ref().filter(|late| !late.are_known()) else { return Ok(true) };
        match self.select(&call.spec.path)? {
            Selected::Unknown => Ok(false),
            Selected::Known(config) => {
                if let Some(retry) = self.retry(config) {
                    call.set_retry(retry);
                }
                late.apply_config(config).map(|()| true)
            }
        }
    }
}

/// The requests to the control task.
#[derive(Default)]
pub(super) struct Requests {
    /// The attempts that no connection was found for so far, and those to be made after a wait.
    pub(super) attempts: Vec<(Attempt, Option<Wait>)>,
    /// Whether to leave IDLE even without a call.
    pub(super) connect: bool,
    pub(super) close: Option<Close>,
    /// The status that calls end with, once the channel is closed.
    closed: Option<Status>,
}

/// The status of calls on a closed channel, with the text that gRPC programs know.
pub(super) fn channel_closed() -> Status {
    Status::cancelled("Channel closed!")
}

impl Shared {
    pub(super) fn new(
        target: String,
        connector: Arc<Connector>,
        defaults: CallOptions,
        credentials: Option<Arc<dyn CallCredentials>>,
        interceptors: Interceptors,
        runtime: Handle,
        retries: bool,
    ) -> Arc<Self> {
        Arc::new(Self {
            target,
            connector,
            defaults,
            credentials,
            interceptors,
            runtime,
            published: ArcSwap::from_pointee(Published {
                picker: Arc::new(QueuePicker),
                selection: Selection::Unknown,
                retries,
            }),
            replay_budget: ReplayBudget::new(ReplayBudget::DEFAULT),
            requests: Mutex::default(),
            notify: Notify::new(),
            state: watch::Sender::new(ConnectivityState::Idle),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the control task published last.
    pub(super) fn published(&self) -> Guard<Arc<Published>> {
        self.published.load()
    }

    /// Places an attempt on a connection, ends it, or leaves it to the control task.
    pub(super) fn place(&self, attempt: Attempt) {
        self.place_by(&self.published(), attempt);
    }

    /// The same, using what was published when the call began.
    pub(super) fn place_by(&self, published: &Published, attempt: Attempt) {
        if let Err(attempt) = published.try_place(attempt) {
            self.enqueue(attempt, None);
        }
    }

    /// Places an attempt; returns it if it has to wait.
    pub(super) fn try_place(&self, attempt: Attempt) -> Result<(), Attempt> {
        self.published().try_place(attempt)
    }

    /// Leaves an attempt to the control task, which makes it after the wait, if there is one.
    fn enqueue(&self, attempt: Attempt, wait: Option<Wait>) {
        let closed = {
            let mut requests = self.lock();
            match requests.closed.clone() {
                None => {
                    requests.attempts.push((attempt, wait));
                    drop(requests);
                    self.notify.notify_one();
                    return;
                }
                Some(status) => status,
            }
        };
        end_call(&attempt.call, closed);
    }

    /// Leaves IDLE.
    pub(super) fn connect(&self) {
        self.lock().connect = true;
        self.notify.notify_one();
    }

    /// Asks the control task to end. The first request to end at once counts.
    pub(super) fn close(&self, how: Close) {
        {
            let mut requests = self.lock();
            if matches!(requests.close, Some(Close::AtOnce(_))) {
                return;
            }
            requests.close = Some(how);
        }
        self.notify.notify_one();
    }

    pub(super) fn take_requests(&self) -> Requests {
        let mut requests = self.lock();
        Requests {
            attempts: std::mem::take(&mut requests.attempts),
            connect: std::mem::take(&mut requests.connect),
            close: requests.close.take(),
            closed: None,
        }
    }

    /// Publishes a picker. To be called by the control task only, like [`configure`](Self::configure).
    pub(super) fn publish(&self, state: ConnectivityState, picker: Arc<dyn Picker>) {
        let published = Published { picker, ..Published::clone(&self.published()) };
        self.published.store(Arc::new(published));
        self.state.send_if_modified(|current| std::mem::replace(current, state) != state);
    }

    /// Publishes the source of the methods' configuration.
    pub(super) fn configure(&self, selection: Selection) {
        let published = {
            let before = self.published();
            if let (Some(before), Some(now)) = (before.selection.retry_throttle(), selection.retry_throttle())
                && !Arc::ptr_eq(before, now)
            {
                now.inherit(before);
            }
            Published { selection, ..Published::clone(&before) }
        };
        self.published.store(Arc::new(published));
    }

    /// The reason why calls currently fail, if they do.
    pub(super) fn failure(&self) -> Option<Status> {
        match self.published().picker.pick(&PickArgs::new(b"", &MetadataMap::new())) {
            Pick::Fail(status) | Pick::Drop(status) => Some(status),
            Pick::Use { .. } | Pick::Queue => None,
        }
    }

    /// Makes calls end with `status` from now on; returns the attempts that wait.
    pub(super) fn set_closed(&self, status: Status) -> impl Iterator<Item = Attempt> + use<> {
        let mut requests = self.lock();
        requests.closed.get_or_insert(status);
        std::mem::take(&mut requests.attempts).into_iter().map(|(attempt, _)| attempt)
    }
}

impl CallOwner for Shared {
    fn take_back(&self, attempt: Attempt) {
        // Not placed from here: this runs in the task of a connection that is going away.
        self.enqueue(attempt, None);
    }

    fn retry(&self, attempt: Attempt, wait: Wait) {
        self.enqueue(attempt, Some(wait));
    }

    fn replay_budget(&self) -> &Arc<ReplayBudget> {
        &self.replay_budget
    }
}

impl CallMetadata for CallSlot {
    fn look(&self, look: &mut dyn FnMut(&MetadataMap)) {
        look(self.lock().metadata());
    }
}

/// Ends a call that is with its channel.
pub(super) fn end_call(call: &Arc<CallSlot>, status: Status) {
    let finished = call.lock().finish(Ended::local(status));
    finished.complete(call).into_iter().for_each(Waker::wake);
}

/// Ends an attempt that is with its channel.
pub(super) fn end_attempt(attempt: &Attempt, status: Status) {
    let finished = attempt.end(Ended::local(status), Processed::Maybe);
    finished.complete(&attempt.call).into_iter().for_each(Waker::wake);
}
