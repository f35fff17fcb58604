//! `helloworld.Greeter/SayHello` without generated code: a codec of a few lines and one method.
//!
//! Run it with an address and a number of runtime threads (0: all on the main thread):
//! `cargo run --release -p carom --example hello_server -- 127.0.0.1:50051 0`

use std::error::Error;
use std::net::SocketAddr;

use bytes::{BufMut, Bytes, BytesMut};

use carom::server::{Method, Server, Service};
use carom::{Codec, Request, Response, Status};

/// Messages with one string in field 1, short enough for a length of one byte each.
#[derive(Clone, Copy)]
struct NameCodec;

impl Codec for NameCodec {
    type Encode = String;
    type Decode = String;

    const SUBTYPE: &'static str = "proto";

    fn encode(&self, message: &String, out: &mut BytesMut) -> Result<(), Status> {
        let len = u8::try_from(message.len()).ok().filter(|len| *len < 128);
        out.put_u8(0x0a);
        out.put_u8(len.ok_or_else(|| Status::internal("the greeting is too long for this example"))?);
        out.put_slice(message.as_bytes());
        Ok(())
    }

    fn decode(&self, message: Bytes) -> Result<String, Status> {
        let name = match &message[..] {
            [] => &[],
            [0x0a, len, name @ ..] if usize::from(*len) == name.len() => name,
            _ => return Err(Status::internal("not a HelloRequest with a short name")),
        };
        String::from_utf8(name.to_vec()).map_err(|_| Status::internal("the name is not UTF-8"))
    }
}

struct Greeter;

impl Service for Greeter {
    fn name(&self) -> &str {
        "helloworld.Greeter"
    }

    fn methods(&self) -> Vec<Method> {
        vec![Method::unary("SayHello", NameCodec, |request: Request<String>| async move {
            Ok(Response::new(format!("Hello {}!", request.get_ref())))
        })]
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let addr: SocketAddr = args.next().as_deref().unwrap_or("[::]:50051").parse()?;
    let threads: usize = args.next().as_deref().unwrap_or("0").parse()?;
    let runtime = if threads == 0 {
        tokio::runtime::Builder::new_current_thread().enable_all().build()?
    } else {
        tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?
    };
    runtime.block_on(Server::builder().add_service(Greeter).serve(addr))?;
    Ok(())
}
