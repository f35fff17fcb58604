//! What looks at calls before they leave.

use carom_wire::Status;

use crate::request::Request;

/// Sees each call of a channel before it starts: may change its metadata, timeout and other options, or refuse it with
/// a status. Interceptors run in the order in which the builder was given them, in the caller's task; they must not
/// block.
///
/// Functions are interceptors:
/// ```
/// # use carom::{Request, Status, client::Channel};
/// let builder = Channel::builder("localhost:50051").intercept(|mut request: Request<()>| {
///     request.metadata_mut().insert("x-team", "blue").map_err(|error| Status::internal(error.to_string()))?;
///     Ok(request)
/// });
/// ```
pub trait Interceptor: Send + Sync + 'static {
    /// Looks at a call. An error ends it.
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
