//! TLS as a client speaks it.

use std::io;
use std::sync::Arc;

use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::{ALPN_H2, Certificate, CredentialsError, Identity};
use crate::transport::ConnectionInfo;
use crate::transport::connect::TransportError;
use crate::transport::io::{IoStream, Socket};

/// Which servers a channel trusts, and how it proves itself to them.
///
/// TLS 1.2 and 1.3; a server that does not agree to `h2` by ALPN is refused. Without
/// [`ca_certificate`](Self::ca_certificate) the system's roots are trusted.
#[derive(Debug, Clone, Default)]
pub struct ClientTlsConfig {
    roots: Vec<Certificate>,
    native_roots: bool,
    identity: Option<Identity>,
    domain_name: Option<String>,
}

impl ClientTlsConfig {
    /// TLS with the roots that the system trusts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts what these roots have signed, instead of the system's roots. May be given several times.
    #[must_use]
    pub fn ca_certificate(mut self, roots: Certificate) -> Self {
        self.roots.push(roots);
        self
    }

    /// Trusts the system's roots besides those of [`ca_certificate`](Self::ca_certificate). Without these the system's
    /// are trusted anyway.
    #[must_use]
    pub fn with_native_roots(mut self) -> Self {
        self.native_roots = true;
        self
    }

    /// Mutual TLS: what this side proves itself by where a server asks.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// The name that the server's certificate must prove, and that is asked for by SNI, in place of the host of the
    /// channel's authority.
    #[must_use]
    pub fn domain_name(mut self, name: impl Into<String>) -> Self {
        self.domain_name = Some(name.into());
        self
    }

    /// The settings in rustls' form, for a channel with this authority.
    pub(crate) fn build(&self, authority: &str) -> Result<ClientTls, CredentialsError> {
        const NAME: &str = "name of the server";
        const ROOTS: &str = "root certificates";
        let name = self.domain_name.as_deref().unwrap_or_else(|| host_of(authority));
        let server_name = ServerName::try_from(name.to_owned()).map_err(|_| {
            CredentialsError::new(NAME, format!("`{name}` is neither a DNS name nor an IP address"))
        })?;
        let roots = Arc::new(self.root_store()?);
        // Named here and not taken from the process, which may have none or two.
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
        Ok(ClientTls { connector: TlsConnector::from(Arc::new(config)), server_name })
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
            // Systems carry roots that rustls does not take; the others do.
            store.add_parsable_certificates(found.certs);
            if store.is_empty() {
                let why = found.errors.first().map_or_else(String::new, |error| format!(": {error}"));
                let problem = format!("the system has none{why}; give some by ca_certificate()");
                return Err(CredentialsError::new(ROOTS, problem));
            }
        }
        Ok(store)
    }
}

/// The host of `host`, `host:port` and `[v6]:port`.
fn host_of(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    match authority.rsplit_once(':') {
        Some((host, _)) if !host.contains(':') => host,
        _ => authority,
    }
}

/// Ready to shake hands.
#[derive(Clone)]
pub(crate) struct ClientTls {
    connector: TlsConnector,
    server_name: ServerName<'static>,
}

impl ClientTls {
    pub(crate) async fn handshake(
        &self,
        socket: Socket,
        mut info: ConnectionInfo,
    ) -> Result<(IoStream, ConnectionInfo), TransportError> {
        let stream = self
            .connector
            .connect(self.server_name.clone(), socket)
            .await
            .map_err(|error| TransportError::new(self.explain(&error)))?;
        let session = stream.get_ref().1;
        if session.alpn_protocol() != Some(ALPN_H2) {
            let chosen = match session.alpn_protocol() {
                Some(other) => format!("it chose `{}`", other.escape_ascii()),
                None => "it chose nothing".to_owned(),
            };
            return Err(TransportError::new(format!(
                "TLS: the server did not agree to HTTP/2 by ALPN ({chosen}); gRPC needs `h2`"
            )));
        }
        info.tls = true;
        info.peer_certs = session
            .peer_certificates()
            .map(|chain| Arc::new(chain.iter().map(|der| der.clone().into_owned()).collect()));
        Ok((IoStream::Tls(Box::new(stream.into())), info))
    }

    /// Says what a failed handshake means for whoever set the channel up.
    fn explain(&self, error: &io::Error) -> String {
        let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match cause {
            Some(rustls::Error::InvalidMessage(_)) => {
                "TLS: the server's answer is not TLS; the port seems to be one without TLS".to_owned()
            }
            Some(rustls::Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol)) => {
                "TLS: the server does not speak HTTP/2 (its ALPN has no `h2`)".to_owned()
            }
            Some(error @ rustls::Error::InvalidCertificate(_)) => {
                format!(
                    "TLS: the server's certificate was refused for {}: {error}",
                    self.server_name.to_str()
                )
            }
            Some(error) => format!("TLS handshake failed: {error}"),
            None if error.kind() == io::ErrorKind::UnexpectedEof => {
                "TLS handshake failed: the server closed the connection; the port seems to be one without TLS"
                    .to_owned()
            }
            None => format!("TLS handshake failed: {error}"),
        }
    }

    /// Whether the server's certificate proves the host of `authority` too.
    pub(crate) fn check_authority(&self, authority: &str, info: &ConnectionInfo) -> Result<(), String> {
        let host = host_of(authority);
        let leaf = info.peer_certs.as_ref().and_then(|chain| chain.first());
        let name = ServerName::try_from(host).map_err(|_| format!("`{host}` is no name of a server"))?;
        let checked = leaf
            .ok_or(rustls::Error::NoCertificatesPresented)
            .and_then(ParsedCertificate::try_from)
            .and_then(|leaf| verify_server_name(&leaf, &name));
        checked.map_err(|error| {
            format!(
                "the call's authority `{authority}` is not one that the server's certificate proves: {error}"
            )
        })
    }
}

#[cfg(test)]
mod tests;
