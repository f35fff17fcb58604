//! The rig's server: `rig-server [--tls FOLDER [--mtls]]`. Prints `listening on PORT`.

use std::collections::HashSet;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use carom::server::Server;
use carom::{Code, MetadataMap, Request, Response, Status, Streaming};
use futures_util::stream::{self, Stream};
use tokio::sync::watch;

use carom_interop::Arguments;
use carom_interop::proto::rig_server::{Rig, RigServer};
use carom_interop::proto::{Cancelled, DownloadRequest, FailRequest, Payload, Token, UploadSummary};

const AWAIT_CANCELLED: Duration = Duration::from_secs(5);
/// Hang gives up by itself then.
const HANG: Duration = Duration::from_secs(20);

type Replies = Pin<Box<dyn Stream<Item = Result<Payload, Status>> + Send>>;

struct MyRig {
    /// The tokens of the Hang calls that were cancelled.
    cancelled: Arc<watch::Sender<HashSet<String>>>,
}

/// Notes its token when it is dropped, as it is when the call of its handler is cancelled.
struct Hanging {
    token: String,
    cancelled: Arc<watch::Sender<HashSet<String>>>,
}

impl Drop for Hanging {
    fn drop(&mut self) {
        self.cancelled.send_modify(|tokens| {
            tokens.insert(std::mem::take(&mut self.token));
        });
    }
}

/// The metadata that goes back.
fn rig_metadata(received: &MetadataMap) -> Result<MetadataMap, Status> {
    let mut kept = MetadataMap::default();
    for (key, value) in received.iter().filter(|(key, _)| key.starts_with("rig-")) {
        kept.append(key, value).map_err(|error| Status::internal(error.to_string()))?;
    }
    Ok(kept)
}

impl Rig for MyRig {
    async fn echo(&self, request: Request<Payload>) -> Result<Response<Payload>, Status> {
        let metadata = rig_metadata(request.metadata())?;
        let mut response = Response::new(request.into_inner());
        response.metadata_mut().merge(&metadata);
        response.trailers_mut().merge(&metadata);
        Ok(response)
    }

    async fn fail(&self, request: Request<FailRequest>) -> Result<Response<Payload>, Status> {
        let metadata = rig_metadata(request.metadata())?;
        let wanted = request.into_inner();
        Err(Status::with_metadata(Code::from_i32(wanted.code), wanted.details, metadata))
    }

    async fn r#break(&self, _: Request<Payload>) -> Result<Response<Payload>, Status> {
        panic!("the rig broke as asked")
    }

    async fn hang(&self, request: Request<Token>) -> Result<Response<Payload>, Status> {
        let token = request.into_inner().token;
        let _noted_when_dropped = Hanging { token, cancelled: Arc::clone(&self.cancelled) };
        tokio::time::sleep(HANG).await;
        Ok(Response::new(Payload::default()))
    }

    async fn await_cancelled(&self, request: Request<Token>) -> Result<Response<Cancelled>, Status> {
        let token = request.into_inner().token;
        let mut tokens = self.cancelled.subscribe();
        let seen =
            tokio::time::timeout(AWAIT_CANCELLED, tokens.wait_for(|tokens| tokens.contains(&token))).await;
        let cancelled = matches!(seen, Ok(Ok(_)));
        Ok(Response::new(Cancelled { cancelled, ..Default::default() }))
    }

    type DownloadStream = Replies;

    async fn download(&self, request: Request<DownloadRequest>) -> Result<Response<Replies>, Status> {
        let wanted = request.into_inner();
        let size = usize::try_from(wanted.size)
            .map_err(|_| Status::invalid_argument(format!("{} is not a size", wanted.size)))?;
        let payloads = (0..wanted.count)
            .map(move |number| Ok(Payload { number, body: vec![0; size], ..Default::default() }));
        Ok(Response::new(Box::pin(stream::iter(payloads))))
    }

    async fn upload(&self, request: Request<Streaming<Payload>>) -> Result<Response<UploadSummary>, Status> {
        let mut payloads = request.into_inner();
        let mut summary = UploadSummary::default();
        while let Some(payload) = payloads.message().await? {
            summary.count += 1;
            summary.bytes += payload.body.len() as i64;
        }
        Ok(Response::new(summary))
    }

    type PingPongStream = Replies;

    async fn ping_pong(&self, request: Request<Streaming<Payload>>) -> Result<Response<Replies>, Status> {
        Ok(Response::new(Box::pin(request.into_inner())))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    let rig = MyRig { cancelled: Arc::new(watch::Sender::new(HashSet::new())) };
    let mut builder =
        Server::builder().add_service(RigServer::new(rig)).bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    if let Some(tls) = arguments.server_tls()? {
        builder = builder.tls(tls);
    }
    let server = builder.start(tokio::runtime::Handle::current())?;
    let addresses = server.local_addrs();
    let address = addresses.first().ok_or("the server listens nowhere")?.to_string();
    let port = address.rsplit(':').next().unwrap_or_default();
    println!("listening on {port}");
    server.terminated().await;
    Ok(())
}
