use std::{borrow::Cow, fmt};

use crate::frame::{ErrorCode, FrameError};

/// The reason why a connection ended other than gracefully.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionError {
    /// The party at fault.
    pub blame: Blame,
    /// The HTTP/2 error code.
    pub code: ErrorCode,
    /// A description for humans; it names the RFC's section where a rule was broken.
    pub reason: Cow<'static, str>,
}

/// The party at fault for the end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The peer broke the protocol or a limit; this side sent GOAWAY.
    Peer,
    /// The peer blames this side, or cannot go on: it sent GOAWAY with an error.
    PeerSays,
    /// The bytes received are not HTTP/2 at all.
    NotHttp2,
    /// The network: the connection broke, or the peer stopped answering.
    Network,
    /// This side closed it on purpose.
    Local,
}

impl ConnectionError {
    pub(crate) fn peer(code: ErrorCode, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { blame: Blame::Peer, code, reason: reason.into() }
    }
}

impl From<FrameError> for ConnectionError {
    fn from(error: FrameError) -> Self {
        Self::peer(error.code, error.reason)
    }
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.blame {
            Blame::Peer => write!(f, "the peer broke the protocol: {} ({})", self.reason, self.code),
            Blame::PeerSays => write!(f, "the peer ended the connection: {} ({})", self.reason, self.code),
            Blame::NotHttp2 | Blame::Network | Blame::Local => self.reason.fmt(f),
        }
    }
}

impl std::error::Error for ConnectionError {}
