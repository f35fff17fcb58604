//! The linked form: every name resolved, every rule checked, options interpreted.
//!
//! ```text
//! ast → build (names, numbers, map entries, groups, synthetic oneofs) → link (types) → options → check
//! ```
//!
//! Messages and enums of all files lie in one [`Pool`] and refer to each other by index, so a file is read once,
//! whatever imports it.

mod aggregate;
mod build;
mod check;
mod check_features;
mod check_names;
mod check_numbers;
mod declarations;
mod declare;
mod elements;
mod features;
mod json_values;
mod lifetimes;
mod link;
mod naming;
mod options;
mod settle;
mod symbols;
mod value;
mod visibility;

use std::{
    borrow::Cow,
    ops::Deref,
    sync::{Arc, LazyLock},
};

use smol_str::SmolStr;

use crate::{
    ast::{Edition, ImportKind, Label, OptionAssign, OptionValue, Scalar, Span, Visibility},
    diagnostics::{Diagnostics, Severity},
    source::Source,
    source_info::{OptionPaths, SourceInfo},
    text,
    tokens::Token,
    wire::Writer,
};

pub(crate) use aggregate::{
    Extensions, Fault as AggregateFault, Input as AggregateInput, parse as parse_aggregate,
};
pub(crate) use build::{BuiltFile, Imported, ParsedFile, Places, build};
pub(crate) use check_numbers::free_field_numbers;
pub(crate) use features::Features;
pub(crate) use options::is_group_like;
pub(crate) use symbols::{Symbol, Symbols};
pub(crate) use value::{OptionMessage, OptionScalar};

macro_rules! index_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) struct $name(pub(crate) u32);
    };
}

index_type!(
    /// A file of a [`Pool`].
    FileId
);
index_type!(
    /// A message of a [`Pool`].
    MessageId
);
index_type!(
    /// An enum of a [`Pool`].
    EnumId
);

/// All files of a run.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    pub(crate) files: Vec<File>,
    pub(crate) messages: Vec<Message>,
    pub(crate) enums: Vec<Enum>,
    pub(crate) symbols: Symbols,
}

impl Pool {
    pub(crate) fn file(&self, id: FileId) -> &File {
        &self.files[id.0 as usize]
    }

    pub(crate) fn message(&self, id: MessageId) -> &Message {
        &self.messages[id.0 as usize]
    }

    pub(crate) fn enumeration(&self, id: EnumId) -> &Enum {
        &self.enums[id.0 as usize]
    }

    /// A message's field, or an extension of it, by its number.
    pub(crate) fn field_by_number(&self, id: MessageId, number: u32) -> Option<&Field> {
        options::field_by_number(self, id, number)
    }

    /// An extension of a file, or of a message in it, by its index.
    pub(crate) fn extension_at(&self, file: FileId, scope: Option<MessageId>, index: u32) -> Option<&Field> {
        match scope {
            Some(id) => self.message(id).extensions.get(index as usize),
            None => self.file(file).extensions.get(index as usize),
        }
    }

    /// The extension through which a message set holds messages of a type, where that type defines it.
    pub(crate) fn message_set_extension(&self, set: MessageId, id: MessageId) -> Option<&Field> {
        if !self.message(set).is_message_set() {
            return None;
        }
        self.message(id).extensions.iter().find(|field| {
            let extends = field.extendee.as_ref().and_then(|extendee| extendee.message);
            extends == Some(set) && field.ty == Type::Message(id) && field.label == Label::Optional
        })
    }

    /// Gives a message that was read as text the form in which it is encoded.
    pub(crate) fn complete(&self, id: MessageId, value: &mut OptionMessage) {
        options::normalize(self, id, value);
        options::mark(self, id, value);
    }
}

/// A file and what stands at its top level.
#[derive(Debug)]
pub(crate) struct File {
    /// Its text and its tokens are there while it is built.
    pub(crate) source: Source,
    pub(crate) tokens: Vec<Token>,
    pub(crate) edition: Edition,
    pub(crate) features: Features,
    pub(crate) package: String,
    pub(crate) package_span: Span,
    pub(crate) imports: Vec<Import>,
    pub(crate) messages: Vec<MessageId>,
    pub(crate) enums: Vec<EnumId>,
    pub(crate) services: Vec<Service>,
    pub(crate) extensions: Vec<Field>,
    pub(crate) options: Options,
    /// None where a descriptor has none.
    pub(crate) source_info: Option<SourceInfo>,
    /// What the options of the file mean, for their locations. Empty once it is built.
    pub(crate) option_paths: OptionPaths,
    /// Whether its descriptor with all options is another one than that without those for the source only.
    pub(crate) differs_retained: bool,
}

impl File {
    /// Reports an error at a token.
    pub(crate) fn error(&self, diagnostics: &mut Diagnostics, token: u32, message: impl Into<String>) {
        self.report(diagnostics, Severity::Error, token, message.into());
    }

