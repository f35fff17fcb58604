//! The tasks that own connections.

mod backlog;
pub(crate) mod client;
pub(crate) mod server;
pub(crate) mod slot;
