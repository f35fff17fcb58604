//! What a service config does to calls, also to those that were made before it came.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use carom::client::resolver::{Address, ManualResolver, Resolution};
use carom::client::{CallOptions, Channel, ConnectError, RawCall, UnaryOutcome};
use carom::codec::BytesCodec;
use carom::{Code, MetadataMap};

use crate::support::{PATIENCE, bytes, free_address, serve, soon};

fn config(fields: &str) -> String {
    format!(r#"{{"methodConfig":[{{"name":[{{"service":"test.Kinds"}}],{fields}}}]}}"#)
}

/// A channel whose resolver waits to be told.
fn unresolved() -> (Channel, ManualResolver) {
    let resolver = ManualResolver::new();
    let channel =
        Channel::builder("manual").resolver(Arc::new(resolver.clone())).connect_lazy().expect("valid");
    (channel, resolver)
}

fn resolve(resolver: &ManualResolver, address: &str, config: &str) {
    let address = Address::Tcp(address.parse().expect("an address"));
    resolver.resolve(Resolution::new(vec![address]).with_service_config(config));
}

fn call(channel: &Channel, method: &'static str, payload: &'static str, options: CallOptions) -> RawCall {
    channel.start_unary(method, options, MetadataMap::new(), Bytes::from_static(payload.as_bytes()))
}

async fn outcome(call: &RawCall) -> UnaryOutcome {
    soon(poll_fn(|cx| call.poll_unary(cx))).await
}

#[tokio::test]
async fn an_invalid_default_is_refused_when_the_channel_is_built() {
    let error =
        Channel::builder("localhost:1").default_service_config("{").connect_lazy().expect_err("refused");
    assert!(matches!(error, ConnectError::ServiceConfig(_)));
    assert!(error.to_string().starts_with("invalid service config: not JSON"), "{error}");
}

#[tokio::test]
async fn timeouts_and_sizes_of_methods() {
    let (_server, address) = serve();
    let text = config(r#""timeout":"5s","maxRequestMessageBytes":10,"maxResponseMessageBytes":100"#);
    let channel = Channel::builder(address).default_service_config(text).connect();
    let channel = soon(channel).await.expect("connects");
    let left = soon(channel.unary("/test.Kinds/Timeout", BytesCodec, bytes(""))).await.expect("answers");
    let left: u64 = std::str::from_utf8(left.get_ref()).unwrap().parse().unwrap();
    assert!((1..=5000).contains(&left), "{left}");
    let large = soon(channel.unary("/test.Kinds/Echo", BytesCodec, bytes("twelve bytes"))).await;
    assert_eq!(large.expect_err("too large").message(), "CLIENT: Sent message larger than max (12 vs. 10)");
    let large = soon(channel.unary("/test.Kinds/Size", BytesCodec, bytes("101"))).await;
    assert_eq!(large.expect_err("too large").code(), Code::ResourceExhausted);
    soon(channel.unary("/test.Kinds/Size", BytesCodec, bytes("100"))).await.expect("fits");
}

#[tokio::test]
async fn calls_made_before_the_first_resolution_get_its_config() {
    let (_server, address) = serve();
    let (channel, resolver) = unresolved();
    let timeout = call(&channel, "/test.Kinds/Timeout", "", CallOptions::default());
    let large = call(&channel, "/test.Kinds/Echo", "twelve bytes", CallOptions::default());
    let answer = call(&channel, "/test.Kinds/Size", "101", CallOptions::default());
    let hangs = call(&channel, "/test.Kinds/Hang", "", CallOptions::default());
    let chat = channel.start_call("/test.Kinds/Chat", CallOptions::default(), MetadataMap::new());
    chat.send_message(Bytes::from_static(b"ten bytes!"));
    tokio::task::yield_now().await;
    assert!(!timeout.has_ended() && !large.has_ended());
    resolve(
        &resolver,
        &address,
        &config(r#""timeout":"1s","maxRequestMessageBytes":10,"maxResponseMessageBytes":100"#),
    );
    let left = outcome(&timeout).await;
    let left: u64 = std::str::from_utf8(&left.message.expect("answers")).unwrap().parse().unwrap();
    assert!((1..=1000).contains(&left), "{left}");
    let large = outcome(&large).await.status;
    assert_eq!(large.message(), "CLIENT: Sent message larger than max (12 vs. 10)");
    assert_eq!(outcome(&answer).await.status.code(), Code::ResourceExhausted);
    // Messages sent later are held to it too.
    assert_eq!(soon(poll_fn(|cx| chat.poll_message(cx))).await.expect("echo"), "ten bytes!");
    chat.send_message(Bytes::from_static(b"eleven byte"));
    assert_eq!(soon(poll_fn(|cx| chat.poll_status(cx))).await.0.code(), Code::ResourceExhausted);
    assert_eq!(outcome(&hangs).await.status.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_timeout_that_came_late_ends_a_call_that_still_waits() {
    let (channel, resolver) = unresolved();
    let waits = CallOptions::default();
    let call = call(&channel, "/test.Kinds/Echo", "x", waits);
    // Nobody is there, and calls wait for somebody.
    let address = free_address().await;
    resolve(&resolver, &address.to_string(), &config(r#""timeout":"0.2s","waitForReady":true"#));
    let status = outcome(&call).await.status;
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_call_chooses_itself_whether_it_waits() {
    let (channel, resolver) = unresolved();
    let mut options = CallOptions::default();
    options.wait_for_ready = Some(false);
    options.timeout = Some(PATIENCE);
    let call = call(&channel, "/test.Kinds/Echo", "x", options);
    let address = free_address().await;
    resolve(&resolver, &address.to_string(), &config(r#""waitForReady":true"#));
    assert_eq!(outcome(&call).await.status.code(), Code::Unavailable);
}

#[tokio::test]
async fn a_resolver_that_fails_first_ends_calls_that_do_not_wait() {
    let (_server, address) = serve();
    let (channel, resolver) = unresolved();
    let fails = call(&channel, "/test.Kinds/Echo", "x", CallOptions::default());
    let mut options = CallOptions::default();
    options.wait_for_ready = Some(true);
    options.timeout = Some(Duration::from_secs(15));
    let waits = call(&channel, "/test.Kinds/Echo", "x", options);
    tokio::task::yield_now().await;
    resolver.fail("no such name");
    let status = outcome(&fails).await.status;
    assert_eq!(status.message(), "no such name (target: manual)");
    assert_eq!(std::error::Error::source(&status).expect("the resolver's error").to_string(), "no such name");
    resolve(&resolver, &address, "{}");
    assert_eq!(outcome(&waits).await.status.code(), Code::Ok);
}
