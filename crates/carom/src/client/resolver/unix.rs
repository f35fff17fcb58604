//! `unix:` and `unix-abstract:`: a socket on this machine.

use super::fixed::Settled;
use super::{ActiveResolver, Address, Resolution, Resolver, ResolverSink, refuse_authority};
use crate::client::target::{InvalidTarget, Target};

/// A resolver that uses the path of the target as that of a socket.
#[derive(Debug, Clone, Copy)]
pub(super) enum UnixResolver {
    /// In the file system.
    Path,
    /// In Linux's abstract namespace.
    Abstract,
}

impl UnixResolver {
    fn parse(self, target: &Target) -> Result<Address, InvalidTarget> {
        refuse_authority(target)?;
        match (self, target.path()) {
            (Self::Path, "") => Err(InvalidTarget::new(target, "the path of the socket is missing")),
            (Self::Path, path) => Ok(Address::Unix(path.into())),
            (Self::Abstract, "") => Err(InvalidTarget::new(target, "the name of the socket is missing")),
            (Self::Abstract, name) => Ok(Address::UnixAbstract(name.as_bytes().to_vec())),
        }
    }
}

impl Resolver for UnixResolver {
    fn check(&self, target: &Target) -> Result<(), InvalidTarget> {
        self.parse(target).map(drop)
    }

    /// A path would not be a valid host.
    fn default_authority(&self, _target: &Target) -> String {
        "localhost".to_owned()
    }

    fn start(&self, target: &Target, sink: ResolverSink) -> Box<dyn ActiveResolver> {
        match self.parse(target) {
            Ok(address) => sink.update(Resolution::new(vec![address])),
            Err(error) => sink.error(error),
        }
        Box::new(Settled)
    }
}
