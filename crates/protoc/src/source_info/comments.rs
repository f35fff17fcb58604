//! Which element a comment belongs to: the one before it, the one after it, or neither.

/// The comments between two tokens.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Gap {
    /// Belongs to what ends before the gap.
    pub(super) trailing: String,
    /// Belong to nothing, but stand before what follows.
    pub(super) detached: Vec<String>,
    /// Belongs to what starts after the gap.
    pub(super) leading: String,
}

/// What follows a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// A token that can have comments.
    Token,
    /// A closing bracket: comments before it do not belong to it.
    Closing,
    /// The end of the file.
    End,
}

/// Reads the comments of a gap. `at_start` tells that it is before the first token.
///
/// A comment on the line of the token before it trails that token; a comment right above a token leads it; blank
/// lines separate.
pub(super) fn read(text: &[u8], at_start: bool, after: After) -> Gap {
    let mut reader = Reader { text, at: 0, newlines: 0 };
    let mut collector = Collector {
        gap: Gap::default(),
        buffer: None,
        attach_to_previous: !at_start,
        trailed: false,
        count: 0,
    };
    let mut trailing_end = None;
    if !at_start {
        reader.skip_blanks();
        match reader.comment_start() {
            Some(Style::Line) => {
                trailing_end = Some(reader.newlines);
                reader.line_comment(collector.line_buffer());
                collector.flush();
            }
            Some(Style::Block) => {
                reader.block_comment(collector.block_buffer());
                trailing_end = Some(reader.newlines);
                reader.skip_blanks();
                collector.flush();
            }
            None if !reader.newline() => return Gap::default(),
            None => {}
        }
    }
    loop {
        reader.skip_blanks();
        match reader.comment_start() {
            Some(Style::Line) => reader.line_comment(collector.line_buffer()),
            Some(Style::Block) => {
                reader.block_comment(collector.block_buffer());
                reader.skip_blanks();
                reader.newline();
            }
            None if reader.newline() => {
                collector.flush();
                collector.attach_to_previous = false;
            }
            None => break,
        }
    }
    if after != After::Token {
        collector.flush();
    }
    let same_line = (!at_start && reader.newlines == 0) || trailing_end == Some(reader.newlines);
    if after != After::End && same_line {
        collector.detach_only_comment();
    }
    collector.finish()
}

enum Style {
    Line,
    Block,
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    newlines: usize,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(0), b' ' | b'\t' | b'\r' | 0x0b | 0x0c) {
            self.at += 1;
        }
    }

    fn newline(&mut self) -> bool {
        let found = self.peek(0) == b'\n';
        if found {
            self.at += 1;
            self.newlines += 1;
        }
        found
    }

    fn comment_start(&mut self) -> Option<Style> {
        let style = match (self.peek(0), self.peek(1)) {
            (b'/', b'/') => Style::Line,
            (b'/', b'*') => Style::Block,
            _ => return None,
        };
        self.at += 2;
        Some(style)
    }

    fn take(&self, from: usize, to: usize, out: &mut String) {
        out.push_str(&String::from_utf8_lossy(&self.text[from..to]));
    }

    /// Up to and with the end of the line.
    fn line_comment(&mut self, out: &mut String) {
        let start = self.at;
        let rest = &self.text[start..];
        self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        self.newline();
        self.take(start, self.at, out);
    }

    /// Up to the end of the comment; white space and one asterisk at the start of each line are left out.
    fn block_comment(&mut self, out: &mut String) {
        let mut start = self.at;
        while self.at < self.text.len() {
            if self.newline() {
                self.take(start, self.at, out);
                self.skip_blanks();
                if self.peek(0) == b'*' {
                    self.at += 1;
                    if self.peek(0) == b'/' {
                        self.at += 1;
                        return;
                    }
                }
                start = self.at;
            } else if self.peek(0) == b'*' && self.peek(1) == b'/' {
                self.take(start, self.at, out);
                self.at += 2;
                return;
            } else {
                self.at += 1;
            }
        }
        self.take(start, self.at, out);
    }
}

/// Holds the last comment until it is known where it belongs.
struct Collector {
    gap: Gap,
    /// The comment and whether it is made of line comments.
    buffer: Option<(String, bool)>,
    attach_to_previous: bool,
    trailed: bool,
    count: usize,
}

impl Collector {
    /// Line comments below each other are one comment.
    fn line_buffer(&mut self) -> &mut String {
        if matches!(self.buffer, Some((_, false))) {
            self.flush();
        }
        &mut self.buffer.get_or_insert_with(|| (String::new(), true)).0
    }

    fn block_buffer(&mut self) -> &mut String {
        self.flush();
        &mut self.buffer.insert((String::new(), false)).0
    }

    /// The comment is complete and does not belong to what follows.
    fn flush(&mut self) {
        let Some((text, _)) = self.buffer.take() else { return };
        if self.attach_to_previous {
            self.gap.trailing.push_str(&text);
            self.trailed = true;
            self.attach_to_previous = false;
        } else {
            self.gap.detached.push(text);
        }
        self.count += 1;
    }

    /// With tokens of both sides on its line, a single comment belongs to neither.
    fn detach_only_comment(&mut self) {
        if self.count + usize::from(self.buffer.is_some()) != 1 {
            return;
        }
        if self.trailed {
            let trailing = std::mem::take(&mut self.gap.trailing);
            self.gap.detached.insert(0, trailing);
        }
        self.flush();
    }

    fn finish(mut self) -> Gap {
        if let Some((text, _)) = self.buffer.take() {
            self.gap.leading = text;
        }
        self.gap
    }
}
