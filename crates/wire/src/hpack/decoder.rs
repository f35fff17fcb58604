use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use smallvec::SmallVec;

use super::DEFAULT_TABLE_SIZE;
use super::huffman;
use super::integer;
use super::static_table;
use crate::fields::{FIELD_OVERHEAD, HeaderBlock, HeaderField, Judge, Malformed, malformed_field};

mod discard;
mod known;
mod memo;

pub(crate) use discard::Discard;
use memo::Memo;

/// The size of a header list at which the connection is abandoned. References to table entries cost next to nothing to
/// send or to read, so this is far more than any message needs, yet costs little time or memory.
const MAX_LIST_SIZE: usize = 16 * 1024 * 1024;

/// The reason why a header block could not be decoded. The dynamic table is out of sync afterwards, so each ends the
/// connection with COMPRESSION_ERROR (RFC 9113 section 4.3), except where [`is_excessive`](Self::is_excessive) says
/// ENHANCE_YOUR_CALM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The block ends inside a field.
    Truncated,
    /// An integer is larger than any that can be valid (RFC 7541 section 5.1).
    IntegerTooLong,
    /// An index that is 0 or past the end of the dynamic table (RFC 7541 section 6.1).
    InvalidIndex(usize),
    /// A Huffman-coded string that holds the end-of-string symbol (RFC 7541 section 5.2).
    HuffmanEndOfString,
    /// A Huffman-coded string with padding that is too long or not all ones (RFC 7541 section 5.2).
    HuffmanPadding,
    /// A dynamic table size update after the first field of a block (RFC 7541 section 4.2).
    SizeUpdateNotFirst,
    /// A dynamic table size update past the size that the settings allow (RFC 7541 section 6.3).
    SizeUpdateTooLarge {
        /// The requested size.
        size: usize,
        /// The most that is allowed.
        max: usize,
    },
    /// The settings lowered the table size and the first block after that does not begin with an update
    /// (RFC 7541 section 4.2).
    SizeUpdateMissing,
    /// The header list is too large to be worth decoding.
    ListTooLarge {
        /// The hard limit, in bytes as RFC 9113 section 6.5.2 counts them.
        limit: usize,
    },
}

impl DecodeError {
    /// Whether the block is too large rather than malformed: the connection error is then ENHANCE_YOUR_CALM.
    pub fn is_excessive(&self) -> bool {
        matches!(self, Self::ListTooLarge { .. })
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the header block ends inside a field"),
            Self::IntegerTooLong => {
                f.write_str("the header block contains an integer that is too long (RFC 7541 section 5.1)")
            }
            Self::InvalidIndex(index) => {
                write!(f, "the header block refers to entry {index}, which does not exist (RFC 7541 section 6.1)")
            }
            Self::HuffmanEndOfString => f.write_str(
                "a Huffman-coded string in the header block contains the end-of-string symbol (RFC 7541 section 5.2)",
            ),
            Self::HuffmanPadding => f.write_str(
                "a Huffman-coded string in the header block has wrong padding (RFC 7541 section 5.2)",
            ),
            Self::SizeUpdateNotFirst => f.write_str(
                "a dynamic table size update follows a field of the header block (RFC 7541 section 4.2)",
            ),
            Self::SizeUpdateTooLarge { size, max } => write!(
                f,
                "the header block sets the dynamic table to {size} bytes, above the {max} that \
                 SETTINGS_HEADER_TABLE_SIZE allows (RFC 7541 section 6.3)"
            ),
            Self::SizeUpdateMissing => f.write_str(
                "the header block does not begin with the dynamic table size update that a lower \
                 SETTINGS_HEADER_TABLE_SIZE asks for (RFC 7541 section 4.2)",
            ),
            Self::ListTooLarge { limit } => {
                write!(f, "the header list is larger than {limit} bytes, far beyond any legitimate size")
            }
        }
    }
}

impl std::error::Error for DecodeError {}

impl From<huffman::Invalid> for DecodeError {
    fn from(invalid: huffman::Invalid) -> Self {
        match invalid {
            huffman::Invalid::EndOfString => Self::HuffmanEndOfString,
            huffman::Invalid::Padding => Self::HuffmanPadding,
        }
    }
}

/// The decoder of the header blocks of one direction of a connection.
pub struct Decoder {
    table: DynamicTable,
    /// Our SETTINGS_HEADER_TABLE_SIZE.
    setting: usize,
    acknowledged: bool,
    soft_limit: usize,
    memo: Memo,
}

impl Decoder {
    /// Creates a decoder. `max_table_size` is our SETTINGS_HEADER_TABLE_SIZE (default 4096), `max_list_size` the soft
    /// limit of a header list in bytes (default 16 KiB): past it, fields are dropped and the block says so; past 16
    /// MiB, or the limit if that is more, decoding fails.
    pub fn new(max_table_size: usize, max_list_size: usize) -> Self {
        Self {
            table: DynamicTable::new(DEFAULT_TABLE_SIZE),
            setting: max_table_size,
            acknowledged: false,
            soft_limit: max_list_size,
            memo: Memo::default(),
        }
    }

