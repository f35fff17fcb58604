//! Names that clash once a language or JSON has changed their case.

use foldhash::{HashMap, HashMapExt};

use super::{Enum, Field, Message, check::Checker};
use crate::{ast::Edition, text};

/// `MessageOptions.deprecated_legacy_json_field_conflicts` and the same of `EnumOptions`.
const LEGACY_CONFLICTS: u32 = 11;
const ENUM_LEGACY_CONFLICTS: u32 = 6;

/// Two fields must not have the same name in JSON: an error in proto3, a warning in proto2 unless written so.
pub(super) fn json_names(checker: &mut Checker<'_>, message: &Message) {
    if message.options.value.is_true(LEGACY_CONFLICTS) {
        return;
    }
    for field in &message.fields {
        let Some(json_name) = &field.json_name else { continue };
        if json_name.starts_with('[') && json_name.ends_with(']') {
            let text = format!(
                "The custom JSON name of field \"{}\" (\"{json_name}\") is invalid: JSON names may not start with '[' and end \
                 with ']'.",
                field.name
            );
            checker.error(field.at.name, text);
        }
    }
    check_json(checker, message, false);
    check_json(checker, message, true);
}

fn check_json(checker: &mut Checker<'_>, message: &Message, custom: bool) {
    let mut seen: HashMap<String, (&Field, bool)> = HashMap::new();
    for field in &message.fields {
        let by_default = text::json_name(&field.name);
        let written = field.json_name.as_deref().filter(|written| custom && *written != by_default);
        let (is_custom, name) = (written.is_some(), written.map_or(by_default, str::to_owned));
        let Some((other, other_custom)) = seen.get(&name).copied() else {
            seen.insert(name, (field, is_custom));
            continue;
        };
        // A clash of two default names was reported by the first pass.
        if custom && !is_custom && !other_custom {
            continue;
        }
        let word = |is_custom| if is_custom { "custom" } else { "default" };
        let both_custom = is_custom && other_custom;
        let legacy = !message.features.allows_json() && !both_custom;
        let existing = if name == text::json_name(&other.name) || other_custom {
            String::new()
        } else {
            format!(" (\"{}\")", other.json_name())
        };
        let text = format!(
            "The {} JSON name of field \"{}\" (\"{name}\") conflicts with the {} JSON name of field \"{}\"{existing}.",
            word(is_custom),
            field.name,
            word(other_custom),
            other.name,
        );
        if legacy {
            checker.file.warning(checker.diagnostics, field.at.name, text);
        } else {
            checker.error(field.at.name, text);
        }
    }
}

/// Two values must differ in more than case and the enum's own name in front: an error in proto3, else a warning.
pub(super) fn enum_values(checker: &mut Checker<'_>, definition: &Enum) {
    if definition.options.value.is_true(ENUM_LEGACY_CONFLICTS) {
        return;
    }
    let mut seen: HashMap<String, (&str, i32)> = HashMap::new();
    for value in &definition.values {
        let short = camel_case(without_prefix(&value.name, &definition.name));
        let Some((other, number)) = seen.get(&short).copied() else {
            seen.insert(short, (&value.name, value.number));
            continue;
        };
        if other == value.name || number == value.number {
            continue;
        }
        let text = format!(
            "Enum name {} has the same name as {other} if you ignore case and strip out the enum name prefix (if \
             any). (If you are using allow_alias, please assign the same number to each enum value name.)",
            value.name
        );
        if checker.file.edition != Edition::Proto2 {
            checker.error(value.name_token, text);
        } else {
            checker.file.warning(checker.diagnostics, value.name_token, text);
        }
    }
}

/// The value's name without its enum's name, both compared without case and underscores; whole where nothing would
/// be left.
fn without_prefix<'a>(value: &'a str, prefix: &str) -> &'a str {
    let mut prefix = prefix.bytes().filter(|b| *b != b'_').map(|b| b.to_ascii_lowercase());
    let mut at = 0;
    let bytes = value.as_bytes();
    for wanted in prefix.by_ref() {
        while bytes.get(at) == Some(&b'_') {
            at += 1;
        }
        match bytes.get(at) {
            Some(byte) if byte.to_ascii_lowercase() == wanted => at += 1,
            _ => return value,
        }
    }
    while bytes.get(at) == Some(&b'_') {
        at += 1;
    }
    if at == bytes.len() { value } else { &value[at..] }
}

/// `FOO_BAR` as `FooBar`.
fn camel_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = true;
    for ch in name.chars() {
        if ch == '_' {
            upper = true;
        } else {
            out.push(if upper { ch.to_ascii_uppercase() } else { ch.to_ascii_lowercase() });
            upper = false;
        }
    }
    out
}
