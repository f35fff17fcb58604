//! The TLS handshake of a channel's connection.

use std::io;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::verify_server_name;
use rustls::server::ParsedCertificate;
use rustls_pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::ConnectionInfo;
use super::error::{Stage, TransportError};
use super::io::{IoStream, Socket};
use crate::credentials::{ALPN_H2, host_of};

/// The TLS settings for one server.
#[derive(Clone)]
pub(crate) struct ClientTls {
    connector: TlsConnector,
    server_name: ServerName<'static>,
}

impl ClientTls {
    /// `server_name` is the name that the certificate must be valid for.
    pub(crate) fn new(config: Arc<ClientConfig>, server_name: ServerName<'static>) -> Self {
        Self { connector: TlsConnector::from(config), server_name }
    }

    pub(crate) async fn handshake(
        &self,
        socket: Socket,
        mut info: ConnectionInfo,
    ) -> Result<(IoStream, ConnectionInfo), TransportError> {
        let stream = self
            .connector
            .connect(self.server_name.clone(), socket)
            .await
            .map_err(|error| TransportError::new(Stage::Tls, self.explain(&error)).with_source(error))?;
        let session = stream.get_ref().1;
        if session.alpn_protocol() != Some(ALPN_H2) {
            let chosen = match session.alpn_protocol() {
                Some(other) => format!("it chose `{}`", other.escape_ascii()),
                None => "it chose nothing".to_owned(),
            };
            return Err(TransportError::new(
                Stage::Tls,
                format!("TLS: the server did not negotiate HTTP/2 by ALPN ({chosen}); gRPC needs `h2`"),
            ));
        }
        info.tls = true;
        info.peer_certs = session
            .peer_certificates()
            .map(|chain| Arc::new(chain.iter().map(|der| der.clone().into_owned()).collect()));
        Ok((IoStream::Tls(Box::new(stream.into())), info))
    }

    /// Explains what a failed handshake means to whoever configured the channel.
    fn explain(&self, error: &io::Error) -> String {
        let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match cause {
            Some(rustls::Error::InvalidMessage(_)) => {
                "TLS: the server's answer is not TLS; the port seems to be without TLS".to_owned()
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
                "TLS handshake failed: the server closed the connection; the port seems to be without TLS"
                    .to_owned()
            }
            None => format!("TLS handshake failed: {error}"),
        }
    }

    /// Checks that the server's certificate is also valid for the host of `authority`.
    pub(crate) fn check_authority(&self, authority: &str, info: &ConnectionInfo) -> Result<(), String> {
        let host = host_of(authority);
        let leaf = info.peer_certs.as_ref().and_then(|chain| chain.first());
        let name = ServerName::try_from(host).map_err(|_| format!("`{host}` is no name of a server"))?;
        let checked = leaf
            .ok_or(rustls::Error::NoCertificatesPresented)
            .and_then(ParsedCertificate::try_from)
            .and_then(|leaf| verify_server_name(&leaf, &name));
        checked.map_err(|error| {
            format!("the call's authority `{authority}` is not covered by the server's certificate: {error}")
        })
    }
}
