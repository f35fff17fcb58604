//! Compiles the golden code and calls what it declares, over loopback.
#![deny(warnings, missing_docs, unreachable_pub, unsafe_code, unused_qualifications)]

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use buffa::Message;
use buffa_descriptor::generated::descriptor::FileDescriptorSet;
use buffa_types::google::protobuf::Empty;
use carom::server::{Server, Service};
use carom::{Channel, Code, Request, Response, Status, Stream, Streaming};
use futures_util::{StreamExt, stream};

use self::protos::kinds::idle_server::{Idle, IdleServer};
use self::protos::kinds::kinds_client::{self, KindsClient};
use self::protos::kinds::kinds_server::{Kinds, KindsServer};
use self::protos::kinds::places::{Place, place};
use self::protos::kinds::{Answer, Question};
use self::protos::units::r#type::Length;

mod protos {
    include!("golden/protos.rs");
}

struct Echo;

impl Idle for Echo {}

fn answer(text: &str, count: u32) -> Answer {
    Answer { text: text.to_owned(), count, ..Default::default() }
}

impl Kinds for Echo {
    type ServerStreamStream = Pin<Box<dyn Stream<Item = Result<Answer, Status>> + Send>>;
    type BidiStreamStream = Pin<Box<dyn Stream<Item = Result<Answer, Status>> + Send>>;

    async fn unary(&self, request: Request<Question>) -> Result<Response<Answer>, Status> {
        let method = request.method().to_owned();
        let question = request.into_inner();
        if question.text == "fail" {
            return Err(Status::not_found(method));
        }
        Ok(Response::new(answer(&question.text, 1)))
    }

    async fn server_stream(
        &self,
        request: Request<Question>,
    ) -> Result<Response<Self::ServerStreamStream>, Status> {
        let question = request.into_inner();
        let answers = (0..question.count).map(move |i| Ok(answer(&question.text, i)));
        Ok(Response::new(stream::iter(answers).boxed()))
    }

    async fn client_stream(&self, request: Request<Streaming<Question>>) -> Result<Response<Answer>, Status> {
        let mut questions = request.into_inner();
        let (mut text, mut count) = (String::new(), 0);
        while let Some(question) = questions.message().await? {
            text += &question.text;
            count += 1;
        }
        Ok(Response::new(answer(&text, count)))
    }

    async fn bidi_stream(
        &self,
        request: Request<Streaming<Question>>,
    ) -> Result<Response<Self::BidiStreamStream>, Status> {
        let questions = request.into_inner();
        Ok(Response::new(questions.map(|question| Ok(answer(&question?.text, 0))).boxed()))
    }

    async fn find(&self, request: Request<place::Name>) -> Result<Response<Length>, Status> {
        let meters = request.get_ref().value.len() as f64;
        Ok(Response::new(Length { meters, ..Default::default() }))
    }

    async fn ping(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        Ok(Response::new(Empty::default()))
    }

    async fn r#type(&self, _: Request<Question>) -> Result<Response<Answer>, Status> {
        Ok(Response::new(answer("type", 0)))
    }

    async fn new(&self, _: Request<Question>) -> Result<Response<Answer>, Status> {
        Ok(Response::new(answer("new", 0)))
    }

    async fn self_(&self, _: Request<Question>) -> Result<Response<Answer>, Status> {
        Ok(Response::new(answer("self", 0)))
    }

    async fn get_http_url(&self, _: Request<Question>) -> Result<Response<Answer>, Status> {
        Ok(Response::new(answer("url", 0)))
    }
}

/// Calls that take longer than this hang.
const LIMIT: Duration = Duration::from_secs(20);

/// Serves the service on a port of its own, runs the test with a client of it, and ends both.
async fn with_client<F, Fut>(service: KindsServer<Echo>, test: F)
where
    F: FnOnce(KindsClient) -> Fut,
    Fut: Future<Output = Result<(), Status>>,
{
    let server = Server::builder()
        .add_service(service)
        .add_service(IdleServer::new(Echo))
        .bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        .start(tokio::runtime::Handle::current())
        .expect("the server starts");
    let target = server.local_addrs()[0].to_string();
    let run = async {
        let client = KindsClient::connect(target).await.expect("the server is there");
        test(client).await.expect("the calls do what they should");
    };
    tokio::time::timeout(LIMIT, run).await.expect("no call hangs");
    server.shutdown(Some(Duration::ZERO));
    tokio::time::timeout(LIMIT, server.terminated()).await.expect("the server ends");
}

fn question(text: &str, count: u32) -> Question {
    Question { text: text.to_owned(), count, ..Default::default() }
}

fn questions() -> impl Stream<Item = Question> + Send + 'static {
    stream::iter(["a", "b", "c"].map(|text| question(text, 0)))
}

