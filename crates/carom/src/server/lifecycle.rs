//! The lifecycle of a server: its listeners, its connections, and its shutdown.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use slab::Slab;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};

use super::quota::MemoryQuota;
use super::{Builder, ServeError, Settings};
use crate::clock;
#[cfg(feature = "tls")]
use crate::credentials::ServerTlsConfig;
use crate::server::connection::accept;
use crate::server::connection::mailbox::{Command, Mailbox};
use crate::server::router::Router;
use crate::transport::listener::Listener;
use crate::transport::{ByteStream, ListenAddr, ListenOptions, PeerAddr};

/// The state that all tasks of one server share.
pub(crate) struct ServerShared {
    pub(crate) router: Router,
    pub(crate) settings: Settings,
    pub(crate) runtime: Handle,
    /// The permits for connections, if their number is limited.
    pub(crate) connection_permits: Option<Arc<Semaphore>>,
    /// The permits for connections that are turned away with a reason.
    pub(crate) rejection_permits: Arc<Semaphore>,
    pub(crate) quota: Arc<MemoryQuota>,
    /// The number of running calls, if it is limited.
    calls: AtomicUsize,
    state: Mutex<State>,
    /// Becomes `true` when the server stops: listeners and handshakes end.
    stopping: watch::Sender<bool>,
    /// Becomes `true` when the last connection has ended after that.
    terminated: watch::Sender<bool>,
    /// The number of listening tasks that have not closed their socket.
    listening: AtomicUsize,
}

#[derive(Default)]
struct State {
    connections: Slab<Arc<Mailbox>>,
    addresses: Vec<PeerAddr>,
    stopping: bool,
    on_terminated: Vec<Box<dyn FnOnce() + Send>>,
}

impl fmt::Debug for ServerShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerShared").finish_non_exhaustive()
    }
}

/// A handle to a running server. Clones refer to the same server, which keeps running when the last one is dropped.
#[derive(Clone)]
pub struct Server {
    shared: Arc<ServerShared>,
}

/// A call that counts against [`Builder::max_concurrent_calls`].
#[derive(Debug)]
pub(crate) struct Admission(Arc<ServerShared>);

impl Drop for Admission {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ServerShared {
    /// The number of connections at once that are turned away with a moment to read the reason.
    const TURNED_AWAY_AT_ONCE: usize = 64;

    pub(crate) fn new(router: Router, settings: Settings, runtime: Handle) -> Self {
        let most = |max: usize| Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS)));
        let connection_permits = settings.max_connections.map(most);
        let quota = Arc::new(MemoryQuota::new(settings.memory_quota, clock::now()));
        Self {
            router,
            settings,
            runtime,
            connection_permits,
            rejection_permits: most(Self::TURNED_AWAY_AT_ONCE),
            quota,
            calls: AtomicUsize::new(0),
            state: Mutex::default(),
            stopping: watch::Sender::new(false),
            terminated: watch::Sender::new(false),
            listening: AtomicUsize::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves when the server stops.
    pub(crate) async fn stopping(&self) {
        // The sender lives in `self`: no error is possible while this runs.
        let _ = self.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }

    /// Registers a connection until the guard is dropped. `None`: the server is stopping.
    pub(crate) fn enter(self: &Arc<Self>, mailbox: &Arc<Mailbox>) -> Option<ConnectionGuard> {
        let mut state = self.lock();
        if state.stopping {
            return None;
        }
        let index = state.connections.insert(Arc::clone(mailbox));
        Some(ConnectionGuard { shared: Arc::clone(self), index })
    }

    /// Counts a call, if their number is limited. `Err`: the limit is reached.
    pub(crate) fn admit(self: &Arc<Self>) -> Result<Option<Arc<Admission>>, ()> {
        let Some(max) = self.settings.max_concurrent_calls else { return Ok(None) };
        // Counted first, so that two concurrent calls cannot both take the last place.
        let admission = Admission(Arc::clone(self));
        let before = self.calls.fetch_add(1, Ordering::Relaxed);
        if before < max { Ok(Some(Arc::new(admission))) } else { Err(()) }
    }

    /// Asks all connections to free what exceeds their share of the memory quota.
    pub(crate) fn reclaim(&self) {
        self.command(|| Command::Reclaim);
    }

    fn command(&self, command: impl Fn() -> Command) {
        let mailboxes: Vec<_> =
            self.lock().connections.iter().map(|(_, mailbox)| Arc::clone(mailbox)).collect();
        for mailbox in mailboxes {
            // A connection that has just ended needs no command.
            let _ = mailbox.push(command());
        }
    }

    /// Notifies those who wait, if the server has terminated.
    fn check_terminated(&self) {
        let callbacks = {
            let mut state = self.lock();
            let over =
                state.stopping && state.connections.is_empty() && self.listening.load(Ordering::Acquire) == 0;
            if !over || self.terminated.send_replace(true) {
                return;
            }
            std::mem::take(&mut state.on_terminated)
        };
        for callback in callbacks {
            callback();
        }
    }
}

/// The registration of a connection with its server.
pub(crate) struct ConnectionGuard {
    shared: Arc<ServerShared>,
    index: usize,
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.shared.lock().connections.remove(self.index);
        self.shared.check_terminated();
    }
}

