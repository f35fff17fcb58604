//! `--pyi_out`: the `_pb2.pyi` stubs of protoc.

use std::collections::{HashMap, HashSet};

use super::{
    GeneratedFile, Generator, Request, RequestFile,
    code::Code,
    python::{has_generic_services, imports_of, public_imports_of},
    python_names::{self as names, Imports},
    types::Types,
};
use crate::raw;

/// The generator of `_pb2.pyi` files.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pyi;

impl Generator for Pyi {
    fn generate(&self, request: &Request, parameter: &str) -> Result<Vec<GeneratedFile>, String> {
        let mut name = None;
        let mut extras = Extras::default();
        for option in parameter.split(',').filter(|option| !option.is_empty()) {
            if extras.imports.take(option) {
                continue;
            }
            match option.split('=').next().unwrap_or(option) {
                "strict" => extras.strict = true,
                "annotate_code" | "experimental_strip_nonfunctional_codegen" => {}
                option if option.ends_with(".pyi") => name = Some(option.to_owned()),
                other => return Err(format!("Unknown generator option: {other}")),
            }
        }
        let types = Types::new(request);
        let mut out = Vec::new();
        for &index in &request.to_generate {
            let mut file = self.generate_file(request, &types, &request.files[index], &extras);
            if let Some(name) = &name {
                file.name.clone_from(name);
            }
            out.push(file);
        }
        Ok(out)
    }
}

impl Pyi {
    pub(super) fn generate_file(
        &self,
        request: &Request,
        types: &Types<'_>,
        file: &RequestFile,
        extras: &Extras,
    ) -> GeneratedFile {
        let mut stub = Stub { request, file, types, extras, aliases: HashMap::new(), code: Code::default() };
        stub.write();
        let content = stub.code.into_bytes();
        GeneratedFile { name: names::path(&file.name, ".pyi"), insertion_point: None, content }
    }
}

/// What protoc's own generator does not do.
#[derive(Debug, Default)]
pub(super) struct Extras {
    pub(super) imports: Imports,
    /// No type is left open, so that `mypy --strict` has nothing to say.
    pub(super) strict: bool,
}

/// Messages whose Python classes have a base with more methods.
const WELL_KNOWN: [&str; 6] = ["Any", "Duration", "FieldMask", "ListValue", "Struct", "Timestamp"];

/// What the stub has to import.
#[derive(Default)]
struct Needs {
    repeated: bool,
    iterable: bool,
    enums: bool,
    extendable: bool,
    mapping: bool,
    optional: bool,
    union: bool,
    well_known: bool,
    datetime: bool,
}

