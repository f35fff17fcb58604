use std::time::{Duration, Instant};

use super::{CallOptions, Compression};

#[test]
fn what_is_said_lies_over_what_is_below() {
    let channel = CallOptions {
        wait_for_ready: Some(true),
        max_recv_message_size: Some(1),
        authority: Some("below".to_owned()),
        ..CallOptions::default()
    };
    let client = CallOptions {
        max_recv_message_size: Some(2),
        compression: Some(Compression::Off),
        ..CallOptions::default()
    };
    let call = CallOptions { wait_for_ready: Some(false), ..CallOptions::default() };
    let all = call.overlay(&client).overlay(&channel);
    assert_eq!(all.wait_for_ready, Some(false));
    assert_eq!(all.max_recv_message_size, Some(2));
    assert_eq!(all.compression, Some(Compression::Off));
    assert_eq!(all.authority.as_deref(), Some("below"));
    assert_eq!(all.max_send_message_size, None);
}

/// A deadline below must not outlast the timeout above it, nor cut it short.
#[test]
fn a_timeout_lies_over_a_deadline() {
    let below = CallOptions { deadline: Some(Instant::now()), ..CallOptions::default() };
    let timeout = Some(Duration::from_secs(9));
    let both = CallOptions { timeout, ..CallOptions::default() }.overlay(&below);
    assert_eq!((both.timeout, both.deadline), (timeout, None));
    assert_eq!(CallOptions::default().overlay(&below).deadline, below.deadline);
}