/// The registration of a task that accepts connections.
pub(crate) struct ListeningGuard {
    shared: Arc<ServerShared>,
}

impl Drop for ListeningGuard {
    fn drop(&mut self) {
        self.shared.listening.fetch_sub(1, Ordering::AcqRel);
        self.shared.check_terminated();
    }
}

impl Server {
    /// Returns a builder: add services, bind addresses, then serve or start.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(super) fn from_shared(shared: ServerShared) -> Self {
        Self { shared: Arc::new(shared) }
    }

    /// Listens at a further address and accepts connections there from now on. Returns the bound address, with the port
    /// that the system picked for port 0.
    ///
    /// # Errors
    /// The address is in use or not local, the credentials are invalid, or the server has been stopped.
    pub fn add_listener(
        &self,
        addr: impl Into<ListenAddr>,
        #[cfg(feature = "tls")] tls: Option<&ServerTlsConfig>,
        options: ListenOptions,
    ) -> Result<PeerAddr, ServeError> {
        let addr = addr.into();
        #[cfg(feature = "tls")]
        let acceptor = tls
            .map(|tls| tls.build().map(tokio_rustls::TlsAcceptor::from))
            .transpose()
            .map_err(|error| ServeError::credentials(&addr, error))?;
        let _within = self.shared.runtime.enter();
        let listener = Listener::bind(&addr, options).map_err(|error| ServeError::listen(&addr, error))?;
        let bound = listener.local_addr().map_err(|error| ServeError::listen(&addr, error))?;
        let guard = {
            let mut state = self.shared.lock();
            if state.stopping {
                return Err(ServeError::stopped());
            }
            state.addresses.push(bound.clone());
            self.shared.listening.fetch_add(1, Ordering::AcqRel);
            ListeningGuard { shared: Arc::clone(&self.shared) }
        };
        let accepting = accept::Accepting {
            shared: Arc::clone(&self.shared),
            listener,
            local: bound.clone(),
            #[cfg(feature = "tls")]
            tls: acceptor,
        };
        self.shared.runtime.spawn(accepting.run(guard));
        tracing::debug!(address = %bound, "listening");
        Ok(bound)
    }

    /// Serves a client at the other end of a byte stream that the program provides: a client in the same process, or
    /// behind a tunnel. The stream is not encrypted. `peer` is the client's address as handlers see it. The connection
    /// counts among the server's, but not against [`Builder::max_connections`], since the program itself has admitted
    /// it. Returns `false` if the server has been stopped.
    pub fn serve_connection(&self, stream: impl ByteStream, peer: PeerAddr) -> bool {
        accept::serve_stream(&self.shared, Box::new(stream), peer)
    }

    /// The addresses that the server listens at, in the order in which they were added.
    pub fn local_addrs(&self) -> Vec<PeerAddr> {
        self.shared.lock().addresses.clone()
    }

    /// The number of open connections.
    pub fn connections(&self) -> usize {
        self.shared.lock().connections.len()
    }

    /// Shuts the server down. It accepts no more connections, tells its clients to go elsewhere (GOAWAY), and lets
    /// running calls continue. When the `grace` period is over, those still running end with UNAVAILABLE and their
    /// handlers are cancelled; `None` waits for all of them, zero for none. May be called again; the shortest grace
    /// period counts.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use carom::server::Server;
    /// # async fn stop(server: Server) {
    /// server.shutdown(Some(Duration::from_secs(30)));
    /// server.terminated().await;
    /// # }
    /// ```
    pub fn shutdown(&self, grace: Option<Duration>) {
        let first = !std::mem::replace(&mut self.shared.lock().stopping, true);
        if first {
            self.shared.stopping.send_replace(true);
            self.shared.command(|| Command::Shutdown);
            self.shared.check_terminated();
        }
        match grace {
            None => {}
            Some(Duration::ZERO) => self.shared.command(|| Command::Abort),
            Some(grace) => {
                let shared = Arc::clone(&self.shared);
                self.shared.runtime.spawn(async move {
                    let mut terminated = shared.terminated.subscribe();
                    let over = terminated.wait_for(|terminated| *terminated);
                    if tokio::time::timeout(grace, over).await.is_err() {
                        shared.command(|| Command::Abort);
                    }
                });
            }
        }
    }

    /// Resolves when the server has been stopped and its last connection has ended.
    pub async fn terminated(&self) {
        let _ = self.shared.terminated.subscribe().wait_for(|terminated| *terminated).await;
    }

    /// Whether the server has been stopped and its last connection has ended.
    pub fn is_terminated(&self) -> bool {
        *self.shared.terminated.borrow()
    }

    /// Calls `callback`, on whichever thread notices, when the server has been stopped and its last connection has
    /// ended; at once if that has already happened. For programs that do not await.
    pub fn on_terminated(&self, callback: impl FnOnce() + Send + 'static) {
        {
            let mut state = self.shared.lock();
            if !*self.shared.terminated.borrow() {
                state.on_terminated.push(Box::new(callback));
                return;
            }
        }
        callback();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        f.debug_struct("Server")
            .field("addresses", &state.addresses)
            .field("connections", &state.connections.len())
            .field("stopping", &state.stopping)
            .finish_non_exhaustive()
    }
}
