//! Syntax tree to linked form, first step: elements, numbers and names; nothing is looked up yet.

use foldhash::{HashSet, HashSetExt};
use smol_str::{SmolStr, format_smolstr};

use super::{
    Enum, EnumId, EnumValue, Extendee, Features, Field, FieldTokens, File, FileId, Import, Message,
    MessageId, Method, MethodType, Oneof, OptionMessage, Options, Pool, Range, Service, Type, check,
    check_numbers::{self, NumberHints},
    declarations, declare, features, join, lifetimes,
    link::{self, Visible},
    naming,
    options::{self, Phase},
    settle, visibility,
};
use crate::{
    ast::{
        self, Edition, FileItem, ImportKind, Label, MessageItem, OneofItem, OptionAssign, RangeEnd, TypeName,
    },
    bundled,
    diagnostics::Diagnostics,
    raw,
    source::Source,
    source_info::{OptionPaths, Recorded, SourceInfo},
    text,
    tokens::Token,
};

/// A parsed file, ready to be built.
pub(crate) struct ParsedFile {
    pub(crate) source: Source,
    pub(crate) tokens: Vec<Token>,
    pub(crate) tree: ast::File,
    pub(crate) places: Places,
    pub(crate) imports: Vec<Imported>,
}

/// What is known of where things stand in a file.
pub(crate) enum Places {
    /// The file was read from its text.
    Recorded(Recorded),
    /// So it was, but its places will hardly be asked for: they are read when they are.
    Deferred,
    /// It was read from a descriptor, which had this or nothing.
    Encoded(Option<SourceInfo>),
}

/// What became of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Imported {
    File(FileId),
    /// Not found, or has errors.
    Refused,
    /// The file itself, which is reported already.
    Itself,
}

/// The largest field number, and the end of ranges up to `max`.
pub(crate) const MAX_FIELD_NUMBER: i32 = (1 << 29) - 1;
/// `MessageOptions.map_entry`
const MAP_ENTRY: u32 = 7;

/// Builds, links and checks a file. Where it was asked for, and is not only imported, imports that it does not need are
/// reported, and what is to be reported of it once all files are built is added to `late`. On errors, which are added to
/// `diagnostics`, the file stays in the pool but must not be used.
///
/// A bundled file that depends on no other is known to be right. Every run reads one, descriptor.proto, and most runs are of
/// small files.
pub(crate) fn build(
    pool: &mut Pool,
    parsed: ParsedFile,
    asked_for: bool,
    diagnostics: &mut Diagnostics,
    late: &mut Diagnostics,
) -> Option<FileId> {
    let mut own = Diagnostics::default();
    let id = FileId(pool.files.len() as u32);
    let first_message = pool.messages.len() as u32;
    let first_enum = pool.enums.len() as u32;
    let is_known = parsed.imports.is_empty() && bundled::contains(&parsed.source);
    let places = Builder { pool, id, diagnostics: &mut own }.file(parsed);
    let mut hints = NumberHints::default();
    declare::declare(pool, id, &mut hints, &mut own);
    let scope = BuiltFile {
        id,
        messages: first_message..pool.messages.len() as u32,
        enums: first_enum..pool.enums.len() as u32,
    };
    let mut visible = link::link(pool, &scope, &mut own);
    check_numbers::suggest(pool, id, &hints, &mut own);
    if !own.has_errors() {
        options::interpret(pool, &scope, Phase::Standard, &mut visible, &mut own);
        features::resolve(pool, id, &mut own);
        options::interpret(pool, &scope, Phase::Custom, &mut visible, &mut own);
        options::mark_source_only(pool, &scope);
    }
    if !is_known {
        check_linked(pool, &scope, &visible, asked_for, &mut own);
    }
    let failed = own.has_errors();
    if failed {
        for (token, text) in declarations::map_conflicts(pool, id) {
            pool.file(id).error(&mut own, token, text);
        }
    }
    diagnostics.extend(own);
    if failed {
        return None;
    }
    if asked_for {
        lifetimes::check_targets(pool, id, late);
    }
    let file = &mut pool.files[id.0 as usize];
    file.source_info = match places {
        Places::Recorded(recorded) => Some(recorded.finish(&file.option_paths)),
        Places::Deferred => {
            let name_only = Source::new(file.source.name(), Vec::new());
            let source = std::mem::replace(&mut file.source, name_only);
            Some(SourceInfo::deferred(source, std::mem::take(&mut file.option_paths)))
        }
        Places::Encoded(source_info) => source_info,
    };
    settle::settle(pool, &scope);
    Some(id)
}

