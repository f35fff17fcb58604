//! Sockets and the tasks that drive them: what carries a connection, who is at its other end, and how bytes and
//! events go between the socket, the engine and the calls.

mod address;
pub(crate) mod connect;
pub(crate) mod driver;
mod info;
pub(crate) mod io;
pub(crate) mod listener;

pub use address::Address;
pub use connect::{Connect, Connecting};
pub use info::{ConnectionInfo, PeerAddr};
pub use io::ByteStream;
pub use listener::{ListenAddr, ListenOptions};
