//! Source text to tokens: protoc's tokenizer rules.

use crate::{
    diagnostics::{Diagnostics, Severity},
    source::Source,
};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A letter or underscore, then letters, digits and underscores.
    Identifier,
    /// Decimal, octal or hexadecimal.
    Integer,
    /// Has a point, an exponent or an `f` at its end.
    Float,
    /// Quoted, with the quotes.
    String,
    /// Any other printable byte.
    Symbol,
    /// Past the last token.
    End,
}

/// A token's kind and byte range.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// Splits a file into tokens; the last is always [`Kind::End`]. What cannot be a token is reported and skipped.
pub(crate) fn tokenize(source: &Source, diagnostics: &mut Diagnostics) -> Vec<Token> {
    let mut lexer = Lexer { source, text: source.text(), at: 0, identifier_end: None, diagnostics };
    lexer.diagnostics.reach(0);
    let mut tokens = Vec::with_capacity(source.text().len() / 6 + 1);
    loop {
        let token = lexer.next();
        tokens.push(token);
        lexer.diagnostics.reach(tokens.len() as u32);
        if token.kind == Kind::End {
            return tokens;
        }
    }
}

struct Lexer<'a> {
    source: &'a Source,
    text: &'a [u8],
    at: usize,
    /// Where the last identifier ended.
    identifier_end: Option<usize>,
    diagnostics: &'a mut Diagnostics,
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

impl Lexer<'_> {
    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    fn peek_second(&self) -> u8 {
        self.text.get(self.at + 1).copied().unwrap_or(0)
    }

    fn error(&mut self, offset: usize, message: impl Into<String>) {
        self.diagnostics.at(Severity::Error, self.source, offset as u32, message.into());
    }

    fn skip_while(&mut self, test: impl Fn(u8) -> bool) {
        while self.at < self.text.len() && test(self.text[self.at]) {
            self.at += 1;
        }
    }

    fn next(&mut self) -> Token {
        loop {
            self.skip_while(|b| b.is_ascii_whitespace() || b == 0x0b);
            let start = self.at;
            let Some(&byte) = self.text.get(start) else {
                return Token { kind: Kind::End, start: start as u32, end: start as u32 };
            };
            let kind = match byte {
                b'/' if self.peek_second() == b'/' => {
                    let rest = &self.text[self.at..];
                    self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                    continue;
                }
                b'/' if self.peek_second() == b'*' => {
                    self.block_comment();
                    continue;
                }
                b if is_letter(b) => {
                    self.skip_while(|b| is_letter(b) || b.is_ascii_digit());
                    self.identifier_end = Some(self.at);
                    Kind::Identifier
                }
                b'0'..=b'9' => self.number(),
                b'.' if self.peek_second().is_ascii_digit() => {
                    self.check_space_before_point();
                    self.number()
                }
                b'"' | b'\'' => {
                    self.string(byte);
                    Kind::String
                }
                0..=0x1f => {
                    self.error(start, "Invalid control characters encountered in text.");
                    self.skip_while(|b| b < 0x20 && !b.is_ascii_whitespace());
                    continue;
                }
                0x80.. => {
                    self.error(start, format!("Interpreting non ascii codepoint {byte}."));
                    self.at += 1;
                    Kind::Symbol
                }
                _ => {
                    self.at += 1;
                    Kind::Symbol
                }
            };
            return Token { kind, start: start as u32, end: self.at as u32 };
        }
    }

    fn block_comment(&mut self) {
        let start = self.at;
        self.at += 2;
        while self.at < self.text.len() {
            match (self.peek(), self.peek_second()) {
                (b'*', b'/') => {
                    self.at += 2;
                    return;
                }
                (b'/', b'*') => {
                    self.error(self.at + 1, "\"/*\" inside block comment.  Block comments cannot be nested.");
                    self.at += 1;
                }
                _ => self.at += 1,
            }
        }
        self.error(self.at, "End-of-file inside block comment.");
        self.error(start, "  Comment started here.");
    }

    /// `foo.5` is an identifier run into a number, which only a missing space explains.
    fn check_space_before_point(&mut self) {
        if self.identifier_end == Some(self.at) {
            self.error(self.at, "Need space between identifier and decimal point.");
        }
    }

    fn number(&mut self) -> Kind {
        let mut is_float = false;
        if self.peek() == b'0' && matches!(self.peek_second(), b'x' | b'X') {
            self.at += 2;
            if !self.peek().is_ascii_hexdigit() {
                self.error(self.at, "\"0x\" must be followed by hex digits.");
            }
            self.skip_while(|b| b.is_ascii_hexdigit());
        } else if self.peek() == b'0' && self.peek_second().is_ascii_digit() {
            self.at += 1;
            self.skip_while(|b| matches!(b, b'0'..=b'7'));
            if self.peek().is_ascii_digit() {
                self.error(self.at, "Numbers starting with leading zero must be in octal.");
                self.skip_while(|b| b.is_ascii_digit());
            }
        } else {
            is_float = self.decimal();
        }
        let next = self.peek();
        if is_letter(next) {
            self.error(self.at, "Need space between number and identifier.");
        } else if next == b'.' {
            let message = if is_float {
                "Already saw decimal point or exponent; can't have another one."
            } else {
                "Hex and octal numbers must be integers."
            };
            self.error(self.at, message);
        }
        if is_float { Kind::Float } else { Kind::Integer }
    }

    fn decimal(&mut self) -> bool {
        let mut is_float = false;
        self.skip_while(|b| b.is_ascii_digit());
        if self.peek() == b'.' {
            is_float = true;
            self.at += 1;
            self.skip_while(|b| b.is_ascii_digit());
        }
        if matches!(self.peek(), b'e' | b'E') {
            is_float = true;
            self.at += 1;
            if matches!(self.peek(), b'-' | b'+') {
                self.at += 1;
            }
            if !self.peek().is_ascii_digit() {
                self.error(self.at, "\"e\" must be followed by exponent.");
            }
            self.skip_while(|b| b.is_ascii_digit());
        }
        is_float
    }

    fn string(&mut self, quote: u8) {
        self.at += 1;
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b'\n' => {
                    self.error(self.at, "Multiline strings are not allowed. Did you miss a \"?.");
                    return;
                }
                b'\\' => {
                    self.at += 1;
                    self.escape();
                }
                _ => {
                    self.at += 1;
                    if byte == quote {
                        return;
                    }
                }
            }
        }
        self.error(self.at, "Unexpected end of string.");
    }

    fn escape(&mut self) {
        let digits = |this: &mut Self, count: usize, message: &str| {
            for _ in 0..count {
                if !this.peek().is_ascii_hexdigit() {
                    this.error(this.at, message);
                    return;
                }
                this.at += 1;
            }
        };
        match self.peek() {
            b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v' | b'\\' | b'?' | b'\'' | b'"' | b'0'..=b'7' => {
                self.at += 1;
            }
            b'x' | b'X' => {
                self.at += 1;
                digits(self, 1, "Expected hex digits for escape sequence.");
            }
            b'u' => {
                self.at += 1;
                digits(self, 4, "Expected four hex digits for \\u escape sequence.");
            }
            b'U' => {
                self.at += 1;
                for place in 0..8 {
                    let fits = match place {
                        0 | 1 => self.peek() == b'0',
                        2 => matches!(self.peek(), b'0' | b'1'),
                        _ => self.peek().is_ascii_hexdigit(),
                    };
                    if !fits {
                        let text = "Expected eight hex digits up to 10ffff for \\U escape sequence";
                        self.error(self.at, text);
                        break;
                    }
                    self.at += 1;
                }
            }
            _ => self.error(self.at, "Invalid escape sequence in string literal."),
        }
    }
}

