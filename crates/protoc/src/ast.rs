//! The syntax tree: what a file says, in the order in which it says it, with the tokens each part came from.
//!
//! Nothing is resolved or made up here: map fields are map fields, groups are groups. [`crate::ir`] gives them their
//! meaning.

/// The first and last token of a construct, both inclusive, as indices into the file's tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first: u32,
    pub(crate) last: u32,
}

impl Span {
    pub(crate) fn token(index: u32) -> Self {
        Self { first: index, last: index }
    }
}

/// An identifier and its token.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ident {
    pub(crate) text: String,
    pub(crate) token: u32,
}

/// A possibly dotted name of a type, as written without white space.
#[derive(Clone, Debug, Default)]
pub(crate) struct TypePath {
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// A field or enum number as written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number {
    pub(crate) value: i32,
    pub(crate) token: u32,
}

/// A whole file.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub(crate) syntax: Option<Syntax>,
    pub(crate) items: Vec<FileItem>,
    /// From the first to the last token.
    pub(crate) span: Span,
}

/// `syntax = "proto3";` or `edition = "2024";`
#[derive(Debug)]
pub(crate) struct Syntax {
    pub(crate) edition: Edition,
    pub(crate) span: Span,
}

/// The language a file is written in, numbered as `google.protobuf.Edition`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Edition {
    Proto2 = 998,
    Proto3 = 999,
    Edition2023 = 1000,
    Edition2024 = 1001,
    Edition2026 = 1002,
    /// What is being tried out: all of the last edition and what may come after it.
    Unstable = 9999,
}

impl Edition {
    /// Those that `edition = "…"` can name, with their names.
    pub(crate) const NAMED: [(&'static str, Self); 4] = [
        ("2023", Self::Edition2023),
        ("2024", Self::Edition2024),
        ("2026", Self::Edition2026),
        ("UNSTABLE", Self::Unstable),
    ];

    /// Whether it is newer than the two syntaxes.
    pub(crate) fn is_named(self) -> bool {
        self >= Self::Edition2023
    }
}

/// `export` or `local` before a message or enum, numbered as `google.protobuf.SymbolVisibility`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visibility {
    Local = 1,
    Export = 2,
}

#[derive(Debug)]
pub(crate) enum FileItem {
    Import(Import),
    Package(Package),
    Option(OptionAssign),
    Message(Message),
    Enum(Enum),
    Service(Service),
    Extend(Extend),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImportKind {
    Plain,
    Public,
    Weak,
    /// Only for custom options.
    Option,
}

#[derive(Debug)]
pub(crate) struct Import {
    pub(crate) kind: ImportKind,
    /// The token of `public`, `weak` or `option`.
    pub(crate) kind_token: Option<u32>,
    pub(crate) path: String,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) span: Span,
}

/// One part of an option's name; in parentheses it names an extension.
#[derive(Clone, Debug)]
pub(crate) struct NamePart {
    pub(crate) name: String,
    pub(crate) is_extension: bool,
}

/// `name = value`, as a statement or in brackets.
#[derive(Clone, Debug)]
pub(crate) struct OptionAssign {
    pub(crate) name: Vec<NamePart>,
    pub(crate) name_span: Span,
    pub(crate) value: OptionValue,
    pub(crate) value_span: Span,
    /// With `option` and `;` where it is a statement.
    pub(crate) span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum OptionValue {
    Identifier(String),
    PositiveInt(u64),
    NegativeInt(i64),
    Float(f64),
    String(Vec<u8>),
    /// All options of an element, interpreted and encoded: what there is in a descriptor.
    Encoded(Vec<u8>),
    /// The tokens between the braces, to be read as text format.
    Aggregate(Span),
}

#[derive(Debug, Default)]
pub(crate) struct Message {
    pub(crate) visibility: Option<Visibility>,
    pub(crate) name: Ident,
    pub(crate) items: Vec<MessageItem>,
    pub(crate) span: Span,
    /// The token of `{`.
    pub(crate) open: u32,
}

#[derive(Debug)]
pub(crate) enum MessageItem {
    Field(Box<Field>),
    Oneof(Oneof),
    Message(Message),
    Enum(Enum),
    Extend(Extend),
    Extensions(Extensions),
    Reserved(Reserved),
    Option(OptionAssign),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Label {
    Optional = 1,
    Required = 2,
    Repeated = 3,
}

/// The types of `FieldDescriptorProto.Type` that have a word of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scalar {
    Double = 1,
    Float = 2,
    Int64 = 3,
    Uint64 = 4,
    Int32 = 5,
    Fixed64 = 6,
    Fixed32 = 7,
    Bool = 8,
    String = 9,
    Bytes = 12,
    Uint32 = 13,
    Sfixed32 = 15,
    Sfixed64 = 16,
    Sint32 = 17,
    Sint64 = 18,
}

impl Scalar {
    const ALL: [Self; 15] = {
        use Scalar::*;
        [
            Double, Float, Int64, Uint64, Int32, Fixed64, Fixed32, Bool, String, Bytes, Uint32, Sfixed32,
            Sfixed64, Sint32, Sint64,
        ]
    };

