//! Aggregate option values: text format, read from the tokens of the file itself.

use super::{
    Field, MessageId, OptionMessage, OptionScalar, Type,
    options::{Interpreter, field_in_text, float_scalar, int_scalar, mark},
};
use crate::{
    ast::{Scalar, Span},
    tokens::{self, Kind, Token},
};

/// How deep values may nest.
pub(super) const MAX_DEPTH: usize = 100;
const ANY: &str = "google.protobuf.Any";

/// Reads the tokens of `span`, whose end is not included, as a message.
pub(super) fn parse(
    interpreter: &mut Interpreter<'_>,
    message: MessageId,
    span: Span,
) -> Result<OptionMessage, String> {
    let mut reader = Reader { interpreter, at: span.first, end: span.last, depth: 0 };
    let mut value = OptionMessage::default();
    while reader.at < reader.end {
        reader.field(message, &mut value)?;
    }
    Ok(value)
}

struct Reader<'a, 'b> {
    interpreter: &'a mut Interpreter<'b>,
    at: u32,
    end: u32,
    depth: usize,
}

impl<'b> Reader<'_, 'b> {
    fn token(&self) -> Option<Token> {
        (self.at < self.end).then(|| self.interpreter.token(self.at))
    }

    fn bytes(&self, token: Token) -> &'b [u8] {
        &self.interpreter.text()[token.start as usize..token.end as usize]
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
        let pool = self.interpreter.pool;
        let definition = pool.message(message);
        let field = if self.take("[") {
            let name = self.dotted()?;
            if self.take("/") {
                return self.any(&name, message, value);
            }
            self.expect("]")?;
            self.interpreter.extension_in(&name, message).ok_or_else(|| {
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
            return Err(format!("Non-repeated field \"{}\" is specified multiple times.", field.name));
        }
        let colon = self.take(":");
        if !colon && field.ty.message().is_none() {
            return Err(format!("Expected \":\", found \"{}\".", self.text()));
        }
        if field.is_repeated() && self.take("[") {
            if !self.take("]") {
                loop {
                    let item = self.value(field)?;
                    self.interpreter.put(value, field, item);
                    if self.take("]") {
                        break;
                    }
                    self.expect(",")?;
                }
            }
        } else {
            let item = self.value(field)?;
            self.interpreter.put(value, field, item);
        }
        self.separator();
        Ok(())
    }

    fn separator(&mut self) {
        let _either = self.take(";") || self.take(",");
    }

    /// `[host/full.Name] { … }` inside an `Any`.
    fn any(&mut self, host: &str, message: MessageId, value: &mut OptionMessage) -> Result<(), String> {
        if self.interpreter.pool.message(message).full_name != ANY {
            return Err("Expected identifier, got: /".to_owned());
        }
        let name = self.dotted()?;
        self.expect("]")?;
        self.take(":");
        let inner = self.interpreter.message_named(&name);
        let inner = inner
            .ok_or_else(|| format!("Could not find type \"{host}/{name}\" stored in google.protobuf.Any."))?;
        let mut content = self.message(inner)?;
        mark(self.interpreter.pool, inner, &mut content);
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
                let definition = self.interpreter.pool.enumeration(id);
                if self.kind() == Kind::Identifier {
                    let name = self.identifier()?;
                    let found = definition.values.iter().find(|value| value.name == name);
                    let number = found.map(|value| value.number).ok_or_else(|| {
                        format!("Unknown enumeration value of \"{name}\" for field \"{}\".", field.name)
                    })?;
                    return Ok(OptionScalar::Varint(i64::from(number) as u64));
                }
                let number = self.integer()?;
                int_scalar(Scalar::Int32, number).ok_or_else(out_of_range)
            }
            Type::Scalar(scalar) => self.scalar(scalar, field),
            Type::Unresolved => Err(format!("Field \"{}\" has no type.", field.name)),
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
            Scalar::Bool => match self.text() {
                "true" | "True" | "t" | "1" => {
                    self.at += 1;
                    Ok(OptionScalar::Varint(1))
                }
                "false" | "False" | "f" | "0" => {
                    self.at += 1;
                    Ok(OptionScalar::Varint(0))
                }
                other => {
                    Err(format!("Invalid value for boolean field \"{}\". Value: \"{other}\".", field.name))
                }
            },
            Scalar::Float | Scalar::Double => Ok(float_scalar(scalar, self.float()?)),
            _ => int_scalar(scalar, self.integer()?).ok_or_else(out_of_range),
        }
    }

    fn integer(&mut self) -> Result<i128, String> {
        let negative = self.take("-");
        if self.kind() != Kind::Integer {
            return Err(format!("Expected integer, got: {}", self.text()));
        }
        let value = i128::from(tokens::integer_value(self.text()).ok_or_else(out_of_range)?);
        self.at += 1;
        Ok(if negative { -value } else { value })
    }

    fn float(&mut self) -> Result<f64, String> {
        let negative = self.take("-");
        let text = self.text();
        let value = match self.kind() {
            Kind::Float => tokens::float_value(text),
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

fn out_of_range() -> String {
    "Integer out of range.".to_owned()
}
