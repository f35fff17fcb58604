//! A server from its start to its end: what it listens on, which connections it has, and when all is over.

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

/// What all tasks of one server share.
pub(crate) struct ServerShared {
    pub(crate) router: Router,
    pub(crate) settings: Settings,
    pub(crate) runtime: Handle,
    /// Permits for connections, if their number is limited.
    pub(crate) room: Option<Arc<Semaphore>>,
    /// Permits for connections that are being turned away in words.
    pub(crate) door: Arc<Semaphore>,
    pub(crate) quota: Arc<MemoryQuota>,
    /// Calls that run, if their number is limited.
    calls: AtomicUsize,
    state: Mutex<State>,
    /// Becomes `true` when the server stops: listeners and handshakes end.
    stopping: watch::Sender<bool>,
    /// Becomes `true` when the last connection has ended after that.
    terminated: watch::Sender<bool>,
    /// Listening tasks that have not closed their socket.
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

/// A running server. Clones are handles of the same server; it goes on when the last one is dropped.
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
    /// Connections that are turned away get a moment in which to read why; so many at once, and no more.
    const TURNED_AWAY_AT_ONCE: usize = 64;

    pub(crate) fn new(router: Router, settings: Settings, runtime: Handle) -> Self {
        let most = |max: usize| Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS)));
        let room = settings.max_connections.map(most);
        let quota = Arc::new(MemoryQuota::new(settings.memory_quota, clock::now()));
        Self {
            router,
            settings,
            runtime,
            room,
            door: most(Self::TURNED_AWAY_AT_ONCE),
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

    /// Enters a connection; it leaves when the guard is dropped. `None`: the server is stopping.
    pub(crate) fn enter(self: &Arc<Self>, mailbox: &Arc<Mailbox>) -> Option<ConnectionGuard> {
        let mut state = self.lock();
        if state.stopping {
            return None;
        }
        let place = state.connections.insert(Arc::clone(mailbox));
        Some(ConnectionGuard { shared: Arc::clone(self), place })
    }

    /// Counts a call, if calls are counted. `Err`: there are as many as may be.
    pub(crate) fn admit(self: &Arc<Self>) -> Result<Option<Arc<Admission>>, ()> {
        let Some(max) = self.settings.max_concurrent_calls else { return Ok(None) };
        // Counted first, so that two who come at once do not both see the last place.
        let admission = Admission(Arc::clone(self));
        let before = self.calls.fetch_add(1, Ordering::Relaxed);
        if before < max { Ok(Some(Arc::new(admission))) } else { Err(()) }
    }

    /// Asks all connections to give back what is above their share of the memory quota.
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

    /// Tells those who wait if all is over.
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

/// A connection in its server's list.
pub(crate) struct ConnectionGuard {
    shared: Arc<ServerShared>,
    place: usize,
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.shared.lock().connections.remove(self.place);
        self.shared.check_terminated();
    }
}

/// A task that accepts connections.
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
    /// Begins a server: add services, bind addresses, then serve or start.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(super) fn from_shared(shared: ServerShared) -> Self {
        Self { shared: Arc::new(shared) }
    }

    /// Listens at one more address and takes connections there from now on. Returns the address that was bound, with
    /// the port that the system picked for port 0.
    ///
    /// # Errors
    /// The address is taken or not ours, the credentials are not usable, or the server has been stopped.
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

    /// Serves a client at the other end of a byte stream that the program brought along: one in the same process, or
    /// behind a tunnel. There is no TLS on it. `peer` is what handlers are told of the client. The connection counts
    /// among the server's, but not against [`Builder::max_connections`]: the program has let it in by itself. `false`: the server has
    /// been stopped.
    pub fn serve_connection(&self, stream: impl ByteStream, peer: PeerAddr) -> bool {
        accept::serve_stream(&self.shared, Box::new(stream), peer)
    }

    /// The addresses that the server listens at, in the order in which they were added.
    pub fn local_addrs(&self) -> Vec<PeerAddr> {
        self.shared.lock().addresses.clone()
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.shared.lock().connections.len()
    }

    /// Stops the server. It takes no more connections, tells its clients to go elsewhere (GOAWAY), and lets the calls
    /// that run go on. When `grace` is over, those that still run end with UNAVAILABLE and their handlers are cancelled;
    /// `None` waits for all of them, zero for none. May be called again; the shortest grace counts.
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

    /// Resolves when the server was stopped and its last connection has ended.
    pub async fn terminated(&self) {
        let _ = self.shared.terminated.subscribe().wait_for(|terminated| *terminated).await;
    }

    /// Whether the server was stopped and its last connection has ended.
    pub fn is_terminated(&self) -> bool {
        *self.shared.terminated.borrow()
    }

    /// Calls `callback`, from whichever thread notices, when the server was stopped and its last connection has ended;
    /// at once if that has happened already. For those who do not await.
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
