//! Streams of received messages.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use carom_wire::{MetadataMap, Status};
use futures_core::Stream;

use crate::codec::Codec;

/// The source of received messages: one side of one call.
pub(crate) trait MessageSource: Send + Sync + 'static {
    /// Polls for the next message, decompressed; `None` after the last one. An error ends the stream.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Status>>;

    /// Whether the last message was compressed.
    fn message_compressed(&self) -> bool;

    /// Takes the metadata that came after the last message (only a client's calls have some). Called only after the
    /// end.
    fn take_trailers(&mut self) -> Option<MetadataMap> {
        None
    }
}

/// A source together with the codec that decodes its messages.
trait DecodedSource<T>: Send + Sync {
    fn poll_decoded(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<T>, Status>>;
    fn message_compressed(&self) -> bool;
    fn take_trailers(&mut self) -> Option<MetadataMap>;
}

struct Decoding<C, S> {
    codec: C,
    source: S,
}

impl<C: Codec, S: MessageSource> DecodedSource<C::Decode> for Decoding<C, S> {
    fn poll_decoded(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<C::Decode>, Status>> {
        match ready!(self.source.poll_message(cx))? {
            Some(payload) => Poll::Ready(self.codec.decode(payload).map(Some)),
            None => Poll::Ready(Ok(None)),
        }
    }

    fn message_compressed(&self) -> bool {
        self.source.message_compressed()
    }

    fn take_trailers(&mut self) -> Option<MetadataMap> {
        self.source.take_trailers()
    }
}

/// The messages that the peer sends in one call, in order. Flow control lets the peer continue as they are taken, so a
/// reader that stops makes the writer wait instead of filling this program's memory.
///
/// The stream ends with `None` (or `Ok(None)`) when the peer has sent its last message and the call has succeeded so
/// far, and with one error otherwise.
///
/// ```no_run
/// # use bytes::Bytes;
/// # use carom::codec::BytesCodec;
/// # use carom::{Channel, Request, Status};
/// # async fn follow(channel: Channel) -> Result<(), Status> {
/// let request = Request::new(Bytes::from("orders"));
/// let mut events = channel.server_streaming("/shop.Feed/Follow", BytesCodec, request).await?.into_inner();
/// while let Some(event) = events.message().await? {
///     println!("{} bytes", event.len());
/// }
/// let trailers = events.trailers().await?;
/// # Ok(()) }
/// ```
pub struct Streaming<T> {
    source: Box<dyn DecodedSource<T>>,
    ended: bool,
}

impl<T> Streaming<T> {
    pub(crate) fn new<C: Codec<Decode = T>>(codec: C, source: impl MessageSource) -> Self {
        Self { source: Box::new(Decoding { codec, source }), ended: false }
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<T>, Status>> {
        if self.ended {
            return Poll::Ready(Ok(None));
        }
        let next = ready!(self.source.poll_decoded(cx));
        self.ended = !matches!(next, Ok(Some(_)));
        Poll::Ready(next)
    }

    /// Returns the next message; `Ok(None)` after the last one.
    pub async fn message(&mut self) -> Result<Option<T>, Status> {
        poll_fn(|cx| self.poll_message(cx)).await
    }

    /// Whether the message last returned was received compressed; `false` before the first.
    pub fn message_compressed(&self) -> bool {
        self.source.message_compressed()
    }

    /// Returns the trailing metadata of a successful call. Messages not yet taken are read and dropped first. A
    /// server's requests have none: `None`.
    pub async fn trailers(&mut self) -> Result<Option<MetadataMap>, Status> {
        while self.message().await?.is_some() {}
        Ok(self.source.take_trailers())
    }
}

impl<T> Stream for Streaming<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_message(cx).map(Result::transpose)
    }
}

impl<T> fmt::Debug for Streaming<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streaming").field("ended", &self.ended).finish_non_exhaustive()
    }
}
