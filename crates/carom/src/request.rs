//! Requests: a message on its way to a method, with its metadata and options.

use std::sync::Arc;
use std::time::{Duration, Instant};

use carom_wire::MetadataMap;
use carom_wire::call::RequestHead;
use carom_wire::stream::StreamKey;
use futures_core::Stream;
#[cfg(feature = "tls")]
use rustls_pki_types::CertificateDer;

use crate::call_options::CallOptions;
use crate::cancellation::{CancelCell, CancelSource, Cancellation};
use crate::codec::{CompressionEncoding, CompressionSwitch};
use crate::credentials::CallCredentials;
use crate::extensions::Extensions;
use crate::transport::{ConnectionInfo, PeerAddr};

/// A request message, or a stream of them, with metadata and the properties of its call.
///
/// A client sets the properties of the call (metadata, timeout, …) before it passes the request to a stub; a server's
/// handler reads what was received, and from whom.
#[derive(Debug)]
pub struct Request<T> {
    message: T,
    context: RequestContext,
}

/// All of a request except its message, so that the message can change its type.
#[derive(Default)]
pub(crate) struct RequestContext {
    /// The metadata set here; at a server, only once someone asked to change what was received.
    metadata: Option<MetadataMap>,
    extensions: Extensions,
    options: Option<Box<CallOptions>>,
    origin: Option<Origin>,
    /// Whether the one message received was compressed.
    pub(crate) message_compressed: bool,
}

/// The origin of a received request.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) head: Arc<RequestHead>,
    pub(crate) connection: Arc<ConnectionInfo>,
    pub(crate) deadline: Option<Instant>,
    pub(crate) key: StreamKey,
    pub(crate) source: Arc<dyn CancelSource>,
}

impl Origin {
    pub(crate) fn cancellation(&self) -> Cancellation {
        let cell = Arc::new(CancelCell::default());
        self.source.watch(self.key, Arc::clone(&cell));
        Cancellation::new(cell)
    }
}

impl<T> Request<T> {
    /// Creates a request without metadata.
    pub fn new(message: T) -> Self {
        Self { message, context: RequestContext::default() }
    }

    /// The message.
    pub fn get_ref(&self) -> &T {
        &self.message
    }

    /// The message, mutably.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.message
    }

    /// Returns the message, dropping everything else.
    pub fn into_inner(self) -> T {
        self.message
    }

    /// Splits the request into metadata, extensions and message. Everything else (peer, deadline, options) is dropped;
    /// use [`map`](Self::map) to keep it.
    pub fn into_parts(self) -> (MetadataMap, Extensions, T) {
        let metadata = match self.context.metadata {
            Some(metadata) => metadata,
            None => {
                self.context.origin.map_or_else(MetadataMap::new, |origin| origin.head.metadata().clone())
            }
        };
        (metadata, self.context.extensions, self.message)
    }

    /// Reassembles what [`into_parts`](Self::into_parts) split.
    pub fn from_parts(metadata: MetadataMap, extensions: Extensions, message: T) -> Self {
        let context = RequestContext { metadata: Some(metadata), extensions, ..RequestContext::default() };
        Self { message, context }
    }

    /// Returns the same request with another message.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Request<U> {
        Request { message: f(self.message), context: self.context }
    }

    pub(crate) fn split(self) -> (RequestContext, T) {
        (self.context, self.message)
    }

    pub(crate) fn join(context: RequestContext, message: T) -> Self {
        Self { message, context }
    }

    /// The metadata that a client sends, or that a server received.
    pub fn metadata(&self) -> &MetadataMap {
        static EMPTY: MetadataMap = MetadataMap::new();
        match (&self.context.metadata, &self.context.origin) {
            (Some(metadata), _) => metadata,
            (None, Some(origin)) => origin.head.metadata(),
            (None, None) => &EMPTY,
        }
    }

    /// The metadata, mutably. At a server this copies what was received.
    pub fn metadata_mut(&mut self) -> &mut MetadataMap {
        let origin = &self.context.origin;
        self.context.metadata.get_or_insert_with(|| {
            origin.as_ref().map_or_else(MetadataMap::new, |origin| origin.head.metadata().clone())
        })
    }

    /// The values that interceptors and handlers pass on within this process.
    pub fn extensions(&self) -> &Extensions {
        &self.context.extensions
    }

    /// The extensions, mutably.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.context.extensions
    }
}

