//! From a listening socket to running connections: accepting, the TLS handshake, and a task for each.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;

use super::ServerConnection;
use super::mailbox::Mailbox;
use crate::clock;
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
    /// Accepts until the server stops; then closes the socket and drops `guard`.
    pub(crate) async fn run(self, guard: ListeningGuard) {
        let shared = Arc::clone(&self.shared);
        let mut stopping = pin!(shared.stopping());
        let mut warned = None;
        loop {
            let Some((socket, peer)) = unless(&mut stopping, self.listener.accept()).await else { break };
            let (permit, refusal) = match admit(&shared) {
                Ok(permit) => (permit, None),
                Err(why) => {
                    warn(&mut warned, &peer, why);
                    // Some get a moment to read the reason; for the rest the socket is just closed.
                    let Ok(permit) = Arc::clone(&shared.rejection_permits).try_acquire_owned() else {
                        continue;
                    };
                    (Some(permit), Some(why))
                }
            };
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
                refusal,
            };
            tokio::spawn(async move {
                connection.serve(socket).await;
                drop((entered, permit));
            });
        }
        // The port is free again before anyone learns that the server has ended.
        drop(self);
        drop(guard);
    }
}

/// Admits an accepted connection, with a permit if their number is limited; or returns the reason for turning it away.
fn admit(shared: &ServerShared) -> Result<Option<OwnedSemaphorePermit>, &'static str> {
    if shared.quota.is_exceeded() {
        return Err("the server has used up its memory quota (memory_quota); try again later");
    }
    match &shared.connection_permits {
        None => Ok(None),
        Some(permits) => match Arc::clone(permits).try_acquire_owned() {
            Ok(permit) => Ok(Some(permit)),
            Err(_) => Err("the server is at its limit of connections (max_connections); try again later"),
        },
    }
}

/// Logs that connections are turned away, but only now and then.
fn warn(warned: &mut Option<Instant>, peer: &PeerAddr, why: &str) {
    const SELDOM: Duration = Duration::from_secs(10);
    let now = clock::now();
    if warned.is_none_or(|at| at + SELDOM <= now) {
        *warned = Some(now);
        tracing::warn!(%peer, why, "turned a connection away; more of them are not reported for 10 s");
    }
}

/// Serves a client at the other end of `stream`, in a separate task. Returns `false` if the server is stopping.
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
    /// The reason why it is turned away, if it is.
    refusal: Option<&'static str>,
}

impl Incoming {
    async fn serve(self, socket: Socket) {
        #[cfg(feature = "tls")]
        if let Some(acceptor) = &self.tls {
            // Boxed, so that the connection that follows does not carry the state of the handshake.
            let handshake =
                Box::pin(super::handshake::handshake(acceptor, socket, &self.shared, &self.info.peer));
            let Some((io, info)) = handshake.await else { return };
            let info = ConnectionInfo { local: self.info.local.clone(), ..info };
            return self.run(io, info).await;
        }
        let info = self.info.clone();
        self.run(IoStream::Plain(socket), info).await;
    }

    fn run(self, io: IoStream, info: ConnectionInfo) -> ServerConnection {
        match self.refusal {
            None => ServerConnection::new(io, self.shared, info, self.mailbox),
            Some(why) => ServerConnection::turned_away(io, self.shared, info, self.mailbox, why),
        }
    }
}

/// Returns the output of `future`, or `None` if `stop` is done first.
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
