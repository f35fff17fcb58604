//! Who this side is and whom it trusts: certificates, keys and TLS settings.

mod pem;
mod server;
mod error;

pub use error::CredentialsError;
pub use pem::{Certificate, Identity};
pub use server::ServerTlsConfig;
