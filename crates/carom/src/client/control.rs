//! The control task of a channel.
//!
//! [`Core`] holds the policy and the state machines of its subchannels. It does no I/O and has no clock: time and
//! randomness are arguments, and [`Action`]s come out. [`Control`] is the task around it.

mod core;
mod timers;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use carom_wire::Status;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use self::core::Action;
pub(super) use self::core::Core;
use self::timers::Timers;
use super::balancer::{ExitIdle, FailPicker};
use super::connectivity::ConnectivityState;
use super::resolver::{ActiveResolver, Resolver, ResolverEvent, ResolverSink};
use super::shared::{Selection, Shared, channel_closed, end_call};
use super::subchannel::{Subchannel, SubchannelId, run_attempt};
use super::target::Target;
use crate::client::connection::attempt::Attempt;
use crate::client::connection::{Close, ConnectionEvent, deadline_exceeded};
use crate::client::retry::Wait;
use crate::clock;

/// An event of attempt number `attempt` of a subchannel.
struct AttemptEvent {
    subchannel: Arc<Subchannel>,
    attempt: u64,
    event: ConnectionEvent,
}

/// The control task; see the module's documentation.
pub(super) struct Control {
    shared: Arc<Shared>,
    core: Core,
    resolver: Arc<dyn Resolver>,
    target: Target,
    sink: ResolverSink,
    resolutions: mpsc::UnboundedReceiver<ResolverEvent>,
    /// The running resolver, from the first request for a connection on.
    active_resolver: Option<Box<dyn ActiveResolver>>,
    events: mpsc::UnboundedReceiver<AttemptEvent>,
    event_sender: mpsc::UnboundedSender<AttemptEvent>,
    /// The attempts that are not READY yet.
    attempts: HashMap<SubchannelId, AbortHandle>,
    /// The calls that wait for a picker that places them.
    held: Vec<Attempt>,
    held_deadline: Option<Instant>,
    /// The attempts that are made once their wait is over.
    retries: Timers<Attempt>,
    sweep_held: SweepAt,
    sweep_retries: SweepAt,
}

/// The length at which a list of attempts is swept for calls that have ended, so that what is left of them stays a
/// part of what is needed.
struct SweepAt(usize);

impl SweepAt {
    const LEAST: Self = Self(64);

    /// Sets the next length, after a sweep that left this many.
    fn swept(&mut self, left: usize) {
        self.0 = (left * 2).max(Self::LEAST.0);
    }
}

/// The number of attempt events that are handled together before their consequences are carried out.
const EVENTS_TOGETHER: usize = 256;

enum Wake {
    Resolution(ResolverEvent),
    Attempt(AttemptEvent),
    Requests,
    Timeout,
}

impl Control {
    pub(super) fn new(
        shared: Arc<Shared>,
        mut core: Core,
        target: Target,
        resolver: Arc<dyn Resolver>,
    ) -> Self {
        let (sink, resolutions) = ResolverSink::new(shared.runtime.clone());
        let (event_sender, events) = mpsc::unbounded_channel();
        // Weak: the picker that holds the handle belongs to what is shared.
        let channel = Arc::downgrade(&shared);
        core.on_exit_idle_request(ExitIdle::new(move || {
            channel.upgrade().into_iter().for_each(|shared| shared.connect());
        }));
        Self {
            shared,
            core,
            resolver,
            target,
            sink,
            resolutions,
            active_resolver: None,
            events,
            event_sender,
            attempts: HashMap::new(),
            held: Vec::new(),
            held_deadline: None,
            retries: Timers::default(),
            sweep_held: SweepAt::LEAST,
            sweep_retries: SweepAt::LEAST,
        }
    }

    /// Runs until the channel is closed.
    pub(super) async fn run(mut self) {
        loop {
            let wake = self.next().await;
            let now = clock::now();
            match wake {
                Wake::Resolution(ResolverEvent::Resolved(resolution)) => {
                    self.core.resolved(resolution, now);
                }
                Wake::Resolution(ResolverEvent::Failed(error)) => self.core.resolver_failed(&error, now),
                Wake::Attempt(event) => {
                    self.on_attempt(event, now);
                    // Events that came meanwhile, so that policies with many connections publish once for all of them.
                    for _ in 0..EVENTS_TOGETHER {
                        let Ok(event) = self.events.try_recv() else { break };
                        self.on_attempt(event, now);
                    }
                }
                Wake::Requests => {
                    let requests = self.shared.take_requests();
                    if let Some(how) = requests.close {
                        self.held.extend(requests.attempts.into_iter().map(|(attempt, _)| attempt));
                        return self.close(&how);
                    }
                    if requests.connect {
                        self.exit_idle(now);
                    }
                    for (attempt, wait) in requests.attempts {
                        match wait {
                            None => self.place(attempt, now),
                            Some(wait) => self.hold_back(attempt, wait, now),
                        }
                    }
                }
                Wake::Timeout => {
                    self.core.handle_timeout(now);
                    self.expire(now);
                    self.place_retries(now);
                }
            }
            self.act(now);
        }
    }

