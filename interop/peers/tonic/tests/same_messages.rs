//! One set of messages by prost, served and called by Carom and by tonic, each by each.

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use tokio_stream::StreamExt;

use self::chat::chat_client::ChatClient;
use self::chat::chat_server::{Chat, ChatServer};
use self::chat::{Line, Room, line};

/// Carom's code: the messages, by prost, and the services.
mod chat {
    include!(concat!(env!("OUT_DIR"), "/carom/chat.rs"));
}

/// tonic's services on those messages.
mod on_tonic {
    include!(concat!(env!("OUT_DIR"), "/tonic/chat.rs"));
}

/// Calls that take longer than this hang.
const LIMIT: Duration = Duration::from_secs(20);

fn lines() -> Vec<Line> {
    let small = Line {
        text: "héllo".to_owned(),
        votes: [("a".to_owned(), -1), ("b".to_owned(), i64::MAX)].into(),
        to: Some(line::To::Person("Ada".to_owned())),
        ..Default::default()
    };
    let large = Line {
        picture: (0..200_000_u32).map(|i| i as u8).collect(),
        to: Some(line::To::Room(Room { number: 7 })),
        ..Default::default()
    };
    vec![small, large, Line::default()]
}

struct Echo;

impl Chat for Echo {
    type TalkStream = carom::Streaming<Line>;

    async fn say(&self, request: carom::Request<Line>) -> Result<carom::Response<Line>, carom::Status> {
        match request.into_inner() {
            line if line.text == "fail" => Err(carom::Status::not_found("nobody é")),
            line => Ok(carom::Response::new(line)),
        }
    }

    async fn talk(
        &self,
        request: carom::Request<carom::Streaming<Line>>,
    ) -> Result<carom::Response<carom::Streaming<Line>>, carom::Status> {
        Ok(carom::Response::new(request.into_inner()))
    }
}

#[tonic::async_trait]
impl on_tonic::chat_server::Chat for Echo {
    type TalkStream = Pin<Box<dyn tokio_stream::Stream<Item = Result<Line, tonic::Status>> + Send>>;

    async fn say(&self, request: tonic::Request<Line>) -> Result<tonic::Response<Line>, tonic::Status> {
        match request.into_inner() {
            line if line.text == "fail" => Err(tonic::Status::not_found("nobody é")),
            line => Ok(tonic::Response::new(line)),
        }
    }

    async fn talk(
        &self,
        request: tonic::Request<tonic::Streaming<Line>>,
    ) -> Result<tonic::Response<Self::TalkStream>, tonic::Status> {
        Ok(tonic::Response::new(Box::pin(request.into_inner())))
    }
}

async fn call_by_carom(address: SocketAddr) {
    let client = ChatClient::connect(address.to_string()).await.expect("the server is there");
    for line in lines() {
        assert_eq!(client.say(line.clone()).await.expect("it answers").into_inner(), line);
    }
    let failed =
        client.say(Line { text: "fail".to_owned(), ..Default::default() }).await.expect_err("it refuses");
    assert_eq!((failed.code(), failed.message()), (carom::Code::NotFound, "nobody é"));
    let answers = client.talk(tokio_stream::iter(lines())).await.expect("it answers").into_inner();
    let answers: Result<Vec<Line>, _> = answers.collect().await;
    assert_eq!(answers.expect("all are answered"), lines());
}

async fn call_by_tonic(address: SocketAddr) {
    let target = format!("http://{address}");
    let mut client = on_tonic::chat_client::ChatClient::connect(target).await.expect("the server is there");
    for line in lines() {
        assert_eq!(client.say(line.clone()).await.expect("it answers").into_inner(), line);
    }
    let failed =
        client.say(Line { text: "fail".to_owned(), ..Default::default() }).await.expect_err("it refuses");
    assert_eq!((failed.code(), failed.message()), (tonic::Code::NotFound, "nobody é"));
    let answers = client.talk(tokio_stream::iter(lines())).await.expect("it answers").into_inner();
    let answers: Result<Vec<Line>, _> = answers.collect().await;
    assert_eq!(answers.expect("all are answered"), lines());
}

#[tokio::test]
async fn carom_serves() {
    let server = carom::server::Server::builder()
        .add_service(ChatServer::new(Echo))
        .bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        .start(tokio::runtime::Handle::current())
        .expect("the server starts");
    let address = server.local_addrs()[0].to_string().parse().expect("an address");
    let calls = async {
        call_by_tonic(address).await;
        call_by_carom(address).await;
    };
    let outcome = tokio::time::timeout(LIMIT, calls).await;
    server.shutdown(Some(Duration::ZERO));
    tokio::time::timeout(LIMIT, server.terminated()).await.expect("the server ends");
    outcome.expect("no call hangs");
}

#[tokio::test]
async fn tonic_serves() {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = listener.local_addr().expect("it has an address");
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    let service = on_tonic::chat_server::ChatServer::new(Echo);
    let server = tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming);
    let calls = async {
        call_by_carom(address).await;
        call_by_tonic(address).await;
    };
    tokio::select! {
        outcome = server => panic!("the server ended: {outcome:?}"),
        outcome = tokio::time::timeout(LIMIT, calls) => outcome.expect("no call hangs"),
    }
}
