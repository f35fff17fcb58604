//! Transports: the sockets and TLS sessions that carry connections, and the addresses of their peers.

#[cfg(feature = "client")]
mod address;
#[cfg(feature = "client")]
pub(crate) mod connect;
#[cfg(feature = "client")]
pub(crate) mod error;
mod info;
pub(crate) mod io;
#[cfg(feature = "server")]
pub(crate) mod listener;
pub(crate) mod pump;
#[cfg(all(feature = "client", feature = "tls"))]
pub(crate) mod tls;

pub use carom_wire::conn::{Blame, ConnectionError};
pub use carom_wire::frame::ErrorCode;

#[cfg(feature = "client")]
pub use address::Address;
#[cfg(feature = "client")]
pub use connect::{Connect, Connecting};
#[cfg(feature = "client")]
pub use error::{Stage, TransportError};
pub use info::{ConnectionInfo, PeerAddr};
pub use io::ByteStream;
#[cfg(feature = "server")]
pub use listener::{ListenAddr, ListenOptions};
