//! `descriptor_pb2.py`, the module that describes descriptors. A runtime in Python alone reads serialized descriptors by
//! means of this very module, and so it is written out: descriptors by their constructors, then the links between them,
//! then their features.

use std::collections::HashMap;

use super::{file_field, global_name, message_field};
use crate::{
    generate::{RequestFile, code::Code},
    raw,
    text::c_escape,
};

const NAME: &str = "google/protobuf/descriptor.proto";

/// `FieldDescriptorProto.Type`, with which the kinds of Python's values go.
const TYPE_MESSAGE: u64 = 11;
const TYPE_GROUP: u64 = 10;
const TYPE_ENUM: u64 = 14;
/// The `CppType` of each `Type`, from 1 on.
const CPP_TYPES: [u8; 18] = [5, 6, 2, 4, 1, 4, 3, 7, 9, 10, 10, 9, 3, 8, 1, 2, 1, 2];

const REPEATED: u64 = 3;
const REQUIRED: u64 = 2;

/// Whether a file is the one that is written out. One that has more than descriptors need is written like any other.
pub(super) fn is_written_out(file: &RequestFile) -> bool {
    fn is_plain(message: &[u8]) -> bool {
        let has = |field| raw::all(message, field).next().is_some();
        !has(message_field::EXTENSION)
            && !has(message_field::ONEOF)
            && raw::all(message, message_field::NESTED).all(is_plain)
    }
    let bytes = file.embedded.as_slice();
    let has = |field| raw::all(bytes, field).next().is_some();
    // Syntax and edition stand in a file that is not proto2.
    let has_syntax = has(12) || raw::varints(bytes, 14).next().is_some();
    file.name == NAME
        && !has_syntax
        && !has(file_field::DEPENDENCY)
        && !has(file_field::EXTENSION)
        && !has(file_field::SERVICE)
        && raw::all(bytes, file_field::MESSAGE).all(is_plain)
}

/// An enum or a message with the names it goes by.
struct Definition<'a> {
    bytes: &'a [u8],
    /// `google.protobuf.Outer.Inner`
    full_name: String,
    /// `_OUTER_INNER`
    global: String,
    enums: Vec<Self>,
    nested: Vec<Self>,
}

impl<'a> Definition<'a> {
    fn enumeration(bytes: &'a [u8], scope: &str, global: &str) -> Self {
        let name = raw::name(bytes);
        let full_name = format!("{scope}.{name}");
        Self { bytes, full_name, global: global_name(global, name), enums: Vec::new(), nested: Vec::new() }
    }

    /// Messages nest no deeper than the parser lets them.
    fn message(bytes: &'a [u8], scope: &str, global: &str) -> Self {
        let mut message = Self::enumeration(bytes, scope, global);
        let (scope, global) = (message.full_name.as_str(), message.global.as_str());
        let enums = raw::all(bytes, message_field::ENUM);
        let enums = enums.map(|bytes| Self::enumeration(bytes, scope, global)).collect();
        let nested = raw::all(bytes, message_field::NESTED);
        message.nested = nested.map(|bytes| Self::message(bytes, scope, global)).collect();
        message.enums = enums;
        message
    }

    fn name(&self) -> &'a str {
        raw::name(self.bytes)
    }

    fn fields(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        raw::all(self.bytes, message_field::FIELD)
    }
}

/// The file, taken apart.
pub(super) struct DescriptorProto<'a> {
    bytes: &'a [u8],
    enums: Vec<Definition<'a>>,
    messages: Vec<Definition<'a>>,
    /// The global names of all messages and enums, by full name with a leading dot, and the enums' values.
    globals: HashMap<String, (String, &'a [u8])>,
}

fn options(bytes: &[u8], field: u32) -> String {
    match raw::first(bytes, field) {
        [] => "None".to_owned(),
        options => format!("b'{}'", c_escape(options)),
    }
}

fn number(bytes: &[u8], field: u32) -> u64 {
    raw::varints(bytes, field).last().unwrap_or(0)
}

