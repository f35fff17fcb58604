//! Rules about messages and their oneofs.

use std::collections::BTreeSet;

use crate::{
    breaking::pairs::{Context, Pair, nested_name},
    check::{
        rule::Report,
        view::{FileView, join},
    },
    ir::{Field, Message},
};

/// `DescriptorProto.options`
pub(super) const OPTIONS: u32 = 7;
/// `MessageOptions.no_standard_descriptor_accessor`
const NO_STANDARD_DESCRIPTOR_ACCESSOR: u32 = 2;
/// `MessageOptions.features`, and `FeatureSet.json_format` in it.
const FEATURES: u32 = 12;
const JSON_FORMAT: u32 = 6;

/// Reports something that is gone at the innermost of the messages that it was in and that are still there, or at the
/// file.
pub(super) fn enclosing(
    report: &mut Report,
    file: &FileView<'_>,
    nested: &str,
    message: String,
    suggestion: &str,
) {
    let mut outer = nested;
    while let Some((before, _)) = outer.rsplit_once('.') {
        outer = before;
        let is_outer = |full_name: &str| nested_name(file, full_name) == outer;
        if let Some(view) = file.messages.iter().find(|view| is_outer(&view.definition.full_name)) {
            return report.at(file, &view.path, message, suggestion.to_owned());
        }
    }
    report.about(file, message, suggestion.to_owned());
}

pub(super) fn no_delete(context: &Context<'_>, report: &mut Report) {
    for (old, new) in context.files() {
        let kept: BTreeSet<&str> =
            new.messages.iter().map(|view| nested_name(new, &view.definition.full_name)).collect();
        for view in &old.messages {
            let name = nested_name(old, &view.definition.full_name);
            if !kept.contains(name) {
                let message = format!("the message \"{name}\" was deleted from the file");
                enclosing(report, new, name, message, "keep it, deprecated");
            }
        }
    }
}

pub(super) fn no_remove_standard_descriptor_accessor(context: &Context<'_>, report: &mut Report) {
    for Pair { old, new } in context.messages() {
        let is_set = |message: &Message| message.options.value.is_true(NO_STANDARD_DESCRIPTOR_ACCESSOR);
        if !is_set(old.element.definition) && is_set(new.element.definition) {
            report.at(
                new.file,
                &join(&new.element.path, &[OPTIONS, NO_STANDARD_DESCRIPTOR_ACCESSOR]),
                format!(
                    "the message \"{}\" sets no_standard_descriptor_accessor",
                    new.element.definition.name
                ),
                "leave the option out".to_owned(),
            );
        }
    }
}

pub(super) fn same_json_format(context: &Context<'_>, report: &mut Report) {
    for Pair { old, new } in context.messages() {
        let allows = |message: &Message| message.features.allows_json();
        if allows(old.element.definition) && !allows(new.element.definition) {
            let option = join(&new.element.path, &[OPTIONS, FEATURES, JSON_FORMAT]);
            report.at_first(
                new.file,
                &[&option, &new.element.path],
                format!(
                    "the message \"{}\" changed from json_format = ALLOW to json_format = LEGACY_BEST_EFFORT",
                    new.element.definition.name
                ),
                "keep json_format = ALLOW".to_owned(),
            );
        }
    }
}

pub(super) fn same_required_fields(context: &Context<'_>, report: &mut Report) {
    for Pair { old, new } in context.messages() {
        let definition = new.element.definition;
        let required = |message: &Message| -> BTreeSet<i32> {
            message.fields.iter().filter(|field| field.is_required()).map(|field| field.number).collect()
        };
        let (was, is) = (required(old.element.definition), required(definition));
        for field in old.element.definition.fields.iter().filter(|field| field.is_required()) {
            if !is.contains(&field.number) {
                report.at(
                    new.file,
                    &new.element.path,
                    format!(
                        "{} is no longer required, while earlier programs need it",
                        described(field, definition)
                    ),
                    "keep it required".to_owned(),
                );
            }
        }
        for (index, field) in definition.fields.iter().enumerate().filter(|(_, field)| field.is_required()) {
            if !was.contains(&field.number) {
                report.at(
                    new.file,
                    &new.element.field_path(index),
                    format!(
                        "{} is newly required, while earlier programs do not send it",
                        described(field, definition)
                    ),
                    "make it optional".to_owned(),
                );
            }
        }
    }
}

/// A field of a message in words.
pub(super) fn described(field: &Field, message: &Message) -> String {
    format!("the field {} \"{}\" of the message \"{}\"", field.number, field.name, message.name)
}

pub(super) fn oneof_no_delete(context: &Context<'_>, report: &mut Report) {
    for Pair { old, new } in context.messages() {
        let definition = new.element.definition;
        for (index, oneof) in old.element.definition.oneofs.iter().enumerate() {
            let kept = definition.oneofs.iter().any(|other| other.name == oneof.name);
            if !kept && !old.element.definition.is_synthetic_oneof(index) {
                report.at(
                    new.file,
                    &new.element.path,
                    format!(
                        "the oneof \"{}\" of the message \"{}\" was deleted",
                        oneof.name, definition.name
                    ),
                    "keep it".to_owned(),
                );
            }
        }
    }
}
