//! What stands between two tokens: comments, and the line ends around them.

use crate::{source::Source, tokens::Token};

/// A comment with its markers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comment<'a> {
    pub(super) text: &'a [u8],
    /// `//` up to the end of the line.
    pub(super) is_line: bool,
    /// How many lines end between it and what stands before it.
    pub(super) lines_before: usize,
}

/// All that stands between a token and the one before it that is printed.
#[derive(Debug, Default)]
pub(super) struct Gap<'a> {
    pub(super) comments: Vec<Comment<'a>>,
    /// How many lines end between the last comment, or else the token before, and the token.
    pub(super) lines: usize,
}

impl<'a> Gap<'a> {
    /// The gap before a token. Tokens that are dropped count for nothing.
    pub(super) fn before(source: &'a Source, tokens: &[Token], dropped: &[bool], token: u32) -> Self {
        let token = token as usize;
        let previous = (0..token).rev().find(|index| !dropped[*index]);
        let start = previous.map_or(0, |index| tokens[index].end);
        Self::read(&source.text()[start as usize..tokens[token].start as usize])
    }

    fn read(text: &'a [u8]) -> Self {
        let mut gap = Self::default();
        let mut at = 0;
        while let Some(&byte) = text.get(at) {
            let start = at;
            at += 1;
            match (byte, text.get(at)) {
                (b'\n', _) => gap.lines += 1,
                (b'/', Some(b'/')) => {
                    at = text[at..].iter().position(|b| *b == b'\n').map_or(text.len(), |end| at + end);
                    gap.add(&text[start..at], true);
                }
                (b'/', Some(b'*')) => {
                    let end = text[at + 1..].windows(2).position(|pair| pair == b"*/");
                    at = end.map_or(text.len(), |end| at + 1 + end + 2);
                    gap.add(&text[start..at], false);
                }
                _ => {}
            }
        }
        gap
    }

    fn add(&mut self, text: &'a [u8], is_line: bool) {
        self.comments.push(Comment { text: text.trim_ascii_end(), is_line, lines_before: self.lines });
        self.lines = 0;
    }

    /// How many lines end between a comment and what stands behind it.
    pub(super) fn lines_after(&self, index: usize) -> usize {
        self.comments.get(index + 1).map_or(self.lines, |next| next.lines_before)
    }

    /// How many comments stand on the line of the token before, and belong to it: where the line goes on with the next
    /// token, `between` says whether they do.
    pub(super) fn trailing(&self, between: bool) -> usize {
        let count = self.comments.iter().take_while(|comment| comment.lines_before == 0).count();
        let line_goes_on = count == self.comments.len() && self.lines == 0;
        if line_goes_on && !between { 0 } else { count }
    }

    /// The index of the first of those comments that stand right above the next token, without a blank line.
    pub(super) fn attached(&self) -> usize {
        let loose = (0..self.comments.len()).rev().find(|index| self.lines_after(*index) > 1);
        loose.map_or(0, |index| index + 1)
    }
}

impl Comment<'_> {
    /// A comment of one line as a block, or `None` where its text would end the block.
    pub(super) fn as_block(&self) -> Option<Vec<u8>> {
        let text = self.text.get(2..).filter(|_| self.is_line)?;
        let ends = text.windows(2).any(|pair| matches!(pair, b"*/" | b"/*"));
        (!ends).then(|| [b"/*", text, b" */"].concat())
    }

    /// The lines of a block comment below `indent` columns of space. Lines that all start with an asterisk get theirs
    /// below the first one's; others keep their indentation to each other.
    pub(super) fn lines(&self, indent: usize) -> Vec<Vec<u8>> {
        let mut lines = self.text.split(|byte| *byte == b'\n').map(|line| line.trim_ascii_end());
        let mut out = vec![lines.next().unwrap_or_default().to_vec()];
        let rest: Vec<(usize, &[u8])> = lines.map(indentation).collect();
        let is_content = |line: &&(usize, &[u8])| !line.1.is_empty() && line.1 != b"*/";
        let has_content = rest.iter().any(|line| is_content(&line));
        let all_starred = has_content && rest.iter().all(|line| line.1.starts_with(b"*"));
        let least = rest.iter().filter(is_content).map(|line| line.0).min().unwrap_or(0);
        out.extend(rest.iter().map(|(column, line)| {
            let column = match *line {
                b"" => 0,
                b"*/" => indent + usize::from(all_starred),
                _ if all_starred => indent + 1,
                _ => indent + BLOCK_INDENT + column - least,
            };
            [vec![b' '; column].as_slice(), line].concat()
        }));
        out
    }
}

/// How far in the text of a block comment stands: below that of its first line.
const BLOCK_INDENT: usize = 3;
const TAB_WIDTH: usize = 8;

/// The column at which a line's text starts, and that text.
fn indentation(line: &[u8]) -> (usize, &[u8]) {
    let text = line.trim_ascii_start();
    let blanks = &line[..line.len() - text.len()];
    let column = blanks.iter().fold(0, |column, byte| match byte {
        b'\t' => column + TAB_WIDTH - column % TAB_WIDTH,
        _ => column + 1,
    });
    (column, text)
}

#[cfg(test)]
mod tests;
