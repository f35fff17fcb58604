//! The channel, as programs hold it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use carom_wire::{Code, MetadataMap, Status};
use smallvec::SmallVec;

use super::builder::ChannelBuilder;
use super::call::{Limits, RawCall, frame};
use super::connectivity::{ConnectivityState, StateWatch};
use super::error::ConnectError;
use super::guarded;
use super::limits::{LateLimits, Requested};
use super::shared::{Selected, Shared, channel_closed, end_call};
use crate::call_options::{CallOptions, Compression};
use crate::client::connection::attempt::Attempt;
use crate::client::connection::observation::Observation;
use crate::client::connection::slot::{CallOwner, CallSlot, CallSpec};
use crate::client::connection::{Close, deadline_exceeded};
use crate::clock;
use crate::credentials::{CallContext, CallCredentials};
use crate::extensions::Extensions;
use crate::interceptor::{CallStart, Observers};
use crate::request::Request;

/// A channel to a service: it resolves its target, connects, reconnects, and carries calls.
///
/// Clones are the same channel and cost next to nothing. A channel connects when the first call needs it; after its
/// connection is lost, it is IDLE until the next call. Dropping the last clone closes it once its calls are done.
///
/// ```no_run
/// # use bytes::Bytes;
/// # #[cfg(feature = "tls")]
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use carom::codec::BytesCodec;
/// use carom::credentials::ClientTlsConfig;
/// use carom::{Channel, Code, Request};
///
/// let channel = Channel::builder("dns:///orders.example:443")
///     .tls(ClientTlsConfig::new().with_native_roots())
///     .timeout(Duration::from_secs(2))
///     .connect()
///     .await?;
/// // A generated client would be `OrdersClient::new(channel.clone())`.
/// let mut request = Request::new(Bytes::from("order 17"));
/// request.set_wait_for_ready(true);
/// match channel.unary("/shop.Orders/Find", BytesCodec, request).await {
///     Ok(response) => println!("{} bytes", response.get_ref().len()),
///     Err(status) if status.code() == Code::NotFound => println!("no such order"),
///     Err(status) => return Err(status.into()),
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Channel {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.close(Close::AfterCalls);
    }
}

impl Channel {
    /// Returns a builder of a channel to `target`; see [`Target`](super::Target) for its forms.
    pub fn builder(target: impl Into<String>) -> ChannelBuilder {
        ChannelBuilder::new(target.into())
    }

    /// Connects to `target` with default settings, without TLS.
    ///
    /// # Errors
    /// Those of [`ChannelBuilder::connect`].
    pub async fn connect(target: impl Into<String>) -> Result<Self, ConnectError> {
        Self::builder(target).connect().await
    }

    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { inner: Arc::new(Inner { shared }) }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    /// The target, as it was given.
    pub fn target(&self) -> &str {
        &self.shared().target
    }

    /// The current state. With `try_to_connect`, an IDLE channel starts to connect.
    pub fn state(&self, try_to_connect: bool) -> ConnectivityState {
        let state = *self.shared().state.borrow();
        if try_to_connect && state == ConnectivityState::Idle {
            self.shared().connect();
        }
        state
    }

    /// Returns a watch that follows the state.
    pub fn watch_state(&self) -> StateWatch {
        StateWatch::new(self.shared().state.subscribe())
    }

    /// Waits until the state differs from `from` and returns it.
    pub async fn wait_for_state_change(&self, from: ConnectivityState) -> ConnectivityState {
        self.watch_state().changed_from(from).await
    }

    /// Closes the channel for all clones: running calls end with CANCELLED, and so do later ones.
    pub fn close(&self) {
        self.shared().close(Close::AtOnce(channel_closed()));
    }

    /// The reason why calls currently fail, if they do.
    pub(super) fn failure(&self) -> Option<Status> {
        self.shared().failure()
    }

    /// Starts a call whose messages follow. It may be called from any thread and returns at once. Any error becomes the
    /// status of the call.
    ///
    /// `method` is the full name, `/package.Service/Method`.
    pub fn start_call(
        &self,
        method: impl Into<Bytes>,
        options: CallOptions,
        metadata: MetadataMap,
    ) -> RawCall {
        self.start(method.into(), options, metadata, None, |_| Ok((SmallVec::new(), false)))
    }

