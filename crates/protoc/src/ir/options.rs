//! Options to values: the field each name means, the value in that field's type.

use foldhash::{HashMap, HashMapExt};

use super::{
    Field, Message, MessageId, OptionMessage, OptionScalar, Options, Pool, Symbol, Type, aggregate,
    build::BuiltFile,
    join,
    link::{Missing, Visible},
    symbols::ExtensionAt,
};
use crate::{
    ast::{OptionAssign, OptionValue, Scalar},
    diagnostics::Diagnostics,
    message,
    source_info::{Kept, OptionPath, OptionPaths},
};

/// The options messages of `descriptor.proto`, by the element that has them.
mod base {
    pub(super) const FILE: &str = "google.protobuf.FileOptions";
    pub(super) const MESSAGE: &str = "google.protobuf.MessageOptions";
    pub(super) const FIELD: &str = "google.protobuf.FieldOptions";
    pub(super) const ONEOF: &str = "google.protobuf.OneofOptions";
    pub(super) const RANGE: &str = "google.protobuf.ExtensionRangeOptions";
    pub(super) const ENUM: &str = "google.protobuf.EnumOptions";
    pub(super) const VALUE: &str = "google.protobuf.EnumValueOptions";
    pub(super) const SERVICE: &str = "google.protobuf.ServiceOptions";
    pub(super) const METHOD: &str = "google.protobuf.MethodOptions";
}

/// `FieldOptions.ctype`
pub(super) const CTYPE: u32 = 1;
/// `FieldOptions.packed`
pub(super) const PACKED: u32 = 2;
/// `FieldOptions.retention` and its value `RETENTION_SOURCE`.
const RETENTION: u32 = 17;
const RETENTION_SOURCE: u64 = 2;

/// The name that no option may have.
const UNINTERPRETED: &str = "uninterpreted_option";

/// Which options are interpreted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Those of `descriptor.proto`, features among them.
    Standard,
    /// Custom ones, whose types may depend on features of the same file.
    Custom,
}

impl Phase {
    fn has(self, statement: &OptionAssign) -> bool {
        // What a descriptor says is read again once the types of custom options are known.
        if matches!(statement.value, OptionValue::Encoded(_)) {
            return true;
        }
        let first = &statement.name[0];
        let custom = first.is_extension || first.name == UNINTERPRETED;
        custom == (self == Self::Custom)
    }
}

/// Its extensions are features of languages.
const FEATURE_SET: &str = "google.protobuf.FeatureSet";

/// Interprets the options of a file.
pub(super) fn interpret(
    pool: &mut Pool,
    built: &BuiltFile,
    phase: Phase,
    visible: &mut Visible,
    diagnostics: &mut Diagnostics,
) {
    visible.admit_option_imports(pool);
    let mut values = Vec::new();
    let paths = std::mem::take(&mut pool.files[built.id.0 as usize].option_paths);
    let mut interpreter = Interpreter { pool, built, phase, visible, diagnostics, paths };
    each(pool, built, &mut |base, scope, options| {
        let any = options.statements.iter().any(|statement| phase.has(statement));
        values.push(any.then(|| interpreter.element(base, scope, options)));
    });
    let paths = interpreter.paths;
    pool.files[built.id.0 as usize].option_paths = paths;
    let mut values = values.into_iter();
    each_mut(pool, built, &mut |_, options| {
        if let Some(interpreted) = values.next().flatten() {
            let options = options.make();
            options.value = interpreted.value;
            options.custom = interpreted.custom.into();
        }
    });
}

