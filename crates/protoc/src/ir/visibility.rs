//! Which messages and enums of a file others may use: `export`, `local` and the default of their file.

use super::{
    EnumId, FileId, Message, MessageId, Pool, Range,
    build::MAX_FIELD_NUMBER,
    elements::{self, Element},
    features::DefaultVisibility,
};
use crate::{ast::Visibility, diagnostics::Diagnostics};

/// A message or enum as far as it can be seen.
struct Seen {
    written: Option<Visibility>,
    file: FileId,
    nested: bool,
    full_name: String,
}

/// Why a file cannot use a message, if so.
pub(super) fn message_fault(pool: &Pool, id: MessageId, user: FileId, role: &str) -> Option<String> {
    let message = pool.message(id);
    let seen = || Seen {
        written: message.visibility,
        file: message.file,
        nested: message.nested_in.is_some(),
        full_name: message.full_name.to_string(),
    };
    (message.file != user).then(|| fault(pool, &seen(), user, role)).flatten()
}

/// Why a file cannot use an enum, if so.
pub(super) fn enum_fault(pool: &Pool, id: EnumId, user: FileId) -> Option<String> {
    let definition = pool.enumeration(id);
    let seen = || Seen {
        written: definition.visibility,
        file: definition.file,
        nested: definition.nested_in.is_some(),
        full_name: definition.full_name.to_string(),
    };
    (definition.file != user).then(|| fault(pool, &seen(), user, "")).flatten()
}

fn fault(pool: &Pool, seen: &Seen, user: FileId, role: &str) -> Option<String> {
    let file = pool.file(seen.file);
    let default = file.features.default_visibility();
    let reason = match seen.written {
        Some(Visibility::Export) => return None,
        Some(Visibility::Local) => "It is explicitly marked 'local'".to_owned(),
        None => {
            let exported = match default {
                DefaultVisibility::ExportAll => true,
                DefaultVisibility::ExportTopLevel => !seen.nested,
                DefaultVisibility::LocalAll | DefaultVisibility::Strict => false,
            };
            if exported {
                return None;
            }
            let default = default.name();
            format!(
                "It defaulted to local from file-level 'option features.default_symbol_visibility = '{default}';"
            )
        }
    };
    Some(format!(
        "Symbol \"{}\", defined in \"{}\" {role} is not visible from \"{}\". {reason} and cannot be accessed outside \
         its own file",
        seen.full_name,
        file.source.name(),
        pool.file(user).source.name()
    ))
}

/// Whether a message does nothing but give its name to what is in it.
fn is_namespace(message: &Message) -> bool {
    let everything = |range: &Range| range.start == 1 && range.end > MAX_FIELD_NUMBER;
    message.visibility != Some(Visibility::Export)
        && message.nested_in.is_none()
        && message.reserved_ranges.iter().any(everything)
}

/// With `STRICT`, what other files may use stands at the top level.
pub(super) fn check(pool: &Pool, id: FileId, diagnostics: &mut Diagnostics) {
    let file = pool.file(id);
    if file.features.default_visibility() != DefaultVisibility::Strict {
        return;
    }
    let mut enums = Vec::new();
    elements::visit(pool, id, &mut |element, _| match element {
        Element::Message(message)
            if message.nested_in.is_some() && message.visibility == Some(Visibility::Export) =>
        {
            let text = format!(
                "\"{}\" is a nested message and cannot be `export` with STRICT default_symbol_visibility. It must be \
                 moved to top-level, ideally in its own file in order to be `export`.",
                message.full_name
            );
            diagnostics.about_file(true, file.source.name(), text);
        }
        Element::Enum(definition)
            if definition.nested_in.is_some_and(|outer| !is_namespace(pool.message(outer)))
                && definition.visibility == Some(Visibility::Export) =>
        {
            let name = &definition.full_name;
            enums.push(format!(
                "\"{name}\" is a nested enum and cannot be marked `export` with STRICT default_symbol_visibility. It \
                 must be moved to top-level, ideally in its own file in order to be `export`. For C++ namespacing of \
                 enums in a messages use: `local message <OuterNamespace> {{ export enum {name} {{...}} reserved 1 to \
                 max; }}`"
            ));
        }
        _ => {}
    });
    for text in enums {
        diagnostics.about_file(true, file.source.name(), text);
    }
}
