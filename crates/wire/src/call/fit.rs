//! Fitting heads and trailers into the header list that the peer accepts (SETTINGS_MAX_HEADER_LIST_SIZE, RFC 9113
//! §6.5.2).
//!
//! A peer that is sent more fails the call at best, and the whole connection at worst. So a request that is too large
//! is refused locally, and the end of a call is made to fit. What is missed least is dropped first:
//!
//! 1. the end of the message, with a mark that it was cut, as long as a useful beginning is left;
//! 2. the details, because a part of them is useless;
//! 3. the trailing metadata;
//! 4. whatever else of the message is too long.
//!
//! An error keeps its code in any case. A successful call whose trailing metadata does not fit counts as failed: it
//! ends with RESOURCE_EXHAUSTED, like one whose initial metadata is too large.

use bytes::Bytes;

use super::response::{ResponseFields, StatusTrailers};
use crate::{
    fields::FIELD_OVERHEAD,
    metadata::{MetadataMap, base64_len},
    status::{Code, Status, percent_encoded_len},
};

/// The size of `grpc-status` with two digits.
const STATUS: usize = "grpc-status".len() + 2 + FIELD_OVERHEAD;
/// The size of `grpc-message` without its value.
const MESSAGE: usize = "grpc-message".len() + FIELD_OVERHEAD;
const DETAILS: usize = "grpc-status-details-bin".len() + FIELD_OVERHEAD;
/// The length of a message's beginning, with the mark, that is worth more than details or metadata.
const USEFUL_MESSAGE: usize = 600;

/// Checks that a response's head fits; if not, returns the status that the call ends with.
pub(super) fn head(head: &ResponseFields<'_>, limit: Option<u32>) -> Result<(), Status> {
    let Some(limit) = limit.filter(|_| !head.metadata.is_empty()) else { return Ok(()) };
    let size = head.own_size() + head.metadata.header_list_size();
    if size <= limit as usize { Ok(()) } else { Err(too_large("initial metadata", size, limit)) }
}

/// Makes the end of a call fit. `before` is the size of the fields before it in the same block.
pub(super) fn trailers(trailers: StatusTrailers, before: usize, limit: Option<u32>) -> StatusTrailers {
    let Some(limit) = limit else { return trailers };
    if trailers.status.is_none() && trailers.metadata.is_empty() {
        // There is nothing to drop.
        return trailers;
    }
    let own = before + STATUS;
    let room = (limit as usize).saturating_sub(own + MESSAGE);
    let of_metadata = if trailers.metadata.is_empty() { 0 } else { trailers.metadata.header_list_size() };
    let of_status = trailers.status.as_ref().map_or(0, at_most);
    if own + of_status + of_metadata <= limit as usize {
        return trailers;
    }
    let size = own + of_metadata + trailers.status.as_ref().map_or(0, exactly);
    if size <= limit as usize {
        return trailers;
    }
    match trailers.status {
        Some(status) if status.code() != Code::Ok => shortened(&status, trailers.metadata, room, limit),
        _ => shortened(&too_large("trailing metadata", size, limit), MetadataMap::new(), room, limit),
    }
}

fn too_large(what: &str, size: usize, limit: u32) -> Status {
    Status::resource_exhausted(format!(
        "the response's {what} makes its header list larger than the client accepts ({size} vs. {limit} bytes)"
    ))
}

/// An upper bound of what a status adds to the list besides its code, cheap to compute.
fn at_most(status: &Status) -> usize {
    let metadata = if status.metadata().is_empty() { 0 } else { status.metadata().header_list_size() };
    MESSAGE + 3 * status.message().len() + details_size(status) + metadata
}

fn exactly(status: &Status) -> usize {
    MESSAGE
        + percent_encoded_len(status.message())
        + details_size(status)
        + status.metadata().header_list_size()
}

fn details_size(status: &Status) -> usize {
    if status.details().is_empty() { 0 } else { DETAILS + base64_len(status.details().len()) }
}

/// Shortens an error to `room` bytes of message, details and metadata.
fn shortened(status: &Status, mut trailing: MetadataMap, room: usize, limit: u32) -> StatusTrailers {
    let message = percent_encoded_len(status.message());
    let details = details_size(status);
    let metadata = status.metadata().header_list_size() + trailing.header_list_size();
    let left_beside = |used| room.checked_sub(used).filter(|left| *left >= message.min(USEFUL_MESSAGE));
    let (left, keeps_details, keeps_metadata) = if let Some(left) = left_beside(details + metadata) {
        (left, true, true)
    } else if let Some(left) = left_beside(metadata) {
        (left, false, true)
    } else {
        (room, false, false)
    };
    let dropped = match (keeps_details || details == 0, keeps_metadata || metadata == 0) {
        (true, true) => "",
        (false, true) => "details, ",
        (true, false) => "metadata, ",
        (false, false) => "details and metadata, ",
    };
    if dropped.is_empty() && message <= left {
        return StatusTrailers { status: Some(status.clone()), metadata: trailing };
    }
    let details = if keeps_details { status.details_bytes().clone() } else { Bytes::new() };
    let of_status = if keeps_metadata { status.metadata().clone() } else { MetadataMap::new() };
    if !keeps_metadata {
        trailing.clear();
    }
    let mark = if message + 100 <= left {
        format!(" [left out: {dropped}the client takes {limit} bytes]")
    } else {
        format!("... [cut: {dropped}{message} bytes of message, the client takes {limit}]")
    };
    let mut words = beginning(status.message(), left.saturating_sub(mark.len())).to_owned();
    if mark.len() <= left {
        words.push_str(&mark);
    }
    let status = Status::with_details_and_metadata(status.code(), words, details, of_status);
    StatusTrailers { status: Some(status), metadata: trailing }
}

/// Returns the longest beginning of a message, cut between characters, that takes at most `room` bytes when escaped.
fn beginning(message: &str, room: usize) -> &str {
    let mut used = 0;
    let fits = |(_, character): &(usize, char)| {
        // Spaces are escaped only at the ends of a message, but the end may be here.
        let plain = matches!(character, '!'..='~') && *character != '%';
        used += if plain { 1 } else { 3 * character.len_utf8() };
        used <= room
    };
    let end = message.char_indices().take_while(fits).last();
    end.map_or("", |(start, character)| &message[..start + character.len_utf8()])
}

#[cfg(test)]
mod tests;
