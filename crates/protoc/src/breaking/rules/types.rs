//! Rules about the types of fields.

use crate::{
    ast::Scalar,
    breaking::pairs::{Context, FieldIn, without_dot},
    check::{
        rule::Report,
        view::{join, number},
    },
    ir::{Enum, Type},
};

/// What a field holds, without saying which message or enum.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Scalar(Scalar),
    Message,
    /// A message between tags.
    Group,
    Enum,
}

impl Kind {
    fn of(field: &FieldIn<'_>) -> Self {
        match field.field.ty {
            Type::Scalar(scalar) => Self::Scalar(scalar),
            Type::Message(_) | Type::Unresolved => Self::Message,
            Type::Group(_) | Type::UnresolvedGroup => Self::Group,
            Type::Enum(_) => Self::Enum,
        }
    }

    /// One of the kinds whose binary form is the same. Of an enum and an integer it depends on the numbers, of a message
    /// and bytes on the bytes.
    /// <https://protobuf.dev/programming-guides/proto3/#updating>
    fn on_the_wire(self) -> Self {
        use Scalar::*;
        match self {
            Self::Scalar(Int64 | Uint32 | Uint64 | Bool) => Self::Scalar(Int32),
            Self::Scalar(Sint64) => Self::Scalar(Sint32),
            Self::Scalar(Sfixed32) => Self::Scalar(Fixed32),
            Self::Scalar(Sfixed64) => Self::Scalar(Fixed64),
            other => other,
        }
    }

    /// One of the kinds whose binary and JSON forms are the same: integers of 64 bits are strings in JSON.
    /// <https://protobuf.dev/programming-guides/json/>
    fn in_json(self) -> Self {
        use Scalar::*;
        match self {
            Self::Scalar(Uint32) => Self::Scalar(Int32),
            Self::Scalar(Uint64) => Self::Scalar(Int64),
            Self::Scalar(Sfixed32) => Self::Scalar(Fixed32),
            Self::Scalar(Sfixed64) => Self::Scalar(Fixed64),
            other => other,
        }
    }
}

/// The full name of a message or an enum.
fn type_name<'a>(field: &FieldIn<'a>) -> &'a str {
    let pool = field.version.pool;
    match field.field.ty {
        Type::Message(id) | Type::Group(id) => &pool.message(id).full_name,
        Type::Enum(id) => &pool.enumeration(id).full_name,
        Type::Scalar(_) | Type::Unresolved | Type::UnresolvedGroup => without_dot(&field.field.type_name),
    }
}

/// The type as it would be written.
fn written(field: &FieldIn<'_>) -> String {
    match Kind::of(field) {
        Kind::Scalar(scalar) => scalar.word().to_owned(),
        Kind::Message | Kind::Enum => type_name(field).to_owned(),
        Kind::Group => format!("group {}", type_name(field)),
    }
}

fn changed(report: &mut Report, old: &FieldIn<'_>, new: &FieldIn<'_>) {
    let (was, is) = (written(old), written(new));
    // The name of a type has a place other than a word for a type, such as `group`.
    report.at_first(
        new.file,
        &[&join(&new.path, &[number::FIELD_TYPE]), &join(&new.path, &[number::FIELD_TYPE_NAME])],
        format!("the {} changed its type from \"{was}\" to \"{is}\"", new.described()),
        format!("keep \"{was}\", or add another field"),
    );
}

pub(super) fn same_type(context: &Context<'_>, report: &mut Report) {
    for (old, new) in context.fields() {
        if Kind::of(&old) != Kind::of(&new) || type_name(&old) != type_name(&new) {
            changed(report, &old, &new);
        }
    }
}

pub(super) fn wire_compatible_type(context: &Context<'_>, report: &mut Report) {
    compatible(context, report, |was, is| {
        // All that was a string can be read as bytes.
        let to_bytes = was == Kind::Scalar(Scalar::String) && is == Kind::Scalar(Scalar::Bytes);
        to_bytes || was.on_the_wire() == is.on_the_wire()
    });
}

pub(super) fn wire_json_compatible_type(context: &Context<'_>, report: &mut Report) {
    compatible(context, report, |was, is| was.in_json() == is.in_json());
}

fn compatible(context: &Context<'_>, report: &mut Report, is_compatible: impl Fn(Kind, Kind) -> bool) {
    for (old, new) in context.fields() {
        let (was, is) = (Kind::of(&old), Kind::of(&new));
        let same_name = type_name(&old) == type_name(&new);
        let fits = is_compatible(was, is)
            && match (old.field.ty, new.field.ty) {
                (Type::Scalar(_), _) => true,
                _ if same_name => true,
                // An enum may move, and have more values than before.
                (Type::Enum(one), Type::Enum(other)) => {
                    contains(new.version.pool.enumeration(other), old.version.pool.enumeration(one))
                }
                _ => false,
            };
        if !fits {
            changed(report, &old, &new);
        }
    }
}

/// Whether an enum is another one with more values, maybe.
fn contains(whole: &Enum, part: &Enum) -> bool {
    let has = |name: &str, number: i32| {
        whole.values.iter().any(|value| value.name == name && value.number == number)
    };
    whole.name == part.name && part.values.iter().all(|value| has(&value.name, value.number))
}
