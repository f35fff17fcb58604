//! The server of the official cases.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use buffa::EnumValue;
use carom::{
    Code, CompressionEncoding, CompressionSwitch, MetadataMap, Request, Response, Status, Stream, Streaming,
};
use futures_util::stream;

use super::auth::Accounts;
use super::proto::test_service_server::TestService;
use super::proto::{
    EchoStatus, Empty, Payload, PayloadType, ResponseParameters, SimpleRequest, SimpleResponse,
    StreamingInputCallRequest, StreamingInputCallResponse, StreamingOutputCallRequest,
    StreamingOutputCallResponse,
};
use super::{ECHO_INITIAL, ECHO_TRAILING};

/// The largest payload that is made on request; the default limit of a client's messages is a sixteenth of it.
const MAX_PAYLOAD: usize = 64 << 20;

/// `grpc.testing.TestService` with all features of the description but ORCA reports.
#[derive(Default)]
pub struct InteropService {
    /// Who may say who they are.
    pub accounts: Accounts,
}

type Answers = Pin<Box<dyn Stream<Item = Result<StreamingOutputCallResponse, Status>> + Send>>;

fn payload(kind: EnumValue<PayloadType>, size: i32) -> Result<Payload, Status> {
    if !kind.is_known() {
        return Err(Status::invalid_argument(format!("there are no payloads of type {}", kind.to_i32())));
    }
    match usize::try_from(size) {
        Ok(size) if size <= MAX_PAYLOAD => Ok(super::zeros(size)),
        _ => Err(Status::invalid_argument(format!("{size} is no size of a payload; at most {MAX_PAYLOAD}"))),
    }
}

/// What "Echo Metadata" sends back: initial and trailing metadata.
fn echoes(received: &MetadataMap) -> Result<(MetadataMap, MetadataMap), Status> {
    let only = |key: &str| {
        let mut kept = MetadataMap::new();
        for value in received.get_all(key) {
            kept.append(key, value).map_err(|error| Status::internal(error.to_string()))?;
        }
        Ok::<_, Status>(kept)
    };
    Ok((only(ECHO_INITIAL)?, only(ECHO_TRAILING)?))
}

/// "Echo Status": the status that the client asks for, unless it asks for OK.
fn wanted_status(wanted: Option<&EchoStatus>, trailing: &MetadataMap) -> Result<(), Status> {
    match wanted {
        Some(wanted) if wanted.code != 0 => {
            let code = Code::from_i32(wanted.code);
            Err(Status::with_metadata(code, wanted.message.clone(), trailing.clone()))
        }
        _ => Ok(()),
    }
}

fn expect_compressed(expected: Option<bool>, compressed: bool) -> Result<(), Status> {
    if expected == Some(true) && !compressed {
        return Err(Status::invalid_argument("the message is not compressed, though the client says it is"));
    }
    Ok(())
}

/// What is left to be answered in one call.
struct Answering {
    requests: Option<Streaming<StreamingOutputCallRequest>>,
    kind: EnumValue<PayloadType>,
    waiting: VecDeque<ResponseParameters>,
    trailing: MetadataMap,
    switch: CompressionSwitch,
}

impl Answering {
    /// The next answer, at its time; `None` after the last.
    async fn next(&mut self) -> Result<Option<StreamingOutputCallResponse>, Status> {
        loop {
            if let Some(wanted) = self.waiting.pop_front() {
                if let Ok(pause @ 1..) = u64::try_from(wanted.interval_us) {
                    tokio::time::sleep(Duration::from_micros(pause)).await;
                }
                // Compressed where it is asked for; by default it is not.
                self.switch.set(wanted.compressed.as_option().is_some_and(|compressed| compressed.value));
                let payload = payload(self.kind, wanted.size)?.into();
                return Ok(Some(StreamingOutputCallResponse { payload, ..Default::default() }));
            }
            let Some(requests) = &mut self.requests else { return Ok(None) };
            let Some(request) = requests.message().await? else { return Ok(None) };
            wanted_status(request.response_status.as_option(), &self.trailing)?;
            self.kind = request.response_type;
            self.waiting.extend(request.response_parameters);
        }
    }

    fn into_response(self, initial: MetadataMap) -> Response<Answers> {
        let trailing = self.trailing.clone();
        let switch = self.switch.clone();
        let answers = stream::unfold(Some(self), |answering| async {
            let mut answering = answering?;
            match answering.next().await {
                Ok(Some(answer)) => Some((Ok(answer), Some(answering))),
                Ok(None) => None,
                Err(status) => Some((Err(status), None)),
            }
        });
        let mut response: Response<Answers> = Response::new(Box::pin(answers));
        *response.metadata_mut() = initial;
        *response.trailers_mut() = trailing;
        response.set_compression(Some(CompressionEncoding::Gzip));
        response.set_compression_switch(&switch);
        response
    }
}

