//! Rules about fields and extensions: their being there, their names and options.

use std::collections::BTreeSet;

use super::messages::{described, enclosing};
use crate::{
    ast::Scalar,
    breaking::pairs::{Context, FieldIn, Pair, nested_name},
    check::{
        rule::Report,
        view::{join, number},
    },
    ir::{Field, Message, Type},
};

pub(super) fn extension_no_delete(context: &Context<'_>, report: &mut Report) {
    let is_extension = |field: &Field| field.extendee.is_some();
    for (old, new) in context.files() {
        let extensions = new.fields.iter().filter(|view| is_extension(view.field));
        let kept: BTreeSet<&str> = extensions.map(|view| nested_name(new, &view.field.full_name)).collect();
        for view in old.fields.iter().filter(|view| is_extension(view.field)) {
            let name = nested_name(old, &view.field.full_name);
            if !kept.contains(name) {
                let message = format!("the extension \"{name}\" was deleted from the file");
                enclosing(report, new, name, message, "keep it, deprecated");
            }
        }
    }
}

/// Reports fields whose number is gone, unless `is_allowed` says that this may be so.
fn deleted(
    context: &Context<'_>,
    report: &mut Report,
    is_allowed: impl Fn(&Message, &Field) -> bool,
    suggest: impl Fn(&Field) -> String,
) {
    for Pair { old, new } in context.messages() {
        let definition = new.element.definition;
        let kept: BTreeSet<i32> = definition.fields.iter().map(|field| field.number).collect();
        for field in &old.element.definition.fields {
            if kept.contains(&field.number) || is_allowed(definition, field) {
                continue;
            }
            report.at(
                new.file,
                &new.element.path,
                format!("{} was deleted", described(field, definition)),
                suggest(field),
            );
        }
    }
}

pub(super) fn no_delete(context: &Context<'_>, report: &mut Report) {
    deleted(context, report, |_, _| false, |_| "keep it, deprecated".to_owned());
}

pub(super) fn no_delete_unless_name_reserved(context: &Context<'_>, report: &mut Report) {
    let is_reserved = |message: &Message, field: &Field| {
        message.reserved_names.iter().any(|(reserved, _)| *reserved == field.name)
    };
    deleted(context, report, is_reserved, |field| format!("write: reserved \"{}\";", field.name));
}

pub(super) fn no_delete_unless_number_reserved(context: &Context<'_>, report: &mut Report) {
    let is_reserved = |message: &Message, field: &Field| {
        message.reserved_ranges.iter().any(|range| (range.start..range.end).contains(&field.number))
    };
    deleted(context, report, is_reserved, |field| format!("write: reserved {};", field.number));
}

pub(super) fn same_name(context: &Context<'_>, report: &mut Report) {
    for (old, new) in context.fields() {
        let (was, is) = match old.field.extendee {
            Some(_) => (&*old.field.full_name, &*new.field.full_name),
            None => (old.field.name.as_str(), new.field.name.as_str()),
        };
        if was != is {
            report.at(
                new.file,
                &join(&new.path, &[number::NAME]),
                format!("the {} was called \"{was}\"", new.described()),
                format!("keep \"{was}\""),
            );
        }
    }
}

pub(super) fn same_json_name(context: &Context<'_>, report: &mut Report) {
    /// `FieldDescriptorProto.json_name`
    const JSON_NAME: u32 = 10;
    for (old, new) in context.fields() {
        // Extensions are written with their full names.
        let (was, is) = (old.field.json_name(), new.field.json_name());
        if was != is && old.field.extendee.is_none() {
            report.at_first(
                new.file,
                &[&join(&new.path, &[JSON_NAME]), &new.path],
                format!("the {} changed its JSON name from \"{was}\" to \"{is}\"", new.described()),
                format!("write [json_name = \"{was}\"]"),
            );
        }
    }
}

pub(super) fn same_jstype(context: &Context<'_>, report: &mut Report) {
    /// `FieldOptions.jstype`, which says something of integers of 64 bits only.
    const JSTYPE: u32 = 6;
    let is_long = |field: &Field| {
        use Scalar::{Fixed64, Int64, Sfixed64, Sint64, Uint64};
        matches!(field.ty, Type::Scalar(Int64 | Uint64 | Fixed64 | Sfixed64 | Sint64))
    };
    let jstype = |field: &Field| match field.options.value.varint(JSTYPE) {
        Some(1) => "JS_STRING",
        Some(2) => "JS_NUMBER",
        _ => "JS_NORMAL",
    };
    for (old, new) in context.fields() {
        let (was, is) = (jstype(old.field), jstype(new.field));
        if was != is && is_long(old.field) && is_long(new.field) {
            report.at_first(
                new.file,
                &[&join(&new.path, &[number::FIELD_OPTIONS, JSTYPE]), &new.path],
                format!("the {} changed jstype from {was} to {is}", new.described()),
                format!("keep {was}"),
            );
        }
    }
}

pub(super) fn same_oneof(context: &Context<'_>, report: &mut Report) {
    for (old, new) in context.fields() {
        if old.field.extendee.is_some() {
            continue;
        }
        let (was, is) = (oneof(&old), oneof(&new));
        if was != is {
            let words = |oneof: Option<&str>| match oneof {
                Some(name) => format!("in the oneof \"{name}\""),
                None => "outside of all oneofs".to_owned(),
            };
            report.at(
                new.file,
                &new.path,
                format!("the {} was {} and is now {}", new.described(), words(was), words(is)),
                "leave it there and add another field".to_owned(),
            );
        }
    }
}

/// The oneof that somebody wrote around a field.
fn oneof<'a>(field: &FieldIn<'a>) -> Option<&'a str> {
    let (message, index) = (field.message?, field.field.oneof? as usize);
    let oneof = message.oneofs.get(index)?;
    (!message.is_synthetic_oneof(index)).then_some(oneof.name.as_str())
}
