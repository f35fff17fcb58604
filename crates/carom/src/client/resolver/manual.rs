//! A resolver controlled by the program: for tests, and for programs that discover addresses in their own way.

use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::{ActiveResolver, Address, Resolution, Resolver, ResolverSink};
use crate::client::error::SharedError;
use crate::client::target::Target;

/// A resolver that passes the reports of [`update`](Self::update) and [`fail`](Self::fail) to every channel that uses
/// it; channels that start later get the last report first. Clones are the same resolver.
#[derive(Debug, Clone)]
pub struct ManualResolver {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    hints: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    sinks: Vec<ResolverSink>,
    last: Option<Result<Resolution, SharedError>>,
}

impl Default for ManualResolver {
    fn default() -> Self {
        Self { shared: Arc::new(Shared { state: Mutex::default(), hints: watch::Sender::new(0) }) }
    }
}

impl ManualResolver {
    /// Creates a resolver that has nothing to report yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reports addresses.
    pub fn update(&self, addresses: Vec<Address>) {
        self.report(Ok(Resolution::new(addresses)));
    }

    /// Reports a complete resolution: endpoints, attributes and service config.
    pub fn resolve(&self, resolution: Resolution) {
        self.report(Ok(resolution));
    }

    /// Reports a failure; a string will do.
    pub fn fail(&self, error: impl Into<Box<dyn Error + Send + Sync>>) {
        self.report(Err(Arc::from(error.into())));
    }

    /// Returns a watch on the number of hints to resolve again that channels gave.
    pub fn hints(&self) -> watch::Receiver<u64> {
        self.shared.hints.subscribe()
    }

    fn report(&self, report: Result<Resolution, SharedError>) {
        let mut state = self.lock();
        state.sinks.retain(|sink| !sink.sender.is_closed());
        for sink in &state.sinks {
            report_to(sink, &report);
        }
        state.last = Some(report);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn report_to(sink: &ResolverSink, report: &Result<Resolution, SharedError>) {
    match report {
        Ok(resolution) => sink.update(resolution.clone()),
        Err(error) => sink.fail(Arc::clone(error)),
    }
}

impl Resolver for ManualResolver {
    fn start(&self, _target: &Target, sink: ResolverSink) -> Box<dyn ActiveResolver> {
        let mut state = self.lock();
        if let Some(last) = &state.last {
            report_to(&sink, last);
        }
        state.sinks.push(sink);
        Box::new(Hints(Arc::clone(&self.shared)))
    }
}

struct Hints(Arc<Shared>);

impl ActiveResolver for Hints {
    fn resolve_now(&mut self) {
        self.0.hints.send_modify(|count| *count += 1);
    }
}
