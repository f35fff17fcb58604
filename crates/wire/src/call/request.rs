use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;

use super::{ContentType, Dialect, REQUEST};
use crate::{
    fields::{FIELD_OVERHEAD, FieldWriter, Fields, HeaderBlock, Indexing},
    memo::Memo,
    metadata::MetadataMap,
    status::{Code, Status},
    timeout,
};

/// The head of a request, as received.
#[derive(Debug)]
pub struct RequestHead {
    /// `/package.Service/Method`, UTF-8.
    pub path: Bytes,
    /// The host that the client addressed.
    pub authority: Option<Bytes>,
    /// How long the client waits, from the moment the head arrived. `None`: forever.
    pub timeout: Option<Duration>,
    /// The way to speak gRPC that the content type names.
    pub dialect: Dialect,
    /// The part after the `+` of the content type, such as `proto`.
    pub content_subtype: Option<Bytes>,
    /// `grpc-encoding`: how messages with the compressed flag are encoded.
    pub encoding: Option<Bytes>,
    /// `grpc-accept-encoding`: the encodings that the client can read, comma-separated.
    pub accept_encoding: Option<Bytes>,
    /// The client's name for itself.
    pub user_agent: Option<Bytes>,
    block: HeaderBlock,
    metadata: OnceLock<MetadataMap>,
}

impl RequestHead {
    /// Reads a request's head.
    ///
    /// # Errors
    /// The refusal of a request that is not a gRPC call, or of a call that cannot be accepted.
    pub fn parse(block: &HeaderBlock) -> Result<Self, Refusal> {
        if block.over_limit() {
            return Err(Refusal::Call(Status::new(
                Code::ResourceExhausted,
                format!(
                    "the request's header list is larger than max ({} vs. {} bytes)",
                    block.list_size(),
                    block.limit()
                ),
            )));
        }
        let mut method = None;
        let mut content_type = None;
        let mut head = Self {
            path: Bytes::new(),
            authority: None,
            timeout: None,
            dialect: Dialect::Grpc,
            content_subtype: None,
            encoding: None,
            accept_encoding: None,
            user_agent: None,
            block: block.clone(),
            metadata: OnceLock::new(),
        };
        let mut host = None;
        for field in block.fields() {
            let slot = match &field.name[..] {
                b":method" => &mut method,
                b":path" => {
                    head.path = field.value.clone();
                    continue;
                }
                b":authority" => &mut head.authority,
                b"host" => &mut host,
                b"content-type" => &mut content_type,
                b"grpc-encoding" => &mut head.encoding,
                b"grpc-accept-encoding" => &mut head.accept_encoding,
                b"user-agent" => &mut head.user_agent,
                b"grpc-timeout" => {
                    head.timeout = Some(timeout::parse(&field.value).map_err(|error| {
                        Refusal::Call(Status::new(Code::Internal, format!("grpc-timeout: {error}")))
                    })?);
                    continue;
                }
                _ => continue,
            };
            *slot = Some(field.value.clone());
        }
        head.authority = head.authority.or(host);
        if method.as_deref() != Some(b"POST") {
            return Err(Refusal::Http { status: 405 });
        }
        let Some(content_type) = content_type else { return Err(Refusal::UNSUPPORTED_MEDIA_TYPE) };
        let Some((dialect, subtype)) = Dialect::of_content_type(&content_type) else {
            return Err(Refusal::UNSUPPORTED_MEDIA_TYPE);
        };
        head.dialect = dialect;
        head.content_subtype = Some(content_type.slice_ref(subtype)).filter(|subtype| !subtype.is_empty());
        if std::str::from_utf8(&head.path).is_err() {
            // It is echoed in the message, where its full length is of no use.
            let path = head.path[..head.path.len().min(200)].escape_ascii();
            return Err(Refusal::Call(Status::new(Code::Unimplemented, format!("no such method: {path}"))));
        }
        Ok(head)
    }

    /// The path as text.
    pub fn path_str(&self) -> &str {
        std::str::from_utf8(&self.path).unwrap_or_default()
    }

    /// The subtype; `proto` if the client named none.
    pub fn subtype(&self) -> &[u8] {
        self.content_subtype.as_deref().unwrap_or(b"proto")
    }

    /// The application's metadata, parsed on first use.
    pub fn metadata(&self) -> &MetadataMap {
        self.metadata.get_or_init(|| MetadataMap::from_fields(&self.block))
    }
}

/// The last few request heads read on a connection. The decoder returns the same [`HeaderBlock`] for the same bytes,
/// and this cache the same [`RequestHead`] for the same block, so that a repeated call costs neither.
#[derive(Default)]
pub struct HeadCache {
    /// About as many as the methods that one connection calls in turn.
    heads: Memo<HeaderBlock, Arc<RequestHead>, 8>,
}

impl HeadCache {
    /// Parses a head, unless it is in the cache.
    ///
    /// # Errors
    /// Those of [`RequestHead::parse`].
    pub fn parse(&mut self, block: &HeaderBlock) -> Result<Arc<RequestHead>, Refusal> {
        if let Some(head) = self.heads.find(|known| known.ptr_eq(block)) {
            return Ok(Arc::clone(head));
        }
        let head = Arc::new(RequestHead::parse(block)?);
        self.heads.keep(block.clone(), Arc::clone(&head));
        Ok(head)
    }
}

/// The answer to a request that this server cannot accept as a call. Send it as a head that ends the stream.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// The request is not gRPC, and an HTTP status says why: 405 for a method other than POST, 415 for a content type
    /// other than gRPC's.
    Http {
        /// The HTTP status.
        status: u16,
    },
    /// The request is gRPC, and refused with Trailers-Only.
    Call(Status),
}

