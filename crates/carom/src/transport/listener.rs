//! Listening sockets: TCP and Unix.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::{Domain, Protocol, Type};
use tokio::net::{TcpListener, UnixListener};

use crate::transport::PeerAddr;
use crate::transport::io::{Socket, abstract_path};

/// The address that a server listens at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ListenAddr {
    /// A TCP address; port 0 lets the system pick one. `[::]` accepts IPv4 as well as IPv6.
    Tcp(SocketAddr),
    /// A Unix socket at this path. A socket file left there by a dead server is removed first; the file is deleted with
    /// the listener.
    Unix(PathBuf),
    /// A socket in the abstract namespace of Linux, by its name without the leading zero byte. It is gone with the
    /// listener. Elsewhere it is an error.
    UnixAbstract(Vec<u8>),
}

impl From<SocketAddr> for ListenAddr {
    fn from(addr: SocketAddr) -> Self {
        Self::Tcp(addr)
    }
}

impl From<PathBuf> for ListenAddr {
    fn from(path: PathBuf) -> Self {
        Self::Unix(path)
    }
}

impl From<&Path> for ListenAddr {
    fn from(path: &Path) -> Self {
        Self::Unix(path.to_owned())
    }
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::UnixAbstract(name) => write!(f, "unix-abstract:{}", name.escape_ascii()),
        }
    }
}

/// The options of a listening socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenOptions {
    /// Whether to set SO_REUSEPORT: other sockets, even of other processes, may then listen on the same port, and the
    /// kernel distributes connections among them. Default `false`: a port in use is an error.
    pub reuse_port: bool,
    /// The number of connections that the kernel queues until they are accepted. Default 1024; the system may allow
    /// fewer.
    pub backlog: u32,
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self { reuse_port: false, backlog: 1024 }
    }
}

/// A listening socket.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
    UnixAbstract(UnixListener),
}

impl Listener {
    /// Binds and listens. Must be called within a tokio runtime.
    pub(crate) fn bind(addr: &ListenAddr, options: ListenOptions) -> io::Result<Self> {
        match addr {
            ListenAddr::Tcp(addr) => bind_tcp(*addr, options).map(Self::Tcp),
            ListenAddr::Unix(path) => bind_unix(path, options),
            ListenAddr::UnixAbstract(name) => bind_abstract(name, options).map(Self::UnixAbstract),
        }
    }

    pub(crate) fn local_addr(&self) -> io::Result<PeerAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(PeerAddr::Tcp),
            Self::Unix(_, file) => Ok(PeerAddr::Unix(Some(file.path.clone()))),
            Self::UnixAbstract(listener) => listener.local_addr().map(|addr| PeerAddr::of_unix(&addr)),
        }
    }

    /// Accepts the next connection. Errors of single connections are not reported; those that persist (no more
    /// descriptors, no memory) are waited out, longer each time.
    pub(crate) async fn accept(&self) -> (Socket, PeerAddr) {
        const FIRST_PAUSE: Duration = Duration::from_millis(10);
        const LONGEST_PAUSE: Duration = Duration::from_secs(1);
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match self.accept_once().await {
                Ok(accepted) => return accepted,
                Err(error) => error,
            };
            if is_of_one_connection(&error) {
                tracing::debug!(%error, "a connection went away before it was accepted");
                continue;
            }
            tracing::warn!(%error, ?pause, "cannot accept connections; trying again after a pause");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn accept_once(&self) -> io::Result<(Socket, PeerAddr)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Small answers must not wait for acknowledgements (44 ms a call with delayed ACK at the other end).
                stream.set_nodelay(true)?;
                Ok((Socket::Tcp(stream), PeerAddr::Tcp(peer)))
            }
            Self::Unix(listener, _) | Self::UnixAbstract(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Socket::Unix(stream), PeerAddr::of_unix(&peer)))
            }
        }
    }
}

/// Whether an accept error concerns only the connection that was being accepted (accept(2) reports its network errors).
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(
        error.kind(),
        K::ConnectionAborted
            | K::ConnectionReset
            | K::ConnectionRefused
            | K::NotConnected
            | K::Interrupted
            | K::InvalidInput // what setsockopt returns for a connection that is already gone (macOS)
            | K::HostUnreachable
            | K::NetworkUnreachable
            | K::TimedOut
            | K::PermissionDenied
    )
}

fn bind_tcp(addr: SocketAddr, options: ListenOptions) -> io::Result<TcpListener> {
    let socket = match tcp_socket(addr) {
        // On a machine without IPv6 the wildcard means all of IPv4.
        Err(error) if addr.ip() == std::net::Ipv6Addr::UNSPECIFIED && is_no_such_family(&error) => {
            return bind_tcp(SocketAddr::from((Ipv4Addr::UNSPECIFIED, addr.port())), options);
        }
        socket => socket?,
    };
    // Lets a restarted server get its port back although old connections are in TIME_WAIT.
    socket.set_reuse_address(true)?;
    if options.reuse_port {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(options.backlog.try_into().unwrap_or(i32::MAX))?;
    TcpListener::from_std(socket.into())
}

fn tcp_socket(addr: SocketAddr) -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        // Dual stack for the wildcard, whatever the system's default.
        socket.set_only_v6(!addr.ip().is_unspecified())?;
    }
    Ok(socket)
}

fn is_no_such_family(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
        || error.raw_os_error() == Some(97 /* EAFNOSUPPORT on Linux */)
}

fn bind_unix(path: &Path, options: ListenOptions) -> io::Result<Listener> {
    remove_stale(path)?;
    let socket = unix_socket(path)?;
    let file = SocketFile::new(path)?;
    Ok(Listener::Unix(listen_unix(socket, options)?, file))
}

fn bind_abstract(name: &[u8], options: ListenOptions) -> io::Result<UnixListener> {
    if !cfg!(any(target_os = "linux", target_os = "android")) {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "only Linux has abstract socket names"));
    }
    listen_unix(unix_socket(&abstract_path(name))?, options)
}

fn unix_socket(path: &Path) -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&socket2::SockAddr::unix(path)?)?;
    Ok(socket)
}

fn listen_unix(socket: socket2::Socket, options: ListenOptions) -> io::Result<UnixListener> {
    socket.listen(options.backlog.try_into().unwrap_or(i32::MAX))?;
    UnixListener::from_std(socket.into())
}

/// Removes the socket file of a server that is no longer running. Anything else at that path stays, and is an error.
fn remove_stale(path: &Path) -> io::Result<()> {
    let metadata = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "a file that is not a socket exists at this path",
        ));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
    }
}

/// The file of a Unix socket, removed when the listener is dropped, unless another server has put its own there
/// meanwhile.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), identity: Self::identity(path)? })
    }

    fn identity(path: &Path) -> io::Result<(u64, u64)> {
        std::fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if Self::identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            // If it cannot be removed, the next server finds it stale.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests;
