//! The client. tonic does not tell whether an answer came compressed, and compresses all messages of a call or none.

use std::fmt::Debug;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataValue;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status};

use crate::proto::test_service_client::TestServiceClient;
use crate::proto::unimplemented_service_client::UnimplementedServiceClient;
use crate::proto::{
    BoolValue, EchoStatus, Empty, Payload, ResponseParameters, SimpleRequest, StreamingInputCallRequest,
    StreamingOutputCallRequest,
};
use crate::{ECHO_INITIAL, ECHO_TRAILING, Flags, Outcome};

const PATIENCE: Duration = Duration::from_secs(20);
const LARGE_REQUEST: usize = 271_828;
const LARGE_RESPONSE: usize = 314_159;
const STREAM_REQUESTS: [usize; 4] = [27_182, 8, 1_828, 45_904];
const STREAM_RESPONSES: [usize; 4] = [31_415, 9, 2_653, 58_979];

fn expect<T: PartialEq + Debug>(got: T, wanted: T, what: &str) -> Outcome {
    if got == wanted { Ok(()) } else { Err(format!("{what}: got {got:?}, want {wanted:?}").into()) }
}

fn expect_error<T>(outcome: Result<T, Status>, code: Code) -> Outcome<Status> {
    match outcome {
        Ok(_) => Err(format!("the call went well; want {code:?}").into()),
        Err(status) => expect(status.code(), code, "code").map(|()| status),
    }
}

fn patient<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(PATIENCE);
    request
}

fn payload(size: usize) -> Option<Payload> {
    Some(Payload { body: vec![0; size], ..Default::default() })
}

fn large() -> SimpleRequest {
    let response_size = LARGE_RESPONSE as i32;
    SimpleRequest { response_size, payload: payload(LARGE_REQUEST), ..Default::default() }
}

fn size(payload: Option<Payload>) -> usize {
    payload.map_or(0, |payload| payload.body.len())
}

fn sized(size: usize) -> ResponseParameters {
    ResponseParameters { size: size as i32, ..Default::default() }
}

fn ping(request: usize, response: usize) -> StreamingOutputCallRequest {
    StreamingOutputCallRequest {
        response_parameters: vec![sized(response)],
        payload: payload(request),
        ..Default::default()
    }
}

async fn connect(flags: &Flags) -> Outcome<Channel> {
    let scheme = if flags.tls() { "https" } else { "http" };
    let address = format!("{scheme}://{}:{}", flags.text("server_host"), flags.port("server_port")?);
    let mut endpoint = Endpoint::from_shared(address)?;
    if flags.tls() {
        let authority = Certificate::from_pem(flags.file("ca_file")?);
        let host = flags.text("server_host_override");
        endpoint = endpoint
            .tls_config(ClientTlsConfig::new().ca_certificate(authority).domain_name(host))?
            .origin(format!("https://{host}").parse()?);
    }
    Ok(endpoint.connect().await?)
}

struct Cases {
    channel: Channel,
}

pub async fn run(flags: &Flags) -> Outcome {
    let cases = Cases { channel: connect(flags).await? };
    match flags.text("test_case") {
        "empty_unary" => {
            cases.client().empty_call(patient(Empty {})).await?;
            Ok(())
        }
        "large_unary" => cases.large_unary().await,
        "client_compressed_unary" => cases.client_compressed_unary().await,
        "client_streaming" => cases.client_streaming().await,
        "server_streaming" => cases.server_streaming().await,
        "ping_pong" => cases.ping_pong().await,
        "empty_stream" => {
            let stream = cases.client().full_duplex_call(patient(tokio_stream::iter([]))).await?;
            expect(stream.into_inner().message().await?.is_none(), true, "no answer")
        }
        "custom_metadata" => cases.custom_metadata().await,
        "status_code_and_message" => cases.status("test status message", true).await,
        "special_status_message" => {
            cases.status("\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n", false).await
        }
        "unimplemented_method" => {
            let outcome = cases.client().unimplemented_call(patient(Empty {})).await;
            expect_error(outcome, Code::Unimplemented).map(drop)
        }
        "unimplemented_service" => {
            let mut client = UnimplementedServiceClient::new(cases.channel.clone());
            let outcome = client.unimplemented_call(patient(Empty {})).await;
            expect_error(outcome, Code::Unimplemented).map(drop)
        }
        "cancel_after_begin" => cases.cancel_after_begin().await,
        "cancel_after_first_response" => cases.cancel_after_first_response().await,
        "timeout_on_sleeping_server" => cases.timeout_on_sleeping_server().await,
        "rpc_soak" => {
            for _ in 0..flags.text("soak_iterations").parse()? {
                cases.large_unary().await?;
            }
            Ok(())
        }
        "channel_soak" => {
            for _ in 0..flags.text("soak_iterations").parse()? {
                Cases { channel: connect(flags).await? }.large_unary().await?;
            }
            Ok(())
        }
        "concurrent_large_unary" => cases.concurrent_large_unary().await,
        other => Err(format!("{other} is not among tonic's cases").into()),
    }
}

