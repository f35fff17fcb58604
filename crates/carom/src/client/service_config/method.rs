//! The configuration of a method in a service config.

use std::sync::Arc;
use std::time::Duration;

use carom_wire::Code;

use super::json::Json;

/// The configuration of a method, for what its calls do not set themselves.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct MethodConfig {
    /// The time that a call may take from its start. A call's own deadline applies if it is earlier.
    pub timeout: Option<Duration>,
    /// Whether calls wait while the channel cannot connect. A call's own choice wins.
    pub wait_for_ready: Option<bool>,
    /// The largest request message, in bytes. A call's own limit applies if it is smaller.
    pub max_request_message_bytes: Option<usize>,
    /// The largest response message, in bytes. A call's own limit applies if it is smaller.
    pub max_response_message_bytes: Option<usize>,
    /// The policy for retrying failed calls.
    pub retry_policy: Option<Arc<RetryPolicy>>,
}

/// The policy for retrying failed calls (gRFC A6).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// The maximum number of attempts, including the first: 2 to 5.
    pub max_attempts: u32,
    /// The wait before the second attempt.
    pub initial_backoff: Duration,
    /// The longest wait, before jitter.
    pub max_backoff: Duration,
    /// The factor from one wait to the next.
    pub backoff_multiplier: f64,
    /// The codes that are retried; at least one.
    pub retryable_codes: Vec<Code>,
}

/// The upper bound on attempts (gRFC A6).
const MAX_ATTEMPTS: u64 = 5;

impl MethodConfig {
    pub(super) fn read(json: &Json) -> Result<Self, String> {
        if json.get("retryPolicy").is_some() && json.get("hedgingPolicy").is_some() {
            return Err("a method config has both a `retryPolicy` and a `hedgingPolicy`".into());
        }
        let wait_for_ready = json.get("waitForReady");
        let wait_for_ready =
            wait_for_ready.map(|wait| wait.as_bool().ok_or("`waitForReady` is not a boolean"));
        Ok(Self {
            timeout: duration(json, "timeout")?,
            wait_for_ready: wait_for_ready.transpose()?,
            max_request_message_bytes: bytes(json, "maxRequestMessageBytes")?,
            max_response_message_bytes: bytes(json, "maxResponseMessageBytes")?,
            retry_policy: json.get("retryPolicy").map(RetryPolicy::read).transpose()?.map(Arc::new),
        })
    }
}

impl RetryPolicy {
    fn read(json: &Json) -> Result<Self, String> {
        let attempts = json.get("maxAttempts").and_then(Json::as_u64).filter(|attempts| *attempts >= 2);
        let attempts = attempts.ok_or("`maxAttempts` is not a whole number of at least 2")?;
        let backoff = |name: &str| {
            duration(json, name)?.filter(|wait| !wait.is_zero()).ok_or(format!("`{name}` is missing or zero"))
        };
        let multiplier = json.get("backoffMultiplier").and_then(Json::as_f64).filter(|factor| *factor > 0.0);
        let codes = json.get("retryableStatusCodes").and_then(Json::as_array).unwrap_or_default();
        if codes.is_empty() {
            return Err("`retryableStatusCodes` is not an array with a code".into());
        }
        Ok(Self {
            max_attempts: attempts.min(MAX_ATTEMPTS) as u32,
            initial_backoff: backoff("initialBackoff")?,
            max_backoff: backoff("maxBackoff")?,
            backoff_multiplier: multiplier.ok_or("`backoffMultiplier` is not a number above 0")?,
            retryable_codes: codes.iter().map(code).collect::<Result<_, _>>()?,
        })
    }
}

/// Parses a duration in protobuf's JSON form: `1.5s`, up to nine decimals. Those here must not be negative.
fn duration(json: &Json, name: &str) -> Result<Option<Duration>, String> {
    let Some(value) = json.get(name) else { return Ok(None) };
    let read = |text: &str| {
        let (whole, decimals) = match text.strip_suffix('s')?.split_once('.') {
            Some((whole, decimals)) if !decimals.is_empty() => (whole, decimals),
            Some(_) => return None,
            None => (text.strip_suffix('s')?, ""),
        };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(decimals) || decimals.len() > 9 {
            return None;
        }
        // As in protobuf: ten thousand years.
        let seconds = whole.parse().ok().filter(|seconds| *seconds <= 315_576_000_000_u64)?;
        Some(Duration::new(seconds, format!("{decimals:0<9}").parse().ok()?))
    };
    let read = value.as_str().and_then(read);
    read.map(Some).ok_or(format!("`{name}` is not a non-negative duration such as \"1.5s\""))
}

fn bytes(json: &Json, name: &str) -> Result<Option<usize>, String> {
    let Some(value) = json.get(name) else { return Ok(None) };
    let bytes = value.as_u64().and_then(|bytes| u32::try_from(bytes).ok());
    bytes.map(|bytes| Some(bytes as usize)).ok_or(format!("`{name}` is not a whole number of bytes"))
}

/// Parses a status code by its number or its case-insensitive name.
fn code(json: &Json) -> Result<Code, String> {
    let codes = (0..=16).map(Code::from_i32);
    let found = match json {
        Json::String(name) => codes.into_iter().find(|code| name.eq_ignore_ascii_case(code.name())),
        _ => json.as_u64().filter(|code| *code <= 16).map(|code| Code::from_i32(code as i32)),
    };
    found.ok_or_else(|| format!("{json:?} is no status code"))
}
