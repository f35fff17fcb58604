//! The client against Carom's own server, and against peers that do what no good server does.

mod balancing;
mod calls;
mod connecting;
mod ends;
mod keepalive;
mod retries;
mod scripted;
mod service_config;
mod support;
#[cfg(feature = "tls")]
mod tls;
