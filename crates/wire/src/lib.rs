//! The sans-IO HTTP/2 and gRPC engine of Carom: bytes and time in, events and bytes out.

pub mod hpack;
pub mod message;
pub mod metadata;
pub mod status;
pub mod timeout;

pub use hpack::{HeaderBlock, HeaderField};
pub use message::{Deframer, FramingError, Message};
pub use metadata::{InvalidMetadata, MetadataMap, MetadataValue};
pub use status::{Code, Status};
