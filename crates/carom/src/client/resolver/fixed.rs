//! A resolver with fixed addresses.

use super::{ActiveResolver, Address, Resolution, Resolver, ResolverSink};
use crate::client::target::Target;

/// A resolver that returns the same addresses for every target.
#[derive(Debug, Clone)]
pub struct FixedResolver {
    addresses: Vec<Address>,
}

impl FixedResolver {
    /// Creates a resolver that always returns `addresses`.
    pub fn new(addresses: Vec<Address>) -> Self {
        Self { addresses }
    }
}

impl Resolver for FixedResolver {
    fn start(&self, _target: &Target, sink: ResolverSink) -> Box<dyn ActiveResolver> {
        sink.update(Resolution::new(self.addresses.clone()));
        Box::new(Settled)
    }
}

/// The handle of a resolution that will not change.
pub(super) struct Settled;

impl ActiveResolver for Settled {
    fn resolve_now(&mut self) {}
}
