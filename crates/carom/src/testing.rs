//! Servers and channels within one process, for tests of services and of their callers: no socket, no port.
//!
//! A service is called through the whole of the library, so that metadata, deadlines, limits and cancellation are as in
//! production:
//! ```
//! # use bytes::Bytes;
//! use carom::codec::BytesCodec;
//! use carom::server::Method;
//! use carom::testing::{InProcess, StubService};
//! use carom::{Request, Response, Status};
//!
//! # async fn shout(request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
//! #     Ok(Response::new(request.into_inner().to_ascii_uppercase().into()))
//! # }
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! // A generated server, `GreeterServer::new(MyGreeter)`, or what stands in for another team's:
//! let service = StubService::new("shout.Shout").method(Method::unary("Shout", BytesCodec, shout));
//! let test = InProcess::new(service);
//!
//! // With generated code: `GreeterClient::new(test.channel())`.
//! let request = Request::new(Bytes::from("hello"));
//! let response = test.channel().unary("/shout.Shout/Shout", BytesCodec, request).await.unwrap();
//! assert_eq!(response.into_inner(), "HELLO");
//!
//! // Nothing is left running.
//! test.finish().await;
//! # }
//! ```
//!
//! Time is that of the runtime, so that tests of deadlines, retries and back-off need not wait:
//! `#[tokio::test(start_paused = true)]` lets it leap to the next timer whenever every task waits.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::Channel;
use crate::client::ChannelBuilder;
use crate::client::resolver::FixedResolver;
use crate::server::{self, Method, Server, Service};
use crate::transport::{Address, ByteStream, Connecting, PeerAddr};

/// A server and a channel to it in the same process.
///
/// Dropping it closes the channel and stops the server at once; [`finish`](Self::finish) also checks that nothing is left
/// running.
#[derive(Debug)]
pub struct InProcess {
    server: Server,
    channel: Channel,
}

impl InProcess {
    /// The name of both ends, in messages and as the peer's address.
    const NAME: &str = "in-process";
    /// The time that [`finish`](Self::finish) gives calls to end.
    const PATIENCE: Duration = Duration::from_secs(5);

    /// Starts a server with one service.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn new(service: impl Service) -> Self {
        Self::with(Server::builder().add_service(service))
    }

    /// Starts a server with what the builder has: several services, interceptors, limits. Addresses that it is bound to
    /// are listened at as well.
    ///
    /// # Panics
    /// Outside of a tokio runtime, and if the server cannot be started; the message says why.
    pub fn with(builder: server::Builder) -> Self {
        let server = builder.start(Handle::current()).unwrap_or_else(|error| panic!("{error}"));
        let channel = Self::channel_to(&server).connect_lazy().unwrap_or_else(|error| panic!("{error}"));
        Self { server, channel }
    }

    /// The channel to the server.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Returns a builder of further channels to the server, for interceptors, retries or limits.
    pub fn channel_builder(&self) -> ChannelBuilder {
        Self::channel_to(&self.server)
    }

    fn channel_to(server: &Server) -> ChannelBuilder {
        /// What one end may write before the other reads it.
        const BUFFER: usize = 64 * 1024;
        let server = server.clone();
        let connect = move |_: &Address| -> Connecting {
            let (ours, theirs) = tokio::io::duplex(BUFFER);
            // A server that was stopped drops its end, which the channel sees as a lost connection.
            server.serve_connection(theirs, PeerAddr::Named(Self::NAME.into()));
            Box::pin(async { Ok(Box::new(ours) as Box<dyn ByteStream>) })
        };
        Channel::builder(Self::NAME)
            .resolver(Arc::new(FixedResolver::new(vec![Address::Named(Self::NAME.into())])))
            .connector(connect)
    }

    /// Stops the server, closes the channel once its calls have ended, and checks that nothing is left.
    ///
    /// # Panics
    /// If calls still run after five seconds: a handler waits for what never comes, or someone holds on to a stream.
    pub async fn finish(self) {
        self.server.shutdown(None);
        if tokio::time::timeout(Self::PATIENCE, self.server.terminated()).await.is_err() {
            let connections = self.server.connections();
            panic!(
                "calls are still running, on {connections} connections, {:?} after the end",
                Self::PATIENCE
            );
        }
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        self.channel.close();
        self.server.shutdown(Some(Duration::ZERO));
    }
}

/// A service of closures, in the place of one that a test does not have.
///
/// Methods that it lacks are UNIMPLEMENTED. See the [module](self) for an example.
#[derive(Debug)]
pub struct StubService {
    name: String,
    methods: Vec<Method>,
}

impl StubService {
    /// Creates a service without methods; `name` is the full name, `package.Service`.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), methods: Vec::new() }
    }

    /// Adds a method, by [`Method::unary`] and its like.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.methods.push(method);
        self
    }
}

impl Service for StubService {
    fn name(&self) -> &str {
        &self.name
    }

    fn methods(&self) -> Vec<Method> {
        self.methods.clone()
    }
}
