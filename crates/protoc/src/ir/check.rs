//! Rules of the language that need linked types and interpreted options.

use super::{
    Enum, Field, File, Message, MessageId, Pool, Type, build::BuiltFile, check_features, check_names,
    declarations, json_values, options,
};
use crate::{
    ast::{Edition, Label, Scalar},
    diagnostics::Diagnostics,
    text,
};

/// `FieldOptions.packed`, `.lazy` and `.jstype`
const PACKED: u32 = 2;
const LAZY: u32 = 5;
const JSTYPE: u32 = 6;
const UNVERIFIED_LAZY: u32 = 15;
/// `FileOptions.optimize_for` and its value `LITE_RUNTIME`, and options for services.
const OPTIMIZE_FOR: u32 = 9;
const LITE_RUNTIME: u64 = 3;
const CC_GENERIC_SERVICES: u32 = 16;
const JAVA_GENERIC_SERVICES: u32 = 17;
/// `EnumOptions.allow_alias`
const ALLOW_ALIAS: u32 = 2;

/// What proto3 files may extend: the options of `descriptor.proto`.
const OPTION_MESSAGES: [&str; 9] = [
    "FileOptions",
    "MessageOptions",
    "FieldOptions",
    "OneofOptions",
    "ExtensionRangeOptions",
    "EnumOptions",
    "EnumValueOptions",
    "ServiceOptions",
    "MethodOptions",
];

/// Checks a linked file.
pub(super) fn check(pool: &Pool, built: &BuiltFile, diagnostics: &mut Diagnostics) {
    let file = pool.file(built.id);
    let mut checker = Checker { pool, file, diagnostics };
    check_features::file(&mut checker);
    checker.lite();
    for message in built.messages().map(|id| pool.message(id)) {
        checker.message(message);
    }
    for definition in built.enums().map(|id| pool.enumeration(id)) {
        checker.enumeration(definition);
    }
    for field in &file.extensions {
        checker.field(field, None);
    }
}

fn is_lite(file: &File) -> bool {
    file.options.value.varint(OPTIMIZE_FOR) == Some(LITE_RUNTIME)
}

pub(super) struct Checker<'a> {
    pub(super) pool: &'a Pool,
    pub(super) file: &'a File,
    pub(super) diagnostics: &'a mut Diagnostics,
}

