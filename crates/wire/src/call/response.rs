use super::{ContentType, OK, RESPONSE};
use crate::{
    fields::{FIELD_OVERHEAD, FieldWriter, Fields, Indexing},
    metadata::MetadataMap,
    status::Status,
};

/// The head of a response.
pub(super) struct ResponseFields<'a> {
    pub(super) content_type: ContentType<'a>,
    pub(super) encoding: Option<&'static str>,
    pub(super) accept_encoding: Option<&'static str>,
    pub(super) metadata: &'a MetadataMap,
}

impl<'a> ResponseFields<'a> {
    /// The fields before the end in a Trailers-Only response.
    pub(super) fn of_trailers_only(
        content_type: ContentType<'a>,
        accept_encoding: Option<&'static str>,
    ) -> Self {
        const NOTHING: &MetadataMap = &MetadataMap::new();
        Self { content_type, encoding: None, accept_encoding, metadata: NOTHING }
    }
}

impl ResponseFields<'_> {
    /// The size of the fields before the metadata.
    pub(super) fn own_size(&self) -> usize {
        let field = |name: &str, value: usize| name.len() + value + FIELD_OVERHEAD;
        let given = |name, value: Option<&str>| value.map_or(0, |value| field(name, value.len()));
        field(":status", "200".len())
            + field("content-type", self.content_type.len())
            + given("grpc-encoding", self.encoding)
            + given("grpc-accept-encoding", self.accept_encoding)
    }
}

impl Fields for ResponseFields<'_> {
    fn encode(&self, w: &mut dyn FieldWriter) {
        let (encoding, accept) = (self.encoding.unwrap_or(""), self.accept_encoding.unwrap_or(""));
        let subtype = self.content_type.subtype.as_bytes();
        let group = self.content_type.dialect.group(RESPONSE);
        let values = [encoding.as_bytes(), accept.as_bytes(), subtype];
        // Without a subtype there is nothing to compare.
        let values = if subtype.is_empty() { &values[..2] } else { &values };
        w.group(group, values, &|w: &mut dyn FieldWriter| {
            w.field(b":status", b"200", Indexing::Incremental);
            self.content_type.encode(w);
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

/// The end of a successful call without anything else to report.
pub(super) struct OkTrailers;

impl Fields for OkTrailers {
    fn encode(&self, w: &mut dyn FieldWriter) {
        w.group(OK, &[], &|w: &mut dyn FieldWriter| {
            w.field(b"grpc-status", b"0", Indexing::Incremental);
        });
    }
}

/// The end of a call: its status, and the application's trailing metadata.
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

/// Head and end in one: an error before any message.
pub(super) struct TrailersOnly<'a> {
    pub(super) content_type: ContentType<'a>,
    pub(super) accept_encoding: Option<&'static str>,
    pub(super) trailers: &'a StatusTrailers,
}

impl Fields for TrailersOnly<'_> {
    fn encode(&self, w: &mut dyn FieldWriter) {
        ResponseFields::of_trailers_only(self.content_type, self.accept_encoding).encode(w);
        self.trailers.encode(w);
    }
}
