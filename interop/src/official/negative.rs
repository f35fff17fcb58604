//! The client's side of the negative HTTP/2 cases (`doc/negative-http2-interop-test-descriptions.md`): the server
//! misbehaves, or is within its rights in a way that is easily got wrong.

use std::time::Duration;

use carom::{Code, Request};
use futures_util::future::try_join_all;

use super::cases::{Interop, Outcome, expect_error};
use super::proto::SimpleRequest;
use super::{LARGE_REQUEST, LARGE_RESPONSE, zeros};

/// For the GOAWAY to arrive before the second call begins, as the description's other clients do it.
const GOAWAY_ARRIVES: Duration = Duration::from_secs(1);

pub(super) async fn run(interop: &Interop<'_>, name: &str) -> Outcome {
    match name {
        "goaway" => {
            interop.large_unary().await?;
            tokio::time::sleep(GOAWAY_ARRIVES).await;
            interop.large_unary().await
        }
        // `PROTOCOL-HTTP2.md`, table of errors: RST_STREAM(NO_ERROR) without a status is INTERNAL.
        "rst_after_header" | "rst_during_data" | "rst_after_data" => {
            let mut request = Request::new(SimpleRequest {
                response_size: LARGE_RESPONSE as i32,
                payload: zeros(LARGE_REQUEST).into(),
                ..Default::default()
            });
            request.set_timeout(Duration::from_secs(20));
            expect_error(interop.client().unary_call(request).await, Code::Internal).map(drop)
        }
        "ping" => interop.large_unary().await,
        "max_streams" => {
            interop.large_unary().await?;
            try_join_all((0..10).map(|_| interop.large_unary())).await.map(drop)
        }
        // Padding counts for flow control (RFC 9113 section 6.9.1): who does not give it back stalls the server.
        "data_frame_padding" => {
            for _ in 0..10 {
                interop.large_unary().await?;
            }
            Ok(())
        }
        _ => Err(format!("there is no case {name:?}").into()),
    }
}
