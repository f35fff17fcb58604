//! The client's cases, by name.

use std::error::Error;
use std::fmt::Debug;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use buffa::Message;
use bytes::Bytes;
use carom::client::{CallOptions, Channel, ChannelBuilder, RawCall};
use carom::credentials::{Certificate, ClientTlsConfig};
use carom::{Code, CompressionEncoding, CompressionSwitch, MetadataMap, Request, Status};
use futures_util::StreamExt;
use futures_util::future::try_join_all;
use futures_util::stream;
use tokio::sync::mpsc;

use super::auth::{AccessToken, JwtCredentials, ServiceAccount};
use super::flags::Flags;
use super::proto::test_service_client::TestServiceClient;
use super::proto::unimplemented_service_client::UnimplementedServiceClient;
use super::proto::{
    BoolValue, EchoStatus, Empty, ResponseParameters, SimpleRequest, SimpleResponse,
    StreamingInputCallRequest, StreamingOutputCallRequest, StreamingOutputCallResponse,
};
use super::{ECHO_INITIAL, ECHO_TRAILING, LARGE_REQUEST, LARGE_RESPONSE, negative, sized, soak, zeros};

/// The flags of the client.
pub const FLAGS: [&str; 19] = [
    "server_host",
    "server_port",
    "server_host_override",
    "test_case",
    "use_tls",
    "use_test_ca",
    "ca_file",
    "default_service_account",
    "oauth_scope",
    "service_account_key_file",
    "oauth_token_file",
    "soak_iterations",
    "soak_max_failures",
    "soak_per_iteration_max_acceptable_latency_ms",
    "soak_overall_timeout_seconds",
    "soak_min_time_ms_between_rpcs",
    "soak_request_size",
    "soak_response_size",
    "soak_num_threads",
];

/// Every call but those of the soak cases is bounded; only a broken peer gets near this.
const PATIENCE: Duration = Duration::from_secs(20);

/// The sizes of the streaming cases: what is sent and what is asked for, in bytes.
const STREAM_REQUESTS: [usize; 4] = [27_182, 8, 1_828, 45_904];
const STREAM_RESPONSES: [usize; 4] = [31_415, 9, 2_653, 58_979];

pub(super) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// What a case is handed.
pub struct Interop<'a> {
    pub(super) flags: &'a Flags,
    pub(super) channel: Channel,
}

fn patient<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(PATIENCE);
    request
}

pub(super) fn expect<T: PartialEq + Debug>(got: T, wanted: T, what: &str) -> Outcome {
    if got == wanted { Ok(()) } else { Err(format!("{what}: got {got:?}, want {wanted:?}").into()) }
}

/// The status that a call ends with, which must have this code.
pub(super) fn expect_error<T>(outcome: Result<T, Status>, code: Code) -> Outcome<Status> {
    match outcome {
        Ok(_) => Err(format!("the call went well; want {code:?}").into()),
        Err(status) if status.code() == code => Ok(status),
        Err(status) => Err(format!("the call ended with {status}; want {code:?}").into()),
    }
}

fn large() -> SimpleRequest {
    SimpleRequest {
        response_size: LARGE_RESPONSE as i32,
        payload: zeros(LARGE_REQUEST).into(),
        ..Default::default()
    }
}

fn yes_or_no(value: bool) -> BoolValue {
    BoolValue { value, ..Default::default() }
}

pub(super) fn expect_body(body: &[u8], size: usize) -> Outcome {
    expect(body.len(), size, "size of the payload")?;
    expect(body.iter().all(|byte| *byte == 0), true, "a payload of zeros")
}

fn ping(response: usize, request: usize) -> StreamingOutputCallRequest {
    StreamingOutputCallRequest {
        response_parameters: vec![sized(response)],
        payload: zeros(request).into(),
        ..Default::default()
    }
}