impl Checker<'_> {
    pub(super) fn error(&mut self, token: u32, text: impl Into<String>) {
        self.file.error(self.diagnostics, token, text);
    }

    pub(super) fn proto3(&self) -> bool {
        self.file.edition == Edition::Proto3
    }

    /// What files for the lite runtime cannot do, and others not with them.
    fn lite(&mut self) {
        let file = self.file;
        if !is_lite(file) {
            for import in &file.imports {
                if import.file.is_some_and(|id| is_lite(self.pool.file(id))) {
                    let text = format!(
                        "Files that do not use optimize_for = LITE_RUNTIME cannot import files which do use this \
                         option.  This file is not lite, but it imports \"{}\" which is.",
                        import.path
                    );
                    self.error(import.token, text);
                    break;
                }
            }
            return;
        }
        let options = &file.options.value;
        if options.is_true(CC_GENERIC_SERVICES) || options.is_true(JAVA_GENERIC_SERVICES) {
            for service in &file.services {
                let text = "Files with optimize_for = LITE_RUNTIME cannot define services unless you set both options \
                            cc_generic_services and java_generic_services to false.";
                self.error(service.name_token, text);
            }
        }
    }

    fn message(&mut self, message: &Message) {
        for field in message.fields.iter().chain(&message.extensions) {
            self.field(field, Some(message));
        }
        if message.is_message_set()
            && let Some(field) = message.fields.first()
        {
            self.error(field.at.name, "MessageSets cannot have fields, only extensions.");
        }
        for (index, oneof) in message.oneofs.iter().enumerate() {
            if !message.fields.iter().any(|field| field.oneof == Some(index as u32)) {
                self.error(oneof.name_token, "Oneof must have at least one field.");
            }
        }
        if self.proto3() {
            if let Some(range) = message.extension_ranges.first() {
                self.error(range.token, "Extension ranges are not allowed in proto3.");
            }
            if message.is_message_set() {
                self.error(message.name_token, "MessageSet is not supported in proto3.");
            }
        }
        declarations::of_message(self, message);
        check_names::json_names(self, message);
    }

    fn field(&mut self, field: &Field, message: Option<&Message>) {
        check_features::field(self, field, message);
        if let Some(packed) = field.options.value.varint(PACKED)
            && packed == 1
            && !options::is_packable(field)
        {
            self.error(field.at.ty, "[packed = true] can only be specified for repeated primitive fields.");
        }
        if field.options.value.is_true(LAZY) && field.ty.message().is_none() {
            self.error(field.at.ty, "[lazy = true] can only be specified for submessage fields.");
        }
        self.jstype(field);
        if self.proto3() {
            self.proto3_field(field);
        }
        if let Type::Message(id) = field.ty
            && field.is_repeated()
        {
            let entry = self.pool.message(id);
            if entry.map_entry && entry.name != text::map_entry_name(&field.name) {
                self.synthetic_type(field, entry);
            }
            for part in entry.fields.iter().filter(|_| entry.map_entry) {
                self.map_entry_field(part);
            }
        }
        if let Type::Message(id) = field.ty
            && !field.is_repeated()
            && self.pool.message(id).map_entry
        {
            self.synthetic_type(field, self.pool.message(id));
        }
        if field.json_name.as_ref().is_some_and(|name| name.contains('\0')) {
            self.error(field.at.json_name, "json_name cannot have embedded null characters.");
        }
        if field.extendee.is_some() {
            self.extension(field);
        }
    }

    fn synthetic_type(&mut self, field: &Field, entry: &Message) {
        let text = format!(
            "{} is a synthetic MapEntry message type, which is not allowed to be used as a field type.",
            entry.full_name
        );
        self.error(field.at.ty, text);
    }

    fn jstype(&mut self, field: &Field) {
        if field.options.value.varint(JSTYPE).unwrap_or(0) == 0 {
            return;
        }
        use Scalar::{Fixed64, Int64, Sfixed64, Sint64, Uint64};
        let wide = matches!(field.ty, Type::Scalar(Int64 | Uint64 | Sint64 | Fixed64 | Sfixed64));
        if !wide {
            let text = "jstype is only allowed on int64, uint64, sint64, fixed64 or sfixed64 fields.";
            self.error(field.at.ty, text);
        }
    }

    fn proto3_field(&mut self, field: &Field) {
        let at = field.at;
        if let Some(extendee) = &field.extendee {
            let name = extendee.name.strip_prefix(".google.protobuf.").unwrap_or("");
            if !OPTION_MESSAGES.contains(&name) {
                self.error(extendee.token, "Extensions in proto3 are only allowed for defining options.");
            }
        }
        if field.label == Label::Required {
            self.error(at.ty, "Required fields are not allowed in proto3.");
        }
        if field.default.is_some() {
            self.error(at.default, "Explicit default values are not allowed in proto3.");
        }
        match field.ty {
            Type::Enum(id) => {
                let definition = self.pool.enumeration(id);
                if definition.features.is_closed() {
                    let parent = field.full_name.rsplit_once('.').map_or("", |(parent, _)| parent);
                    let text = format!(
                        "Enum type \"{}\" is not an open enum, but is used in \"{parent}\" which is a proto3 message \
                         type.",
                        definition.full_name
                    );
                    self.error(at.ty, text);
                }
            }
            Type::Group(_) => self.error(at.ty, "Groups are not supported in proto3 syntax."),
            _ => {}
        }
    }

    fn map_entry_field(&mut self, field: &Field) {
        if field.number == 1 {
            match field.ty {
                Type::Scalar(Scalar::Float | Scalar::Double | Scalar::Bytes)
                | Type::Message(_)
                | Type::Group(_) => {
                    let text = "Key in map fields cannot be float/double, bytes or message types.";
                    self.error(field.at.ty, text);
                }
                Type::Enum(_) => self.error(field.at.ty, "Key in map fields cannot be enum types."),
                _ => {}
            }
        } else if let Type::Enum(id) = field.ty
            && self.pool.enumeration(id).values.first().is_some_and(|value| value.number != 0)
        {
            self.error(field.at.ty, "Enum value in map must define 0 as the first value.");
        }
    }

    fn extension(&mut self, field: &Field) {
        declarations::of_extension(self, field);
        if field.options.value.is_true(UNVERIFIED_LAZY) {
            self.error(field.at.ty, "Extensions cannot be marked as unverified_lazy.");
        }
        let extends_full = field
            .extendee
            .as_ref()
            .and_then(|extendee| extendee.message)
            .is_some_and(|id| !is_lite(self.pool.file(self.pool.message(id).file)));
        if extends_full && is_lite(self.file) {
            let text = "Extensions to non-lite types can only be declared in non-lite files.  Note that you cannot \
                        extend a non-lite type to contain a lite type, but the reverse is allowed.";
            self.error(field.extendee.as_ref().map_or(field.at.name, |extendee| extendee.token), text);
        }
        let extendee = field.extendee.as_ref().and_then(|extendee| extendee.message);
        if extendee.is_some_and(|id: MessageId| self.pool.message(id).is_message_set())
            && (field.label != Label::Optional || field.ty.message().is_none())
        {
            self.error(field.at.ty, "Extensions of MessageSets must be optional messages.");
        }
    }

    fn enumeration(&mut self, definition: &Enum) {
        let Some(first) = definition.values.first() else { return };
        if !definition.features.is_closed() && first.number != 0 {
            self.error(first.number_token, "The first enum value must be zero for open enums.");
        }
        self.enum_numbers(definition);
        check_names::enum_values(self, definition);
        json_values::check(self, definition);
    }

    fn enum_numbers(&mut self, definition: &Enum) {
        if definition.options.value.is_true(ALLOW_ALIAS) {
            return;
        }
        let mut seen = std::collections::HashMap::new();
        for value in &definition.values {
            let full_name = definition.value_name(&value.name);
            let Some(other) = seen.insert(value.number, full_name.clone()) else { continue };
            let highest = definition.values.iter().map(|value| value.number).max().unwrap_or(0);
            let next = highest
                .checked_add(1)
                .map_or_else(String::new, |next| format!(" The next available enum value is {next}."));
            let text = format!(
                "\"{full_name}\" uses the same enum value as \"{other}\". If this is intended, set 'option \
                 allow_alias = true;' to the enum definition.{next}"
            );
            seen.insert(value.number, other);
            self.error(value.number_token, text);
        }
    }
}