/// Visits the options of every element in a fixed order, with the options message and the element's full name.
fn each(pool: &Pool, built: &BuiltFile, visit: &mut dyn FnMut(&'static str, &str, &Options)) {
    for message in built.messages().map(|id| pool.message(id)) {
        visit(base::MESSAGE, &message.full_name, &message.options);
        for field in message.fields.iter().chain(&message.extensions) {
            visit(base::FIELD, &field.full_name, &field.options);
        }
        for oneof in &message.oneofs {
            visit(base::ONEOF, &join(&message.full_name, &oneof.name), &oneof.options);
        }
        for range in &message.extension_ranges {
            visit(base::RANGE, &message.full_name, &range.options);
        }
    }
    for definition in built.enums().map(|id| pool.enumeration(id)) {
        visit(base::ENUM, &definition.full_name, &definition.options);
        for value in &definition.values {
            visit(base::VALUE, &definition.full_name, &value.options);
        }
    }
    let file = pool.file(built.id);
    for extension in &file.extensions {
        visit(base::FIELD, &extension.full_name, &extension.options);
    }
    for service in &file.services {
        visit(base::SERVICE, &service.full_name, &service.options);
        for method in &service.methods {
            visit(base::METHOD, &join(&service.full_name, &method.name), &method.options);
        }
    }
    visit(base::FILE, &format!("{}.", file.package), &file.options);
}

/// The same elements in the same order, to be changed.
fn each_mut(pool: &mut Pool, built: &BuiltFile, visit: &mut dyn FnMut(&'static str, &mut Options)) {
    for id in built.messages() {
        let message = &mut pool.messages[id.0 as usize];
        visit(base::MESSAGE, &mut message.options);
        for field in message.fields.iter_mut().chain(&mut message.extensions) {
            visit(base::FIELD, &mut field.options);
        }
        message.oneofs.iter_mut().for_each(|oneof| visit(base::ONEOF, &mut oneof.options));
        message.extension_ranges.iter_mut().for_each(|range| visit(base::RANGE, &mut range.options));
    }
    for id in built.enums() {
        let definition = &mut pool.enums[id.0 as usize];
        visit(base::ENUM, &mut definition.options);
        definition.values.iter_mut().for_each(|value| visit(base::VALUE, &mut value.options));
    }
    let file = &mut pool.files[built.id.0 as usize];
    file.extensions.iter_mut().for_each(|extension| visit(base::FIELD, &mut extension.options));
    for service in &mut file.services {
        visit(base::SERVICE, &mut service.options);
        service.methods.iter_mut().for_each(|method| visit(base::METHOD, &mut method.options));
    }
    visit(base::FILE, &mut file.options);
}

/// Marks what is for the source only and does not go into descriptors, and what is packed.
pub(super) fn mark_source_only(pool: &mut Pool, built: &BuiltFile) {
    let mut marked = Vec::new();
    let mut dropped = Vec::new();
    let mut differs_retained = false;
    each(pool, built, &mut |base, _, options| {
        let mut value = options.value.clone();
        let mut custom = options.custom.to_vec();
        for token in options.statements.iter().map(|statement| statement.span.first) {
            let path = pool.file(built.id).option_paths.get(&token);
            if let Some(depth) = path.and_then(|path| source_only_at(pool, base, &path.path)) {
                dropped.push((token, if depth == 0 { Kept::Nothing } else { Kept::Enclosing }));
            }
        }
        let changed = match message_named(pool, base) {
            Some(id) => {
                if !options.statements.is_empty() {
                    normalize(pool, id, &mut value);
                }
                let changed = mark(pool, id, &mut value) || value != options.value;
                custom.iter_mut().for_each(|statement| {
                    mark(pool, id, statement);
                });
                // What the value says as well need not be kept twice.
                custom.iter_mut().for_each(OptionMessage::unpack_top);
                let says_all = |alone: &OptionMessage| {
                    alone.fields.iter().all(|(number, field)| value.fields.get(number) == Some(field))
                };
                if custom.len() == 1 && says_all(&custom[0]) {
                    custom.clear();
                }
                changed || !custom.is_empty()
            }
            None => false,
        };
        differs_retained |= changed && (value.has_source_only() || !custom.is_empty());
        marked.push(changed.then_some(Interpreted { value, custom }));
    });
    let file = &mut pool.files[built.id.0 as usize];
    file.differs_retained = differs_retained;
    let paths = &mut file.option_paths;
    for (token, kept) in dropped {
        if let Some(path) = paths.get_mut(&token) {
            path.kept = kept;
        }
    }
    let mut marked = marked.into_iter();
    each_mut(pool, built, &mut |_, options| {
        if let Some(interpreted) = marked.next().flatten() {
            let options = options.make();
            options.value = interpreted.value;
            options.custom = interpreted.custom.into();
        }
    });
}

/// How deep on an interpreted path there is a field that is for the source only.
fn source_only_at(pool: &Pool, base: &str, path: &[u32]) -> Option<usize> {
    let mut message = message_named(pool, base);
    for (depth, number) in path.iter().enumerate() {
        let field = message.and_then(|id| field_by_number(pool, id, *number))?;
        if field.options.value.varint(RETENTION) == Some(RETENTION_SOURCE) {
            return Some(depth);
        }
        message = field.ty.message();
    }
    None
}

/// Completes an interpreted value: what is packed, and what is for the source only. Tells whether it changed.
pub(super) fn mark(pool: &Pool, id: MessageId, value: &mut OptionMessage) -> bool {
    let mut changed = false;
    let message_set = pool.message(id).is_message_set();
    for (&number, entry) in &mut value.fields {
        let Some(field) = field_by_number(pool, id, number) else { continue };
        // Known only now where the field is of the same file.
        let packed = is_packed(field);
        changed |= entry.packed != packed;
        entry.packed = packed;
        if message_set && matches!(field.ty, Type::Message(_)) {
            entry.message_set = true;
            changed = true;
        }
        if field.options.value.varint(RETENTION) == Some(RETENTION_SOURCE) {
            entry.source_only = true;
            changed = true;
        } else if let Some(id) = field.ty.message() {
            for value in &mut entry.values {
                if let OptionScalar::Message(inner) | OptionScalar::Group(inner) = value {
                    changed |= mark(pool, id, inner);
                }
            }
        }
    }
    changed
}

pub(super) fn message_named(pool: &Pool, name: &str) -> Option<MessageId> {
    match pool.symbols.get(name)?.symbol {
        Symbol::Message(id) => Some(id),
        _ => None,
    }
}

pub(super) fn field_by_number(pool: &Pool, id: MessageId, number: u32) -> Option<&Field> {
    let number = number as i32;
    let fields = &pool.message(id).fields;
    // Mostly fields are numbered from one on.
    let near = usize::try_from(number).ok().and_then(|number| fields.get(number.checked_sub(1)?));
    let own = near
        .filter(|field| field.number == number)
        .or_else(|| fields.iter().find(|field| field.number == number));
    own.or_else(|| extension_at(pool, pool.symbols.extension(id, number)?))
}

fn extension_at(pool: &Pool, at: ExtensionAt) -> Option<&Field> {
    pool.extension_at(at.file, at.scope, at.index)
}

/// Drops what is not written because it is the value that a field without presence has anyway, and completes the
/// entries of maps.
pub(super) fn normalize(pool: &Pool, id: MessageId, value: &mut OptionMessage) {
    let map_entry = pool.message(id).map_entry;
    if map_entry {
        for field in &pool.message(id).fields {
            if !value.fields.contains_key(&(field.number as u32)) {
                put(value, field, zero(field.ty));
            }
        }
    }
    for (number, entry) in &mut value.fields {
        let Some(inner) = field_by_number(pool, id, *number).and_then(|field| field.ty.message()) else {
            continue;
        };
        for value in &mut entry.values {
            if let OptionScalar::Message(value) | OptionScalar::Group(value) = value {
                normalize(pool, inner, value);
            }
        }
    }
    value.fields.retain(|number, entry| {
        let Some(field) = field_by_number(pool, id, *number) else { return true };
        let has_presence = field.ty.message().is_some()
            || field.is_repeated()
            || field.oneof.is_some()
            || field.extendee.is_some()
            || !field.features.is_implicit();
        has_presence || map_entry || entry.values.last() != Some(&zero(field.ty))
    });
}

/// The value of a field that is not set.
fn zero(ty: Type) -> OptionScalar {
    use Scalar::{Double, Fixed32, Fixed64, Float, Sfixed32, Sfixed64};
    match ty {
        Type::Message(_) => OptionScalar::Message(OptionMessage::default()),
        Type::Group(_) => OptionScalar::Group(OptionMessage::default()),
        Type::Scalar(Scalar::String | Scalar::Bytes) => OptionScalar::Bytes(Vec::new()),
        Type::Scalar(Float | Fixed32 | Sfixed32) => OptionScalar::Fixed32(0),
        Type::Scalar(Double | Fixed64 | Sfixed64) => OptionScalar::Fixed64(0),
        _ => OptionScalar::Varint(0),
    }
}

/// Whether the values of a repeated field go on the wire as one run.
pub(crate) fn is_packed(field: &Field) -> bool {
    is_packable(field) && field.features.is_packed()
}

/// Whether the values of a field can go on the wire as one run.
pub(super) fn is_packable(field: &Field) -> bool {
    let packable = match field.ty {
        Type::Scalar(scalar) => !matches!(scalar, Scalar::String | Scalar::Bytes),
        Type::Enum(_) => true,
        _ => false,
    };
    packable && field.is_repeated()
}

struct Interpreter<'a> {
    pool: &'a Pool,
    built: &'a BuiltFile,
    phase: Phase,
    visible: &'a mut Visible,
    diagnostics: &'a mut Diagnostics,
    paths: OptionPaths,
}

/// What the options of an element turned out to be; see [`Options`].
struct Interpreted {
    value: OptionMessage,
    custom: Vec<OptionMessage>,
}

/// What is wrong with an option: in its name or in its value.
pub(super) enum Fault {
    Name(String),
    Value(String),
}

impl<'a> Interpreter<'a> {
    fn element(&mut self, base: &'static str, scope: &str, options: &Options) -> Interpreted {
        let mut value = options.value.clone();
        let mut custom = Vec::new();
        let mut missing = Missing::Undefined;
        // That options are used is use of the file that defines them.
        let _visible = self.visible.find(self.pool, base, &mut missing);
        let Some(message) = message_named(self.pool, base) else {
            return Interpreted { value, custom };
        };
        let mut repeats = HashMap::new();
        let phase = self.phase;
        for statement in options.statements.iter().filter(|statement| phase.has(statement)) {
            let (token, text) = match self.statement(message, scope, statement, &mut value) {
                Ok((mut path, repeated)) => {
                    if phase == Phase::Custom && !path.is_empty() {
                        custom.push(value.only(&path));
                    }
                    if repeated {
                        let count: &mut u32 = repeats.entry(path.clone()).or_default();
                        path.push(*count);
                        *count += 1;
                    }
                    self.paths.insert(statement.span.first, OptionPath { path, kept: Kept::Whole });
                    continue;
                }
                Err(Fault::Name(text)) => (statement.name_span.first, text),
                Err(Fault::Value(text)) => (statement.value_span.first, text),
            };
            self.pool.file(self.built.id).error(self.diagnostics, token, text);
            // The rest of the element's options may follow from this one.
            break;
        }
        Interpreted { value, custom }
    }

    /// Sets what a statement says; returns the numbers of the fields it named, and whether the last is repeated.
    fn statement(
        &mut self,
        base: MessageId,
        scope: &str,
        statement: &OptionAssign,
        value: &mut OptionMessage,
    ) -> Result<(Vec<u32>, bool), Fault> {
        if let OptionValue::Encoded(bytes) = &statement.value {
            let options = message::options_of(self.pool, base, bytes);
            *value = options.ok_or_else(|| Fault::Value("The options cannot be read.".to_owned()))?;
            return Ok((Vec::new(), false));
        }
        if statement.name[0].name == UNINTERPRETED && !statement.name[0].is_extension {
            let text = "Option must not use reserved name \"uninterpreted_option\".";
            return Err(Fault::Name(text.to_owned()));
        }
        if statement.name.len() > aggregate::MAX_DEPTH {
            let text = format!("Option name has more than {} parts.", aggregate::MAX_DEPTH);
            return Err(Fault::Name(text));
        }
        let mut message = base;
        let mut target = value;
        let mut shown = String::new();
        let mut numbers = Vec::new();
        let (last, path) = statement.name.split_last().ok_or_else(|| Fault::Name(String::new()))?;
        for part in path {
            let field = self.part(part, message, scope, &mut shown)?;
            let Some(inner) = field.ty.message() else {
                return Err(Fault::Name(format!("Option \"{shown}\" is an atomic type, not a message.")));
            };
            if field.is_repeated() {
                return Err(Fault::Name(format!(
                    "Option field \"{shown}\" is a repeated message. Repeated message options must be initialized \
                     using an aggregate value."
                )));
            }
            numbers.push(field.number as u32);
            target = target.enter(field.number as u32, matches!(field.ty, Type::Group(_)));
            message = inner;
        }
        let field = self.part(last, message, scope, &mut shown)?;
        if !field.is_repeated() && target.fields.contains_key(&(field.number as u32)) {
            return Err(Fault::Name(format!("Option \"{shown}\" was already set.")));
        }
        let scalar = self.value(field, &statement.value, &field.full_name).map_err(Fault::Value)?;
        put(target, field, scalar);
        numbers.push(field.number as u32);
        Ok((numbers, field.is_repeated()))
    }

    fn part(
        &mut self,
        part: &crate::ast::NamePart,
        message: MessageId,
        scope: &str,
        shown: &mut String,
    ) -> Result<&'a Field, Fault> {
        if !shown.is_empty() {
            shown.push('.');
        }
        let pool = self.pool;
        if part.is_extension && part.name.is_empty() {
            return Err(Fault::Name("Uninterpreted option is missing name or value.".to_owned()));
        }
        let found = if part.is_extension {
            *shown += &format!("({})", part.name);
            self.extension(&part.name, scope, shown)?
        } else {
            *shown += &part.name;
            pool.message(message).fields.iter().find(|field| field.name == part.name)
        };
        let full_name = &pool.message(message).full_name;
        match found {
            None => Err(Fault::Name(format!(
                "Option \"{shown}\" unknown. Ensure that your proto definition file imports the proto which defines \
                 the option (i.e. via import option after edition 2024)."
            ))),
            Some(field) => {
                let extends = field.extendee.as_ref().and_then(|extendee| extendee.message);
                if part.is_extension && extends != Some(message) {
                    return Err(Fault::Name(format!(
                        "Option field \"{shown}\" is not a field or extension of message \"{}\".",
                        full_name.rsplit('.').next().unwrap_or(full_name)
                    )));
                }
                let own = part.is_extension && self.own_extension(field);
                if own && **full_name == *FEATURE_SET {
                    return Err(Fault::Name(format!(
                        "Feature \"{shown}\" can't be used in the same file it's defined in."
                    )));
                }
                Ok(field)
            }
        }
    }

    /// Whether an extension is defined in the file whose options are interpreted.
    fn own_extension(&self, field: &Field) -> bool {
        self.pool.symbols.get(&field.full_name).is_some_and(|entry| entry.file == self.built.id)
    }

    fn extension(&mut self, name: &str, scope: &str, shown: &str) -> Result<Option<&'a Field>, Fault> {
        match self.visible.resolve(self.pool, name, scope, false) {
            Ok((_, entry)) => Ok(self.extension_of(entry)),
            Err(Missing::NoMember { resolved }) => Err(Fault::Name(format!(
                "Option \"{shown}\" is resolved to \"({resolved})\", which is not defined. The innermost scope is \
                 searched first in name resolution. Consider using a leading '.'(i.e., \"(.{name})\") to start from \
                 the outermost scope."
            ))),
            Err(_) => Ok(None),
        }
    }

    fn extension_of(&self, entry: super::symbols::Entry) -> Option<&'a Field> {
        match entry.symbol {
            Symbol::Extension(scope, index) => {
                extension_at(self.pool, ExtensionAt { file: entry.file, scope, index })
            }
            _ => None,
        }
    }

    fn value(&mut self, field: &Field, value: &OptionValue, shown: &str) -> Result<OptionScalar, String> {
        match field.ty {
            Type::Message(id) | Type::Group(id) => {
                let OptionValue::Aggregate(span) = value else {
                    return Err(format!(
                        "Option \"{shown}\" is a message. To set the entire message, use syntax like \"{name} = {{ \
                         <proto text format> }}\". To set fields within it, use syntax like \"{name}.foo = value\".",
                        name = field.name
                    ));
                };
                let file = self.pool.file(self.built.id);
                let input =
                    aggregate::Input { pool: self.pool, tokens: &file.tokens, text: file.source.text() };
                let mut parsed = aggregate::parse(input, self, id, *span).map_err(|fault| {
                    format!("Error while parsing option value for \"{shown}\": {}", fault.text)
                })?;
                normalize(self.pool, id, &mut parsed);
                Ok(match field.ty {
                    Type::Group(_) => OptionScalar::Group(parsed),
                    _ => OptionScalar::Message(parsed),
                })
            }
            Type::Enum(id) => {
                let OptionValue::Identifier(name) = value else {
                    return Err(format!("Value must be identifier for enum-valued option \"{shown}\"."));
                };
                let definition = self.pool.enumeration(id);
                let found = definition.values.iter().find(|value| value.name == *name);
                let number = found.map(|value| value.number).ok_or_else(|| {
                    let sibling = definition.value_name(name);
                    let is_value = |entry: super::symbols::Entry| entry.symbol == Symbol::EnumValue;
                    let hint = if self.pool.symbols.get(&sibling).is_some_and(is_value) {
                        " This appears to be a value from a sibling type."
                    } else {
                        ""
                    };
                    format!(
                        "Enum type \"{}\" has no value named \"{name}\" for option \"{shown}\".{hint}",
                        definition.full_name
                    )
                })?;
                Ok(OptionScalar::Varint(i64::from(number) as u64))
            }
            Type::Scalar(scalar) => scalar_value(scalar, value, shown),
            Type::Unresolved | Type::UnresolvedGroup => Err(format!("Option \"{shown}\" has no type.")),
        }
    }
}

