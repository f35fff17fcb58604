//! Says hello to the Greeter server: `greeter-client [HOST:PORT]`.

use std::error::Error;

use carom::client::Channel;

use carom_examples::helloworld::HelloRequest;
use carom_examples::helloworld::greeter_client::GreeterClient;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let channel = Channel::connect(carom_examples::address_or("localhost:50051")).await?;
    let client = GreeterClient::new(channel);
    let request = HelloRequest { name: "you".to_owned(), ..Default::default() };

    let response = client.say_hello(request.clone()).await?;
    println!("Greeter client received: {}", response.get_ref().message);
    let response = client.say_hello_again(request).await?;
    println!("Greeter client received: {}", response.get_ref().message);
    Ok(())
}