/// The value of an integer token, or `None` above `u64::MAX`.
pub(crate) fn integer_value(text: &str) -> Option<u64> {
    let lower = text.as_bytes();
    if lower.len() > 1 && lower[0] == b'0' {
        if matches!(lower[1], b'x' | b'X') {
            return if text.len() == 2 { Some(0) } else { u64::from_str_radix(&text[2..], 16).ok() };
        }
        return u64::from_str_radix(text, 8).ok();
    }
    text.parse().ok()
}

/// The value of a float or integer token.
pub(crate) fn float_value(text: &str) -> f64 {
    text.trim_end_matches(['e', 'E', '+', '-']).parse().unwrap_or(0.0)
}

/// Appends the bytes that a string token stands for.
pub(crate) fn unquote(token: &[u8], out: &mut Vec<u8>) {
    let Some((&quote, mut rest)) = token.split_first() else { return };
    if rest.last() == Some(&quote) {
        rest = &rest[..rest.len() - 1];
    }
    let mut at = 0;
    while let Some(&byte) = rest.get(at) {
        at += 1;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some(&code) = rest.get(at) else { return };
        at += 1;
        match code {
            b'0'..=b'7' => {
                let mut value = u32::from(code - b'0');
                for _ in 0..2 {
                    match rest.get(at) {
                        Some(d @ b'0'..=b'7') => value = value * 8 + u32::from(d - b'0'),
                        _ => break,
                    }
                    at += 1;
                }
                out.push(value as u8);
            }
            b'x' | b'X' => {
                let (value, used) = hex(&rest[at..], 2);
                at += used;
                out.push(value as u8);
            }
            b'u' | b'U' => {
                at += unicode(&rest[at..], if code == b'u' { 4 } else { 8 }, out);
            }
            _ => out.push(simple_escape(code)),
        }
    }
}

fn simple_escape(code: u8) -> u8 {
    match code {
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        b'\\' | b'?' | b'\'' | b'"' => code,
        // No escape at all, which is reported.
        _ => b'?',
    }
}

fn hex(text: &[u8], most: usize) -> (u32, usize) {
    let digits = text.iter().take(most).map_while(|b| char::from(*b).to_digit(16));
    digits.fold((0, 0), |(value, used), digit| (value * 16 + digit, used + 1))
}

/// Appends the code point, joined with a low surrogate where one follows; returns how many bytes it took.
fn unicode(text: &[u8], width: usize, out: &mut Vec<u8>) -> usize {
    let (mut code, mut used) = hex(text, width);
    if (0xd800..0xdc00).contains(&code) && text.get(used..used + 2) == Some(b"\\u") {
        let (low, low_used) = hex(&text[used + 2..], 4);
        if (0xdc00..0xe000).contains(&low) && low_used == 4 {
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            used += 2 + low_used;
        }
    }
    match char::from_u32(code) {
        Some(ch) => out.extend_from_slice(ch.encode_utf8(&mut [0; 4]).as_bytes()),
        // A lone surrogate has no UTF-8 form; protoc writes its three bytes as they would be.
        None => out.extend([
            0xe0 | (code >> 12) as u8 & 0x0f,
            0x80 | (code >> 6) as u8 & 0x3f,
            0x80 | code as u8 & 0x3f,
        ]),
    }
    used
}