impl<'a> aggregate::Extensions<'a> for Interpreter<'a> {
    fn extension_in(&mut self, name: &str, message: MessageId) -> Option<&'a Field> {
        let from = format!("{}.", self.pool.message(message).full_name);
        let (_, entry) = self.visible.resolve(self.pool, name, &from, false).ok()?;
        let field = match entry.symbol {
            Symbol::Message(id) => self.pool.message_set_extension(message, id)?,
            _ => self.extension_of(entry)?,
        };
        (field.extendee.as_ref()?.message == Some(message)).then_some(field)
    }
}

/// Adds a value to a field.
pub(super) fn put(target: &mut OptionMessage, field: &Field, value: OptionScalar) {
    target.fields.entry(field.number as u32).or_default().values.push(value);
}

/// The word that protoc uses for a type in messages about values.
fn type_word(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::Int32 | Scalar::Sint32 | Scalar::Sfixed32 => "int32",
        Scalar::Int64 | Scalar::Sint64 | Scalar::Sfixed64 => "int64",
        Scalar::Uint32 | Scalar::Fixed32 => "uint32",
        Scalar::Uint64 | Scalar::Fixed64 => "uint64",
        Scalar::Double => "double",
        Scalar::Float => "float",
        Scalar::Bool => "bool",
        Scalar::String => "string",
        Scalar::Bytes => "bytes",
    }
}

