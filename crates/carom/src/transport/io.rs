//! The byte stream under a connection: TCP or a Unix socket, plain or under TLS, as one type without dynamic dispatch;
//! and whatever else a program brings along, behind a pointer.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::transport::PeerAddr;

/// Bytes both ways, in order and without loss: what a connection needs of whatever carries it.
///
/// Implemented for all that reads and writes, [`tokio::io::DuplexStream`] for one.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> ByteStream for S {}

/// What carries a connection.
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// Of the program's making.
    Own {
        stream: Box<dyn ByteStream>,
        peer: PeerAddr,
    },
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(stream) => stream.fmt(f),
            Self::Unix(stream) => stream.fmt(f),
            Self::Own { peer, .. } => f.debug_struct("Own").field("peer", peer).finish_non_exhaustive(),
        }
    }
}

impl Socket {
    #[cfg(feature = "client")]
    pub(crate) fn peer_addr(&self) -> io::Result<PeerAddr> {
        match self {
            Self::Tcp(stream) => stream.peer_addr().map(PeerAddr::Tcp),
            Self::Unix(stream) => {
                stream.peer_addr().map(|addr| PeerAddr::Unix(addr.as_pathname().map(Into::into)))
            }
            Self::Own { peer, .. } => Ok(peer.clone()),
        }
    }

    pub(crate) fn local_addr(&self) -> io::Result<PeerAddr> {
        match self {
            Self::Tcp(stream) => stream.local_addr().map(PeerAddr::Tcp),
            Self::Unix(stream) => {
                stream.local_addr().map(|addr| PeerAddr::Unix(addr.as_pathname().map(Into::into)))
            }
            Self::Own { peer, .. } => Ok(peer.clone()),
        }
    }

    /// Ready when a read would not wait. Holds no buffer meanwhile. Of a stream of the program's only reading tells.
    pub(crate) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_read_ready(cx),
            Self::Unix(stream) => stream.poll_read_ready(cx),
            Self::Own { .. } => Poll::Ready(Ok(())),
        }
    }

    /// The TCP socket, if it is one: the only kind whose bytes can be looked at without taking them.
    #[cfg(all(feature = "server", feature = "tls"))]
    pub(crate) fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Tcp(stream) => Some(stream),
            Self::Unix(_) | Self::Own { .. } => None,
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Own { stream, .. } => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Own { stream, .. } => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Own { stream, .. } => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Unix(_) => true,
            Self::Own { stream, .. } => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            // What was written is with the kernel already.
            Self::Tcp(_) | Self::Unix(_) => Poll::Ready(Ok(())),
            Self::Own { stream, .. } => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Own { stream, .. } => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// What carries the bytes of a connection.
#[derive(Debug)]
pub(crate) enum IoStream {
    Plain(Socket),
    #[cfg(feature = "tls")]
    Tls(Box<tokio_rustls::TlsStream<Socket>>),
}

impl IoStream {
    pub(crate) fn socket(&self) -> &Socket {
        match self {
            Self::Plain(socket) => socket,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.get_ref().0,
        }
    }

    /// Ready when a read is worth a buffer: the socket is readable, or TLS holds decrypted bytes. An idle connection
    /// waits here and owns no read buffer.
    pub(crate) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        #[cfg(feature = "tls")]
        if let Self::Tls(stream) = self
            && !stream.get_ref().1.wants_read()
        {
            return Poll::Ready(Ok(()));
        }
        self.socket().poll_read_ready(cx)
    }

    /// Reads once into the spare capacity of `buf`, which must not be empty. `Ok(0)`: the peer will send no more.
    pub(crate) fn poll_read_buf(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut bytes::BytesMut,
    ) -> Poll<io::Result<usize>> {
        pin!(self.read_buf(buf)).poll(cx)
    }

    /// Writes once from `buf`, gathering up to 64 slices, and advances it by what went out.
    pub(crate) fn poll_write_buf(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut impl bytes::Buf,
    ) -> Poll<io::Result<usize>> {
        /// What one system call takes at most; far below the kernel's limit of 1024, to keep the array on the stack.
        const MAX_SLICES: usize = 64;
        let first = buf.chunk();
        if first.len() == buf.remaining() {
            // The usual case. To write one slice costs the kernel less than to gather it.
            let written = ready!(Pin::new(self).poll_write(cx, first))?;
            buf.advance(written);
            return Poll::Ready(Ok(written));
        }
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let count = buf.chunks_vectored(&mut slices);
        let written = ready!(Pin::new(self).poll_write_vectored(cx, &slices[..count]))?;
        buf.advance(written);
        Poll::Ready(Ok(written))
    }
}

impl AsyncRead for IoStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for IoStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, buf),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write_vectored(cx, bufs),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