    async fn next(&mut self) -> Wake {
        let due =
            [self.core.poll_timeout(), self.held_deadline, self.retries.next()].into_iter().flatten().min();
        let timeout = async {
            match due {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // Always in the same order, so that a seed replays a run exactly. None of the first three can be ready so
            // often that the last is starved.
            biased;
            Some(event) = self.events.recv() => Wake::Attempt(event),
            Some(event) = self.resolutions.recv() => Wake::Resolution(event),
            () = self.shared.notify.notified() => Wake::Requests,
            () = timeout => Wake::Timeout,
        }
    }

    fn on_attempt(&mut self, attempt_event: AttemptEvent, now: Instant) {
        let AttemptEvent { subchannel, attempt, event } = attempt_event;
        match event {
            ConnectionEvent::Ready(connection) => {
                if self.core.is_current(&subchannel, attempt) {
                    self.attempts.remove(&subchannel.id());
                    subchannel.set_connection(Some(connection));
                    self.core.attempt_ready(&subchannel, attempt, now);
                } else {
                    connection.close(Close::AtOnce(channel_closed()));
                }
            }
            ConnectionEvent::Ended(cause) => {
                if self.core.is_current(&subchannel, attempt) {
                    self.attempts.remove(&subchannel.id());
                    subchannel.set_connection(None);
                    self.core.attempt_ended(&subchannel, attempt, Arc::new(cause), now);
                }
            }
        }
    }

    /// Places a call, or holds it.
    fn place(&mut self, attempt: Attempt, now: Instant) {
        if attempt.has_ended() {
            return;
        }
        let Err(attempt) = self.shared.try_place(attempt) else { return };
        if let Some(deadline) = attempt.call.spec.deadline() {
            self.held_deadline = Some(self.held_deadline.map_or(deadline, |first| first.min(deadline)));
        }
        self.held.push(attempt);
        if self.held.len() >= self.sweep_held.0 {
            self.held.retain(|attempt| !attempt.has_ended());
            self.sweep_held.swept(self.held.len());
        }
        self.exit_idle(now);
    }

    /// Keeps an attempt until it is to be made, or until its call's deadline.
    fn hold_back(&mut self, attempt: Attempt, wait: Wait, now: Instant) {
        let at = now + wait.duration(self.core.random());
        let at = attempt.call.spec.deadline().map_or(at, |deadline| at.min(deadline));
        self.retries.set(at, attempt);
        // A server may ask for a wait of weeks; the call may have been cancelled long before.
        if self.retries.len() >= self.sweep_retries.0 {
            self.retries.retain(|attempt| !attempt.has_ended());
            self.sweep_retries.swept(self.retries.len());
        }
    }

    /// Makes the attempts whose wait is over.
    fn place_retries(&mut self, now: Instant) {
        let fence = self.retries.fence();
        while let Some(attempt) = self.retries.pop_due(now, fence) {
            if attempt.call.spec.deadline().is_some_and(|deadline| deadline <= now) {
                end_call(&attempt.call, deadline_exceeded());
            } else {
                self.place(attempt, now);
            }
        }
    }

    /// Tries to place held calls again.
    fn place_held(&mut self) {
        if self.held.is_empty() {
            return;
        }
        for attempt in std::mem::take(&mut self.held) {
            if let Err(attempt) = self.shared.try_place(attempt)
                && !attempt.has_ended()
            {
                self.held.push(attempt);
            }
        }
        // A service config may have brought some deadlines forward.
        self.held_deadline = self.held.iter().filter_map(|attempt| attempt.call.spec.deadline()).min();
        if self.held.is_empty() {
            self.sweep_held = SweepAt::LEAST;
        }
    }

    fn exit_idle(&mut self, now: Instant) {
        if self.active_resolver.is_none() {
            self.active_resolver = Some(self.resolver.start(&self.target, self.sink.clone()));
        }
        self.core.exit_idle(now);
        self.act(now);
    }

    /// Ends held calls whose deadline has passed.
    fn expire(&mut self, now: Instant) {
        if self.held_deadline.is_none_or(|at| at > now) {
            return;
        }
        let status = self.deadline_status();
        self.held.retain(|attempt| {
            let expired = attempt.call.spec.deadline().is_some_and(|deadline| deadline <= now);
            if expired {
                end_call(&attempt.call, status.clone());
            }
            !expired && !attempt.has_ended()
        });
        self.held_deadline = self.held.iter().filter_map(|attempt| attempt.call.spec.deadline()).min();
    }

    /// The status of a held call at its deadline. It says why there was no connection, if that is known.
    fn deadline_status(&self) -> Status {
        match self.shared.failure() {
            Some(why) => Status::deadline_exceeded(format!("Deadline Exceeded; {}", why.message())),
            None => deadline_exceeded(),
        }
    }

    /// Carries out the actions of the core.
    fn act(&mut self, now: Instant) {
        while let Some(action) = self.core.next_action() {
            match action {
                Action::Connect { subchannel, attempt } => self.start_attempt(subchannel, attempt),
                Action::Abort { subchannel } => {
                    if let Some(task) = self.attempts.remove(&subchannel.id()) {
                        task.abort();
                    }
                }
                Action::Remove { subchannel } => {
                    if let Some(task) = self.attempts.remove(&subchannel.id()) {
                        task.abort();
                    }
                    if let Some(connection) = subchannel.set_connection(None) {
                        connection.close(Close::AfterCalls);
                    }
                }
                Action::Publish { state, picker } => {
                    tracing::debug!(target = %self.shared.target, %state, "channel state");
                    self.shared.publish(state, picker);
                    self.place_held();
                    if state == ConnectivityState::Idle && !self.held.is_empty() {
                        self.core.exit_idle(now);
                    }
                }
                Action::Configure { selector } => {
                    self.shared.configure(selector.map_or(Selection::None, Selection::By));
                    self.place_held();
                }
                Action::Resolve => {
                    if let Some(resolver) = &mut self.active_resolver {
                        resolver.resolve_now();
                    }
                }
            }
        }
    }

    fn start_attempt(&mut self, subchannel: Arc<Subchannel>, attempt: u64) {
        let events = self.event_sender.clone();
        let (id, address) = (subchannel.id(), subchannel.address().clone());
        tracing::debug!(target = %self.shared.target, %address, "connecting");
        let report = move |event| {
            // Nobody listens once the channel is closed.
            let _ = events.send(AttemptEvent { subchannel: Arc::clone(&subchannel), attempt, event });
        };
        let task = run_attempt(address, Arc::clone(&self.shared.connector), report);
        let task = self.shared.runtime.spawn(task).abort_handle();
        self.attempts.insert(id, task);
    }

    fn close(&mut self, how: &Close) {
        let status = match how {
            Close::AtOnce(status) => status.clone(),
            Close::AfterCalls => channel_closed(),
        };
        self.shut_down(&status, how);
    }

    fn shut_down(&mut self, status: &Status, how: &Close) {
        self.active_resolver = None;
        for (_, task) in self.attempts.drain() {
            task.abort();
        }
        for subchannel in self.core.subchannels() {
            if let Some(connection) = subchannel.set_connection(None) {
                connection.close(how.clone());
            }
        }
        self.shared.publish(ConnectivityState::Shutdown, Arc::new(FailPicker(status.clone())));
        let waiting = self.shared.set_closed(status.clone());
        for attempt in self.held.drain(..).chain(self.retries.drain()).chain(waiting) {
            end_call(&attempt.call, status.clone());
        }
    }
}

impl Drop for Control {
    /// The task ended, by closing, by a panic or with its runtime: nobody must wait for it forever.
    fn drop(&mut self) {
        if *self.shared.state.borrow() != ConnectivityState::Shutdown {
            let status = if std::thread::panicking() {
                Status::internal("the channel was given up: a resolver or a load-balancing policy panicked")
            } else {
                Status::unavailable("the runtime of the channel was shut down")
            };
            self.shut_down(&status, &Close::AtOnce(status.clone()));
        }
    }
}

#[cfg(test)]
mod tests;
