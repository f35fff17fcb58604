//! The server half: calls queued for the executor of a synchronous server, their contexts and handlers. The server of
//! event loops is in [`crate::aio`].

pub(crate) mod context;
pub(crate) mod facts;
mod handler;
pub(crate) mod listen;
mod queue;
mod serve;
mod streams;
mod sync;

pub(crate) use self::context::ServicerContext;
pub(crate) use self::sync::SyncServer;
