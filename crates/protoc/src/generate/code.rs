//! Lines of code with indentation.

/// Text under construction. Lines are indented when their first character is written; empty lines are not.
#[derive(Debug, Default)]
pub(super) struct Code {
    text: String,
    indent: usize,
}

impl Code {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.text.into_bytes()
    }

    /// Writes text, which may hold several lines or none.
    pub(super) fn write(&mut self, text: &str) {
        for piece in text.split_inclusive('\n') {
            if piece != "\n" && (self.text.is_empty() || self.text.ends_with('\n')) {
                self.text.extend(std::iter::repeat_n(' ', self.indent));
            }
            self.text.push_str(piece);
        }
    }

    /// Writes text and ends the line.
    pub(super) fn line(&mut self, text: &str) {
        self.write(text);
        self.text.push('\n');
    }

    /// What `content` writes stands `by` columns further in.
    pub(super) fn indented(&mut self, by: usize, content: impl FnOnce(&mut Self)) {
        self.indent += by;
        content(self);
        self.indent -= by;
    }
}