    /// Reports a warning at a token.
    pub(crate) fn warning(&self, diagnostics: &mut Diagnostics, token: u32, message: impl Into<String>) {
        self.report(diagnostics, Severity::Warning, token, message.into());
    }

    fn report(&self, diagnostics: &mut Diagnostics, severity: Severity, token: u32, message: String) {
        let offset = self.tokens.get(token as usize).map_or(0, |token| token.start);
        diagnostics.at(severity, &self.source, offset, message);
    }
}

#[derive(Debug)]
pub(crate) struct Import {
    pub(crate) path: String,
    pub(crate) kind: ImportKind,
    pub(crate) token: u32,
    pub(crate) file: Option<FileId>,
    /// Whether nothing is taken from it. It is known of the files that were asked for only.
    pub(crate) unused: bool,
}

/// The options of one element. Most have none, which takes next to no room.
#[derive(Debug, Default)]
pub(crate) struct Options(Option<Box<OptionSet>>);

/// Options as written, then as interpreted.
#[derive(Debug, Default)]
pub(crate) struct OptionSet {
    /// Gone once the file is built.
    pub(crate) statements: Box<[OptionAssign]>,
    /// A descriptor had options with nothing in them.
    pub(crate) encoded_empty: bool,
    pub(crate) value: OptionMessage,
    /// What each custom option says by itself, in the order in which they were written. Empty where `value` says the
    /// same. protoc does not know custom options when it keeps all options, so it writes them as they come.
    pub(crate) custom: Box<[OptionMessage]>,
}

static NO_OPTIONS: LazyLock<OptionSet> = LazyLock::new(OptionSet::default);

impl Options {
    pub(crate) fn new(statements: Vec<OptionAssign>) -> Self {
        if statements.is_empty() {
            return Self(None);
        }
        let empty = |value: &OptionValue| matches!(value, OptionValue::Encoded(bytes) if bytes.is_empty());
        let encoded_empty = statements.iter().any(|statement| empty(&statement.value));
        Self(Some(Box::new(OptionSet {
            statements: statements.into(),
            encoded_empty,
            ..OptionSet::default()
        })))
    }

    /// The options to be changed; made where there are none.
    pub(crate) fn make(&mut self) -> &mut OptionSet {
        self.0.get_or_insert_default()
    }

    /// The options to be changed, where there are any.
    pub(crate) fn existing(&mut self) -> Option<&mut OptionSet> {
        self.0.as_deref_mut()
    }
}

impl Deref for Options {
    type Target = OptionSet;

    fn deref(&self) -> &OptionSet {
        self.0.as_deref().unwrap_or(&NO_OPTIONS)
    }
}

impl OptionSet {
    /// Whether what descriptors that keep all options have is the value's own encoding.
    pub(crate) fn retained_as_value(&self) -> bool {
        let (mut value, mut retained) = (Writer::default(), Writer::default());
        self.value.encode(true, &mut value);
        self.encode_retained(&mut retained);
        value.into_bytes() == retained.into_bytes()
    }

    /// Writes the options as they are in descriptors that keep all of them.
    pub(crate) fn encode_retained(&self, out: &mut Writer) {
        if self.custom.is_empty() {
            return self.value.encode(true, out);
        }
        let is_standard = |number: u32| number < FIRST_CUSTOM;
        self.value.encode_fields(true, is_standard, out);
        let is_custom = |number: u32| number >= FIRST_CUSTOM;
        self.custom.iter().for_each(|statement| statement.encode_fields(true, is_custom, out));
    }
}

/// The first number of options that only their own files define; those below come with protobuf.
const FIRST_CUSTOM: u32 = 1000;

#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) name: SmolStr,
    pub(crate) full_name: Arc<str>,
    pub(crate) name_token: u32,
    pub(crate) fields: Vec<Field>,
    pub(crate) oneofs: Vec<Oneof>,
    pub(crate) nested: Vec<MessageId>,
    pub(crate) enums: Vec<EnumId>,
    pub(crate) extensions: Vec<Field>,
    pub(crate) extension_ranges: Vec<Range>,
    pub(crate) reserved_ranges: Vec<Range>,
    pub(crate) reserved_names: Vec<(String, u32)>,
    pub(crate) options: Options,
    /// Made for a map field.
    pub(crate) map_entry: bool,
    pub(crate) visibility: Option<Visibility>,
    pub(crate) features: Features,
    pub(crate) file: FileId,
    /// Whether it stands inside another message.
    pub(crate) nested_in: Option<MessageId>,
}

impl Message {
    /// Whether a oneof was made for a `proto3_optional` field.
    pub(crate) fn is_synthetic_oneof(&self, index: usize) -> bool {
        self.fields.iter().any(|field| field.proto3_optional && field.oneof == Some(index as u32))
    }

    pub(crate) fn is_message_set(&self) -> bool {
        self.options.value.is_true(MESSAGE_SET_WIRE_FORMAT)
    }
}

/// `MessageOptions.message_set_wire_format`
const MESSAGE_SET_WIRE_FORMAT: u32 = 1;