/// All rules for a linked file, kind by kind up to the first that is broken.
fn check_linked(
    pool: &mut Pool,
    scope: &BuiltFile,
    visible: &Visible,
    asked_for: bool,
    diagnostics: &mut Diagnostics,
) {
    if !diagnostics.has_errors() {
        check::check(pool, scope, diagnostics);
    }
    if !diagnostics.has_errors() {
        naming::check(pool, scope.id, diagnostics);
        visibility::check(pool, scope.id, diagnostics);
    }
    if !diagnostics.has_errors() {
        // Nobody wrote the imports of a descriptor.
        if asked_for && !pool.file(scope.id).source.is_placeless() {
            visible.report_unused(pool, diagnostics);
        }
        lifetimes::check(pool, scope.id, diagnostics);
    }
}

/// A file with the ranges of its messages and enums in the pool.
pub(crate) struct BuiltFile {
    pub(crate) id: FileId,
    messages: std::ops::Range<u32>,
    enums: std::ops::Range<u32>,
}

impl BuiltFile {
    pub(crate) fn messages(&self) -> impl Iterator<Item = MessageId> + use<> {
        self.messages.clone().map(MessageId)
    }

    pub(crate) fn enums(&self) -> impl Iterator<Item = EnumId> + use<> {
        self.enums.clone().map(EnumId)
    }
}

struct Builder<'a> {
    pool: &'a mut Pool,
    id: FileId,
    diagnostics: &'a mut Diagnostics,
}

/// What a message or file contains besides fields; `extend` blocks and groups add to it.
#[derive(Default)]
struct Content {
    /// The message; none for the file.
    message: Option<MessageId>,
    messages: Vec<MessageId>,
    enums: Vec<EnumId>,
    extensions: Vec<Field>,
}

