//! Tokens and comments to text: where lines begin and where comments go.

use super::trivia::{Comment, Gap};
use crate::{
    ast::Span,
    source::Source,
    tokens::{Kind, Token},
};

const INDENT: usize = 2;

/// What a token or comment is to be separated by from what is printed before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Separator {
    Nothing,
    Space,
    Line,
    BlankLine,
}

impl Separator {
    /// A new line, after a blank one where there was one or more.
    pub(super) fn lines(count: usize) -> Self {
        if count > 1 { Self::BlankLine } else { Self::Line }
    }
}

/// Where a gap is, for the comments in it: whether a line comment may end the line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Inside {
    /// In a statement that may go on in the next line.
    Statement,
    /// In brackets that stay on one line, or between words that do.
    OneLine,
}

/// Where a token stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Within a line.
    Inline { separator: Separator, inside: Inside },
    /// At the beginning of a line; so many of the comments before it are printed with the token before it.
    Line { printed: usize },
}

/// The text so far. The tokens of a statement are printed in their order, each once; what is printed of a gap is its
/// comments, those on the line of the token before it with that token.
pub(super) struct Printer<'a> {
    source: &'a Source,
    tokens: &'a [Token],
    dropped: &'a [bool],
    out: Vec<u8>,
    /// Columns.
    indent: usize,
    /// Whether a line comment ended what is printed, so that a new line has to follow.
    line_is_over: bool,
    /// Whether a body has just been opened: no blank line follows.
    body_begins: bool,
}

impl<'a> Printer<'a> {
    pub(super) fn new(source: &'a Source, tokens: &'a [Token], dropped: &'a [bool]) -> Self {
        let out = Vec::with_capacity(source.text().len() + source.text().len() / 8);
        Self { source, tokens, dropped, out, indent: 0, line_is_over: false, body_begins: true }
    }

    /// The text, with one line end behind it.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if !self.out.is_empty() {
            self.out.push(b'\n');
        }
        self.out
    }

    pub(super) fn text(&self, token: u32) -> &'a [u8] {
        let token = self.tokens[token as usize];
        &self.source.text()[token.start as usize..token.end as usize]
    }

    pub(super) fn kind(&self, token: u32) -> Kind {
        self.tokens[token as usize].kind
    }

    /// The token that ends the file.
    pub(super) fn end(&self) -> u32 {
        self.tokens.len() as u32 - 1
    }

    pub(super) fn gap(&self, token: u32) -> Gap<'a> {
        Gap::before(self.source, self.tokens, self.dropped, token)
    }

    /// The next token that is printed.
    pub(super) fn following(&self, token: u32) -> u32 {
        let next = (token + 1..self.end()).find(|index| !self.dropped[*index as usize]);
        next.unwrap_or(self.end())
    }

    /// Whether there is a comment before one of the tokens.
    pub(super) fn has_comments(&self, span: Span) -> bool {
        (span.first..=span.last)
            .any(|token| !self.dropped[token as usize] && !self.gap(token).comments.is_empty())
    }

    pub(super) fn indented(&mut self, print: impl FnOnce(&mut Self)) {
        self.indent += INDENT;
        print(self);
        self.indent -= INDENT;
    }

    /// What follows is the first in a body.
    pub(super) fn begin_body(&mut self) {
        self.body_begins = true;
    }

    fn separate(&mut self, separator: Separator) {
        match separator {
            Separator::Nothing if !self.line_is_over => return,
            Separator::Space if !self.line_is_over => self.out.push(b' '),
            _ => {
                if !self.out.is_empty() {
                    self.out.push(b'\n');
                    if separator == Separator::BlankLine && !self.body_begins {
                        self.out.push(b'\n');
                    }
                }
                self.out.resize(self.out.len() + self.indent, b' ');
            }
        }
        self.line_is_over = false;
    }

    /// Appends text after what separates it.
    pub(super) fn write(&mut self, separator: Separator, text: &[u8]) {
        self.separate(separator);
        self.out.extend_from_slice(text);
        self.body_begins = false;
    }

    pub(super) fn comment(&mut self, separator: Separator, comment: &Comment<'_>) {
        if comment.is_line {
            self.write(separator, comment.text);
            self.line_is_over = true;
            return;
        }
        if !comment.text.contains(&b'\n') {
            return self.write(separator, comment.text);
        }
        self.write(separator, &comment.lines(self.indent).join(&b'\n'));
    }

    /// A token as `text`, after the comments before it.
    pub(super) fn token(&mut self, token: u32, text: &[u8], place: Place) {
        let separator = match place {
            Place::Inline { separator, inside } => self.inline_comments(token, separator, inside),
            Place::Line { printed } => self.own_lines(&self.gap(token), printed),
        };
        self.write(separator, text);
    }

    /// A token within a line.
    pub(super) fn inline(&mut self, token: u32, separator: Separator, inside: Inside) {
        self.token(token, self.text(token), Place::Inline { separator, inside });
    }

    /// The comments before a token within a line; returns what to separate the token by.
    fn inline_comments(&mut self, token: u32, separator: Separator, inside: Inside) -> Separator {
        let gap = self.gap(token);
        let next = self.text(token);
        for (index, comment) in gap.comments.iter().enumerate() {
            let opened =
                separator == Separator::Nothing && matches!(self.out.last(), Some(b'(' | b'[' | b'<'));
            let before = if opened && index == 0 { Separator::Nothing } else { Separator::Space };
            let ends_line = inside == Inside::Statement && comment.lines_before == 0 && index == 0;
            match comment.as_block().filter(|_| !ends_line) {
                Some(block) => self.write(before, &block),
                None if comment.is_line && !ends_line => self.comment(Separator::Line, comment),
                None => self.comment(before, comment),
            }
        }
        let closes = matches!(next, b";" | b"," | b")" | b"]" | b">" | b":");
        if gap.comments.is_empty() || closes { separator } else { Separator::Space }
    }

    /// Prints comments on lines of their own; returns what to separate the token by.
    pub(super) fn own_lines(&mut self, gap: &Gap<'_>, printed: usize) -> Separator {
        for comment in &gap.comments[printed.min(gap.comments.len())..] {
            self.comment(Separator::lines(comment.lines_before), comment);
        }
        Separator::lines(gap.lines)
    }

    /// The closing token of something laid out over lines: nothing but comments keeps it from the line before.
    pub(super) fn close(&mut self, token: u32, printed: usize, text: &[u8]) {
        let gap = self.gap(token);
        self.indented(|printer| {
            printer.own_lines(&gap, printed);
        });
        self.write(Separator::Line, text);
    }

    /// Prints the comments before a token that stand on the line of the token before it; returns how many.
    /// `between` says whether comments between two tokens on one line are among them.
    pub(super) fn trailing(&mut self, token: u32, between: bool) -> usize {
        let gap = self.gap(token);
        let count = gap.trailing(between);
        for comment in &gap.comments[..count] {
            self.comment(Separator::Space, comment);
        }
        count
    }
}
