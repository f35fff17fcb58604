//! Servers: services and methods, the server that answers their calls, and its lifecycle.
//!
//! A TLS server that stops on a signal, once the running calls are done:
//! ```no_run
//! # #[cfg(feature = "tls")]
//! # async fn run(greeter: impl carom::server::Service) -> Result<(), Box<dyn std::error::Error>> {
//! use carom::credentials::{Identity, ServerTlsConfig};
//! use carom::server::Server;
//!
//! let identity = Identity::from_pem(std::fs::read("server.pem")?, std::fs::read("server.key")?);
//! let addr: std::net::SocketAddr = "[::]:50051".parse()?;
//! let interrupted = async { tokio::signal::ctrl_c().await.expect("a signal handler") };
//! Server::builder()
//!     .add_service(greeter)
//!     .tls(ServerTlsConfig::new(identity))
//!     .shutdown_grace(Some(std::time::Duration::from_secs(30)))
//!     .serve_with_shutdown(addr, interrupted)
//!     .await?;
//! # Ok(()) }
//! ```
//!
//! * [`Server::builder`] configures a server; [`Server`] is the handle to a running one.
//! * [`Service`] and [`Method`] are what generated code provides; they can be written by hand just as well.
//! * [`Interceptor`](crate::Interceptor) sees each call before its handler.
//! * [`DetachedHandler`] receives raw calls and answers them from any thread.

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
