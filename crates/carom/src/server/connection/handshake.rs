//! The TLS handshake of an accepted connection.

use std::io;
use std::pin::pin;
use std::sync::Arc;

use tokio_rustls::{TlsAcceptor, TlsStream};

use super::accept::unless;
use crate::server::lifecycle::ServerShared;
use crate::transport::io::{IoStream, Socket};
use crate::transport::{ConnectionInfo, PeerAddr};

/// Performs the handshake. `None`: it failed, for a reason that is logged.
pub(super) async fn handshake(
    acceptor: &TlsAcceptor,
    socket: Socket,
    shared: &ServerShared,
    peer: &PeerAddr,
) -> Option<(IoStream, ConnectionInfo)> {
    let mut first = [0; 24];
    let mut seen = 0;
    let shaking = async {
        if let Some(tcp) = socket.tcp() {
            seen = tcp.peek(&mut first).await?;
        }
        acceptor.accept(socket).await
    };
    let limited = tokio::time::timeout(shared.settings.handshake_timeout, shaking);
    let mut stopping = pin!(shared.stopping());
    let stream = match unless(&mut stopping, limited).await? {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            report(peer, &error, &first[..seen]);
            return None;
        }
        Err(_) => {
            tracing::debug!(%peer, "closed: the TLS handshake took too long");
            return None;
        }
    };
    let session = stream.get_ref().1;
    // RFC 9113 §3.2, and SPEC of gRPC over HTTP/2: the protocol must have been negotiated.
    if session.alpn_protocol() != Some(b"h2") {
        tracing::warn!(%peer, "closed: the client did not offer h2 by ALPN, so it does not speak gRPC");
        return None;
    }
    let mut info = ConnectionInfo::new(peer.clone(), PeerAddr::Unix(None));
    info.tls = true;
    info.peer_certs = session
        .peer_certificates()
        .map(|chain| Arc::new(chain.iter().map(|certificate| certificate.clone().into_owned()).collect()));
    Some((IoStream::Tls(Box::new(TlsStream::from(stream))), info))
}

fn report(peer: &PeerAddr, error: &io::Error, first: &[u8]) {
    // A client that connects and sends nothing is a health check or a port scan.
    if first.is_empty() {
        tracing::debug!(%peer, %error, "closed: the client sent no TLS handshake");
    } else {
        tracing::warn!(%peer, %error, received = looks_like(first), "closed: the TLS handshake failed");
    }
}

/// Describes unexpected bytes for the log.
fn looks_like(bytes: &[u8]) -> &'static str {
    const METHODS: [&[u8]; 6] = [b"GET ", b"POST ", b"PUT ", b"HEAD ", b"OPTIONS ", b"CONNECT "];
    if bytes.is_empty() {
        "nothing"
    } else if bytes.starts_with(b"PRI * HTTP/2") {
        "HTTP/2 without TLS"
    } else if METHODS.iter().any(|method| bytes.starts_with(method)) {
        "HTTP/1 without TLS"
    } else if bytes.starts_with(&[0x16, 0x03]) {
        "a TLS handshake"
    } else {
        "neither TLS nor HTTP"
    }
}
