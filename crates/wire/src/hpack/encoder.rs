use std::collections::VecDeque;
use std::fmt;

use bytes::BytesMut;

use super::DEFAULT_TABLE_SIZE;
use super::huffman;
use super::integer;
use super::static_table;
use crate::fields::{FIELD_OVERHEAD, FieldWriter, Fields, Group, Indexing};

/// The encoder of the header blocks of one direction of a connection.
///
/// All blocks must reach the peer, in the order in which they were begun.
pub struct Encoder {
    table: DynamicTable,
    /// The table sizes that the peer allowed since the last block: the lowest, which it must see, and the last.
    update: Option<SizeUpdate>,
    memo: Memo,
}

#[derive(Clone, Copy)]
struct SizeUpdate {
    lowest: usize,
    last: usize,
}

impl Encoder {
    /// Creates an encoder with the initial table of 4096 bytes.
    pub fn new() -> Self {
        Self { table: DynamicTable::new(), update: None, memo: Memo::default() }
    }

    /// Applies the peer's SETTINGS_HEADER_TABLE_SIZE, of which at most 4096 bytes are used. The next block begins with
    /// the dynamic table size update that is then due (RFC 7541 section 4.2).
    pub fn set_max_table_size(&mut self, peer_setting: u32) {
        let size = DEFAULT_TABLE_SIZE.min(peer_setting as usize);
        match &mut self.update {
            Some(update) => {
                update.lowest = update.lowest.min(size);
                update.last = size;
            }
            None if size != self.table.max_size => {
                let update = SizeUpdate { lowest: size, last: size };
                self.update = Some(update);
            }
            None => {}
        }
    }

    /// Begins a block, which is appended to `out`.
    pub fn begin<'a>(&'a mut self, out: &'a mut BytesMut) -> BlockWriter<'a> {
        if let Some(SizeUpdate { lowest, last }) = self.update.take() {
            let before = self.table.max_size;
            if lowest < before || last != before {
                if lowest < last {
                    integer::encode(out, 0x20, 5, lowest);
                    self.table.resize(lowest);
                }
                integer::encode(out, 0x20, 5, last);
                self.table.resize(last);
            }
        }
        BlockWriter { table: &mut self.table, memo: &mut self.memo, out }
    }

    /// Incremented with every change of the dynamic table.
    #[cfg(test)]
    fn generation(&self) -> u64 {
        self.table.generation
    }

    /// Whether the next block begins with a dynamic table size update.
    #[cfg(test)]
    fn update_due(&self) -> bool {
        self.update.is_some()
    }

    /// Frees the memory of caches.
    pub(crate) fn forget_groups(&mut self) {
        self.memo = Memo::default();
    }
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder")
            .field("entries", &self.table.entries.len())
            .field("table_size", &self.table.size)
            .field("max_table_size", &self.table.max_size)
            .finish_non_exhaustive()
    }
}

/// The writer of the fields of one block.
pub struct BlockWriter<'a> {
    table: &'a mut DynamicTable,
    memo: &'a mut Memo,
    out: &'a mut BytesMut,
}

impl FieldWriter for BlockWriter<'_> {
    /// The bytes of the last few groups are kept for as long as the dynamic table does not change.
    fn group(&mut self, group: Group, values: &[&[u8]], write: &dyn Fields) {
        if let Some(bytes) = self.memo.find(self.table.generation, group, values) {
            return self.out.extend_from_slice(bytes);
        }
        let (before, start) = (self.table.generation, self.out.len());
        write.encode(self);
        // A block that put something into the table is shorter the next time.
        if self.table.generation == before {
            self.memo.keep(before, group, values, &self.out[start..]);
        }
    }

    /// Appends a field in its shortest form: from the static table, from the dynamic one, or as a literal.
    ///
    /// `authorization`, `proxy-authorization`, `cookie` and `set-cookie` are never indexed, whatever `indexing`
    /// says: the length of the block would reveal whether a guess at a secret hits the table (RFC 7541
    /// section 7.1).
    fn field(&mut self, name: &[u8], value: &[u8], indexing: Indexing) {
        let in_static = static_table::find_name(name);
        if let Some(first) = in_static {
            if is_secret(first) {
                return self.literal(0x10, 4, first, name, value);
            }
            if let Some(index) = static_table::find_value(first, name, value) {
                return integer::encode(self.out, 0x80, 7, index);
            }
        }
        if matches!(indexing, Indexing::Never) {
            return self.literal(0x10, 4, in_static.unwrap_or(0), name, value);
        }
        let key = Key::new(name, value);
        if let Some(index) = self.table.find_pair(&key) {
            return integer::encode(self.out, 0x80, 7, index);
        }
        let name_index = in_static.or_else(|| self.table.find_name(&key)).unwrap_or(0);
        if matches!(indexing, Indexing::Incremental) && self.table.is_worth(key.size()) {
            self.literal(0x40, 6, name_index, name, value);
            self.table.insert(&key);
        } else {
            self.literal(0x00, 4, name_index, name, value);
        }
    }
}