    /// Takes note that the peer acknowledged our SETTINGS. Until then it may use the initial 4096 bytes of table even
    /// if the setting is lower (RFC 9113 section 6.5.3).
    pub fn settings_acknowledged(&mut self) {
        self.acknowledged = true;
    }

    /// Decodes a complete block: the payloads of HEADERS and its CONTINUATIONs joined, without padding and priority.
    ///
    /// # Errors
    ///
    /// Every error is a connection error; the decoder must not be used afterwards.
    pub fn decode(&mut self, block: &[u8]) -> Result<HeaderBlock, DecodeError> {
        let generation = self.table.generation;
        if !self.update_due()
            && let Some(known) = self.memo.find(block, generation)
        {
            return Ok(known.clone());
        }
        let mut rest = block;
        self.size_updates(&mut rest)?;
        let mut list = List::new(self.soft_limit);
        while let [first, after @ ..] = rest {
            rest = after;
            self.field(*first, &mut rest, &mut list)?;
        }
        let decoded = list.finish();
        if self.table.generation == generation {
            self.memo.remember(block, generation, &decoded);
        }
        Ok(decoded)
    }

    fn max_table_size(&self) -> usize {
        if self.acknowledged { self.setting } else { self.setting.max(DEFAULT_TABLE_SIZE) }
    }

    /// Frees the memory of caches.
    pub(crate) fn forget_blocks(&mut self) {
        self.memo = Memo::default();
    }

    fn update_due(&self) -> bool {
        self.table.max_size > self.max_table_size()
    }

    fn size_updates(&mut self, rest: &mut &[u8]) -> Result<(), DecodeError> {
        while let [first @ 0x20..=0x3f, after @ ..] = *rest {
            *rest = after;
            let size = integer::decode(*first, 5, rest)?;
            self.size_update(size)?;
        }
        if self.update_due() { Err(DecodeError::SizeUpdateMissing) } else { Ok(()) }
    }

    fn size_update(&mut self, size: usize) -> Result<(), DecodeError> {
        let max = self.max_table_size();
        if size > max {
            return Err(DecodeError::SizeUpdateTooLarge { size, max });
        }
        self.table.resize(size);
        Ok(())
    }

    fn field(&mut self, first: u8, rest: &mut &[u8], list: &mut List) -> Result<(), DecodeError> {
        match first {
            0x80.. => {
                let index = integer::decode(first, 7, rest)?;
                let (field, malformed) = self.entry(index)?;
                list.push(field, malformed)
            }
            0x40..=0x7f => {
                let index = integer::decode(first, 6, rest)?;
                let field = self.indexed_literal(index, rest)?;
                let malformed = malformed_field(&field.name, &field.value);
                list.push(&field, malformed)?;
                self.table.insert(Entry { field, malformed });
                Ok(())
            }
            0x20..=0x3f => Err(DecodeError::SizeUpdateNotFirst),
            0x00..=0x1f => {
                let index = integer::decode(first, 4, rest)?;
                let name = if index == 0 {
                    Name::Literal(list.literal(rest)?)
                } else {
                    Name::Known(self.entry(index)?.0.name.clone())
                };
                let value = list.literal(rest)?;
                list.push_literal(name, value, first & 0x10 != 0)
            }
        }
    }

    /// Reads a literal field that goes into the table. It gets an allocation of its own, so that the table never keeps
    /// a whole block alive.
    fn indexed_literal(&self, index: usize, rest: &mut &[u8]) -> Result<HeaderField, DecodeError> {
        let mut text = Vec::new();
        let name = if index == 0 {
            string(rest, &mut text)?;
            known::share(&text)
        } else {
            self.entry(index)?.0.name.clone()
        };
        text.clear();
        string(rest, &mut text)?;
        Ok(HeaderField { name, value: known::share(&text), sensitive: false })
    }

    fn entry(&self, index: usize) -> Result<(&HeaderField, Option<Malformed>), DecodeError> {
        let position = index.checked_sub(1).ok_or(DecodeError::InvalidIndex(index))?;
        if let Some(field) = static_table::FIELDS.get(position) {
            let forbidden = index == static_table::TRANSFER_ENCODING;
            return Ok((field, forbidden.then_some(Malformed::ConnectionSpecific)));
        }
        let entry = self.table.entries.get(position - static_table::LEN);
        let entry = entry.ok_or(DecodeError::InvalidIndex(index))?;
        Ok((&entry.field, entry.malformed))
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("entries", &self.table.entries.len())
            .field("table_size", &self.table.size)
            .field("max_table_size", &self.max_table_size())
            .finish_non_exhaustive()
    }
}

