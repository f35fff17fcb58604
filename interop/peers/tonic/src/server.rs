//! The server. tonic does not tell a handler whether a message came compressed, and knows no credentials.

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;

use tokio_stream::{Stream, StreamExt};
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Code, Request, Response, Status, Streaming};

use crate::proto::test_service_server::{TestService, TestServiceServer};
use crate::proto::{
    EchoStatus, Empty, Payload, ResponseParameters, SimpleRequest, SimpleResponse, StreamingInputCallRequest,
    StreamingInputCallResponse, StreamingOutputCallRequest, StreamingOutputCallResponse,
};
use crate::{ECHO_INITIAL, ECHO_TRAILING, Flags, Outcome};

struct Interop;

type Answers = Pin<Box<dyn Stream<Item = Result<StreamingOutputCallResponse, Status>> + Send>>;

fn payload(size: i32) -> Option<Payload> {
    Some(Payload { body: vec![0; usize::try_from(size).unwrap_or(0)], ..Default::default() })
}

fn echo_status(wanted: Option<&EchoStatus>) -> Result<(), Status> {
    match wanted {
        Some(wanted) if wanted.code != 0 => Err(Status::new(Code::from(wanted.code), wanted.message.clone())),
        _ => Ok(()),
    }
}

fn echo_initial<T>(received: &MetadataMap, response: &mut Response<T>) {
    if let Some(value) = received.get(ECHO_INITIAL) {
        response.metadata_mut().insert(ECHO_INITIAL, value.clone());
    }
}

/// tonic sends trailing metadata only with a status: here as the end of a stream that is otherwise fine.
fn with_trailers(received: &MetadataMap, answers: Answers) -> Answers {
    let Some(value) = received.get_bin(ECHO_TRAILING) else { return answers };
    let mut trailers = MetadataMap::new();
    trailers.insert_bin(ECHO_TRAILING, value.clone());
    Box::pin(answers.chain(tokio_stream::once(Err(Status::with_metadata(Code::Ok, "", trailers)))))
}

fn answers(parameters: Vec<ResponseParameters>) -> impl Stream<Item = StreamingOutputCallResponse> + Send {
    tokio_stream::iter(parameters).map(|one| StreamingOutputCallResponse { payload: payload(one.size) })
}

#[tonic::async_trait]
impl TestService for Interop {
    async fn empty_call(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        Ok(Response::new(Empty {}))
    }

    async fn unary_call(&self, request: Request<SimpleRequest>) -> Result<Response<SimpleResponse>, Status> {
        let message = request.get_ref();
        echo_status(message.response_status.as_ref())?;
        let answer = SimpleResponse { payload: payload(message.response_size), ..Default::default() };
        let mut response = Response::new(answer);
        echo_initial(request.metadata(), &mut response);
        if !message.response_compressed.as_ref().is_some_and(|wanted| wanted.value) {
            response.disable_compression();
        }
        Ok(response)
    }

    async fn cacheable_unary_call(
        &self,
        _: Request<SimpleRequest>,
    ) -> Result<Response<SimpleResponse>, Status> {
        Err(Status::unimplemented("nothing is cached"))
    }

    type StreamingOutputCallStream = Answers;

    async fn streaming_output_call(
        &self,
        request: Request<StreamingOutputCallRequest>,
    ) -> Result<Response<Answers>, Status> {
        let message = request.into_inner();
        let compressed =
            message.response_parameters.iter().any(|one| one.compressed.is_some_and(|yes| yes.value));
        let stream: Answers = Box::pin(answers(message.response_parameters).map(Ok));
        let mut response = Response::new(stream);
        if !compressed {
            response.disable_compression();
        }
        Ok(response)
    }

    async fn streaming_input_call(
        &self,
        request: Request<Streaming<StreamingInputCallRequest>>,
    ) -> Result<Response<StreamingInputCallResponse>, Status> {
        let mut requests = request.into_inner();
        let mut size = 0;
        while let Some(message) = requests.message().await? {
            size += message.payload.map_or(0, |payload| payload.body.len());
        }
        Ok(Response::new(StreamingInputCallResponse { aggregated_payload_size: size as i32 }))
    }

    type FullDuplexCallStream = Answers;

    async fn full_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let metadata = request.metadata().clone();
        let (sender, receiver) = tokio::sync::mpsc::channel(16);
        let mut requests = request.into_inner();
        tokio::spawn(async move {
            loop {
                let outcome = match requests.message().await {
                    Ok(None) => return,
                    Ok(Some(message)) => echo_status(message.response_status.as_ref()).map(|()| message),
                    Err(status) => Err(status),
                };
                match outcome {
                    Ok(message) => {
                        let mut answers = std::pin::pin!(answers(message.response_parameters));
                        while let Some(answer) = answers.next().await {
                            if sender.send(Ok(answer)).await.is_err() {
                                return;
                            }
                        }
                    }
                    Err(status) => return drop(sender.send(Err(status)).await),
                }
            }
        });
        let stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
        let mut response = Response::new(with_trailers(&metadata, Box::pin(stream)));
        echo_initial(&metadata, &mut response);
        response.disable_compression();
        Ok(response)
    }

    type HalfDuplexCallStream = Answers;

    async fn half_duplex_call(
        &self,
        _: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Answers>, Status> {
        Err(Status::unimplemented("no case calls it"))
    }

    async fn unimplemented_call(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        Err(Status::unimplemented("as its name says"))
    }
}

pub async fn run(flags: &Flags) -> Outcome {
    let mut server = Server::builder();
    if flags.tls() {
        let identity = Identity::from_pem(flags.file("tls_cert_file")?, flags.file("tls_key_file")?);
        server = server.tls_config(ServerTlsConfig::new().identity(identity))?;
    }
    let service = TestServiceServer::new(Interop)
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, flags.port("port")?));
    Ok(server.add_service(service).serve(address).await?)
}
