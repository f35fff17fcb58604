//! What a call proves itself by: metadata that is made for it.

use std::future::Future;
use std::pin::Pin;

use carom_wire::{MetadataMap, Status};

/// What call credentials get to know of the call.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct CallContext<'a> {
    /// `https://host/package.Service`: what tokens are made out for (their audience).
    pub service_url: &'a str,
    /// The full method name, `/package.Service/Method`.
    pub method: &'a str,
}

/// The metadata that credentials made, when it is there.
pub type MetadataFuture<'a> = Pin<Box<dyn Future<Output = Result<MetadataMap, Status>> + Send + 'a>>;

/// Makes metadata, such as `authorization`, for calls. It is asked for each call, and sent only over connections that
/// are secure: on others the call ends with UNAUTHENTICATED.
pub trait CallCredentials: Send + Sync + 'static {
    /// The metadata for a call. An error ends the call with its status; codes that the control plane must not use become
    /// INTERNAL (gRFC A54).
    fn metadata<'a>(&'a self, call: CallContext<'a>) -> MetadataFuture<'a>;
}

#[cfg(feature = "client")]
impl<'a> CallContext<'a> {
    pub(crate) fn new(service_url: &'a str, method: &'a str) -> Self {
        Self { service_url, method }
    }
}
