//! A message on its way to a method, with what travels beside it.

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

/// A message, or a stream of messages, with metadata and the facts of its call.
///
/// A client sets what the call shall be (metadata, timeout, …) before it hands the request to a stub; a server's
/// handler reads what came and from whom.
#[derive(Debug)]
pub struct Request<T> {
    message: T,
    context: RequestContext,
}

/// All of a request but its message, so that the message can change its type.
#[derive(Default)]
pub(crate) struct RequestContext {
    /// What was set here; at a server only once someone asked to change what came.
    metadata: Option<MetadataMap>,
    extensions: Extensions,
    options: Option<Box<CallOptions>>,
    origin: Option<Origin>,
    /// Whether the one message that came was compressed.
    pub(crate) message_compressed: bool,
}

/// Where a received request came from.
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
    /// A request without metadata.
    pub fn new(message: T) -> Self {
        Self { message, context: RequestContext::default() }
    }

    /// The message.
    pub fn get_ref(&self) -> &T {
        &self.message
    }

    /// The message, to be changed.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.message
    }

    /// The message alone.
    pub fn into_inner(self) -> T {
        self.message
    }

    /// Metadata, extensions and message. What else the request knew (peer, deadline, options) is given up; keep it with
    /// [`map`](Self::map).
    pub fn into_parts(self) -> (MetadataMap, Extensions, T) {
        let metadata = match self.context.metadata {
            Some(metadata) => metadata,
            None => {
                self.context.origin.map_or_else(MetadataMap::new, |origin| origin.head.metadata().clone())
            }
        };
        (metadata, self.context.extensions, self.message)
    }

    /// Puts together what [`into_parts`](Self::into_parts) took apart.
    pub fn from_parts(metadata: MetadataMap, extensions: Extensions, message: T) -> Self {
        let context = RequestContext { metadata: Some(metadata), extensions, ..RequestContext::default() };
        Self { message, context }
    }

    /// The same request with another message.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Request<U> {
        Request { message: f(self.message), context: self.context }
    }

    pub(crate) fn split(self) -> (RequestContext, T) {
        (self.context, self.message)
    }

    pub(crate) fn join(context: RequestContext, message: T) -> Self {
        Self { message, context }
    }

    /// The metadata: what a client sends, or what came to a server.
    pub fn metadata(&self) -> &MetadataMap {
        static EMPTY: MetadataMap = MetadataMap::new();
        match (&self.context.metadata, &self.context.origin) {
            (Some(metadata), _) => metadata,
            (None, Some(origin)) => origin.head.metadata(),
            (None, None) => &EMPTY,
        }
    }

    /// The metadata, to be changed. At a server this copies what came.
    pub fn metadata_mut(&mut self) -> &mut MetadataMap {
        let origin = &self.context.origin;
        self.context.metadata.get_or_insert_with(|| {
            origin.as_ref().map_or_else(MetadataMap::new, |origin| origin.head.metadata().clone())
        })
    }

    /// What interceptors and handlers of this process hand on.
    pub fn extensions(&self) -> &Extensions {
        &self.context.extensions
    }

    /// The extensions, to be changed.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.context.extensions
    }
}

/// What a client asks of the call.
impl<T> Request<T> {
    pub(crate) fn options_mut(&mut self) -> &mut CallOptions {
        self.context.options.get_or_insert_default()
    }

