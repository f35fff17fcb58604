//! Options and features that an edition does not have yet or no longer has, and those that an element cannot have.

use super::{
    Enum, Field, FileId, MessageId, OptionMessage, OptionScalar, Pool, Type,
    elements::{self, Element},
    options::{field_by_number, message_named},
};
use crate::{ast::Edition, diagnostics::Diagnostics, text::edition_name};

/// `FieldOptions.feature_support` and `EnumValueOptions.feature_support`.
const FIELD_SUPPORT: u32 = 22;
const VALUE_SUPPORT: u32 = 4;
/// Fields of `FieldOptions.FeatureSupport`.
const INTRODUCED: u32 = 1;
const DEPRECATED: u32 = 2;
const WARNING: u32 = 3;
const REMOVED: u32 = 4;
const REMOVAL: u32 = 5;
/// `FieldOptions.targets`
const TARGETS: u32 = 19;

/// What one element's options do wrong.
#[derive(Default)]
struct Found {
    errors: Vec<String>,
    warnings: Vec<String>,
}

/// Checks that the edition of a file has all options that are used in it.
pub(super) fn check(pool: &Pool, id: FileId, diagnostics: &mut Diagnostics) {
    let file = pool.file(id);
    elements::visit(pool, id, &mut |element, _| {
        let mut check = |options: &OptionMessage, number, name: &str| {
            if let Some(what) = options.message(number).and_then(contradiction) {
                diagnostics.about_file(true, file.source.name(), format!("{name} {what}"));
            }
        };
        match element {
            Element::Field(field, _) => check(&field.options.value, FIELD_SUPPORT, &field.full_name),
            Element::Enum(definition) => definition.values.iter().for_each(|value| {
                check(&value.options.value, VALUE_SUPPORT, &definition.value_name(&value.name));
            }),
            _ => {}
        }
        let options = element.options();
        if options.statements.is_empty() {
            return;
        }
        let Some(message) = message_named(pool, element.kind().options) else { return };
        let mut found = Found::default();
        Lifetimes { pool, edition: file.edition, found: &mut found }.message(message, &options.value);
        let mut say = |texts: Vec<String>, is_error: bool| {
            for text in texts {
                match (element.token(), is_error) {
                    (Some(token), true) => file.error(diagnostics, token, text),
                    (Some(token), false) => file.warning(diagnostics, token, text),
                    // The place of a file is that of its package, where it has one.
                    (None, is_error) if file.package.is_empty() => {
                        diagnostics.about_file(is_error, file.source.name(), text);
                    }
                    (None, true) => file.error(diagnostics, file.package_span.first, text),
                    (None, false) => file.warning(diagnostics, file.package_span.first, text),
                }
            }
        };
        say(found.errors, true);
        // Nobody wrote a descriptor: there is no one to be warned.
        if !file.source.is_placeless() {
            say(found.warnings, false);
        }
    });
}

/// What makes no sense in the order of introduction, deprecation and removal.
fn contradiction(support: &OptionMessage) -> Option<&'static str> {
    let has = |number| support.fields.contains_key(&number);
    let introduced = support.varint(INTRODUCED).unwrap_or(0);
    let (deprecated, removed) = (support.varint(DEPRECATED), support.varint(REMOVED));
    match deprecated {
        Some(deprecated) if deprecated < introduced => {
            return Some("was deprecated before it was introduced.");
        }
        Some(_) if !has(WARNING) => return Some("is deprecated but does not specify a deprecation warning."),
        None if has(WARNING) => {
            return Some("specifies a deprecation warning but is not marked deprecated in any edition.");
        }
        _ => {}
    }
    match removed {
        Some(removed) if deprecated.is_some_and(|deprecated| deprecated >= removed) => {
            Some("was deprecated after it was removed.")
        }
        Some(removed) if removed < introduced => Some("was removed before it was introduced."),
        // What never could be used needs no words for those who do.
        Some(removed) if !has(REMOVAL) && removed != introduced => {
            Some("has been removed but does not specify a removal error.")
        }
        None if has(REMOVAL) => Some("specifies a removal error but is not marked removed in any edition."),
        _ => None,
    }
}