/// The properties that a client sets for the call.
impl<T> Request<T> {
    pub(crate) fn options_mut(&mut self) -> &mut CallOptions {
        self.context.options.get_or_insert_default()
    }

    /// Sets the time that the call may take from its start, connecting included. Default: the channel's, else
    /// unlimited. Zero ends the call at once with DEADLINE_EXCEEDED.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.options_mut().timeout = Some(timeout);
    }

    /// The timeout: the one set here, or the one that the client of a received request sent (`grpc-timeout`).
    pub fn timeout(&self) -> Option<Duration> {
        match (&self.context.options, &self.context.origin) {
            (Some(options), _) if options.timeout.is_some() => options.timeout,
            (_, Some(origin)) => origin.head.timeout,
            _ => None,
        }
    }

    /// Sets whether the call waits while the channel cannot connect (`true`), or fails with UNAVAILABLE. Default: the
    /// channel's, else `false`.
    pub fn set_wait_for_ready(&mut self, wait: bool) {
        self.options_mut().wait_for_ready = Some(wait);
    }

    /// Sets how the call's messages are compressed, overriding the channel's default: an encoding, or `None` for no
    /// compression.
    pub fn set_compression(&mut self, encoding: impl Into<Option<CompressionEncoding>>) {
        self.options_mut().compression = Some(encoding.into().into());
    }

    /// Sets the switch that decides for each message of a request stream whether it is compressed. Default: all are, if
    /// the call has an encoding. A single message depends only on [`set_compression`](Self::set_compression).
    pub fn set_compression_switch(&mut self, switch: &CompressionSwitch) {
        self.options_mut().compression_switch = Some(switch.clone());
    }

    /// Sets the largest message that this call accepts, decompressed, in bytes; a larger one ends it with
    /// RESOURCE_EXHAUSTED. Default: the channel's, else 4 MiB.
    pub fn set_max_recv_message_size(&mut self, bytes: usize) {
        self.options_mut().max_recv_message_size = Some(bytes);
    }

    /// Sets the largest message that this call sends, in bytes before compression; a larger one ends it with
    /// RESOURCE_EXHAUSTED. Default: the channel's, else no limit.
    pub fn set_max_send_message_size(&mut self, bytes: usize) {
        self.options_mut().max_send_message_size = Some(bytes);
    }

    /// Sets credentials for this call, in addition to the channel's own call credentials. Only over secure connections;
    /// on others the call ends with UNAUTHENTICATED.
    pub fn set_call_credentials(&mut self, credentials: Arc<dyn CallCredentials>) {
        self.options_mut().credentials = Some(credentials);
    }

    /// Sets the `:authority` of this call, in place of the channel's.
    pub fn set_authority(&mut self, authority: impl Into<String>) {
        self.options_mut().authority = Some(authority.into());
    }
}

/// The properties of the call that a server's handler can read.
impl<T> Request<T> {
    /// The address that the call came from; `None` if the request was not received.
    pub fn remote_addr(&self) -> Option<&PeerAddr> {
        self.connection().map(|connection| &connection.peer)
    }

    /// The address of this server that the call was received at.
    pub fn local_addr(&self) -> Option<&PeerAddr> {
        self.connection().map(|connection| &connection.local)
    }

    /// Whether the request's one message was received compressed. For the messages of a stream, see
    /// [`Streaming::message_compressed`](crate::Streaming::message_compressed).
    pub fn message_compressed(&self) -> bool {
        self.context.message_compressed
    }

