//! Code that sees every call before its handler does.

use carom_wire::Status;

use crate::request::Request;

/// Looks at each call before its handler: refuses it by a status, or lets it pass, with metadata and extensions changed
/// as it likes. Runs in the connection's task and must not block.
pub trait Interceptor: Send + Sync + 'static {
    /// Takes the call without its messages.
    ///
    /// # Errors
    /// The status that the call is refused with.
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