impl Builder<'_> {
    /// Adds the file, and returns what is to be used when it is built.
    fn file(mut self, parsed: ParsedFile) -> Places {
        let edition = parsed.tree.syntax.as_ref().map_or(Edition::Proto2, |syntax| syntax.edition);
        self.pool.files.push(File {
            source: parsed.source,
            tokens: parsed.tokens,
            edition,
            features: Features::of(edition),
            package: String::new(),
            package_span: ast::Span::default(),
            imports: Vec::new(),
            messages: Vec::new(),
            enums: Vec::new(),
            services: Vec::new(),
            extensions: Vec::new(),
            options: Options::default(),
            source_info: None,
            option_paths: OptionPaths::default(),
            differs_retained: false,
        });
        self.header(&parsed.tree, &parsed.imports);
        let package = self.own_file().package.clone();
        let mut content = Content::default();
        let (mut statements, mut services) = (Vec::new(), Vec::new());
        for item in parsed.tree.items {
            match item {
                FileItem::Message(message) => self.add_message(&mut content, message, &package, None),
                FileItem::Enum(definition) => {
                    let id = self.enumeration(definition, &package, None);
                    content.enums.push(id);
                }
                FileItem::Service(service) => services.push(self.service(service, &package)),
                FileItem::Extend(extend) => self.extend(extend, &mut content, &package),
                FileItem::Option(option) => statements.push(option),
                FileItem::Import(_) | FileItem::Package(_) => {}
            }
        }
        let file = &mut self.pool.files[self.id.0 as usize];
        file.messages = content.messages;
        file.enums = content.enums;
        file.extensions = content.extensions;
        file.services = services;
        file.options = Options::new(statements);
        parsed.places
    }

    fn own_file(&mut self) -> &mut File {
        &mut self.pool.files[self.id.0 as usize]
    }

    fn error(&mut self, token: u32, message: impl Into<String>) {
        self.pool.file(self.id).error(self.diagnostics, token, message);
    }

    fn header(&mut self, tree: &ast::File, imports: &[Imported]) {
        let mut seen = HashSet::new();
        let mut next = imports.iter();
        for item in &tree.items {
            match item {
                FileItem::Import(import) => {
                    if !seen.insert(import.path.as_str()) {
                        let message = format!("Import \"{}\" was listed twice.", import.path);
                        self.error(import.span.first, message);
                    }
                    let imported = next.next().copied().unwrap_or(Imported::Refused);
                    let file = match imported {
                        Imported::File(id) => Some(id),
                        _ => None,
                    };
                    // What only options need may be missing as far as this file goes; the run fails all the same.
                    if imported == Imported::Refused && import.kind != ImportKind::Option {
                        let message = format!("Import \"{}\" was not found or had errors.", import.path);
                        self.error(import.span.first, message);
                    }
                    self.own_file().imports.push(Import {
                        path: import.path.clone(),
                        kind: import.kind,
                        token: import.span.first,
                        file,
                        unused: false,
                    });
                }
                FileItem::Package(package) => {
                    self.own_file().package = package.name.clone();
                    self.own_file().package_span = package.span;
                    if let Err((name, taken)) = self.pool.symbols.add_package(&package.name, self.id) {
                        let other = self.pool.file(taken.file).source.name().to_owned();
                        let message = format!(
                            "\"{name}\" is already defined (as something other than a package) in file \"{other}\"."
                        );
                        self.error(package.span.first, message);
                    }
                }
                _ => {}
            }
        }
    }

    fn add_message(
        &mut self,
        content: &mut Content,
        message: ast::Message,
        scope: &str,
        nested_in: Option<MessageId>,
    ) {
        let id = self.reserve_message(&message.name, scope, nested_in);
        self.pool.messages[id.0 as usize].visibility = message.visibility;
        self.pool.messages[id.0 as usize].map_entry = message.items.iter().any(is_encoded_map_entry);
        content.messages.push(id);
        self.message_content(id, message.items);
    }

    /// Makes an empty message.
    fn reserve_message(&mut self, name: &ast::Ident, scope: &str, nested_in: Option<MessageId>) -> MessageId {
        let id = MessageId(self.pool.messages.len() as u32);
        let full_name = join(scope, &name.text);
        self.pool.messages.push(Message {
            name: name.text.as_str().into(),
            full_name: full_name.into(),
            name_token: name.token,
            fields: Vec::new(),
            oneofs: Vec::new(),
            nested: Vec::new(),
            enums: Vec::new(),
            extensions: Vec::new(),
            extension_ranges: Vec::new(),
            reserved_ranges: Vec::new(),
            reserved_names: Vec::new(),
            options: Options::default(),
            map_entry: false,
            visibility: None,
            features: Features::of(self.pool.file(self.id).edition),
            file: self.id,
            nested_in,
        });
        id
    }

    fn message_content(&mut self, id: MessageId, items: Vec<MessageItem>) {
        let scope = self.pool.message(id).full_name.clone();
        let mut content = Content { message: Some(id), ..Content::default() };
        let (mut fields, mut oneofs) = (Vec::new(), Vec::new());
        let (mut extensions, mut reserved, mut statements) = (Vec::new(), Vec::new(), Vec::new());
        for item in items {
            match item {
                MessageItem::Field(field) => fields.push(self.field(*field, &mut content, &scope)),
                MessageItem::Oneof(oneof) => self.oneof(oneof, &mut content, id, &mut fields, &mut oneofs),
                MessageItem::Message(message) => self.add_message(&mut content, message, &scope, Some(id)),
                MessageItem::Enum(definition) => {
                    let enum_id = self.enumeration(definition, &scope, Some(id));
                    content.enums.push(enum_id);
                }
                MessageItem::Extend(extend) => self.extend(extend, &mut content, &scope),
                MessageItem::Extensions(ranges) => extensions.push(ranges),
                MessageItem::Reserved(ranges) => reserved.push(ranges),
                MessageItem::Option(option) => statements.push(option),
            }
        }
        add_synthetic_oneofs(&mut fields, &mut oneofs);
        let max = if is_message_set(&statements) { i32::MAX } else { MAX_FIELD_NUMBER + 1 };
        let message = &mut self.pool.messages[id.0 as usize];
        message.nested = content.messages;
        message.enums = content.enums;
        message.extensions = content.extensions;
        message.options = Options::new(statements);
        message.fields = fields;
        message.oneofs = oneofs;
        for block in reserved {
            message.reserved_ranges.extend(block.ranges.iter().map(|r| field_range(r, max, &[])));
            message.reserved_names.extend(block.names.into_iter().map(|(name, at)| (name, at.first)));
        }
        for block in extensions {
            let ranges = block.ranges.iter().map(|r| field_range(r, max, &block.options));
            message.extension_ranges.extend(ranges);
        }
    }

    fn oneof(
        &mut self,
        oneof: ast::Oneof,
        content: &mut Content,
        id: MessageId,
        fields: &mut Vec<Field>,
        oneofs: &mut Vec<Oneof>,
    ) {
        let scope = self.pool.message(id).full_name.clone();
        let index = oneofs.len() as u32;
        let mut statements = Vec::new();
        for item in oneof.items {
            match item {
                OneofItem::Field(field) => {
                    let mut field = self.field(*field, content, &scope);
                    field.oneof = Some(index);
                    field.proto3_optional = false;
                    fields.push(field);
                }
                OneofItem::Option(option) => statements.push(option),
            }
        }
        oneofs.push(Oneof {
            name: oneof.name.text.into(),
            name_token: oneof.name.token,
            options: Options::new(statements),
        });
    }

    fn extend(&mut self, extend: ast::Extend, content: &mut Content, scope: &str) {
        for field in extend.fields {
            let mut extension = self.field(field, content, scope);
            extension.extendee = Some(Box::new(Extendee {
                name: extend.extendee.text.clone(),
                token: extend.extendee.span.first,
                message: None,
            }));
            content.extensions.push(extension);
        }
    }

    /// A field; the message of a group or of a map's entries goes to `content`.
    fn field(&mut self, field: ast::Field, content: &mut Content, scope: &str) -> Field {
        let edition = self.pool.file(self.id).edition;
        let proto3 = edition == Edition::Proto3;
        let mut name = field.name.text.clone();
        let mut label = field.label.map_or(Label::Optional, |(label, _)| label);
        let (mut ty, mut type_name) = (Type::Unresolved, String::new());
        match &field.ty {
            ast::FieldType::Plain(TypeName::Scalar(scalar)) => ty = Type::Scalar(*scalar),
            ast::FieldType::Plain(TypeName::Named(named)) => type_name.clone_from(named),
            ast::FieldType::Map { key, value } => {
                label = Label::Repeated;
                type_name = text::map_entry_name(&name);
                let entry = self.map_entry(&field, [key, value], scope, content.message);
                content.messages.push(entry);
            }
            ast::FieldType::NamedGroup(named) => {
                ty = Type::UnresolvedGroup;
                type_name.clone_from(named);
            }
            ast::FieldType::Group => {
                type_name.clone_from(&name);
                name.make_ascii_lowercase();
                if let Some(group) = field.group {
                    let id = self.reserve_message(&group.name, scope, content.message);
                    content.messages.push(id);
                    self.message_content(id, group.items);
                    ty = Type::Group(id);
                }
            }
        }
        let default_token = field.default.as_ref().map_or(0, |default| default.value_span.first);
        let json_token = field.json_name.as_ref().map_or(field.name.token, |json| json.span.first);
        Field {
            full_name: join(scope, &name).into(),
            number: field.number.value,
            label,
            ty,
            type_name,
            extendee: None,
            oneof: None,
            default: field.default.map(|default| default.value.into()),
            json_name: field.json_name.map(|json| json.value.into()),
            proto3_optional: proto3 && matches!(field.label, Some((Label::Optional, _))),
            options: Options::new(field.options),
            features: Features::of(edition),
            at: FieldTokens {
                name: field.name.token,
                number: field.number.token,
                ty: field.type_span.first,
                default: default_token,
                json_name: json_token,
            },
            name: name.into(),
        }
    }

    fn map_entry(
        &mut self,
        field: &ast::Field,
        types: [&TypeName; 2],
        scope: &str,
        nested_in: Option<MessageId>,
    ) -> MessageId {
        // What a map field says of features holds for both parts of its entries.
        let is_feature =
            |option: &&OptionAssign| !option.name[0].is_extension && option.name[0].name == "features";
        let statements: Vec<OptionAssign> = field.options.iter().filter(is_feature).cloned().collect();
        let features = Features::of(self.pool.file(self.id).edition);
        let name = ast::Ident { text: text::map_entry_name(&field.name.text), token: field.name.token };
        let id = self.reserve_message(&name, scope, nested_in);
        let scope = self.pool.message(id).full_name.clone();
        let fields = ["key", "value"].into_iter().zip(types).zip(1..).map(|((name, ty), number)| {
            let (ty, type_name) = match ty {
                TypeName::Scalar(scalar) => (Type::Scalar(*scalar), String::new()),
                TypeName::Named(named) => (Type::Unresolved, named.clone()),
            };
            Field {
                name: name.into(),
                full_name: join(&scope, name).into(),
                number,
                label: Label::Optional,
                ty,
                type_name,
                extendee: None,
                oneof: None,
                default: None,
                json_name: None,
                proto3_optional: false,
                options: Options::new(statements.clone()),
                features,
                at: FieldTokens {
                    name: field.name.token,
                    number: field.number.token,
                    ty: field.type_span.first,
                    ..FieldTokens::default()
                },
            }
        });
        let message = &mut self.pool.messages[id.0 as usize];
        message.fields = fields.collect();
        message.map_entry = true;
        message.options.make().value = OptionMessage::with_varint(MAP_ENTRY, 1);
        id
    }

    fn enumeration(&mut self, definition: ast::Enum, scope: &str, nested_in: Option<MessageId>) -> EnumId {
        let id = EnumId(self.pool.enums.len() as u32);
        let name = definition.name.text;
        let full_name = join(scope, &name);
        let (mut values, mut statements) = (Vec::new(), Vec::new());
        let (mut reserved_ranges, mut reserved_names) = (Vec::new(), Vec::new());
        for item in definition.items {
            match item {
                ast::EnumItem::Value(value) => {
                    values.push(EnumValue {
                        name: value.name.text.into(),
                        number: value.number,
                        name_token: value.name.token,
                        number_token: value.number_span.first,
                        options: Options::new(value.options),
                    });
                }
                ast::EnumItem::Option(option) => statements.push(option),
                ast::EnumItem::Reserved(block) => {
                    reserved_ranges.extend(block.ranges.iter().map(enum_range));
                    reserved_names.extend(block.names.into_iter().map(|(name, at)| (name, at.first)));
                }
            }
        }
        self.pool.enums.push(Enum {
            file: self.id,
            visibility: definition.visibility,
            features: Features::of(self.pool.file(self.id).edition),
            nested_in,
            name: name.into(),
            full_name: full_name.into(),
            name_token: definition.name.token,
            values,
            reserved_ranges,
            reserved_names,
            options: Options::new(statements),
        });
        id
    }

    fn service(&mut self, service: ast::Service, scope: &str) -> Service {
        let full_name = join(scope, &service.name.text);
        let (mut methods, mut statements) = (Vec::new(), Vec::new());
        for item in service.items {
            match item {
                ast::ServiceItem::Method(method) => {
                    let method_type = |path: ast::TypePath, stream: bool| MethodType {
                        name: path.text,
                        token: path.span.first,
                        stream,
                    };
                    methods.push(Method {
                        name: method.name.text.into(),
                        name_token: method.name.token,
                        input: method_type(method.input, method.client_stream.is_some()),
                        output: method_type(method.output, method.server_stream.is_some()),
                        empty_block: method.open.is_some() && method.options.is_empty(),
                        options: Options::new(method.options),
                    });
                }
                ast::ServiceItem::Option(option) => statements.push(option),
            }
        }
        Service {
            name: service.name.text,
            full_name,
            name_token: service.name.token,
            methods,
            options: Options::new(statements),
        }
    }
}

