//! The tasks that drive connections.

pub(crate) mod client;
pub(crate) mod slot;
