//! The builder of a channel.

use std::sync::Arc;
use std::time::Duration;

use carom_wire::conn::Config;
use tokio::runtime::Handle;

use super::backoff::BackoffConfig;
use super::balancer::{Policies, PolicyFactory};
use super::channel::Channel;
use super::connectivity::ConnectivityState;
use super::control::{Control, Core};
use super::error::ConnectError;
use super::resolver::{Resolver, Resolvers};
use super::service_config::ServiceConfig;
use super::shared::Shared;
use crate::call_options::CallOptions;
use crate::codec::CompressionEncoding;
use crate::credentials::CallCredentials;
#[cfg(feature = "tls")]
use crate::credentials::ClientTlsConfig;
use crate::interceptor::{Interceptor, Interceptors};
use crate::transport::Connect;
use crate::transport::connect::Connector;
#[cfg(feature = "tls")]
use crate::transport::tls::ClientTls;

/// A builder for a [`Channel`]. Nothing is connected or checked before the channel is built.
#[derive(Clone)]
#[must_use]
pub struct ChannelBuilder {
    target: String,
    #[cfg(feature = "tls")]
    tls: Option<ClientTlsConfig>,
    user_agent: Option<String>,
    authority: Option<String>,
    http2: Config,
    backoff: BackoffConfig,
    defaults: CallOptions,
    credentials: Option<Arc<dyn CallCredentials>>,
    interceptors: Interceptors,
    resolver: Option<Arc<dyn Resolver>>,
    resolvers: Resolvers,
    policies: Policies,
    service_config: Option<String>,
    connector: Option<Arc<dyn Connect>>,
    runtime: Option<Handle>,
    retries: bool,
}

impl ChannelBuilder {
    pub(super) fn new(target: String) -> Self {
        Self {
            target,
            #[cfg(feature = "tls")]
            tls: None,
            user_agent: None,
            authority: None,
            http2: Config::default(),
            backoff: BackoffConfig::default(),
            defaults: CallOptions::default(),
            credentials: None,
            interceptors: Interceptors::default(),
            resolver: None,
            resolvers: Resolvers::default(),
            policies: Policies::default(),
            service_config: None,
            connector: None,
            runtime: None,
            retries: true,
        }
    }

