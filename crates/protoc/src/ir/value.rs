//! Interpreted options: a message value without a Rust type of its own, and its encoding.

use litemap::LiteMap;
use smallvec::{SmallVec, smallvec};

use crate::wire::Writer;

/// The fields of an options message that are set, by number.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct OptionMessage {
    pub(crate) fields: LiteMap<u32, OptionField>,
}

/// The values of one field; more than one only where it is repeated.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct OptionField {
    pub(crate) values: SmallVec<[OptionScalar; 1]>,
    /// Written as one length-delimited run.
    pub(crate) packed: bool,
    /// Retained in the source only: not written into descriptors.
    pub(crate) source_only: bool,
    /// Written as an item of a message set.
    pub(crate) message_set: bool,
}

/// A value in the form in which it goes on the wire.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum OptionScalar {
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
    Bytes(Vec<u8>),
    Message(OptionMessage),
    Group(OptionMessage),
}

impl OptionMessage {
    /// An option message with one varint field.
    pub(crate) fn with_varint(number: u32, value: u64) -> Self {
        let mut message = Self::default();
        message.set(number, OptionScalar::Varint(value));
        message
    }

    pub(crate) fn set(&mut self, number: u32, value: OptionScalar) {
        self.fields.insert(number, OptionField { values: smallvec![value], ..OptionField::default() });
    }

    /// Adds a value to a field.
    pub(crate) fn push(&mut self, number: u32, value: OptionScalar) {
        self.fields.entry(number).or_default().values.push(value);
    }

    /// The message in a field, made where it is not there yet.
    pub(crate) fn enter(&mut self, number: u32, group: bool) -> &mut Self {
        let field = self.fields.entry(number).or_default();
        let is_message =
            |value: &OptionScalar| matches!(value, OptionScalar::Message(_) | OptionScalar::Group(_));
        if !field.values.last().is_some_and(is_message) {
            let empty = Self::default();
            field.values.push(if group { OptionScalar::Group(empty) } else { OptionScalar::Message(empty) });
        }
        match field.values.last_mut() {
            Some(OptionScalar::Message(inner) | OptionScalar::Group(inner)) => inner,
            _ => unreachable!("the last value was just seen or made to be a message"),
        }
    }

    /// This value with nothing in it but the last value at a path.
    pub(crate) fn only(&self, path: &[u32]) -> Self {
        let mut alone = Self::default();
        if let Some((number, rest)) = path.split_first()
            && let Some(field) = self.fields.get(number)
            && let Some(value) = field.values.last()
        {
            let value = match value {
                OptionScalar::Message(inner) if !rest.is_empty() => OptionScalar::Message(inner.only(rest)),
                OptionScalar::Group(inner) if !rest.is_empty() => OptionScalar::Group(inner.only(rest)),
                value => value.clone(),
            };
            alone.fields.insert(*number, OptionField { values: smallvec![value], ..OptionField::default() });
        }
        alone
    }

    /// Gives back the memory that was reserved for more fields.
    pub(crate) fn shrink_to_fit(&mut self) {
        let mut fields = std::mem::take(&mut self.fields).into_tuple_vec();
        fields.shrink_to_fit();
        for value in fields.iter_mut().flat_map(|(_, field)| &mut field.values) {
            if let OptionScalar::Message(inner) | OptionScalar::Group(inner) = value {
                inner.shrink_to_fit();
            }
        }
        self.fields = LiteMap::from_sorted_store_unchecked(fields);
    }

    /// Lets the values outside messages stand one by one.
    pub(crate) fn unpack_top(&mut self) {
        self.fields.iter_mut().for_each(|(_, field)| field.packed = false);
    }

    /// Whether there is nothing to write, with what is for the source only or without.
    pub(crate) fn is_empty(&self, retain: bool) -> bool {
        self.fields.values().all(|field| field.source_only && !retain)
    }

    /// Whether anything in it is for the source only.
    pub(crate) fn has_source_only(&self) -> bool {
        let inside = |value: &OptionScalar| match value {
            OptionScalar::Message(inner) | OptionScalar::Group(inner) => inner.has_source_only(),
            _ => false,
        };
        self.fields.values().any(|field| field.source_only || field.values.iter().any(inside))
    }

    pub(crate) fn varint(&self, number: u32) -> Option<u64> {
        match self.fields.get(&number)?.values.last()? {
            OptionScalar::Varint(value) => Some(*value),
            _ => None,
        }
    }

    /// A string or byte field.
    pub(crate) fn bytes(&self, number: u32) -> Option<&[u8]> {
        match self.fields.get(&number)?.values.last()? {
            OptionScalar::Bytes(value) => Some(value),
            _ => None,
        }
    }

    /// The value of a field with a message.
    pub(crate) fn message(&self, number: u32) -> Option<&OptionMessage> {
        match self.fields.get(&number)?.values.last()? {
            OptionScalar::Message(inner) => Some(inner),
            _ => None,
        }
    }

    /// Whether a boolean field is set to true.
    pub(crate) fn is_true(&self, number: u32) -> bool {
        self.varint(number) == Some(1)
    }

    /// The encoding, fields in the order of their numbers, with what is for the source only where `retain` is set.
    pub(crate) fn encode(&self, retain: bool, out: &mut Writer) {
        self.encode_fields(retain, |_| true, out);
    }

    /// The encoding of some of the fields.
    pub(crate) fn encode_fields(&self, retain: bool, wanted: impl Fn(u32) -> bool, out: &mut Writer) {
        let kept = |field: &OptionField| retain || !field.source_only;
        for (&number, field) in self.fields.iter().filter(|(number, field)| wanted(**number) && kept(field)) {
            if field.message_set {
                for value in &field.values {
                    out.group(1, |out| {
                        out.varint_field(2, u64::from(number));
                        value.encode(3, retain, out);
                    });
                }
            } else if field.packed && field.values.iter().all(OptionScalar::is_number) {
                out.message(number, |out| field.values.iter().for_each(|value| value.encode_bare(out)));
            } else {
                field.values.iter().for_each(|value| value.encode(number, retain, out));
            }
        }
    }
}

impl OptionScalar {
    fn is_number(&self) -> bool {
        matches!(self, Self::Varint(_) | Self::Fixed32(_) | Self::Fixed64(_))
    }

    fn encode(&self, number: u32, retain: bool, out: &mut Writer) {
        match self {
            Self::Varint(value) => out.varint_field(number, *value),
            Self::Fixed32(value) => out.fixed32_field(number, *value),
            Self::Fixed64(value) => out.fixed64_field(number, *value),
            Self::Bytes(value) => out.bytes(number, value),
            Self::Message(value) => out.message(number, |out| value.encode(retain, out)),
            Self::Group(value) => out.group(number, |out| value.encode(retain, out)),
        }
    }

    fn encode_bare(&self, out: &mut Writer) {
        match self {
            Self::Varint(value) => out.varint(*value),
            Self::Fixed32(value) => out.raw(&value.to_le_bytes()),
            Self::Fixed64(value) => out.raw(&value.to_le_bytes()),
            Self::Bytes(_) | Self::Message(_) | Self::Group(_) => {}
        }
    }
}
