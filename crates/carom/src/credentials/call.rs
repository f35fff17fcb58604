//! Call credentials: metadata that authenticates a call.

use std::future::Future;
use std::pin::Pin;

use carom_wire::{MetadataMap, Status};

/// The facts about a call that call credentials see.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct CallContext<'a> {
    /// `https://host/package.Service`: the audience that tokens are issued for.
    pub service_url: &'a str,
    /// The full method name, `/package.Service/Method`.
    pub method: &'a str,
}

/// The future of the metadata that credentials produce.
pub type MetadataFuture<'a> = Pin<Box<dyn Future<Output = Result<MetadataMap, Status>> + Send + 'a>>;

/// Credentials that authenticate calls with metadata such as `authorization`. The metadata is requested for each call,
/// and sent only over secure connections: on others the call ends with UNAUTHENTICATED.
pub trait CallCredentials: Send + Sync + 'static {
    /// Returns the metadata for a call. An error ends the call with its status; codes that the control plane must not
    /// use become INTERNAL (gRFC A54).
    fn metadata<'a>(&'a self, call: CallContext<'a>) -> MetadataFuture<'a>;
}

#[cfg(feature = "client")]
impl<'a> CallContext<'a> {
    pub(crate) fn new(service_url: &'a str, method: &'a str) -> Self {
        Self { service_url, method }
    }
}
