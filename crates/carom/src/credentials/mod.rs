//! Credentials: certificates, keys and TLS settings, which say who this side is and whom it trusts.
//!
//! Mutual TLS, at a client that trusts its company's own certificate authority:
//! ```no_run
//! # #[cfg(all(feature = "client", feature = "tls"))]
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use carom::Channel;
//! use carom::credentials::{Certificate, ClientTlsConfig, Identity};
//!
//! let tls = ClientTlsConfig::new()
//!     .ca_certificate(Certificate::from_pem(std::fs::read("ca.pem")?))
//!     .identity(Identity::from_pem(std::fs::read("client.pem")?, std::fs::read("client.key")?));
//! let channel = Channel::builder("orders.internal:443").tls(tls).connect().await?;
//! # Ok(()) }
//! ```

pub(crate) mod call;
#[cfg(all(feature = "client", feature = "tls"))]
mod client;
#[cfg(feature = "tls")]
mod error;
#[cfg(feature = "tls")]
mod pem;
#[cfg(all(feature = "server", feature = "tls"))]
mod server;

pub use call::{CallContext, CallCredentials, MetadataFuture};
#[cfg(all(feature = "client", feature = "tls"))]
pub use client::ClientTlsConfig;
#[cfg(all(feature = "client", feature = "tls"))]
pub(crate) use client::host_of;
#[cfg(feature = "tls")]
pub use error::CredentialsError;
#[cfg(feature = "tls")]
pub use pem::{Certificate, Identity};
#[cfg(all(feature = "server", feature = "tls"))]
pub use server::ServerTlsConfig;

/// The application protocol of HTTP/2 under TLS (RFC 9113 §3.2).
#[cfg(feature = "tls")]
pub(crate) const ALPN_H2: &[u8] = b"h2";
