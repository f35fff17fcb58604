//! The tasks that own connections.

mod backlog;
#[cfg(feature = "client")]
pub(crate) mod client;
#[cfg(feature = "server")]
pub(crate) mod server;
#[cfg(feature = "client")]
pub(crate) mod slot;