impl Refusal {
    /// The refusal of a content type that this server does not speak.
    pub const UNSUPPORTED_MEDIA_TYPE: Self = Self::Http { status: 415 };

    /// The gRPC status, unless the request was not gRPC.
    pub fn status(&self) -> Option<&Status> {
        match self {
            Self::Http { .. } => None,
            Self::Call(status) => Some(status),
        }
    }

    /// The HTTP status.
    pub fn http_status(&self) -> u16 {
        match self {
            Self::Http { status } => *status,
            Self::Call(_) => 200,
        }
    }
}

impl Fields for Refusal {
    fn encode(&self, w: &mut dyn FieldWriter) {
        match self {
            Self::Http { status } => {
                w.field(b":status", status.to_string().as_bytes(), Indexing::Without);
                w.field(b"content-length", b"0", Indexing::Without);
            }
            Self::Call(status) => {
                w.field(b":status", b"200", Indexing::Incremental);
                ContentType::default().encode(w);
                status.encode(w);
            }
        }
    }
}

/// The head of a request, to be sent.
#[derive(Clone, Debug)]
pub struct RequestFields<'a> {
    /// `http` or `https`.
    pub scheme: &'a str,
    /// The host that is addressed.
    pub authority: &'a str,
    /// `/package.Service/Method`.
    pub path: &'a [u8],
    /// The time left for the call; the encoder rounds up.
    pub timeout: Option<Duration>,
    /// The client's name for itself.
    pub user_agent: &'a str,
    /// The dialect and the subtype.
    pub content_type: ContentType<'a>,
    /// The encoding of messages with the compressed flag.
    pub encoding: Option<&'a str>,
    /// The encodings that the client can read, comma-separated.
    pub accept_encoding: Option<&'a str>,
    /// The number of earlier attempts at the call (gRFC A6).
    pub previous_attempts: u32,
    /// The application's metadata.
    pub metadata: &'a MetadataMap,
}

impl RequestFields<'_> {
    /// Checks that the server accepts a header list as large as this one, given what it announced
    /// ([`Connection::peer_max_header_list_size`](crate::conn::Connection::peer_max_header_list_size)). Without
    /// metadata it is so small that it is not checked.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED with both sizes, which the call ends with before anything is sent.
    pub fn check_size(&self, limit: Option<u32>) -> Result<(), Status> {
        let Some(limit) = limit.filter(|_| !self.metadata.is_empty()) else { return Ok(()) };
        let size = self.own_size() + self.metadata.header_list_size();
        if size <= limit as usize {
            return Ok(());
        }
        Err(Status::new(
            Code::ResourceExhausted,
            format!("the request's header list is larger than the server accepts ({size} vs. {limit} bytes)"),
        ))
    }

    /// The size of the fields before the metadata.
    fn own_size(&self) -> usize {
        let field = |name: &str, value: usize| name.len() + value + FIELD_OVERHEAD;
        let given = |name, value: Option<&str>| value.map_or(0, |value| field(name, value.len()));
        field(":method", "POST".len())
            + field(":scheme", self.scheme.len())
            + field(":path", self.path.len())
            + field(":authority", self.authority.len())
            + field("te", "trailers".len())
            + field("content-type", self.content_type.len())
            + field("user-agent", self.user_agent.len())
            + given("grpc-encoding", self.encoding)
            + given("grpc-accept-encoding", self.accept_encoding)
            + self
                .timeout
                .map_or(0, |timeout| field("grpc-timeout", timeout::encode(timeout).as_bytes().len()))
            + if self.previous_attempts > 0 { field("grpc-previous-rpc-attempts", 10) } else { 0 }
    }
}

impl Fields for RequestFields<'_> {
    fn encode(&self, w: &mut dyn FieldWriter) {
        let (encoding, accept) = (self.encoding.unwrap_or(""), self.accept_encoding.unwrap_or(""));
        let texts = [self.scheme, self.authority, self.user_agent, encoding, accept].map(str::as_bytes);
        let [scheme, authority, user_agent, encoding, accept] = texts;
        let subtype = self.content_type.subtype.as_bytes();
        let values = [self.path, scheme, authority, user_agent, encoding, accept, subtype];
        w.group(
            self.content_type.dialect.group(REQUEST),
            // Without a subtype there is nothing to compare.
            if subtype.is_empty() { &values[..6] } else { &values },
            &|w: &mut dyn FieldWriter| {
                w.field(b":method", b"POST", Indexing::Incremental);
                w.field(b":scheme", scheme, Indexing::Incremental);
                w.field(b":path", self.path, Indexing::Incremental);
                w.field(b":authority", authority, Indexing::Incremental);
                w.field(b"te", b"trailers", Indexing::Incremental);
                self.content_type.encode(w);
                if self.content_type.dialect == Dialect::GrpcWeb {
                    w.field(b"x-grpc-web", b"1", Indexing::Incremental);
                }
                w.field(b"user-agent", user_agent, Indexing::Incremental);
                if !encoding.is_empty() {
                    w.field(b"grpc-encoding", encoding, Indexing::Incremental);
                }
                if !accept.is_empty() {
                    w.field(b"grpc-accept-encoding", accept, Indexing::Incremental);
                }
            },
        );
        if let Some(timeout) = self.timeout {
            // It differs from call to call and is not worth an entry in the table.
            w.field(b"grpc-timeout", timeout::encode(timeout).as_bytes(), Indexing::Without);
        }
        if self.previous_attempts > 0 {
            let attempts = self.previous_attempts.to_string();
            w.field(b"grpc-previous-rpc-attempts", attempts.as_bytes(), Indexing::Without);
        }
        self.metadata.encode(w);
    }
}
