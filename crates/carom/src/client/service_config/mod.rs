//! Service configs (gRFC A2).

mod json;

pub use self::json::{InvalidJson, Json};
