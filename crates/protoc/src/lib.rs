//! The protobuf compiler of Carom: `.proto` files in, descriptors and generated code out, as protoc makes them.
//!
//! ```text
//! source → tokens → ast → ir (linked, checked, options interpreted) → descriptors → generators
//! ```
//!
//! [`compile`] reads files and what they import; [`driver::run`] is protoc's command line, [`commands::run`] that with
//! the commands beside it, and [`fmt::format`] formats a file. These are behind the feature `command-line`, which is on by
//! default.
//!
//! ```
//! use carom_protoc::{MemoryFiles, compile};
//!
//! let mut files = MemoryFiles::default();
//! files.insert("greet.proto", "syntax = \"proto3\"; message Hello { string name = 1; }");
//! let compiled = compile(["greet.proto"], &files)?;
//! assert!(!compiled.file_descriptor_set(false).is_empty());
//! # Ok::<(), carom_protoc::Diagnostics>(())
//! ```

// What only the commands use of the rooms that all share is not worth a mark at each place.
#![cfg_attr(not(feature = "command-line"), allow(dead_code, unused_imports))]

mod ast;
#[cfg(feature = "command-line")]
mod breaking;
pub mod bundled;
#[cfg(feature = "command-line")]
mod check;
#[cfg(feature = "command-line")]
pub mod commands;
mod descriptor;
pub mod diagnostics;
#[cfg(feature = "command-line")]
pub mod driver;
mod encoded;
#[cfg(feature = "command-line")]
pub mod fmt;
#[cfg(feature = "command-line")]
pub mod generate;
mod ir;
#[cfg(feature = "command-line")]
mod lint;
mod loader;
mod message;
mod parse;
#[cfg(feature = "command-line")]
mod protos_below;
mod raw;
mod session;
pub mod source;
mod source_info;
mod text;
mod tokens;
mod wire;

pub use diagnostics::{Diagnostic, Diagnostics, Severity};
pub use loader::{IncludePaths, Loader, Mapping, MemoryFiles, VirtualName};
pub use session::{Compilation, CompiledFile, DescriptorDetail, compile};
