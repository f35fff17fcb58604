//! Plans: how the server handles calls of one kind, cached by their request head.

use std::sync::Arc;

use carom_wire::call::RequestHead;
use carom_wire::memo::Memo;

use crate::codec::{CompressionEncoding, Encodings};
use crate::server::lifecycle::ServerShared;
use crate::server::router::Route;
use crate::server::running::Sending;
use crate::server::{RequestMode, ServiceOptions};

/// Everything that follows from a request's head and the server's settings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) route: Route,
    /// Whether the method's codec reads the content subtype.
    pub(super) readable: bool,
    pub(super) encoding: RequestEncoding,
    /// The largest request message accepted, decompressed.
    pub(super) max_recv_message_size: usize,
    pub(super) sending: Sending,
}

/// The encoding of compressed request messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestEncoding {
    Identity,
    Known(CompressionEncoding),
    Unknown,
}

impl RequestEncoding {
    pub(super) fn known(self) -> Option<CompressionEncoding> {
        match self {
            Self::Known(encoding) => Some(encoding),
            Self::Identity | Self::Unknown => None,
        }
    }
}

impl Plan {
    /// Whether messages are handed over as they arrive.
    pub(super) fn streams(&self) -> bool {
        matches!(
            self.route,
            Route::Method { whole_request: false, .. } | Route::Fallback(RequestMode::Streaming)
        )
    }

    fn new(head: &RequestHead, shared: &ServerShared) -> Self {
        let (router, settings) = (&shared.router, &shared.settings);
        let encoding = match head.encoding.as_deref() {
            None | Some(b"identity") => RequestEncoding::Identity,
            Some(name) => {
                CompressionEncoding::from_name(name).map_or(RequestEncoding::Unknown, RequestEncoding::Known)
            }
        };
        let route = router.route(head.path_str());
        let options = match route {
            Route::Method { index, .. } => router.method(index).options(),
            Route::Fallback(_) | Route::Unknown => ServiceOptions::default(),
        };
        let readable = match route {
            Route::Method { index, .. } => router.method(index).reads(head.subtype()),
            Route::Fallback(_) | Route::Unknown => true,
        };
        let accepted = head.accept_encoding.as_deref().map_or_else(Encodings::default, Encodings::parse);
        Self {
            route,
            readable,
            encoding,
            max_recv_message_size: options.max_recv_message_size.unwrap_or(settings.max_recv_message_size),
            sending: Sending {
                preferred: options.compression.or(settings.compression),
                accepted,
                max_message_size: options.max_send_message_size.unwrap_or(settings.max_send_message_size),
            },
        }
    }
}

/// The last few plans of a connection. The engine returns the same head for a repeated header block, so that most calls
/// find theirs by comparing pointers.
#[derive(Debug, Default)]
pub(super) struct Plans(Memo<Arc<RequestHead>, Plan, { Self::REMEMBERED }>);

impl Plans {
    /// As many as the heads that the engine remembers.
    const REMEMBERED: usize = 8;

    pub(super) fn of(&mut self, head: &Arc<RequestHead>, shared: &ServerShared) -> Plan {
        if let Some(plan) = self.0.find(|known| Arc::ptr_eq(known, head)) {
            return *plan;
        }
        let plan = Plan::new(head, shared);
        self.0.keep(Arc::clone(head), plan);
        plan
    }
}