impl Cases {
    fn client(&self) -> TestServiceClient<Channel> {
        TestServiceClient::new(self.channel.clone()).accept_compressed(CompressionEncoding::Gzip)
    }

    async fn large_unary(&self) -> Outcome {
        let response = self.client().unary_call(patient(large())).await?;
        expect(size(response.into_inner().payload), LARGE_RESPONSE, "size")
    }

    async fn client_compressed_unary(&self) -> Outcome {
        let message = |value| SimpleRequest { expect_compressed: Some(BoolValue { value }), ..large() };
        expect_error(self.client().unary_call(patient(message(true))).await, Code::InvalidArgument)?;
        let mut compressing = self.client().send_compressed(CompressionEncoding::Gzip);
        let response = compressing.unary_call(patient(message(true))).await?;
        expect(size(response.into_inner().payload), LARGE_RESPONSE, "size")?;
        let response = self.client().unary_call(patient(message(false))).await?;
        expect(size(response.into_inner().payload), LARGE_RESPONSE, "size")
    }

    async fn client_streaming(&self) -> Outcome {
        let messages = STREAM_REQUESTS
            .map(|size| StreamingInputCallRequest { payload: payload(size), ..Default::default() });
        let response = self.client().streaming_input_call(patient(tokio_stream::iter(messages))).await?;
        expect(response.get_ref().aggregated_payload_size, 74_922, "aggregated_payload_size")
    }

    async fn server_streaming(&self) -> Outcome {
        let response_parameters = STREAM_RESPONSES.map(sized).into();
        let request = StreamingOutputCallRequest { response_parameters, ..Default::default() };
        let mut answers = self.client().streaming_output_call(patient(request)).await?.into_inner();
        for wanted in STREAM_RESPONSES {
            expect(answers.message().await?.map(|answer| size(answer.payload)), Some(wanted), "size")?;
        }
        expect(answers.message().await?.is_none(), true, "the end")
    }

    async fn ping_pong(&self) -> Outcome {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut sizes = STREAM_REQUESTS.into_iter().zip(STREAM_RESPONSES);
        let mut next = sizes.next();
        if let Some((request, response)) = next {
            sender.send(ping(request, response))?;
        }
        let requests = patient(UnboundedReceiverStream::new(receiver));
        let mut answers = self.client().full_duplex_call(requests).await?.into_inner();
        while let Some((_, wanted)) = next {
            expect(answers.message().await?.map(|answer| size(answer.payload)), Some(wanted), "size")?;
            next = sizes.next();
            if let Some((request, response)) = next {
                sender.send(ping(request, response))?;
            }
        }
        drop(sender);
        expect(answers.message().await?.is_none(), true, "the end")
    }