    /// Connects with TLS. Default: without.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, config: ClientTlsConfig) -> Self {
        self.tls = Some(config);
        self
    }

    /// Sets the prefix of `carom/VERSION` in the user agent.
    pub fn user_agent(mut self, prefix: impl Into<String>) -> Self {
        self.user_agent = Some(prefix.into());
        self
    }

    /// Sets the `:authority` of calls, which is also the name that the server's TLS certificate must be valid for.
    /// Default: derived from the target.
    pub fn authority(mut self, authority: impl Into<String>) -> Self {
        self.authority = Some(authority.into());
        self
    }

    /// Changes settings of HTTP/2, including keepalive, whose interval is at least 10 s (gRFC A8).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use carom::Channel;
    /// use carom::client::Keepalive;
    ///
    /// let keepalive = Keepalive {
    ///     interval: Duration::from_secs(30),
    ///     timeout: Duration::from_secs(10),
    ///     without_calls: true,
    /// };
    /// let builder = Channel::builder("localhost:50051").with_http2(|config| config.keepalive = Some(keepalive));
    /// ```
    pub fn with_http2(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.http2);
        self
    }

    /// Sets the back-off between attempts to connect.
    pub fn backoff(mut self, config: BackoffConfig) -> Self {
        self.backoff = config;
        self
    }

    /// Sets the time allowed for an attempt to connect: TCP, TLS and the server's SETTINGS. Default 20 s; it is
    /// extended to the wait between attempts if that is longer.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.backoff.min_connect_timeout = timeout;
        self
    }

    /// Sets the largest message accepted, decompressed, in bytes; `None` for no limit. Default 4 MiB.
    pub fn max_recv_message_size(mut self, bytes: Option<usize>) -> Self {
        self.defaults.max_recv_message_size = Some(bytes.unwrap_or(usize::MAX));
        self
    }

    /// Sets the largest message sent, before compression, in bytes; `None`, the default, for no limit.
    pub fn max_send_message_size(mut self, bytes: Option<usize>) -> Self {
        self.defaults.max_send_message_size = Some(bytes.unwrap_or(usize::MAX));
        self
    }

    /// Sets how messages are compressed in calls that do not set it themselves. Default: no compression.
    pub fn compression(mut self, encoding: Option<CompressionEncoding>) -> Self {
        self.defaults.compression = Some(encoding.into());
        self
    }

    /// Sets the timeout of calls that do not set one. Default: none.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.defaults.timeout = Some(timeout);
        self
    }

    /// Sets whether calls wait while the channel cannot connect, unless they set it themselves. Default `false`.
    pub fn wait_for_ready(mut self, wait: bool) -> Self {
        self.defaults.wait_for_ready = Some(wait);
        self
    }

    /// Sets the credentials of all calls, applied before those of each call. Only over secure connections: a call of a
    /// channel without TLS ends with UNAUTHENTICATED.
    pub fn call_credentials(mut self, credentials: Arc<dyn CallCredentials>) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Adds an interceptor, which sees all calls after those added before it. Of a raw call ([`Channel::start_call`])
    /// it can change only the metadata.
    pub fn intercept(mut self, interceptor: impl Interceptor) -> Self {
        self.interceptors.push(interceptor);
        self
    }

    /// Sets the resolver of the target, whatever its scheme.
    pub fn resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.resolver = Some(resolver);
        self
    }

    /// Registers a resolver for targets of a scheme, replacing Carom's own if there is one: `consul` for
    /// `consul:///service`.
    pub fn register_resolver(mut self, scheme: &str, resolver: Arc<dyn Resolver>) -> Self {
        self.resolvers.register(scheme, resolver);
        self
    }

    /// Sets the service config to use if the resolver provides none, in its JSON form (gRFC A2): the timeout, message
    /// size limits and wait-for-ready of methods, and the load-balancing policy.
    ///
    /// ```
    /// # use carom::Channel;
    /// let builder = Channel::builder("dns:///orders:50051").default_service_config(
    ///     r#"{
    ///         "loadBalancingConfig": [{"round_robin": {}}],
    ///         "methodConfig": [{"name": [{"service": "shop.Orders"}], "timeout": "2s"}]
    ///     }"#,
    /// );
    /// ```
    pub fn default_service_config(mut self, json: impl Into<String>) -> Self {
        self.service_config = Some(json.into());
        self
    }

    /// Sets whether calls are retried as the policies of a service config say (gRFC A6). Calls that no server has
    /// processed are sent again in any case. Default `true`.
    pub fn retries(mut self, retry: bool) -> Self {
        self.retries = retry;
        self
    }

    /// Registers a load-balancing policy, which a service config can choose. One of the same name is replaced.
    pub fn register_policy(mut self, factory: Arc<dyn PolicyFactory>) -> Self {
        self.policies.register(factory);
        self
    }

    /// Opens connections over byte streams that the program provides: to a server in the same process, or through a
    /// tunnel. TLS, if the channel uses it, runs inside. Default: TCP and Unix sockets.
    ///
    /// ```
    /// # async fn run(server: carom::server::Server) -> Result<(), Box<dyn std::error::Error>> {
    /// use carom::Channel;
    /// use carom::transport::{Address, ByteStream, PeerAddr};
    ///
    /// let connect = move |_: &Address| -> carom::transport::Connecting {
    ///     let (ours, theirs) = tokio::io::duplex(64 * 1024);
    ///     server.serve_connection(theirs, PeerAddr::Named("in-process".into()));
    ///     Box::pin(async { Ok(Box::new(ours) as Box<dyn ByteStream>) })
    /// };
    /// let channel = Channel::builder("ipv4:127.0.0.1:1").connector(connect).connect().await?;
    /// # Ok(()) }
    /// ```
    pub fn connector(mut self, connector: impl Connect) -> Self {
        self.connector = Some(Arc::new(connector));
        self
    }

    /// Sets the runtime of the channel's tasks; it must have I/O and time enabled. Default: the runtime in whose
    /// context the channel is built.
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Builds the channel without connecting; the first call connects it.
    ///
    /// # Errors
    /// Any [`ConnectError`] except [`Unavailable`](ConnectError::Unavailable).
    pub fn connect_lazy(self) -> Result<Channel, ConnectError> {
        let runtime = match self.runtime {
            Some(runtime) => runtime,
            None => Handle::try_current().map_err(|_| ConnectError::NoRuntime)?,
        };
        let (target, resolver) = match self.resolver {
            Some(resolver) => (self.resolvers.parse_any(&self.target)?, resolver),
            None => self.resolvers.find(&self.target)?,
        };
        // Whoever resolves the target, its scheme determines what the server is called.
        let named_by = self.resolvers.get(target.scheme()).unwrap_or(&resolver);
        let authority = self.authority.unwrap_or_else(|| named_by.default_authority(&target));
        let own = concat!("carom/", env!("CARGO_PKG_VERSION"));
        let user_agent = self.user_agent.map_or_else(|| own.to_owned(), |prefix| format!("{prefix} {own}"));
        check_text("authority", &authority)?;
        check_text("user agent", &user_agent)?;
        #[cfg(feature = "tls")]
        let tls = self.tls.map(|config| config.build(&authority)).transpose()?;
        let mut connector = Connector::new(self.target.clone(), authority, user_agent, self.http2);
        connector.own = self.connector;
        #[cfg(feature = "tls")]
        {
            connector.tls = tls.map(|(config, server_name)| ClientTls::new(config, server_name));
        }
        let parse = |text: &String| ServiceConfig::parse(text, &self.policies).map(Arc::new);
        let default_config = self.service_config.as_ref().map(parse).transpose()?;
        let shared = Shared::new(
            self.target,
            Arc::new(connector),
            self.defaults,
            self.credentials,
            self.interceptors,
            runtime,
            self.retries,
        );
        let core = Core::new(shared.target.as_str(), self.policies, default_config, self.backoff);
        let control = Control::new(Arc::clone(&shared), core, target, resolver);
        shared.runtime.spawn(control.run());
        Ok(Channel::new(shared))
    }

    /// Builds the channel and waits until it is connected, or the first round of attempts has failed.
    ///
    /// # Errors
    /// [`ConnectError`]. The channel is then dropped; a lazy one would keep trying.
    pub async fn connect(self) -> Result<Channel, ConnectError> {
        let channel = self.connect_lazy()?;
        let mut state = channel.state(true);
        let mut watch = channel.watch_state();
        loop {
            match state {
                ConnectivityState::Ready => return Ok(channel),
                ConnectivityState::TransientFailure | ConnectivityState::Shutdown => {
                    if let Some(status) = channel.failure() {
                        return Err(ConnectError::Unavailable(status));
                    }
                }
                ConnectivityState::Idle | ConnectivityState::Connecting => {}
            }
            state = watch.changed_from(state).await;
        }
    }
}

/// Checks that a text is a field value by RFC 9110 §5.5; control characters could break out of it.
fn check_text(what: &'static str, text: &str) -> Result<(), ConnectError> {
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        Ok(())
    } else {
        Err(ConnectError::HeaderText { what, text: text.to_owned() })
    }
}

impl std::fmt::Debug for ChannelBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChannelBuilder")
            .field("target", &self.target)
            .field("authority", &self.authority)
            .field("backoff", &self.backoff)
            .field("defaults", &self.defaults)
            .finish_non_exhaustive()
    }
}