fn field_range(range: &ast::Range, max: i32, options: &[OptionAssign]) -> Range {
    let end = match range.end {
        RangeEnd::Same => range.start.saturating_add(1),
        RangeEnd::Number(end) => end.saturating_add(1),
        RangeEnd::Max => max,
    };
    Range { start: range.start, end, token: range.span.first, options: Options::new(options.to_vec()) }
}

fn enum_range(range: &ast::Range) -> Range {
    let end = match range.end {
        RangeEnd::Same => range.start,
        RangeEnd::Number(end) => end,
        RangeEnd::Max => i32::MAX,
    };
    Range { start: range.start, end, token: range.span.first, options: Options::default() }
}

/// Whether it is the options of a descriptor that say that their message was made for a map.
fn is_encoded_map_entry(item: &MessageItem) -> bool {
    match item {
        MessageItem::Option(OptionAssign { value: ast::OptionValue::Encoded(options), .. }) => {
            raw::varints(options, MAP_ENTRY).last() == Some(1)
        }
        _ => false,
    }
}

/// Whether the options as written make a message set, which has more field numbers.
fn is_message_set(statements: &[OptionAssign]) -> bool {
    statements.iter().any(|option| {
        if let ast::OptionValue::Encoded(options) = &option.value {
            return raw::varints(options, 1).last() == Some(1);
        }
        option.name.len() == 1
            && option.name[0].name == "message_set_wire_format"
            && option.value == ast::OptionValue::Identifier("true".to_owned())
    })
}

/// A proto3 `optional` field lies in a oneof of its own, after all that were written.
fn add_synthetic_oneofs(fields: &mut [Field], oneofs: &mut Vec<Oneof>) {
    if !fields.iter().any(|field| field.proto3_optional) {
        return;
    }
    let mut taken: HashSet<SmolStr> = fields.iter().map(|field| field.name.clone()).collect();
    taken.extend(oneofs.iter().map(|oneof| oneof.name.clone()));
    for field in fields.iter_mut().filter(|field| field.proto3_optional) {
        let mut name =
            if field.name.starts_with('_') { field.name.clone() } else { format_smolstr!("_{}", field.name) };
        while !taken.insert(name.clone()) {
            name = format_smolstr!("X{name}");
        }
        field.oneof = Some(oneofs.len() as u32);
        oneofs.push(Oneof { name, name_token: field.at.name, options: Options::default() });
    }
}
