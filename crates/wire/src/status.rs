//! The status of a call: how it ended.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use bytes::Bytes;

use crate::fields::{FieldWriter, HeaderBlock, Indexing};
use crate::metadata::{BASE64, InvalidMetadata, MetadataMap};

mod code;
mod percent;

pub use code::Code;
pub(crate) use percent::percent_encoded_len;
pub use percent::{percent_decode, percent_encode};

/// The outcome of a call: a code, a message for humans, and whatever else the server sent with it.
///
/// One pointer wide, so that a `Result` with it stays small.
#[derive(Clone)]
pub struct Status(Box<Inner>);

#[derive(Clone)]
struct Inner {
    code: Code,
    message: String,
    details: Bytes,
    metadata: MetadataMap,
    /// Few statuses have any of it.
    local: Option<Box<Local>>,
}

/// What this side knows beside what is sent.
#[derive(Clone, Default)]
struct Local {
    initial_metadata: MetadataMap,
    source: Option<Arc<dyn Error + Send + Sync + 'static>>,
}

/// One constructor per code.
macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $code:ident,)*) => {
        impl Status {
            $(
                $(#[$doc])*
                pub fn $name(message: impl Into<String>) -> Self {
                    Self::new(Code::$code, message)
                }
            )*
        }
    };
}

constructors! {
    /// The call succeeded.
    ok => Ok,
    /// The call was cancelled, typically by the caller.
    cancelled => Cancelled,
    /// An error about which nothing more is known.
    unknown => Unknown,
    /// The client sent an argument that is invalid regardless of the state of the system.
    invalid_argument => InvalidArgument,
    /// The deadline passed before the call ended.
    deadline_exceeded => DeadlineExceeded,
    /// The requested entity does not exist.
    not_found => NotFound,
    /// The entity to be created already exists.
    already_exists => AlreadyExists,
    /// The caller does not have permission to do this.
    permission_denied => PermissionDenied,
    /// A quota, a limit or memory is exhausted.
    resource_exhausted => ResourceExhausted,
    /// The system is not in the state that the call requires.
    failed_precondition => FailedPrecondition,
    /// The call was aborted, typically because of a conflict with another.
    aborted => Aborted,
    /// The call went past the valid range.
    out_of_range => OutOfRange,
    /// The server does not implement the method.
    unimplemented => Unimplemented,
    /// An invariant of the system is broken.
    internal => Internal,
    /// The service cannot be reached now; a retry may succeed.
    unavailable => Unavailable,
    /// Data is lost or corrupt beyond repair.
    data_loss => DataLoss,
    /// The caller has no valid authentication credentials.
    unauthenticated => Unauthenticated,
}