/// The word for a type in the language.
pub(super) fn type_word_of(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::Sint32 => "sint32",
        Scalar::Sfixed32 => "sfixed32",
        Scalar::Sint64 => "sint64",
        Scalar::Sfixed64 => "sfixed64",
        Scalar::Fixed32 => "fixed32",
        Scalar::Fixed64 => "fixed64",
        other => type_word(other),
    }
}

fn int_range(word: &str) -> (i128, i128) {
    match word {
        "int32" => (i32::MIN.into(), i32::MAX.into()),
        "int64" => (i64::MIN.into(), i64::MAX.into()),
        "uint32" => (0, u32::MAX.into()),
        _ => (0, u64::MAX.into()),
    }
}

fn scalar_value(scalar: Scalar, value: &OptionValue, shown: &str) -> Result<OptionScalar, String> {
    let word = type_word(scalar);
    match scalar {
        Scalar::Bool => match value {
            OptionValue::Identifier(name) if name == "true" => Ok(OptionScalar::Varint(1)),
            OptionValue::Identifier(name) if name == "false" => Ok(OptionScalar::Varint(0)),
            OptionValue::Identifier(_) => {
                Err(format!("Value must be \"true\" or \"false\" for boolean option \"{shown}\"."))
            }
            _ => Err(format!("Value must be identifier for boolean option \"{shown}\".")),
        },
        Scalar::String | Scalar::Bytes => match value {
            OptionValue::String(bytes) => Ok(OptionScalar::Bytes(bytes.clone())),
            _ => Err(format!("Value must be quoted string for string option \"{shown}\".")),
        },
        Scalar::Float | Scalar::Double => {
            let number = match value {
                OptionValue::Float(number) => *number,
                OptionValue::PositiveInt(number) => *number as f64,
                OptionValue::NegativeInt(number) => *number as f64,
                OptionValue::Identifier(name) if name == "inf" => f64::INFINITY,
                OptionValue::Identifier(name) if name == "nan" => f64::NAN,
                _ => return Err(format!("Value must be number for {word} option \"{shown}\".")),
            };
            Ok(float_scalar(scalar, number))
        }
        _ => {
            let number = match value {
                OptionValue::PositiveInt(number) => i128::from(*number),
                OptionValue::NegativeInt(number) => i128::from(*number),
                _ => i128::MIN,
            };
            let (least, most) = int_range(word);
            if number == i128::MIN || (number < 0 && least == 0) {
                return Err(format!(
                    "Value must be integer, from {least} to {most}, for {word} option \"{shown}\"."
                ));
            }
            int_scalar(scalar, number).ok_or_else(|| {
                format!("Value out of range, {least} to {most}, for {word} option \"{shown}\".")
            })
        }
    }
}

