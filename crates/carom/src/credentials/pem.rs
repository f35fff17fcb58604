//! Certificates and keys in PEM form (RFC 7468).

use std::fmt;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::CredentialsError;

/// One or more certificates in PEM form: a chain, leaf first, or a bundle of roots. It is parsed on use.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    pem: Vec<u8>,
}

impl Certificate {
    /// Creates it from PEM text: one or several `-----BEGIN CERTIFICATE-----` blocks; other text between them is
    /// skipped.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Self {
        Self { pem: pem.as_ref().to_vec() }
    }

    /// The PEM text.
    pub fn pem(&self) -> &[u8] {
        &self.pem
    }

    /// Parses the certificates, at least one. `what` names them in errors.
    pub(crate) fn parse(&self, what: &'static str) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
        let certificates = CertificateDer::pem_slice_iter(&self.pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| CredentialsError::new(what, format!("not valid PEM: {error}")))?;
        if certificates.is_empty() {
            return Err(CredentialsError::new(
                what,
                "there is no certificate in the PEM (no -----BEGIN CERTIFICATE----- block)",
            ));
        }
        Ok(certificates)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("pem_len", &self.pem.len()).finish()
    }
}

/// The identity of this side: a certificate chain and the private key of its leaf.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    chain: Certificate,
    key: Vec<u8>,
}

impl Identity {
    /// Creates an identity from the chain, leaf first, and the key (PKCS #8, PKCS #1 or SEC 1), both as PEM. They are
    /// parsed on use.
    pub fn from_pem(chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Self {
        Self { chain: Certificate::from_pem(chain), key: key.as_ref().to_vec() }
    }

    pub(crate) fn parse(
        &self,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), CredentialsError> {
        const KEY: &str = "private key of the identity";
        let chain = self.chain.parse("certificate chain of the identity")?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| match error {
            rustls_pki_types::pem::Error::NoItemsFound => CredentialsError::new(
                KEY,
                "there is no private key in the PEM (no -----BEGIN PRIVATE KEY-----, RSA or EC block)",
            ),
            error => CredentialsError::new(KEY, format!("not valid PEM: {error}")),
        })?;
        Ok((chain, key))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the key.
        f.debug_struct("Identity").field("chain", &self.chain).finish_non_exhaustive()
    }
}
