//! Default values of fields.

use crate::{
    ast::Scalar,
    breaking::pairs::{Context, FieldIn},
    check::{rule::Report, view::join},
    ir::Type,
    text::c_escape,
};

/// `FieldDescriptorProto.default_value`
const DEFAULT_VALUE: u32 = 7;

/// The value of a field that is not there.
#[derive(Clone, Debug)]
enum Default {
    Text(Vec<u8>),
    /// With escapes, as descriptors have them.
    Bytes(Vec<u8>),
    /// An integer, a boolean as 0 or 1, or the number of an enum value.
    Integer(i128),
    Float(f32),
    Double(f64),
}

impl Default {
    /// `None` where a field cannot have one.
    fn of(field: &FieldIn<'_>) -> Option<Self> {
        let pool = field.version.pool;
        let field = field.field;
        if field.is_repeated() {
            return None;
        }
        let written = field.default.as_deref();
        let text = String::from_utf8_lossy(written.unwrap_or_default());
        Some(match field.ty {
            Type::Scalar(Scalar::String) => Self::Text(written.unwrap_or_default().to_vec()),
            Type::Scalar(Scalar::Bytes) => Self::Bytes(written.unwrap_or_default().to_vec()),
            Type::Scalar(Scalar::Float) => Self::Float(text.parse().unwrap_or_default()),
            Type::Scalar(Scalar::Double) => Self::Double(text.parse().unwrap_or_default()),
            Type::Scalar(Scalar::Bool) => Self::Integer(i128::from(text == "true")),
            Type::Scalar(_) => Self::Integer(text.parse().unwrap_or_default()),
            Type::Enum(id) => {
                let values = &pool.enumeration(id).values;
                let value = match written {
                    Some(_) => values.iter().find(|value| value.name == *text),
                    None => values.first(),
                };
                Self::Integer(value.map_or(0, |value| i128::from(value.number)))
            }
            Type::Message(_) | Type::Group(_) | Type::Unresolved | Type::UnresolvedGroup => return None,
        })
    }

    fn is_zero(&self) -> bool {
        match self {
            Self::Text(text) | Self::Bytes(text) => text.is_empty(),
            Self::Integer(value) => *value == 0,
            Self::Float(value) => *value == 0.0,
            Self::Double(value) => *value == 0.0,
        }
    }

    /// Whether both mean the same, as far as that can be said of two types. What changed its type is reported by other
    /// rules.
    fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) | (Self::Bytes(one), Self::Bytes(other)) => one == other,
            (Self::Text(text), Self::Bytes(bytes)) | (Self::Bytes(bytes), Self::Text(text)) => {
                c_escape(text).as_bytes() == bytes
            }
            // A double that was a float has digits that the float had not.
            (Self::Float(float), Self::Double(double)) | (Self::Double(double), Self::Float(float)) => {
                same_number(f64::from(*float), f64::from(*double as f32))
            }
            (Self::Integer(one), Self::Integer(other)) => one == other,
            _ => match (self.number(), other.number()) {
                (Some(one), Some(other)) => same_number(one, other),
                _ => false,
            },
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Text(_) | Self::Bytes(_) => None,
            Self::Integer(value) => Some(*value as f64),
            Self::Float(value) => Some(f64::from(*value)),
            Self::Double(value) => Some(*value),
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Text(text) => format!("\"{}\"", String::from_utf8_lossy(text)),
            Self::Bytes(text) => format!("\"{}\"", String::from_utf8_lossy(text)),
            Self::Integer(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Double(value) => value.to_string(),
        }
    }
}

fn same_number(one: f64, other: f64) -> bool {
    one == other || (one.is_nan() && other.is_nan())
}

pub(super) fn same_default(context: &Context<'_>, report: &mut Report) {
    for (old, new) in context.fields() {
        let (Some(was), Some(is)) = (Default::of(&old), Default::of(&new)) else { continue };
        if was.equals(&is) || (was.is_zero() && is.is_zero()) {
            continue;
        }
        report.at_first(
            new.file,
            &[&join(&new.path, &[DEFAULT_VALUE]), &new.path],
            format!("the {} changed its default from {} to {}", new.described(), was.shown(), is.shown()),
            format!("keep {}", was.shown()),
        );
    }
}

#[cfg(test)]
mod tests;
