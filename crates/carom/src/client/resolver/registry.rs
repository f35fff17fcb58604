//! The registry that maps schemes to resolvers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::ip::IpResolver;
use super::unix::UnixResolver;
use super::{DnsResolver, Resolver};
use crate::client::target::{InvalidTarget, Target};

/// The resolvers of a channel, by scheme. By default those for `dns`, `ipv4`, `ipv6`, `unix` and
/// `unix-abstract`.
#[derive(Clone)]
pub struct Resolvers {
    by_scheme: BTreeMap<String, Arc<dyn Resolver>>,
}

impl Default for Resolvers {
    fn default() -> Self {
        let mut resolvers = Self { by_scheme: BTreeMap::new() };
        resolvers.register("dns", Arc::new(DnsResolver::default()));
        resolvers.register("ipv4", Arc::new(IpResolver::V4));
        resolvers.register("ipv6", Arc::new(IpResolver::V6));
        resolvers.register("unix", Arc::new(UnixResolver::Path));
        resolvers.register("unix-abstract", Arc::new(UnixResolver::Abstract));
        resolvers
    }
}

impl Resolvers {
    /// Registers the resolver of a scheme, replacing an existing one. Schemes are case-insensitive.
    pub fn register(&mut self, scheme: &str, resolver: Arc<dyn Resolver>) {
        self.by_scheme.insert(scheme.to_ascii_lowercase(), resolver);
    }

    /// Returns the resolver of a scheme, given in lower case.
    pub fn get(&self, scheme: &str) -> Option<&Arc<dyn Resolver>> {
        self.by_scheme.get(scheme)
    }

    /// Parses a target string and finds the resolver that can use it.
    ///
    /// # Errors
    /// [`InvalidTarget`] says what is wrong with it: no resolver has its scheme, or the one that has it rejects the
    /// target.
    pub fn find(&self, target: &str) -> Result<(Target, Arc<dyn Resolver>), InvalidTarget> {
        let parsed = Target::parse(target, |scheme| self.by_scheme.contains_key(scheme))?;
        let scheme = target.split(':').next().unwrap_or_default();
        if target.contains("://") && !scheme.eq_ignore_ascii_case(parsed.scheme()) {
            let known: Vec<_> = self.by_scheme.keys().map(String::as_str).collect();
            let known = known.join(", ");
            let instead = match scheme.to_ascii_lowercase().as_str() {
                "http" | "grpc" => "; write host:port without a scheme",
                "https" | "grpcs" => "; write host:port without a scheme, and call tls() on the builder",
                _ => "",
            };
            let reason = format!("the scheme `{scheme}` is unknown; known schemes are {known}{instead}");
            return Err(InvalidTarget::of_text(target, reason));
        }
        let Some(resolver) = self.get(parsed.scheme()) else {
            return Err(InvalidTarget::of_text(target, "there is no resolver for names"));
        };
        resolver.check(&parsed)?;
        Ok((parsed, Arc::clone(resolver)))
    }

    /// Parses a target string that goes to a resolver whatever its scheme.
    pub(in crate::client) fn parse_any(&self, target: &str) -> Result<Target, InvalidTarget> {
        Target::parse(target, |scheme| {
            self.by_scheme.contains_key(scheme) || target[scheme.len()..].starts_with("://")
        })
    }
}

impl fmt::Debug for Resolvers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_scheme.keys()).finish()
    }
}

#[cfg(test)]
mod tests;
