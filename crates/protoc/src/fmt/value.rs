//! Lists of options in brackets, and the values of options.

use super::{
    outline::{Field, List, Value},
    printer::{Inside, Place, Printer, Separator},
};
use crate::ast::Span;

impl Printer<'_> {
    /// `[name = value]`, or one option a line where there are several.
    pub(super) fn option_list(&mut self, list: &List) {
        let Some(first) = list.entries.first() else { return };
        self.inline(list.span.first, Separator::Space, Inside::Statement);
        if list.entries.len() == 1 && self.gap(first.name.first).comments.is_empty() {
            self.option_name(first.name, 0);
            let inside = Inside::OneLine;
            self.value(&first.value, Place::Inline { separator: Separator::Space, inside });
            return self.inline(list.span.last, Separator::Nothing, Inside::OneLine);
        }
        let mut printed = self.trailing(first.name.first, false);
        self.begin_body();
        self.indented(|printer| {
            for (index, entry) in list.entries.iter().enumerate() {
                let first = entry.name.first;
                printer.token(first, printer.text(first), Place::Line { printed });
                printer.option_name(entry.name, 1);
                let inside = Inside::Statement;
                printer.value(&entry.value, Place::Inline { separator: Separator::Space, inside });
                let last = index + 1 == list.entries.len();
                printed = printer.after_item(entry.value.span().last, last);
            }
        });
        self.close(list.span.last, printed, b"]");
    }

    /// The comma behind an item and the comments on its line; returns how many those are.
    fn after_item(&mut self, item_last: u32, is_last: bool) -> usize {
        let next = self.following(item_last);
        if is_last {
            return self.trailing(next, false);
        }
        self.inline(next, Separator::Nothing, Inside::Statement);
        self.trailing(self.following(next), true)
    }

    /// The name of an option and `=`, but for the first `printed` tokens.
    fn option_name(&mut self, name: Span, printed: u32) {
        for token in name.first + printed..=name.last {
            let is_equals = token == name.last;
            let separator = if is_equals { Separator::Space } else { Separator::Nothing };
            self.inline(token, separator, Inside::OneLine);
        }
    }

    /// A value at a place.
    pub(super) fn value(&mut self, value: &Value, place: Place) {
        match (value, place) {
            (Value::Word(span), _) => {
                self.token(span.first, self.text(span.first), place);
                for token in span.first + 1..=span.last {
                    self.inline(token, Separator::Nothing, Inside::Statement);
                }
            }
            (Value::Strings(span), Place::Line { printed }) => self.strings(*span, printed),
            (Value::Strings(span), Place::Inline { .. }) => self.indented(|printer| {
                let printed = printer.trailing(span.first, false);
                printer.strings(*span, printed);
            }),
            (Value::Message(span, fields), _) => {
                self.token(span.first, b"{", place);
                self.message(*span, fields);
            }
            (Value::List(span, values), _) => {
                self.token(span.first, b"[", place);
                self.list(*span, values);
            }
        }
    }

    /// Strings on lines of their own.
    fn strings(&mut self, span: Span, mut printed: usize) {
        for token in span.first..=span.last {
            self.token(token, self.text(token), Place::Line { printed });
            printed = if token < span.last { self.trailing(token + 1, false) } else { 0 };
        }
    }

    /// The rest of a message: on one line where it is but one word, else one field a line.
    fn message(&mut self, span: Span, fields: &[Field]) {
        let inner = Span { first: span.first + 1, last: span.last };
        let is_plain = !self.has_comments(inner);
        let one_line = match fields {
            [] => is_plain,
            [field] => is_plain && matches!(field.value, Value::Word(_)),
            _ => false,
        };
        if one_line {
            for field in fields {
                self.inline(field.name.first, Separator::Nothing, Inside::OneLine);
                self.field(field);
            }
            return self.write(Separator::Nothing, b"}");
        }
        let mut printed = 0;
        self.begin_body();
        self.indented(|printer| {
            for field in fields {
                let first = field.name.first;
                printer.token(first, printer.text(first), Place::Line { printed });
                printer.field(field);
                let next = printer.following(field.value.span().last);
                printed = printer.trailing(next, next != span.last);
            }
        });
        self.close(span.last, printed, b"}");
    }

    /// A field but for the first token of its name.
    fn field(&mut self, field: &Field) {
        for token in field.name.first + 1..=field.name.last {
            self.inline(token, Separator::Nothing, Inside::OneLine);
        }
        match field.colon {
            Some(token) => self.inline(token, Separator::Nothing, Inside::OneLine),
            None => self.write(Separator::Nothing, b":"),
        }
        self.value(&field.value, Place::Inline { separator: Separator::Space, inside: Inside::Statement });
    }

    /// The rest of a list: on one line where it is but one word, else one value a line.
    fn list(&mut self, span: Span, values: &[Value]) {
        let inner = Span { first: span.first + 1, last: span.last };
        let is_plain = !self.has_comments(inner);
        let one_line = match values {
            [] => is_plain,
            [value] => is_plain && matches!(value, Value::Word(_)),
            _ => false,
        };
        if one_line {
            for value in values {
                let place = Place::Inline { separator: Separator::Nothing, inside: Inside::OneLine };
                self.value(value, place);
            }
            return self.write(Separator::Nothing, b"]");
        }
        let first = values.first().map_or(span.last, |value| value.span().first);
        let mut printed = if values.is_empty() { 0 } else { self.trailing(first, false) };
        self.begin_body();
        self.indented(|printer| {
            for (index, value) in values.iter().enumerate() {
                printer.value(value, Place::Line { printed });
                printed = printer.after_item(value.span().last, index + 1 == values.len());
            }
        });
        self.close(span.last, printed, b"]");
    }
}
