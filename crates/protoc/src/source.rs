//! A source file in memory and the positions in it.

/// Bytes above this are refused: token offsets are 32 bits wide.
pub(crate) const MAX_SOURCE_BYTES: usize = 1 << 30;

/// Where something stands in a file, counted from 1 as protoc prints it. A column counts bytes, and a tab moves to
/// the next multiple of eight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

/// The text of one `.proto` file under the name that imports use.
#[derive(Debug)]
pub struct Source {
    name: String,
    text: Vec<u8>,
    line_starts: Vec<u32>,
    /// The offsets of all tabs, so that a column does not take a walk over its line.
    tabs: Vec<u32>,
    /// The bytes of the byte order mark, which protoc counts among the columns of the first line.
    mark: u32,
    /// Whether there are no places in it: it stands for a descriptor.
    placeless: bool,
}

const TAB_WIDTH: u32 = 8;
/// Longer lines are not repeated below a message.
const MAX_SHOWN_BYTES: usize = 400;

impl Source {
    /// Takes the text of the file called `name`. A byte order mark at its start is dropped.
    pub fn new(name: impl Into<String>, mut text: Vec<u8>) -> Self {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        let mark = if text.starts_with(MARK) { MARK.len() } else { 0 };
        text.drain(..mark);
        text.truncate(MAX_SOURCE_BYTES);
        let mut line_starts = vec![0];
        line_starts.extend(memchr::memchr_iter(b'\n', &text).map(|at| at as u32 + 1));
        let tabs = memchr::memchr_iter(b'\t', &text).map(|at| at as u32).collect();
        Self { name: name.into(), text, line_starts, tabs, mark: mark as u32, placeless: false }
    }

    /// A file that has no text: only its descriptor is there.
    pub(crate) fn placeless(name: &str) -> Self {
        Self { placeless: true, ..Self::new(name, Vec::new()) }
    }

    /// Keeps the name only. Every position is the start from now on.
    pub(crate) fn drop_text(&mut self) {
        self.text = Vec::new();
        self.line_starts = vec![0];
        self.tabs = Vec::new();
    }

    pub(crate) fn is_placeless(&self) -> bool {
        self.placeless
    }

    /// The name under which the file is imported.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text without a byte order mark.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The text by itself.
    pub(crate) fn into_text(self) -> Vec<u8> {
        self.text
    }

    /// The position of a byte offset.
    pub fn position(&self, offset: u32) -> Position {
        let line = self.line_starts.partition_point(|start| *start <= offset).saturating_sub(1);
        self.position_in(line, offset)
    }

    /// The positions of offsets that are asked for in their order, each in a step from the one before it.
    pub(crate) fn positions(&self) -> impl FnMut(u32) -> Position + '_ {
        let mut line = 0;
        move |offset| {
            while self.line_starts.get(line + 1).is_some_and(|next| *next <= offset) {
                line += 1;
            }
            self.position_in(line, offset)
        }
    }

    /// The position of an offset in a line counted from 0.
    fn position_in(&self, line: usize, offset: u32) -> Position {
        let start = self.line_starts[line];
        let mark = if line == 0 { self.mark } else { 0 };
        if self.tabs.is_empty() {
            return Position { line: line as u32 + 1, column: mark + offset.saturating_sub(start) + 1 };
        }
        let first_tab = self.tabs.partition_point(|tab| *tab < start);
        let (mut column, mut from) = (mark, start);
        for &tab in self.tabs[first_tab..].iter().take_while(|tab| **tab < offset) {
            column += tab - from;
            column += TAB_WIDTH - column % TAB_WIDTH;
            from = tab + 1;
        }
        column += offset.saturating_sub(from);
        Position { line: line as u32 + 1, column: column + 1 }
    }

    /// The text of a line counted from 1, without its end, tabs widened so that columns match. `None` for a line that
    /// is too long to be shown.
    pub fn line_text(&self, line: u32) -> Option<String> {
        let index = line.saturating_sub(1) as usize;
        let start = self.line_starts.get(index)?;
        let end = self.line_starts.get(index + 1).map_or(self.text.len(), |next| *next as usize - 1);
        if end.saturating_sub(*start as usize) > MAX_SHOWN_BYTES {
            return None;
        }
        // A blank in place of each byte of the mark.
        let mut column = if index == 0 { self.mark as usize } else { 0 };
        let mut out = " ".repeat(column);
        for ch in String::from_utf8_lossy(&self.text[*start as usize..end]).chars() {
            if ch == '\t' {
                let width = TAB_WIDTH as usize - column % TAB_WIDTH as usize;
                out.extend(std::iter::repeat_n(' ', width));
                column += width;
            } else if !ch.is_control() {
                out.push(ch);
                column += ch.len_utf8();
            }
        }
        Some(out)
    }
}
