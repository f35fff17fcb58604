//! The client half: channels, and the calls of threads. Calls of event loops are in [`crate::aio`].

mod call;
pub(crate) mod callbacks;
mod channel;
pub(crate) mod core;

pub(crate) use self::call::Call;
pub(crate) use self::channel::Channel;
