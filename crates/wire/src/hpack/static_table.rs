//! The static table (RFC 7541 appendix A) and the lookup of names in it.

use bytes::Bytes;

use crate::fields::HeaderField;

/// The name and value of each entry; entry 1 of the RFC is at position 0.
pub(super) static ENTRIES: [(&[u8], &[u8]); LEN] = TABLE;

/// The number of entries. Dynamic entries begin at index `LEN + 1`.
pub(super) const LEN: usize = 61;

/// Index of `authorization`.
pub(super) const AUTHORIZATION: usize = 23;
/// Index of `cookie`.
pub(super) const COOKIE: usize = 32;
/// Index of `proxy-authorization`.
pub(super) const PROXY_AUTHORIZATION: usize = 49;
/// Index of `set-cookie`.
pub(super) const SET_COOKIE: usize = 55;

/// Index of `transfer-encoding`, the one name here that HTTP/2 forbids.
pub(super) const TRANSFER_ENCODING: usize = 57;

/// Defines the entries twice: in the form in which they are compared, and in that in which they are handed out.
macro_rules! table {
    ($(($name:literal, $value:literal),)*) => {
        const TABLE: [(&[u8], &[u8]); LEN] = [$(($name, $value)),*];

        /// The same as fields, whose clones need no reference counting.
        pub(super) static FIELDS: [HeaderField; LEN] = [$(HeaderField {
            name: Bytes::from_static($name),
            value: Bytes::from_static($value),
            sensitive: false,
        }),*];
    };
}

table! {
    (b":authority", b""),
    (b":method", b"GET"),
    (b":method", b"POST"),
    (b":path", b"/"),
    (b":path", b"/index.html"),
    (b":scheme", b"http"),
    (b":scheme", b"https"),
    (b":status", b"200"),
    (b":status", b"204"),
    (b":status", b"206"),
    (b":status", b"304"),
    (b":status", b"400"),
    (b":status", b"404"),
    (b":status", b"500"),
    (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"),
    (b"accept-language", b""),
    (b"accept-ranges", b""),
    (b"accept", b""),
    (b"access-control-allow-origin", b""),
    (b"age", b""),
    (b"allow", b""),
    (b"authorization", b""),
    (b"cache-control", b""),
    (b"content-disposition", b""),
    (b"content-encoding", b""),
    (b"content-language", b""),
    (b"content-length", b""),
    (b"content-location", b""),
    (b"content-range", b""),
    (b"content-type", b""),
    (b"cookie", b""),
    (b"date", b""),
    (b"etag", b""),
    (b"expect", b""),
    (b"expires", b""),
    (b"from", b""),
    (b"host", b""),
    (b"if-match", b""),
    (b"if-modified-since", b""),
    (b"if-none-match", b""),
    (b"if-range", b""),
    (b"if-unmodified-since", b""),
    (b"last-modified", b""),
    (b"link", b""),
    (b"location", b""),
    (b"max-forwards", b""),
    (b"proxy-authenticate", b""),
    (b"proxy-authorization", b""),
    (b"range", b""),
    (b"referer", b""),
    (b"refresh", b""),
    (b"retry-after", b""),
    (b"server", b""),
    (b"set-cookie", b""),
    (b"strict-transport-security", b""),
    (b"transfer-encoding", b""),
    (b"user-agent", b""),
    (b"vary", b""),
    (b"via", b""),
    (b"www-authenticate", b""),
}

const SLOTS: usize = 128;

/// Maps the hash of a name to the lowest index with that name; 0 is an empty slot. A name whose slot is taken uses the
/// next free one.
static BY_NAME: [u8; SLOTS] = {
    let mut slots = [0; SLOTS];
    let mut position = 0;
    while position < LEN {
        let name = TABLE[position].0;
        if position == 0 || !same(name, TABLE[position - 1].0) {
            let mut slot = hash(name);
            while slots[slot] != 0 {
                slot = (slot + 1) % SLOTS;
            }
            slots[slot] = position as u8 + 1;
        }
        position += 1;
    }
    slots
};

const fn same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut at = 0;
    while at < left.len() {
        if left[at] != right[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Length, last and middle byte tell nearly all static names apart. `name` is not empty.
const fn hash(name: &[u8]) -> usize {
    let length = name.len();
    (length * 2 + name[length - 1] as usize * 17 + name[length / 2] as usize * 37) % SLOTS
}

/// The lowest index (from 1) of an entry with this name. Entries with the same name are adjacent.
pub(super) fn find_name(name: &[u8]) -> Option<usize> {
    if name.is_empty() {
        return None;
    }
    let mut slot = hash(name);
    loop {
        let index = usize::from(BY_NAME[slot]);
        if index == 0 {
            return None;
        }
        if ENTRIES[index - 1].0 == name {
            return Some(index);
        }
        slot = (slot + 1) % SLOTS;
    }
}

/// The index of the entry with this name and value, where `first` is what [`find_name`] found for the name.
pub(super) fn find_value(first: usize, name: &[u8], value: &[u8]) -> Option<usize> {
    // Most entries have no value, and an empty value is rare: the common miss costs one comparison.
    let mut index = first;
    while index <= LEN && ENTRIES[index - 1].0 == name {
        if ENTRIES[index - 1].1 == value {
            return Some(index);
        }
        index += 1;
    }
    None
}