    /// Starts a call with its one message and half-closes it: a complete unary request in one hand-over.
    ///
    /// ```no_run
    /// # use bytes::Bytes;
    /// # use carom::{CallOptions, Channel, MetadataMap};
    /// # async fn run(channel: Channel) {
    /// let call = channel.start_unary(
    ///     "/shop.Orders/Find",
    ///     CallOptions::default(),
    ///     MetadataMap::new(),
    ///     Bytes::from("order 17"),
    /// );
    /// // Any executor will do, even a blocking loop: the call does not depend on it.
    /// let outcome = std::future::poll_fn(|cx| call.poll_unary(cx)).await;
    /// println!("{}: {:?}", outcome.status, outcome.message);
    /// # }
    /// ```
    pub fn start_unary(
        &self,
        method: impl Into<Bytes>,
        options: CallOptions,
        metadata: MetadataMap,
        payload: Bytes,
    ) -> RawCall {
        self.start(method.into(), options, metadata, None, |limits| Ok((frame(payload, limits)?, true)))
    }

    /// Starts a call. `first` produces the messages known so far, and whether they are all. `observers` are given for a
    /// call that the interceptors have let pass; otherwise the interceptors see it first.
    pub(super) fn start(
        &self,
        path: Bytes,
        mut options: CallOptions,
        metadata: MetadataMap,
        observers: Option<Observers>,
        first: impl FnOnce(&Limits) -> Result<(SmallVec<[Bytes; 1]>, bool), Status>,
    ) -> RawCall {
        let shared = self.shared();
        options.lie_over(&shared.defaults);
        let published = shared.published();
        let compression = options.compression.and_then(Compression::encoding);
        let timeout = options.timeout;
        // A timeout beyond the clock's range counts as none.
        let deadline =
            options.deadline.or_else(|| timeout.and_then(|timeout| clock::now().checked_add(timeout)));
        let requested = Requested {
            deadline,
            wait_for_ready: options.wait_for_ready,
            max_recv: options.max_recv_message_size,
            max_send: options.max_send_message_size,
        };
        let (early, late, retry) = match published.select(&path) {
            Ok(Selected::Known(config)) => {
                (Ok(requested.under(config, clock::now)), None, published.retry(config))
            }
            Ok(Selected::Unknown) => {
                let now = clock::now();
                (Ok(requested.under(None, || now)), Some(LateLimits::new(requested, now)), None)
            }
            Err(status) => (Err(status), None, None),
        };
        let (early, refused) = match early {
            Ok(early) => (early, None),
            Err(status) => (requested.under(None, clock::now), Some(status)),
        };
        let limits = Limits::new(compression, &early, late.clone());
        let spec = CallSpec {
            path,
            authority: options.authority.map(String::into_boxed_str),
            // `proto` is the default and is not sent.
            subtype: options.content_subtype.filter(|subtype| *subtype != "proto").unwrap_or_default(),
            encoding: compression.map(|encoding| encoding.as_str()),
            early,
            late,
        };
        let checked = check_spec(&spec, timeout.is_some_and(|timeout| timeout.is_zero()));
        let checked = refused.map_or(checked, Err);
        let (first, refused) = match checked.and_then(|()| first(&limits)) {
            Ok(first) => (first, None),
            Err(status) => (Default::default(), Some(status)),
        };
        let owner = Arc::clone(shared) as Arc<dyn CallOwner>;
        let to_intercept = observers.is_none() && !shared.interceptors.is_empty();
        let observation = match observers {
            Some(observers) => (!observers.is_empty()).then(|| Observation::of(observers)),
            None => to_intercept.then(Observation::default),
        };
        let slot = CallSlot::new(spec, owner, metadata, first.0, first.1, retry, observation);
        let of_channel = shared.credentials.as_ref().map(Arc::clone);
        let credentials: Credentials = of_channel.into_iter().chain(options.credentials).collect();
        match refused {
            Some(status) => end_call(&slot, status),
            None if credentials.is_empty() && !to_intercept => {
                shared.place_by(&published, Attempt::first(Arc::clone(&slot)));
            }
            None => self.prepare(Arc::clone(&slot), to_intercept, credentials),
        }
        RawCall { slot, limits }
    }

