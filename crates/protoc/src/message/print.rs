//! Text format, written as protoc writes it.

use super::{Dynamic, Unknown, Value, decode};
use crate::{
    ast::Scalar,
    ir::{Field, MessageId, Pool, Type, is_group_like},
    text::{c_escape, double_text, float_text},
};

/// How deep bytes of no type are tried to be read as messages.
const MAX_UNKNOWN_DEPTH: usize = 10;

/// A message in text format.
pub(crate) fn print(pool: &Pool, id: MessageId, value: &Dynamic) -> String {
    let mut printer = Printer { pool, out: String::new(), indent: 0 };
    printer.message(id, value);
    printer.out
}

/// Fields of no type in text format.
pub(crate) fn print_unknown(fields: &[(u32, Unknown)]) -> String {
    let pool = Pool::default();
    let mut printer = Printer { pool: &pool, out: String::new(), indent: 0 };
    printer.unknown(fields, MAX_UNKNOWN_DEPTH);
    printer.out
}

struct Printer<'p> {
    pool: &'p Pool,
    out: String,
    indent: usize,
}

impl Printer<'_> {
    fn line(&mut self, text: &str) {
        self.out.extend(std::iter::repeat_n(' ', self.indent));
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn block(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.line(&format!("{name} {{"));
        self.indent += 2;
        content(self);
        self.indent -= 2;
        self.line("}");
    }

    fn message(&mut self, id: MessageId, value: &Dynamic) {
        for (&number, values) in &value.fields {
            let Some(field) = self.pool.field_by_number(id, number) else { continue };
            let name = self.name(id, field);
            let mut values: Vec<&Value> = values.iter().collect();
            if field.ty.message().is_some_and(|id| self.pool.message(id).map_entry) {
                self.sort_entries(field, &mut values);
            }
            for value in values {
                match (field.ty, value) {
                    (Type::Message(id) | Type::Group(id), Value::Message(inner)) => {
                        self.block(&name, |printer| printer.message(id, inner));
                    }
                    _ => {
                        let text = self.scalar(field, value);
                        self.line(&format!("{name}: {text}"));
                    }
                }
            }
        }
        self.unknown(&value.unknown, MAX_UNKNOWN_DEPTH);
    }

    fn name(&self, owner: MessageId, field: &Field) -> String {
        if field.extendee.is_some() {
            let of_set = self.pool.message(owner).is_message_set();
            let named_by_type = field
                .ty
                .message()
                .filter(|id| of_set && self.pool.message_set_extension(owner, *id).is_some());
            return match named_by_type {
                Some(id) => format!("[{}]", self.pool.message(id).full_name),
                None => format!("[{}]", field.full_name),
            };
        }
        match field.ty {
            Type::Group(id) if is_group_like(self.pool, field) => self.pool.message(id).name.to_string(),
            _ => field.name.to_string(),
        }
    }

    fn sort_entries(&self, field: &Field, entries: &mut [&Value]) {
        let key_field = field.ty.message().and_then(|id| self.pool.message(id).fields.first());
        let signed = key_field.is_some_and(|key| {
            use Scalar::{Int32, Int64, Sfixed32, Sfixed64, Sint32, Sint64};
            matches!(key.ty, Type::Scalar(Int32 | Int64 | Sint32 | Sint64 | Sfixed32 | Sfixed64))
        });
        let key = |entry: &&Value| -> (i128, Vec<u8>) {
            let Value::Message(entry) = entry else { return (0, Vec::new()) };
            match (entry.fields.get(&1).and_then(|values| values.first()), key_field) {
                (Some(Value::Bytes(text)), _) => (0, text.clone()),
                (Some(value), Some(field)) => (integer(field, value, signed), Vec::new()),
                _ => (0, Vec::new()),
            }
        };
        entries.sort_by_cached_key(key);
    }

    fn scalar(&self, field: &Field, value: &Value) -> String {
        match (field.ty, value) {
            (Type::Enum(id), Value::Varint(number)) => {
                let number = *number as i32;
                let values = &self.pool.enumeration(id).values;
                values
                    .iter()
                    .find(|value| value.number == number)
                    .map_or_else(|| number.to_string(), |value| value.name.to_string())
            }
            (_, Value::Bytes(bytes)) => format!("\"{}\"", c_escape(bytes)),
            (Type::Scalar(Scalar::Bool), Value::Varint(value)) => (*value != 0).to_string(),
            (Type::Scalar(Scalar::Float), Value::Fixed32(bits)) => float_text(f32::from_bits(*bits)),
            (Type::Scalar(Scalar::Double), Value::Fixed64(bits)) => double_text(f64::from_bits(*bits)),
            _ => {
                use Scalar::{Fixed32, Fixed64, Uint32, Uint64};
                let unsigned = matches!(field.ty, Type::Scalar(Uint32 | Uint64 | Fixed32 | Fixed64));
                integer(field, value, !unsigned).to_string()
            }
        }
    }

    fn unknown(&mut self, fields: &[(u32, Unknown)], depth: usize) {
        for (number, value) in fields {
            match value {
                Unknown::Varint(value) => self.line(&format!("{number}: {value}")),
                Unknown::Fixed32(value) => self.line(&format!("{number}: 0x{value:08x}")),
                Unknown::Fixed64(value) => self.line(&format!("{number}: 0x{value:016x}")),
                Unknown::Group(inner) => {
                    let depth = depth.saturating_sub(1);
                    self.block(&number.to_string(), |printer| printer.unknown(inner, depth));
                }
                Unknown::Bytes(bytes) => {
                    let inner = (!bytes.is_empty() && depth > 0)
                        .then(|| decode::unknown_fields(bytes, depth))
                        .flatten();
                    match inner {
                        Some(inner) => {
                            self.block(&number.to_string(), |printer| printer.unknown(&inner, depth - 1));
                        }
                        None => self.line(&format!("{number}: \"{}\"", c_escape(bytes))),
                    }
                }
            }
        }
    }
}

/// The number that an integer's wire form stands for.
fn integer(field: &Field, value: &Value, signed: bool) -> i128 {
    match (field.ty, value) {
        (Type::Scalar(Scalar::Sint32), Value::Varint(value)) => {
            let value = *value as u32;
            i128::from((value >> 1) as i32 ^ -((value & 1) as i32))
        }
        (Type::Scalar(Scalar::Sint64), Value::Varint(value)) => {
            i128::from((value >> 1) as i64 ^ -((value & 1) as i64))
        }
        (Type::Scalar(Scalar::Int32), Value::Varint(value)) => i128::from(*value as i32),
        (Type::Scalar(Scalar::Uint32), Value::Varint(value)) => i128::from(*value as u32),
        (Type::Scalar(Scalar::Bool), Value::Varint(value)) => i128::from(*value != 0),
        (_, Value::Varint(value) | Value::Fixed64(value)) if signed => i128::from(*value as i64),
        (_, Value::Varint(value) | Value::Fixed64(value)) => i128::from(*value),
        (_, Value::Fixed32(value)) if signed => i128::from(*value as i32),
        (_, Value::Fixed32(value)) => i128::from(*value),
        _ => 0,
    }
}
