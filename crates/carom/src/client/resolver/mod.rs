//! Resolvers: from a target to endpoints.
//!
//! A [`Resolver`] is started once per channel, reports its results to a [`ResolverSink`], and continues until the
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
pub use self::endpoint::{Attributes, Endpoint, HashKey, HierarchicalPath, Weight};
pub use self::fixed::FixedResolver;
pub use self::host_port::DEFAULT_PORT;
pub use self::manual::ManualResolver;
pub use self::registry::Resolvers;
use super::error::SharedError;
use super::target::{InvalidTarget, Target};
pub use crate::transport::Address;

/// The result of a resolver.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Resolution {
    /// The servers, best first. With none, calls fail until another resolution comes.
    pub endpoints: Vec<Endpoint>,
    /// The attributes of all of them together.
    pub attributes: Attributes,
    /// The service config in its JSON form (gRFC A2), or the error of getting it. `None`: there is none, and the
    /// channel's default applies. An invalid one does not replace one that was accepted before.
    pub service_config: Option<Result<Arc<str>, SharedError>>,
}

impl Resolution {
    /// Creates a resolution of servers with one address each.
    pub fn new(addresses: Vec<Address>) -> Self {
        Self::with_endpoints(addresses.into_iter().map(Endpoint::new).collect())
    }

    /// Creates a resolution of these servers.
    pub fn with_endpoints(endpoints: Vec<Endpoint>) -> Self {
        Self { endpoints, ..Self::default() }
    }

    /// Sets the service config, in its JSON form.
    #[must_use]
    pub fn with_service_config(mut self, json: impl Into<Arc<str>>) -> Self {
        self.service_config = Some(Ok(json.into()));
        self
    }
}

/// A resolver, which finds the endpoints of a target.
pub trait Resolver: Send + Sync + 'static {
    /// Checks that this resolver can use a target of its scheme. Called when a channel is built, so that a mistake in
    /// the target is found there and not by the first call.
    ///
    /// # Errors
    /// [`InvalidTarget`] says what is wrong.
    fn check(&self, target: &Target) -> Result<(), InvalidTarget> {
        let _ = target;
        Ok(())
    }

    /// Returns the default `:authority`, which is also the name that a certificate must be valid for, unless the
    /// channel sets another. By default the [endpoint](Target::endpoint) of the target.
    fn default_authority(&self, target: &Target) -> String {
        target.endpoint().to_owned()
    }

    /// Starts resolving `target`. This must not block: look-ups run as tasks on [`ResolverSink::runtime`]. Results that
    /// are known at once may be reported from here, and so may the failure of a target that cannot be resolved.
    fn start(&self, target: &Target, sink: ResolverSink) -> Box<dyn ActiveResolver>;
}

/// The handle of a resolver that runs for one channel. Dropping it stops the resolver.
pub trait ActiveResolver: Send {
    /// Hints that the addresses may have changed, because a connection failed or was lost. The hint is given as often
    /// as that happens; a resolver that queries others keeps a minimum interval.
    fn resolve_now(&mut self);
}

/// The sink for the results of a resolver. Clones report to the same channel.
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

    /// Reports that resolving failed. Addresses of earlier reports stay in use; without any, calls fail with
    /// UNAVAILABLE and the text of this error, which is their source. A string will do.
    pub fn error(&self, error: impl Into<Box<dyn Error + Send + Sync>>) {
        self.fail(Arc::from(error.into()));
    }

    fn fail(&self, error: SharedError) {
        let _ = self.sender.send(ResolverEvent::Failed(error));
    }

    /// The runtime for the tasks of the resolver.
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }
}

/// Rejects a target with an authority between `//` and the path, if the scheme does not use one.
fn refuse_authority(target: &Target) -> Result<(), InvalidTarget> {
    let (scheme, authority) = (target.scheme(), target.authority());
    if authority.is_empty() {
        return Ok(());
    }
    let reason = format!(
        "`{scheme}:` takes no authority, but there is `{authority}` between `//` and the path; write `{scheme}:` with three \
         slashes or none"
    );
    Err(InvalidTarget::new(target, reason))
}

#[cfg(test)]
mod tests;