    /// How long the call may take, from when it is started, connecting included. Default: the channel's, else without
    /// end. Zero ends the call at once with DEADLINE_EXCEEDED.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.options_mut().timeout = Some(timeout);
    }

    /// The timeout: what was set here, or what the client of a received request asked for (`grpc-timeout`).
    pub fn timeout(&self) -> Option<Duration> {
        match (&self.context.options, &self.context.origin) {
            (Some(options), _) if options.timeout.is_some() => options.timeout,
            (_, Some(origin)) => origin.head.timeout,
            _ => None,
        }
    }

    /// Whether the call waits while the channel cannot connect (`true`), or fails with UNAVAILABLE. Default: the
    /// channel's, else `false`.
    pub fn set_wait_for_ready(&mut self, wait: bool) {
        self.options_mut().wait_for_ready = Some(wait);
    }

    /// How the call's messages are compressed, whatever the channel's default is: an encoding, or `None` for not at all.
    pub fn set_compression(&mut self, encoding: impl Into<Option<CompressionEncoding>>) {
        self.options_mut().compression = Some(encoding.into().into());
    }

    /// What says for each message of a request stream whether it is compressed. Default: all are, if the call has an
    /// encoding. One message alone goes by [`set_compression`](Self::set_compression).
    pub fn set_compression_switch(&mut self, switch: &CompressionSwitch) {
        self.options_mut().compression_switch = Some(switch.clone());
    }

    /// The largest message, decompressed, in bytes, that this call takes; a larger one ends it with
    /// RESOURCE_EXHAUSTED. Default: the channel's, else 4 MiB.
    pub fn set_max_recv_message_size(&mut self, bytes: usize) {
        self.options_mut().max_recv_message_size = Some(bytes);
    }

    /// The largest message, in bytes before compression, that this call sends; a larger one ends it with
    /// RESOURCE_EXHAUSTED. Default: the channel's, else without limit.
    pub fn set_max_send_message_size(&mut self, bytes: usize) {
        self.options_mut().max_send_message_size = Some(bytes);
    }

    /// What this call proves itself by, beside the channel's own call credentials. Only over secure connections; on
    /// others the call ends with UNAUTHENTICATED.
    pub fn set_call_credentials(&mut self, credentials: Arc<dyn CallCredentials>) {
        self.options_mut().credentials = Some(credentials);
    }

    /// The `:authority` of this call in place of the channel's.
    pub fn set_authority(&mut self, authority: impl Into<String>) {
        self.options_mut().authority = Some(authority.into());
    }
}

/// What a server's handler may ask about the call.
impl<T> Request<T> {
    /// The address that the call came from; `None` if the request was not received.
    pub fn remote_addr(&self) -> Option<&PeerAddr> {
        self.connection().map(|connection| &connection.peer)
    }

    /// The address of this server that the call came to.
    pub fn local_addr(&self) -> Option<&PeerAddr> {
        self.connection().map(|connection| &connection.local)
    }

    /// Whether the request's one message came compressed. Of a stream's messages
    /// [`Streaming::message_compressed`](crate::Streaming::message_compressed) tells it.
    pub fn message_compressed(&self) -> bool {
        self.context.message_compressed
    }

    /// All that is known of the connection.
    pub fn connection(&self) -> Option<&Arc<ConnectionInfo>> {
        self.context.origin.as_ref().map(|origin| &origin.connection)
    }

    /// The certificate chain that the client proved to hold (mutual TLS), leaf first.
    #[cfg(feature = "tls")]
    pub fn peer_certs(&self) -> Option<Arc<Vec<CertificateDer<'static>>>> {
        self.connection()?.peer_certs.clone()
    }

    /// When the call's deadline passes; `None` if the client set none.
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

    /// A future that resolves when the call is over, for work that a handler starts elsewhere. (The handler itself is
    /// dropped when its call is cancelled.) Never resolves for a request that was not received.
    pub fn cancelled(&self) -> Cancellation {
        self.context.origin.as_ref().map_or_else(Cancellation::never, Origin::cancellation)
    }
}

impl RequestContext {
    #[cfg(feature = "server")]
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

    /// The metadata to send, and the options, of a client's request.
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

/// What can be handed to a method that takes one message: the message, or a [`Request`] around it.
pub trait IntoRequest<T> {
    /// Wraps the message if it is bare.
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

/// What can be handed to a method that takes a stream of messages: the stream, or a [`Request`] around it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a stream of messages",
    label = "not a stream, nor a `Request` around one",
    note = "what iterates becomes a stream by `futures_util::stream::iter(...)`, a channel by `tokio_stream::wrappers`"
)]
pub trait IntoStreamingRequest {
    /// The stream.
    type Stream: Stream<Item = Self::Message> + Send + 'static;
    /// Its messages.
    type Message;
    /// Wraps the stream if it is bare.
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
