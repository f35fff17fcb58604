use super::HeaderField;

/// The way in which a field may be indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indexing {
    /// Worth an entry in the dynamic table: the same pair is likely to recur on this connection.
    Incremental,
    /// Sent in full unless a table already has it.
    Without,
    /// A secret: sent in full, and never indexed by any hop on the way (RFC 7541 section 7.1.3).
    Never,
}

/// The name of a group of fields that appear together in block after block, chosen by whoever writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Group(pub u8);

/// A sink for the fields of one header block, in order.
pub trait FieldWriter {
    /// Appends a field. The name is in lower case, as HTTP/2 and HTTP/3 require.
    fn field(&mut self, name: &[u8], value: &[u8], indexing: Indexing);

    /// Appends the fields that `write` writes, which must depend on `group` and `values` alone: a writer may keep their
    /// encoded form and append it again for the same group and values without calling `write`.
    fn group(&mut self, group: Group, values: &[&[u8]], write: &dyn Fields);
}

/// Header fields that can write themselves, in order. Closures that take a [`FieldWriter`] implement it.
///
/// They are written once, at the moment when their block goes into the connection's output.
pub trait Fields {
    /// Writes every field.
    fn encode(&self, w: &mut dyn FieldWriter);
}

impl<F: Fn(&mut dyn FieldWriter)> Fields for F {
    fn encode(&self, w: &mut dyn FieldWriter) {
        self(w);
    }
}

/// Collects the fields as they are, for a transport without compression and for tests.
impl FieldWriter for Vec<HeaderField> {
    fn field(&mut self, name: &[u8], value: &[u8], indexing: Indexing) {
        self.push(HeaderField {
            name: name.to_vec().into(),
            value: value.to_vec().into(),
            sensitive: indexing == Indexing::Never,
        });
    }

    fn group(&mut self, _group: Group, _values: &[&[u8]], write: &dyn Fields) {
        write.encode(self);
    }
}
