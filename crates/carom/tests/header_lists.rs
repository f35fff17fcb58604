//! Header lists that are larger than the other side takes: no side sends one, and each costs its call alone.

mod support;

use bytes::Bytes;
use carom::client::Channel;
use carom::codec::BytesCodec;
use carom::server::{Method, Server};
use carom::{Code, MetadataMap, Request, Response, Status};
use futures_util::StreamExt;
use tokio::sync::watch;

use support::{TestService, soon, start};

fn size(request: &Request<Bytes>) -> usize {
    std::str::from_utf8(request.get_ref()).unwrap().parse().unwrap()
}

fn value(size: usize) -> MetadataMap {
    let mut metadata = MetadataMap::new();
    metadata.insert("k", "v".repeat(size)).unwrap();
    metadata
}

fn methods(go: watch::Receiver<bool>) -> Vec<Method> {
    vec![
        // Ends with a long message, with metadata at the end, with metadata at the beginning.
        Method::unary("Message", BytesCodec, |request: Request<Bytes>| async move {
            Err::<Response<Bytes>, _>(Status::internal("m".repeat(size(&request))))
        }),
        Method::unary("Trailing", BytesCodec, |request: Request<Bytes>| async move {
            let mut response = Response::new(Bytes::from_static(b"ok"));
            *response.trailers_mut() = value(size(&request));
            Ok(response)
        }),
        Method::unary("Initial", BytesCodec, |request: Request<Bytes>| async move {
            let mut response = Response::new(Bytes::from_static(b"ok"));
            *response.metadata_mut() = value(size(&request));
            Ok(response)
        }),
        Method::server_streaming("InitialOfStream", BytesCodec, |request: Request<Bytes>| async move {
            let mut response =
                Response::new(futures_util::stream::repeat_with(|| Ok(Bytes::from_static(b"ok"))));
            *response.metadata_mut() = value(size(&request));
            Ok(response)
        }),
        // Says how much metadata came.
        Method::unary("Count", BytesCodec, |request: Request<Bytes>| async move {
            let len: usize = request.metadata().iter().map(|(_, value)| value.as_bytes().len()).sum();
            Ok(Response::new(Bytes::from(len.to_string())))
        }),
        // Lasts until it is told to end.
        Method::unary("Beside", BytesCodec, move |_: Request<Bytes>| {
            let mut go = go.clone();
            async move {
                let _ = go.wait_for(|go| *go).await;
                Ok(Response::new(Bytes::from_static(b"unharmed")))
            }
        }),
    ]
}

fn request(size: usize) -> Request<Bytes> {
    Request::new(Bytes::from(size.to_string()))
}

async fn called(
    channel: &Channel,
    method: &'static str,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, Status> {
    soon(channel.unary(method, BytesCodec, request)).await
}

/// Runs `cases` on a channel beside a call that lasts, on one connection, and looks whether that call is unharmed.
async fn beside_another(cases: impl AsyncFnOnce(&Channel)) {
    let (done, go) = watch::channel(false);
    let (server, addr) = start(Server::builder().add_service(TestService(methods(go))));
    let channel = soon(Channel::builder(addr.to_string()).connect()).await.unwrap();
    let beside = tokio::spawn({
        let channel = channel.clone();
        async move { called(&channel, "/test.Test/Beside", request(0)).await }
    });
    cases(&channel).await;
    assert_eq!(server.connections(), 1);
    done.send(true).unwrap();
    assert_eq!(soon(beside).await.unwrap().unwrap().get_ref(), "unharmed");
}

#[tokio::test]
async fn a_long_message_is_cut() {
    beside_another(async |channel| {
        let status = called(channel, "/test.Test/Message", request(7_000)).await.unwrap_err();
        assert_eq!((status.code(), status.message().len()), (Code::Internal, 7_000));
        for size in [20_000, 100_000, 5_000_000] {
            let status = called(channel, "/test.Test/Message", request(size)).await.unwrap_err();
            assert_eq!(status.code(), Code::Internal);
            assert!((15_000..16_384).contains(&status.message().len()), "{}", status.message().len());
            assert!(
                status
                    .message()
                    .ends_with(&format!("... [cut: {size} bytes of message, the client takes 16384]"))
            );
        }
    })
    .await;
}

#[tokio::test]
async fn metadata_of_a_response_that_is_too_large_fails_its_call() {
    beside_another(async |channel| {
        for method in ["/test.Test/Trailing", "/test.Test/Initial"] {
            assert_eq!(called(channel, method, request(7_000)).await.unwrap().get_ref(), "ok");
            for size in [16_350, 20_000, 100_000] {
                let status = called(channel, method, request(size)).await.unwrap_err();
                assert_eq!(status.code(), Code::ResourceExhausted, "{method}: {status}");
                assert!(status.message().contains(" vs. 16384 bytes)"), "{status}");
            }
        }
        let stream = channel.server_streaming("/test.Test/InitialOfStream", BytesCodec, request(20_000));
        let status = match soon(stream).await {
            Ok(response) => soon(response.into_inner().next()).await.unwrap().unwrap_err(),
            Err(status) => status,
        };
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    })
    .await;
}

#[tokio::test]
async fn metadata_of_a_request_that_is_too_large_stays_at_home() {
    beside_another(async |channel| {
        for (size, fits) in
            [(7_000, true), (15_000, true), (20_000, false), (70_000, false), (200_000, false)]
        {
            let mut request = Request::new(Bytes::new());
            *request.metadata_mut() = value(size);
            let called = called(channel, "/test.Test/Count", request).await;
            if fits {
                assert_eq!(called.unwrap().get_ref(), &size.to_string());
                continue;
            }
            let status = called.unwrap_err();
            assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
            let words = "the request's header list is larger than the server accepts (";
            assert!(status.message().starts_with(words), "{status}");
            assert!(status.message().ends_with(" vs. 16384 bytes)"), "{status}");
        }
    })
    .await;
}

/// A server that takes more is sent more.
#[tokio::test]
async fn what_the_server_takes_is_what_it_announced() {
    let (_done, go) = watch::channel(false);
    let builder = Server::builder().add_service(TestService(methods(go)));
    let (_server, addr) =
        start(builder.with_http2(|config| config.connection.max_header_list_size = 256 * 1024));
    let channel = soon(Channel::builder(addr.to_string()).connect()).await.unwrap();
    let mut request = Request::new(Bytes::new());
    *request.metadata_mut() = value(200_000);
    assert_eq!(called(&channel, "/test.Test/Count", request).await.unwrap().get_ref(), "200000");
}
