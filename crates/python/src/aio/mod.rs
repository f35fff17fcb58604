//! What event loops need: a completion queue each, and calls whose results are futures.

pub(crate) mod call;
pub(crate) mod queue;
pub(crate) mod server;
pub(crate) mod server_call;
mod waiters;
mod wake_fd;
