//! TLS and mutual TLS.
#![cfg(feature = "tls")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use carom::codec::BytesCodec;
use carom::credentials::{Certificate, Identity, ServerTlsConfig};
use carom::server::{Method, Server};
use carom::{Code, Request, Response};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use support::{Client, TestService, soon, start};

/// A certificate authority and what it signs.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn root(&self) -> String {
        self.0.pem()
    }

    fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

fn who() -> Method {
    Method::unary("Who", BytesCodec, |request: Request<Bytes>| async move {
        assert!(request.connection().unwrap().tls);
        let certs = request.peer_certs().map_or(0, |certs| certs.len());
        Ok(Response::new(Bytes::from(vec![certs as u8])))
    })
}

fn serve_tls(tls: ServerTlsConfig) -> (Server, SocketAddr) {
    start(Server::builder().add_service(TestService(vec![who()])).tls(tls))
}

async fn connect(
    addr: SocketAddr,
    root: &str,
    identity: Option<&(String, String)>,
    alpn: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => builder
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(chain.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
            )
            .unwrap(),
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(addr).await?;
    let name = ServerName::try_from("localhost").unwrap();
    soon(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

/// One call. `None` if the connection does not carry it.
async fn call(stream: TlsStream<TcpStream>) -> u8 {
    let reply = Client::over(stream).unary("Who", b"").await;
    assert_eq!(reply.status.code(), Code::Ok, "{}", reply.status);
    reply.messages[0].payload[0]
}

/// Whether the server closes without an answer.
async fn is_refused(stream: std::io::Result<TlsStream<TcpStream>>) -> bool {
    let Ok(stream) = stream else { return true };
    // Under TLS 1.3 the client learns of its refusal only when it reads.
    Client::over(stream).close().await.is_some()
}

#[tokio::test]
async fn calls_under_tls_and_nothing_else_on_its_port() {
    let authority = Authority::new();
    let (chain, key) = authority.sign("localhost");
    let (_server, addr) = serve_tls(ServerTlsConfig::new(Identity::from_pem(chain, key)));
    let stream = connect(addr, &authority.root(), None, &["h2"]).await.unwrap();
    assert_eq!(call(stream).await, 0);

    // A client that trusts another authority; ALPN without h2, or none at all.
    assert!(connect(addr, &Authority::new().root(), None, &["h2"]).await.is_err());
    assert!(is_refused(connect(addr, &authority.root(), None, &["http/1.1"]).await).await);
    assert!(is_refused(connect(addr, &authority.root(), None, &[]).await).await);
    // No TLS.
    let mut plain = TcpStream::connect(addr).await.unwrap();
    plain.write_all(carom_wire::frame::PREFACE).await.unwrap();
    let mut got = Vec::new();
    let _ = soon(plain.read_to_end(&mut got)).await;
    assert!(got.len() < 16, "an alert at most: {got:?}");

    let stream = connect(addr, &authority.root(), None, &["h2"]).await.unwrap();
    assert_eq!(call(stream).await, 0);
}

#[tokio::test]
async fn large_messages_under_tls() {
    let authority = Authority::new();
    let (chain, key) = authority.sign("localhost");
    let echo = Method::unary("Echo", BytesCodec, |request: Request<Bytes>| async move {
        Ok(Response::new(request.into_inner()))
    });
    let tls = ServerTlsConfig::new(Identity::from_pem(chain, key));
    let (_server, addr) = start(Server::builder().add_service(TestService(vec![echo])).tls(tls));
    let mut client = Client::over(connect(addr, &authority.root(), None, &["h2"]).await.unwrap());
    for size in [0, 1, 16 * 1024, 3 << 20] {
        let payload = vec![3; size];
        let reply = client.unary("Echo", &payload).await;
        assert_eq!(reply.messages[0].payload, payload);
    }
}

#[tokio::test]
async fn mutual_tls_asks_for_a_certificate_and_shows_it() {
    let authority = Authority::new();
    let (chain, key) = authority.sign("localhost");
    let client = authority.sign("client");
    let stranger = Authority::new().sign("client");
    let tls = ServerTlsConfig::new(Identity::from_pem(chain, key))
        .client_ca_root(Certificate::from_pem(authority.root()));

    let (_server, addr) = serve_tls(tls.clone());
    let root = authority.root();
    assert_eq!(call(connect(addr, &root, Some(&client), &["h2"]).await.unwrap()).await, 1);
    assert!(is_refused(connect(addr, &root, None, &["h2"]).await).await);
    assert!(is_refused(connect(addr, &root, Some(&stranger), &["h2"]).await).await);

    let (_server, addr) = serve_tls(tls.client_auth_optional(true));
    assert_eq!(call(connect(addr, &root, Some(&client), &["h2"]).await.unwrap()).await, 1);
    assert_eq!(call(connect(addr, &root, None, &["h2"]).await.unwrap()).await, 0);
    assert!(is_refused(connect(addr, &root, Some(&stranger), &["h2"]).await).await);
}

#[tokio::test]
async fn bad_credentials_stop_the_start() {
    let addr: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let error = Server::builder()
        .bind_tls(addr, ServerTlsConfig::new(Identity::from_pem("no pem", "no key")))
        .start(tokio::runtime::Handle::current())
        .unwrap_err();
    assert!(error.to_string().contains("certificate chain"), "{error}");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_handshakes() {
    let authority = Authority::new();
    let (chain, key) = authority.sign("localhost");
    let (server, addr) = serve_tls(ServerTlsConfig::new(Identity::from_pem(chain, key)));
    let silent = TcpStream::connect(addr).await.unwrap();
    soon(async {
        while server.connections() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    server.shutdown(None);
    soon(server.terminated()).await;
    drop(silent);
}

#[tokio::test]
async fn a_handshake_that_takes_too_long_is_given_up() {
    let authority = Authority::new();
    let (chain, key) = authority.sign("localhost");
    let builder = Server::builder()
        .add_service(TestService(vec![who()]))
        .tls(ServerTlsConfig::new(Identity::from_pem(chain, key)))
        .handshake_timeout(Duration::from_millis(200));
    let (server, addr) = start(builder);
    // One that says nothing, one that begins a record, one that drips it byte by byte.
    let begun = Instant::now();
    let mut silent = TcpStream::connect(addr).await.unwrap();
    let mut begins = TcpStream::connect(addr).await.unwrap();
    begins.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00]).await.unwrap();
    let (mut read, mut drips) = TcpStream::connect(addr).await.unwrap().into_split();
    let dripping = tokio::spawn(async move {
        drips.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00]).await.unwrap();
        while drips.write_all(&[1]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let mut got = Vec::new();
    let _ = soon(silent.read_to_end(&mut got)).await;
    let _ = soon(begins.read_to_end(&mut got)).await;
    let _ = soon(read.read_to_end(&mut got)).await;
    soon(dripping).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(200));
    soon(async {
        while server.connections() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // Whoever shakes hands at once has all the time afterwards.
    let stream = connect(addr, &authority.root(), None, &["h2"]).await.unwrap();
    let mut client = Client::over(stream);
    client.unary("Who", b"").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(client.unary("Who", b"").await.status.code(), Code::Ok);
}
