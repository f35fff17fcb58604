//! Listening at addresses as programs write them.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use carom::credentials::{Certificate, Identity, ServerTlsConfig};
use carom::server::{ListenAddr, ListenOptions, Server};
use carom::transport::PeerAddr;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::signal::detached;

/// PEM pairs (private key, certificate chain), PEM roots for clients, and whether a client must show a certificate.
pub(crate) type TlsFiles = (Vec<(Vec<u8>, Vec<u8>)>, Option<Vec<u8>>, bool);

/// What Unix sockets have for a port, as in grpcio.
const UNIX_PORT: u16 = 1;

/// Listens at `address` and returns the port.
///
/// # Errors
/// RuntimeError that names the address and the cause.
pub(crate) fn add_port(
    py: Python<'_>,
    server: &Server,
    address: &str,
    tls: Option<TlsFiles>,
    reuse_port: bool,
) -> PyResult<u16> {
    let tls = tls.map(tls_config).transpose()?;
    let options = ListenOptions { reuse_port, ..ListenOptions::default() };
    detached(py, || {
        let failed = |cause: &dyn std::fmt::Display| {
            PyRuntimeError::new_err(format!("Failed to bind to address {address}: {cause}"))
        };
        if let Some(unix) = unix_addr(address) {
            server.add_listener(unix, tls.as_ref(), options).map_err(|error| failed(&error))?;
            return Ok(UNIX_PORT);
        }
        let addresses = resolve(address).map_err(|error| failed(&error))?;
        let mut port = 0;
        let mut last_error = None;
        for mut candidate in addresses {
            if candidate.port() == 0 {
                candidate.set_port(port);
            }
            match server.add_listener(ListenAddr::Tcp(candidate), tls.as_ref(), options) {
                Ok(PeerAddr::Tcp(bound)) => port = bound.port(),
                Ok(_) => {}
                Err(error) => last_error = Some(error),
            }
        }
        match (port, last_error) {
            (0, Some(error)) => Err(failed(&error)),
            (0, None) => Err(failed(&"the name has no address")),
            // A name may have addresses that this machine does not listen on, as ::1 without IPv6.
            (port, _) => Ok(port),
        }
    })
}

fn tls_config((pairs, roots, require_client_auth): TlsFiles) -> PyResult<ServerTlsConfig> {
    let mut pairs = pairs.into_iter();
    let Some((key, chain)) = pairs.next() else {
        return Err(PyValueError::new_err("TLS needs a private key and a certificate chain"));
    };
    let mut config = ServerTlsConfig::new(Identity::from_pem(chain, key));
    if let Some(roots) = roots {
        config =
            config.client_ca_root(Certificate::from_pem(roots)).client_auth_optional(!require_client_auth);
    }
    Ok(config)
}

/// The socket of `unix:path`, `unix:///path` and `unix-abstract:name`.
fn unix_addr(address: &str) -> Option<ListenAddr> {
    if let Some(name) = address.strip_prefix("unix-abstract:") {
        return Some(ListenAddr::UnixAbstract(name.into()));
    }
    let rest = address.strip_prefix("unix:")?;
    Some(ListenAddr::Unix(PathBuf::from(rest.strip_prefix("//").unwrap_or(rest))))
}

/// The socket addresses of `host:port`, `[::]:port`, `:port`, and of these behind `ipv4:`, `ipv6:`, `dns:`.
fn resolve(address: &str) -> io::Result<Vec<SocketAddr>> {
    let mut bare = address;
    for scheme in ["dns:", "ipv4:", "ipv6:"] {
        if let Some(rest) = bare.strip_prefix(scheme) {
            bare = rest.trim_start_matches('/');
        }
    }
    if let Some(port) = bare.strip_prefix(':').and_then(|port| port.parse().ok()) {
        return Ok(vec![SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))]);
    }
    let Some((host, Ok(port))) = bare.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>())) else {
        let reason = "the address has no port: give it as host:port";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    };
    match host {
        // Either family's wildcard is both families', as in grpcio.
        "0.0.0.0" => Ok(vec![SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))]),
        // RFC 6761, 6.3: the name is the loopback addresses, whatever the hosts file says.
        "localhost" => Ok(vec![(Ipv6Addr::LOCALHOST, port).into(), (Ipv4Addr::LOCALHOST, port).into()]),
        _ => Ok(bare.to_socket_addrs()?.collect()),
    }
}
