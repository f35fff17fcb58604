use crate::codec::CompressionEncoding;
use crate::request::Request;

/// What a generated client sets for all of its calls. A request's own options win.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct StubOptions {
    /// The largest message taken, in bytes. `None`: the channel's limit.
    pub max_recv_message_size: Option<usize>,
    /// The largest message sent, in bytes. `None`: the channel's limit.
    pub max_send_message_size: Option<usize>,
    /// How messages are compressed. `None`: as the channel does it.
    pub compression: Option<CompressionEncoding>,
}

impl StubOptions {
    /// Gives a request what it does not say itself.
    pub fn apply<T>(&self, mut request: Request<T>) -> Request<T> {
        request.default_options(self.max_recv_message_size, self.max_send_message_size, self.compression);
        request
    }
}
