//! The Greeter server: `greeter-server [ADDRESS:PORT]`.

use std::error::Error;
use std::net::SocketAddr;

use carom::server::Server;
use carom::{Request, Response, Status};

use carom_examples::helloworld::greeter_server::{Greeter, GreeterServer};
use carom_examples::helloworld::{HelloReply, HelloRequest};

struct MyGreeter;

fn reply(message: String) -> Response<HelloReply> {
    Response::new(HelloReply { message, ..Default::default() })
}

impl Greeter for MyGreeter {
    async fn say_hello(&self, request: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        Ok(reply(format!("Hello, {}!", request.get_ref().name)))
    }

    async fn say_hello_again(&self, request: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        Ok(reply(format!("Hello again, {}!", request.get_ref().name)))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address: SocketAddr = carom_examples::address_or("[::]:50051").parse()?;
    let server = Server::builder()
        .add_service(GreeterServer::new(MyGreeter))
        .bind(address)
        .start(tokio::runtime::Handle::current())?;
    println!("Greeter listens on {address}");
    server.terminated().await;
    Ok(())
}