/// Numbers from `start` up to but not including `end`; for enums `end` is included.
#[derive(Debug)]
pub(crate) struct Range {
    pub(crate) start: i32,
    pub(crate) end: i32,
    pub(crate) token: u32,
    pub(crate) options: Options,
}

/// What a field holds, as `FieldDescriptorProto.Type` numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Scalar(Scalar),
    Message(MessageId),
    Group(MessageId),
    Enum(EnumId),
    /// Named in [`Field::type_name`] and not linked.
    Unresolved,
    /// The same, and a group.
    UnresolvedGroup,
}

impl Type {
    /// The number of `FieldDescriptorProto.Type`.
    pub(crate) fn number(self) -> Option<u32> {
        match self {
            Self::Scalar(scalar) => Some(scalar as u32),
            Self::Group(_) => Some(10),
            Self::Message(_) => Some(11),
            Self::Enum(_) => Some(14),
            Self::Unresolved | Self::UnresolvedGroup => None,
        }
    }

    pub(crate) fn message(self) -> Option<MessageId> {
        match self {
            Self::Message(id) | Self::Group(id) => Some(id),
            _ => None,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: SmolStr,
    pub(crate) full_name: Arc<str>,
    pub(crate) number: i32,
    pub(crate) label: Label,
    pub(crate) ty: Type,
    /// The type as written, until it is linked; then the full name with a leading dot. Once the file is built it is here
    /// only where the type is not linked.
    pub(crate) type_name: String,
    pub(crate) extendee: Option<Box<Extendee>>,
    pub(crate) oneof: Option<u32>,
    pub(crate) default: Option<Box<[u8]>>,
    /// As written; mostly it is not.
    pub(crate) json_name: Option<Box<str>>,
    pub(crate) proto3_optional: bool,
    pub(crate) options: Options,
    pub(crate) features: Features,
    pub(crate) at: FieldTokens,
}

impl Field {
    /// Its name in JSON: as written, or what its name makes it.
    pub(crate) fn json_name(&self) -> Cow<'_, str> {
        self.json_name.as_deref().map_or_else(|| text::json_name(&self.name).into(), Cow::from)
    }

    /// Whether a message without it is not complete.
    pub(crate) fn is_required(&self) -> bool {
        self.label == Label::Required || (!self.is_repeated() && self.features.is_required())
    }

    pub(crate) fn is_repeated(&self) -> bool {
        self.label == Label::Repeated
    }
}

/// Where the parts of a field stand.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FieldTokens {
    pub(crate) name: u32,
    pub(crate) number: u32,
    pub(crate) ty: u32,
    pub(crate) default: u32,
    pub(crate) json_name: u32,
}

/// What an extension extends.
#[derive(Debug)]
pub(crate) struct Extendee {
    pub(crate) name: String,
    pub(crate) token: u32,
    pub(crate) message: Option<MessageId>,
}

#[derive(Debug)]
pub(crate) struct Oneof {
    pub(crate) name: SmolStr,
    pub(crate) name_token: u32,
    pub(crate) options: Options,
}

#[derive(Debug)]
pub(crate) struct Enum {
    pub(crate) file: FileId,
    pub(crate) visibility: Option<Visibility>,
    pub(crate) features: Features,
    /// The message that it stands in.
    pub(crate) nested_in: Option<MessageId>,
    pub(crate) name: SmolStr,
    pub(crate) full_name: Arc<str>,
    pub(crate) name_token: u32,
    pub(crate) values: Vec<EnumValue>,
    pub(crate) reserved_ranges: Vec<Range>,
    pub(crate) reserved_names: Vec<(String, u32)>,
    pub(crate) options: Options,
}

impl Enum {
    /// The full name of a value, which is a sibling of its enum.
    pub(crate) fn value_name(&self, value: &str) -> String {
        join(self.full_name.rsplit_once('.').map_or("", |(scope, _)| scope), value)
    }
}

#[derive(Debug)]
pub(crate) struct EnumValue {
    pub(crate) name: SmolStr,
    pub(crate) number: i32,
    pub(crate) name_token: u32,
    pub(crate) number_token: u32,
    pub(crate) options: Options,
}

/// The full name of `name` in a scope, which is empty outside of packages and messages.
fn join(scope: &str, name: &str) -> String {
    if scope.is_empty() { name.to_owned() } else { [scope, ".", name].concat() }
}

#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) full_name: String,
    pub(crate) name_token: u32,
    pub(crate) methods: Vec<Method>,
    pub(crate) options: Options,
}

#[derive(Debug)]
pub(crate) struct Method {
    pub(crate) name: SmolStr,
    pub(crate) name_token: u32,
    pub(crate) input: MethodType,
    pub(crate) output: MethodType,
    /// Written with braces and nothing between them, which makes it have options where there are none.
    pub(crate) empty_block: bool,
    pub(crate) options: Options,
}

#[derive(Debug)]
pub(crate) struct MethodType {
    /// As written, until it is linked; then the full name with a leading dot.
    pub(crate) name: String,
    pub(crate) token: u32,
    pub(crate) stream: bool,
}
