//! What features may say where.

use super::{
    Field, Message, Type,
    check::Checker,
    features::{self, number},
    options::{CTYPE, PACKED, is_packable},
};
use crate::ast::{Edition, Scalar};

/// `FileOptions.java_string_check_utf8`
const JAVA_STRING_CHECK_UTF8: u32 = 27;
/// Fields of `google.protobuf.FeatureSet`.
const FIELD_PRESENCE: u32 = 1;
const REPEATED_FIELD_ENCODING: u32 = 3;
const UTF8_VALIDATION: u32 = 4;
const MESSAGE_ENCODING: u32 = 5;

/// Checks what a file of an edition says for all that is in it.
pub(super) fn file(checker: &mut Checker<'_>) {
    let file = checker.file;
    if !file.edition.is_named() {
        return;
    }
    if file.features.is_required() {
        checker.error(0, "Required presence can't be specified by default.");
    }
    if file.options.value.varint(JAVA_STRING_CHECK_UTF8).is_some() {
        checker.error(
            0,
            "File option java_string_check_utf8 is not allowed under editions. Use the (pb.java).utf8_validation \
             feature to control this behavior.",
        );
    }
}

/// Checks the features of a field.
pub(super) fn field(checker: &mut Checker<'_>, field: &Field, message: Option<&Message>) {
    // What entries of maps say is what their map field says.
    if !checker.file.edition.is_named() || message.is_some_and(|message| message.map_entry) {
        return;
    }
    for text in faults(checker, field) {
        checker.error(field.at.name, text);
    }
    if checker.file.edition >= Edition::Edition2024 && field.options.value.varint(CTYPE).is_some() {
        checker.error(
            field.at.ty,
            "ctype option is not allowed under edition 2024 and beyond. Use the feature string_type = \
             VIEW|CORD|STRING|... instead.",
        );
    }
}

fn faults(checker: &Checker<'_>, field: &Field) -> Vec<&'static str> {
    let own = features::own(&field.options, number::FIELD);
    let says = |number: u32| own.and_then(|own| own.varint(number));
    let is_message = field.ty.message().is_some();
    let map_entry = field.ty.message().map(|id| checker.pool.message(id)).filter(|message| message.map_entry);
    let extension = field.extendee.is_some();
    let mut faults = Vec::new();
    if field.options.value.varint(PACKED).is_some() {
        faults.push(
            "Field option packed is not allowed under editions.  Use the repeated_field_encoding feature to control \
             this behavior.",
        );
    }
    let has_presence = field.features.is_implicit()
        && !field.is_repeated()
        && !is_message
        && field.oneof.is_none()
        && !extension;
    if has_presence {
        if field.default.is_some() {
            faults.push("Implicit presence fields can't specify defaults.");
        }
        if let Type::Enum(id) = field.ty
            && checker.pool.enumeration(id).features.is_closed()
        {
            faults.push("Implicit presence enum fields must always be open.");
        }
    }
    if extension && field.features.is_required() {
        faults.push("Extensions can't be required.");
    }
    if let Some(presence) = says(FIELD_PRESENCE) {
        if field.oneof.is_some() {
            faults.push("Oneof fields can't specify field presence.");
        } else if field.is_repeated() {
            faults.push("Repeated fields can't specify field presence.");
        } else if extension && presence != 3 {
            faults.push("Extensions can't specify field presence.");
        } else if is_message && presence == 2 {
            faults.push("Message fields can't specify implicit presence.");
        }
    }
    if !field.is_repeated() && says(REPEATED_FIELD_ENCODING).is_some() {
        faults.push("Only repeated fields can specify repeated field encoding.");
    }
    let is_string = |field: &Field| matches!(field.ty, Type::Scalar(Scalar::String));
    if says(UTF8_VALIDATION).is_some()
        && !is_string(field)
        && !map_entry.is_some_and(|entry| entry.fields.iter().any(is_string))
    {
        faults.push("Only string fields can specify utf8 validation.");
    }
    if says(REPEATED_FIELD_ENCODING) == Some(1) && !is_packable(field) {
        faults.push("Only repeated primitive fields can specify PACKED repeated field encoding.");
    }
    if says(MESSAGE_ENCODING).is_some() && (!is_message || map_entry.is_some()) {
        faults.push("Only message fields can specify message encoding.");
    }
    faults
}
