//! `--python_out`: the `_pb2.py` modules of protoc.

mod descriptor_proto;

use std::collections::HashMap;

use descriptor_proto::DescriptorProto;

use super::{
    GeneratedFile, Generator, Request, RequestFile,
    code::Code,
    python_names::{self as names, Imports},
};
use crate::{
    raw,
    text::{c_escape, edition_name, hex_escape},
};

/// The generator of `_pb2.py` files.
#[derive(Clone, Copy, Debug, Default)]
pub struct Python;

/// The Python runtime that the generated code asks for: that of protoc 35.1.
const RUNTIME: (u32, u32, u32) = (7, 35, 1);

/// Field numbers of `FileDescriptorProto`.
mod file_field {
    pub(super) const DEPENDENCY: u32 = 3;
    pub(super) const MESSAGE: u32 = 4;
    pub(super) const ENUM: u32 = 5;
    pub(super) const SERVICE: u32 = 6;
    pub(super) const EXTENSION: u32 = 7;
    pub(super) const OPTIONS: u32 = 8;
    pub(super) const EDITION: u32 = 14;
}

/// Field numbers of `DescriptorProto`.
mod message_field {
    pub(super) const FIELD: u32 = 2;
    pub(super) const NESTED: u32 = 3;
    pub(super) const ENUM: u32 = 4;
    pub(super) const EXTENSION: u32 = 6;
    pub(super) const OPTIONS: u32 = 7;
    pub(super) const ONEOF: u32 = 8;
}

impl Generator for Python {
    fn generate(&self, request: &Request, parameter: &str) -> Result<Vec<GeneratedFile>, String> {
        let mut out = Vec::new();
        let mut with_stubs = false;
        let mut extras = Extras::default();
        for option in parameter.split(',').filter(|option| !option.is_empty()) {
            if extras.imports.take(option) {
                continue;
            }
            match option.split('=').next().unwrap_or(option) {
                "oldest_runtime" => extras.oldest_runtime = Some(oldest_runtime(option)?),
                "pyi_out" => with_stubs = true,
                "annotate_code" | "experimental_strip_nonfunctional_codegen" => {}
                other => return Err(format!("Unknown generator option: {other}")),
            }
        }
        let stubs = super::pyi::Extras { imports: extras.imports.clone(), strict: false };
        let types = with_stubs.then(|| super::types::Types::new(request));
        for &index in &request.to_generate {
            let file = &request.files[index];
            extras.check(file)?;
            if let Some(types) = &types {
                out.push(super::pyi::Pyi.generate_file(request, types, file, &stubs));
            }
            let content = Module { request, file, extras: &extras, code: Code::default() }.write();
            out.push(GeneratedFile { name: names::path(&file.name, ".py"), insertion_point: None, content });
        }
        Ok(out)
    }
}

/// What protoc's own generator does not do.
#[derive(Default)]
struct Extras {
    imports: Imports,
    /// The oldest runtime that is to read the modules.
    oldest_runtime: Option<Version>,
}

type Version = (u32, u32, u32);

impl Extras {
    /// Whether the oldest runtime knows the edition of a file.
    fn check(&self, file: &RequestFile) -> Result<(), String> {
        let edition = raw::varints(&file.embedded, file_field::EDITION).last().unwrap_or(0);
        let known = FIRST_EDITIONS.iter().find(|(number, _)| *number == edition);
        match (self.oldest_runtime, known) {
            (Some(oldest), Some((_, first))) if oldest < *first => Err(format!(
                "oldest_runtime={}: edition {} needs a runtime of {} or newer",
                shown(oldest),
                edition_name(edition),
                shown(*first)
            )),
            _ => Ok(()),
        }
    }
}

/// The first runtimes that read descriptors of an edition.
const FIRST_EDITIONS: [(u64, Version); 2] = [(1000, (5, 27, 0)), (1001, (6, 32, 0))];

/// The first runtime with the builder that all modules use.
const FIRST_BUILDER: Version = (3, 20, 0);
/// The first runtime that calls what it read of options `_loaded_options`, and no longer `_options`.
const FIRST_LOADED_OPTIONS: Version = (5, 26, 0);

fn shown((major, minor, patch): Version) -> String {
    format!("{major}.{minor}.{patch}")
}