/// A channel to the server that the flags name. With `prepare` the caller adds to it.
pub(super) fn channel(
    flags: &Flags,
    prepare: impl FnOnce(ChannelBuilder) -> ChannelBuilder,
) -> Outcome<Channel> {
    let host = flags.text("server_host").unwrap_or("localhost");
    let port: u16 = flags.number("server_port", 8080)?;
    let mut builder = Channel::builder(format!("{host}:{port}"));
    let host_override = flags.text("server_host_override");
    if flags.on("use_tls")? {
        let mut tls = ClientTlsConfig::new();
        tls = match flags.on("use_test_ca")? {
            true => tls.ca_certificate(Certificate::from_pem(flags.file("ca_file")?)),
            false => tls.with_native_roots(),
        };
        if let Some(name) = host_override {
            tls = tls.domain_name(name);
        }
        builder = builder.tls(tls);
    }
    if let Some(name) = host_override {
        builder = builder.authority(name);
    }
    Ok(prepare(builder).connect_lazy()?)
}

/// Runs the case that the flag `--test_case` names.
///
/// # Errors
/// What was not as it should be.
pub async fn run(flags: &Flags) -> Result<(), Box<dyn Error>> {
    let name = flags.text("test_case").unwrap_or("large_unary");
    let interop = Interop { flags, channel: channel(flags, |builder| builder)? };
    match name {
        "empty_unary" => interop.empty_unary().await,
        "cacheable_unary" => interop.cacheable_unary().await,
        "large_unary" => interop.large_unary().await,
        "client_compressed_unary" => interop.client_compressed_unary().await,
        "server_compressed_unary" => interop.server_compressed_unary().await,
        "client_streaming" => interop.client_streaming().await,
        "client_compressed_streaming" => interop.client_compressed_streaming().await,
        "server_streaming" => interop.server_streaming().await,
        "server_compressed_streaming" => interop.server_compressed_streaming().await,
        "ping_pong" => interop.ping_pong().await,
        "empty_stream" => interop.empty_stream().await,
        "custom_metadata" => interop.custom_metadata().await,
        "status_code_and_message" => interop.status("test status message", true).await,
        "special_status_message" => interop.special_status_message().await,
        "unimplemented_method" => interop.unimplemented_method().await,
        "unimplemented_service" => interop.unimplemented_service().await,
        "cancel_after_begin" => interop.cancel_after_begin().await,
        "cancel_after_first_response" => interop.cancel_after_first_response().await,
        "timeout_on_sleeping_server" => interop.timeout_on_sleeping_server().await,
        "rpc_soak" => soak::run(flags, false).await,
        "channel_soak" => soak::run(flags, true).await,
        "concurrent_large_unary" => interop.concurrent_large_unary().await,
        "per_rpc_creds" => interop.per_rpc_creds().await,
        "oauth2_auth_token" => interop.oauth2_auth_token().await,
        "jwt_token_creds" => interop.jwt_token_creds().await,
        _ => negative::run(&interop, name).await,
    }
}

