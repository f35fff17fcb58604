//! Interceptors: code that wraps every call of a server or a channel.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
#[cfg(feature = "server")]
use carom_wire::message::PREFIX_LEN;
use carom_wire::{MetadataMap, Status};

use crate::clock;
use crate::extensions::Extensions;
use crate::panics;
use crate::request::Request;
use crate::transport::PeerAddr;

/// Code that wraps each call of a server or a channel. Before anything is sent (channel), or before any message is
/// accepted (server), it lets the call pass, possibly changed, or ends it with a status; an
/// [observer](CallStart::observe) that it attaches is notified of each message and of the end.
///
/// Interceptors run in the order in which they were added to the builder; the first one is the outermost. Raw calls
/// pass through them as well. They may await, but must not block: a server's run in the connection's task, a channel's
/// in the caller's or, for raw calls, in a task of the channel.
///
/// An interceptor for a server that checks a token, and times all calls:
/// ```
/// use carom::{CallEnd, CallObserver, CallStart, Interceptor, Status};
///
/// struct Guard;
///
/// impl Interceptor for Guard {
///     async fn intercept(&self, mut call: CallStart) -> Result<CallStart, Status> {
///         let token = call.metadata().get("authorization").map(|value| value.as_bytes().to_vec());
///         if !is_valid(token.as_deref()).await {
///             return Err(Status::unauthenticated("the token is not valid"));
///         }
///         let method = call.path().to_owned();
///         call.observe(Timer { method });
///         Ok(call)
///     }
/// }
///
/// struct Timer {
///     method: String,
/// }
///
/// impl CallObserver for Timer {
///     fn end(&mut self, end: &CallEnd<'_>) {
///         println!("{}: {} after {:?}", self.method, end.status.code(), end.duration);
///     }
/// }
/// # async fn is_valid(_token: Option<&[u8]>) -> bool { true }
/// ```
///
/// Functions are interceptors that do not await:
/// ```
/// # use carom::{CallStart, Channel, Status};
/// let builder = Channel::builder("localhost:50051").intercept(|mut call: CallStart| {
///     call.metadata_mut().insert("x-team", "blue").map_err(|error| Status::internal(error.to_string()))?;
///     Ok(call)
/// });
/// ```
pub trait Interceptor: Send + Sync + 'static {
    /// Intercepts a call that begins.
    ///
    /// # Errors
    /// The status that the call ends with.
    fn intercept(&self, call: CallStart) -> impl Future<Output = Result<CallStart, Status>> + Send;
}

impl<F> Interceptor for F
where
    F: Fn(CallStart) -> Result<CallStart, Status> + Send + Sync + 'static,
{
    fn intercept(&self, call: CallStart) -> impl Future<Output = Result<CallStart, Status>> + Send {
        std::future::ready(self(call))
    }
}

/// A call before its messages: its method, its metadata, and where it came from or how it is to be made.
#[derive(Debug)]
pub struct CallStart {
    path: Bytes,
    request: Request<()>,
    observers: Observers,
}

impl CallStart {
    pub(crate) fn new(path: Bytes, request: Request<()>) -> Self {
        Self { path, request, observers: Observers::default() }
    }

    /// The method, `/package.Service/Method`.
    pub fn path(&self) -> &str {
        std::str::from_utf8(&self.path).unwrap_or_default()
    }

    /// The metadata that a channel sends, or that a server received.
    pub fn metadata(&self) -> &MetadataMap {
        self.request.metadata()
    }

    /// The metadata, mutably. At a server this copies what was received.
    pub fn metadata_mut(&mut self) -> &mut MetadataMap {
        self.request.metadata_mut()
    }

    /// The values passed on within this process, for example to handlers.
    pub fn extensions(&self) -> &Extensions {
        self.request.extensions()
    }

    /// The values passed on within this process, mutably.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        self.request.extensions_mut()
    }

    /// The client's address, at a server.
    pub fn remote_addr(&self) -> Option<&PeerAddr> {
        self.request.remote_addr()
    }

    /// The request without its message: deadline, connection and certificates at a server; timeout, compression,
    /// credentials and the like at a channel.
    pub fn request(&self) -> &Request<()> {
        &self.request
    }

    /// The request without its message, mutably. A raw call of a channel keeps only changes of its metadata.
    pub fn request_mut(&mut self) -> &mut Request<()> {
        &mut self.request
    }

    /// Attaches an observer, which is notified of the call's messages and of its end. Several are notified in the order
    /// in which they were attached.
    pub fn observe(&mut self, observer: impl CallObserver) {
        let list = self
            .observers
            .0
            .get_or_insert_with(|| Box::new(ObserverList { started: clock::now(), observers: Vec::new() }));
        list.observers.push(Box::new(observer));
    }

    pub(crate) fn into_parts(self) -> (Request<()>, Observers) {
        (self.request, self.observers)
    }
}

