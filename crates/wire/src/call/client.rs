use bytes::Bytes;

use super::{ContentType, Dialect, Inbound, dialect};
use crate::{
    conn::ResetBy,
    fields::HeaderBlock,
    frame::ErrorCode,
    memo::Memo,
    message::{Deframer, Message},
    metadata::MetadataMap,
    status::{Code, Status},
};

/// The head of a response.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    /// `grpc-encoding`: how messages with the compressed flag are encoded.
    pub encoding: Option<Bytes>,
    /// `grpc-accept-encoding`: the encodings that the server can read.
    pub accept_encoding: Option<Bytes>,
    /// The server's initial metadata.
    pub metadata: MetadataMap,
}

/// The end of a call.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its status, OK included.
    pub status: Status,
    /// The server's trailing metadata.
    pub metadata: MetadataMap,
    /// What ended the call.
    pub by: EndedBy,
}

/// What ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// The server's trailers, after a head and any messages.
    Trailers,
    /// A Trailers-Only response: there was no head before it.
    TrailersOnly,
    /// This side: a cancellation, a deadline, a reset or a lost connection.
    Local,
}

impl Ended {
    /// Creates an end that this side decided on.
    pub fn local(status: Status) -> Self {
        Self { status, metadata: MetadataMap::new(), by: EndedBy::Local }
    }
}

/// The meaning of a header block of a response.
#[derive(Clone, Debug)]
pub enum ClientEvent {
    /// A 1xx response, which says nothing about the call.
    Informational,
    /// The response's head; messages follow.
    Head(ResponseHead),
    /// The call's end. Messages that came before it can still be taken.
    End(Ended),
}

/// The response header blocks last read on a connection, already parsed: most calls of a method have the same.
#[derive(Default)]
pub struct KnownResponses {
    /// The heads, each with the subtype of its content type if it has one.
    heads: Memo<HeaderBlock, (ResponseHead, Option<Bytes>), 4>,
    /// The blocks that say OK and nothing else.
    plain_ends: Memo<HeaderBlock, (), 2>,
}

/// One call at the client: the receiving side. Sending is
/// [`RequestFields`](super::RequestFields) with [`open`](crate::conn::Connection::open), then data.
///
/// ```text
///   Awaiting ── head ─▶ Reading ── trailers ─▶ Ended
///      └──────────── Trailers-Only ─────────────▲
/// ```
pub struct ClientCall {
    inbound: Inbound,
    state: State,
    held_back: Option<Box<Ended>>,
    /// The subtype of the request's content type.
    subtype: Option<Box<str>>,
    dialect: Dialect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Awaiting,
    Reading,
    Ended,
}

impl ClientCall {
    /// Creates a call whose request is being sent with this content type. `max_recv` is the largest message accepted,
    /// in bytes as received.
    #[inline]
    pub fn new(max_recv: usize, content_type: ContentType<'_>) -> Self {
        let ContentType { dialect, subtype } = content_type;
        let mut inbound = Inbound::new("CLIENT", max_recv, false);
        if dialect.has_trailers_in_body() {
            inbound.deframer = Deframer::with_trailers(max_recv);
        }
        let subtype = (!subtype.is_empty()).then(|| subtype.into());
        Self { inbound, state: State::Awaiting, held_back: None, dialect, subtype }
    }

    /// Takes a header block of the response. `known` caches what was parsed on the same connection.
    ///
    /// # Errors
    /// The response is not gRPC: the status is derived from its HTTP status. The stream should be reset.
    pub fn on_headers(
        &mut self,
        block: &HeaderBlock,
        end_stream: bool,
        known: &mut KnownResponses,
    ) -> Result<ClientEvent, Status> {
        if block.over_limit() {
            return Err(Status::new(
                Code::ResourceExhausted,
                format!(
                    "the response's header list is larger than max ({} vs. {} bytes)",
                    block.list_size(),
                    block.limit()
                ),
            ));
        }
        match self.state {
            State::Awaiting => self.on_head(block, end_stream, known),
            // The engine lets only trailers through here, and nothing after them.
            State::Reading | State::Ended => {
                self.end();
                if known.plain_ends.find(|plain| plain.ptr_eq(block)).is_some() {
                    let (status, metadata) = (Status::new(Code::Ok, ""), MetadataMap::new());
                    return Ok(ClientEvent::End(Ended { status, metadata, by: EndedBy::Trailers }));
                }
                let status = Status::from_trailers(block).unwrap_or_else(no_status);
                let metadata = MetadataMap::from_fields(block);
                if status.code() == Code::Ok && block.fields().len() == 1 {
                    known.plain_ends.keep(block.clone(), ());
                }
                Ok(ClientEvent::End(Ended { status, metadata, by: EndedBy::Trailers }))
            }
        }
    }

