//! The four kinds of typed calls, as used by generated stubs.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use carom_wire::{Code, MetadataMap, Status};
use futures_core::Stream;
use smallvec::SmallVec;

use super::call::{Limits, RawCall, encode_framed, inflate};
use super::channel::Channel;
use super::guarded;
use crate::client::connection::slot::{Batch, CallSlot, SenderState};
use crate::codec::{Codec, CompressionSwitch, append_message};
use crate::interceptor::Observers;
use crate::request::Request;
use crate::response::Response;
use crate::streaming::{MessageSource, Streaming};

impl Channel {
    /// Calls a unary method: one message out, one message in. `method` is the full name, `/package.Service/Method`.
    ///
    /// # Errors
    /// The status that the call ended with: the server's, or one of this side, such as UNAVAILABLE or
    /// DEADLINE_EXCEEDED.
    pub async fn unary<C: Codec>(
        &self,
        method: &'static str,
        codec: C,
        request: Request<C::Encode>,
    ) -> Result<Response<C::Decode>, Status> {
        let mut observers = Observers::default();
        let mut request = request;
        if self.has_interceptors() {
            (request, observers) = Box::pin(self.intercept(method, request)).await?;
        }
        let call = self.start_with_message(method, &codec, request, observers);
        unary_response(&call, &codec).await
    }

    /// Calls a server-streaming method: one message out, a stream of messages in. Returns when the response's head has
    /// arrived.
    ///
    /// # Errors
    /// Those of [`unary`](Self::unary); later errors come from the stream.
    pub async fn server_streaming<C: Codec>(
        &self,
        method: &'static str,
        codec: C,
        request: Request<C::Encode>,
    ) -> Result<Response<Streaming<C::Decode>>, Status> {
        let mut observers = Observers::default();
        let mut request = request;
        if self.has_interceptors() {
            (request, observers) = Box::pin(self.intercept(method, request)).await?;
        }
        let call = self.start_with_message(method, &codec, request, observers);
        streaming_response(call, codec).await
    }

    /// Calls a client-streaming method: a stream of messages out, one message in. The stream is read in a task on the
    /// channel's runtime, no faster than the server accepts it, and dropped when the call is over.
    ///
    /// # Errors
    /// Those of [`unary`](Self::unary).
    pub async fn client_streaming<C: Codec, S>(
        &self,
        method: &'static str,
        codec: C,
        request: Request<S>,
    ) -> Result<Response<C::Decode>, Status>
    where
        S: Stream<Item = C::Encode> + Send + 'static,
    {
        let mut observers = Observers::default();
        let mut request = request;
        if self.has_interceptors() {
            (request, observers) = Box::pin(self.intercept(method, request)).await?;
        }
        let call = self.start_with_stream(method, &codec, request, observers);
        unary_response(&call, &codec).await
    }

    /// Calls a bidirectional method: streams of messages both ways. Returns when the response's head has arrived; the
    /// request stream is read meanwhile, as in [`client_streaming`](Self::client_streaming).
    ///
    /// # Errors
    /// Those of [`unary`](Self::unary); later errors come from the stream.
    pub async fn bidi_streaming<C: Codec, S>(
        &self,
        method: &'static str,
        codec: C,
        request: Request<S>,
    ) -> Result<Response<Streaming<C::Decode>>, Status>
    where
        S: Stream<Item = C::Encode> + Send + 'static,
    {
        let mut observers = Observers::default();
        let mut request = request;
        if self.has_interceptors() {
            (request, observers) = Box::pin(self.intercept(method, request)).await?;
        }
        let call = self.start_with_stream(method, &codec, request, observers);
        streaming_response(call, codec).await
    }

    fn start_with_message<C: Codec>(
        &self,
        method: &'static str,
        codec: &C,
        request: Request<C::Encode>,
        observers: Observers,
    ) -> RawCall {
        let (context, message) = request.split();
        let (metadata, mut options, _) = context.into_outgoing();
        options.content_subtype = Some(C::SUBTYPE);
        self.start(Bytes::from_static(method.as_bytes()), options, metadata, Some(observers), |limits| {
            Ok((SmallVec::from_buf([encode_framed(codec, &message, limits)?]), true))
        })
    }

    fn start_with_stream<C: Codec, S>(
        &self,
        method: &'static str,
        codec: &C,
        request: Request<S>,
        observers: Observers,
    ) -> RawCall
    where
        S: Stream<Item = C::Encode> + Send + 'static,
    {
        let (context, stream) = request.split();
        let (metadata, mut options, _) = context.into_outgoing();
        let switch = options.compression_switch.take();
        options.content_subtype = Some(C::SUBTYPE);
        let path = Bytes::from_static(method.as_bytes());
        let call = self.start(path, options, metadata, Some(observers), |_| Ok((SmallVec::new(), false)));
        let slot = Arc::clone(&call.slot);
        let sending = send_all(Arc::clone(&slot), call.limits.clone(), switch, codec.clone(), stream);
        guarded::spawn(&self.shared().runtime, slot, "the stream of requests", sending);
        call
    }
}