/// An observer of one call. Its methods run in the call's task and must not block. "Request" and "response" are the
/// call's directions, whichever side observes.
pub trait CallObserver: Send + 'static {
    /// A request message was sent (channel) or received (server).
    fn request_message(&mut self, message: &MessageInfo) {
        let _ = message;
    }

    /// The response's initial metadata was received (channel) or is being sent (server). Not called if the call ends
    /// without any.
    fn response_metadata(&mut self, metadata: &MetadataMap) {
        let _ = metadata;
    }

    /// A response message was received (channel) or is being sent (server).
    fn response_message(&mut self, message: &MessageInfo) {
        let _ = message;
    }

    /// The call is over. Called exactly once, last.
    fn end(&mut self, end: &CallEnd<'_>) {
        let _ = end;
    }
}

/// The facts of a message on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageInfo {
    /// The size in bytes, after compression, without the prefix.
    pub size: usize,
    /// Whether it is compressed.
    pub compressed: bool,
}

impl MessageInfo {
    pub(crate) fn new(size: usize, compressed: bool) -> Self {
        Self { size, compressed }
    }

    /// Reads the facts of a message from its prefix.
    #[cfg(feature = "server")]
    pub(crate) fn of_framed(framed: &[u8]) -> Self {
        Self { size: framed.len().saturating_sub(PREFIX_LEN), compressed: framed.first() == Some(&1) }
    }
}

/// The end of a call.
#[derive(Debug)]
#[non_exhaustive]
pub struct CallEnd<'a> {
    /// The status, OK included.
    pub status: &'a Status,
    /// The trailing metadata.
    pub trailers: &'a MetadataMap,
    /// The time since the first observer was attached.
    pub duration: Duration,
}

/// The observers of one call. Most calls have none, and pay only for checking that.
#[derive(Default)]
pub(crate) struct Observers(Option<Box<ObserverList>>);

struct ObserverList {
    started: Instant,
    observers: Vec<Box<dyn CallObserver>>,
}

impl Observers {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Notifies all observers of something.
    #[inline]
    fn notify(&mut self, notify: impl FnMut(&mut dyn CallObserver)) {
        if let Some(list) = &mut self.0 {
            list.notify(notify);
        }
    }

    #[inline]
    pub(crate) fn request_message(&mut self, message: MessageInfo) {
        self.notify(|observer| observer.request_message(&message));
    }

    #[inline]
    pub(crate) fn response_metadata(&mut self, metadata: &MetadataMap) {
        self.notify(|observer| observer.response_metadata(metadata));
    }

    #[inline]
    pub(crate) fn response_message(&mut self, message: MessageInfo) {
        self.notify(|observer| observer.response_message(&message));
    }

    /// Notifies all observers of the end, and drops them.
    pub(crate) fn end(&mut self, status: &Status, trailers: &MetadataMap) {
        let Some(mut list) = self.0.take() else { return };
        let end =
            CallEnd { status, trailers, duration: clock::now().saturating_duration_since(list.started) };
        list.notify(|observer| observer.end(&end));
    }
}

impl ObserverList {
    /// Notifies every observer. One that panics is removed: the call goes on without it.
    #[cold]
    fn notify(&mut self, mut notify: impl FnMut(&mut dyn CallObserver)) {
        self.observers.retain_mut(|observer| {
            let outcome = panics::catch(|| notify(&mut **observer));
            if let Err(panicked) = &outcome {
                tracing::error!("an observer of a call {panicked}");
            }
            outcome.is_ok()
        });
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} observers", self.0.as_ref().map_or(0, |list| list.observers.len()))
    }
}

/// The future of one or several interceptors.
pub(crate) type Intercepting = Pin<Box<dyn Future<Output = Result<CallStart, Status>> + Send>>;

/// A type-erased interceptor.
pub(crate) trait AnyInterceptor: Send + Sync {
    fn intercept(self: Arc<Self>, call: CallStart) -> Intercepting;
}

impl<I: Interceptor> AnyInterceptor for I {
    fn intercept(self: Arc<Self>, call: CallStart) -> Intercepting {
        Box::pin(async move { Interceptor::intercept(&*self, call).await })
    }
}

/// Interceptors in the order in which they run.
#[derive(Clone, Default)]
pub(crate) struct Interceptors(Vec<Arc<dyn AnyInterceptor>>);

impl Interceptors {
    pub(crate) fn push(&mut self, interceptor: impl Interceptor) {
        self.0.push(Arc::new(interceptor));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Passes a call through all of them, one after another.
    pub(crate) fn run(&self, call: CallStart) -> Intercepting {
        if let [only] = &self.0[..] {
            return Arc::clone(only).intercept(call);
        }
        let all = self.0.clone();
        Box::pin(async move {
            let mut call = call;
            for interceptor in all {
                call = interceptor.intercept(call).await?;
            }
            Ok(call)
        })
    }
}

impl fmt::Debug for Interceptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} interceptors", self.0.len())
    }
}
