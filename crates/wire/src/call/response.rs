use super::{CONTENT_TYPE, OK, RESPONSE};
use crate::{
    fields::{FIELD_OVERHEAD, FieldWriter, Fields, Indexing},
    metadata::MetadataMap,
    status::Status,
};

/// A response's head.
pub(super) struct ResponseFields<'a> {
    pub(super) encoding: Option<&'static str>,
    pub(super) accept_encoding: Option<&'static str>,
    pub(super) metadata: &'a MetadataMap,
}

impl ResponseFields<'static> {
    /// Those before the end in a Trailers-Only response.
    pub(super) fn of_trailers_only(accept_encoding: Option<&'static str>) -> Self {
        const NOTHING: &MetadataMap = &MetadataMap::new();
        Self { encoding: None, accept_encoding, metadata: NOTHING }
    }
}

impl ResponseFields<'_> {
    /// The size of the fields before the metadata.
    pub(super) fn own_size(&self) -> usize {
        let field = |name: &str, value: usize| name.len() + value + FIELD_OVERHEAD;
        let given = |name, value: Option<&str>| value.map_or(0, |value| field(name, value.len()));
        field(":status", "200".len())
            + field("content-type", CONTENT_TYPE.len())
            + given("grpc-encoding", self.encoding)
            + given("grpc-accept-encoding", self.accept_encoding)
    }
}

impl Fields for ResponseFields<'_> {
    fn encode(&self, w: &mut dyn FieldWriter) {
        let (encoding, accept) = (self.encoding.unwrap_or(""), self.accept_encoding.unwrap_or(""));
        w.group(RESPONSE, &[encoding.as_bytes(), accept.as_bytes()], &|w: &mut dyn FieldWriter| {
            w.field(b":status", b"200", Indexing::Incremental);
            w.field(b"content-type", CONTENT_TYPE, Indexing::Incremental);
            if !encoding.is_empty() {
                w.field(b"grpc-encoding", encoding.as_bytes(), Indexing::Incremental);
            }
            if !accept.is_empty() {
                w.field(b"grpc-accept-encoding", accept.as_bytes(), Indexing::Incremental);
            }
        });
        self.metadata.encode(w);
    }
}

/// The end of a call that went well and has nothing more to say.
pub(super) struct OkTrailers;

impl Fields for OkTrailers {
    fn encode(&self, w: &mut dyn FieldWriter) {
        w.group(OK, &[], &|w: &mut dyn FieldWriter| {
            w.field(b"grpc-status", b"0", Indexing::Incremental);
        });
    }
}

/// The end of a call: its status, and what the application adds.
pub(super) struct StatusTrailers {
    pub(super) status: Option<Status>,
    pub(super) metadata: MetadataMap,
}

impl Fields for StatusTrailers {
    fn encode(&self, w: &mut dyn FieldWriter) {
        match &self.status {
            Some(status) => status.encode(w),
            None => OkTrailers.encode(w),
        }
        self.metadata.encode(w);
    }
}

/// Head and end in one: an error before there was any message.
pub(super) struct TrailersOnly<'a> {
    pub(super) accept_encoding: Option<&'static str>,
    pub(super) trailers: &'a StatusTrailers,
}

impl Fields for TrailersOnly<'_> {
    fn encode(&self, w: &mut dyn FieldWriter) {
        ResponseFields::of_trailers_only(self.accept_encoding).encode(w);
        self.trailers.encode(w);
    }
}
