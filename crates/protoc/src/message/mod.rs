//! Messages of types that are known only at run time: binary to text and back, as `--decode` and `--encode` do it.

mod decode;
mod print;
mod required;

use std::collections::BTreeMap;

use crate::{
    ast::Span,
    diagnostics::Diagnostics,
    ir::{
        AggregateFault, AggregateInput, Extensions, Field, MessageId, OptionMessage, OptionScalar, Pool,
        Symbol, Type, parse_aggregate,
    },
    source::Source,
    tokens::{self, Kind},
    wire::Writer,
};

pub(crate) use print::{print, print_unknown};

/// How deep messages may nest: protobuf's default.
pub(crate) const MAX_DEPTH: usize = 100;

/// A message: its fields by number, and what its type does not know.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Dynamic {
    fields: BTreeMap<u32, Vec<Value>>,
    unknown: Vec<(u32, Unknown)>,
}

/// A value in the form in which it is on the wire; the field says what it means.
#[derive(Debug, PartialEq)]
enum Value {
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
    Bytes(Vec<u8>),
    Message(Dynamic),
}

/// A field that the type does not have.
#[derive(Debug, PartialEq)]
pub(crate) enum Unknown {
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
    Bytes(Vec<u8>),
    Group(Vec<(u32, Unknown)>),
}

/// A binary message that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DecodeError {
    /// Cut off, nested too deep, or no protobuf at all.
    Malformed,
    /// The named field holds what is not UTF-8.
    NotUtf8(String),
}

impl Dynamic {
    /// Reads a binary message.
    pub(crate) fn decode(pool: &Pool, id: MessageId, bytes: &[u8]) -> Result<Self, DecodeError> {
        decode::message(pool, id, bytes)
    }

    /// The paths of required fields that are not there.
    pub(crate) fn missing_required(&self, pool: &Pool, id: MessageId) -> Vec<String> {
        let mut missing = Vec::new();
        required::missing(pool, id, self, "", &mut missing);
        missing
    }
}

/// Reads the encoded options of an element. What their type does not know is kept.
pub(crate) fn options_of(pool: &Pool, id: MessageId, bytes: &[u8]) -> Option<OptionMessage> {
    let value = Dynamic::decode(pool, id, bytes).ok()?;
    Some(as_options(pool, Some(id), value))
}

fn as_options(pool: &Pool, id: Option<MessageId>, value: Dynamic) -> OptionMessage {
    let mut options = OptionMessage::default();
    for (number, values) in value.fields {
        let field = id.and_then(|id| pool.field_by_number(id, number));
        for value in values {
            let scalar = match value {
                Value::Varint(value) => OptionScalar::Varint(value),
                Value::Fixed32(value) => OptionScalar::Fixed32(value),
                Value::Fixed64(value) => OptionScalar::Fixed64(value),
                Value::Bytes(value) => OptionScalar::Bytes(value),
                Value::Message(inner) => {
                    let inner = as_options(pool, field.and_then(|field| field.ty.message()), inner);
                    match field.map(|field| field.ty) {
                        Some(Type::Group(_)) => OptionScalar::Group(inner),
                        _ => OptionScalar::Message(inner),
                    }
                }
            };
            options.push(number, scalar);
        }
    }
    push_unknown(&mut options, value.unknown);
    options
}

fn push_unknown(options: &mut OptionMessage, fields: Vec<(u32, Unknown)>) {
    for (number, value) in fields {
        let scalar = match value {
            Unknown::Varint(value) => OptionScalar::Varint(value),
            Unknown::Fixed32(value) => OptionScalar::Fixed32(value),
            Unknown::Fixed64(value) => OptionScalar::Fixed64(value),
            Unknown::Bytes(value) => OptionScalar::Bytes(value),
            Unknown::Group(fields) => {
                let mut inner = OptionMessage::default();
                push_unknown(&mut inner, fields);
                OptionScalar::Group(inner)
            }
        };
        options.push(number, scalar);
    }
}

/// Reads a binary message without a type.
pub(crate) fn decode_unknown(bytes: &[u8]) -> Result<Vec<(u32, Unknown)>, DecodeError> {
    decode::unknown_fields(bytes, MAX_DEPTH).ok_or(DecodeError::Malformed)
}

/// All extensions of a pool, by their full names.
struct AllExtensions<'p> {
    pool: &'p Pool,
}

impl<'p> Extensions<'p> for AllExtensions<'p> {
    fn extension_in(&mut self, name: &str, message: MessageId) -> Option<&'p Field> {
        let field = match self.pool.symbols.get(name)?.symbol {
            Symbol::Message(id) => self.pool.message_set_extension(message, id)?,
            Symbol::Extension(scope, index) => {
                let file = self.pool.symbols.get(name)?.file;
                self.pool.extension_at(file, scope, index)?
            }
            _ => return None,
        };
        (field.extendee.as_ref()?.message == Some(message)).then_some(field)
    }
}

/// Reads a message in text format and encodes it.
///
/// # Errors
/// What is wrong, in protoc's words: `input:line:column: message`.
pub(crate) fn encode_text(pool: &Pool, id: MessageId, text: Vec<u8>) -> Result<Vec<u8>, String> {
    let source = Source::new("input", without_comments(text));
    let mut diagnostics = Diagnostics::default();
    let tokens = tokens::tokenize(&source, &mut diagnostics);
    if diagnostics.has_errors() {
        return Err(diagnostics.to_string().trim_end().to_owned());
    }
    let input = AggregateInput { pool, tokens: &tokens, text: source.text() };
    let last = tokens.iter().position(|token| token.kind == Kind::End).unwrap_or(0) as u32;
    let mut value: OptionMessage =
        parse_aggregate(input, &mut AllExtensions { pool }, id, Span { first: 0, last }).map_err(
            |AggregateFault { token, text }| {
                let offset = tokens.get(token as usize).map_or(0, |token| token.start);
                let at = source.position(offset);
                format!("input:{}:{}: {text}", at.line, at.column)
            },
        )?;
    pool.complete(id, &mut value);
    let mut out = Writer::default();
    value.encode(true, &mut out);
    Ok(out.into_bytes())
}

/// Blanks the comments of text format, which start with `#`; what starts one in a `.proto` file does not here.
fn without_comments(mut text: Vec<u8>) -> Vec<u8> {
    let (mut quote, mut at) = (None, 0);
    while at < text.len() {
        match (quote, text[at]) {
            (Some(_), b'\\') => at += 1,
            (Some(_), b'\n') => quote = None,
            (Some(open), byte) if byte == open => quote = None,
            (None, open @ (b'"' | b'\'')) => quote = Some(open),
            (None, b'#') => {
                let end = text[at..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |n| at + n);
                text[at..end].fill(b' ');
                at = end;
            }
            // A comment elsewhere, an error here: with the two apart it is one symbol.
            (None, b'/') if matches!(text.get(at + 1), Some(b'/' | b'*')) => text[at + 1] = b' ',
            _ => {}
        }
        at += 1;
    }
    text
}
