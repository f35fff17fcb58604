//! Code that sees every call of a server or a channel.

use carom_wire::Status;

use crate::request::Request;

/// Looks at each call before its handler (server) or before it leaves (channel): refuses it by a status, or lets it
/// pass, with metadata, options and extensions changed as it likes. Several run in the order in which the builder was
/// given them. They must not block: a server's run in the connection's task, a channel's in the caller's.
///
/// Functions are interceptors:
/// ```
/// # use carom::{Channel, Request, Status};
/// let builder = Channel::builder("localhost:50051").intercept(|mut request: Request<()>| {
///     request.metadata_mut().insert("x-team", "blue").map_err(|error| Status::internal(error.to_string()))?;
///     Ok(request)
/// });
/// ```
pub trait Interceptor: Send + Sync + 'static {
    /// Takes the call without its messages.
    ///
    /// # Errors
    /// The status that the call ends with.
    fn intercept(&self, request: Request<()>) -> Result<Request<()>, Status>;
}

impl<F> Interceptor for F
where
    F: Fn(Request<()>) -> Result<Request<()>, Status> + Send + Sync + 'static,
{
    fn intercept(&self, request: Request<()>) -> Result<Request<()>, Status> {
        self(request)
    }
}
