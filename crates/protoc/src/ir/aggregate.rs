//! Text format, read from tokens: aggregate option values in the file itself, and messages to encode.

use super::{
    Field, MessageId, OptionMessage, OptionScalar, Pool, Type,
    options::{field_in_text, float_scalar, int_scalar, mark, message_named, put},
};
use crate::{
    ast::{Scalar, Span},
    tokens::{self, Kind, Token},
};

/// How deep values may nest.
pub(super) const MAX_DEPTH: usize = 100;
const ANY: &str = "google.protobuf.Any";

/// The tokens to read, with the text that they are of and the types they may name.
#[derive(Clone, Copy)]
pub(crate) struct Input<'p> {
    pub(crate) pool: &'p Pool,
    pub(crate) tokens: &'p [Token],
    pub(crate) text: &'p [u8],
}

/// Finds extensions by their names in brackets.
pub(crate) trait Extensions<'p> {
    /// The extension of `message` that has the name.
    fn extension_in(&mut self, name: &str, message: MessageId) -> Option<&'p Field>;
}

/// What is wrong with a text, and the token that it is about.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) token: u32,
    pub(crate) text: String,
}

/// Reads the tokens of `span`, whose end is not included, as a message.
pub(crate) fn parse<'p>(
    input: Input<'p>,
    extensions: &mut dyn Extensions<'p>,
    message: MessageId,
    span: Span,
) -> Result<OptionMessage, Fault> {
    let mut reader = Reader { input, extensions, at: span.first, end: span.last, depth: 0 };
    let mut value = OptionMessage::default();
    while reader.at < reader.end {
        if let Err(text) = reader.field(message, &mut value) {
            return Err(Fault { token: reader.at, text });
        }
    }
    Ok(value)
}

struct Reader<'a, 'b> {
    input: Input<'b>,
    extensions: &'a mut dyn Extensions<'b>,
    at: u32,
    end: u32,
    depth: usize,
}