/// Sends the messages of `stream` as the connection accepts them. Ends with the stream or with the call.
async fn send_all<C: Codec>(
    call: Arc<CallSlot>,
    limits: Limits,
    switch: Option<CompressionSwitch>,
    codec: C,
    stream: impl Stream<Item = C::Encode> + Send,
) {
    let mut stream = pin!(stream);
    poll_fn(|cx| poll_send(&call, (&limits, switch.as_ref()), &codec, stream.as_mut(), cx)).await;
}

fn poll_send<C: Codec, S: Stream<Item = C::Encode>>(
    call: &Arc<CallSlot>,
    (limits, switch): (&Limits, Option<&CompressionSwitch>),
    codec: &C,
    mut stream: Pin<&mut S>,
    cx: &mut Context<'_>,
) -> Poll<()> {
    /// Small messages are handed over together, up to about this many bytes: the payload of one DATA frame.
    const TOGETHER: usize = 16 * 1024;
    /// The bytes handed over in one go before other tasks get their turn.
    const BYTES_PER_TURN: usize = 4 * TOGETHER;
    let mut handed_over = 0;
    while handed_over < BYTES_PER_TURN {
        match call.poll_sender(cx) {
            SenderState::Over => return Poll::Ready(()),
            SenderState::Held => return Poll::Pending,
            SenderState::Free => {}
        }
        let mut chunk = BytesMut::new();
        let mut next = Poll::Ready(());
        let mut last = false;
        while chunk.len() < TOGETHER && next.is_ready() && !last {
            match stream.as_mut().poll_next(cx) {
                Poll::Ready(Some(message)) => {
                    let compression = CompressionSwitch::apply(switch, limits.compression);
                    let framed = append_message(
                        codec,
                        &message,
                        compression,
                        |len| limits.check_sent(len),
                        &mut chunk,
                    );
                    if let Err(status) = framed {
                        call.cancel(|| status);
                        return Poll::Ready(());
                    }
                }
                Poll::Ready(None) => last = true,
                Poll::Pending => next = Poll::Pending,
            }
        }
        handed_over += chunk.len();
        if !chunk.is_empty() || last {
            call.send(Some(chunk.freeze()).filter(|chunk| !chunk.is_empty()), last);
        }
        if last {
            return Poll::Ready(());
        }
        ready!(next);
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

async fn unary_response<C: Codec>(call: &RawCall, codec: &C) -> Result<Response<C::Decode>, Status> {
    let outcome = poll_fn(|cx| call.poll_unary(cx)).await;
    match outcome.message {
        Some(payload) => {
            let mut response = Response::new(codec.decode(payload)?);
            *response.metadata_mut() = outcome.initial_metadata;
            *response.trailers_mut() = outcome.trailing_metadata;
            response.message_compressed = outcome.compressed;
            Ok(response)
        }
        None => {
            let mut status = outcome.status;
            if !outcome.initial_metadata.is_empty() {
                status.set_initial_metadata(outcome.initial_metadata);
            }
            Err(status)
        }
    }
}

async fn streaming_response<C: Codec>(
    call: RawCall,
    codec: C,
) -> Result<Response<Streaming<C::Decode>>, Status> {
    let metadata =
        poll_fn(|cx| call.slot.poll_head(cx, |head| head.map(|head| std::mem::take(&mut head.metadata))))
            .await;
    let metadata = match metadata {
        Some(metadata) => metadata,
        None => {
            let (status, _) = poll_fn(|cx| call.poll_status(cx)).await;
            if status.code() != Code::Ok {
                return Err(status);
            }
            // Trailers-Only with OK is a stream without messages. Any metadata is trailing.
            MetadataMap::new()
        }
    };
    let mut response =
        Response::new(Streaming::new(codec, Received { call, batch: Batch::default(), compressed: false }));
    *response.metadata_mut() = metadata;
    Ok(response)
}

/// The messages of a response stream.
struct Received {
    call: RawCall,
    batch: Batch,
    /// Whether the last message was compressed.
    compressed: bool,
}

impl MessageSource for Received {
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Status>> {
        let slot = &self.call.slot;
        let mut next = self.batch.next(slot);
        if next.is_none() {
            ready!(slot.poll_batch(cx, &mut self.batch));
            next = self.batch.next(slot);
        }
        if let Some(message) = next {
            self.compressed = message.compressed;
            // `inflate` does this too, but is not inlined: the call would be a tenth of the cost of a small message.
            if !message.compressed {
                return Poll::Ready(Ok(Some(message.payload)));
            }
            let payload = inflate(message, self.batch.encoding(), self.call.limits.max_recv());
            return Poll::Ready(payload.map(Some).inspect_err(|status| slot.fail(status.clone())));
        }
        slot.poll_end(cx, |end| match end.status.code() {
            Code::Ok => Ok(None),
            _ => Err(end.status.clone()),
        })
    }

    fn message_compressed(&self) -> bool {
        self.compressed
    }

    fn take_trailers(&mut self) -> Option<MetadataMap> {
        self.call.slot.ended_metadata()
    }
}
