//! TLS settings of a client.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;

use super::{ALPN_H2, Certificate, CredentialsError, Identity};

/// The TLS settings of a channel: which servers it trusts, and how it authenticates to them.
///
/// TLS 1.2 and 1.3; a server that does not negotiate `h2` by ALPN is refused. Without
/// [`ca_certificate`](Self::ca_certificate) the system's roots are trusted.
#[derive(Debug, Clone, Default)]
pub struct ClientTlsConfig {
    roots: Vec<Certificate>,
    native_roots: bool,
    identity: Option<Identity>,
    domain_name: Option<String>,
}

impl ClientTlsConfig {
    /// Creates settings that trust the system's roots.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts certificates signed by these roots, instead of the system's. May be called several times.
    #[must_use]
    pub fn ca_certificate(mut self, roots: Certificate) -> Self {
        self.roots.push(roots);
        self
    }

    /// Trusts the system's roots in addition to those of [`ca_certificate`](Self::ca_certificate). Without those, the
    /// system's are trusted anyway.
    #[must_use]
    pub fn with_native_roots(mut self) -> Self {
        self.native_roots = true;
        self
    }

    /// Sets the identity that this side authenticates with when a server asks (mutual TLS).
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Sets the name that the server's certificate must be valid for, and that is sent as SNI, in place of the host of
    /// the channel's authority.
    #[must_use]
    pub fn domain_name(mut self, name: impl Into<String>) -> Self {
        self.domain_name = Some(name.into());
        self
    }

    /// Builds the rustls configuration for a channel with this authority, and the name that the server's certificate
    /// must be valid for.
    pub(crate) fn build(
        &self,
        authority: &str,
    ) -> Result<(Arc<ClientConfig>, ServerName<'static>), CredentialsError> {
        const NAME: &str = "name of the server";
        const ROOTS: &str = "root certificates";
        let name = self.domain_name.as_deref().unwrap_or_else(|| host_of(authority));
        let server_name = ServerName::try_from(name.to_owned()).map_err(|_| {
            CredentialsError::new(NAME, format!("`{name}` is neither a DNS name nor an IP address"))
        })?;
        let roots = Arc::new(self.root_store()?);
        // Chosen here rather than taken from the process, which may have none or two.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .build()
            .map_err(|error| CredentialsError::new(ROOTS, error))?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| CredentialsError::new(ROOTS, error))?
            .with_webpki_verifier(verifier);
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                const IDENTITY: &str = "identity of the client";
                let (chain, key) = identity.parse()?;
                builder.with_client_auth_cert(chain, key).map_err(|error| match error {
                    rustls::Error::InconsistentKeys(_) => CredentialsError::new(
                        IDENTITY,
                        "the private key does not belong to the first certificate of the chain",
                    ),
                    error => CredentialsError::new(IDENTITY, error),
                })?
            }
        };
        config.alpn_protocols = vec![ALPN_H2.to_vec()];
        Ok((Arc::new(config), server_name))
    }

    fn root_store(&self) -> Result<RootCertStore, CredentialsError> {
        const ROOTS: &str = "root certificates";
        let mut store = RootCertStore::empty();
        for roots in &self.roots {
            for root in roots.parse(ROOTS)? {
                store.add(root).map_err(|error| CredentialsError::new(ROOTS, error))?;
            }
        }
        if self.native_roots || self.roots.is_empty() {
            let found = rustls_native_certs::load_native_certs();
            // Systems ship roots that rustls does not accept; the others are enough.
            store.add_parsable_certificates(found.certs);
            if store.is_empty() {
                let why = found.errors.first().map_or_else(String::new, |error| format!(": {error}"));
                let problem = format!("the system has none{why}; add some with ca_certificate()");
                return Err(CredentialsError::new(ROOTS, problem));
            }
        }
        Ok(store)
    }
}

/// Returns the host of `host`, `host:port` and `[v6]:port`.
pub(crate) fn host_of(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    match authority.rsplit_once(':') {
        Some((host, _)) if !host.contains(':') => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests;