    /// The type that `FieldDescriptorProto.Type` numbers so.
    pub(crate) fn from_number(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|scalar| *scalar as u64 == number)
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scalar| scalar.word() == word)
    }

    /// As sources spell it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Double => "double",
            Self::Float => "float",
            Self::Int64 => "int64",
            Self::Uint64 => "uint64",
            Self::Int32 => "int32",
            Self::Fixed64 => "fixed64",
            Self::Fixed32 => "fixed32",
            Self::Bool => "bool",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Uint32 => "uint32",
            Self::Sfixed32 => "sfixed32",
            Self::Sfixed64 => "sfixed64",
            Self::Sint32 => "sint32",
            Self::Sint64 => "sint64",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum TypeName {
    Scalar(Scalar),
    Named(String),
}

#[derive(Debug)]
pub(crate) enum FieldType {
    Plain(TypeName),
    Map {
        key: TypeName,
        value: TypeName,
    },
    Group,
    /// A group whose message is defined by itself, as descriptors have it.
    NamedGroup(String),
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) label: Option<(Label, u32)>,
    pub(crate) ty: FieldType,
    pub(crate) type_span: Span,
    pub(crate) name: Ident,
    pub(crate) number: Number,
    pub(crate) default: Option<DefaultValue>,
    pub(crate) json_name: Option<JsonName>,
    pub(crate) options: Vec<OptionAssign>,
    /// The brackets of the options.
    pub(crate) options_span: Option<Span>,
    /// The body of a group.
    pub(crate) group: Option<Message>,
    pub(crate) span: Span,
}

/// `default = value`, with the value in the form in which descriptors hold it.
#[derive(Debug)]
pub(crate) struct DefaultValue {
    pub(crate) value: Vec<u8>,
    pub(crate) value_span: Span,
}

/// `json_name = "x"`
#[derive(Debug)]
pub(crate) struct JsonName {
    pub(crate) value: String,
    pub(crate) span: Span,
    pub(crate) value_span: Span,
}

#[derive(Debug)]
pub(crate) struct Oneof {
    pub(crate) name: Ident,
    pub(crate) items: Vec<OneofItem>,
    pub(crate) span: Span,
    pub(crate) open: u32,
}

#[derive(Debug)]
pub(crate) enum OneofItem {
    Field(Box<Field>),
    Option(OptionAssign),
}

#[derive(Debug)]
pub(crate) struct Extend {
    pub(crate) extendee: TypePath,
    pub(crate) fields: Vec<Field>,
    pub(crate) span: Span,
    pub(crate) open: u32,
}

/// The upper end of a range as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RangeEnd {
    /// Only the start was written.
    Same,
    Number(i32),
    Max,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    pub(crate) start: i32,
    pub(crate) end: RangeEnd,
    pub(crate) start_span: Span,
    pub(crate) end_span: Span,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) struct Extensions {
    pub(crate) ranges: Vec<Range>,
    pub(crate) options: Vec<OptionAssign>,
    pub(crate) options_span: Option<Span>,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) struct Reserved {
    pub(crate) ranges: Vec<Range>,
    pub(crate) names: Vec<(String, Span)>,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) struct Enum {
    pub(crate) visibility: Option<Visibility>,
    pub(crate) name: Ident,
    pub(crate) items: Vec<EnumItem>,
    pub(crate) span: Span,
    pub(crate) open: u32,
}

#[derive(Debug)]
pub(crate) enum EnumItem {
    Value(EnumValue),
    Option(OptionAssign),
    Reserved(Reserved),
}

#[derive(Debug)]
pub(crate) struct EnumValue {
    pub(crate) name: Ident,
    pub(crate) number: i32,
    pub(crate) number_span: Span,
    pub(crate) options: Vec<OptionAssign>,
    pub(crate) options_span: Option<Span>,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: Ident,
    pub(crate) items: Vec<ServiceItem>,
    pub(crate) span: Span,
    pub(crate) open: u32,
}

#[derive(Debug)]
pub(crate) enum ServiceItem {
    Method(Method),
    Option(OptionAssign),
}

#[derive(Debug)]
pub(crate) struct Method {
    pub(crate) name: Ident,
    pub(crate) input: TypePath,
    pub(crate) output: TypePath,
    /// The tokens of `stream` where written.
    pub(crate) client_stream: Option<u32>,
    pub(crate) server_stream: Option<u32>,
    pub(crate) options: Vec<OptionAssign>,
    /// The token of `{` where a block of options follows.
    pub(crate) open: Option<u32>,
    pub(crate) span: Span,
}
