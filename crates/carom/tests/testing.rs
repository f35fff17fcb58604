//! Services tested within the process, under paused time.

use std::time::Duration;

use bytes::Bytes;
use carom::codec::BytesCodec;
use carom::server::{Method, Server};
use carom::testing::{InProcess, StubService};
use carom::{CallStart, Code, Request, Response, Status};
use futures_util::{StreamExt, stream};

fn bytes(text: &'static str) -> Request<Bytes> {
    Request::new(Bytes::from_static(text.as_bytes()))
}

fn service() -> StubService {
    StubService::new("test.Stub")
        .method(Method::unary("Echo", BytesCodec, |request: Request<Bytes>| async move {
            Ok(Response::new(request.into_inner()))
        }))
        .method(Method::unary("Never", BytesCodec, |_: Request<Bytes>| {
            std::future::pending::<Result<Response<Bytes>, Status>>()
        }))
        .method(Method::server_streaming("Forever", BytesCodec, |request: Request<Bytes>| async move {
            Ok(Response::new(stream::repeat(request.into_inner()).map(Ok)))
        }))
}

#[tokio::test(start_paused = true)]
async fn a_call_goes_through_both_ends() {
    let test = InProcess::new(service());
    let response = test.channel().unary("/test.Stub/Echo", BytesCodec, bytes("hello")).await.unwrap();
    assert_eq!(response.into_inner(), "hello");
    let status = test.channel().unary("/test.Stub/Other", BytesCodec, bytes("")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert_eq!(test.server().connections(), 1);
    test.finish().await;
}

#[tokio::test(start_paused = true)]
async fn an_hour_passes_in_no_time() {
    let test = InProcess::new(service());
    let began = (std::time::Instant::now(), tokio::time::Instant::now());
    let mut request = bytes("");
    request.set_timeout(Duration::from_secs(3600));
    let status = test.channel().unary("/test.Stub/Never", BytesCodec, request).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(began.1.elapsed() >= Duration::from_secs(3600));
    assert!(began.0.elapsed() < Duration::from_secs(60));
    test.finish().await;
}

#[tokio::test(start_paused = true)]
async fn further_channels_have_settings_of_their_own() {
    let refuse = |_: CallStart| Err(Status::unauthenticated("no token"));
    let test = InProcess::with(Server::builder().add_service(service()));
    let channel = test.channel_builder().intercept(refuse).connect_lazy().unwrap();
    let status = channel.unary("/test.Stub/Echo", BytesCodec, bytes("")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    test.channel().unary("/test.Stub/Echo", BytesCodec, bytes("")).await.unwrap();
    test.finish().await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "calls are still running, on 1 connections")]
async fn a_stream_that_someone_holds_is_found() {
    let test = InProcess::new(service());
    let response =
        test.channel().server_streaming("/test.Stub/Forever", BytesCodec, bytes("x")).await.unwrap();
    let _held = response.into_inner();
    test.finish().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_ends() {
    let test = InProcess::new(service());
    let channel = test.channel();
    let call = tokio::spawn(async move { channel.unary("/test.Stub/Never", BytesCodec, bytes("")).await });
    tokio::task::yield_now().await;
    let server = test.server().clone();
    drop(test);
    // By whichever end was first.
    let status = call.await.unwrap().unwrap_err();
    assert!(matches!(status.code(), Code::Cancelled | Code::Unavailable), "{status}");
    server.terminated().await;
}
