//! The paths that options are given for: one that names nothing is a slip, and is told.

use buffa_descriptor::generated::descriptor::field_descriptor_proto::{Label, Type};
use buffa_descriptor::generated::descriptor::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
};

use crate::package::{MessageOptions, Sides};

/// Whether a path is that of an element or of something that it is in.
pub(crate) fn covers(path: &str, element: &str) -> bool {
    let prefix = path.trim_start_matches('.');
    prefix.is_empty()
        || element.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// What an option can be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Package,
    Message,
    Enum,
    Oneof,
    Service,
    Field {
        ty: Option<Type>,
        map: bool,
        repeated: bool,
        in_oneof: bool,
    },
    /// A field in a oneof by its other name, `Message.oneof.field`, which the options for what is kept there go by.
    Variant {
        message: bool,
    },
}

struct Element {
    name: String,
    kind: Kind,
}

/// A warning for each path of an option that fits nothing. `generated` are the files that code is made of; paths of other
/// crates may be for any file.
pub(crate) fn unmatched(
    files: &[FileDescriptorProto],
    generated: &[&FileDescriptorProto],
    options: &MessageOptions,
    sides: &Sides,
) -> Vec<String> {
    let all = elements(files.iter());
    let own = elements(generated.iter().copied());
    let mut warnings = Vec::new();
    let mut check = |option: &str, path: &str, among: &[Element], what: &str, fits: fn(Kind) -> bool| {
        if !among.iter().any(|element| fits(element.kind) && covers(path, &element.name)) && path != "." {
            warnings.push(format!(
                "{option}({path:?}, …) has no effect: there is no {what} of that name, or below it"
            ));
        }
    };
    let config = &options.config;
    for (path, _) in &config.extern_paths {
        check("extern_path", path, &all, "package, message or enum", |kind| {
            matches!(kind, Kind::Package | Kind::Message | Kind::Enum)
        });
    }
    for (path, _) in &config.type_attributes {
        check("type_attribute", path, &own, "message, enum or oneof", |kind| {
            matches!(kind, Kind::Message | Kind::Enum | Kind::Oneof)
        });
    }
    for (path, _) in &config.message_attributes {
        check("message_attribute", path, &own, "message", |kind| kind == Kind::Message);
    }
    for (path, _) in &config.enum_attributes {
        check("enum_attribute", path, &own, "enum", |kind| kind == Kind::Enum);
    }
    for (path, _) in &config.oneof_attributes {
        check("oneof_attribute", path, &own, "oneof", |kind| kind == Kind::Oneof);
    }
    for (path, _) in &config.field_attributes {
        let fits =
            |kind| matches!(kind, Kind::Field { in_oneof: false, .. } | Kind::Variant { .. } | Kind::Oneof);
        check("field_attribute", path, &own, "field or oneof", fits);
    }
    for (path, _) in &config.bytes_fields {
        let fits = |kind| matches!(kind, Kind::Field { ty: Some(Type::TYPE_BYTES), map: false, .. });
        check("bytes", path, &own, "field of type bytes", fits);
    }
    for (path, _) in &config.string_fields {
        let fits = |kind| matches!(kind, Kind::Field { ty: Some(Type::TYPE_STRING), map: false, .. });
        check("string_type", path, &own, "field of type string", fits);
    }
    for (path, _) in &config.map_fields {
        check("map_type", path, &own, "map field", |kind| matches!(kind, Kind::Field { map: true, .. }));
    }
    for (path, _) in &config.repeated_fields {
        let fits = |kind| matches!(kind, Kind::Field { repeated: true, map: false, .. });
        check("repeated_type", path, &own, "repeated field", fits);
    }
    for (path, _) in &config.pointer_fields {
        check("boxed", path, &own, "field with a single message", holds_message);
    }
    for path in &config.unboxed_oneof_fields {
        check("unboxed", path, &own, "message in a oneof", |kind| kind == Kind::Variant { message: true });
    }
    for (option, rules) in sides.rules() {
        for (path, _) in rules {
            check(option, path, &own, "service", |kind| kind == Kind::Service);
        }
    }
    warnings
}

fn holds_message(kind: Kind) -> bool {
    match kind {
        Kind::Field { ty, map: false, repeated: false, in_oneof: false } => is_message(ty),
        Kind::Variant { message } => message,
        _ => false,
    }
}

fn is_message(ty: Option<Type>) -> bool {
    matches!(ty, Some(Type::TYPE_MESSAGE | Type::TYPE_GROUP))
}

fn elements<'a>(files: impl Iterator<Item = &'a FileDescriptorProto>) -> Vec<Element> {
    let mut elements = Vec::new();
    for file in files {
        let package = file.package.as_deref().unwrap_or_default();
        elements.push(Element { name: package.to_owned(), kind: Kind::Package });
        for message in &file.message_type {
            add_message(&mut elements, package, message);
        }
        add_enums(&mut elements, package, &file.enum_type);
        for service in &file.service {
            let name = join(package, service.name.as_deref());
            elements.push(Element { name, kind: Kind::Service });
        }
    }
    elements
}

/// The compiler limits how deep messages nest.
fn add_message(elements: &mut Vec<Element>, scope: &str, message: &DescriptorProto) {
    let name = join(scope, message.name.as_deref());
    for field in &message.field {
        elements.push(Element { name: join(&name, field.name.as_deref()), kind: field_kind(field, message) });
        if let Some(oneof) = oneof_of(field, message) {
            let name = join(&join(&name, Some(oneof)), field.name.as_deref());
            elements.push(Element { name, kind: Kind::Variant { message: is_message(field.r#type) } });
        }
    }
    for oneof in &message.oneof_decl {
        elements.push(Element { name: join(&name, oneof.name.as_deref()), kind: Kind::Oneof });
    }
    for nested in message.nested_type.iter().filter(|nested| !is_map_entry(nested)) {
        add_message(elements, &name, nested);
    }
    add_enums(elements, &name, &message.enum_type);
    elements.push(Element { name, kind: Kind::Message });
}

fn add_enums(elements: &mut Vec<Element>, scope: &str, enums: &[EnumDescriptorProto]) {
    for one in enums {
        elements.push(Element { name: join(scope, one.name.as_deref()), kind: Kind::Enum });
    }
}

fn field_kind(field: &FieldDescriptorProto, message: &DescriptorProto) -> Kind {
    let entry = field.type_name.as_deref().and_then(|name| name.rsplit('.').next());
    let map =
        message.nested_type.iter().any(|nested| nested.name.as_deref() == entry && is_map_entry(nested));
    Kind::Field {
        ty: field.r#type,
        map,
        repeated: field.label == Some(Label::LABEL_REPEATED),
        in_oneof: oneof_of(field, message).is_some(),
    }
}

/// The name of the oneof that a field is in; the one that stands for `optional` is none.
fn oneof_of<'a>(field: &FieldDescriptorProto, message: &'a DescriptorProto) -> Option<&'a str> {
    if field.proto3_optional.unwrap_or(false) {
        return None;
    }
    let index = usize::try_from(field.oneof_index?).ok()?;
    message.oneof_decl.get(index)?.name.as_deref()
}

fn is_map_entry(message: &DescriptorProto) -> bool {
    message.options.as_option().and_then(|options| options.map_entry).unwrap_or(false)
}

fn join(scope: &str, name: Option<&str>) -> String {
    let name = name.unwrap_or_default();
    if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") }
}

#[cfg(test)]
mod tests;