fn output(request: StreamingOutputCallRequest, trailing: MetadataMap) -> Answering {
    Answering {
        requests: None,
        kind: request.response_type,
        waiting: request.response_parameters.into(),
        trailing,
        switch: CompressionSwitch::new(false),
    }
}

impl TestService for InteropService {
    async fn empty_call(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        Ok(Response::new(Empty::default()))
    }

    async fn unary_call(&self, request: Request<SimpleRequest>) -> Result<Response<SimpleResponse>, Status> {
        let (initial, trailing) = echoes(request.metadata())?;
        let caller = self.accounts.caller(request.metadata())?.unwrap_or_default();
        let compressed = request.message_compressed();
        let request = request.into_inner();
        wanted_status(request.response_status.as_option(), &trailing)?;
        expect_compressed(request.expect_compressed.as_option().map(|expected| expected.value), compressed)?;
        let mut answer = SimpleResponse {
            payload: payload(request.response_type, request.response_size)?.into(),
            ..Default::default()
        };
        if request.fill_username {
            answer.username = caller.email;
        }
        if request.fill_oauth_scope {
            answer.oauth_scope = caller.scope;
        }
        let mut response = Response::new(answer);
        *response.metadata_mut() = initial;
        *response.trailers_mut() = trailing;
        if let Some(compressed) = request.response_compressed.as_option() {
            response.set_compression(compressed.value.then_some(CompressionEncoding::Gzip));
        }
        Ok(response)
    }

    async fn cacheable_unary_call(
        &self,
        _: Request<SimpleRequest>,
    ) -> Result<Response<SimpleResponse>, Status> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
        let payload = Payload { body: now.to_string().into_bytes(), ..Default::default() };
        let mut response = Response::new(SimpleResponse { payload: payload.into(), ..Default::default() });
        let kept = response.metadata_mut().insert("cache-control", "max-age=60, public");
        kept.map_err(|error| Status::internal(error.to_string()))?;
        Ok(response)
    }

    type StreamingOutputCallStream = Answers;

    async fn streaming_output_call(
        &self,
        request: Request<StreamingOutputCallRequest>,
    ) -> Result<Response<Answers>, Status> {
        let (initial, trailing) = echoes(request.metadata())?;
        let request = request.into_inner();
        wanted_status(request.response_status.as_option(), &trailing)?;
        Ok(output(request, trailing).into_response(initial))
    }

    async fn streaming_input_call(
        &self,
        request: Request<Streaming<StreamingInputCallRequest>>,
    ) -> Result<Response<StreamingInputCallResponse>, Status> {
        let mut requests = request.into_inner();
        let mut aggregated: i32 = 0;
        while let Some(request) = requests.message().await? {
            let expected = request.expect_compressed.as_option().map(|expected| expected.value);
            expect_compressed(expected, requests.message_compressed())?;
            let size = i32::try_from(request.payload.body.len()).unwrap_or(i32::MAX);
            aggregated = aggregated.saturating_add(size);
        }
        let answer = StreamingInputCallResponse { aggregated_payload_size: aggregated, ..Default::default() };
        Ok(Response::new(answer))
    }

    type FullDuplexCallStream = Answers;

    async fn full_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let (initial, trailing) = echoes(request.metadata())?;
        let requests = Some(request.into_inner());
        let answering = Answering { requests, ..output(StreamingOutputCallRequest::default(), trailing) };
        Ok(answering.into_response(initial))
    }

    type HalfDuplexCallStream = Answers;

    async fn half_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Answers>, Status> {
        /// More than any case asks for; what waits is held in memory.
        const MAX_WAITING: usize = 10_000;
        let (initial, trailing) = echoes(request.metadata())?;
        let mut requests = request.into_inner();
        let mut answering = output(StreamingOutputCallRequest::default(), trailing);
        while let Some(request) = requests.message().await? {
            wanted_status(request.response_status.as_option(), &answering.trailing)?;
            answering.waiting.extend(request.response_parameters);
            if answering.waiting.len() > MAX_WAITING {
                return Err(Status::resource_exhausted(format!(
                    "more than {MAX_WAITING} answers in one call"
                )));
            }
        }
        Ok(answering.into_response(initial))
    }

    async fn unimplemented_call(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        Err(Status::unimplemented("grpc.testing.TestService/UnimplementedCall is not implemented"))
    }
}
