//! Messages, enums, extension and reserved ranges.

use std::collections::HashSet;

use super::{GaveUp, MAX_NESTING, Parsed, Parser};
use crate::{
    ast::{
        Edition, Enum, EnumItem, EnumValue, Extend, Extensions, Ident, Message, MessageItem, Oneof,
        OneofItem, OptionAssign, OptionValue, Range, RangeEnd, Reserved, Span, Visibility,
    },
    tokens::Kind,
};

impl Parser<'_> {
    pub(super) fn message(&mut self, visibility: Option<Visibility>) -> Parsed<Message> {
        let first = self.index();
        self.check_depth()?;
        self.consume("message")?;
        let token = self.index();
        let name = Ident { text: self.identifier("Expected message name.")?, token };
        let (items, open) = self.message_block()?;
        Ok(Message { visibility, name, items, span: self.since(first), open })
    }

    pub(super) fn check_depth(&mut self) -> Parsed<()> {
        if self.depth >= MAX_NESTING {
            return self.fail("Reached maximum recursion limit for nested messages.");
        }
        Ok(())
    }

    /// `{ … }` of a message or group.
    pub(super) fn message_block(&mut self) -> Parsed<(Vec<MessageItem>, u32)> {
        let open = self.index();
        self.consume("{")?;
        self.depth += 1;
        let items = self.message_items();
        self.depth -= 1;
        Ok((items?, open))
    }

    fn message_items(&mut self) -> Parsed<Vec<MessageItem>> {
        let mut items = Vec::new();
        while !self.try_consume("}") {
            if self.at_end() {
                return self.fail("Reached end of input in message definition (missing '}').");
            }
            if self.try_consume(";") {
                continue;
            }
            match self.message_item() {
                Ok(item) => items.push(item),
                Err(GaveUp) => self.skip_statement(),
            }
        }
        Ok(items)
    }

    fn message_item(&mut self) -> Parsed<MessageItem> {
        let visibility = self.visibility()?;
        let word = if self.kind() == Kind::Identifier { self.text() } else { "" };
        Ok(match word {
            "message" => MessageItem::Message(self.message(visibility)?),
            "enum" => MessageItem::Enum(self.enumeration(visibility)?),
            "extensions" => MessageItem::Extensions(self.extensions()?),
            "reserved" => MessageItem::Reserved(self.reserved(false)?),
            "extend" => MessageItem::Extend(self.extend()?),
            "option" => MessageItem::Option(self.message_option()?),
            "oneof" => MessageItem::Oneof(self.oneof()?),
            _ => MessageItem::Field(Box::new(self.field(false)?)),
        })
    }

    /// An option of a message. That it is a map's entry is for map fields to say.
    fn message_option(&mut self) -> Parsed<OptionAssign> {
        let option = self.option_statement()?;
        if option.name.len() == 1 && !option.name[0].is_extension && option.name[0].name == "map_entry" {
            let text = "map_entry should not be set explicitly. Use map<KeyType, ValueType> instead.";
            self.error_at(option.name_span.first, text);
        }
        Ok(option)
    }

    pub(super) fn extend(&mut self) -> Parsed<Extend> {
        let first = self.index();
        self.consume("extend")?;
        let extendee = self.type_path()?;
        let open = self.index();
        self.consume("{")?;
        let mut fields = Vec::new();
        loop {
            if self.at_end() {
                return self.fail("Reached end of input in extend definition (missing '}').");
            }
            match self.field(true) {
                Ok(field) => fields.push(field),
                Err(GaveUp) => self.skip_statement(),
            }
            if self.try_consume("}") {
                return Ok(Extend { extendee, fields, span: self.since(first), open });
            }
        }
    }

    fn oneof(&mut self) -> Parsed<Oneof> {
        let first = self.index();
        self.consume("oneof")?;
        let token = self.index();
        let name = Ident { text: self.identifier("Expected oneof name.")?, token };
        let open = self.index();
        self.consume("{")?;
        let mut items = Vec::new();
        loop {
            if self.at_end() {
                return self.fail("Reached end of input in oneof definition (missing '}').");
            }
            if self.looking_at("option") {
                items.push(OneofItem::Option(self.option_statement()?));
            } else {
                match self.oneof_field() {
                    Ok(field) => items.push(OneofItem::Field(Box::new(field))),
                    Err(GaveUp) => self.skip_statement(),
                }
            }
            if self.try_consume("}") {
                return Ok(Oneof { name, items, span: self.since(first), open });
            }
        }
    }

    fn extensions(&mut self) -> Parsed<Extensions> {
        let first = self.index();
        self.consume("extensions")?;
        let mut ranges = Vec::new();
        loop {
            ranges.push(self.range("Expected field number range.", false)?);
            if !self.try_consume(",") {
                break;
            }
        }
        let (options, options_span) = self.bracketed_options()?;
        self.consume(";")?;
        Ok(Extensions { ranges, options, options_span, span: self.since(first) })
    }

    /// `first`, `first to last` or `first to max`.
    fn range(&mut self, message: &str, signed: bool) -> Parsed<Range> {
        let number = |this: &mut Self, message: &str| {
            if signed { this.signed_int32(message) } else { this.int32(message) }
        };
        let first = self.index();
        let start = number(self, message)?;
        let start_span = self.since(first);
        let (mut end, mut end_span) = (RangeEnd::Same, start_span);
        if self.try_consume("to") {
            let end_first = self.index();
            end = if self.try_consume("max") {
                RangeEnd::Max
            } else {
                RangeEnd::Number(number(self, "Expected integer.")?)
            };
            end_span = self.since(end_first);
        }
        Ok(Range { start, end, start_span, end_span, span: self.since(first) })
    }

    /// Reserved names or numbers of a message, or of an enum, whose numbers may be negative.
    fn reserved(&mut self, in_enum: bool) -> Parsed<Reserved> {
        let first = self.index();
        self.consume("reserved")?;
        let mut reserved = Reserved { ranges: Vec::new(), names: Vec::new(), span: Span::default() };
        if self.kind() == Kind::String {
            if self.edition.is_named() {
                return self.fail("Reserved names must be identifiers in editions, not string literals.");
            }
            self.reserved_names(in_enum, &mut reserved)?;
        } else if self.kind() == Kind::Identifier {
            if !self.edition.is_named() {
                return self
                    .fail("Reserved names must be string literals. (Only editions supports identifiers.)");
            }
            self.reserved_identifiers(in_enum, &mut reserved)?;
        } else {
            let (first_message, next_message) = if in_enum {
                ("Expected enum value or number range.", "Expected enum number range.")
            } else {
                ("Expected field name or number range.", "Expected field number range.")
            };
            reserved.ranges.push(self.range(first_message, in_enum)?);
            while self.try_consume(",") {
                reserved.ranges.push(self.range(next_message, in_enum)?);
            }
        }
        self.consume(";")?;
        reserved.span = self.since(first);
        Ok(reserved)
    }

    fn reserved_names(&mut self, in_enum: bool, reserved: &mut Reserved) -> Parsed<()> {
        let message = if in_enum {
            "Expected enum value string literal."
        } else {
            "Expected field name string literal."
        };
        loop {
            let first = self.index();
            let name = String::from_utf8_lossy(&self.string(message)?).into_owned();
            let mut bytes = name.bytes();
            let starts_well = bytes.next().is_some_and(|b| b == b'_' || b.is_ascii_alphabetic());
            if !starts_well || !bytes.all(|b| b == b'_' || b.is_ascii_alphanumeric()) {
                self.warning_at(first, format!("Reserved name \"{name}\" is not a valid identifier."));
            }
            reserved.names.push((name, self.since(first)));
            if !self.try_consume(",") {
                return Ok(());
            }
        }
    }

    fn reserved_identifiers(&mut self, in_enum: bool, reserved: &mut Reserved) -> Parsed<()> {
        let message =
            if in_enum { "Expected enum value identifier." } else { "Expected field name identifier." };
        loop {
            let first = self.index();
            let name = self.identifier(message)?;
            reserved.names.push((name, self.since(first)));
            if !self.try_consume(",") {
                return Ok(());
            }
        }
    }

    pub(super) fn enumeration(&mut self, visibility: Option<Visibility>) -> Parsed<Enum> {
        let first = self.index();
        self.consume("enum")?;
        let token = self.index();
        let name = Ident { text: self.identifier("Expected enum name.")?, token };
        let open = self.index();
        self.consume("{")?;
        let mut items = Vec::new();
        while !self.try_consume("}") {
            if self.at_end() {
                return self.fail("Reached end of input in enum definition (missing '}').");
            }
            if self.try_consume(";") {
                continue;
            }
            match self.enum_item() {
                Ok(item) => items.push(item),
                Err(GaveUp) => self.skip_statement(),
            }
        }
        let definition = Enum { visibility, name, items, span: self.since(first), open };
        self.check_aliases(&definition)?;
        Ok(definition)
    }

    fn enum_item(&mut self) -> Parsed<EnumItem> {
        if self.looking_at("option") {
            return Ok(EnumItem::Option(self.option_statement()?));
        }
        if self.looking_at("reserved") {
            return Ok(EnumItem::Reserved(self.reserved(true)?));
        }
        let first = self.index();
        let name = Ident { text: self.identifier("Expected enum constant name.")?, token: first };
        self.consume_or("=", || "Missing numeric value for enum constant.".to_owned())?;
        let number_first = self.index();
        let number = self.signed_int32("Expected integer.")?;
        let number_span = self.since(number_first);
        let (options, options_span) = self.bracketed_options()?;
        self.consume(";")?;
        Ok(EnumItem::Value(EnumValue {
            name,
            number,
            number_span,
            options,
            options_span,
            span: self.since(first),
        }))
    }

    /// `allow_alias` must be true where it is written, and needed.
    fn check_aliases(&mut self, definition: &Enum) -> Parsed<()> {
        let is_alias = |option: &OptionAssign| {
            option.name.len() == 1 && !option.name[0].is_extension && option.name[0].name == "allow_alias"
        };
        let allow = definition.items.iter().find_map(|item| match item {
            EnumItem::Option(option) if is_alias(option) => {
                Some(option.value == OptionValue::Identifier("true".to_owned()))
            }
            _ => None,
        });
        let name = &definition.name.text;
        match allow {
            None => Ok(()),
            Some(false) => self.fail(format!(
                "\"{name}\" declares 'option allow_alias = false;' which has no effect. Please remove the \
                 declaration."
            )),
            Some(true) => {
                let mut seen = HashSet::new();
                let shared = definition
                    .items
                    .iter()
                    .any(|item| matches!(item, EnumItem::Value(value) if !seen.insert(value.number)));
                if shared {
                    return Ok(());
                }
                self.fail(format!(
                    "\"{name}\" declares support for enum aliases but no enum values share field numbers. Please \
                     remove the unnecessary 'option allow_alias = true;' declaration."
                ))
            }
        }
    }

    /// Whether a field must have a label.
    pub(super) fn needs_label(&self) -> bool {
        self.edition == Edition::Proto2
    }
}