/// `oldest_runtime=X.Y.Z`
fn oldest_runtime(option: &str) -> Result<Version, String> {
    let value = option.split_once('=').map_or("", |(_, value)| value);
    let parts: Option<Vec<u32>> = value.split('.').map(|part| part.parse().ok()).collect();
    let Some(&[major, minor, patch]) = parts.as_deref() else {
        return Err(format!(
            "oldest_runtime needs a version of Python's protobuf, like 5.29.0, not \"{value}\""
        ));
    };
    let version = (major, minor, patch);
    if version < FIRST_BUILDER || version > RUNTIME {
        return Err(format!(
            "oldest_runtime={value}: modules can be made for runtimes from {} to {}",
            shown(FIRST_BUILDER),
            shown(RUNTIME)
        ));
    }
    Ok(version)
}

struct Module<'a> {
    request: &'a Request,
    file: &'a RequestFile,
    extras: &'a Extras,
    code: Code,
}

/// The module-level name of a message or enum: `_OUTER_INNER`.
fn global_name(scope: &str, name: &str) -> String {
    format!("{scope}_{}", name.to_ascii_uppercase())
}

impl Module<'_> {
    fn write(mut self) -> Vec<u8> {
        self.header();
        self.imports();
        let bytes = self.file.embedded.as_slice();
        let serialized = hex_escape(bytes);
        let written_out =
            descriptor_proto::is_written_out(self.file).then(|| DescriptorProto::new(self.file));
        match &written_out {
            Some(file) => file.write_file(&mut self.code, &serialized),
            None => self.code.line(&format!(
                "DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(b'{serialized}')\n"
            )),
        }
        // Where a package lies is known when it is imported.
        let module = match self.extras.imports.is_relative(&self.file.name) {
            true => "__name__".to_owned(),
            false => format!("'{}'", names::module(&self.file.name)),
        };
        self.code.line("_globals = globals()");
        if let Some(file) = &written_out {
            file.write_definitions(&mut self.code);
        }
        self.code.line("_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, _globals)");
        self.code.line(&format!("_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, {module}, _globals)"));
        self.code.line("if not _descriptor._USE_C_DESCRIPTORS:");
        let mut body = Code::default();
        body.indented(2, |body| {
            write_options(body, bytes);
            write_intervals(body, bytes);
        });
        let body = String::from_utf8_lossy(&body.into_bytes()).into_owned();
        let before_loaded = self.extras.oldest_runtime.is_some_and(|oldest| oldest < FIRST_LOADED_OPTIONS);
        for line in body.lines() {
            if let Some(name) = line.strip_suffix("._loaded_options = None").filter(|_| before_loaded) {
                self.code.line(&format!("{name}._options = None"));
            }
            self.code.line(line);
        }
        if has_generic_services(bytes) {
            self.code.line(&format!("_builder.BuildServices(DESCRIPTOR, {module}, _globals)"));
        }
        self.code.line("# @@protoc_insertion_point(module_scope)");
        self.code.into_bytes()
    }

    fn header(&mut self) {
        let name = &self.file.name;
        let (major, minor, patch) = RUNTIME;
        if let Some(oldest) = self.extras.oldest_runtime {
            return self.header_for(oldest);
        }
        self.code.write(&format!(
            "# -*- coding: utf-8 -*-\n\
             # Generated by the protocol buffer compiler.  DO NOT EDIT!\n\
             # NO CHECKED-IN PROTOBUF GENCODE\n\
             # source: {name}\n\
             # Protobuf Python Version: {major}.{minor}.{patch}\n\
             \"\"\"Generated protocol buffer code.\"\"\"\n\
             from google.protobuf import descriptor as _descriptor\n\
             from google.protobuf import descriptor_pool as _descriptor_pool\n\
             from google.protobuf import runtime_version as _runtime_version\n\
             from google.protobuf import symbol_database as _symbol_database\n\
             from google.protobuf.internal import builder as _builder\n\
             _runtime_version.ValidateProtobufRuntimeVersion(\n    \
                 _runtime_version.Domain.PUBLIC,\n    {major},\n    {minor},\n    {patch},\n    '',\n    '{name}'\n\
             )\n\
             # @@protoc_insertion_point(imports)\n\
             \n\
             _sym_db = _symbol_database.Default()\n\
             \n\
             \n"
        ));
    }

    /// The header without protoc's check, which refuses all that is older than the compiler, and major versions that are
    /// far from its own.
    fn header_for(&mut self, oldest: Version) {
        let name = &self.file.name;
        let (major, minor, patch) = oldest;
        self.code.write(&format!(
            "# -*- coding: utf-8 -*-\n\
             # Generated by the protocol buffer compiler.  DO NOT EDIT!\n\
             # NO CHECKED-IN PROTOBUF GENCODE\n\
             # source: {name}\n\
             # Protobuf Python Version: {}\n\
             # Oldest Protobuf Python Version: {}\n\
             \"\"\"Generated protocol buffer code.\"\"\"\n\
             import re as _re\n\
             from google.protobuf import __version__ as _protobuf_version\n\
             from google.protobuf import descriptor as _descriptor\n\
             from google.protobuf import descriptor_pool as _descriptor_pool\n\
             from google.protobuf import symbol_database as _symbol_database\n\
             from google.protobuf.internal import builder as _builder\n\
             if tuple(map(int, _re.findall(r'\\d+', _protobuf_version)[:3])) < ({major}, {minor}, {patch}):\n    \
                 raise ImportError(\n        \
                     'The code generated from {name} needs protobuf {major}.{minor}.{patch} or newer; '\n        \
                     + 'installed is ' + _protobuf_version\n    \
                 )\n\
             # @@protoc_insertion_point(imports)\n\
             \n\
             _sym_db = _symbol_database.Default()\n\
             \n\
             \n",
            shown(RUNTIME),
            shown(oldest)
        ));
    }

    fn imports(&mut self) {
        let mut importlib = false;
        for import in imports_of(self.file) {
            let (module, alias) = (names::module(import), names::module_alias(import));
            if names::has_keyword(&module) {
                if !importlib {
                    self.code.line("import importlib");
                    importlib = true;
                }
                let module = self.extras.imports.dynamic(&self.file.name, import);
                self.code.line(&format!("{alias} = {module}"));
            } else {
                self.code.line(&self.extras.imports.statement(&self.file.name, import, &alias));
            }
            self.public_aliases(import, &alias);
        }
        self.code.write("\n");
        for import in public_imports_of(self.file) {
            let module = self.extras.imports.module(&self.file.name, import);
            self.code.line(&format!("from {module} import *"));
        }
        self.code.write("\n");
    }

    /// What an imported module imports publicly is reached through it.
    fn public_aliases(&mut self, import: &str, from: &str) {
        // Each file is passed at most once a path; paths are finite as imports have no cycles.
        let request = self.request;
        let Some(file) = request.file(import) else { return };
        for public in public_imports_of(file) {
            let (module, alias) = (names::module(public), names::module_alias(public));
            self.code.write(&format!(
                "try:\n  {alias} = {from}.{alias}\nexcept AttributeError:\n  {alias} = {from}.{module}\n"
            ));
            self.public_aliases(public, from);
        }
    }
}