#[tokio::test]
async fn the_four_kinds() {
    with_client(KindsServer::new(Echo), async |client| {
        let reply = client.unary(question("hi", 0)).await?;
        assert_eq!(reply.get_ref(), &answer("hi", 1));

        let mut replies = client.server_stream(Request::new(question("s", 3))).await?.into_inner();
        let mut counts = Vec::new();
        while let Some(reply) = replies.message().await? {
            assert_eq!(reply.text, "s");
            counts.push(reply.count);
        }
        assert_eq!(counts, [0, 1, 2]);

        let reply = client.client_stream(questions()).await?;
        assert_eq!(reply.get_ref(), &answer("abc", 3));

        let replies = client.bidi_stream(Request::new(questions())).await?.into_inner();
        let texts: Vec<_> = replies.map(|reply| reply.map(|reply| reply.text)).collect().await;
        assert_eq!(texts.into_iter().collect::<Result<Vec<_>, _>>()?, ["a", "b", "c"]);

        let error = client.unary(question("fail", 0)).await.expect_err("the handler refuses");
        assert_eq!((error.code(), error.message()), (Code::NotFound, kinds_client::paths::UNARY));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn names_and_types_from_everywhere() {
    with_client(KindsServer::from_arc(Arc::new(Echo)), async |client| {
        #[expect(deprecated, reason = "the option of the method is carried over")]
        let length = client.find(place::Name { value: "four".to_owned(), ..Default::default() }).await?;
        assert_eq!(length.get_ref().meters, 4.0);
        client.ping(Empty::default()).await?;
        let ask = || question("", 0);
        assert_eq!(client.r#type(ask()).await?.get_ref().text, "type");
        assert_eq!(client.new_(ask()).await?.get_ref().text, "new");
        assert_eq!(client.self_(ask()).await?.get_ref().text, "self");
        assert_eq!(client.get_http_url(ask()).await?.get_ref().text, "url");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn options_of_clients_and_servers() {
    with_client(KindsServer::new(Echo).max_recv_message_size(100).spawned(), async |client| {
        let long = question(&"x".repeat(100), 0);
        let error = client.unary(long).await.expect_err("the server takes no more than 100 bytes");
        assert_eq!(error.code(), Code::ResourceExhausted, "{error}");
        client.unary(question("short", 0)).await?;

        let strict = client.clone().max_send_message_size(20);
        let error = strict.unary(question(&"x".repeat(30), 0)).await.expect_err("the client sends no more");
        assert_eq!(error.code(), Code::ResourceExhausted, "{error}");
        let strict = KindsClient::new(client.channel().clone()).max_recv_message_size(20);
        let error = strict.unary(question(&"x".repeat(30), 0)).await.expect_err("the client takes no more");
        assert_eq!(error.code(), Code::ResourceExhausted, "{error}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn an_unreachable_target_is_an_error_of_connect() {
    let error = KindsClient::connect("").await.expect_err("no target is not a target");
    assert!(!error.to_string().is_empty());
    let channel = Channel::builder("127.0.0.1:1").connect_lazy().expect("the target is well-formed");
    let error = KindsClient::new(channel).unary(question("", 0)).await.expect_err("nobody listens there");
    assert_eq!(error.code(), Code::Unavailable);
}

#[test]
fn services_describe_themselves() {
    let service = KindsServer::new(Echo);
    assert_eq!(service.name(), "kinds.Kinds");
    assert_eq!(KindsServer::<Echo>::NAME, KindsClient::NAME);
    let methods = service.methods();
    let names: Vec<_> = methods.iter().map(|method| method.name()).collect();
    assert_eq!(names.len(), 10);
    assert!(names.contains(&"GetHTTPUrl"), "as the .proto file has them: {names:?}");
    assert!(IdleServer::new(Echo).methods().is_empty());

    let set = service.file_descriptor_set().expect("the descriptors are there");
    let set = FileDescriptorSet::decode_from_slice(set).expect("they are descriptors");
    let files: Vec<_> = set.file.iter().filter_map(|file| file.name.as_deref()).collect();
    assert!(files.contains(&"more_kinds.proto"), "all files of the package: {files:?}");
    assert!(!files.contains(&"bare.proto"), "and nothing else: {files:?}");
    for file in &set.file {
        let place = |name: &str| files.iter().position(|file| *file == name);
        let own = file.name.as_deref().and_then(place);
        assert!(file.dependency.iter().all(|import| place(import) < own), "imports come first: {files:?}");
    }
}

#[test]
fn messages_of_all_packages() {
    let name = place::Name { value: "K2".to_owned(), ..Default::default() };
    let place = Place { name: name.into(), ..Default::default() };
    let question = Question { place: place.into(), ..Default::default() };
    let bytes = question.encode_to_vec();
    assert_eq!(Question::decode_from_slice(&bytes).expect("it decodes"), question);
    let data = protos::data { text: "3".to_owned(), ..Default::default() };
    assert_eq!(data.encode_to_vec(), b"\x12\x013");
}
