//! The statements of a file: what stands above the definitions, and in which order.

use super::{
    outline::Statement,
    printer::{Printer, Separator},
};
use crate::tokens::{self, Kind};

/// What the statements of a file are, in the order in which they are printed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Section {
    /// `syntax` or `edition`.
    Syntax,
    Package,
    Imports,
    Options,
    Definitions,
}

/// Within a section: imports by kind and path, options by name with custom ones last. The order of the file decides
/// between equals, and therefore among definitions.
type Key = (Section, bool, Vec<u8>, u8);

impl Printer<'_> {
    /// A whole file.
    pub(super) fn file(mut self, statements: &[Statement]) -> Vec<u8> {
        let mut order: Vec<(Key, usize)> =
            statements.iter().map(|statement| self.key(statement)).zip(0..).collect();
        order.sort();
        // Comments with a blank line below belong to no statement. They keep their order, and their place as far as
        // that of the statement below them tells it.
        let (mut loose_printed, mut previous) = (0, Section::Syntax);
        for (index, ((section, ..), position)) in order.into_iter().enumerate() {
            let statement = &statements[position];
            let mut separator = if index == 0 { None } else { section.separator(previous) };
            for (slot, other) in statements.iter().enumerate().take(position + 1).skip(loose_printed) {
                let gap = self.gap(other.span.first);
                let trailing = if slot == 0 { 0 } else { gap.trailing(true) };
                for comment in &gap.comments[trailing..gap.attached().max(trailing)] {
                    self.comment(separator.take().unwrap_or(Separator::lines(comment.lines_before)), comment);
                }
                if gap.attached() > trailing {
                    separator = Some(Separator::BlankLine);
                }
            }
            loose_printed = loose_printed.max(position + 1);
            previous = section;
            self.top_statement(statement, position == 0, separator);
        }
        let gap = self.gap(self.end());
        let printed = if statements.is_empty() { 0 } else { gap.trailing(true) };
        self.own_lines(&gap, printed);
        self.finish()
    }

    /// A statement with the comments right above it, and those on the line where it ends.
    fn top_statement(&mut self, statement: &Statement, is_first: bool, mut separator: Option<Separator>) {
        let first = statement.span.first;
        let gap = self.gap(first);
        let trailing = if is_first { 0 } else { gap.trailing(true) };
        for comment in &gap.comments[gap.attached().max(trailing)..] {
            self.comment(separator.take().unwrap_or(Separator::lines(comment.lines_before)), comment);
        }
        self.write(separator.unwrap_or(Separator::lines(gap.lines)), self.text(first));
        self.rest(statement);
        self.trailing(self.following(statement.span.last), true);
    }

    fn key(&self, statement: &Statement) -> Key {
        let first = statement.span.first;
        let next = self.following(first);
        match self.text(first) {
            b"syntax" | b"edition" => (Section::Syntax, false, Vec::new(), 0),
            b"package" => (Section::Package, false, Vec::new(), 0),
            b"import" => {
                let rank = match self.text(next) {
                    b"public" => 0,
                    b"weak" => 2,
                    _ => 1,
                };
                let mut path = Vec::new();
                (next..statement.span.last)
                    .filter(|token| self.kind(*token) == Kind::String)
                    .for_each(|token| tokens::unquote(self.text(token), &mut path));
                // An import for options only has to stand below the others.
                (Section::Imports, self.text(next) == b"option", path, rank)
            }
            b"option" => {
                let name = (next..statement.span.last).map(|token| self.text(token));
                let name = name.take_while(|text| *text != b"=").collect::<Vec<_>>().concat();
                (Section::Options, name.starts_with(b"("), name, 0)
            }
            _ => (Section::Definitions, false, Vec::new(), 0),
        }
    }
}

impl Section {
    /// What a statement is separated by from one of a section above, where the file does not decide.
    fn separator(self, previous: Self) -> Option<Separator> {
        match self {
            Self::Imports | Self::Options if self == previous => Some(Separator::Line),
            Self::Imports | Self::Options => Some(Separator::BlankLine),
            Self::Definitions if previous == Self::Syntax => Some(Separator::BlankLine),
            _ => None,
        }
    }
}
