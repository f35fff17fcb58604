//! From a target to endpoints.
//!
//! A [`Resolver`] is started once a channel, reports what it finds to a [`ResolverSink`], and goes on until the
//! [handle](ActiveResolver) that it returned is dropped. It knows nothing of load balancing.

mod dns;
mod endpoint;
mod fixed;
mod host_port;
mod ip;
mod manual;
mod registry;
mod unix;

use std::error::Error;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

pub use self::dns::DnsResolver;
pub use self::endpoint::{Attributes, Endpoint};
pub use self::fixed::FixedResolver;
pub use self::host_port::DEFAULT_PORT;
pub use self::manual::ManualResolver;
pub use self::registry::Resolvers;
use super::error::SharedError;
use super::target::{InvalidTarget, Target};
pub use crate::transport::Address;

/// What a resolver found.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Resolution {
    /// The servers, best first. With none, calls fail until another resolution comes.
    pub endpoints: Vec<Endpoint>,
    /// What is said of all of them together.
    pub attributes: Attributes,
    /// The service config in its JSON form (gRFC A2), or why it could not be had. `None`: there is none, and the
    /// channel's default counts. One that is not valid does not replace one that was taken before.
    pub service_config: Option<Result<Arc<str>, SharedError>>,
}

impl Resolution {
    /// A resolution of servers with one address each.
    pub fn new(addresses: Vec<Address>) -> Self {
        Self::with_endpoints(addresses.into_iter().map(Endpoint::new).collect())
    }

    /// A resolution of these servers.
    pub fn with_endpoints(endpoints: Vec<Endpoint>) -> Self {
        Self { endpoints, ..Self::default() }
    }

    /// With a service config in its JSON form.
    #[must_use]
    pub fn with_service_config(mut self, json: impl Into<Arc<str>>) -> Self {
        self.service_config = Some(Ok(json.into()));
        self
    }
}

/// Finds the endpoints behind a target.
pub trait Resolver: Send + Sync + 'static {
    /// Whether this resolver can use a target of its scheme. Asked when a channel is built, so that a mistake in the
    /// target is found there and not by the first call.
    ///
    /// # Errors
    /// [`InvalidTarget`] says what is wrong.
    fn check(&self, target: &Target) -> Result<(), InvalidTarget> {
        let _ = target;
        Ok(())
    }

    /// What goes into `:authority` and is the name that a certificate must prove, unless the channel was told otherwise.
    /// By default the [endpoint](Target::endpoint) of the target.
    fn default_authority(&self, target: &Target) -> String {
        target.endpoint().to_owned()
    }

    /// Begins to resolve `target`. Must not block: look-ups run as tasks on [`ResolverSink::runtime`]. What is known at
    /// once may be reported from here; so may be that nothing can be done with this target.
    fn start(&self, target: &Target, sink: ResolverSink) -> Box<dyn ActiveResolver>;
}

/// A resolver at work for one channel. Dropping it ends the work.
pub trait ActiveResolver: Send {
    /// A connection failed or was lost: the addresses may have changed. A hint, given as often as that happens; a
    /// resolver that asks others keeps a minimum interval.
    fn resolve_now(&mut self);
}

/// Takes what a resolver finds. Clones report to the same channel.
#[derive(Debug, Clone)]
pub struct ResolverSink {
    sender: mpsc::UnboundedSender<ResolverEvent>,
    runtime: Handle,
}

#[derive(Debug)]
pub(crate) enum ResolverEvent {
    Resolved(Resolution),
    Failed(SharedError),
}

impl ResolverSink {
    pub(crate) fn new(runtime: Handle) -> (Self, mpsc::UnboundedReceiver<ResolverEvent>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { sender, runtime }, receiver)
    }

    /// Reports addresses; they replace those of earlier reports.
    pub fn update(&self, resolution: Resolution) {
        // Nobody listens once the channel is closed.
        let _ = self.sender.send(ResolverEvent::Resolved(resolution));
    }

    /// Reports that resolving failed. Addresses of earlier reports stay in use; without any, calls fail with UNAVAILABLE
    /// and the words of this error, which is their source. A text will do.
    pub fn error(&self, error: impl Into<Box<dyn Error + Send + Sync>>) {
        self.fail(Arc::from(error.into()));
    }

    fn fail(&self, error: SharedError) {
        let _ = self.sender.send(ResolverEvent::Failed(error));
    }

    /// Where tasks of the resolver run.
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }
}

/// Says so if something stands between `//` and the path, where the scheme has no use for it.
fn refuse_authority(target: &Target) -> Result<(), InvalidTarget> {
    let (scheme, authority) = (target.scheme(), target.authority());
    if authority.is_empty() {
        return Ok(());
    }
    let reason = format!(
        "`{scheme}:` takes no authority, but `{authority}` stands between `//` and the path; write `{scheme}:` with three \
         slashes or none"
    );
    Err(InvalidTarget::new(target, reason))
}

#[cfg(test)]
mod tests;
