//! Options: statements, and lists in brackets.

use super::{GaveUp, Parsed, Parser};
use crate::{
    ast::{NamePart, OptionAssign, OptionValue, Span},
    tokens::{self, Kind},
};

impl Parser<'_> {
    /// `option name = value;`
    pub(super) fn option_statement(&mut self) -> Parsed<OptionAssign> {
        let first = self.index();
        self.consume("option")?;
        let mut option = self.option_assign()?;
        self.consume(";")?;
        option.span = self.since(first);
        Ok(option)
    }

    /// `[name = value, …]`, where one follows.
    pub(super) fn bracketed_options(&mut self) -> Parsed<(Vec<OptionAssign>, Option<Span>)> {
        let first = self.index();
        if !self.try_consume("[") {
            return Ok((Vec::new(), None));
        }
        let mut options = Vec::new();
        loop {
            options.push(self.option_assign()?);
            if !self.try_consume(",") {
                break;
            }
        }
        self.consume("]")?;
        Ok((options, Some(self.since(first))))
    }

    /// `name = value`
    pub(super) fn option_assign(&mut self) -> Parsed<OptionAssign> {
        let first = self.index();
        let mut name = vec![self.option_name_part()?];
        while self.try_consume(".") {
            name.push(self.option_name_part()?);
        }
        let name_span = self.since(first);
        self.consume("=")?;
        let value_first = self.index();
        let value = self.option_value()?;
        let value_span = self.since(value_first);
        Ok(OptionAssign { name, name_span, value, value_span, span: self.since(first) })
    }

    fn option_name_part(&mut self) -> Parsed<NamePart> {
        if !self.try_consume("(") {
            return Ok(NamePart { name: self.identifier("Expected identifier.")?, is_extension: false });
        }
        let mut name = String::new();
        if self.kind() == Kind::Identifier {
            name += &self.identifier("Expected identifier.")?;
        }
        while self.try_consume(".") {
            name.push('.');
            name += &self.identifier("Expected identifier.")?;
        }
        self.consume(")")?;
        Ok(NamePart { name, is_extension: true })
    }

    fn option_value(&mut self) -> Parsed<OptionValue> {
        let negative = self.try_consume("-");
        match self.kind() {
            Kind::End => self.fail("Unexpected end of stream while parsing option value."),
            Kind::Identifier if !negative => {
                Ok(OptionValue::Identifier(self.identifier("Expected identifier.")?))
            }
            Kind::Identifier => {
                let value = match self.text() {
                    "inf" => Some(f64::NEG_INFINITY),
                    "nan" => Some(-f64::NAN),
                    _ => None,
                };
                self.advance();
                match value {
                    Some(value) => Ok(OptionValue::Float(value)),
                    None => self.fail("Identifier after '-' symbol must be inf or nan."),
                }
            }
            Kind::Integer => {
                let max = if negative { 1 << 63 } else { u64::MAX };
                // protoc reads an integer that is too large for 64 bits as a float.
                if tokens::integer_value(self.text()).is_none_or(|value| value > max) {
                    let value = tokens::float_value(self.text());
                    if !self.text().starts_with('0') {
                        self.advance();
                        return Ok(OptionValue::Float(if negative { -value } else { value }));
                    }
                }
                let value = self.integer(max, "Expected integer.")?;
                Ok(if negative {
                    OptionValue::NegativeInt((value as i64).wrapping_neg())
                } else {
                    OptionValue::PositiveInt(value)
                })
            }
            Kind::Float => {
                let value = tokens::float_value(self.text());
                self.advance();
                Ok(OptionValue::Float(if negative { -value } else { value }))
            }
            Kind::String if negative => self.fail("Invalid '-' symbol before string."),
            Kind::String => Ok(OptionValue::String(self.string("Expected string.")?)),
            Kind::Symbol if self.looking_at("{") => self.aggregate(),
            Kind::Symbol => self.fail("Expected option value."),
        }
    }

    /// `{ … }`, kept as tokens.
    fn aggregate(&mut self) -> Parsed<OptionValue> {
        self.consume("{")?;
        let first = self.index();
        let mut depth = 1usize;
        while !self.at_end() {
            if self.looking_at("{") {
                depth += 1;
            } else if self.looking_at("}") {
                depth -= 1;
                if depth == 0 {
                    let last = self.index();
                    self.advance();
                    // Half open: an empty block has no last token of its own.
                    return Ok(OptionValue::Aggregate(Span { first, last }));
                }
            }
            self.advance();
        }
        self.error("Unexpected end of stream while parsing aggregate value.");
        Err(GaveUp)
    }
}
