//! Rust code for gRPC services from `.proto` files, in a build script, with no protoc to install.
//!
//! ```text
//! .proto files ─ carom_protoc ─▶ descriptors ─┬─ buffa_codegen ─▶ messages ─┬─▶ one Rust file a package
//!                                             └─ service ───────▶ services ─┘
//! ```
//!
//! `build.rs` is short:
//! ```no_run
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     carom_codegen::compile_protos(&["proto/helloworld.proto"], &["proto"])?;
//!     Ok(())
//! }
//! ```
//! and the code is included by `carom::include_proto!("helloworld")`, in a module of any name. Packages that use each
//! other's types must lie in modules as their names say (`a.b` in `a::b`); [`Builder::include_file`] sees to that. A
//! file without a package gives the package `_`.
//!
//! For a package `helloworld` with a service `Greeter` there are
//! * the messages and enums, by [buffa](https://docs.rs/buffa);
//! * `greeter_client::GreeterClient`, whose methods are the service's;
//! * `greeter_server::Greeter`, a trait to implement by plain `async fn`s, and `greeter_server::GreeterServer`, which
//!   makes of it what a `carom::server::Server` takes;
//! * `FILE_DESCRIPTOR_SET`, for reflection.
//!
//! A crate that includes the code depends on `carom` and `buffa`; on `buffa-types` if the files use Google's
//! well-known types (`google/protobuf/timestamp.proto` and the like); on `buffa-descriptor` if they declare options.
//!
//! # What can be chosen
//! [`Builder`] has options for everything (JSON, text, views, one side of services alone) and options by path: attributes,
//! types of fields, packages of other crates.
//!
//! Messages can be those of [prost](https://docs.rs/prost), which tonic's users have, instead of buffa's: with the feature
//! `prost`, by `Builder::messages(Messages::Prost)`. The crate then depends on `carom` with its feature `prost`, on `prost`,
//! and on `prost-types` for Google's well-known types. prost knows no editions.
//!
//! # Names
//! A method whose name is one that its client has anyway (`New`, `Connect`, `Channel`, …) gets an underscore there:
//! `new_`. Keywords are escaped (`r#type`, and `self_` where there is no raw form).

mod builder;
mod error;
mod front;
mod messages;
mod names;
mod package;
mod paths;
#[cfg(feature = "prost")]
mod prost;
mod service;
mod tree;

use std::path::Path;

pub use buffa_codegen::CodeGenConfig;

pub use builder::Builder;
pub use error::Error;
pub use messages::Messages;
#[cfg(feature = "prost")]
pub use prost_build;

/// The defaults, to be changed: see [`Builder`].
pub fn configure() -> Builder {
    Builder::default()
}

/// Compiles `.proto` files and writes their code, with clients and servers, to `OUT_DIR`: the defaults of
/// [`Builder::compile_protos`].
///
/// # Errors
/// The files do not compile, cannot be made code of, or a file cannot be read or written.
pub fn compile_protos(files: &[impl AsRef<Path>], includes: &[impl AsRef<Path>]) -> Result<(), Error> {
    configure().compile_protos(files, includes)
}
