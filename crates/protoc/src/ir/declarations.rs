//! Extension declarations: which extensions a range of a message is kept for.

use std::collections::HashMap;

use smol_str::SmolStr;

use super::{
    Field, FileId, Message, OptionMessage, OptionScalar, Pool, Range, Type, check::Checker,
    options::type_word_of,
};
use crate::ast::Label;

/// Fields of `ExtensionRangeOptions`, and of its `Declaration`.
const DECLARATION: u32 = 2;
const VERIFICATION: u32 = 3;
const NUMBER: u32 = 1;
const FULL_NAME: u32 = 2;
const TYPE: u32 = 3;
const RESERVED: u32 = 5;
const REPEATED: u32 = 6;

fn declarations(range: &Range) -> impl Iterator<Item = &OptionMessage> {
    let values = range.options.value.fields.get(&DECLARATION).map_or(&[] as &[_], |field| &field.values);
    values.iter().filter_map(|value| match value {
        OptionScalar::Message(declaration) => Some(declaration),
        _ => None,
    })
}

fn text(declaration: &OptionMessage, number: u32) -> String {
    match declaration.fields.get(&number).and_then(|field| field.values.last()) {
        Some(OptionScalar::Bytes(text)) => String::from_utf8_lossy(text).into_owned(),
        _ => String::new(),
    }
}

/// Checks what a message declares.
pub(super) fn of_message(checker: &mut Checker<'_>, message: &Message) {
    let mut names = HashMap::new();
    for range in &message.extension_ranges {
        let mut numbers = HashMap::new();
        let mut any = false;
        for declaration in declarations(range) {
            any = true;
            let number = declaration.varint(NUMBER).unwrap_or(0) as i32;
            if number < range.start || number >= range.end {
                let text = format!("Extension declaration number {number} is not in the extension range.");
                checker.error(range.token, text);
            }
            if numbers.insert(number, ()).is_some() {
                let text = format!("Extension declaration number {number} is declared multiple times.");
                checker.error(range.token, text);
            }
            let (name, ty) = (text(declaration, FULL_NAME), text(declaration, TYPE));
            if name.is_empty() != ty.is_empty() {
                let text = format!(
                    "Extension declaration #{number} should have both \"full_name\" and \"type\" set."
                );
                checker.error(range.token, text);
                continue;
            }
            if name.is_empty() {
                continue;
            }
            if names.insert(name.clone(), ()).is_some() {
                let text = format!("Extension field name \"{name}\" is declared multiple times.");
                checker.error(range.token, text);
            }
            let is_word = crate::ast::Scalar::from_word(&ty).is_some();
            for symbol in [Some(&name), (!is_word).then_some(&ty)].into_iter().flatten() {
                if let Some(text) = symbol_fault(symbol) {
                    checker.error(range.token, text);
                }
            }
        }
        if any && range.options.value.varint(VERIFICATION) == Some(1) {
            let text = "Cannot mark the extension range as UNVERIFIED when it has extension(s) declared.";
            checker.error(range.token, text);
        }
    }
}

fn symbol_fault(symbol: &str) -> Option<String> {
    let Some(rest) = symbol.strip_prefix('.') else {
        return Some(format!("\"{symbol}\" must have a leading dot to indicate the fully-qualified scope."));
    };
    let is_identifier = |part: &str| {
        part.bytes().next().is_some_and(|b| b == b'_' || b.is_ascii_alphabetic())
            && part.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric())
    };
    (!rest.split('.').all(is_identifier)).then(|| format!("\"{symbol}\" contains invalid identifiers."))
}

/// Checks that an extension is the one that its number is declared for.
pub(super) fn of_extension(checker: &mut Checker<'_>, field: &Field) {
    let pool: &Pool = checker.pool;
    let Some(extendee) = &field.extendee else { return };
    let Some(message) = extendee.message.map(|id| pool.message(id)) else { return };
    let holds = |range: &&Range| range.start <= field.number && field.number < range.end;
    let Some(range) = message.extension_ranges.iter().find(holds) else { return };
    let is_declared = range.options.value.varint(VERIFICATION) == Some(0);
    if declarations(range).next().is_none() && !is_declared {
        return;
    }
    let number = field.number;
    let declared = declarations(range).find(|declaration| declaration.varint(NUMBER) == Some(number as u64));
    let (owner, name) = (&message.full_name, &field.full_name);
    let Some(declared) = declared else {
        let text = format!(
            "Missing extension declaration for field {name} with number {number} in extendee message {owner}. An \
             extension range must declare for all extension fields if its verification state is DECLARATION or there's \
             any declaration in the range already. Otherwise, consider splitting up the range."
        );
        return checker.error(extendee.token, text);
    };
    if declared.is_true(RESERVED) {
        let text = format!(
            "Cannot use number {number} for extension field {name}, as it is reserved in the extension declarations for \
             message {owner}."
        );
        return checker.error(extendee.token, text);
    }
    let mut expected = Vec::new();
    let (wanted_type, wanted_name) = (text(declared, TYPE), text(declared, FULL_NAME));
    let actual_type = match field.ty {
        Type::Scalar(scalar) => type_word_of(scalar).to_owned(),
        _ => field.type_name.clone(),
    };
    if !wanted_type.is_empty() && wanted_type != actual_type {
        expected.push(format!("be type \"{wanted_type}\", not \"{actual_type}\""));
    }
    if !wanted_name.is_empty() && wanted_name.strip_prefix('.') != Some(&**name) {
        expected.push(format!("have field name \"{wanted_name}\", not \".{name}\""));
    }
    let repeated = field.label == Label::Repeated;
    if declared.is_true(REPEATED) != repeated {
        expected.push(if repeated { "be optional" } else { "be repeated" }.to_owned());
    }
    for what in expected {
        checker.error(extendee.token, format!("\"{owner}\" extension field {number} is expected to {what}."));
    }
}

/// Names of map entries, which nobody wrote, in conflict with names that somebody did; looked for where anything is
/// wrong already.
pub(super) fn map_conflicts(pool: &Pool, file: FileId) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    let mut open = pool.file(file).messages.clone();
    open.reverse();
    while let Some(id) = open.pop() {
        let message = pool.message(id);
        let nested: Vec<&Message> = message.nested.iter().map(|id| pool.message(*id)).collect();
        let mut conflict = |name: &str, with: &str| {
            let text = format!("Expanded map entry type {name} conflicts with an existing {with}.");
            found.push((message.name_token, text));
        };
        let entries: Vec<&str> =
            nested.iter().filter(|entry| entry.map_entry).map(|entry| entry.name.as_str()).collect();
        for (index, inner) in nested.iter().enumerate() {
            let clashes = |other: &&Message| other.name == inner.name && (other.map_entry || inner.map_entry);
            if nested[..index].iter().copied().any(|other| clashes(&other)) {
                conflict(&inner.name, "nested message type");
            }
        }
        let is_entry = |name: &&SmolStr| entries.contains(&name.as_str());
        message.fields.iter().map(|field| &field.name).filter(is_entry).for_each(|name| {
            conflict(name, "field");
        });
        let enums = message.enums.iter().map(|id| &pool.enumeration(*id).name);
        enums.filter(is_entry).for_each(|name| conflict(name, "enum type"));
        let oneofs = message.oneofs.iter().map(|oneof| &oneof.name);
        oneofs.filter(is_entry).for_each(|name| conflict(name, "oneof type"));
        open.extend(message.nested.iter().rev());
    }
    found
}
