//! What can go wrong while code is generated.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why no code was generated.
///
/// `Debug` gives the same text as `Display`, because that is how a build script's `main` shows the error it returns.
#[non_exhaustive]
pub enum Error {
    /// The `.proto` files do not compile: the compiler's messages, `file:line:column: message` and the source line.
    Compile(String),
    /// The files compile, but no Rust code can be made of them, or the configuration is not usable.
    Generate(String),
    /// A file cannot be read or written.
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// No output directory was configured and `OUT_DIR` is not set: not called from a build script.
    NoOutDir,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compile(messages) => write!(f, "the .proto files do not compile:\n{}", messages.trim_end()),
            Self::Generate(message) => write!(f, "cannot generate Rust code: {message}"),
            Self::Io { path, source } => write!(f, "{}: {source}", path.display()),
            Self::NoOutDir => f.write_str(
                "OUT_DIR is not set: call this from a build script, or choose a directory by Builder::out_dir",
            ),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Compile(_) | Self::Generate(_) | Self::NoOutDir => None,
        }
    }
}
