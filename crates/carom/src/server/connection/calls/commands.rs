//! The commands of other tasks and threads for calls: answers piece by piece, credit for messages taken, an end.

use bytes::Bytes;
use carom_wire::MetadataMap;
use carom_wire::message::PREFIX_LEN;
use carom_wire::stream::Payload;

use super::{Calls, Work, ok};
use crate::cancellation::Cancelled;
use crate::codec::append_payload;
use crate::interceptor::MessageInfo;
use crate::server::connection::mailbox::Command;

impl Calls {
    pub(super) fn execute(&mut self, command: Command) {
        let key = match &command {
            Command::Shutdown => return self.server.http_mut().shutdown(self.now),
            Command::Abort => return self.abort(),
            Command::Reclaim => {
                self.reclaim();
                return;
            }
            Command::Watch { key, .. }
            | Command::Release { key }
            | Command::Fail { key, .. }
            | Command::Head { key, .. }
            | Command::Message { key, .. }
            | Command::Finish { key, .. } => *key,
            Command::FinishUnary(answer) => answer.key,
        };
        match self.find(key) {
            Some(index) => self.obey_for(index, command),
            None => {
                if let Command::Watch { cell, .. } = command {
                    cell.set(Cancelled::Finished);
                }
            }
        }
    }

    fn obey_for(&mut self, index: usize, command: Command) {
        let Some(call) = self.slots[index].call.as_mut() else { return };
        let Some(mut wire) = self.server.call(call.key) else { return };
        match command {
            Command::Shutdown | Command::Abort | Command::Reclaim => {}
            Command::Watch { cell, .. } => match call.work {
                Work::Answered => cell.set(Cancelled::Finished),
                _ => call.watchers.push(cell),
            },
            Command::Release { .. } => {
                if let Some(inbox) = call.work.inbox() {
                    let taken = inbox.taken();
                    self.held -= call.forget_taken(taken);
                    wire.release(taken.bytes);
                }
            }
            Command::Fail { status, .. } => self.fail(index, status),
            Command::Head { metadata, encoding, .. } => {
                call.observers.response_metadata(&metadata);
                wire.send_headers(&metadata, encoding.map(|encoding| encoding.as_str()));
            }
            Command::Message { payload, encoding, compress, .. } => {
                let len = payload.len() + PREFIX_LEN;
                if !wire.is_head_sent() {
                    call.observers.response_metadata(&MetadataMap::new());
                    let encoding = encoding.map(|encoding| encoding.as_str());
                    wire.send_headers(&MetadataMap::new(), encoding);
                }
                let encoding =
                    encoding.filter(|encoding| compress && wire.encoding() == Some(encoding.as_str()));
                self.buffer.clear();
                match append_payload(payload, encoding, &mut self.buffer) {
                    Ok(tail) => {
                        call.observers.response_message(info(&self.buffer, tail.as_ref()));
                        wire.send_message(Payload::in_buffer(&mut self.buffer));
                        if let Some(tail) = tail {
                            wire.send_message(tail);
                        }
                    }
                    Err(status) => return self.fail(index, status),
                }
                if let Work::Detached { responder, .. } = &call.work {
                    responder.moved(len, wire.is_full());
                }
            }
            Command::Finish { status, trailing, .. } => {
                call.observers.end(&status, &trailing);
                let status = Some(status)
                    .filter(|status| status.code() != carom_wire::Code::Ok || !status.message().is_empty());
                wire.send_status(status, trailing);
                self.answered(index, Cancelled::Finished);
            }
            Command::FinishUnary(answer) => {
                let initial = answer.initial.unwrap_or_default();
                let encoding = answer.encoding.map(|encoding| encoding.as_str());
                // No message may be compressed with an encoding that the head did not announce.
                let may_compress = !wire.is_head_sent() || wire.encoding() == encoding;
                let by = answer.encoding.filter(|_| may_compress);
                self.buffer.clear();
                let framed = append_payload(answer.payload, by, &mut self.buffer);
                if let (Ok(tail), false) = (&framed, call.observers.is_empty()) {
                    if !wire.is_head_sent() {
                        call.observers.response_metadata(&initial);
                    }
                    call.observers.response_message(info(&self.buffer, tail.as_ref()));
                    call.observers.end(&ok(), &answer.trailing);
                }
                match framed {
                    Ok(None) => {
                        let framed = Payload::in_buffer(&mut self.buffer);
                        wire.send_unary(&initial, encoding, framed, answer.trailing);
                    }
                    Ok(Some(tail)) => {
                        wire.send_headers(&initial, encoding);
                        wire.send_message(&self.buffer[..]);
                        wire.send_message(tail);
                        wire.send_status(None, answer.trailing);
                    }
                    Err(status) => return self.fail(index, status),
                }
                self.answered(index, Cancelled::Finished);
            }
        }
    }
}

/// The facts of a message whose payload may follow the buffer.
fn info(buffer: &[u8], tail: Option<&Bytes>) -> MessageInfo {
    let MessageInfo { size, compressed, .. } = MessageInfo::of_framed(buffer);
    MessageInfo::new(size + tail.map_or(0, Bytes::len), compressed)
}
