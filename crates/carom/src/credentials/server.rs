//! TLS settings of a server.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::{ALPN_H2, Certificate, CredentialsError, Identity};

/// The TLS settings of a server: its identity, and which clients it accepts.
///
/// TLS 1.2 and 1.3; a client that does not offer `h2` by ALPN is refused.
#[derive(Debug, Clone)]
pub struct ServerTlsConfig {
    identity: Identity,
    client_ca_root: Option<Certificate>,
    client_auth_optional: bool,
}

impl ServerTlsConfig {
    /// Creates settings with this identity; clients need none.
    pub fn new(identity: Identity) -> Self {
        Self { identity, client_ca_root: None, client_auth_optional: false }
    }

    /// Asks clients for a certificate signed by one of these roots, and refuses those without (mutual TLS).
    pub fn client_ca_root(mut self, roots: Certificate) -> Self {
        self.client_ca_root = Some(roots);
        self
    }

    /// With [`client_ca_root`](Self::client_ca_root): accepts clients without a certificate; one that is presented must
    /// still be valid. Default `false`.
    pub fn client_auth_optional(mut self, optional: bool) -> Self {
        self.client_auth_optional = optional;
        self
    }

    /// Builds the rustls configuration.
    pub(crate) fn build(&self) -> Result<Arc<ServerConfig>, CredentialsError> {
        const IDENTITY: &str = "identity of the server";
        const CLIENT_ROOTS: &str = "root certificates for clients";
        // Chosen here rather than taken from the process, which may have none or two.
        let provider: Arc<CryptoProvider> = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| CredentialsError::new(IDENTITY, error))?;
        let builder = match &self.client_ca_root {
            None => builder.with_no_client_auth(),
            Some(roots) => {
                let mut store = RootCertStore::empty();
                for root in roots.parse(CLIENT_ROOTS)? {
                    store.add(root).map_err(|error| CredentialsError::new(CLIENT_ROOTS, error))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider);
                let verifier =
                    if self.client_auth_optional { verifier.allow_unauthenticated() } else { verifier };
                let verifier =
                    verifier.build().map_err(|error| CredentialsError::new(CLIENT_ROOTS, error))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let (chain, key) = self.identity.parse()?;
        let mut config = builder.with_single_cert(chain, key).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => CredentialsError::new(
                IDENTITY,
                "the private key does not belong to the first certificate of the chain",
            ),
            error => CredentialsError::new(IDENTITY, error),
        })?;
        config.alpn_protocols = vec![ALPN_H2.to_vec()];
        Ok(Arc::new(config))
    }
}

#[cfg(test)]
mod tests;