    fn on_head(
        &mut self,
        block: &HeaderBlock,
        end_stream: bool,
        known: &mut KnownResponses,
    ) -> Result<ClientEvent, Status> {
        if !end_stream && let Some((head, subtype)) = known.heads.find(|known| known.ptr_eq(block)) {
            self.check_subtype(subtype.as_deref())?;
            self.state = State::Reading;
            return Ok(ClientEvent::Head(head.clone()));
        }
        let http = block
            .get(b":status")
            .and_then(|status| std::str::from_utf8(status).ok()?.parse::<u16>().ok())
            .unwrap_or_default();
        if (100..200).contains(&http) {
            return Ok(ClientEvent::Informational);
        }
        if end_stream {
            self.end();
            let status = match Status::from_trailers(block) {
                Some(status) => status,
                None if http == 200 => no_status(),
                None => Status::from_http(http),
            };
            let metadata = MetadataMap::from_fields(block);
            return Ok(ClientEvent::End(Ended { status, metadata, by: EndedBy::TrailersOnly }));
        }
        if http != 200 {
            return Err(Status::from_http(http));
        }
        let subtype = self.read_content_type(block)?;
        self.check_subtype(subtype.as_deref())?;
        self.state = State::Reading;
        let head = ResponseHead {
            encoding: block.get(b"grpc-encoding").cloned(),
            accept_encoding: block.get(b"grpc-accept-encoding").cloned(),
            metadata: MetadataMap::from_fields(block),
        };
        known.heads.keep(block.clone(), (head.clone(), subtype));
        Ok(ClientEvent::Head(head))
    }

    /// Returns the subtype of a response's content type. A response without a content type is taken to be what was
    /// asked for, as in other implementations: some servers send none.
    fn read_content_type(&self, block: &HeaderBlock) -> Result<Option<Bytes>, Status> {
        let Some(value) = block.get(b"content-type") else { return Ok(None) };
        match Dialect::of_content_type(value) {
            Some((dialect, subtype)) if dialect == self.dialect => {
                Ok(Some(value.slice_ref(subtype)).filter(|subtype| !subtype.is_empty()))
            }
            _ => Err(Status::new(
                Code::Unknown,
                format!("the response is not gRPC: its content-type is \"{}\"", value.escape_ascii()),
            )),
        }
    }

    /// Checks the subtype: a codec cannot read what another one has encoded.
    fn check_subtype(&self, subtype: Option<&[u8]>) -> Result<(), Status> {
        let (Some(asked), Some(came)) = (&self.subtype, subtype) else { return Ok(()) };
        if asked.as_bytes().eq_ignore_ascii_case(came) {
            return Ok(());
        }
        let came = came.escape_ascii();
        Err(Status::new(
            Code::Internal,
            format!("the response's messages are encoded as {came}, but {asked} was requested"),
        ))
    }

    /// Takes bytes of the response.
    pub fn on_data(&mut self, data: Bytes, end_stream: bool) {
        self.inbound.deframer.push(data);
        if end_stream {
            self.end();
        }
    }

    /// Keeps how the call ended until the messages before that have been taken.
    pub(crate) fn ends_with(&mut self, end: Ended) {
        self.held_back = Some(Box::new(end));
    }

    /// Returns how the call ended, once its messages have been taken. After data there is no status to go by.
    pub fn ended(&mut self) -> Ended {
        if let Some(trailers) = self.inbound.deframer.trailers() {
            let block = dialect::read_trailers(trailers);
            let status = Status::from_trailers(&block).unwrap_or_else(no_status);
            return Ended { status, metadata: MetadataMap::from_fields(&block), by: EndedBy::Trailers };
        }
        self.held_back.take().map_or_else(|| Ended::local(no_status()), |end| *end)
    }

    fn end(&mut self) {
        self.state = State::Ended;
        self.inbound.ended = true;
    }

    /// Returns the next message; `None` if it has not arrived completely, or there is none.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED for a message over the limit, INTERNAL for one that is cut short or ill-formed.
    /// Nothing more can be read from the call then.
    #[inline]
    pub fn next_message(&mut self) -> Result<Option<Message>, Status> {
        self.inbound.next_message()
    }

    /// The bytes missing from the message being read, as far as its length is known.
    pub fn wanted(&self) -> usize {
        self.inbound.deframer.wanted()
    }

    /// The bytes held that do not make a complete message yet, or were not asked for.
    pub fn buffered(&self) -> usize {
        self.inbound.deframer.buffered()
    }

    /// Returns the status of a call whose stream was reset.
    pub fn on_reset(&self, code: ErrorCode, by: &ResetBy) -> Status {
        match by {
            ResetBy::Peer => Status::from_reset(code.0),
            ResetBy::Engine(reason) => {
                Status::new(Code::Internal, format!("the server broke the protocol: {reason}"))
            }
            ResetBy::GoAway => Status::new(
                Code::Unavailable,
                format!("the server is going away and did not process the call ({code})"),
            ),
            ResetBy::ConnectionLost => Status::new(Code::Unavailable, "the connection was lost"),
        }
    }
}

/// The status of a call that the peer ended without one.
fn no_status() -> Status {
    Status::new(Code::Unknown, "the server ended the call without a grpc-status")
}
