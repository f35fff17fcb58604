//! What the example programs share: the generated code and the database of places.

pub mod places;

/// The package `helloworld`.
#[allow(missing_docs, reason = "generated code")]
pub mod helloworld {
    carom::include_proto!("helloworld");
}

/// The package `routeguide`.
#[allow(missing_docs, reason = "generated code")]
pub mod routeguide {
    carom::include_proto!("routeguide");
}

/// The address on the command line, or the default.
pub fn address_or(default: &str) -> String {
    std::env::args().nth(1).unwrap_or_else(|| default.to_owned())
}
