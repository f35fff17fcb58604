//! Rules about features and options that change what generated code does with strings.

use crate::{
    ast::{Edition, Scalar},
    breaking::pairs::{Context, FieldIn},
    check::{
        rule::Report,
        view::{join, number},
    },
    ir::{OptionMessage, OptionScalar, Type},
};

/// `features` in the options of a field, a oneof, a message and a file.
const OF_FIELD: u32 = 21;
const OF_ONEOF: u32 = 1;
const OF_MESSAGE: u32 = 12;
const OF_FILE: u32 = 50;
/// `FeatureSet.utf8_validation`
const UTF8_VALIDATION: u32 = 4;
/// `(pb.cpp).string_type` and `(pb.java).utf8_validation` in a `FeatureSet`.
const CPP_STRING_TYPE: [u32; 2] = [1000, 2];
const JAVA_UTF8_VALIDATION: [u32; 2] = [1001, 2];
/// `FieldOptions.ctype`, `FileOptions.java_string_check_utf8`
const CTYPE: u32 = 1;
const JAVA_STRING_CHECK_UTF8: u32 = 27;

fn is_string(field: &FieldIn<'_>) -> bool {
    field.field.ty == Type::Scalar(Scalar::String)
}

/// The message in a field of options.
fn inner(options: &OptionMessage, number: u32) -> Option<&OptionMessage> {
    match options.fields.get(&number)?.values.last()? {
        OptionScalar::Message(inner) => Some(inner),
        _ => None,
    }
}

/// A feature of a language as it holds for a field: what the field says itself, or what it is in.
fn language_feature(field: &FieldIn<'_>, [language, feature]: [u32; 2]) -> Option<u64> {
    let own =
        |options: &OptionMessage, features: u32| inner(inner(options, features)?, language)?.varint(feature);
    if let Some(value) = own(&field.field.options.value, OF_FIELD) {
        return Some(value);
    }
    let mut message = field.message;
    if let (Some(message), Some(index), None) = (message, field.field.oneof, &field.field.extendee)
        && let Some(oneof) = message.oneofs.get(index as usize)
        && let Some(value) = own(&oneof.options.value, OF_ONEOF)
    {
        return Some(value);
    }
    while let Some(definition) = message {
        if let Some(value) = own(&definition.options.value, OF_MESSAGE) {
            return Some(value);
        }
        message = definition.nested_in.map(|id| field.version.pool.message(id));
    }
    own(&field.file.file.options.value, OF_FILE)
}

pub(super) fn same_utf8_validation(context: &Context<'_>, report: &mut Report) {
    for (old, new) in context.fields().iter().filter(|(old, new)| is_string(old) && is_string(new)) {
        let name = |field: &FieldIn<'_>| if field.field.features.verifies_utf8() { "VERIFY" } else { "NONE" };
        let (was, is) = (name(old), name(new));
        if was != is {
            report.at_first(
                new.file,
                &[&join(&new.path, &[number::FIELD_OPTIONS, OF_FIELD, UTF8_VALIDATION]), &new.path],
                format!("the {} changed its UTF-8 validation from {was} to {is}", new.described()),
                format!("keep {was}"),
            );
        }
    }
}

pub(super) fn same_java_utf8_validation(context: &Context<'_>, report: &mut Report) {
    /// `JavaFeatures.Utf8Validation.VERIFY`
    const VERIFY: u64 = 2;
    let verifies = |field: &FieldIn<'_>| {
        let file = field.file.file;
        let option = file.options.value.varint(JAVA_STRING_CHECK_UTF8);
        let in_java = match option {
            Some(value) => value != 0,
            None => file.edition.is_named() && language_feature(field, JAVA_UTF8_VALIDATION) == Some(VERIFY),
        };
        in_java || field.field.features.verifies_utf8()
    };
    for (old, new) in context.fields().iter().filter(|(old, new)| is_string(old) && is_string(new)) {
        let name = |verifies: bool| if verifies { "VERIFY" } else { "NONE" };
        let (was, is) = (verifies(old), verifies(new));
        if was != is {
            let own =
                join(&new.path, &[&[number::FIELD_OPTIONS, OF_FIELD], &JAVA_UTF8_VALIDATION[..]].concat());
            report.at_first(
                new.file,
                &[&[number::FILE_OPTIONS, JAVA_STRING_CHECK_UTF8], &own, &new.path],
                format!(
                    "the {} changed its UTF-8 validation in Java from {} to {}",
                    new.described(),
                    name(was),
                    name(is)
                ),
                format!("keep {}", name(was)),
            );
        }
    }
}

/// What a string is in C++.
fn cpp_string_type(field: &FieldIn<'_>) -> &'static str {
    let edition = field.file.file.edition;
    // From edition 2024 on the feature alone counts.
    if edition < Edition::Edition2024 {
        match field.field.options.value.varint(CTYPE) {
            Some(0) => return "STRING",
            Some(1) => return "CORD",
            Some(2) => return "STRING_PIECE",
            _ => {}
        }
    }
    match language_feature(field, CPP_STRING_TYPE) {
        Some(1) => "VIEW",
        Some(2) => "CORD",
        Some(_) => "STRING",
        None if edition >= Edition::Edition2024 => "VIEW",
        None => "STRING",
    }
}

pub(super) fn same_cpp_string_type(context: &Context<'_>, report: &mut Report) {
    let is_text =
        |field: &FieldIn<'_>| matches!(field.field.ty, Type::Scalar(Scalar::String | Scalar::Bytes));
    for (old, new) in context.fields().iter().filter(|(old, new)| is_text(old) && is_text(new)) {
        let (was, is) = (cpp_string_type(old), cpp_string_type(new));
        let in_maps = old.in_map_entry() && new.in_map_entry();
        if was == is || in_maps || (was == "STRING_PIECE" && is == "STRING") {
            continue;
        }
        let feature = join(&new.path, &[&[number::FIELD_OPTIONS, OF_FIELD], &CPP_STRING_TYPE[..]].concat());
        report.at_first(
            new.file,
            &[&join(&new.path, &[number::FIELD_OPTIONS, CTYPE]), &feature, &new.path],
            format!("the {} changed its string type in C++ from {was} to {is}", new.described()),
            format!("keep {was}"),
        );
    }
}
