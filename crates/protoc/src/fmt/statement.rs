//! Statements and their bodies.

use super::{
    outline::{Body, Statement},
    printer::{Inside, Place, Printer, Separator},
};
use crate::tokens::Kind;

impl Printer<'_> {
    /// The statements of a body up to a token that is not theirs. `printed` of the comments before the first are.
    fn statements(&mut self, statements: &[Statement], mut printed: usize, after: u32) -> usize {
        for statement in statements {
            let first = statement.span.first;
            self.token(first, self.text(first), Place::Line { printed });
            self.rest(statement);
            let next = self.following(statement.span.last);
            printed = self.trailing(next, next != after);
        }
        printed
    }

    /// A statement but for its first token, which is printed.
    pub(super) fn rest(&mut self, statement: &Statement) {
        let mut token = statement.span.first;
        loop {
            if token == statement.span.last {
                return;
            }
            let next = self.following(token);
            if let Some(value) = statement.value.as_ref().filter(|value| value.span().first == next) {
                let inside = Inside::Statement;
                self.value(value, Place::Inline { separator: Separator::Space, inside });
                token = value.span().last;
            } else if let Some(list) = statement.list.as_ref().filter(|list| list.span.first == next) {
                self.option_list(list);
                token = list.span.last;
            } else if let Some(body) = statement.body.as_ref().filter(|body| body.open == next) {
                return self.body(body, statement.span.last);
            } else {
                let separator = self.separator(token, next, statement.span.first);
                self.inline(next, separator, self.inside(token, next));
                token = next;
            }
        }
    }

    fn body(&mut self, body: &Body, close: u32) {
        self.inline(body.open, Separator::Space, Inside::OneLine);
        let gap_of_first = body.statements.first().map_or(close, |statement| statement.span.first);
        if body.statements.is_empty() && self.gap(close).comments.is_empty() {
            return self.inline(close, Separator::Nothing, Inside::Statement);
        }
        let mut printed = if body.statements.is_empty() { 0 } else { self.trailing(gap_of_first, false) };
        self.begin_body();
        self.indented(|printer| printed = printer.statements(&body.statements, printed, close));
        self.close(close, printed, b"}");
    }

    /// Whether a line may end between two tokens of a statement's head, where a comment asks for it.
    fn inside(&self, token: u32, next: u32) -> Inside {
        match (self.text(token), self.text(next)) {
            (b"=" | b"," | b")", _) | (_, b";") => Inside::Statement,
            _ => Inside::OneLine,
        }
    }

    /// What stands between two tokens of a statement's head.
    fn separator(&self, token: u32, next: u32, first: u32) -> Separator {
        let (before, after) = (self.text(token), self.text(next));
        let before_is_word = self.kind(token) == Kind::Identifier;
        let glued = match (before, after) {
            (_, b";" | b"," | b")" | b"]" | b">" | b"<") => true,
            (b"(" | b"<" | b"." | b"-", _) => true,
            (b")", b".") => true,
            (_, b"(") => before_is_word && token != first && (before != b"returns" || token == first + 1),
            (_, b".") => before_is_word && !self.precedes_path(token, first),
            _ => false,
        };
        if glued { Separator::Nothing } else { Separator::Space }
    }

    /// Whether a word stands before a path, so that a point behind it begins that path.
    fn precedes_path(&self, token: u32, first: u32) -> bool {
        match self.text(token) {
            b"optional" | b"required" | b"repeated" | b"extend" => token == first,
            b"stream" => token > first && self.text(token - 1) == b"(",
            _ => false,
        }
    }
}
