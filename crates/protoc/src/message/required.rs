//! Required fields that a message does not have.

use super::{Dynamic, Value};
use crate::ir::{MessageId, Pool};

/// Adds the paths of what is missing in a message and in those in it; `prefix` is its own path with a dot behind.
pub(super) fn missing(pool: &Pool, id: MessageId, value: &Dynamic, prefix: &str, found: &mut Vec<String>) {
    for field in pool.message(id).fields.iter().filter(|field| field.is_required()) {
        if !value.fields.contains_key(&(field.number as u32)) {
            found.push(format!("{prefix}{}", field.name));
        }
    }
    for (&number, values) in &value.fields {
        let Some(field) = pool.field_by_number(id, number) else { continue };
        let Some(inner) = field.ty.message() else { continue };
        let name = match &field.extendee {
            Some(_) => format!("({})", field.full_name),
            None => field.name.to_string(),
        };
        for (index, value) in values.iter().enumerate() {
            let Value::Message(value) = value else { continue };
            let index = if field.is_repeated() { format!("[{index}]") } else { String::new() };
            missing(pool, inner, value, &format!("{prefix}{name}{index}."), found);
        }
    }
}
