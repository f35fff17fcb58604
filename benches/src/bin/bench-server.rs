//! `bench-server PORT THREADS [CHAIN KEY]`: serves `helloworld.Greeter` and `bench.Bench` on 127.0.0.1; under TLS with
//! those PEM files. THREADS 0 is the current-thread runtime.

use std::pin::Pin;

use carom::{
    Request, Response, Status, Streaming,
    credentials::{Identity, ServerTlsConfig},
    server::Server,
};
use carom_bench::{
    arg,
    bench::{
        Chunk, StreamRequest, UploadReply,
        bench_server::{Bench, BenchServer},
    },
    helloworld::{
        HelloReply, HelloRequest,
        greeter_server::{Greeter, GreeterServer},
    },
};
use futures_core::Stream;

struct Hello;

impl Greeter for Hello {
    async fn say_hello(&self, request: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        let message = format!("Hello, {}!", request.into_inner().name);
        Ok(Response::new(HelloReply { message, ..Default::default() }))
    }
}

struct Streams;

impl Bench for Streams {
    type ServerStreamStream = Pin<Box<dyn Stream<Item = Result<Chunk, Status>> + Send>>;
    type PingPongStream = Streaming<Chunk>;

    async fn server_stream(
        &self,
        request: Request<StreamRequest>,
    ) -> Result<Response<Self::ServerStreamStream>, Status> {
        let request = request.into_inner();
        let chunk = Chunk { data: vec![b'x'; request.size as usize].into(), ..Default::default() };
        let chunks = (0..request.count).map(move |_| Ok(chunk.clone()));
        Ok(Response::new(Box::pin(futures_util::stream::iter(chunks))))
    }

    async fn ping_pong(
        &self,
        request: Request<Streaming<Chunk>>,
    ) -> Result<Response<Self::PingPongStream>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    async fn upload(&self, request: Request<Streaming<Chunk>>) -> Result<Response<UploadReply>, Status> {
        let mut chunks = request.into_inner();
        let mut bytes = 0;
        while let Some(chunk) = chunks.message().await? {
            bytes += chunk.data.len() as u64;
        }
        Ok(Response::new(UploadReply { bytes, ..Default::default() }))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], arg(1, 50051)));
    carom_bench::runtime(arg(2, 1)).block_on(async move {
        let mut server =
            Server::builder().add_service(GreeterServer::new(Hello)).add_service(BenchServer::new(Streams));
        if let (Some(chain), Some(key)) = (std::env::args().nth(3), std::env::args().nth(4)) {
            let identity = Identity::from_pem(std::fs::read(chain)?, std::fs::read(key)?);
            server = server.tls(ServerTlsConfig::new(identity));
        }
        // In a task, so that a worker does the work and not the thread that waits here.
        tokio::spawn(server.serve(address)).await??;
        Ok(())
    })
}