impl Status {
    /// Creates a status with a code and a message.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self::with_details_and_metadata(code, message, Bytes::new(), MetadataMap::new())
    }

    /// Creates a status with details: by convention a serialized `google.rpc.Status`.
    pub fn with_details(code: Code, message: impl Into<String>, details: Bytes) -> Self {
        Self::with_details_and_metadata(code, message, details, MetadataMap::new())
    }

    /// Creates a status with metadata, which is sent in the trailers.
    pub fn with_metadata(code: Code, message: impl Into<String>, metadata: MetadataMap) -> Self {
        Self::with_details_and_metadata(code, message, Bytes::new(), metadata)
    }

    /// Creates a status with details and metadata.
    pub fn with_details_and_metadata(
        code: Code,
        message: impl Into<String>,
        details: Bytes,
        metadata: MetadataMap,
    ) -> Self {
        Self(Box::new(Inner { code, message: message.into(), details, metadata, local: None }))
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The message, possibly empty.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The details, possibly empty.
    pub fn details(&self) -> &[u8] {
        &self.0.details
    }

    /// The details, as a shared buffer.
    pub fn details_bytes(&self) -> &Bytes {
        &self.0.details
    }

    /// The trailing metadata.
    pub fn metadata(&self) -> &MetadataMap {
        &self.0.metadata
    }

    /// The trailing metadata, mutably.
    pub fn metadata_mut(&mut self) -> &mut MetadataMap {
        &mut self.0.metadata
    }

    /// The initial metadata of a failed call, as far as the server sent any before it failed. A successful call has it in
    /// its response; a stream that fails later delivered it when it began.
    pub fn initial_metadata(&self) -> &MetadataMap {
        static NONE: MetadataMap = MetadataMap::new();
        self.0.local.as_ref().map_or(&NONE, |local| &local.initial_metadata)
    }

    /// Sets the initial metadata of the call that ended with this status. It is not sent.
    pub fn set_initial_metadata(&mut self, metadata: MetadataMap) -> &mut Self {
        self.0.local.get_or_insert_default().initial_metadata = metadata;
        self
    }

    /// Sets the cause of this status. It stays on this side of the wire.
    pub fn set_source(&mut self, source: Arc<dyn Error + Send + Sync + 'static>) -> &mut Self {
        self.0.local.get_or_insert_default().source = Some(source);
        self
    }

    /// Reads the status from trailers (or from a Trailers-Only response); `None` if there is no `grpc-status`.
    ///
    /// This never fails: an unknown code becomes [`Code::Unknown`], a message with broken escapes keeps them, details
    /// that are not base64 are dropped. A code inside the details is ignored, so `grpc-status` wins.
    pub fn from_trailers(block: &HeaderBlock) -> Option<Self> {
        let code = Code::from_bytes(block.get(b"grpc-status")?);
        let message = block.get(b"grpc-message").map(|text| percent_decode(text)).unwrap_or_default();
        let details = block.get(b"grpc-status-details-bin").and_then(|text| BASE64.decode(text).ok());
        let details = details.map(Bytes::from).unwrap_or_default();
        Some(Self::with_details_and_metadata(code, message, details, MetadataMap::from_fields(block)))
    }

    /// Returns the status of a response without `grpc-status`, derived from its HTTP status (grpc
    /// `http-grpc-status-mapping.md`).
    pub fn from_http(http_status: u16) -> Self {
        let code = match http_status {
            400 => Code::Internal,
            401 => Code::Unauthenticated,
            403 => Code::PermissionDenied,
            404 => Code::Unimplemented,
            429 | 502..=504 => Code::Unavailable,
            _ => Code::Unknown,
        };
        let message = match http_status {
            200 => "the response ended without grpc-status".to_owned(),
            _ => format!("the response has HTTP status {http_status} and no grpc-status"),
        };
        Self::new(code, message)
    }

    /// Returns the status of a call whose stream the peer reset with this HTTP/2 error code (gRPC over HTTP/2,
    /// "Errors").
    pub fn from_reset(code: u32) -> Self {
        let (name, status) = match code {
            0x0 => ("NO_ERROR", Code::Internal),
            0x1 => ("PROTOCOL_ERROR", Code::Internal),
            0x2 => ("INTERNAL_ERROR", Code::Internal),
            0x3 => ("FLOW_CONTROL_ERROR", Code::Internal),
            0x4 => ("SETTINGS_TIMEOUT", Code::Internal),
            0x5 => ("STREAM_CLOSED", Code::Unknown),
            0x6 => ("FRAME_SIZE_ERROR", Code::Internal),
            0x7 => ("REFUSED_STREAM", Code::Unavailable),
            0x8 => ("CANCEL", Code::Cancelled),
            0x9 => ("COMPRESSION_ERROR", Code::Internal),
            0xa => ("CONNECT_ERROR", Code::Internal),
            0xb => ("ENHANCE_YOUR_CALM", Code::ResourceExhausted),
            0xc => ("INADEQUATE_SECURITY", Code::PermissionDenied),
            0xd => ("HTTP_1_1_REQUIRED", Code::Unknown),
            _ => return Self::unknown(format!("the peer reset the stream with error code {code:#x}")),
        };
        Self::new(status, format!("the peer reset the stream with {name}"))
    }

    /// Writes the fields that end a call: the code, the message and the details where there are any, and the metadata.
    pub fn encode(&self, w: &mut dyn FieldWriter) {
        let Inner { code, message, details, metadata, .. } = &*self.0;
        w.field(b"grpc-status", code.as_str().as_bytes(), Indexing::Incremental);
        if !message.is_empty() {
            w.field(b"grpc-message", percent_encode(message).as_bytes(), Indexing::Without);
        }
        if !details.is_empty() {
            w.field(b"grpc-status-details-bin", BASE64.encode(details).as_bytes(), Indexing::Without);
        }
        metadata.encode(w);
    }
}

/// INTERNAL, with the words of the error: a program that set metadata which cannot be sent is at fault itself.
impl From<InvalidMetadata> for Status {
    fn from(error: InvalidMetadata) -> Self {
        let mut status = Self::internal(error.to_string());
        status.set_source(Arc::new(error));
        status
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { code, message, details, metadata, .. } = &*self.0;
        let mut out = f.debug_struct("Status");
        out.field("code", code).field("message", message);
        if !details.is_empty() {
            out.field("details", details);
        }
        if !metadata.is_empty() {
            out.field("metadata", metadata);
        }
        if !self.initial_metadata().is_empty() {
            out.field("initial_metadata", self.initial_metadata());
        }
        if let Some(source) = self.source() {
            out.field("source", &source);
        }
        out.finish()
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status: {}, message: {:?}", self.code().name(), self.message())
    }
}

impl Error for Status {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.0.local.as_ref()?.source.as_deref()?;
        Some(source as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests;