pub(super) fn imports_of(file: &RequestFile) -> impl Iterator<Item = &str> {
    raw::all(&file.embedded, file_field::DEPENDENCY).map(|name| std::str::from_utf8(name).unwrap_or(""))
}

/// The files imported publicly: indices into the imports, in field 10.
pub(super) fn public_imports_of(file: &RequestFile) -> Vec<&str> {
    let imports: Vec<&str> = imports_of(file).collect();
    raw::varints(&file.embedded, 10).filter_map(|index| imports.get(index as usize).copied()).collect()
}

/// `FileOptions.py_generic_services` with services to make.
pub(super) fn has_generic_services(file: &[u8]) -> bool {
    raw::all(file, file_field::SERVICE).next().is_some()
        && raw::varints(raw::first(file, file_field::OPTIONS), 18).last() == Some(1)
}

/// Statements that put back options which could be read only after the extensions were known.
fn write_options(code: &mut Code, file: &[u8]) {
    if !options(code, "_globals['DESCRIPTOR']", raw::first(file, file_field::OPTIONS)) {
        code.line("DESCRIPTOR._loaded_options = None");
    }
    for definition in raw::all(file, file_field::ENUM) {
        enum_options(code, "", definition);
    }
    for extension in raw::all(file, file_field::EXTENSION) {
        options(code, &format!("_globals['{}']", raw::name(extension)), raw::first(extension, 8));
    }
    for message in raw::all(file, file_field::MESSAGE) {
        message_options(code, "", message);
    }
    for service in raw::all(file, file_field::SERVICE) {
        let global = format!("_globals['{}']", global_name("", raw::name(service)));
        options(code, &global, raw::first(service, 3));
        for method in raw::all(service, 2) {
            let name = format!("{global}.methods_by_name['{}']", raw::name(method));
            options(code, &name, raw::first(method, 4));
        }
    }
}

