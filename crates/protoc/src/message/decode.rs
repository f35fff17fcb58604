//! The wire format, read by a message's type or without one.

use super::{DecodeError, Dynamic, MAX_DEPTH, Unknown, Value};
use crate::{
    ast::Scalar,
    ir::{Field, MessageId, Pool, Type},
};

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const DELIMITED: u32 = 2;
const START_GROUP: u32 = 3;
const END_GROUP: u32 = 4;
const FIXED32: u32 = 5;

/// The fields of an item of a message set.
const ITEM: u32 = 1;
const ITEM_TYPE: u32 = 2;
const ITEM_MESSAGE: u32 = 3;

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let (&byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            if shift < 64 {
                value |= u64::from(byte & 0x7f) << shift;
            }
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn tag(&mut self) -> Option<(u32, u32)> {
        let tag = u32::try_from(self.varint()?).ok()?;
        (tag >> 3 != 0).then_some((tag >> 3, tag & 7))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (value, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(value)
    }

    fn delimited(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        self.take(length)
    }

    fn fixed32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn fixed64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    /// A field of no type, whose tag has been read.
    fn unknown(&mut self, number: u32, wire_type: u32, depth: usize) -> Option<Unknown> {
        Some(match wire_type {
            VARINT => Unknown::Varint(self.varint()?),
            FIXED64 => Unknown::Fixed64(self.fixed64()?),
            DELIMITED => Unknown::Bytes(self.delimited()?.to_vec()),
            FIXED32 => Unknown::Fixed32(self.fixed32()?),
            START_GROUP => Unknown::Group(self.unknown_until(Some(number), depth.checked_sub(1)?)?),
            _ => return None,
        })
    }

    /// Fields of no type, up to the end of the group of that number, or of the bytes.
    fn unknown_until(&mut self, group: Option<u32>, depth: usize) -> Option<Vec<(u32, Unknown)>> {
        let mut fields = Vec::new();
        loop {
            if self.bytes.is_empty() {
                return group.is_none().then_some(fields);
            }
            let (number, wire_type) = self.tag()?;
            if wire_type == END_GROUP {
                return (group == Some(number)).then_some(fields);
            }
            fields.push((number, self.unknown(number, wire_type, depth)?));
        }
    }
}

/// All of the bytes as fields of no type, nested at most `depth` deep.
pub(super) fn unknown_fields(bytes: &[u8], depth: usize) -> Option<Vec<(u32, Unknown)>> {
    Reader { bytes }.unknown_until(None, depth)
}

pub(super) fn message(pool: &Pool, id: MessageId, bytes: &[u8]) -> Result<Dynamic, DecodeError> {
    let mut decoder = Decoder { pool, not_utf8: None };
    let mut value = Dynamic::default();
    let read = decoder.message(&mut Reader { bytes }, id, None, MAX_DEPTH, &mut value);
    match (read, decoder.not_utf8) {
        (_, Some(field)) => Err(DecodeError::NotUtf8(field)),
        (Some(()), None) => Ok(value),
        (None, None) => Err(DecodeError::Malformed),
    }
}

struct Decoder<'p> {
    pool: &'p Pool,
    not_utf8: Option<String>,
}

/// How values of a scalar type are on the wire.
fn wire_type(scalar: Scalar) -> u32 {
    match scalar {
        Scalar::Double | Scalar::Fixed64 | Scalar::Sfixed64 => FIXED64,
        Scalar::Float | Scalar::Fixed32 | Scalar::Sfixed32 => FIXED32,
        Scalar::String | Scalar::Bytes => DELIMITED,
        _ => VARINT,
    }
}