/// Reads a string literal (RFC 7541 section 5.2) and appends it to `out`.
fn string(rest: &mut &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let [first, after @ ..] = *rest else {
        return Err(DecodeError::Truncated);
    };
    *rest = after;
    let length = integer::decode(*first, 7, rest)?;
    let (text, after) = rest.split_at_checked(length).ok_or(DecodeError::Truncated)?;
    *rest = after;
    if first & 0x80 == 0 {
        out.extend_from_slice(text);
    } else {
        huffman::decode(text, out)?;
    }
    Ok(())
}

enum Name {
    Known(Bytes),
    Literal(Range<usize>),
}

/// The list being decoded. Literals that stay out of the table share one allocation, which becomes `Bytes` when the
/// block is complete; until then their fields are placeholders.
struct List {
    fields: Vec<HeaderField>,
    text: Vec<u8>,
    literals: SmallVec<[Literal; 8]>,
    size: usize,
    soft_limit: usize,
    judge: Judge,
}

struct Literal {
    field: usize,
    name: Option<Range<usize>>,
    value: Range<usize>,
}

impl List {
    fn new(soft_limit: usize) -> Self {
        Self {
            fields: Vec::with_capacity(8),
            text: Vec::new(),
            literals: SmallVec::new(),
            size: 0,
            soft_limit,
            judge: Judge::default(),
        }
    }

    fn literal(&mut self, rest: &mut &[u8]) -> Result<Range<usize>, DecodeError> {
        let start = self.text.len();
        string(rest, &mut self.text)?;
        Ok(start..self.text.len())
    }

    fn push(&mut self, field: &HeaderField, malformed: Option<Malformed>) -> Result<(), DecodeError> {
        if self.account(field.name.len() + field.value.len())? {
            self.judge.add(&field.name, malformed);
            self.fields.push(field.clone());
        }
        Ok(())
    }

    fn push_literal(&mut self, name: Name, value: Range<usize>, sensitive: bool) -> Result<(), DecodeError> {
        let (known, literal) = match name {
            Name::Known(name) => (name, None),
            Name::Literal(range) => (Bytes::new(), Some(range)),
        };
        let name_len = literal.as_ref().map_or(known.len(), Range::len);
        if self.account(name_len + value.len())? {
            let name = literal.clone().map_or(&known[..], |range| &self.text[range]);
            self.judge.add(name, malformed_field(name, &self.text[value.clone()]));
            self.literals.push(Literal { field: self.fields.len(), name: literal, value });
            self.fields.push(HeaderField { name: known, value: Bytes::new(), sensitive });
        } else {
            self.text.truncate(literal.map_or(value.start, |name| name.start));
        }
        Ok(())
    }

    /// Counts a field; returns whether it is within the soft limit.
    fn account(&mut self, text: usize) -> Result<bool, DecodeError> {
        self.size += text + FIELD_OVERHEAD;
        let limit = self.soft_limit.max(MAX_LIST_SIZE);
        if self.size > limit {
            return Err(DecodeError::ListTooLarge { limit });
        }
        Ok(self.size <= self.soft_limit)
    }

    fn finish(mut self) -> HeaderBlock {
        if !self.literals.is_empty() {
            let text = Bytes::from(self.text);
            for Literal { field, name, value } in self.literals {
                let field = &mut self.fields[field];
                if let Some(name) = name {
                    field.name = text.slice(name);
                }
                field.value = text.slice(value);
            }
        }
        HeaderBlock::decoded(self.fields, self.size, self.soft_limit, self.judge.verdict())
    }
}

/// The dynamic table (RFC 7541 section 2.3.2): newest entry in front.
struct DynamicTable {
    entries: VecDeque<Entry>,
    size: usize,
    max_size: usize,
    /// Incremented with every change of the entries.
    generation: u64,
}

struct Entry {
    field: HeaderField,
    /// Checked once, when the entry is created.
    malformed: Option<Malformed>,
}

impl DynamicTable {
    fn new(max_size: usize) -> Self {
        Self { entries: VecDeque::new(), size: 0, max_size, generation: 0 }
    }

    fn resize(&mut self, max_size: usize) {
        self.max_size = max_size;
        self.generation += 1;
        self.evict(0);
    }

    /// Inserts an entry. One that does not fit empties the table, which is not an error (RFC 7541 section 4.4).
    fn insert(&mut self, entry: Entry) {
        self.generation += 1;
        let size = entry.field.list_size();
        self.evict(size);
        if size <= self.max_size {
            self.size += size;
            self.entries.push_front(entry);
        }
    }

    fn empty(&mut self) {
        self.generation += 1;
        self.size = 0;
        self.entries.clear();
    }

    fn evict(&mut self, incoming: usize) {
        while self.size + incoming > self.max_size {
            let Some(oldest) = self.entries.pop_back() else {
                break;
            };
            self.size -= oldest.field.list_size();
        }
    }
}

#[cfg(test)]
mod tests;