struct Lifetimes<'a> {
    pool: &'a Pool,
    edition: Edition,
    found: &'a mut Found,
}

impl Lifetimes<'_> {
    fn message(&mut self, id: MessageId, value: &OptionMessage) {
        for (&number, set) in &value.fields {
            let Some(field) = field_by_number(self.pool, id, number) else { continue };
            self.support(&field.options.value, FIELD_SUPPORT, &field.full_name);
            for value in &set.values {
                match (field.ty, value) {
                    (Type::Enum(id), OptionScalar::Varint(number)) => {
                        self.value(self.pool.enumeration(id), *number as i32);
                    }
                    (
                        Type::Message(id) | Type::Group(id),
                        OptionScalar::Message(inner) | OptionScalar::Group(inner),
                    ) => {
                        self.message(id, inner);
                    }
                    _ => {}
                }
            }
        }
    }

    fn value(&mut self, definition: &Enum, number: i32) {
        let Some(value) = definition.values.iter().find(|value| value.number == number) else { return };
        self.support(&value.options.value, VALUE_SUPPORT, &definition.value_name(&value.name));
    }

    fn support(&mut self, options: &OptionMessage, number: u32, name: &str) {
        let Some(support) = options.message(number) else { return };
        let text = |number| String::from_utf8_lossy(support.bytes(number).unwrap_or_default());
        let edition = self.edition as u64;
        if let Some(first) = support.varint(INTRODUCED).filter(|first| edition < *first) {
            self.found.errors.push(format!(
                "{name} wasn't introduced until edition {} and can't be used in edition {}",
                edition_name(first),
                edition_name(edition)
            ));
        }
        if let Some(removed) = support.varint(REMOVED).filter(|removed| edition >= *removed) {
            let reason = text(REMOVAL);
            let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            self.found
                .errors
                .push(format!("{name} has been removed in edition {}{reason}", edition_name(removed)));
        } else if let Some(deprecated) =
            support.varint(DEPRECATED).filter(|deprecated| edition >= *deprecated)
        {
            self.found.warnings.push(format!(
                "{name} has been deprecated in edition {}: {}",
                edition_name(deprecated),
                text(WARNING)
            ));
        }
    }
}

/// Checks that each option stands on a kind of element that it is meant for.
pub(super) fn check_targets(pool: &Pool, id: FileId, diagnostics: &mut Diagnostics) {
    let file = pool.file(id);
    elements::visit(pool, id, &mut |element: Element<'_>, _| {
        if element.options().statements.is_empty() {
            return;
        }
        let Some(message) = message_named(pool, element.kind().options) else { return };
        let mut misplaced = Vec::new();
        targets(pool, message, &element.options().value, element.kind().target, &mut misplaced);
        for field in misplaced {
            let word = element.kind().word;
            let text = format!("Option {} cannot be set on an entity of type `{word}`.", field.full_name);
            diagnostics.about_file(true, file.source.name(), text);
        }
    });
}

fn targets<'a>(
    pool: &'a Pool,
    id: MessageId,
    value: &OptionMessage,
    target: u64,
    misplaced: &mut Vec<&'a Field>,
) {
    for (&number, set) in &value.fields {
        let Some(field) = field_by_number(pool, id, number) else { continue };
        let allowed = field.options.value.fields.get(&TARGETS).map_or(&[] as &[_], |allowed| &allowed.values);
        if !allowed.is_empty() && !allowed.contains(&OptionScalar::Varint(target)) {
            misplaced.push(field);
        }
        if let Type::Message(id) | Type::Group(id) = field.ty {
            for value in &set.values {
                if let OptionScalar::Message(inner) | OptionScalar::Group(inner) = value {
                    targets(pool, id, inner, target, misplaced);
                }
            }
        }
    }
}
