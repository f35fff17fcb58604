//! Rust code for `.proto` files: messages by [buffa](https://docs.rs/buffa), clients and servers for `carom`.

mod builder;
mod error;
mod names;
mod package;
mod service;

pub use buffa_codegen::CodeGenConfig;

pub use builder::Builder;
pub use error::Error;

/// The defaults, to be changed: see [`Builder`].
pub fn configure() -> Builder {
    Builder::default()
}