    async fn custom_metadata(&self) -> Outcome {
        fn prepared<T>(message: T) -> Request<T> {
            let mut request = patient(message);
            let initial = MetadataValue::from_static("test_initial_metadata_value");
            request.metadata_mut().insert(ECHO_INITIAL, initial);
            request.metadata_mut().insert_bin(ECHO_TRAILING, MetadataValue::from_bytes(&[0xab; 3]));
            request
        }
        let response = self.client().unary_call(prepared(large())).await?;
        // tonic puts the trailing metadata of a unary call in with the initial metadata.
        let initial = response.metadata().get(ECHO_INITIAL).map(|value| value.as_bytes().to_vec());
        expect(initial, Some(b"test_initial_metadata_value".to_vec()), "initial metadata")?;
        let trailing = response.metadata().get_bin(ECHO_TRAILING).and_then(|value| value.to_bytes().ok());
        expect(trailing.as_deref(), Some(&[0xab; 3][..]), "trailing metadata")?;

        let requests = tokio_stream::iter([ping(LARGE_REQUEST, LARGE_RESPONSE)]);
        let response = self.client().full_duplex_call(prepared(requests)).await?;
        let initial = response.metadata().get(ECHO_INITIAL).map(|value| value.as_bytes().to_vec());
        expect(initial, Some(b"test_initial_metadata_value".to_vec()), "initial metadata")?;
        let mut answers = response.into_inner();
        expect(answers.message().await?.map(|answer| size(answer.payload)), Some(LARGE_RESPONSE), "size")?;
        expect(answers.message().await?.is_none(), true, "the end")?;
        let trailers = answers.trailers().await?.unwrap_or_default();
        let trailing = trailers.get_bin(ECHO_TRAILING).and_then(|value| value.to_bytes().ok());
        expect(trailing.as_deref(), Some(&[0xab; 3][..]), "trailing metadata")
    }

    async fn status(&self, message: &str, streaming_too: bool) -> Outcome {
        let response_status = Some(EchoStatus { code: 2, message: message.to_owned() });
        let request = SimpleRequest { response_status: response_status.clone(), ..Default::default() };
        let status = expect_error(self.client().unary_call(patient(request)).await, Code::Unknown)?;
        expect(status.message(), message, "message")?;
        if streaming_too {
            let request = StreamingOutputCallRequest { response_status, ..Default::default() };
            let outcome = async {
                let requests = patient(tokio_stream::iter([request]));
                self.client().full_duplex_call(requests).await?.into_inner().message().await
            };
            let status = expect_error(outcome.await, Code::Unknown)?;
            expect(status.message(), message, "message")?;
        }
        Ok(())
    }

    /// tonic cancels a call by dropping it and then knows no status; what can be seen is that the connection goes on.
    async fn cancel_after_begin(&self) -> Outcome {
        let mut client = self.client();
        let call = client.streaming_input_call(patient(tokio_stream::pending()));
        expect(tokio::time::timeout(Duration::from_millis(50), call).await.is_err(), true, "no answer")?;
        self.large_unary().await
    }

    async fn cancel_after_first_response(&self) -> Outcome {
        let (sender, receiver) = mpsc::unbounded_channel();
        sender.send(ping(27_182, 31_415))?;
        let requests = patient(UnboundedReceiverStream::new(receiver));
        let mut answers = self.client().full_duplex_call(requests).await?.into_inner();
        expect(answers.message().await?.map(|answer| size(answer.payload)), Some(31_415), "size")?;
        drop(answers);
        self.large_unary().await
    }

    async fn timeout_on_sleeping_server(&self) -> Outcome {
        let (sender, receiver) = mpsc::unbounded_channel();
        sender.send(StreamingOutputCallRequest { payload: payload(27_182), ..Default::default() })?;
        let mut request = Request::new(UnboundedReceiverStream::new(receiver));
        request.set_timeout(Duration::from_millis(1));
        let outcome = async { self.client().full_duplex_call(request).await?.into_inner().message().await };
        // Whether the server's word comes first or tonic's own clock, which has a code of its own for it.
        match outcome.await {
            Err(status) if status.code() == Code::Cancelled && status.message() == "Timeout expired" => {
                Ok(())
            }
            outcome => expect_error(outcome, Code::DeadlineExceeded).map(drop),
        }
    }

    async fn concurrent_large_unary(&self) -> Outcome {
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..1000 {
            let cases = Cases { channel: self.channel.clone() };
            calls.spawn(async move { cases.large_unary().await });
        }
        while let Some(done) = calls.join_next().await {
            done??;
        }
        Ok(())
    }
}