    /// The properties of the connection.
    pub fn connection(&self) -> Option<&Arc<ConnectionInfo>> {
        self.context.origin.as_ref().map(|origin| &origin.connection)
    }

    /// The certificate chain that the client authenticated with (mutual TLS), leaf first.
    #[cfg(feature = "tls")]
    pub fn peer_certs(&self) -> Option<Arc<Vec<CertificateDer<'static>>>> {
        self.connection()?.peer_certs.clone()
    }

    /// The deadline of the call; `None` if the client set none.
    pub fn deadline(&self) -> Option<Instant> {
        self.context.origin.as_ref()?.deadline
    }

    /// The full method name, `/package.Service/Method`; empty if the request was not received.
    pub fn method(&self) -> &str {
        self.context.origin.as_ref().map_or("", |origin| origin.head.path_str())
    }

    /// The authority (host) that the client called.
    pub fn authority(&self) -> Option<&str> {
        let authority = self.context.origin.as_ref()?.head.authority.as_ref()?;
        std::str::from_utf8(authority).ok()
    }

    /// Returns a future that resolves when the call is over, for work that a handler starts elsewhere. (The handler
    /// itself is dropped when its call is cancelled.) It never resolves for a request that was not received.
    pub fn cancelled(&self) -> Cancellation {
        self.context.origin.as_ref().map_or_else(Cancellation::never, Origin::cancellation)
    }
}

impl RequestContext {
    /// The metadata, if someone asked to change it.
    #[cfg(feature = "server")]
    pub(crate) fn changed_metadata(&self) -> Option<&MetadataMap> {
        self.metadata.as_ref()
    }

    #[cfg(feature = "server")]
    pub(crate) fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    #[cfg(feature = "server")]
    pub(crate) fn received(origin: Origin) -> Self {
        Self { origin: Some(origin), ..Self::default() }
    }

    /// The metadata to send and the options of a client's request.
    #[cfg(feature = "client")]
    pub(crate) fn into_outgoing(self) -> (MetadataMap, CallOptions, Extensions) {
        let metadata = self.metadata.unwrap_or_default();
        (metadata, self.options.map(|options| *options).unwrap_or_default(), self.extensions)
    }
}

impl std::fmt::Debug for RequestContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestContext")
            .field("metadata", &self.metadata)
            .field("extensions", &self.extensions)
            .field("options", &self.options)
            .field("method", &self.origin.as_ref().map(|origin| origin.head.path_str()))
            .finish()
    }
}

/// The argument of a method that takes one message: the message, or a [`Request`] around it.
pub trait IntoRequest<T> {
    /// Wraps the message in a request, unless it is one.
    fn into_request(self) -> Request<T>;
}

impl<T> IntoRequest<T> for T {
    fn into_request(self) -> Request<Self> {
        Request::new(self)
    }
}

impl<T> IntoRequest<T> for Request<T> {
    fn into_request(self) -> Self {
        self
    }
}

/// The argument of a method that takes a stream of messages: the stream, or a [`Request`] around it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a stream of messages",
    label = "not a stream, nor a `Request` around one",
    note = "what iterates becomes a stream by `futures_util::stream::iter(...)`, a channel by `tokio_stream::wrappers`"
)]
pub trait IntoStreamingRequest {
    /// The stream.
    type Stream: Stream<Item = Self::Message> + Send + 'static;
    /// The type of its messages.
    type Message;
    /// Wraps the stream in a request, unless it is one.
    fn into_streaming_request(self) -> Request<Self::Stream>;
}

impl<S: Stream + Send + 'static> IntoStreamingRequest for S {
    type Stream = S;
    type Message = S::Item;

    fn into_streaming_request(self) -> Request<S> {
        Request::new(self)
    }
}

impl<S: Stream + Send + 'static> IntoStreamingRequest for Request<S> {
    type Stream = S;
    type Message = S::Item;

    fn into_streaming_request(self) -> Self {
        self
    }
}
