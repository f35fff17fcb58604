//! A plain HTTP/2 server on the engine alone, for h2spec: answers every request by 200 and some bytes.
//!
//! `h2-testee PORT [CHAIN.pem KEY.pem]`; with a certificate it speaks TLS. It listens on the loopback interface.

use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use carom_wire::conn::{self, Connection, Event};
use carom_wire::fields::{FieldWriter, Indexing};

/// More than one byte, so that windows of one byte cut it.
const BODY: &[u8] = b"hello world";

/// What is written between two looks at what came.
const TRANSMIT: usize = 1 << 20;

/// A connection on which nothing comes for so long is closed; h2spec waits two seconds at most.
const SILENCE: Duration = Duration::from_secs(10);

/// How long the peer may take to read the last words.
const LINGER: Duration = Duration::from_secs(1);

fn head(fields: &mut dyn FieldWriter) {
    fields.field(b":status", b"200", Indexing::Incremental);
    fields.field(b"content-type", b"text/plain", Indexing::Incremental);
}

/// Lets the connection make of its input what it can.
fn react(connection: &mut Connection) {
    while let Some(event) = connection.next_event(Instant::now()) {
        match event {
            Event::Headers { key, end_stream: true, .. } | Event::Data { key, end_stream: true, .. } => {
                connection.send_headers(key, &head, false);
                connection.send_data(key, Bytes::from_static(BODY), true);
            }
            Event::Data { key, data, .. } => connection.release(key, data.len()),
            _ => {}
        }
    }
}

async fn serve(mut socket: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
    let mut connection = Connection::server(conn::ServerConfig::default(), Instant::now());
    loop {
        // What is transmitted may end streams, which makes room for more.
        loop {
            react(&mut connection);
            connection.transmit(Instant::now(), TRANSMIT);
            if !connection.output().has_remaining() {
                break;
            }
            socket.write_all_buf(connection.output()).await?;
        }
        socket.flush().await?;
        if connection.is_closed() {
            return close(socket).await;
        }
        let now = Instant::now();
        let deadline = connection.poll_timeout().map_or(now + SILENCE, |at| at.min(now + SILENCE));
        match tokio::time::timeout_at(deadline.into(), socket.read_buf(connection.input())).await {
            Ok(Ok(0)) => connection.handle_eof(),
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(error),
            Err(_) if Instant::now() >= now + SILENCE => return close(socket).await,
            Err(_) => connection.handle_timeout(Instant::now()),
        }
    }
}

/// Reads on for a moment: closing over unread input would reset the connection and lose the last words.
async fn close(mut socket: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
    socket.shutdown().await?;
    let mut rest = [0; 4096];
    let drained = async { while !matches!(socket.read(&mut rest).await, Ok(0) | Err(_)) {} };
    // A peer that goes on talking is cut off.
    let _ = tokio::time::timeout(LINGER, drained).await;
    Ok(())
}

fn acceptor(chain: &str, key: &str) -> Result<TlsAcceptor, Box<dyn Error>> {
    let chain = CertificateDer::pem_file_iter(chain)?.collect::<Result<Vec<_>, _>>()?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (port, tls) = match arguments.as_slice() {
        [port] => (port, None),
        [port, chain, key] => (port, Some(acceptor(chain, key)?)),
        _ => return Err("usage: h2-testee PORT [CHAIN.pem KEY.pem]".into()),
    };
    let port: u16 = port.parse().map_err(|_| format!("{port} is not a port"))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let tls = tls.clone();
        tokio::spawn(async move {
            let served = match tls {
                None => serve(socket).await,
                Some(tls) => match tls.accept(socket).await {
                    Ok(socket) => serve(socket).await,
                    Err(error) => Err(error),
                },
            };
            if let Err(error) = served {
                eprintln!("h2-testee: {error}");
            }
        });
    }
}
