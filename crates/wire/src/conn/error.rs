use std::{borrow::Cow, fmt};

use crate::frame::{ErrorCode, FrameError};

/// Why a connection ended other than in good order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionError {
    /// Who is to blame.
    pub blame: Blame,
    /// The HTTP/2 code that says it.
    pub code: ErrorCode,
    /// What happened, for people; it names the RFC's section where a rule was broken.
    pub reason: Cow<'static, str>,
}

/// Who ended a connection, and so what to think of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The peer broke the protocol or a limit; we said so with GOAWAY.
    Peer,
    /// The peer says that we are at fault, or that it cannot go on: it sent GOAWAY with an error.
    PeerSays,
    /// The bytes that came are no HTTP/2 at all.
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
