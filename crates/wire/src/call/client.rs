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

/// What a response's head says.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    /// `grpc-encoding`: how messages with the compressed flag are encoded.
    pub encoding: Option<Bytes>,
    /// `grpc-accept-encoding`: what the server can read.
    pub accept_encoding: Option<Bytes>,
    /// The server's initial metadata.
    pub metadata: MetadataMap,
}

/// How a call ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its status, OK included.
    pub status: Status,
    /// The server's trailing metadata.
    pub metadata: MetadataMap,
    /// The response was Trailers-Only: there was no head before it.
    pub trailers_only: bool,
}

impl Ended {
    /// An end that this side decided on.
    pub fn local(status: Status) -> Self {
        Self { status, metadata: MetadataMap::new(), trailers_only: false }
    }
}

/// What a header block of a response turned out to be.
#[derive(Clone, Debug)]
pub enum ClientEvent {
    /// A 1xx response: nothing of the call's.
    Informational,
    /// The response's head; messages follow.
    Head(ResponseHead),
    /// The call's end. Messages that came before it can still be taken.
    End(Ended),
}

/// Responses' header blocks that were read on a connection, and what they say: most calls of a method have the same.
#[derive(Default)]
pub struct KnownResponses {
    /// With the subtype of the content type, if there is one.
    heads: Memo<HeaderBlock, (ResponseHead, Option<Bytes>), 4>,
    /// Blocks that say OK and no more.
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
    /// Of the request's content type.
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
    /// A call whose request is being sent with this content type. `max_recv`: the largest message taken, in bytes as they
    /// come.
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

    /// A header block of the response. `known`: what was made of others on the same connection.
    ///
    /// # Errors
    /// The response is not gRPC: the status says what it is by its HTTP status. The stream should be reset.
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
                    return Ok(ClientEvent::End(Ended::local(Status::new(Code::Ok, ""))));
                }
                let status = Status::from_trailers(block).unwrap_or_else(no_status);
                let metadata = MetadataMap::from_fields(block);
                if status.code() == Code::Ok && block.fields().len() == 1 {
                    known.plain_ends.keep(block.clone(), ());
                }
                Ok(ClientEvent::End(Ended { status, metadata, trailers_only: false }))
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
            return Ok(ClientEvent::End(Ended { status, metadata, trailers_only: true }));
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

    /// The subtype of a response's content type. One without any is taken for what was asked for, as in other
    /// implementations: some servers send none.
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

    /// What a codec did not encode another one cannot read.
    fn check_subtype(&self, subtype: Option<&[u8]>) -> Result<(), Status> {
        let (Some(asked), Some(came)) = (&self.subtype, subtype) else { return Ok(()) };
        if asked.as_bytes().eq_ignore_ascii_case(came) {
            return Ok(());
        }
        let came = came.escape_ascii();
        Err(Status::new(
            Code::Internal,
            format!("the response's messages are encoded as {came}, and {asked} was asked for"),
        ))
    }

    /// Bytes of the response.
    pub fn on_data(&mut self, data: Bytes, end_stream: bool) {
        self.inbound.deframer.push(data);
        if end_stream {
            self.end();
        }
    }

    /// Keeps how the call ended until the messages before that were taken.
    pub(crate) fn ends_with(&mut self, end: Ended) {
        self.held_back = Some(Box::new(end));
    }

    /// How the call ended, once its messages were taken. After data there is no status to go by.
    pub fn ended(&mut self) -> Ended {
        if let Some(trailers) = self.inbound.deframer.trailers() {
            let block = dialect::read_trailers(trailers);
            let status = Status::from_trailers(&block).unwrap_or_else(no_status);
            return Ended { status, metadata: MetadataMap::from_fields(&block), trailers_only: false };
        }
        self.held_back.take().map_or_else(|| Ended::local(no_status()), |end| *end)
    }

    fn end(&mut self) {
        self.state = State::Ended;
        self.inbound.ended = true;
    }

    /// The next whole message; `None`: it is not all there yet, or there is none.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED for a message over the limit, INTERNAL for one that is cut short or ill-formed.
    /// The call cannot be read further then.
    pub fn next_message(&mut self) -> Result<Option<Message>, Status> {
        self.inbound.next_message()
    }

    /// Bytes that the message being read still lacks, as far as its length is known.
    pub fn wanted(&self) -> usize {
        self.inbound.deframer.wanted()
    }

    /// Bytes held that make no whole message yet, or were not asked for.
    pub fn buffered(&self) -> usize {
        self.inbound.deframer.buffered()
    }

    /// The status of a call whose stream ended by a reset.
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

/// The peer ended the call without saying how it went.
fn no_status() -> Status {
    Status::new(Code::Unknown, "the server ended the call without a grpc-status")
}
