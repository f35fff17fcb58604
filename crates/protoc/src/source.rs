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
}

const TAB_WIDTH: u32 = 8;

impl Source {
    /// Takes the text of the file called `name`. A byte order mark at its start is dropped.
    pub fn new(name: impl Into<String>, mut text: Vec<u8>) -> Self {
        if text.starts_with(b"\xef\xbb\xbf") {
            text.drain(..3);
        }
        text.truncate(MAX_SOURCE_BYTES);
        let mut line_starts = vec![0];
        line_starts.extend(text.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(i, _)| i as u32 + 1));
        Self { name: name.into(), text, line_starts }
    }

    /// The name under which the file is imported.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text without a byte order mark.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The position of a byte offset.
    pub fn position(&self, offset: u32) -> Position {
        let line = self.line_starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.line_starts[line] as usize;
        let end = (offset as usize).min(self.text.len());
        let column = self.text[start..end]
            .iter()
            .fold(0u32, |col, b| if *b == b'\t' { col + TAB_WIDTH - col % TAB_WIDTH } else { col + 1 });
        Position { line: line as u32 + 1, column: column + 1 }
    }

    /// The text of a line counted from 1, without its end, tabs widened so that columns match.
    pub fn line_text(&self, line: u32) -> String {
        let index = line.saturating_sub(1) as usize;
        let Some(start) = self.line_starts.get(index) else { return String::new() };
        let end = self.line_starts.get(index + 1).map_or(self.text.len(), |next| *next as usize - 1);
        let mut out = String::new();
        let mut column = 0;
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
        out
    }
}