impl Interop<'_> {
    pub(super) fn client(&self) -> TestServiceClient {
        TestServiceClient::new(self.channel.clone())
    }

    pub(super) async fn large_unary(&self) -> Outcome {
        self.large_unary_of(LARGE_RESPONSE).await
    }

    pub(super) async fn large_unary_of(&self, size: usize) -> Outcome {
        let response = self.client().unary_call(patient(large())).await?;
        expect_body(&response.get_ref().payload.body, size)
    }

    async fn empty_unary(&self) -> Outcome {
        let response = self.client().empty_call(patient(Empty::default())).await?;
        expect(response.into_inner(), Empty::default(), "the answer")
    }

    /// The official description sends these calls by GET, which gRPC no longer has; a proxy that caches POST would do.
    async fn cacheable_unary(&self) -> Outcome {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos().to_string().into_bytes();
        let mut bodies = Vec::new();
        for _ in 0..2 {
            let mut message = SimpleRequest::default();
            message.payload.get_or_insert_default().body = now.clone();
            let mut request = patient(message);
            request.metadata_mut().insert("x-user-ip", "1.2.3.4")?;
            let response = self.client().cacheable_unary_call(request).await?;
            bodies.push(response.get_ref().payload.body.clone());
        }
        expect(&bodies[1], &bodies[0], "the payload of the second call")
    }

    async fn client_compressed_unary(&self) -> Outcome {
        let request = |expected: bool, compressed: bool| {
            let mut message = large();
            message.expect_compressed = yes_or_no(expected).into();
            let mut request = patient(message);
            request.set_compression(compressed.then_some(CompressionEncoding::Gzip));
            request
        };
        let probe = self.client().unary_call(request(true, false)).await;
        expect_error(probe, Code::InvalidArgument)?;
        for compressed in [true, false] {
            let response = self.client().unary_call(request(compressed, compressed)).await?;
            expect_body(&response.get_ref().payload.body, LARGE_RESPONSE)?;
        }
        Ok(())
    }

    async fn server_compressed_unary(&self) -> Outcome {
        for compressed in [true, false] {
            let mut message = large();
            message.response_compressed = yes_or_no(compressed).into();
            let response = self.client().unary_call(patient(message)).await?;
            expect(response.message_compressed(), compressed, "the compressed flag")?;
            expect_body(&response.get_ref().payload.body, LARGE_RESPONSE)?;
        }
        Ok(())
    }

    async fn client_streaming(&self) -> Outcome {
        let messages = STREAM_REQUESTS
            .map(|size| StreamingInputCallRequest { payload: zeros(size).into(), ..Default::default() });
        let response = self.client().streaming_input_call(patient(stream::iter(messages))).await?;
        expect(response.get_ref().aggregated_payload_size, 74_922, "aggregated_payload_size")
    }

    async fn client_compressed_streaming(&self) -> Outcome {
        let message = |size: usize, expected: bool| StreamingInputCallRequest {
            payload: zeros(size).into(),
            expect_compressed: yes_or_no(expected).into(),
            ..Default::default()
        };
        let probe = patient(stream::iter([message(27_182, true)]));
        expect_error(self.client().streaming_input_call(probe).await, Code::InvalidArgument)?;
        let switch = CompressionSwitch::new(false);
        let setter = switch.clone();
        let messages = stream::iter([message(27_182, true), message(45_904, false)])
            .inspect(move |message| setter.set(message.expect_compressed.value));
        let mut request = patient(messages);
        request.set_compression(CompressionEncoding::Gzip);
        request.set_compression_switch(&switch);
        let response = self.client().streaming_input_call(request).await?;
        expect(response.get_ref().aggregated_payload_size, 73_086, "aggregated_payload_size")
    }

    async fn server_streaming(&self) -> Outcome {
        let response_parameters = STREAM_RESPONSES.map(sized).into();
        let request = StreamingOutputCallRequest { response_parameters, ..Default::default() };
        let mut answers = self.client().streaming_output_call(patient(request)).await?.into_inner();
        for size in STREAM_RESPONSES {
            let answer = answers.message().await?.ok_or("the stream ended early")?;
            expect_body(&answer.payload.body, size)?;
        }
        expect(answers.message().await?.is_none(), true, "the end after four answers")
    }

    async fn server_compressed_streaming(&self) -> Outcome {
        let wanted = [(31_415, true), (92_653, false)];
        let parameters = wanted.map(|(size, compressed)| ResponseParameters {
            compressed: yes_or_no(compressed).into(),
            ..sized(size)
        });
        let request =
            StreamingOutputCallRequest { response_parameters: parameters.into(), ..Default::default() };
        let mut answers = self.client().streaming_output_call(patient(request)).await?.into_inner();
        for (size, compressed) in wanted {
            let answer = answers.message().await?.ok_or("the stream ended early")?;
            expect(answers.message_compressed(), compressed, "the compressed flag")?;
            expect_body(&answer.payload.body, size)?;
        }
        expect(answers.message().await?.is_none(), true, "the end after two answers")
    }

    async fn ping_pong(&self) -> Outcome {
        let (outgoing, receiver) = mpsc::unbounded_channel();
        let requests = stream::unfold(receiver, |mut receiver| async move {
            let request: StreamingOutputCallRequest = receiver.recv().await?;
            Some((request, receiver))
        });
        let mut sizes = STREAM_REQUESTS.into_iter().zip(STREAM_RESPONSES);
        let mut next = sizes.next();
        if let Some((request, response)) = next {
            outgoing.send(ping(response, request))?;
        }
        let mut answers = self.client().full_duplex_call(patient(requests)).await?.into_inner();
        while let Some((_, response)) = next {
            let answer = answers.message().await?.ok_or("the stream ended early")?;
            expect_body(&answer.payload.body, response)?;
            next = sizes.next();
            if let Some((request, response)) = next {
                outgoing.send(ping(response, request))?;
            }
        }
        drop(outgoing);
        expect(answers.message().await?.is_none(), true, "the end after the half-close")
    }

    async fn empty_stream(&self) -> Outcome {
        let mut answers = self.client().full_duplex_call(patient(stream::iter([]))).await?.into_inner();
        expect(answers.message().await?.is_none(), true, "no answer")
    }

    async fn custom_metadata(&self) -> Outcome {
        const INITIAL: &[u8] = b"test_initial_metadata_value";
        const TRAILING: &[u8] = &[0xab, 0xab, 0xab];
        fn with_metadata<T>(message: T) -> Outcome<Request<T>> {
            let mut request = patient(message);
            request.metadata_mut().insert(ECHO_INITIAL, INITIAL)?;
            request.metadata_mut().insert(ECHO_TRAILING, TRAILING)?;
            Ok(request)
        }
        let value = |map: &MetadataMap, key: &str| map.get(key).map(|value| value.as_bytes().to_vec());

        let response = self.client().unary_call(with_metadata(large())?).await?;
        expect_body(&response.get_ref().payload.body, LARGE_RESPONSE)?;
        expect(value(response.metadata(), ECHO_INITIAL), Some(INITIAL.to_vec()), "initial metadata")?;
        expect(value(response.trailers(), ECHO_TRAILING), Some(TRAILING.to_vec()), "trailing metadata")?;

        let requests = stream::iter([ping(LARGE_RESPONSE, LARGE_REQUEST)]);
        let response = self.client().full_duplex_call(with_metadata(requests)?).await?;
        expect(value(response.metadata(), ECHO_INITIAL), Some(INITIAL.to_vec()), "initial metadata")?;
        let mut answers = response.into_inner();
        let answer = answers.message().await?.ok_or("the stream ended early")?;
        expect_body(&answer.payload.body, LARGE_RESPONSE)?;
        let trailers = answers.trailers().await?.unwrap_or_default();
        expect(value(&trailers, ECHO_TRAILING), Some(TRAILING.to_vec()), "trailing metadata")
    }

    async fn status(&self, message: &str, streaming_too: bool) -> Outcome {
        let wanted = || EchoStatus { code: 2, message: message.to_owned(), ..Default::default() };
        let request = SimpleRequest { response_status: wanted().into(), ..Default::default() };
        let status = expect_error(self.client().unary_call(patient(request)).await, Code::Unknown)?;
        expect(status.message(), message, "the message")?;
        if streaming_too {
            let request =
                StreamingOutputCallRequest { response_status: wanted().into(), ..Default::default() };
            let outcome = async {
                let response = self.client().full_duplex_call(patient(stream::iter([request]))).await?;
                response.into_inner().message().await
            };
            let status = expect_error(outcome.await, Code::Unknown)?;
            expect(status.message(), message, "the message")?;
        }
        Ok(())
    }

    async fn special_status_message(&self) -> Outcome {
        self.status("\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n", false).await
    }

    async fn unimplemented_method(&self) -> Outcome {
        let outcome = self.client().unimplemented_call(patient(Empty::default())).await;
        expect_error(outcome, Code::Unimplemented).map(drop)
    }

    async fn unimplemented_service(&self) -> Outcome {
        let client = UnimplementedServiceClient::new(self.channel.clone());
        let outcome = client.unimplemented_call(patient(Empty::default())).await;
        expect_error(outcome, Code::Unimplemented).map(drop)
    }

    /// A call that can be cancelled and then still be asked for its status.
    fn start(&self, method: &'static str) -> RawCall {
        let mut options = CallOptions::default();
        options.timeout = Some(PATIENCE);
        self.channel.start_call(method, options, MetadataMap::new())
    }

    async fn cancel(&self, call: &RawCall) -> Outcome {
        call.cancel(Status::cancelled("the case cancels it"));
        let (status, _) = poll_fn(|cx| call.poll_status(cx)).await;
        expect(status.code(), Code::Cancelled, "the code")?;
        // The connection goes on.
        self.empty_unary().await
    }

    async fn cancel_after_begin(&self) -> Outcome {
        let call = self.start("/grpc.testing.TestService/StreamingInputCall");
        self.cancel(&call).await
    }

    async fn cancel_after_first_response(&self) -> Outcome {
        let call = self.start("/grpc.testing.TestService/FullDuplexCall");
        call.send_message(Bytes::from(ping(31_415, 27_182).encode_to_vec()));
        let answer = poll_fn(|cx| call.poll_message(cx)).await.ok_or("the call ended without an answer")?;
        let answer = StreamingOutputCallResponse::decode_from_slice(&answer)?;
        expect_body(&answer.payload.body, 31_415)?;
        self.cancel(&call).await
    }

    async fn timeout_on_sleeping_server(&self) -> Outcome {
        let message = StreamingOutputCallRequest { payload: zeros(27_182).into(), ..Default::default() };
        let open = stream::iter([message]).chain(stream::pending());
        let mut request = Request::new(open);
        request.set_timeout(Duration::from_millis(1));
        let outcome = async {
            let response = self.client().full_duplex_call(request).await?;
            response.into_inner().message().await
        };
        expect_error(outcome.await, Code::DeadlineExceeded).map(drop)
    }

    async fn concurrent_large_unary(&self) -> Outcome {
        try_join_all((0..1000).map(|_| self.large_unary())).await.map(drop)
    }

    async fn expect_caller(&self, response: &SimpleResponse, email: &str, scope: Option<&str>) -> Outcome {
        expect(response.username.as_str(), email, "username")?;
        if let Some(account) = self.flags.text("default_service_account") {
            expect(response.username.as_str(), account, "username")?;
        }
        if let Some(scope) = scope {
            expect(response.oauth_scope.as_str(), scope, "oauth_scope")?;
            let known = self.flags.text("oauth_scope").unwrap_or(scope);
            expect(known.contains(scope), true, "the scope is in --oauth_scope")?;
        }
        Ok(())
    }

    async fn jwt_token_creds(&self) -> Outcome {
        let account = ServiceAccount::from_json(&self.flags.file("service_account_key_file")?)?;
        let email = account.email.clone();
        let credentials = Arc::new(JwtCredentials(account));
        let channel = channel(self.flags, |builder| builder.call_credentials(credentials))?;
        let request = SimpleRequest { fill_username: true, ..large() };
        let response = TestServiceClient::new(channel).unary_call(patient(request)).await?;
        expect_body(&response.get_ref().payload.body, LARGE_RESPONSE)?;
        self.expect_caller(response.get_ref(), &email, None).await
    }

    async fn per_rpc_creds(&self) -> Outcome {
        let account = ServiceAccount::from_json(&self.flags.file("service_account_key_file")?)?;
        let email = account.email.clone();
        let mut request = patient(SimpleRequest { fill_username: true, ..Default::default() });
        request.set_call_credentials(Arc::new(JwtCredentials(account)));
        let response = self.client().unary_call(request).await?;
        self.expect_caller(response.get_ref(), &email, None).await
    }

    async fn oauth2_auth_token(&self) -> Outcome {
        let token = AccessToken::from_json(&self.flags.file("oauth_token_file")?)?;
        let credentials = Arc::new(token.clone());
        let channel = channel(self.flags, |builder| builder.call_credentials(credentials))?;
        let request = SimpleRequest { fill_username: true, fill_oauth_scope: true, ..Default::default() };
        let response = TestServiceClient::new(channel).unary_call(patient(request)).await?;
        self.expect_caller(response.get_ref(), &token.email, Some(&token.scope)).await
    }
}
