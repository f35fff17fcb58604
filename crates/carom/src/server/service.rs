//! Services and methods, generated or written by hand.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use carom_wire::Status;
use futures_core::Stream;

use super::running::{OneRequest, OneResponse, Spawned, StartCall, StreamRequest, StreamResponse};
use crate::codec::{Codec, CompressionEncoding};
use crate::request::Request;
use crate::response::Response;
use crate::streaming::Streaming;

/// A service: a name and its methods. Generated server types implement it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service that a server can take",
    label = "not a `Service`",
    note = "an implementation of a generated trait is wrapped by the generated server: `GreeterServer::new(MyGreeter)`"
)]
pub trait Service: Send + Sync + 'static {
    /// The full name, `package.Service`.
    fn name(&self) -> &str;

    /// The methods. Called once, when the service is added to a server.
    fn methods(&self) -> Vec<Method>;

    /// The serialized `google.protobuf.FileDescriptorSet` of the file that declares the service and of its imports,
    /// for reflection.
    fn file_descriptor_set(&self) -> Option<&'static [u8]> {
        None
    }
}

/// The settings of one service that override the server's for its methods. `None` keeps the server's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceOptions {
    /// The largest request message in bytes, decompressed.
    pub max_recv_message_size: Option<usize>,
    /// The largest response message in bytes, before compression.
    pub max_send_message_size: Option<usize>,
    /// The compression of responses for clients that support it.
    pub compression: Option<CompressionEncoding>,
}

/// A method: its name, its kind, and the handler that answers its calls.
///
/// A handler runs in the task of its connection and is polled as soon as its request has arrived; one that computes for
/// long or blocks delays the other calls of the connection and belongs elsewhere: see [`spawned`](Self::spawned) and
/// [`blocking`](Self::blocking). A handler is dropped when its call is cancelled or its deadline passes. One that
/// panics ends its own call with INTERNAL, and affects no other.
#[derive(Clone)]
pub struct Method {
    name: Cow<'static, str>,
    streams_requests: bool,
    streams_responses: bool,
    /// The subtype of the codec.
    subtype: &'static str,
    options: ServiceOptions,
    handler: Arc<dyn StartCall>,
}

impl Method {
    /// Creates a method with one request and one response.
    pub fn unary<C, F, Fut>(name: impl Into<Cow<'static, str>>, codec: C, handler: F) -> Self
    where
        C: Codec,
        F: Fn(Request<C::Decode>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Response<C::Encode>, Status>> + Send + 'static,
    {
        Self {
            name: name.into(),
            streams_requests: false,
            streams_responses: false,
            subtype: C::SUBTYPE,
            options: ServiceOptions::default(),
            handler: Arc::new(OneResponse { codec, handler, request: OneRequest }),
        }
    }

    /// Creates a method with one request and a stream of responses.
    ///
    /// The stream is polled only while the client accepts its messages. Its first error ends the call.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use carom::codec::BytesCodec;
    /// use carom::server::Method;
    /// use carom::{Request, Response, Status};
    /// use futures_util::stream;
    ///
    /// let lines = Method::server_streaming("Lines", BytesCodec, |request: Request<Bytes>| async move {
    ///     let text = String::from_utf8(request.into_inner().to_vec())
    ///         .map_err(|_| Status::invalid_argument("the text is not UTF-8"))?;
    ///     let lines: Vec<_> = text.lines().map(|line| Ok(Bytes::from(line.to_owned()))).collect();
    ///     Ok(Response::new(stream::iter(lines)))
    /// });
    /// ```
    pub fn server_streaming<C, F, Fut, S>(name: impl Into<Cow<'static, str>>, codec: C, handler: F) -> Self
    where
        C: Codec,
        F: Fn(Request<C::Decode>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Response<S>, Status>> + Send + 'static,
        S: Stream<Item = Result<C::Encode, Status>> + Send + 'static,
    {
        Self {
            name: name.into(),
            streams_requests: false,
            streams_responses: true,
            subtype: C::SUBTYPE,
            options: ServiceOptions::default(),
            handler: Arc::new(StreamResponse { codec, handler, request: OneRequest }),
        }
    }

    /// Creates a method with a stream of requests and one response.
    pub fn client_streaming<C, F, Fut>(name: impl Into<Cow<'static, str>>, codec: C, handler: F) -> Self
    where
        C: Codec,
        F: Fn(Request<Streaming<C::Decode>>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Response<C::Encode>, Status>> + Send + 'static,
    {
        Self {
            name: name.into(),
            streams_requests: true,
            streams_responses: false,
            subtype: C::SUBTYPE,
            options: ServiceOptions::default(),
            handler: Arc::new(OneResponse { codec, handler, request: StreamRequest }),
        }
    }

    /// Creates a method with independent streams in both directions.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use carom::codec::BytesCodec;
    /// use carom::server::Method;
    /// use carom::{Request, Response, Streaming};
    /// use futures_util::StreamExt;
    ///
    /// // Each message is sent back as it arrives; an error of the requests ends the responses too.
    /// let echo = Method::bidi_streaming("Echo", BytesCodec, |request: Request<Streaming<Bytes>>| async move {
    ///     Ok(Response::new(request.into_inner().map(|message| message)))
    /// });
    /// ```
    pub fn bidi_streaming<C, F, Fut, S>(name: impl Into<Cow<'static, str>>, codec: C, handler: F) -> Self
    where
        C: Codec,
        F: Fn(Request<Streaming<C::Decode>>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Response<S>, Status>> + Send + 'static,
        S: Stream<Item = Result<C::Encode, Status>> + Send + 'static,
    {
        Self {
            name: name.into(),
            streams_requests: true,
            streams_responses: true,
            subtype: C::SUBTYPE,
            options: ServiceOptions::default(),
            handler: Arc::new(StreamResponse { codec, handler, request: StreamRequest }),
        }
    }

    /// Sets limits and compression of this method alone.
    pub fn with_options(self, options: ServiceOptions) -> Self {
        Self { options, ..self }
    }

    /// Runs the handler, and its response stream, in a separate task on the runtime: for handlers that compute for more
    /// than a few tens of microseconds at a time. It costs a task and two hand-overs per call.
    pub fn spawned(self) -> Self {
        self.elsewhere(false)
    }

    /// Runs the handler on a thread of the runtime's blocking pool: for handlers that block. A cancelled call is
    /// noticed at the handler's next await.
    pub fn blocking(self) -> Self {
        self.elsewhere(true)
    }

    fn elsewhere(self, blocking: bool) -> Self {
        Self { handler: Arc::new(Spawned { inner: self.handler, blocking }), ..self }
    }

    /// The method's name, without its service.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the codec reads messages of this content subtype.
    pub(crate) fn reads(&self, subtype: &[u8]) -> bool {
        self.subtype.is_empty() || self.subtype.as_bytes().eq_ignore_ascii_case(subtype)
    }

    /// Whether the client sends a stream.
    pub fn streams_requests(&self) -> bool {
        self.streams_requests
    }

    /// Whether the server answers with a stream.
    pub fn streams_responses(&self) -> bool {
        self.streams_responses
    }

    pub(crate) fn options(&self) -> ServiceOptions {
        self.options
    }

    pub(crate) fn handler(&self) -> &dyn StartCall {
        &*self.handler
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Method")
            .field("name", &self.name)
            .field("streams_requests", &self.streams_requests)
            .field("streams_responses", &self.streams_responses)
            .finish_non_exhaustive()
    }
}