fn options(code: &mut Code, name: &str, bytes: &[u8]) -> bool {
    if !bytes.is_empty() {
        code.line(&format!("{name}._loaded_options = None"));
        code.line(&format!("{name}._serialized_options = b'{}'", c_escape(bytes)));
    }
    !bytes.is_empty()
}

fn enum_options(code: &mut Code, scope: &str, definition: &[u8]) {
    let global = format!("_globals['{}']", global_name(scope, raw::name(definition)));
    options(code, &global, raw::first(definition, 3));
    for value in raw::all(definition, 2) {
        let name = format!("{global}.values_by_name[\"{}\"]", raw::name(value));
        options(code, &name, raw::first(value, 3));
    }
}

fn message_options(code: &mut Code, scope: &str, message: &[u8]) {
    let name = global_name(scope, raw::name(message));
    let global = format!("_globals['{name}']");
    raw::all(message, message_field::NESTED).for_each(|nested| message_options(code, &name, nested));
    for oneof in raw::all(message, message_field::ONEOF) {
        let name = format!("{global}.oneofs_by_name['{}']", raw::name(oneof));
        options(code, &name, raw::first(oneof, 2));
    }
    raw::all(message, message_field::ENUM).for_each(|definition| enum_options(code, &name, definition));
    for field in raw::all(message, message_field::FIELD) {
        let name = format!("{global}.fields_by_name['{}']", raw::name(field));
        options(code, &name, raw::first(field, 8));
    }
    for field in raw::all(message, message_field::EXTENSION) {
        let name = format!("{global}.extensions_by_name['{}']", raw::name(field));
        options(code, &name, raw::first(field, 8));
    }
    options(code, &global, raw::first(message, message_field::OPTIONS));
}

/// Statements that say where each definition lies in the serialized file.
fn write_intervals(code: &mut Code, file: &[u8]) {
    let places = Places::new(file);
    for definition in raw::all(file, file_field::ENUM) {
        interval(code, &places, &global_name("", raw::name(definition)), definition);
    }
    for message in raw::all(file, file_field::MESSAGE) {
        message_intervals(code, &places, "", message);
    }
    for service in raw::all(file, file_field::SERVICE) {
        interval(code, &places, &global_name("", raw::name(service)), service);
    }
}

fn message_intervals(code: &mut Code, places: &Places<'_>, scope: &str, message: &[u8]) {
    let name = global_name(scope, raw::name(message));
    interval(code, places, &name, message);
    raw::all(message, message_field::NESTED)
        .for_each(|nested| message_intervals(code, places, &name, nested));
    for definition in raw::all(message, message_field::ENUM) {
        interval(code, places, &global_name(&name, raw::name(definition)), definition);
    }
}

fn interval(code: &mut Code, places: &Places<'_>, name: &str, bytes: &[u8]) {
    let start = places.find(bytes);
    code.line(&format!("_globals['{name}']._serialized_start={start}"));
    code.line(&format!("_globals['{name}']._serialized_end={}", start + bytes.len()));
}

/// Finds where bytes occur first in a file. protoc searches for them, so that of two equal definitions, or where one
/// is a prefix of the other, both are said to lie at the first place.
struct Places<'a> {
    file: &'a [u8],
    by_start: HashMap<[u8; 3], Vec<usize>>,
}

impl<'a> Places<'a> {
    fn new(file: &'a [u8]) -> Self {
        let mut by_start: HashMap<[u8; 3], Vec<usize>> = HashMap::new();
        for (at, start) in file.windows(3).enumerate() {
            // Every definition starts with its name: tag 0x0a.
            if let [0x0a, length, first] = *start {
                by_start.entry([0x0a, length, first]).or_default().push(at);
            }
        }
        Self { file, by_start }
    }

    fn find(&self, bytes: &[u8]) -> usize {
        let key = bytes.first_chunk::<3>().copied().unwrap_or_default();
        let places = self.by_start.get(&key).map_or(&[] as &[usize], Vec::as_slice);
        places.iter().copied().find(|at| self.file[*at..].starts_with(bytes)).unwrap_or(0)
    }
}
