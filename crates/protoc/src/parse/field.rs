//! Fields: of messages, oneofs and extensions.

use super::{GaveUp, Parsed, Parser};
use crate::{
    ast::{
        DefaultValue, Edition, Field, FieldType, Ident, JsonName, Label, Message, Number, Scalar, Span,
        TypeName,
    },
    text::{c_escape, double_text, float_text},
    tokens::{self, Kind},
};

/// Where a field stands, which decides what it may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Message,
    Oneof,
    Extension,
}

impl Parser<'_> {
    /// A field of a message or of an `extend` block, with its label.
    pub(super) fn field(&mut self, extension: bool) -> Parsed<Field> {
        let first = self.index();
        let label = if self.try_consume("optional") {
            if self.edition.is_named() {
                let text = "Label \"optional\" is not supported in editions. By default, all singular fields have \
                            presence unless features.field_presence is set.";
                self.error_at(first, text);
            }
            Some((Label::Optional, first))
        } else if self.try_consume("repeated") {
            Some((Label::Repeated, first))
        } else if self.try_consume("required") {
            if self.edition.is_named() {
                let text = "Label \"required\" is not supported in editions, use features.field_presence = \
                            LEGACY_REQUIRED.";
                self.error_at(first, text);
            }
            Some((Label::Required, first))
        } else {
            None
        };
        let place = if extension { Place::Extension } else { Place::Message };
        self.field_after_label(first, label, place)
    }

    /// A field of a oneof, which has no label.
    pub(super) fn oneof_field(&mut self) -> Parsed<Field> {
        if ["required", "optional", "repeated"].iter().any(|label| self.looking_at(label)) {
            self.error("Fields in oneofs must not have labels (required / optional / repeated).");
            self.advance();
        }
        self.field_after_label(self.index(), None, Place::Oneof)
    }

    fn field_after_label(&mut self, first: u32, label: Option<(Label, u32)>, place: Place) -> Parsed<Field> {
        let type_first = self.index();
        let ty = self.field_type(label.is_some(), place)?;
        let type_span = self.since(type_first);
        let token = self.index();
        let name = Ident { text: self.identifier("Expected field name.")?, token };
        self.consume_or("=", || "Missing field number.".to_owned())?;
        let number_token = self.index();
        let number = Number { value: self.int32("Expected field number.")?, token: number_token };
        let mut field = Field {
            label,
            ty,
            type_span,
            name,
            number,
            default: None,
            json_name: None,
            options: Vec::new(),
            options_span: None,
            group: None,
            span: Span::default(),
        };
        self.field_options(&mut field)?;
        if matches!(field.ty, FieldType::Group) {
            field.group = Some(self.group_body(&field)?);
        } else {
            self.consume(";")?;
        }
        field.span = self.since(first);
        Ok(field)
    }

    fn field_type(&mut self, labelled: bool, place: Place) -> Parsed<FieldType> {
        let is_map_word = self.try_consume("map");
        if is_map_word && self.looking_at("<") {
            return self.map_type(labelled, place);
        }
        if !labelled && place != Place::Oneof && self.needs_label() {
            self.error("Expected \"required\", \"optional\", or \"repeated\".");
        }
        if is_map_word {
            return Ok(FieldType::Plain(TypeName::Named("map".to_owned())));
        }
        if self.looking_at("group") {
            if self.edition.is_named() {
                return self.fail(
                    "Group syntax is no longer supported in editions. To get group behavior you can specify \
                     features.message_encoding = DELIMITED on a message field.",
                );
            }
            self.advance();
            return Ok(FieldType::Group);
        }
        Ok(FieldType::Plain(self.type_name()?))
    }

    fn map_type(&mut self, labelled: bool, place: Place) -> Parsed<FieldType> {
        if place == Place::Oneof {
            return self.fail("Map fields are not allowed in oneofs.");
        }
        if labelled {
            return self.fail("Field labels (required/optional/repeated) are not allowed on map fields.");
        }
        if place == Place::Extension {
            return self.fail("Map fields are not allowed to be extensions.");
        }
        self.consume("<")?;
        let key = self.type_name()?;
        self.consume(",")?;
        let value = self.type_name()?;
        self.consume(">")?;
        Ok(FieldType::Map { key, value })
    }

    fn type_name(&mut self) -> Parsed<TypeName> {
        if self.kind() == Kind::Identifier
            && let Some(scalar) = self.scalar()
        {
            self.advance();
            return Ok(TypeName::Scalar(scalar));
        }
        Ok(TypeName::Named(self.type_path()?.text))
    }

    /// The scalar type that the next word means in this edition.
    fn scalar(&mut self) -> Option<Scalar> {
        let word = self.text();
        if self.edition != Edition::Unstable {
            return Scalar::from_word(word);
        }
        // Names that say how a number is written; the plain ones are of fixed size.
        Some(match word {
            "int32" => Scalar::Sfixed32,
            "int64" => Scalar::Sfixed64,
            "uint32" => Scalar::Fixed32,
            "uint64" => Scalar::Fixed64,
            "varint32" => Scalar::Int32,
            "varint64" => Scalar::Int64,
            "uvarint32" => Scalar::Uint32,
            "uvarint64" => Scalar::Uint64,
            "zigzag32" => Scalar::Sint32,
            "zigzag64" => Scalar::Sint64,
            _ => {
                let scalar = Scalar::from_word(word)?;
                let instead = match scalar {
                    Scalar::Sint32 => "zigzag32",
                    Scalar::Sint64 => "zigzag64",
                    Scalar::Fixed32 => "uint32",
                    Scalar::Fixed64 => "uint64",
                    Scalar::Sfixed32 => "int32",
                    Scalar::Sfixed64 => "int64",
                    _ => return Some(scalar),
                };
                let text =
                    format!("Type '{word}' is obsolete in unstable editions, use '{instead}' instead.");
                self.error(text);
                scalar
            }
        })
    }

    fn group_body(&mut self, field: &Field) -> Parsed<Message> {
        if !field.name.text.starts_with(|c: char| c.is_ascii_uppercase()) {
            self.error_at(field.name.token, "Group names must start with a capital letter.");
        }
        if !self.looking_at("{") {
            return self.fail("Missing group body.");
        }
        self.check_depth()?;
        let (items, open) = self.message_block()?;
        Ok(Message { visibility: None, name: field.name.clone(), items, span: Span::default(), open })
    }

    fn field_options(&mut self, field: &mut Field) -> Parsed<()> {
        let first = self.index();
        if !self.try_consume("[") {
            return Ok(());
        }
        loop {
            if self.looking_at("default") {
                self.default_value(field)?;
            } else if self.looking_at("json_name") {
                self.json_name(field)?;
            } else {
                let option = self.option_assign()?;
                field.options.push(option);
            }
            if !self.try_consume(",") {
                break;
            }
        }
        self.consume("]")?;
        field.options_span = Some(self.since(first));
        Ok(())
    }

    fn json_name(&mut self, field: &mut Field) -> Parsed<()> {
        if field.json_name.is_some() {
            self.error("Already set option \"json_name\".");
        }
        let first = self.index();
        self.consume("json_name")?;
        self.consume("=")?;
        let value_first = self.index();
        let value = self.string("Expected string for JSON name.")?;
        let value = String::from_utf8_lossy(&value).into_owned();
        field.json_name =
            Some(JsonName { value, span: self.since(first), value_span: self.since(value_first) });
        Ok(())
    }

    fn default_value(&mut self, field: &mut Field) -> Parsed<()> {
        if field.default.is_some() {
            self.error("Already set option \"default\".");
        }
        self.consume("default")?;
        self.consume("=")?;
        let first = self.index();
        let value = match &field.ty {
            FieldType::Plain(TypeName::Scalar(scalar)) => {
                let scalar = *scalar;
                self.scalar_default(scalar)?
            }
            FieldType::Group => return self.fail("Messages can't have default values."),
            // A message or an enum: the linker tells them apart.
            _ => {
                let text = self.text().as_bytes().to_vec();
                self.advance();
                text
            }
        };
        field.default = Some(DefaultValue { value, value_span: self.since(first) });
        Ok(())
    }

    fn scalar_default(&mut self, scalar: Scalar) -> Parsed<Vec<u8>> {
        const INTEGER: &str = "Expected integer for field default value.";
        Ok(match scalar {
            Scalar::Int32 | Scalar::Sint32 | Scalar::Sfixed32 => self.signed_default(i32::MAX as u64)?,
            Scalar::Int64 | Scalar::Sint64 | Scalar::Sfixed64 => self.signed_default(i64::MAX as u64)?,
            Scalar::Uint32 | Scalar::Fixed32 | Scalar::Uint64 | Scalar::Fixed64 => {
                if self.try_consume("-") {
                    self.error("Unsigned field can't have negative default value.");
                }
                let narrow = matches!(scalar, Scalar::Uint32 | Scalar::Fixed32);
                let max = if narrow { u64::from(u32::MAX) } else { u64::MAX };
                self.integer(max, INTEGER)?.to_string().into_bytes()
            }
            Scalar::Float | Scalar::Double => {
                let negative = self.try_consume("-");
                let value = self.number("Expected number.")?;
                let value = if negative { -value } else { value };
                let text =
                    if scalar == Scalar::Float { float_text(value as f32) } else { double_text(value) };
                text.into_bytes()
            }
            Scalar::Bool if self.looking_at("true") || self.looking_at("false") => {
                self.identifier("")?.into_bytes()
            }
            Scalar::Bool => return self.fail("Expected \"true\" or \"false\"."),
            Scalar::String => self.string("Expected string for field default value.")?,
            Scalar::Bytes => c_escape(&self.string("Expected string.")?).into_bytes(),
        })
    }

    fn signed_default(&mut self, max: u64) -> Parsed<Vec<u8>> {
        let negative = self.try_consume("-");
        let message = "Expected integer for field default value.";
        let value = self.integer(max + u64::from(negative), message)?;
        Ok(format!("{}{value}", if negative { "-" } else { "" }).into_bytes())
    }

    /// A number of any form, as a float.
    fn number(&mut self, message: &str) -> Parsed<f64> {
        let value = match self.kind() {
            Kind::Float => tokens::float_value(self.text()),
            Kind::Integer => match tokens::integer_value(self.text()) {
                Some(value) => value as f64,
                // A decimal that does not fit is a float; other bases have no float form.
                None if !self.text().starts_with('0') => tokens::float_value(self.text()),
                None => {
                    self.error("Integer out of range.");
                    0.0
                }
            },
            Kind::Identifier if self.looking_at("inf") => f64::INFINITY,
            Kind::Identifier if self.looking_at("nan") => f64::NAN,
            _ => {
                self.error(message);
                return Err(GaveUp);
            }
        };
        self.advance();
        Ok(value)
    }
}
