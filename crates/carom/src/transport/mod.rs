//! Sockets and the tasks that drive them: what carries a connection, who is at its other end, and how bytes and
//! events go between the socket, the engine and the calls.

#[cfg(feature = "client")]
mod address;
#[cfg(feature = "client")]
pub(crate) mod connect;
pub(crate) mod driver;
mod info;
pub(crate) mod io;
#[cfg(feature = "server")]
pub(crate) mod listener;

#[cfg(feature = "client")]
pub use address::Address;
#[cfg(feature = "client")]
pub use connect::{Connect, Connecting};
pub use info::{ConnectionInfo, PeerAddr};
pub use io::ByteStream;
#[cfg(feature = "server")]
pub use listener::{ListenAddr, ListenOptions};