impl<'a> DescriptorProto<'a> {
    pub(super) fn new(file: &'a RequestFile) -> Self {
        fn collect<'a>(definitions: &[Definition<'a>], globals: &mut HashMap<String, (String, &'a [u8])>) {
            for definition in definitions {
                let value = (definition.global.clone(), definition.bytes);
                globals.insert(format!(".{}", definition.full_name), value);
                collect(&definition.nested, globals);
                collect(&definition.enums, globals);
            }
        }
        let bytes = file.embedded.as_slice();
        let package = std::str::from_utf8(raw::first(bytes, 2)).unwrap_or("");
        let enums = raw::all(bytes, file_field::ENUM);
        let enums: Vec<_> = enums.map(|bytes| Definition::enumeration(bytes, package, "")).collect();
        let messages = raw::all(bytes, file_field::MESSAGE);
        let messages: Vec<_> = messages.map(|bytes| Definition::message(bytes, package, "")).collect();
        let mut globals = HashMap::new();
        collect(&enums, &mut globals);
        collect(&messages, &mut globals);
        Self { bytes, enums, messages, globals }
    }

    /// `DESCRIPTOR = ...` in its two forms.
    pub(super) fn write_file(&self, code: &mut Code, serialized: &str) {
        let package = std::str::from_utf8(raw::first(self.bytes, 2)).unwrap_or("");
        code.write(&format!(
            "if not _descriptor._USE_C_DESCRIPTORS:\n  \
               DESCRIPTOR = _descriptor.FileDescriptor(\n    \
                 name='{NAME}',\n    package='{package}',\n    syntax='proto2',\n    edition='EDITION_PROTO2',\n    \
                 serialized_options={},\n    create_key=_descriptor._internal_create_key,\n    \
                 serialized_pb=b'{serialized}'\n  \
               )\n\
             else:\n  \
               DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(b'{serialized}')\n\n",
            options(self.bytes, file_field::OPTIONS)
        ));
    }

    /// The descriptors.
    pub(super) fn write_definitions(&self, code: &mut Code) {
        code.line("if not _descriptor._USE_C_DESCRIPTORS:");
        code.indented(2, |code| {
            self.enums.iter().for_each(|definition| write_enum(code, definition));
            self.messages.iter().for_each(|message| write_nested_enums(code, message));
            for message in &self.messages {
                code.write("\n");
                self.write_message(code, message);
            }
            self.messages.iter().for_each(|message| self.write_links(code, message, None));
            for (table, definitions) in [("message", &self.messages), ("enum", &self.enums)] {
                for definition in definitions {
                    let (name, global) = (definition.name(), &definition.global);
                    code.line(&format!("DESCRIPTOR.{table}_types_by_name['{name}'] = {global}"));
                }
            }
            code.write("_sym_db.RegisterFileDescriptor(DESCRIPTOR)\n\n");
            self.write_features(code);
        });
        code.write("else:\n  ");
    }

    fn write_message(&self, code: &mut Code, message: &Definition<'_>) {
        message.nested.iter().for_each(|nested| self.write_message(code, nested));
        code.write(&format!(
            "{} = _descriptor.Descriptor(\n  name='{}',\n  full_name='{}',\n  filename=None,\n  file=DESCRIPTOR,\n  \
             containing_type=None,\n  create_key=_descriptor._internal_create_key,\n  fields=[\n",
            message.global,
            message.name(),
            message.full_name
        ));
        for (index, field) in message.fields().enumerate() {
            code.indented(4, |code| self.write_field(code, message, index, field));
        }
        let list = |items: Vec<String>| items.iter().map(|item| format!("{item}, ")).collect::<String>();
        let nested = list(message.nested.iter().map(|nested| nested.global.clone()).collect());
        code.write(&format!("  ],\n  extensions=[\n  ],\n  nested_types=[{nested}],\n  enum_types=[\n"));
        for definition in &message.enums {
            code.line(&format!("    {},", definition.global));
        }
        let ranges: Vec<String> = raw::all(message.bytes, 5)
            .map(|range| format!("({}, {})", number(range, 1), number(range, 2)))
            .collect();
        let extendable = if ranges.is_empty() { "False" } else { "True" };
        code.write(&format!(
            "  ],\n  serialized_options={},\n  is_extendable={extendable},\n  extension_ranges=[{}],\n  oneofs=[\n  \
             ],\n)\n\n",
            options(message.bytes, message_field::OPTIONS),
            list(ranges)
        ));
    }

    fn write_field(&self, code: &mut Code, message: &Definition<'_>, index: usize, field: &[u8]) {
        let (name, kind, label) = (raw::name(field), number(field, 5), number(field, 4));
        let cpp_type = CPP_TYPES.get((kind as usize).wrapping_sub(1)).copied().unwrap_or(0);
        let default = raw::all(field, 7).next().map(|text| String::from_utf8_lossy(text).into_owned());
        let has_default = if default.is_some() { "True" } else { "False" };
        code.write(&format!(
            "_descriptor.FieldDescriptor(\n  name='{name}', full_name='{}.{name}', index={index},\n  \
             number={}, type={kind}, cpp_type={cpp_type}, label={label},\n  \
             has_default_value={has_default}, default_value={},\n  \
             message_type=None, enum_type=None, containing_type=None,\n  \
             is_extension=False, extension_scope=None,\n  \
             serialized_options={}, file=DESCRIPTOR,  create_key=_descriptor._internal_create_key),\n",
            message.full_name,
            number(field, 3),
            self.default_value(field, kind, label, default.as_deref()),
            options(field, 8)
        ));
    }

    /// The default value as a Python expression.
    fn default_value(&self, field: &[u8], kind: u64, label: u64, default: Option<&str>) -> String {
        if label == REPEATED {
            return "[]".to_owned();
        }
        match kind {
            TYPE_MESSAGE | TYPE_GROUP => "None".to_owned(),
            1 | 2 => format!("float({})", default.unwrap_or("0")),
            8 => if default == Some("true") { "True" } else { "False" }.to_owned(),
            9 => format!("b\"{}\".decode('utf-8')", c_escape(default.unwrap_or("").as_bytes())),
            // In the descriptor they are escaped already.
            12 => format!("b\"{}\"", default.unwrap_or("")),
            TYPE_ENUM => {
                let type_name = std::str::from_utf8(raw::first(field, 6)).unwrap_or("");
                let values = self.globals.get(type_name).map_or(&[] as &[u8], |(_, bytes)| bytes);
                let mut values = raw::all(values, 2);
                let value = match default {
                    Some(name) => values.find(|value| raw::name(value) == name),
                    None => values.next(),
                };
                (value.map_or(0, |value| number(value, 2)) as i32).to_string()
            }
            _ => default.unwrap_or("0").to_owned(),
        }
    }

    /// What a descriptor refers to, where that may come after it.
    fn write_links(&self, code: &mut Code, message: &Definition<'_>, parent: Option<&str>) {
        let global = &message.global;
        message.nested.iter().for_each(|nested| self.write_links(code, nested, Some(global)));
        for field in message.fields() {
            let type_name = std::str::from_utf8(raw::first(field, 6)).unwrap_or("");
            if let Some((target, _)) = self.globals.get(type_name) {
                let attribute = if number(field, 5) == TYPE_ENUM { "enum_type" } else { "message_type" };
                let name = raw::name(field);
                code.line(&format!("{global}.fields_by_name['{name}'].{attribute} = {target}"));
            }
        }
        if let Some(parent) = parent {
            code.line(&format!("{global}.containing_type = {parent}"));
        }
        for definition in &message.enums {
            code.line(&format!("{}.containing_type = {global}", definition.global));
        }
    }

    fn write_features(&self, code: &mut Code) {
        code.write(
            "class _ResolvedFeatures:\n  \
               def __init__(self, features = None, **kwargs):\n    \
                 if features:\n      \
                   for k, v in features.FIELDS.items():\n        \
                     setattr(self, k, getattr(features, k))\n    \
                 else:\n      \
                   for k, v in kwargs.items():\n        \
                     setattr(self, k, v)\n",
        );
        feature_line(code, "DESCRIPTOR", &[]);
        self.messages.iter().for_each(|message| write_message_features(code, message));
        self.messages.iter().for_each(|message| write_enum_features(code, message));
        self.enums.iter().for_each(|definition| enum_features(code, definition));
    }
}

