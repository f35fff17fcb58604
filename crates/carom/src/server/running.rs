//! Running calls: what a connection polls until the whole answer is given, and how the four kinds of handlers implement
//! it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use carom_wire::call::RequestHead;
use carom_wire::{MetadataMap, Status};
use futures_core::Stream;
use pin_project_lite::pin_project;
use tokio::sync::mpsc;

use super::call::MessageReceiver;
use super::lifecycle::Admission;
use crate::codec::{Codec, CompressionEncoding, CompressionSwitch, Encodings, append_message};
use crate::panics;
use crate::request::{Request, RequestContext};
use crate::response::{Answer, Response};
use crate::streaming::Streaming;

/// A piece of an answer, in the order in which it is to be sent. A message is in the buffer given to
/// [`Running::poll_step`], after its prefix, so that a small one costs no allocation.
pub(crate) enum Step {
    /// The whole answer of a call with one response message. Ends the call.
    Unary { metadata: MetadataMap, encoding: Option<CompressionEncoding>, trailers: MetadataMap },
    /// The head; messages follow.
    Head { metadata: MetadataMap, encoding: Option<CompressionEncoding> },
    /// One message.
    Message,
    /// The end of the call: its trailing metadata if it succeeded, or the status if it failed.
    End(Result<MetadataMap, Status>),
}

/// A running call, which gives its answer step by step. It is not polled after a step that ends the call. `buffer` is
/// shared by all calls of a connection; unless a step says that it contains something, its contents are meaningless.
pub(crate) trait Running: Send {
    fn poll_step(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<Step>;
}

/// Everything that is needed to start a call.
pub(crate) struct CallInput {
    pub(crate) context: RequestContext,
    pub(crate) body: MessageReceiver,
    pub(crate) sending: Sending,
}

/// The type-erased handler of a method.
pub(crate) trait StartCall: Send + Sync {
    /// Runs the handler up to its first await at most.
    ///
    /// `occupied` is cloned by work that continues elsewhere after the call is gone, so that it still counts.
    fn start(&self, input: CallInput, occupied: &Occupied) -> Result<Pin<Box<dyn Running>>, Status>;
}

/// A token of a call's work: as long as a clone exists, the call counts against the limits of its connection and its
/// server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Occupied {
    pub(crate) connection: Arc<()>,
    #[expect(dead_code, reason = "it counts as long as it is there")]
    pub(crate) server: Option<Arc<Admission>>,
}

/// The encoding and limits of the messages of one answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sending {
    /// The encoding that the server prefers.
    pub(crate) preferred: Option<CompressionEncoding>,
    /// The encodings that the client can read.
    pub(crate) accepted: Encodings,
    /// The largest message in bytes before compression.
    pub(crate) max_message_size: usize,
}

impl Sending {
    /// The encoding to use, given the handler's choice.
    pub(crate) fn encoding(&self, wish: Option<Option<CompressionEncoding>>) -> Option<CompressionEncoding> {
        wish.unwrap_or(self.preferred).filter(|encoding| self.accepted.contains(*encoding))
    }

    /// Encodes a message, after its prefix, as the only content of `buffer`.
    fn frame<C: Codec>(
        &self,
        codec: &C,
        message: &C::Encode,
        encoding: Option<CompressionEncoding>,
        buffer: &mut BytesMut,
    ) -> Result<(), Status> {
        buffer.clear();
        append_message(codec, message, encoding, |len| self.check_size(len), buffer)
    }

    pub(crate) fn check_size(&self, len: usize) -> Result<(), Status> {
        // The prefix has four bytes for the length.
        let max = self.max_message_size.min(u32::MAX as usize);
        if len > max {
            return Err(Status::resource_exhausted(format!(
                "SERVER: Sent message larger than max ({len} vs. {max})"
            )));
        }
        Ok(())
    }
}

/// The handler of a method with one response message; `Req` creates its argument.
pub(crate) struct OneResponse<C, F, Req> {
    pub(crate) codec: C,
    pub(crate) handler: F,
    pub(crate) request: Req,
}

/// The handler of a method with a stream of responses.
pub(crate) struct StreamResponse<C, F, Req> {
    pub(crate) codec: C,
    pub(crate) handler: F,
    pub(crate) request: Req,
}

