//! From a listening socket to connections at work: accepting, the TLS handshake, and one task each.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use super::ServerConnection;
use super::mailbox::Mailbox;
use crate::server::lifecycle::{ListeningGuard, ServerShared};
use crate::transport::io::{IoStream, Socket};
use crate::transport::listener::Listener;
use crate::transport::{ByteStream, ConnectionInfo, PeerAddr};

/// The task that accepts connections at one address.
pub(crate) struct Accepting {
    pub(crate) shared: Arc<ServerShared>,
    pub(crate) listener: Listener,
    pub(crate) local: PeerAddr,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<tokio_rustls::TlsAcceptor>,
}

impl Accepting {
    /// Accepts until the server stops; then closes the socket and lets go of `guard`.
    pub(crate) async fn run(self, guard: ListeningGuard) {
        let shared = Arc::clone(&self.shared);
        let mut stopping = pin!(shared.stopping());
        loop {
            let room = match &shared.room {
                None => None,
                Some(room) => match unless(&mut stopping, Arc::clone(room).acquire_owned()).await {
                    Some(Ok(permit)) => Some(permit),
                    Some(Err(_)) | None => break,
                },
            };
            let Some((socket, peer)) = unless(&mut stopping, self.listener.accept()).await else { break };
            let mailbox = Arc::new(Mailbox::default());
            let Some(entered) = shared.enter(&mailbox) else { break };
            let local = socket.local_addr().unwrap_or_else(|_| self.local.clone());
            let info = ConnectionInfo::new(peer, local);
            let connection = Incoming {
                shared: Arc::clone(&shared),
                #[cfg(feature = "tls")]
                tls: self.tls.clone(),
                info,
                mailbox,
            };
            tokio::spawn(async move {
                connection.serve(socket).await;
                drop((entered, room));
            });
        }
        // The port is free again before anybody hears that the server has ended.
        drop(self);
        drop(guard);
    }
}

/// Serves a client at the other end of `stream`, in a task of its own. `false`: the server is stopping.
pub(crate) fn serve_stream(shared: &Arc<ServerShared>, stream: Box<dyn ByteStream>, peer: PeerAddr) -> bool {
    let mailbox = Arc::new(Mailbox::default());
    let Some(entered) = shared.enter(&mailbox) else { return false };
    let info = ConnectionInfo::new(peer.clone(), peer.clone());
    let io = IoStream::Plain(Socket::Own { stream, peer });
    let connection = ServerConnection::new(io, Arc::clone(shared), info, mailbox);
    shared.runtime.spawn(async move {
        connection.await;
        drop(entered);
    });
    true
}

/// A connection that was accepted.
struct Incoming {
    shared: Arc<ServerShared>,
    #[cfg(feature = "tls")]
    tls: Option<tokio_rustls::TlsAcceptor>,
    info: ConnectionInfo,
    mailbox: Arc<Mailbox>,
}

impl Incoming {
    async fn serve(self, socket: Socket) {
        #[cfg(feature = "tls")]
        if let Some(acceptor) = self.tls {
            // Boxed: what a handshake needs is not carried along by the connection that follows.
            let handshake =
                Box::pin(super::handshake::handshake(&acceptor, socket, &self.shared, &self.info.peer));
            let Some((io, info)) = handshake.await else { return };
            let info = ConnectionInfo { local: self.info.local, ..info };
            return ServerConnection::new(io, self.shared, info, self.mailbox).await;
        }
        ServerConnection::new(IoStream::Plain(socket), self.shared, self.info, self.mailbox).await;
    }
}

/// The output of `future`, or `None` if `stop` is done first.
pub(super) async fn unless<F: Future>(stop: &mut Pin<&mut impl Future>, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| match stop.as_mut().poll(cx) {
        Poll::Ready(_) => Poll::Ready(None),
        Poll::Pending => future.as_mut().poll(cx).map(Some),
    })
    .await
}

/// Whether an error only says that the peer is gone.
pub(super) fn is_disconnect(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(
        error.kind(),
        K::ConnectionReset | K::ConnectionAborted | K::BrokenPipe | K::NotConnected | K::UnexpectedEof
    )
}
