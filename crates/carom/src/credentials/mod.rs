//! Who this side is and whom it trusts: certificates, keys and TLS settings.

mod error;
mod pem;
#[cfg(feature = "tls")]
mod server;

pub use error::CredentialsError;
pub use pem::{Certificate, Identity};
#[cfg(feature = "tls")]
pub use server::ServerTlsConfig;