fn write_enum(code: &mut Code, definition: &Definition<'_>) {
    code.write(&format!(
        "{} = _descriptor.EnumDescriptor(\n  name='{}',\n  full_name='{}',\n  filename=None,\n  file=DESCRIPTOR,\n  \
         create_key=_descriptor._internal_create_key,\n  values=[\n",
        definition.global,
        definition.name(),
        definition.full_name
    ));
    for (index, value) in raw::all(definition.bytes, 2).enumerate() {
        code.write(&format!(
            "    _descriptor.EnumValueDescriptor(\n      name='{}', index={index}, number={},\n      \
             serialized_options={},\n      type=None,\n      create_key=_descriptor._internal_create_key),\n",
            raw::name(value),
            number(value, 2) as i32,
            options(value, 3)
        ));
    }
    code.write(&format!(
        "  ],\n  containing_type=None,\n  serialized_options={},\n)\n_sym_db.RegisterEnumDescriptor({})\n\n",
        options(definition.bytes, 3),
        definition.global
    ));
}

fn write_nested_enums(code: &mut Code, message: &Definition<'_>) {
    message.nested.iter().for_each(|nested| write_nested_enums(code, nested));
    message.enums.iter().for_each(|definition| write_enum(code, definition));
}

fn write_message_features(code: &mut Code, message: &Definition<'_>) {
    feature_line(code, &message.global, &[]);
    for (index, field) in message.fields().enumerate() {
        feature_line(code, &format!("{}.fields[{index}]", message.global), field);
    }
    message.nested.iter().for_each(|nested| write_message_features(code, nested));
}