pub(super) fn float_scalar(scalar: Scalar, number: f64) -> OptionScalar {
    if scalar == Scalar::Float {
        OptionScalar::Fixed32((number as f32).to_bits())
    } else {
        OptionScalar::Fixed64(number.to_bits())
    }
}

/// An integer in its field's wire form, or `None` out of its range.
pub(super) fn int_scalar(scalar: Scalar, number: i128) -> Option<OptionScalar> {
    let int32 = || i32::try_from(number).ok();
    let int64 = || i64::try_from(number).ok();
    Some(match scalar {
        Scalar::Int32 => OptionScalar::Varint(i64::from(int32()?) as u64),
        Scalar::Sint32 => {
            let value = int32()?;
            OptionScalar::Varint(u64::from(((value << 1) ^ (value >> 31)) as u32))
        }
        Scalar::Sfixed32 => OptionScalar::Fixed32(int32()? as u32),
        Scalar::Int64 => OptionScalar::Varint(int64()? as u64),
        Scalar::Sint64 => {
            let value = int64()?;
            OptionScalar::Varint(((value << 1) ^ (value >> 63)) as u64)
        }
        Scalar::Sfixed64 => OptionScalar::Fixed64(int64()? as u64),
        Scalar::Uint32 => OptionScalar::Varint(u64::from(u32::try_from(number).ok()?)),
        Scalar::Fixed32 => OptionScalar::Fixed32(u32::try_from(number).ok()?),
        Scalar::Uint64 => OptionScalar::Varint(u64::try_from(number).ok()?),
        Scalar::Fixed64 => OptionScalar::Fixed64(u64::try_from(number).ok()?),
        _ => return None,
    })
}

/// Whether a field looks as if it had been written as a group: its type is defined beside it and is called like it.
pub(crate) fn is_group_like(pool: &Pool, field: &Field) -> bool {
    let Type::Group(id) = field.ty else { return false };
    let group = pool.message(id);
    let scope = |name: &str, own: &str| name.len() - own.len();
    group.name.eq_ignore_ascii_case(&field.name)
        && field.name.bytes().all(|b| !b.is_ascii_uppercase())
        && group.full_name[..scope(&group.full_name, &group.name)]
            == field.full_name[..scope(&field.full_name, &field.name)]
}

/// A message's field by the name used in text format: a group may go by its type's name, too.
pub(crate) fn field_in_text<'a>(pool: &'a Pool, message: &'a Message, name: &str) -> Option<&'a Field> {
    let by_name = message.fields.iter().find(|field| field.name == name);
    by_name.or_else(|| {
        message.fields.iter().find(|field| {
            is_group_like(pool, field)
                && field.ty.message().is_some_and(|group| pool.message(group).name == name)
        })
    })
}
