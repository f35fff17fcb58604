//! The client against Carom's own server, and against peers that do what no good server does.

mod calls;
mod connecting;
mod keepalive;
mod scripted;
mod support;
#[cfg(feature = "tls")]
mod tls;