/// Creates a handler's argument from what was received.
pub(crate) trait MakeRequest<C: Codec>: Send + Sync {
    type Message;
    fn make(&self, codec: &C, body: MessageReceiver) -> Result<Self::Message, Status>;
}

/// One request message.
pub(crate) struct OneRequest;
/// A stream of request messages.
pub(crate) struct StreamRequest;

impl<C: Codec> MakeRequest<C> for OneRequest {
    type Message = C::Decode;

    fn make(&self, codec: &C, mut body: MessageReceiver) -> Result<C::Decode, Status> {
        match body.try_message()? {
            Some(payload) => codec.decode(payload),
            None => Err(Status::internal("the call was started before its message arrived")),
        }
    }
}

impl<C: Codec> MakeRequest<C> for StreamRequest {
    type Message = Streaming<C::Decode>;

    fn make(&self, codec: &C, body: MessageReceiver) -> Result<Self::Message, Status> {
        Ok(Streaming::new(codec.clone(), body))
    }
}

impl<C, F, Fut, Req> StartCall for OneResponse<C, F, Req>
where
    C: Codec,
    Req: MakeRequest<C>,
    F: Fn(Request<Req::Message>) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Response<C::Encode>, Status>> + Send + 'static,
{
    fn start(&self, mut input: CallInput, _occupied: &Occupied) -> Result<Pin<Box<dyn Running>>, Status> {
        input.context.message_compressed = input.body.message_compressed();
        let message = self.request.make(&self.codec, input.body)?;
        let future = (self.handler)(Request::join(input.context, message));
        Ok(Box::pin(OneResponseRunning { codec: self.codec.clone(), sending: input.sending, future }))
    }
}

impl<C, F, Fut, S, Req> StartCall for StreamResponse<C, F, Req>
where
    C: Codec,
    Req: MakeRequest<C>,
    F: Fn(Request<Req::Message>) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Response<S>, Status>> + Send + 'static,
    S: Stream<Item = Result<C::Encode, Status>> + Send + 'static,
{
    fn start(&self, mut input: CallInput, _occupied: &Occupied) -> Result<Pin<Box<dyn Running>>, Status> {
        input.context.message_compressed = input.body.message_compressed();
        let message = self.request.make(&self.codec, input.body)?;
        let future = (self.handler)(Request::join(input.context, message));
        Ok(Box::pin(StreamResponseRunning {
            codec: self.codec.clone(),
            sending: input.sending,
            state: StreamState::Starting { future },
        }))
    }
}

pin_project! {
    struct OneResponseRunning<C, Fut> {
        codec: C,
        sending: Sending,
        #[pin]
        future: Fut,
    }
}

