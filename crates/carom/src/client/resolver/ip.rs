//! `ipv4:` and `ipv6:`: addresses in the target itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::fixed::Settled;
use super::host_port::split_host_port;
use super::{ActiveResolver, Address, Resolution, Resolver, ResolverSink, refuse_authority};
use crate::client::target::{InvalidTarget, Target};

/// A resolver that parses a list of addresses, each with an optional port (default 443). Each is an endpoint.
#[derive(Debug, Clone, Copy)]
pub(super) enum IpResolver {
    V4,
    V6,
}

impl IpResolver {
    fn parse(self, target: &Target) -> Result<Vec<SocketAddr>, InvalidTarget> {
        refuse_authority(target)?;
        let items = target.endpoint().split(',');
        items
            .map(|item| self.parse_one(item))
            .collect::<Result<_, _>>()
            .map_err(|reason| InvalidTarget::new(target, reason))
    }

    fn parse_one(self, item: &str) -> Result<SocketAddr, String> {
        let (host, port) = split_host_port(item)?;
        let (ip, family) = match self {
            Self::V4 => (host.parse::<Ipv4Addr>().ok().map(IpAddr::V4), "IPv4"),
            Self::V6 => (host.parse::<Ipv6Addr>().ok().map(IpAddr::V6), "IPv6"),
        };
        let ip = ip.ok_or_else(|| format!("`{host}` is no {family} address; host names go with dns:"))?;
        Ok(SocketAddr::new(ip, port))
    }
}

impl Resolver for IpResolver {
    fn check(&self, target: &Target) -> Result<(), InvalidTarget> {
        self.parse(target).map(drop)
    }

    /// The first of the addresses.
    fn default_authority(&self, target: &Target) -> String {
        let addresses = self.parse(target).unwrap_or_default();
        addresses.first().map_or_else(|| target.endpoint().to_owned(), ToString::to_string)
    }

    fn start(&self, target: &Target, sink: ResolverSink) -> Box<dyn ActiveResolver> {
        match self.parse(target) {
            Ok(addresses) => sink.update(Resolution::new(addresses.into_iter().map(Address::Tcp).collect())),
            Err(error) => sink.error(error),
        }
        Box::new(Settled)
    }
}
