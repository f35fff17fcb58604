//! The tasks that own connections.

pub(crate) mod server;
