//! The ways to speak gRPC over HTTP: the content type of each, and how it ends a response.
//!
//! | dialect | content type | a response ends with |
//! |---|---|---|
//! | gRPC over HTTP/2 | `application/grpc` | a trailer section |
//! | gRPC-Web | `application/grpc-web` | a frame of flag 0x80 in the body, which holds the trailers as text (`PROTOCOL-WEB.md`) |

use bytes::{BufMut, Bytes, BytesMut};

use super::{CONTENT_TYPE, response::StatusTrailers};
use crate::{
    fields::{FieldWriter, Fields, Group, HeaderBlock, HeaderField, Indexing},
    http::Http,
    message::{PREFIX_LEN, TRAILERS_FLAG},
    stream::StreamKey,
};

/// A way to speak gRPC over HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// gRPC over HTTP/2.
    #[default]
    Grpc,
    /// gRPC-Web with a binary body, for clients that cannot read trailers: browsers.
    GrpcWeb,
}

/// A content type of gRPC: the dialect, and the encoding of the messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContentType<'a> {
    /// The dialect.
    pub dialect: Dialect,
    /// The part after the `+`, such as `json`. Empty if there is none, which means `proto`.
    pub subtype: &'a str,
}

impl Dialect {
    const GRPC_WEB: &'static [u8] = b"application/grpc-web";

    /// Reads the dialect and the subtype of a `content-type`, in any case (RFC 9110 §8.3.1), with or without
    /// parameters. `None`: it is not one of gRPC.
    pub(super) fn of_content_type(value: &[u8]) -> Option<(Self, &[u8])> {
        let whole = |prefix: &[u8]| {
            let (start, rest) = value.split_at_checked(prefix.len())?;
            let ends = matches!(rest.first(), None | Some(b'+' | b';' | b' '));
            (ends && start.eq_ignore_ascii_case(prefix)).then_some(rest)
        };
        let (dialect, rest) = match whole(CONTENT_TYPE) {
            Some(rest) => (Self::Grpc, rest),
            None => (Self::GrpcWeb, whole(Self::GRPC_WEB)?),
        };
        let subtype = rest.strip_prefix(b"+").unwrap_or_default();
        let end = subtype.iter().position(|&byte| matches!(byte, b';' | b' ')).unwrap_or(subtype.len());
        Some((dialect, &subtype[..end]))
    }

    /// The content type without a subtype.
    pub(super) fn content_type(self) -> &'static [u8] {
        match self {
            Self::Grpc => CONTENT_TYPE,
            Self::GrpcWeb => Self::GRPC_WEB,
        }
    }

    /// Returns the dialect's own group: the fields of different dialects differ.
    pub(super) fn group(self, group: Group) -> Group {
        match self {
            Self::Grpc => group,
            Self::GrpcWeb => Group(group.0 | 0x40),
        }
    }

    /// Whether a response may end with its head, its status among its fields.
    pub(super) fn has_trailers_only(self) -> bool {
        self == Self::Grpc
    }

    /// Whether the body holds the trailers.
    pub(super) fn has_trailers_in_body(self) -> bool {
        self == Self::GrpcWeb
    }

    /// Ends a response whose head has been sent.
    pub(super) fn end(self, http: &mut Http, key: StreamKey, trailers: StatusTrailers) {
        match self {
            Self::Grpc => http.send_trailers(key, Box::new(trailers)),
            Self::GrpcWeb => http.send_data(key, trailer_frame(&trailers), true),
        }
    }
}

impl ContentType<'_> {
    /// Writes the field.
    pub(super) fn encode(&self, w: &mut dyn FieldWriter) {
        let plain = self.dialect.content_type();
        if self.subtype.is_empty() {
            return w.field(b"content-type", plain, Indexing::Incremental);
        }
        w.field(b"content-type", &[plain, b"+", self.subtype.as_bytes()].concat(), Indexing::Incremental);
    }

    /// The length of the field's value.
    pub(super) fn len(&self) -> usize {
        let plain = self.dialect.content_type().len();
        if self.subtype.is_empty() { plain } else { plain + 1 + self.subtype.len() }
    }
}

/// Encodes trailers as a frame of the body.
fn trailer_frame(trailers: &StatusTrailers) -> Bytes {
    let mut frame = TextFields(BytesMut::new());
    frame.0.put_bytes(0, PREFIX_LEN);
    trailers.encode(&mut frame);
    let TextFields(mut frame) = frame;
    let len = u32::try_from(frame.len() - PREFIX_LEN).unwrap_or(u32::MAX);
    frame[0] = TRAILERS_FLAG;
    frame[1..PREFIX_LEN].copy_from_slice(&len.to_be_bytes());
    frame.freeze()
}

/// Fields as HTTP/1.1 writes them.
struct TextFields(BytesMut);

impl FieldWriter for TextFields {
    fn field(&mut self, name: &[u8], value: &[u8], _indexing: Indexing) {
        for part in [name, b": ", value, b"\r\n"] {
            self.0.put_slice(part);
        }
    }

    fn group(&mut self, _group: Group, _values: &[&[u8]], write: &dyn Fields) {
        write.encode(self);
    }
}

/// Reads the fields of trailers that came in the body. Lines that are not fields are skipped.
pub(super) fn read_trailers(text: &Bytes) -> HeaderBlock {
    let mut fields = Vec::new();
    for line in text.split(|&byte| byte == b'\n') {
        let line = line.trim_ascii();
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let name = line[..colon].trim_ascii().to_ascii_lowercase();
        fields.push(HeaderField::new(name, line[colon + 1..].trim_ascii().to_vec()));
    }
    HeaderBlock::from_fields(fields)
}

#[cfg(test)]
mod tests;