impl<C, Fut> Running for OneResponseRunning<C, Fut>
where
    C: Codec,
    Fut: Future<Output = Result<Response<C::Encode>, Status>> + Send,
{
    fn poll_step(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<Step> {
        let this = self.project();
        let answer = match ready!(this.future.poll(cx)) {
            Ok(response) => response.into_answer(),
            Err(status) => return Poll::Ready(Step::End(Err(status))),
        };
        let Answer { message, metadata, trailers, compression, .. } = answer;
        let encoding = this.sending.encoding(compression);
        Poll::Ready(match this.sending.frame(this.codec, &message, encoding, buffer) {
            Ok(()) => Step::Unary { metadata, encoding, trailers },
            Err(status) => Step::End(Err(status)),
        })
    }
}

pin_project! {
    struct StreamResponseRunning<C, Fut, S> {
        codec: C,
        sending: Sending,
        #[pin]
        state: StreamState<Fut, S>,
    }
}

pin_project! {
    #[project = StreamStateProj]
    enum StreamState<Fut, S> {
        Starting { #[pin] future: Fut },
        Streaming {
            #[pin]
            stream: S,
            encoding: Option<CompressionEncoding>,
            switch: Option<CompressionSwitch>,
            trailers: MetadataMap,
        },
    }
}

impl<C, Fut, S> Running for StreamResponseRunning<C, Fut, S>
where
    C: Codec,
    Fut: Future<Output = Result<Response<S>, Status>> + Send,
    S: Stream<Item = Result<C::Encode, Status>> + Send,
{
    fn poll_step(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<Step> {
        let mut this = self.project();
        match this.state.as_mut().project() {
            StreamStateProj::Starting { future } => {
                let answer = match ready!(future.poll(cx)) {
                    Ok(response) => response.into_answer(),
                    Err(status) => return Poll::Ready(Step::End(Err(status))),
                };
                let Answer { message: stream, metadata, trailers, compression, compression_switch: switch } =
                    answer;
                let encoding = this.sending.encoding(compression);
                this.state.set(StreamState::Streaming { stream, encoding, switch, trailers });
                Poll::Ready(Step::Head { metadata, encoding })
            }
            StreamStateProj::Streaming { stream, encoding, switch, trailers } => {
                Poll::Ready(match ready!(stream.poll_next(cx)) {
                    Some(Ok(message)) => {
                        let encoding = CompressionSwitch::apply(switch.as_ref(), *encoding);
                        match this.sending.frame(this.codec, &message, encoding, buffer) {
                            Ok(()) => Step::Message,
                            Err(status) => Step::End(Err(status)),
                        }
                    }
                    Some(Err(status)) => Step::End(Err(status)),
                    None => Step::End(Ok(std::mem::take(trailers))),
                })
            }
        }
    }
}

/// A handler that runs another one outside of the connection's task.
pub(crate) struct Spawned {
    pub(crate) inner: Arc<dyn StartCall>,
    /// Whether it runs on a thread of the blocking pool rather than in a task.
    pub(crate) blocking: bool,
}

/// The number of steps that may wait between a handler in another task and its connection.
const STEPS_IN_FLIGHT: usize = 16;

impl StartCall for Spawned {
    fn start(&self, input: CallInput, occupied: &Occupied) -> Result<Pin<Box<dyn Running>>, Status> {
        let (steps, receiver) = mpsc::channel(STEPS_IN_FLIGHT);
        let inner = Arc::clone(&self.inner);
        let occupied = occupied.clone();
        let work = async move {
            // `occupied` is held until this ends.
            let work = async {
                match inner.start(input, &occupied) {
                    Ok(running) => hand_over(running, &steps).await,
                    // If the receiver is gone, nobody needs the answer.
                    Err(status) => drop(steps.send((Step::End(Err(status)), BytesMut::new())).await),
                }
            };
            // The end of the call is noticed at the handler's next await and drops it there, as it does in place.
            let mut work = std::pin::pin!(work);
            let mut gone = std::pin::pin!(steps.closed());
            std::future::poll_fn(|cx| match gone.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(()),
                Poll::Pending => work.as_mut().poll(cx),
            })
            .await;
        };
        if self.blocking {
            let runtime = tokio::runtime::Handle::current();
            tokio::task::spawn_blocking(move || runtime.block_on(work));
        } else {
            tokio::spawn(work);
        }
        Ok(Box::pin(SpawnedRunning { receiver }))
    }
}

/// A step, and the contents of the buffer that it left.
type StepAndMessage = (Step, BytesMut);

async fn hand_over(mut running: Pin<Box<dyn Running>>, steps: &mpsc::Sender<StepAndMessage>) {
    let mut buffer = BytesMut::new();
    loop {
        buffer.clear();
        let step = std::future::poll_fn(|cx| running.as_mut().poll_step(cx, &mut buffer)).await;
        let last = matches!(step, Step::Unary { .. } | Step::End(_));
        if steps.send((step, buffer.split())).await.is_err() || last {
            return;
        }
    }
}

struct SpawnedRunning {
    receiver: mpsc::Receiver<StepAndMessage>,
}

impl Running for SpawnedRunning {
    fn poll_step(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<Step> {
        match ready!(self.receiver.poll_recv(cx)) {
            Some((step, message)) => {
                *buffer = message;
                Poll::Ready(step)
            }
            // The sender is gone without an end because the handler panicked; the runtime has reported where.
            None => Poll::Ready(Step::End(Err(panicked()))),
        }
    }
}

/// The status of a call whose handler panicked. The panic message goes only to the log.
pub(crate) fn panicked() -> Status {
    Status::internal("the handler of this method panicked")
}

/// Runs user code for a call. `None`: it panicked, which is logged; the connection and its other calls continue.
pub(crate) fn guard<R>(head: &RequestHead, run: impl FnOnce() -> R) -> Option<R> {
    panics::catch(run)
        .inspect_err(|panicked| tracing::error!(method = head.path_str(), %panicked, "a handler panicked"))
        .ok()
}
