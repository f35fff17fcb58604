//! Code that goes around every call of a server or a channel.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
#[cfg(feature = "server")]
use carom_wire::message::PREFIX_LEN;
use carom_wire::{MetadataMap, Status};

use crate::clock;
use crate::extensions::Extensions;
use crate::request::Request;
use crate::transport::PeerAddr;

/// Goes around each call of a server or a channel: before anything of it is sent (channel), or before any of its messages
/// is taken (server), it lets the call pass, changed as it likes, or ends it by a status; and what it
/// [observes](CallStart::observe) tells it of each message and of the end.
///
/// Several run in the order in which the builder was given them; the first one added is the outermost. Raw calls go through
/// them as well. They may wait, but must not block: a server's run in the connection's task, a channel's in the caller's
/// or, for raw calls, in a task of the channel's.
///
/// A server that looks at a token, and times all calls:
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
/// Functions are interceptors that do not wait:
/// ```
/// # use carom::{CallStart, Channel, Status};
/// let builder = Channel::builder("localhost:50051").intercept(|mut call: CallStart| {
///     call.metadata_mut().insert("x-team", "blue").map_err(|error| Status::internal(error.to_string()))?;
///     Ok(call)
/// });
/// ```
pub trait Interceptor: Send + Sync + 'static {
    /// Takes a call that begins.
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

/// A call before its messages: its method, its metadata, from whom it came or what it is to be.
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

    /// The metadata: what a channel sends, or what came to a server.
    pub fn metadata(&self) -> &MetadataMap {
        self.request.metadata()
    }

    /// The metadata, to be changed. At a server this copies what came.
    pub fn metadata_mut(&mut self) -> &mut MetadataMap {
        self.request.metadata_mut()
    }

    /// What is handed on within this process, to handlers for one.
    pub fn extensions(&self) -> &Extensions {
        self.request.extensions()
    }

    /// What is handed on within this process, to be changed.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        self.request.extensions_mut()
    }

    /// The client, at a server.
    pub fn remote_addr(&self) -> Option<&PeerAddr> {
        self.request.remote_addr()
    }

    /// All that a request knows beside its message: deadline, connection and certificates at a server; timeout, compression,
    /// credentials and the like at a channel.
    pub fn request(&self) -> &Request<()> {
        &self.request
    }

    /// The same, to be changed. A raw call of a channel keeps changes of its metadata alone.
    pub fn request_mut(&mut self) -> &mut Request<()> {
        &mut self.request
    }

    /// Has the observer told of the call's messages and of its end. Of several, the one added first is told first.
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

/// Is told what becomes of a call, in the task that the call is in: it must not block. "Request" and "response" are the
/// call's directions, whichever side observes.
pub trait CallObserver: Send + 'static {
    /// A message of the request went out (channel) or came (server).
    fn request_message(&mut self, message: &MessageInfo) {
        let _ = message;
    }

    /// The response's initial metadata came (channel) or goes out (server). Not for calls that end without.
    fn response_metadata(&mut self, metadata: &MetadataMap) {
        let _ = metadata;
    }

    /// A message of the response came (channel) or goes out (server).
    fn response_message(&mut self, message: &MessageInfo) {
        let _ = message;
    }

    /// The call is over. The last that it is told, exactly once.
    fn end(&mut self, end: &CallEnd<'_>) {
        let _ = end;
    }
}

/// A message as it is on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageInfo {
    /// Bytes, compressed as they are, without the prefix.
    pub size: usize,
    /// Whether it is compressed.
    pub compressed: bool,
}

impl MessageInfo {
    pub(crate) fn new(size: usize, compressed: bool) -> Self {
        Self { size, compressed }
    }

    /// Of a message that stands behind its prefix.
    #[cfg(feature = "server")]
    pub(crate) fn of_framed(framed: &[u8]) -> Self {
        Self { size: framed.len().saturating_sub(PREFIX_LEN), compressed: framed.first() == Some(&1) }
    }
}

/// How a call ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct CallEnd<'a> {
    /// Its status, OK included.
    pub status: &'a Status,
    /// Trailing metadata.
    pub trailers: &'a MetadataMap,
    /// Time from when the first observer was added.
    pub duration: Duration,
}

/// What observes one call. Most calls have none, and pay for a look at that.
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

    /// Tells all of something.
    #[inline]
    fn tell(&mut self, tell: impl FnMut(&mut dyn CallObserver)) {
        if let Some(list) = &mut self.0 {
            list.tell(tell);
        }
    }

    #[inline]
    pub(crate) fn request_message(&mut self, message: MessageInfo) {
        self.tell(|observer| observer.request_message(&message));
    }

    #[inline]
    pub(crate) fn response_metadata(&mut self, metadata: &MetadataMap) {
        self.tell(|observer| observer.response_metadata(metadata));
    }

    #[inline]
    pub(crate) fn response_message(&mut self, message: MessageInfo) {
        self.tell(|observer| observer.response_message(&message));
    }

    /// Tells of the end, and forgets who was told.
    pub(crate) fn end(&mut self, status: &Status, trailers: &MetadataMap) {
        let Some(mut list) = self.0.take() else { return };
        let end =
            CallEnd { status, trailers, duration: clock::now().saturating_duration_since(list.started) };
        list.tell(|observer| observer.end(&end));
    }
}

impl ObserverList {
    /// One that panics is told nothing more: the call goes on without it.
    #[cold]
    fn tell(&mut self, mut tell: impl FnMut(&mut dyn CallObserver)) {
        self.observers.retain_mut(|observer| {
            let told = catch_unwind(AssertUnwindSafe(|| tell(&mut **observer)));
            if told.is_err() {
                tracing::error!("an observer of a call panicked");
            }
            told.is_ok()
        });
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} observers", self.0.as_ref().map_or(0, |list| list.observers.len()))
    }
}

/// A future of an interceptor, or of several.
pub(crate) type Intercepting = Pin<Box<dyn Future<Output = Result<CallStart, Status>> + Send>>;

/// An interceptor whose type is forgotten.
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

    /// Lets all of them see a call, one after another.
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
