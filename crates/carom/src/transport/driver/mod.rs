//! The tasks that own connections.

pub(crate) mod client;
pub(crate) mod server;
pub(crate) mod slot;