impl BlockWriter<'_> {
    fn literal(&mut self, flags: u8, prefix: u32, name_index: usize, name: &[u8], value: &[u8]) {
        self.out.reserve(name.len() + value.len() + 16);
        integer::encode(self.out, flags, prefix, name_index);
        if name_index == 0 {
            string(self.out, name);
        }
        string(self.out, value);
    }
}

impl fmt::Debug for BlockWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockWriter").field("written", &self.out.len()).finish_non_exhaustive()
    }
}

/// The groups of fields last written, in encoded form.
#[derive(Default)]
struct Memo {
    groups: Vec<Remembered>,
    /// The slot used next.
    next: usize,
}

#[derive(Default)]
struct Remembered {
    generation: u64,
    group: Option<Group>,
    /// The concatenated values, and where each ends.
    values: Vec<u8>,
    ends: Vec<usize>,
    bytes: Vec<u8>,
}

impl Memo {
    /// Enough for the methods that a client calls in turn, and for the two groups of a server.
    const PLACES: usize = 4;

    fn find(&self, generation: u64, group: Group, values: &[&[u8]]) -> Option<&[u8]> {
        let is_same = |known: &&Remembered| {
            known.generation == generation && known.group == Some(group) && known.has(values)
        };
        self.groups.iter().find(is_same).map(|known| &known.bytes[..])
    }

    fn keep(&mut self, generation: u64, group: Group, values: &[&[u8]], bytes: &[u8]) {
        // An entry for an older table is of no use any more, but its memory is.
        let stale = self.groups.iter().position(|known| known.generation != generation);
        let place = stale.unwrap_or_else(|| {
            if self.groups.len() < Self::PLACES {
                if self.groups.is_empty() {
                    // A server has the two groups of its answers.
                    self.groups.reserve_exact(2);
                }
                self.groups.push(Remembered::default());
                return self.groups.len() - 1;
            }
            self.next = (self.next + 1) % Self::PLACES;
            self.next
        });
        let known = &mut self.groups[place];
        (known.generation, known.group) = (generation, Some(group));
        known.values.clear();
        known.ends.clear();
        for value in values {
            known.values.extend_from_slice(value);
            known.ends.push(known.values.len());
        }
        known.bytes.clear();
        known.bytes.extend_from_slice(bytes);
    }
}

impl Remembered {
    fn has(&self, values: &[&[u8]]) -> bool {
        let mut start = 0;
        self.ends.len() == values.len()
            && values.iter().zip(&self.ends).all(|(value, &end)| {
                let known = &self.values[start..end];
                start = end;
                known == *value
            })
    }
}

fn is_secret(static_index: usize) -> bool {
    use static_table::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE};
    matches!(static_index, AUTHORIZATION | COOKIE | PROXY_AUTHORIZATION | SET_COOKIE)
}

fn string(out: &mut BytesMut, text: &[u8]) {
    let coded = huffman::encoded_len(text);
    if coded < text.len() {
        integer::encode(out, 0x80, 7, coded);
        huffman::encode(text, out);
    } else {
        integer::encode(out, 0x00, 7, text.len());
        out.extend_from_slice(text);
    }
}

/// A field to look up, with its hashes.
struct Key<'a> {
    name: &'a [u8],
    value: &'a [u8],
    name_hash: u64,
    pair_hash: u64,
}

impl<'a> Key<'a> {
    fn new(name: &'a [u8], value: &'a [u8]) -> Self {
        let name_hash = hash(0, name);
        Self { name, value, name_hash, pair_hash: hash(name_hash, value) }
    }

    fn size(&self) -> usize {
        self.name.len() + self.value.len() + FIELD_OVERHEAD
    }
}

