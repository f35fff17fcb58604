//! Calls `helloworld.Greeter/SayHello` without generated code: a codec of a few lines and one call.
//!
//! Run it with a target and a name, against `hello_server` or any other server of that service:
//! `cargo run -p carom --example hello_client -- 127.0.0.1:50051 you`

use std::error::Error;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use carom::client::Channel;
use carom::{Codec, Request, Status};

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
        out.put_u8(len.ok_or_else(|| Status::internal("the name is too long for this example"))?);
        out.put_slice(message.as_bytes());
        Ok(())
    }

    fn decode(&self, message: Bytes) -> Result<String, Status> {
        let name = match &message[..] {
            [] => &[],
            [0x0a, len, name @ ..] if usize::from(*len) == name.len() => name,
            _ => return Err(Status::internal("not a HelloReply with a short message")),
        };
        String::from_utf8(name.to_vec()).map_err(|_| Status::internal("the message is not UTF-8"))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let target = args.next().unwrap_or_else(|| "localhost:50051".to_owned());
    let name = args.next().unwrap_or_else(|| "you".to_owned());
    let channel = Channel::connect(target).await?;
    let mut request = Request::new(name);
    request.set_timeout(Duration::from_secs(5));
    let response = channel.unary("/helloworld.Greeter/SayHello", NameCodec, request).await?;
    println!("{}", response.get_ref());
    Ok(())
}
