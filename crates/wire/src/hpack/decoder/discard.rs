//! Header blocks too large to keep: read as they arrive, only for their effect on the dynamic table.

use bytes::Bytes;
use smallvec::SmallVec;

use super::{DecodeError, Decoder, Entry, MAX_LIST_SIZE, known};
use crate::fields::{FIELD_OVERHEAD, HeaderBlock, HeaderField, malformed_field};
use crate::hpack::{huffman, integer};

/// A block that is discarded as it arrives.
///
/// ```text
///            ┌───────────── indexed field, size update ─────────────┐
///            ▼                                                      │
///   Representation ── literal, new name ─▶ Length ─▶ Text (name) ───┤
///            ▲  └──── literal, known name ─▶ Length ─▶ Text (value) │
///            └──────────────────────────────────────────┴───────────┘
/// ```
/// Only a literal for the table is kept while it arrives, and only as far as it could fit in there, so that memory is
/// bounded by the table's size, whatever the size of the block.
pub(crate) struct Discard {
    step: Step,
    /// The bytes of an integer that is not complete.
    integer: SmallVec<[u8; 8]>,
    /// The size of the list so far.
    size: usize,
    /// The number of fields begun so far.
    fields: usize,
}

enum Step {
    Representation,
    Length(Literal),
    Text { left: usize, text: Text, of: Literal },
}

/// The literal field that is being read.
struct Literal {
    /// The parts that go into the table; `None` if the field is not to be indexed or would not fit.
    kept: Option<Kept>,
    /// Whether it is to be indexed, so that one that does not fit empties the table (RFC 7541 section 4.4).
    indexed: bool,
    name_read: bool,
    /// The bytes of name and value.
    len: usize,
}

#[derive(Default)]
struct Kept {
    name: Bytes,
    value: Bytes,
}

/// A string that is being read.
struct Text {
    /// The bytes as received, if the string is kept.
    raw: Option<Vec<u8>>,
    /// The counter of the decoded length; `None` if the string is not Huffman-coded.
    huffman: Option<huffman::Counter>,
    len: usize,
}

impl Discard {
    pub(crate) fn new() -> Self {
        Self { step: Step::Representation, integer: SmallVec::new(), size: 0, fields: 0 }
    }

    /// Reads the next bytes of the block.
    ///
    /// # Errors
    /// Those of [`Decoder::decode`]; the decoder must not be used afterwards.
    pub(crate) fn feed(&mut self, decoder: &mut Decoder, mut bytes: &[u8]) -> Result<(), DecodeError> {
        while !bytes.is_empty() {
            self.step = match std::mem::replace(&mut self.step, Step::Representation) {
                Step::Representation => self.representation(decoder, &mut bytes)?,
                Step::Length(literal) => self.length(decoder, literal, &mut bytes)?,
                Step::Text { left, mut text, of } => {
                    let (now, later) = bytes.split_at(left.min(bytes.len()));
                    bytes = later;
                    text.push(now)?;
                    match left - now.len() {
                        0 => self.text_read(decoder, text, of)?,
                        left => Step::Text { left, text, of },
                    }
                }
            };
            let limit = decoder.soft_limit.max(MAX_LIST_SIZE);
            if self.size > limit {
                return Err(DecodeError::ListTooLarge { limit });
            }
        }
        Ok(())
    }

    /// The number of fields begun so far.
    pub(crate) fn fields(&self) -> usize {
        self.fields
    }

    /// The bytes held of what was received.
    pub(crate) fn held(&self) -> usize {
        let text = match &self.step {
            Step::Text { text, .. } => text.raw.as_ref().map_or(0, Vec::len),
            Step::Representation | Step::Length(_) => 0,
        };
        self.integer.len() + text
    }

    /// Finishes the block: all that is left of it is its size.
    ///
    /// # Errors
    /// The block ends inside a field.
    pub(crate) fn finish(self, decoder: &Decoder) -> Result<HeaderBlock, DecodeError> {
        if !matches!(self.step, Step::Representation) || !self.integer.is_empty() {
            return Err(DecodeError::Truncated);
        }
        // Bytes that are not a field, such as size updates, do not count in the list; there are still too many of them.
        let size = self.size.max(decoder.soft_limit.saturating_add(1));
        Ok(HeaderBlock::decoded(Vec::new(), size, decoder.soft_limit, None))
    }

