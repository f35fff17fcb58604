//! Channels: from a target string to calls.
//!
//! ```text
//! control:  target → resolver → addresses → balancer → picker → subchannel → transport   (one task a channel)
//! a call:   interceptors → picker → subchannel → the connection's task
//! ```
//! A [`Channel`] has a control task that owns its resolver, its load-balancing policy and its subchannels. Of all that,
//! a call touches only the picker that the policy published last, and the connection that it points to.

mod attachments;
pub(crate) mod backoff;
pub mod balancer;
mod builder;
mod call;
mod channel;
pub(crate) mod connection;
mod connectivity;
mod control;
mod error;
mod guarded;
pub(crate) mod limits;
mod methods;
pub mod resolver;
pub(crate) mod retry;
pub mod service_config;
mod shared;
mod subchannel;
mod target;

pub use carom_wire::conn::{Config, Keepalive};

pub use self::backoff::BackoffConfig;
pub use self::builder::ChannelBuilder;
pub use self::call::{RawCall, UnaryOutcome};
pub use self::channel::Channel;
pub use self::connectivity::{ConnectivityState, StateWatch, SubchannelState};
pub use self::error::{ConnectError, SharedError};
pub use self::subchannel::{Subchannel, SubchannelId};
pub use self::target::{InvalidTarget, Target};
pub use crate::call_options::{CallOptions, Compression};