/// A hash for a table of at most 127 entries: quick, and harmless if someone makes all of them collide.
fn hash(seed: u64, bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |state: u64, word: u64| {
        let product = (state ^ word).wrapping_mul(FACTOR);
        product ^ (product >> 29)
    };
    let mut state = mix(seed, bytes.len() as u64);
    let (words, tail) = bytes.as_chunks::<8>();
    for word in words {
        state = mix(state, u64::from_le_bytes(*word));
    }
    if let Some(last) = bytes.last_chunk::<8>() {
        // Overlaps the previous word: cheaper than a loop over the remaining bytes.
        state = mix(state, u64::from_le_bytes(*last));
    } else if let (Some(head), Some(end)) = (tail.first_chunk::<4>(), tail.last_chunk::<4>()) {
        let word = u64::from(u32::from_le_bytes(*head)) << 32 | u64::from(u32::from_le_bytes(*end));
        state = mix(state, word);
    } else {
        state = mix(state, tail.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)));
    }
    state ^ (state >> 32)
}

const BUCKETS: usize = 16;

/// The dynamic table, as the peer's decoder has it.
///
/// Entries are numbered from 1 in the order of insertion. Two small hash tables lead from a pair, and from a
/// name, to the newest entry of a bucket; entries of a bucket are chained from newer to older. As the oldest
/// entries go first, eviction needs no repair of the chains: a link below the oldest number is an end.
struct DynamicTable {
    /// Oldest in front.
    entries: VecDeque<Entry>,
    inserted: u64,
    size: usize,
    max_size: usize,
    generation: u64,
    pair_heads: [u64; BUCKETS],
    name_heads: [u64; BUCKETS],
}

struct Entry {
    pair_hash: u64,
    older_pair: u64,
    name_hash: u64,
    older_name: u64,
    name_len: usize,
    text: Box<[u8]>,
}

impl Entry {
    fn name(&self) -> &[u8] {
        &self.text[..self.name_len]
    }

    fn value(&self) -> &[u8] {
        &self.text[self.name_len..]
    }
}

fn bucket(hash: u64) -> usize {
    hash as usize % BUCKETS
}

impl DynamicTable {
    fn new() -> Self {
        Self {
            entries: VecDeque::new(),
            inserted: 0,
            size: 0,
            max_size: DEFAULT_TABLE_SIZE,
            generation: 0,
            pair_heads: [0; BUCKETS],
            name_heads: [0; BUCKETS],
        }
    }

    /// Returns the entry with this number, if it is still in the table.
    fn entry(&self, number: u64) -> Option<&Entry> {
        let oldest = self.inserted + 1 - self.entries.len() as u64;
        let position = number.checked_sub(oldest)?;
        self.entries.get(position as usize)
    }

    fn index(&self, number: u64) -> usize {
        static_table::LEN + 1 + (self.inserted - number) as usize
    }

    fn find_pair(&self, key: &Key<'_>) -> Option<usize> {
        let mut number = self.pair_heads[bucket(key.pair_hash)];
        while let Some(entry) = self.entry(number) {
            if entry.pair_hash == key.pair_hash && entry.value() == key.value && entry.name() == key.name {
                return Some(self.index(number));
            }
            number = entry.older_pair;
        }
        None
    }

    fn find_name(&self, key: &Key<'_>) -> Option<usize> {
        let mut number = self.name_heads[bucket(key.name_hash)];
        while let Some(entry) = self.entry(number) {
            if entry.name_hash == key.name_hash && entry.name() == key.name {
                return Some(self.index(number));
            }
            number = entry.older_name;
        }
        None
    }

    /// Whether an entry of this size is worth inserting: one that takes most of the table evicts everything that is
    /// used more often.
    fn is_worth(&self, size: usize) -> bool {
        size <= self.max_size / 4 * 3
    }

    /// Inserts an entry, which must fit: see [`is_worth`](Self::is_worth).
    fn insert(&mut self, key: &Key<'_>) {
        self.evict(key.size());
        self.generation += 1;
        self.inserted += 1;
        self.size += key.size();
        let pair_head = &mut self.pair_heads[bucket(key.pair_hash)];
        let name_head = &mut self.name_heads[bucket(key.name_hash)];
        self.entries.push_back(Entry {
            pair_hash: key.pair_hash,
            older_pair: std::mem::replace(pair_head, self.inserted),
            name_hash: key.name_hash,
            older_name: std::mem::replace(name_head, self.inserted),
            name_len: key.name.len(),
            text: [key.name, key.value].concat().into_boxed_slice(),
        });
    }

    fn resize(&mut self, max_size: usize) {
        self.max_size = max_size;
        self.generation += 1;
        self.evict(0);
    }

    fn evict(&mut self, incoming: usize) {
        while self.size + incoming > self.max_size {
            let Some(oldest) = self.entries.pop_front() else {
                break;
            };
            self.size -= oldest.text.len() + FIELD_OVERHEAD;
        }
    }
}

#[cfg(test)]
mod tests;