fn write_enum_features(code: &mut Code, message: &Definition<'_>) {
    message.enums.iter().for_each(|definition| enum_features(code, definition));
    message.nested.iter().for_each(|nested| write_enum_features(code, nested));
}

fn enum_features(code: &mut Code, definition: &Definition<'_>) {
    feature_line(code, &definition.global, &[]);
    for index in 0..raw::all(definition.bytes, 2).count() {
        feature_line(code, &format!("{}.values[{index}]", definition.global), &[]);
    }
}

/// The features of an element: those of proto2, but for what a field says by its words. `field` is empty for others.
fn feature_line(code: &mut Code, element: &str, field: &[u8]) {
    let presence = if number(field, 4) == REQUIRED { "LEGACY_REQUIRED" } else { "EXPLICIT" };
    let encoding = if number(raw::first(field, 8), 2) == 1 { "PACKED" } else { "EXPANDED" };
    let message = if number(field, 5) == TYPE_GROUP { "DELIMITED" } else { "LENGTH_PREFIXED" };
    let features = [
        ("field_presence", "FIELDPRESENCE", presence),
        ("enum_type", "ENUMTYPE", "CLOSED"),
        ("repeated_field_encoding", "REPEATEDFIELDENCODING", encoding),
        ("utf8_validation", "UTF8VALIDATION", "NONE"),
        ("message_encoding", "MESSAGEENCODING", message),
        ("json_format", "JSONFORMAT", "LEGACY_BEST_EFFORT"),
    ]
    .map(|(name, of, value)| format!("{name}=_FEATURESET_{of}.values_by_name[\"{value}\"].number"));
    code.line(&format!("{element}._features = _ResolvedFeatures({})", features.join(",")));
}
