//! Servers: services and methods, what takes their calls, and how it starts and stops.
//!
//! * [`Server::builder`] puts a server together; [`Server`] is the handle of one that runs.
//! * [`Service`] and [`Method`] are what generated code gives; they can be written by hand just as well.
//! * [`Interceptor`](crate::Interceptor) sees each call before its handler.
//! * [`DetachedHandler`] takes raw calls and answers them from any thread.

mod builder;
pub(crate) mod call;
pub(crate) mod connection;
mod error;
pub(crate) mod lifecycle;
pub(crate) mod quota;
pub(crate) mod router;
pub(crate) mod running;
mod service;

pub use carom_wire::call::RequestHead;
pub use carom_wire::conn::{Config, Keepalive, PingPolicy, ServerConfig};

pub use builder::Builder;
pub(crate) use builder::Settings;
pub use call::{CallFacts, DetachedHandler, IncomingCall, MessageReceiver, RequestMode, Responder};
pub use error::ServeError;
pub use lifecycle::Server;
pub use service::{Method, Service, ServiceOptions};

pub use crate::transport::{ListenAddr, ListenOptions};