impl Decoder<'_> {
    /// Reads up to the end of the group of that number, or of the bytes.
    fn message(
        &mut self,
        reader: &mut Reader<'_>,
        id: MessageId,
        group: Option<u32>,
        depth: usize,
        into: &mut Dynamic,
    ) -> Option<()> {
        let message_set = self.pool.message(id).is_message_set();
        loop {
            if reader.bytes.is_empty() {
                return group.is_none().then_some(());
            }
            let (number, wire_type) = reader.tag()?;
            if wire_type == END_GROUP {
                return (group == Some(number)).then_some(());
            }
            if message_set && (number, wire_type) == (ITEM, START_GROUP) {
                self.item(reader, id, depth, into)?;
                continue;
            }
            match self.pool.field_by_number(id, number) {
                Some(field) if self.field(reader, field, wire_type, depth, id, into)? => {}
                _ => into.unknown.push((number, reader.unknown(number, wire_type, depth)?)),
            }
        }
    }

    /// A value of a known field. Tells whether the wire type was one that the field can have; if not, nothing was read.
    fn field(
        &mut self,
        reader: &mut Reader<'_>,
        field: &Field,
        wire: u32,
        depth: usize,
        owner: MessageId,
        into: &mut Dynamic,
    ) -> Option<bool> {
        let number = field.number as u32;
        match (field.ty, wire) {
            (Type::Message(id), DELIMITED) => {
                let mut inner = Reader { bytes: reader.delimited()? };
                let target = self.enter(field, owner, into);
                self.message(&mut inner, id, None, depth.checked_sub(1)?, target)?;
                if self.pool.message(id).map_entry {
                    self.fill_entry(id, target);
                }
            }
            (Type::Group(id), START_GROUP) => {
                let target = self.enter(field, owner, into);
                self.message(reader, id, Some(number), depth.checked_sub(1)?, target)?;
            }
            (Type::Enum(_), VARINT) => {
                let value = reader.varint()?;
                self.put(field, owner, Value::Varint(value), into);
            }
            (Type::Enum(_), DELIMITED) if field.is_repeated() => {
                let mut run = Reader { bytes: reader.delimited()? };
                while !run.bytes.is_empty() {
                    let value = run.varint()?;
                    self.put(field, owner, Value::Varint(value), into);
                }
            }
            (Type::Scalar(scalar), _) if wire == wire_type(scalar) => {
                let value = Self::scalar(reader, scalar)?;
                self.check_utf8(field, scalar, &value);
                self.put(field, owner, value, into);
            }
            (Type::Scalar(scalar), DELIMITED) if field.is_repeated() => {
                let mut run = Reader { bytes: reader.delimited()? };
                while !run.bytes.is_empty() {
                    let value = Self::scalar(&mut run, scalar)?;
                    self.put(field, owner, value, into);
                }
            }
            _ => return Some(false),
        }
        Some(true)
    }

    fn scalar(reader: &mut Reader<'_>, scalar: Scalar) -> Option<Value> {
        Some(match wire_type(scalar) {
            FIXED32 => Value::Fixed32(reader.fixed32()?),
            FIXED64 => Value::Fixed64(reader.fixed64()?),
            DELIMITED => Value::Bytes(reader.delimited()?.to_vec()),
            _ => Value::Varint(reader.varint()?),
        })
    }

    fn check_utf8(&mut self, field: &Field, scalar: Scalar, value: &Value) {
        if let (Scalar::String, Value::Bytes(text)) = (scalar, value)
            && field.features.verifies_utf8()
            && std::str::from_utf8(text).is_err()
        {
            self.not_utf8.get_or_insert_with(|| field.full_name.to_string());
        }
    }

    /// The message of a field to read into: the one that is there, or a new one.
    fn enter<'d>(&self, field: &Field, owner: MessageId, into: &'d mut Dynamic) -> &'d mut Dynamic {
        self.leave_oneof(field, owner, into);
        let values = into.fields.entry(field.number as u32).or_default();
        if values.is_empty() || field.is_repeated() {
            values.push(Value::Message(Dynamic::default()));
        }
        match values.last_mut() {
            Some(Value::Message(inner)) => inner,
            _ => unreachable!("fields of message types hold messages"),
        }
    }

    fn put(&self, field: &Field, owner: MessageId, value: Value, into: &mut Dynamic) {
        let number = field.number as u32;
        if let (Type::Enum(id), Value::Varint(value)) = (field.ty, &value) {
            let definition = self.pool.enumeration(id);
            let known = definition.values.iter().any(|known| known.number == *value as i32);
            if definition.features.is_closed() && !known {
                into.unknown.push((number, Unknown::Varint(*value)));
                return;
            }
        }
        self.leave_oneof(field, owner, into);
        let is_zero = match &value {
            Value::Varint(0) | Value::Fixed32(0) | Value::Fixed64(0) => true,
            Value::Bytes(bytes) => bytes.is_empty(),
            _ => false,
        };
        let has_presence = field.is_repeated()
            || field.oneof.is_some()
            || field.extendee.is_some()
            || !field.features.is_implicit();
        if is_zero && !has_presence && !self.pool.message(owner).map_entry {
            into.fields.remove(&number);
            return;
        }
        let values = into.fields.entry(number).or_default();
        if !field.is_repeated() {
            values.clear();
        }
        values.push(value);
    }

    /// Of the fields of a oneof, the last one read is set.
    fn leave_oneof(&self, field: &Field, owner: MessageId, into: &mut Dynamic) {
        if field.oneof.is_none() {
            return;
        }
        let others = self.pool.message(owner).fields.iter();
        for other in others.filter(|other| other.oneof == field.oneof && other.number != field.number) {
            into.fields.remove(&(other.number as u32));
        }
    }

    /// An entry of a map has key and value, written or not.
    fn fill_entry(&self, id: MessageId, entry: &mut Dynamic) {
        for field in &self.pool.message(id).fields {
            entry.fields.entry(field.number as u32).or_insert_with(|| {
                vec![match field.ty {
                    Type::Message(_) | Type::Group(_) => Value::Message(Dynamic::default()),
                    Type::Scalar(scalar) if wire_type(scalar) == FIXED32 => Value::Fixed32(0),
                    Type::Scalar(scalar) if wire_type(scalar) == FIXED64 => Value::Fixed64(0),
                    Type::Scalar(scalar) if wire_type(scalar) == DELIMITED => Value::Bytes(Vec::new()),
                    _ => Value::Varint(0),
                }]
            });
        }
    }

    /// An item of a message set: the number of an extension and its message.
    fn item(
        &mut self,
        reader: &mut Reader<'_>,
        id: MessageId,
        depth: usize,
        into: &mut Dynamic,
    ) -> Option<()> {
        let (mut number, mut content) = (None, None);
        loop {
            match reader.tag()? {
                (ITEM, END_GROUP) => break,
                (ITEM_TYPE, VARINT) => number = Some(u32::try_from(reader.varint()?).ok()?),
                (ITEM_MESSAGE, DELIMITED) => content = Some(reader.delimited()?),
                (other, wire_type) => {
                    reader.unknown(other, wire_type, depth)?;
                }
            }
        }
        let (Some(number), Some(content)) = (number, content) else { return Some(()) };
        match self.pool.field_by_number(id, number) {
            Some(field) if let Type::Message(inner) = field.ty => {
                let target = self.enter(field, id, into);
                self.message(&mut Reader { bytes: content }, inner, None, depth.checked_sub(1)?, target)
            }
            _ => {
                into.unknown.push((number, Unknown::Bytes(content.to_vec())));
                Some(())
            }
        }
    }
}
