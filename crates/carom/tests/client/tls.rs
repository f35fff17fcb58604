//! TLS: who is trusted, who is not, and what the error says.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use carom::client::{CallOptions, Channel, ChannelBuilder};
use carom::codec::BytesCodec;
use carom::credentials::{Certificate, ClientTlsConfig, Identity, ServerTlsConfig};
use carom::server::Server;
use carom::{Code, MetadataMap};
use futures_util::future::poll_fn;
use rcgen::{CertificateParams, DnType, Issuer, KeyPair};

use crate::calls::Token;
use crate::support::{bytes, serve, serve_with, soon};

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn identity(&self, names: &[&str]) -> Identity {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap();
        Identity::from_pem(certificate.pem(), key.serialize_pem())
    }

    fn roots(&self) -> Certificate {
        Certificate::from_pem(&self.pem)
    }

    fn trusting(&self) -> ClientTlsConfig {
        ClientTlsConfig::new().ca_certificate(self.roots())
    }
}

fn serve_tls(config: ServerTlsConfig) -> (Server, u16) {
    let (server, address) = serve_with(Server::builder().tls(config), None);
    (server, address.parse::<SocketAddr>().unwrap().port())
}

async fn error_of(builder: ChannelBuilder) -> String {
    soon(builder.connect()).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_trusted_server() {
    let ca = Authority::new("one");
    let (_server, port) =
        serve_tls(ServerTlsConfig::new(ca.identity(&["localhost", "other.example", "127.0.0.1"])));
    for target in [format!("localhost:{port}"), format!("127.0.0.1:{port}")] {
        let channel = soon(Channel::builder(target).tls(ca.trusting()).connect()).await.unwrap();
        soon(channel.unary("/test.Kinds/Echo", BytesCodec, bytes("x"))).await.unwrap();
    }
    let channel = Channel::builder(format!("localhost:{port}")).tls(ca.trusting()).connect_lazy().unwrap();
    // A call may name another host if the certificate proves that one too (gRFC A81).
    let mut request = bytes("");
    request.set_authority("other.example");
    soon(channel.unary("/test.Kinds/Echo", BytesCodec, request)).await.unwrap();
    let mut request = bytes("");
    request.set_authority("evil.example");
    let status = soon(channel.unary("/test.Kinds/Echo", BytesCodec, request)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("`evil.example`"), "{}", status.message());
}

#[tokio::test]
async fn call_credentials_go_over_tls() {
    let ca = Authority::new("one");
    let (_server, port) = serve_tls(ServerTlsConfig::new(ca.identity(&["localhost"])));
    let channel = Channel::builder(format!("localhost:{port}")).tls(ca.trusting()).connect_lazy().unwrap();
    let mut options = CallOptions::default();
    options.credentials = Some(Arc::new(Token));
    let call = channel.start_unary("/test.Kinds/Echo", options, MetadataMap::new(), Bytes::new());
    let outcome = soon(poll_fn(|cx| call.poll_unary(cx))).await;
    assert_eq!(outcome.status.code(), Code::Ok);
    let token = outcome.initial_metadata.get("authorization").unwrap().as_bytes().to_vec();
    assert_eq!(token, format!("Bearer https://localhost:{port}/test.Kinds").into_bytes());
}

#[tokio::test]
async fn a_channel_and_a_call_have_credentials() {
    let ca = Authority::new("one");
    let (_server, port) = serve_tls(ServerTlsConfig::new(ca.identity(&["localhost"])));
    let builder = Channel::builder(format!("localhost:{port}")).tls(ca.trusting());
    let channel = builder.call_credentials(Arc::new(Token)).connect_lazy().unwrap();
    for own in 0..2 {
        let mut request = bytes("x");
        if own == 1 {
            request.set_call_credentials(Arc::new(Token));
        }
        let response = soon(channel.unary("/test.Kinds/Echo", BytesCodec, request)).await.unwrap();
        assert_eq!(response.metadata().get_all("authorization").count(), 1 + own);
    }
    let (_server, address) = serve_with(Server::builder(), None);
    let builder = Channel::builder(address).call_credentials(Arc::new(Token));
    let plain = builder.connect_lazy().unwrap();
    let status = soon(plain.unary("/test.Kinds/Echo", BytesCodec, bytes("x"))).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn servers_that_are_not_trusted() {
    let (ca, other) = (Authority::new("one"), Authority::new("other"));
    let (_server, port) = serve_tls(ServerTlsConfig::new(ca.identity(&["service.example"])));
    let target = format!("localhost:{port}");
    let error =
        error_of(Channel::builder(&target).tls(other.trusting().domain_name("service.example"))).await;
    assert!(error.contains("UnknownIssuer") && error.contains("service.example"), "{error}");
    let error = error_of(Channel::builder(&target).tls(ca.trusting())).await;
    assert!(error.contains("certificate was refused for localhost"), "{error}");
    let named = ca.trusting().domain_name("service.example");
    soon(Channel::builder(&target).tls(named).connect()).await.unwrap();
    let named = Channel::builder(&target).authority("service.example").tls(ca.trusting());
    soon(named.connect()).await.unwrap();
}

#[tokio::test]
async fn mutual_tls() {
    let ca = Authority::new("one");
    let config = ServerTlsConfig::new(ca.identity(&["localhost"])).client_ca_root(ca.roots());
    let (_server, port) = serve_tls(config);
    let target = format!("localhost:{port}");
    let with = ca.trusting().identity(ca.identity(&["client"]));
    let channel = soon(Channel::builder(&target).tls(with).connect()).await.unwrap();
    soon(channel.unary("/test.Kinds/Echo", BytesCodec, bytes("x"))).await.unwrap();
    let error = error_of(Channel::builder(&target).tls(ca.trusting())).await;
    assert!(error.contains("CertificateRequired"), "{error}");
    let stranger = ca.trusting().identity(Authority::new("other").identity(&["client"]));
    let error = error_of(Channel::builder(&target).tls(stranger)).await;
    assert!(error.contains("received fatal alert"), "{error}");
}

#[tokio::test]
async fn tls_against_plain_and_plain_against_tls() {
    let ca = Authority::new("one");
    let (_plain, address) = serve();
    let error =
        error_of(Channel::builder(address.replace("127.0.0.1", "localhost")).tls(ca.trusting())).await;
    assert!(error.contains("seems to be without TLS"), "{error}");
    let (_tls, port) = serve_tls(ServerTlsConfig::new(ca.identity(&["localhost"])));
    let error = error_of(Channel::builder(format!("127.0.0.1:{port}"))).await;
    assert!(error.contains("TLS"), "{error}");
}

#[tokio::test]
async fn credentials_that_cannot_be_used() {
    let ca = Authority::new("one");
    let build = |tls| Channel::builder("localhost:1").tls(tls).connect_lazy().unwrap_err().to_string();
    let error = build(ClientTlsConfig::new().ca_certificate(Certificate::from_pem("")));
    assert!(error.contains("root certificates") && error.contains("no certificate"), "{error}");
    let error = build(ca.trusting().domain_name("not a name"));
    assert!(error.contains("`not a name`"), "{error}");
    let error = build(ca.trusting().identity(Identity::from_pem(&ca.pem, "")));
    assert!(error.contains("private key"), "{error}");
}