/// A field as far as stubs tell fields apart.
struct Field<'a> {
    name: &'a str,
    repeated: bool,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Plain(&'static str),
    Enum(&'a str),
    Message(&'a str),
    Map(Box<[Field<'a>; 2]>),
}

struct Stub<'a> {
    request: &'a Request,
    file: &'a RequestFile,
    types: &'a Types<'a>,
    extras: &'a Extras,
    /// The module alias under which each imported file was imported.
    aliases: HashMap<String, String>,
    code: Code,
}

fn package(file: &RequestFile) -> &str {
    std::str::from_utf8(raw::first(&file.embedded, 2)).unwrap_or("")
}

fn is_well_known(full_name: &str) -> bool {
    full_name.strip_prefix("google.protobuf.").is_some_and(|name| WELL_KNOWN.contains(&name))
}

impl<'a> Stub<'a> {
    fn fields(&self, message: &'a [u8]) -> Vec<Field<'a>> {
        raw::all(message, 2).map(|field| self.field(field, 0)).collect()
    }

    fn field(&self, field: &'a [u8], depth: u32) -> Field<'a> {
        let number = |wanted| raw::varints(field, wanted).last();
        let type_name = std::str::from_utf8(raw::first(field, 6)).unwrap_or("");
        let kind = match number(5) {
            Some(1 | 2) => Kind::Plain("float"),
            Some(8) => Kind::Plain("bool"),
            Some(9) => Kind::Plain("str"),
            Some(12) => Kind::Plain("bytes"),
            Some(14) => Kind::Enum(type_name),
            Some(10 | 11) => self.map_entry(type_name, depth).unwrap_or(Kind::Message(type_name)),
            _ => Kind::Plain("int"),
        };
        Field { name: raw::name(field), repeated: number(4) == Some(3), kind }
    }

    /// The key and value of a map's entry message; entries do not contain maps, so one level is enough.
    fn map_entry(&self, type_name: &str, depth: u32) -> Option<Kind<'a>> {
        let (info, _) = self.types.get(type_name)?;
        if depth > 0 || raw::varints(raw::first(info.bytes, 7), 7).last() != Some(1) {
            return None;
        }
        let mut fields = raw::all(info.bytes, 2);
        let (key, value) = (fields.next()?, fields.next()?);
        Some(Kind::Map(Box::new([self.field(key, depth + 1), self.field(value, depth + 1)])))
    }

    /// A type's name as seen from this module.
    fn type_name(&self, full_name: &str) -> String {
        let Some((info, path)) = self.types.get(full_name) else { return full_name.to_owned() };
        let name = names::class(path);
        if info.file.name == self.file.name {
            return name;
        }
        let alias = self.aliases.get(&info.file.name).cloned().unwrap_or_else(|| {
            let module = names::module(&info.file.name);
            format!("_{}", module.rsplit('.').next().unwrap_or(&module))
        });
        format!("{alias}.{name}")
    }

    fn field_type(&self, field: &Field<'_>, message: &[u8], nested: bool) -> String {
        match &field.kind {
            Kind::Plain(name) => (*name).to_owned(),
            Kind::Enum(full_name) => self.type_name(full_name),
            Kind::Message(full_name) => {
                let name = self.type_name(full_name);
                if nested && name == raw::name(message) {
                    return format!("{}.{name}", names::module(&self.file.name));
                }
                name
            }
            Kind::Map(_) => String::new(),
        }
    }

    fn needs(&self, full_name: &str, message: &'a [u8], needs: &mut Needs) {
        needs.extendable |= raw::all(message, 5).next().is_some();
        needs.enums |= raw::all(message, 4).next().is_some();
        needs.well_known |= is_well_known(full_name);
        for field in self.fields(message) {
            if names::is_keyword(field.name) {
                continue;
            }
            needs.optional = true;
            needs.repeated |= field.repeated;
            let value = match &field.kind {
                Kind::Map(entry) => {
                    needs.mapping = true;
                    &entry[1].kind
                }
                kind => {
                    needs.iterable |= field.repeated;
                    needs.mapping |= matches!(kind, Kind::Message(_));
                    kind
                }
            };
            needs.union |= matches!(value, Kind::Message(_) | Kind::Enum(_));
            needs.datetime |=
                matches!(value, Kind::Message(".google.protobuf.Duration" | ".google.protobuf.Timestamp"));
        }
        for nested in raw::all(message, 3) {
            self.needs(&format!("{full_name}.{}", raw::name(nested)), nested, needs);
        }
    }

    fn write(&mut self) {
        let (request, file) = (self.request, self.file);
        self.imports();
        self.code.line("DESCRIPTOR: _descriptor.FileDescriptor");
        for import in public_imports_of(file).iter().filter_map(|name| request.file(name)) {
            self.extensions(raw::all(&import.embedded, 7));
            for definition in raw::all(&import.embedded, 5) {
                self.enum_values(&full_name(package(import), definition), definition, false);
            }
        }
        let enums = || raw::all(&file.embedded, 5);
        for definition in enums() {
            self.code.write("\n");
            self.enumeration(&full_name(package(file), definition), definition);
        }
        for definition in enums() {
            self.enum_values(&full_name(package(file), definition), definition, false);
        }
        self.extensions(raw::all(&file.embedded, 7));
        for message in raw::all(&file.embedded, 4) {
            self.code.write("\n");
            self.message(&full_name(package(file), message), message, false);
        }
        if has_generic_services(&file.embedded) {
            for service in raw::all(&file.embedded, 6) {
                let name = raw::name(service);
                self.code.write(&format!(
                    "\nclass {name}(_service.service): ...\n\nclass {name}_Stub({name}): ...\n"
                ));
            }
        }
    }

    fn imports(&mut self) {
        let (request, file) = (self.request, self.file);
        let mut needs = Needs { enums: raw::all(&file.embedded, 5).next().is_some(), ..Needs::default() };
        for message in raw::all(&file.embedded, 4) {
            self.needs(&full_name(package(file), message)[1..], message, &mut needs);
        }
        if needs.datetime {
            self.code.write("import datetime\n\n");
        }
        let mut seen = HashSet::new();
        let mut importlib = false;
        for import in imports_of(file) {
            self.import(import, &mut seen, &mut importlib);
            for public in request.file(import).map(public_imports_of).unwrap_or_default() {
                self.import(public, &mut seen, &mut importlib);
            }
        }
        self.runtime_imports(&needs);
        for import in public_imports_of(file).iter().filter_map(|name| request.file(name)) {
            let module = self.extras.imports.module(&file.name, &import.name);
            for definition in raw::all(&import.embedded, 4).chain(raw::all(&import.embedded, 5)) {
                let name = raw::name(definition);
                self.code.line(&format!("from {module} import {name} as {name}"));
            }
        }
        self.code.write("\n");
    }

    fn import(&mut self, file: &str, seen: &mut HashSet<String>, importlib: &mut bool) {
        let module = names::module(file);
        let mut alias = format!("_{}", module.rsplit('.').next().unwrap_or(&module));
        while seen.contains(&alias) {
            alias += "_1";
        }
        if names::has_keyword(&module) {
            if !*importlib {
                self.code.line("import importlib");
                *importlib = true;
            }
            let module = self.extras.imports.dynamic(&self.file.name, file);
            self.code.line(&format!("{alias} = {module}"));
        } else {
            self.code.line(&self.extras.imports.statement(&self.file.name, file, &alias));
            self.aliases.insert(file.to_owned(), alias.clone());
            seen.insert(alias);
        }
    }

    fn runtime_imports(&mut self, needs: &Needs) {
        let internal = [
            (needs.repeated, "containers"),
            (needs.enums, "enum_type_wrapper"),
            (needs.extendable && !self.extras.strict, "python_message"),
            (needs.well_known, "well_known_types"),
        ];
        for (_, module) in internal.iter().filter(|(needed, _)| *needed) {
            self.code.line(&format!("from google.protobuf.internal import {module} as _{module}"));
        }
        self.code.line("from google.protobuf import descriptor as _descriptor");
        if raw::all(&self.file.embedded, 4).next().is_some() {
            self.code.line("from google.protobuf import message as _message");
        }
        if has_generic_services(&self.file.embedded) {
            self.code.line("from google.protobuf import service as _service");
        }
        let abstract_classes: Vec<&str> =
            [(needs.iterable, "Iterable as _Iterable"), (needs.mapping, "Mapping as _Mapping")]
                .into_iter()
                .filter_map(|(needed, name)| needed.then_some(name))
                .collect();
        if !abstract_classes.is_empty() {
            self.code.line(&format!("from collections.abc import {}", abstract_classes.join(", ")));
        }
        let any = if self.extras.strict { "Any as _Any, " } else { "" };
        let mut typing = format!("from typing import {any}ClassVar as _ClassVar");
        if needs.optional {
            typing += ", Optional as _Optional";
        }
        if needs.union {
            typing += ", Union as _Union";
        }
        self.code.line(&typing);
    }

    fn enumeration(&mut self, full_name: &str, definition: &[u8]) {
        self.code.write(&format!(
            "class {}(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):\n    __slots__ = ()\n",
            raw::name(definition)
        ));
        self.enum_values(full_name, definition, true);
    }

    fn enum_values(&mut self, full_name: &str, definition: &[u8], in_class: bool) {
        let name = self.type_name(full_name);
        for value in raw::all(definition, 2) {
            let value = raw::name(value);
            if in_class {
                self.code.line(&format!("    {value}: _ClassVar[{name}]"));
            } else {
                self.code.line(&format!("{value}: {name}"));
            }
        }
    }

    fn extensions<'e>(&mut self, extensions: impl Iterator<Item = &'e [u8]>) {
        for extension in extensions {
            let name = raw::name(extension);
            // Outside of classes there are no class variables.
            let number = if self.extras.strict { "int" } else { "_ClassVar[int]" };
            self.code.line(&format!("{}_FIELD_NUMBER: {number}", name.to_ascii_uppercase()));
            self.code.line(&format!("{name}: _descriptor.FieldDescriptor"));
        }
    }

    fn message(&mut self, full_name: &str, message: &'a [u8], nested: bool) {
        let name = raw::name(message);
        let base = if is_well_known(&full_name[1..]) {
            format!(", _well_known_types.{name}")
        } else {
            String::new()
        };
        self.code.line(&format!("class {name}(_message.Message{base}):"));
        // Taken apart, as the body is written through `self`.
        let mut body = std::mem::take(&mut self.code);
        body.indented(4, |body| {
            std::mem::swap(body, &mut self.code);
            self.message_body(full_name, message, nested);
            std::mem::swap(body, &mut self.code);
        });
        self.code = body;
    }

    fn message_body(&mut self, full_name: &str, message: &'a [u8], nested: bool) {
        let fields = self.fields(message);
        let named: Vec<&Field<'_>> = fields.iter().filter(|field| !names::is_keyword(field.name)).collect();
        let slots: Vec<String> = named.iter().map(|field| format!("\"{}\"", field.name)).collect();
        let comma = if slots.len() == 1 { "," } else { "" };
        self.code.line(&format!("__slots__ = ({}{comma})", slots.join(", ")));
        if raw::all(message, 5).next().is_some() {
            // The type stubs of protobuf have no such class.
            let dictionary = if self.extras.strict { "_Any" } else { "_python_message._ExtensionDict" };
            self.code.line(&format!("Extensions: {dictionary}"));
        }
        for definition in raw::all(message, 4) {
            let name = format!("{full_name}.{}", raw::name(definition));
            self.enumeration(&name, definition);
            self.enum_values(&name, definition, false);
        }
        for inner in raw::all(message, 3) {
            self.message(&format!("{full_name}.{}", raw::name(inner)), inner, true);
        }
        self.extensions(raw::all(message, 6));
        for field in &fields {
            let name = field.name.to_ascii_uppercase();
            self.code.line(&format!("{name}_FIELD_NUMBER: _ClassVar[int]"));
        }
        for field in &named {
            let container = self.container(field, message, nested);
            self.code.line(&format!("{}: {container}", field.name));
        }
        self.initializer(&fields, message, nested);
    }

    /// The type of a field as an attribute.
    fn container(&self, field: &Field<'_>, message: &[u8], nested: bool) -> String {
        let value = self.field_type(field, message, nested);
        match &field.kind {
            Kind::Map(entry) => {
                let [key, value] = entry.as_ref();
                let map = if matches!(value.kind, Kind::Message(_)) { "MessageMap" } else { "ScalarMap" };
                let key = self.field_type(key, message, nested);
                format!("_containers.{map}[{key}, {}]", self.field_type(value, message, nested))
            }
            Kind::Message(_) if field.repeated => {
                format!("_containers.RepeatedCompositeFieldContainer[{value}]")
            }
            _ if field.repeated => format!("_containers.RepeatedScalarFieldContainer[{value}]"),
            _ => value,
        }
    }

    /// The type of a field as an argument of `__init__`.
    fn argument(&self, field: &Field<'_>, message: &[u8], nested: bool) -> String {
        let value = self.field_type(field, message, nested);
        let argument = match &field.kind {
            Kind::Map(entry) => {
                let [key, value] = entry.as_ref();
                let key = self.field_type(key, message, nested);
                return format!("_Mapping[{key}, {}]", self.field_type(value, message, nested));
            }
            Kind::Message(full_name) => {
                let extra = match *full_name {
                    ".google.protobuf.Timestamp" => "datetime.datetime, ",
                    ".google.protobuf.Duration" => "datetime.timedelta, ",
                    _ => "",
                };
                let mapping = if self.extras.strict { "_Mapping[str, _Any]" } else { "_Mapping" };
                format!("_Union[{extra}{value}, {mapping}]")
            }
            Kind::Enum(_) => format!("_Union[{value}, str]"),
            Kind::Plain(_) => value,
        };
        if field.repeated { format!("_Iterable[{argument}]") } else { argument }
    }

    fn initializer(&mut self, fields: &[Field<'_>], message: &[u8], nested: bool) {
        let mut this = "self".to_owned();
        while fields.iter().any(|field| field.name == this) {
            this.push('_');
        }
        let mut line = format!("def __init__({this}");
        for field in fields.iter().filter(|field| !names::is_keyword(field.name)) {
            line += &format!(", {}: _Optional[{}] = ...", field.name, self.argument(field, message, nested));
        }
        if fields.iter().any(|field| names::is_keyword(field.name)) {
            line += if self.extras.strict { ", **kwargs: _Any" } else { ", **kwargs" };
        }
        self.code.line(&(line + ") -> None: ..."));
    }
}

/// With a leading dot, as fields name types.
fn full_name(package: &str, definition: &[u8]) -> String {
    let name = raw::name(definition);
    if package.is_empty() { format!(".{name}") } else { format!(".{package}.{name}") }
}