impl<'b> Reader<'_, 'b> {
    fn token(&self) -> Option<Token> {
        (self.at < self.end).then(|| self.input.tokens[self.at as usize])
    }

    fn bytes(&self, token: Token) -> &'b [u8] {
        &self.input.text[token.start as usize..token.end as usize]
    }

    fn text(&self) -> &'b str {
        self.token().map_or("", |token| std::str::from_utf8(self.bytes(token)).unwrap_or(""))
    }

    fn kind(&self) -> Kind {
        self.token().map_or(Kind::End, |token| token.kind)
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.kind() == Kind::Symbol && self.text() == text;
        self.at += u32::from(found);
        found
    }

    fn expect(&mut self, text: &str) -> Result<(), String> {
        if self.take(text) { Ok(()) } else { Err(format!("Expected \"{text}\", found \"{}\".", self.text())) }
    }

    fn identifier(&mut self) -> Result<&'b str, String> {
        if self.kind() != Kind::Identifier {
            return Err(format!("Expected identifier, got: {}", self.text()));
        }
        let text = self.text();
        self.at += 1;
        Ok(text)
    }

    fn dotted(&mut self) -> Result<String, String> {
        let mut name = self.identifier()?.to_owned();
        while self.take(".") {
            name.push('.');
            name += self.identifier()?;
        }
        Ok(name)
    }

    /// One `name: value` with the separator after it.
    fn field(&mut self, message: MessageId, value: &mut OptionMessage) -> Result<(), String> {
        let pool = self.input.pool;
        let definition = pool.message(message);
        let field = if self.take("[") {
            let name = self.dotted()?;
            if self.take("/") {
                return self.any(&name, message, value);
            }
            if *definition.full_name == *ANY {
                return Err("Type URL prefix is missing".to_owned());
            }
            self.expect("]")?;
            self.extensions.extension_in(&name, message).ok_or_else(|| {
                format!(
                    "Extension \"{name}\" is not defined or is not an extension of \"{}\".",
                    definition.full_name
                )
            })?
        } else {
            let name = self.identifier()?;
            field_in_text(pool, definition, name).ok_or_else(|| {
                format!("Message type \"{}\" has no field named \"{name}\".", definition.full_name)
            })?
        };
        if !field.is_repeated() && value.fields.contains_key(&(field.number as u32)) {
            let name = if field.extendee.is_some() { &*field.full_name } else { field.name.as_str() };
            return Err(format!("Non-repeated field \"{name}\" is specified multiple times."));
        }
        self.check_oneof(message, field, value)?;
        let colon = self.take(":");
        if !colon && field.ty.message().is_none() {
            return Err(format!("Expected \":\", found \"{}\".", self.text()));
        }
        if field.is_repeated() && self.take("[") {
            if !self.take("]") {
                loop {
                    let item = self.value(field)?;
                    put(value, field, item);
                    if self.take("]") {
                        break;
                    }
                    self.expect(",")?;
                }
            }
        } else {
            let item = self.value(field)?;
            put(value, field, item);
        }
        self.separator();
        Ok(())
    }

    /// At most one field of a oneof may be written.
    fn check_oneof(&self, id: MessageId, field: &Field, value: &OptionMessage) -> Result<(), String> {
        let Some(index) = field.oneof else { return Ok(()) };
        let message = self.input.pool.message(id);
        let is_set =
            |other: &&Field| other.oneof == Some(index) && value.fields.contains_key(&(other.number as u32));
        match message.fields.iter().find(is_set) {
            Some(other) => Err(format!(
                "Field \"{}\" is specified along with field \"{}\", another member of oneof \"{}\".",
                field.name,
                other.name,
                message.oneofs.get(index as usize).map_or("", |oneof| oneof.name.as_str())
            )),
            None => Ok(()),
        }
    }

    fn separator(&mut self) {
        let _either = self.take(";") || self.take(",");
    }

    /// `[host/full.Name] { … }` inside an `Any`.
    fn any(&mut self, host: &str, message: MessageId, value: &mut OptionMessage) -> Result<(), String> {
        if self.input.pool.message(message).full_name.as_ref() != ANY {
            return Err("Extension name contains \"/\"".to_owned());
        }
        let name = self.dotted()?;
        self.expect("]")?;
        self.take(":");
        let inner = message_named(self.input.pool, &name);
        let inner = inner
            .ok_or_else(|| format!("Could not find type \"{host}/{name}\" stored in google.protobuf.Any."))?;
        let mut content = self.message(inner)?;
        mark(self.input.pool, inner, &mut content);
        let mut out = crate::wire::Writer::default();
        content.encode(false, &mut out);
        value.set(1, OptionScalar::Bytes(format!("{host}/{name}").into_bytes()));
        value.set(2, OptionScalar::Bytes(out.into_bytes()));
        self.separator();
        Ok(())
    }

    fn message(&mut self, id: MessageId) -> Result<OptionMessage, String> {
        let close = if self.take("<") {
            ">"
        } else {
            self.expect("{")?;
            "}"
        };
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!(
                "Message is too deep, the parser exceeded the configured recursion limit of {MAX_DEPTH}."
            ));
        }
        let mut value = OptionMessage::default();
        while !self.take(close) {
            self.field(id, &mut value)?;
        }
        self.depth -= 1;
        Ok(value)
    }

    fn value(&mut self, field: &Field) -> Result<OptionScalar, String> {
        match field.ty {
            Type::Message(id) => Ok(OptionScalar::Message(self.message(id)?)),
            Type::Group(id) => Ok(OptionScalar::Group(self.message(id)?)),
            Type::Enum(id) => {
                let definition = self.input.pool.enumeration(id);
                if self.kind() == Kind::Identifier {
                    let name = self.identifier()?;
                    let found = definition.values.iter().find(|value| value.name == name);
                    let number = found.map(|value| value.number).ok_or_else(|| {
                        format!("Unknown enumeration value of \"{name}\" for field \"{}\".", field.name)
                    })?;
                    return Ok(OptionScalar::Varint(i64::from(number) as u64));
                }
                let unsigned = self.text().to_owned();
                let number = self.integer(i64::MAX as u64, true)?;
                let known = definition.values.iter().any(|value| i128::from(value.number) == number);
                if definition.features.is_closed() && !known {
                    let shown = if number < 0 { number.to_string() } else { unsigned };
                    return Err(format!(
                        "Unknown enumeration value of \"{shown}\" for field \"{}\".",
                        field.name
                    ));
                }
                Ok(OptionScalar::Varint(i64::from(number as i32) as u64))
            }
            Type::Scalar(scalar) => self.scalar(scalar, field),
            Type::Unresolved | Type::UnresolvedGroup => Err(format!("Field \"{}\" has no type.", field.name)),
        }
    }

    fn scalar(&mut self, scalar: Scalar, field: &Field) -> Result<OptionScalar, String> {
        match scalar {
            Scalar::String | Scalar::Bytes => {
                if self.kind() != Kind::String {
                    return Err(format!("Expected string, got: {}", self.text()));
                }
                let mut bytes = Vec::new();
                while let Some(token) = self.token().filter(|token| token.kind == Kind::String) {
                    tokens::unquote(self.bytes(token), &mut bytes);
                    self.at += 1;
                }
                Ok(OptionScalar::Bytes(bytes))
            }
            Scalar::Bool if self.kind() == Kind::Integer => {
                Ok(OptionScalar::Varint(self.integer(1, false)? as u64))
            }
            Scalar::Bool => match self.text() {
                "true" | "True" | "t" => {
                    self.at += 1;
                    Ok(OptionScalar::Varint(1))
                }
                "false" | "False" | "f" => {
                    self.at += 1;
                    Ok(OptionScalar::Varint(0))
                }
                other => {
                    Err(format!("Invalid value for boolean field \"{}\". Value: \"{other}\".", field.name))
                }
            },
            Scalar::Float | Scalar::Double => Ok(float_scalar(scalar, self.float()?)),
            _ => {
                let (most, signed) = match scalar {
                    Scalar::Int32 | Scalar::Sint32 | Scalar::Sfixed32 => (i32::MAX as u64, true),
                    Scalar::Int64 | Scalar::Sint64 | Scalar::Sfixed64 => (i64::MAX as u64, true),
                    Scalar::Uint32 | Scalar::Fixed32 => (u64::from(u32::MAX), false),
                    _ => (u64::MAX, false),
                };
                let number = self.integer(most, signed)?;
                int_scalar(scalar, number).ok_or_else(|| format!("Integer out of range ({number})"))
            }
        }
    }

    /// An integer up to `most`; where it may have a sign, one further below zero.
    fn integer(&mut self, most: u64, signed: bool) -> Result<i128, String> {
        let negative = signed && self.take("-");
        if self.kind() != Kind::Integer {
            return Err(format!("Expected integer, got: {}", self.text()));
        }
        let text = self.text();
        let value = tokens::integer_value(text)
            .filter(|value| *value <= most + u64::from(negative))
            .ok_or_else(|| format!("Integer out of range ({text})"))?;
        let value = i128::from(value);
        self.at += 1;
        Ok(if negative { -value } else { value })
    }

    fn float(&mut self) -> Result<f64, String> {
        let negative = self.take("-");
        let text = self.text();
        let value = match self.kind() {
            Kind::Float => tokens::float_value(text),
            Kind::Integer if text.len() > 1 && text.starts_with('0') => {
                return Err(format!("Expect a decimal number, got: {text}"));
            }
            Kind::Integer => {
                tokens::integer_value(text).map_or_else(|| tokens::float_value(text), |v| v as f64)
            }
            Kind::Identifier => match text.to_ascii_lowercase().as_str() {
                "inf" | "infinity" => f64::INFINITY,
                "nan" => f64::NAN,
                _ => return Err(format!("Expected double, got: {text}")),
            },
            _ => return Err(format!("Expected double, got: {text}")),
        };
        self.at += 1;
        Ok(if negative { -value } else { value })
    }
}
