//! Setting a channel up.

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

/// Builds a [`Channel`]. Nothing is connected before it is built, and nothing checked.
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

    /// Connects under TLS. Default: without.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, config: ClientTlsConfig) -> Self {
        self.tls = Some(config);
        self
    }

    /// What stands before `carom/VERSION` in the user agent.
    pub fn user_agent(mut self, prefix: impl Into<String>) -> Self {
        self.user_agent = Some(prefix.into());
        self
    }

    /// The `:authority` of calls, and under TLS the name that the certificate must prove. Default: from the target.
    pub fn authority(mut self, authority: impl Into<String>) -> Self {
        self.authority = Some(authority.into());
        self
    }

    /// Changes settings of HTTP/2, keepalive among them; its interval is at least 10 s (gRFC A8).
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

    /// The waits between attempts to connect.
    pub fn backoff(mut self, config: BackoffConfig) -> Self {
        self.backoff = config;
        self
    }

    /// How long an attempt to connect may take: TCP, TLS and the server's SETTINGS. Default 20 s; a longer wait between
    /// attempts makes it longer.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.backoff.min_connect_timeout = timeout;
        self
    }

    /// The largest message taken, decompressed, in bytes; `None` without limit. Default 4 MiB.
    pub fn max_recv_message_size(mut self, bytes: Option<usize>) -> Self {
        self.defaults.max_recv_message_size = Some(bytes.unwrap_or(usize::MAX));
        self
    }

    /// The largest message sent, before compression, in bytes; `None` without limit, which is the default.
    pub fn max_send_message_size(mut self, bytes: Option<usize>) -> Self {
        self.defaults.max_send_message_size = Some(bytes.unwrap_or(usize::MAX));
        self
    }

    /// How messages of calls are compressed that do not say it themselves. Default: not at all.
    pub fn compression(mut self, encoding: Option<CompressionEncoding>) -> Self {
        self.defaults.compression = Some(encoding.into());
        self
    }

    /// The timeout of calls that set none. Default: none.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.defaults.timeout = Some(timeout);
        self
    }

    /// Whether calls that do not say it themselves wait while the channel cannot connect. Default `false`.
    pub fn wait_for_ready(mut self, wait: bool) -> Self {
        self.defaults.wait_for_ready = Some(wait);
        self
    }

    /// What all calls prove themselves by, before the credentials of each call. Only over secure connections: a call
    /// of a channel without TLS ends with UNAUTHENTICATED.
    pub fn call_credentials(mut self, credentials: Arc<dyn CallCredentials>) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Lets an interceptor see all calls, after those added before. Of a raw call
    /// ([`Channel::start_call`]) it can change the metadata alone.
    pub fn intercept(mut self, interceptor: impl Interceptor) -> Self {
        self.interceptors.push(interceptor);
        self
    }

    /// Resolves the target, of whatever scheme, by this resolver.
    pub fn resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.resolver = Some(resolver);
        self
    }

    /// Adds a resolver for targets of a scheme, in place of Carom's own if it has one: `consul` for
    /// `consul:///service`.
    pub fn register_resolver(mut self, scheme: &str, resolver: Arc<dyn Resolver>) -> Self {
        self.resolvers.register(scheme, resolver);
        self
    }

    /// The service config of a channel whose resolver gives none, in its JSON form (gRFC A2): timeouts, sizes and
    /// waiting of methods, and the load-balancing policy.
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

    /// Whether calls are tried again as the retry policies of a service config say (gRFC A6). Calls that no server has looked
    /// at are sent again in any case. Default `true`.
    pub fn retries(mut self, retry: bool) -> Self {
        self.retries = retry;
        self
    }

    /// Adds a load-balancing policy, to be chosen by a service config. One of the same name is replaced.
    pub fn register_policy(mut self, factory: Arc<dyn PolicyFactory>) -> Self {
        self.policies.register(factory);
        self
    }

    /// Opens connections over byte streams of the program's own: to a server in the same process, through a tunnel. TLS,
    /// where the channel has it, runs inside. Default: TCP and Unix sockets.
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

    /// Where the channel's tasks run; it needs I/O and time enabled. Default: the runtime in whose context the channel
    /// is built.
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Makes the channel without connecting; the first call does.
    ///
    /// # Errors
    /// Any [`ConnectError`] but [`Unavailable`](ConnectError::Unavailable).
    pub fn connect_lazy(self) -> Result<Channel, ConnectError> {
        let runtime = match self.runtime {
            Some(runtime) => runtime,
            None => Handle::try_current().map_err(|_| ConnectError::NoRuntime)?,
        };
        let (target, resolver) = match self.resolver {
            Some(resolver) => (self.resolvers.parse_any(&self.target)?, resolver),
            None => self.resolvers.find(&self.target)?,
        };
        // Who resolves a target says nothing of what its scheme calls the server.
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

    /// Makes the channel and waits until it is connected, or the first round of attempts failed.
    ///
    /// # Errors
    /// [`ConnectError`]. The channel is given up then; a lazy one would go on trying.
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

/// HTTP takes what RFC 9110 §5.5 calls a field value; control characters could break out of it.
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
