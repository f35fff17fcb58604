//! Validation of requests, responses and trailers (RFC 9113 §8.1 to §8.3).

use super::{Priority, StreamError};
use crate::fields::{HeaderBlock, HeaderField};

/// The facts that the engine itself needs about a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestFacts {
    pub(crate) content_length: Option<u64>,
    pub(crate) priority: Priority,
}

/// The facts that the engine itself needs about a response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResponseFacts {
    /// Whether this is a 1xx response: another head follows (§8.1).
    pub(crate) informational: bool,
    pub(crate) content_length: Option<u64>,
}

/// Validates a request. A block past the header list limit lacks fields, so only what is there is checked.
pub(crate) fn request(block: &HeaderBlock) -> Result<RequestFacts, StreamError> {
    let (mut method, mut scheme, mut path, mut authority) = (None, None, None, None);
    let mut facts = RequestFacts { content_length: None, priority: Priority::default() };
    well_formed(block)?;
    for field in block.fields() {
        let slot = match &field.name[..] {
            b":method" => &mut method,
            b":scheme" => &mut scheme,
            b":path" => &mut path,
            b":authority" => &mut authority,
            _ => {
                regular(field)?;
                match &field.name[..] {
                    b"content-length" => facts.content_length = content_length(field)?,
                    b"priority" => facts.priority = Priority::parse(&field.value),
                    _ => {}
                }
                continue;
            }
        };
        if slot.replace(&field.value).is_some() {
            return Err(StreamError::protocol("a pseudo-header field appears twice (RFC 9113 §8.3)"));
        }
    }
    if block.over_limit() {
        return Ok(facts);
    }
    let Some(method) = method else {
        return Err(StreamError::protocol("the request has no :method (RFC 9113 §8.3.1)"));
    };
    if method == "CONNECT" {
        return Ok(facts);
    }
    if scheme.is_none() {
        return Err(StreamError::protocol("the request has no :scheme (RFC 9113 §8.3.1)"));
    }
    if path.is_none_or(|path| path.is_empty()) {
        return Err(StreamError::protocol("the request has no :path (RFC 9113 §8.3.1)"));
    }
    Ok(facts)
}

pub(crate) fn response(block: &HeaderBlock) -> Result<ResponseFacts, StreamError> {
    let mut status = None;
    let mut facts = ResponseFacts { informational: false, content_length: None };
    well_formed(block)?;
    for field in block.fields() {
        if field.name == ":status" {
            if status.replace(&field.value).is_some() {
                return Err(StreamError::protocol("a pseudo-header field appears twice (RFC 9113 §8.3)"));
            }
        } else {
            regular(field)?;
            if field.name == "content-length" {
                facts.content_length = content_length(field)?;
            }
        }
    }
    match status.map(|status| &status[..]) {
        Some([b'1', b'0'..=b'9', b'0'..=b'9']) => facts.informational = true,
        Some([b'2'..=b'9', b'0'..=b'9', b'0'..=b'9']) => {}
        Some(_) => {
            return Err(StreamError::protocol(
                "the response's :status is not a number of three digits (RFC 9113 §8.3.2)",
            ));
        }
        None if block.over_limit() => {}
        None => return Err(StreamError::protocol("the response has no :status (RFC 9113 §8.3.2)")),
    }
    Ok(facts)
}

pub(crate) fn trailers(block: &HeaderBlock) -> Result<(), StreamError> {
    well_formed(block)?;
    block.fields().iter().try_for_each(regular)
}

/// Checks the rules for every block. The decoder has checked the fields one by one (§8.2).
fn well_formed(block: &HeaderBlock) -> Result<(), StreamError> {
    block.malformed().map_or(Ok(()), |malformed| Err(StreamError::protocol(malformed.reason())))
}

/// Checks a field that is not one of the message's pseudo-header fields; `te` may only be `trailers` (§8.2.2).
fn regular(field: &HeaderField) -> Result<(), StreamError> {
    if field.name.first() == Some(&b':') {
        return Err(StreamError::protocol("an unknown or misplaced pseudo-header field (RFC 9113 §8.3)"));
    }
    if field.name == "te" && field.value != "trailers" {
        return Err(StreamError::protocol("te is something other than trailers (RFC 9113 §8.2.2)"));
    }
    Ok(())
}

fn content_length(field: &HeaderField) -> Result<Option<u64>, StreamError> {
    std::str::from_utf8(&field.value)
        .ok()
        .filter(|value| value.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|value| value.parse().ok())
        .map(Some)
        .ok_or(StreamError::protocol("content-length is not a number (RFC 9110 §8.6)"))
}
