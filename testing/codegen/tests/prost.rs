//! Messages by prost under Carom's client and server: what a team on tonic keeps.

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use carom::server::Server;
use carom::{Code, Request, Response, Status, Stream, Streaming};
use futures_util::{StreamExt, stream};

use carom_testing_codegen::prost_messages::add_number_client::AddNumberClient;
use carom_testing_codegen::prost_messages::add_number_server::{AddNumber, AddNumberServer};
use carom_testing_codegen::prost_messages::kinds::kinds_client::KindsClient;
use carom_testing_codegen::prost_messages::kinds::kinds_server::{Kinds, KindsServer};
use carom_testing_codegen::prost_messages::kinds::places::{Place, place};
use carom_testing_codegen::prost_messages::kinds::{Answer, Question, answer};
use carom_testing_codegen::prost_messages::units::r#type::Length;
use carom_testing_codegen::prost_messages::{Data, kinds};

/// Calls that take longer than this hang.
const LIMIT: Duration = Duration::from_secs(20);

struct Echo;

fn reply(text: &str, count: u32) -> Answer {
    Answer { text: text.to_owned(), count, ..Default::default() }
}

type Answers = Pin<Box<dyn Stream<Item = Result<Answer, Status>> + Send>>;

impl Kinds for Echo {
    type ServerStreamStream = Answers;
    type BidiStreamStream = Answers;

    async fn unary(&self, request: Request<Question>) -> Result<Response<Answer>, Status> {
        let question = request.into_inner();
        let height = question.place.and_then(|place| place.height).unwrap_or_default();
        Ok(Response::new(Answer {
            text: question.text,
            // Large enough that it is taken from what was received without a copy.
            data: Bytes::from(vec![1; question.count as usize]),
            lengths: [("height".to_owned(), height)].into(),
            kind: Some(answer::Kind::Name("n".to_owned())),
            ..Default::default()
        }))
    }

    async fn server_stream(&self, request: Request<Question>) -> Result<Response<Answers>, Status> {
        let question = request.into_inner();
        let answers = (0..question.count).map(move |i| Ok(reply(&question.text, i)));
        Ok(Response::new(stream::iter(answers).boxed()))
    }

    async fn client_stream(&self, request: Request<Streaming<Question>>) -> Result<Response<Answer>, Status> {
        let mut questions = request.into_inner();
        let mut text = String::new();
        while let Some(question) = questions.message().await? {
            text += &question.text;
        }
        Ok(Response::new(reply(&text, 0)))
    }

    async fn bidi_stream(&self, request: Request<Streaming<Question>>) -> Result<Response<Answers>, Status> {
        let questions = request.into_inner();
        Ok(Response::new(questions.map(|question| Ok(reply(&question?.text, 0))).boxed()))
    }

    async fn find(&self, request: Request<place::Name>) -> Result<Response<Length>, Status> {
        Ok(Response::new(Length { meters: request.get_ref().value.len() as f64 }))
    }

    // prost has Google's empty message as `()`.
    async fn ping(&self, _: Request<()>) -> Result<Response<()>, Status> {
        Ok(Response::new(()))
    }

    async fn r#type(&self, _: Request<Question>) -> Result<Response<Answer>, Status> {
        Err(Status::not_found("type"))
    }

    async fn new(&self, _: Request<Question>) -> Result<Response<Answer>, Status> {
        Ok(Response::new(reply("new", 0)))
    }

    async fn self_(&self, _: Request<Question>) -> Result<Response<Answer>, Status> {
        Ok(Response::new(reply("self", 0)))
    }

    async fn get_http_url(&self, _: Request<Question>) -> Result<Response<Answer>, Status> {
        Ok(Response::new(reply("url", 0)))
    }
}

impl AddNumber for Echo {
    async fn do_add(&self, request: Request<Data>) -> Result<Response<Data>, Status> {
        Ok(Response::new(request.into_inner()))
    }
}

fn question(text: &str, count: u32) -> Question {
    Question { text: text.to_owned(), count, ..Default::default() }
}

async fn calls(target: String) -> Result<(), Status> {
    let client = KindsClient::connect(target.clone()).await.expect("the server is there");
    let place = Place { height: Some(Length { meters: 2.5 }), ..Default::default() };
    let asked = Question { place: Some(place), ..question("hi", 100_000) };
    let answered = client.unary(asked).await?.into_inner();
    assert_eq!((answered.text.as_str(), answered.data.len()), ("hi", 100_000));
    assert_eq!(answered.lengths["height"], Length { meters: 2.5 });
    assert_eq!(answered.kind, Some(answer::Kind::Name("n".to_owned())));

    let answers = client.server_stream(question("s", 3)).await?.into_inner();
    let counts: Vec<u32> = answers.map(|answer| answer.map_or(99, |answer| answer.count)).collect().await;
    assert_eq!(counts, [0, 1, 2]);

    let questions = || stream::iter(["a", "b", "c"].map(|text| question(text, 0)));
    assert_eq!(client.client_stream(questions()).await?.get_ref().text, "abc");
    let answers = client.bidi_stream(questions()).await?.into_inner();
    assert_eq!(answers.count().await, 3);

    #[expect(deprecated, reason = "the option of the method is carried over")]
    let length = client.find(place::Name { value: "four".to_owned() }).await?;
    assert_eq!(length.get_ref().meters, 4.0);
    client.ping(()).await?;
    assert_eq!(client.r#type(question("", 0)).await.expect_err("it refuses").code(), Code::NotFound);

    let client = AddNumberClient::connect(target).await.expect("the server is there");
    let data = Data { text: "proto2".to_owned() };
    assert_eq!(client.do_add(data.clone()).await?.get_ref(), &data);
    Ok(())
}

#[tokio::test]
async fn all_kinds_of_calls_with_messages_by_prost() {
    let server = Server::builder()
        .add_service(KindsServer::new(Echo))
        .add_service(AddNumberServer::new(Echo))
        .bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        .start(tokio::runtime::Handle::current())
        .expect("the server starts");
    let target = server.local_addrs()[0].to_string();
    let outcome = tokio::time::timeout(LIMIT, calls(target)).await;
    server.shutdown(Some(Duration::ZERO));
    tokio::time::timeout(LIMIT, server.terminated()).await.expect("the server ends");
    outcome.expect("no call hangs").expect("the calls do what they should");
}

#[test]
fn options_reach_prost() {
    assert_eq!(<Answer as prost::Name>::full_name(), "kinds.Answer", "by prost_config");
    assert!(Length { meters: 1.0 } < Length { meters: 2.0 }, "by type_attribute");
    assert!(!kinds::FILE_DESCRIPTOR_SET.is_empty());
}