    /// Takes bytes of the next integer; `prefix` gives the length of its prefix by the first byte. `None`: more bytes
    /// of it are still to come.
    fn integer(
        &mut self,
        bytes: &mut &[u8],
        prefix: impl Fn(u8) -> u32,
    ) -> Result<Option<(u8, usize)>, DecodeError> {
        while let [byte, rest @ ..] = *bytes {
            *bytes = rest;
            self.integer.push(*byte);
            let first = self.integer[0];
            match integer::decode(first, prefix(first), &mut &self.integer[1..]) {
                Ok(value) => {
                    self.integer.clear();
                    return Ok(Some((first, value)));
                }
                Err(DecodeError::Truncated) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    fn representation(&mut self, decoder: &mut Decoder, bytes: &mut &[u8]) -> Result<Step, DecodeError> {
        let prefix = |first| match first {
            0x80.. => 7,
            0x40..=0x7f => 6,
            0x20..=0x3f => 5,
            0x00..=0x1f => 4,
        };
        let Some((first, index)) = self.integer(bytes, prefix)? else {
            return Ok(Step::Representation);
        };
        if matches!(first, 0x20..=0x3f) {
            if self.fields > 0 {
                return Err(DecodeError::SizeUpdateNotFirst);
            }
            decoder.size_update(index)?;
            return Ok(Step::Representation);
        }
        self.fields += 1;
        if self.fields == 1 && decoder.update_due() {
            return Err(DecodeError::SizeUpdateMissing);
        }
        if first >= 0x80 {
            let (field, _) = decoder.entry(index)?;
            self.size += field.list_size();
            return Ok(Step::Representation);
        }
        let indexed = first >= 0x40;
        let mut literal = Literal { kept: None, indexed, name_read: index > 0, len: 0 };
        if indexed {
            literal.kept = Some(Kept::default());
        }
        if index > 0 {
            let name = &decoder.entry(index)?.0.name;
            literal.len = name.len();
            if let Some(kept) = &mut literal.kept {
                kept.name = name.clone();
            }
        }
        Ok(Step::Length(literal))
    }

    fn length(
        &mut self,
        decoder: &mut Decoder,
        mut literal: Literal,
        bytes: &mut &[u8],
    ) -> Result<Step, DecodeError> {
        let Some((first, left)) = self.integer(bytes, |_| 7)? else {
            return Ok(Step::Length(literal));
        };
        let coded = first & 0x80 != 0;
        // The least length when decoded: no code word is longer than 30 bits.
        let least = if coded { left * 8 / 30 } else { left };
        if literal.len + least + FIELD_OVERHEAD > decoder.table.max_size {
            literal.kept = None;
        }
        let text = Text {
            raw: literal.kept.is_some().then(Vec::new),
            huffman: coded.then(huffman::Counter::default),
            len: 0,
        };
        if left == 0 {
            return self.text_read(decoder, text, literal);
        }
        Ok(Step::Text { left, text, of: literal })
    }

    /// Handles a complete string; the second one completes the field.
    fn text_read(
        &mut self,
        decoder: &mut Decoder,
        text: Text,
        mut literal: Literal,
    ) -> Result<Step, DecodeError> {
        let (len, decoded) = text.finish()?;
        literal.len += len;
        let was_name = !std::mem::replace(&mut literal.name_read, true);
        if let Some(kept) = &mut literal.kept {
            let place = if was_name { &mut kept.name } else { &mut kept.value };
            *place = known::share(&decoded);
        }
        if was_name {
            return Ok(Step::Length(literal));
        }
        self.size += literal.len + FIELD_OVERHEAD;
        match literal.kept {
            Some(Kept { name, value }) => {
                let malformed = malformed_field(&name, &value);
                let field = HeaderField { name, value, sensitive: false };
                decoder.table.insert(Entry { field, malformed });
            }
            None if literal.indexed => decoder.table.empty(),
            None => {}
        }
        Ok(Step::Representation)
    }
}

impl Text {
    fn push(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        self.len += bytes.len();
        if let Some(raw) = &mut self.raw {
            raw.extend_from_slice(bytes);
        }
        if let Some(counter) = &mut self.huffman {
            counter.push(bytes)?;
        }
        Ok(())
    }

    /// Returns the length of the decoded string, and the string itself if it was kept.
    fn finish(self) -> Result<(usize, Vec<u8>), DecodeError> {
        let Some(counter) = self.huffman else {
            return Ok((self.len, self.raw.unwrap_or_default()));
        };
        let len = counter.finish()?;
        let mut decoded = Vec::new();
        if let Some(raw) = self.raw {
            huffman::decode(&raw, &mut decoded)?;
        }
        Ok((len, decoded))
    }
}