    /// Places a call once interceptors have let it pass and its credentials have provided their metadata.
    fn prepare(&self, call: Arc<CallSlot>, to_intercept: bool, credentials: Credentials) {
        let shared = Arc::clone(self.shared());
        if !credentials.is_empty() && !shared.connector.is_secure() {
            let reason = "call credentials are only sent over a secure channel; this one has no TLS";
            return end_call(&call, Status::unauthenticated(reason));
        }
        let guarded_call = Arc::clone(&call);
        guarded::spawn(
            &shared.runtime.clone(),
            guarded_call,
            "an interceptor or call credentials",
            async move {
                let preparing = async {
                    if to_intercept {
                        let request = Request::from_parts(call.metadata(), Extensions::default(), ());
                        let start =
                            shared.interceptors.run(CallStart::new(call.spec.path.clone(), request)).await?;
                        let (request, observers) = start.into_parts();
                        call.intercepted(request.into_parts().0, observers);
                    }
                    let made = credentials_metadata(&shared, &call, &credentials).await;
                    call.add_metadata(&made.map_err(control_plane_status)?);
                    Ok(())
                };
                let prepared = match call.spec.deadline() {
                    None => preparing.await,
                    Some(at) => match tokio::time::timeout_at(at.into(), preparing).await {
                        Ok(prepared) => prepared,
                        Err(_) => Err(deadline_exceeded()),
                    },
                };
                match prepared {
                    Ok(()) => shared.place(Attempt::first(call)),
                    Err(status) => end_call(&call, status),
                }
            },
        );
    }

    pub(super) fn has_interceptors(&self) -> bool {
        !self.shared().interceptors.is_empty()
    }

    /// Passes a typed call to the interceptors.
    pub(super) async fn intercept<T>(
        &self,
        method: &'static str,
        request: Request<T>,
    ) -> Result<(Request<T>, Observers), Status> {
        let (context, message) = request.split();
        let path = Bytes::from_static(method.as_bytes());
        let start = CallStart::new(path, Request::join(context, ()));
        let (request, observers) = self.shared().interceptors.run(start).await?.into_parts();
        Ok((Request::join(request.split().0, message), observers))
    }
}

/// Returns the metadata that the credentials of a call add.
async fn credentials_metadata(
    shared: &Shared,
    call: &CallSlot,
    credentials: &Credentials,
) -> Result<MetadataMap, Status> {
    let path = String::from_utf8_lossy(&call.spec.path);
    let service = path.rsplit_once('/').map_or("", |(service, _)| service);
    let authority = call.spec.authority.as_deref().unwrap_or(&shared.connector.authority);
    let url = format!("https://{}{service}", authority.strip_suffix(":443").unwrap_or(authority));
    let mut all = MetadataMap::new();
    for credentials in credentials {
        all.merge(&credentials.metadata(CallContext::new(&url, &path)).await?);
    }
    Ok(all)
}

/// The credentials of one call: the channel's, then its own.
type Credentials = SmallVec<[Arc<dyn CallCredentials>; 2]>;

fn check_spec(spec: &CallSpec, expired: bool) -> Result<(), Status> {
    let visible = |text: &[u8]| text.iter().all(|byte| (0x21..0x7f).contains(byte));
    // The form /package.Service/Method is for the server to demand: there are some that serve other paths.
    if spec.path.is_empty() || !visible(&spec.path) {
        let path = spec.path.escape_ascii();
        return Err(Status::internal(format!(
            "`{path}` is no method: it is empty or has characters that HTTP does not allow"
        )));
    }
    if let Some(authority) = &spec.authority
        && !visible(authority.as_bytes())
    {
        return Err(Status::internal(format!(
            "the authority {authority:?} has characters that HTTP does not allow"
        )));
    }
    if expired {
        return Err(deadline_exceeded());
    }
    Ok(())
}

/// Converts the status of an error that is not the server's answer: some codes are reserved to applications (gRFC A54).
fn control_plane_status(status: Status) -> Status {
    match status.code() {
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::DataLoss
        | Code::Ok => Status::internal(format!(
            "call credentials failed with {}, a code reserved to applications: {}",
            status.code().name(),
            status.message()
        )),
        _ => status,
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("target", &self.shared().target)
            .field("state", &*self.shared().state.borrow())
            .finish()
    }
}
