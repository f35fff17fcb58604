//! `features.enforce_naming_style`: how names have to look from edition 2024 on, and limits from edition 2026 on.

use super::{
    Features, File, FileId, Message, Pool,
    elements::{self, Element},
    features::NamingStyle,
};
use crate::diagnostics::Diagnostics;

/// The most fields and oneofs of a message, fields of a oneof and values of an enum that
/// `features.enforce_proto_limits` allows.
const MOST_FIELDS: usize = 1500;
const MOST_ONEOFS: usize = 1000;
const MOST_ONEOF_FIELDS: usize = 1200;
const MOST_VALUES: usize = 1700;

/// Checks the names and sizes of all elements of a file.
pub(super) fn check(pool: &Pool, id: FileId, diagnostics: &mut Diagnostics) {
    let file = pool.file(id);
    elements::visit(pool, id, &mut |element, features| {
        if features.naming_style() != NamingStyle::Legacy {
            style(file, element, features, diagnostics);
        }
    });
    elements::visit(pool, id, &mut |element, features| {
        if features.limits() {
            limits(file, element, diagnostics);
        }
    });
}

fn limits(file: &File, element: Element<'_>, diagnostics: &mut Diagnostics) {
    let excess = |count: usize, most: usize, of: &'static str| (count > most).then_some((most, of));
    let (what, name, found) = match element {
        Element::Message(message) => {
            let fields = excess(message.fields.len(), MOST_FIELDS, "fields");
            let oneofs = excess(message.oneofs.len(), MOST_ONEOFS, "oneofs");
            ("Message", &message.name, [fields, oneofs])
        }
        Element::Enum(definition) => {
            ("Enum", &definition.name, [excess(definition.values.len(), MOST_VALUES, "values"), None])
        }
        Element::Oneof(oneof, message) => {
            let index = message.oneofs.iter().position(|other| other.name == oneof.name);
            let members =
                message.fields.iter().filter(|field| field.oneof == index.map(|index| index as u32));
            ("Oneof", &oneof.name, [excess(members.count(), MOST_ONEOF_FIELDS, "fields"), None])
        }
        _ => return,
    };
    for (most, of) in found.into_iter().flatten() {
        let text = format!(
            "{what} name {name} should not contain more than {most} {of} (features.enforce_proto_limits = \
             LEGACY_NO_EXPLICIT_LIMITS can be used to opt out of this check)"
        );
        match element {
            Element::Oneof(..) => diagnostics.about_file(true, file.source.name(), text),
            element => file.error(diagnostics, element.token().unwrap_or(0), text),
        }
    }
}

fn style(file: &File, element: Element<'_>, features: Features, diagnostics: &mut Diagnostics) {
    let (what, name, fault) = match element {
        Element::File(file) => ("Package", file.package.as_str(), package_case(&file.package)),
        Element::Message(message) if message.map_entry => return,
        Element::Message(message) => ("Message", message.name.as_str(), title_case(&message.name)),
        Element::Field(_, Some(message)) if message.map_entry => return,
        Element::Field(field, _) => ("Field", field.name.as_str(), lower_snake_case(&field.name)),
        Element::Oneof(oneof, _) => ("Oneof", oneof.name.as_str(), lower_snake_case(&oneof.name)),
        Element::Enum(definition) => ("Enum", definition.name.as_str(), title_case(&definition.name)),
        Element::Value(value) => ("Enum value", value.name.as_str(), upper_snake_case(&value.name)),
        Element::Service(service) => ("Service", service.name.as_str(), title_case(&service.name)),
        Element::Method(method) => ("Method", method.name.as_str(), title_case(&method.name)),
        Element::Range(..) => return,
    };
    let mut say = |text: String| match element {
        Element::File(file) => file.error(diagnostics, file.package_span.first, text),
        // protoc has no place for these.
        Element::Oneof(..) => diagnostics.about_file(true, file.source.name(), text),
        element => file.error(diagnostics, element.token().unwrap_or(0), text),
    };
    if let Some(fault) = fault {
        say(format!(
            "{what} name {name} {fault} (features.enforce_naming_style = STYLE_LEGACY can be used to opt out of this \
             check)"
        ));
    }
    if features.naming_style() >= NamingStyle::Style2026
        && let Some(fault) = collision(element, name)
    {
        say(format!(
            "{what} name {name} {fault} (features.enforce_naming_style = STYLE2024 can be used to opt out of this \
             check)"
        ));
    }
}

/// Names that generated code makes out of other names.
fn collision(element: Element<'_>, name: &str) -> Option<String> {
    const SUFFIX: &str = "This can cause collisions in generated code.";
    let message: &Message = match element {
        Element::Field(field, Some(message)) if field.extendee.is_none() => message,
        Element::Oneof(_, message) => message,
        _ => return None,
    };
    let exists = |name: &str| message.fields.iter().any(|field| field.name == name);
    for prefix in ["has_", "get_", "set_", "clear_"] {
        if let Some(rest) = name.strip_prefix(prefix).filter(|rest| exists(rest)) {
            return Some(format!("should not begin with {prefix} if a field named {rest} exists. {SUFFIX}"));
        }
    }
    if let Some(rest) = name.strip_suffix("_value").filter(|rest| exists(rest)) {
        return Some(format!("should not end with _value if a field named {rest} exists. {SUFFIX}"));
    }
    (name == "descriptor").then(|| format!("should not be named descriptor. {SUFFIX}"))
}

fn title_case(name: &str) -> Option<&'static str> {
    if !name.bytes().all(|b| b.is_ascii_alphanumeric()) {
        Some("should be TitleCase")
    } else if !name.starts_with(|ch: char| ch.is_ascii_uppercase()) {
        Some("should begin with a capital letter")
    } else {
        None
    }
}

fn lower_snake_case(name: &str) -> Option<&'static str> {
    if !name.bytes().all(|b| b == b'_' || b.is_ascii_lowercase() || b.is_ascii_digit()) {
        Some("should be lower_snake_case")
    } else if !name.starts_with(|ch: char| ch.is_ascii_lowercase()) {
        Some("should begin with a lower case letter")
    } else {
        loose_underscore(name)
    }
}

fn upper_snake_case(name: &str) -> Option<&'static str> {
    if !name.bytes().all(|b| b == b'_' || b.is_ascii_uppercase() || b.is_ascii_digit()) {
        Some("should be UPPER_SNAKE_CASE")
    } else if !name.starts_with(|ch: char| ch.is_ascii_uppercase()) {
        Some("should begin with an upper case letter")
    } else {
        loose_underscore(name)
    }
}

/// An underscore stands between words, which start with letters.
fn loose_underscore(name: &str) -> Option<&'static str> {
    let bytes = name.as_bytes();
    let loose = |at: usize| bytes[at] == b'_' && !bytes.get(at + 1).is_some_and(u8::is_ascii_alphabetic);
    (0..bytes.len()).any(loose).then_some("contains style violating underscores")
}

fn package_case(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return None;
    }
    if !name.bytes().all(|b| b == b'.' || b == b'_' || b.is_ascii_lowercase() || b.is_ascii_digit()) {
        return Some("should be lower_snake_case");
    }
    name.split('.').find_map(lower_snake_case)
}
