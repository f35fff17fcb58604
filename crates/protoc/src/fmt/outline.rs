//! What a formatter needs to know of a file: where statements, bodies, lists of options and values begin and end.
//!
//! The parser has accepted the file before, so that braces tell bodies from values: a value's brace follows `=`. What
//! the parser leaves to the interpretation of options, the inside of values, is checked here.

use crate::{
    ast::Span,
    message::MAX_DEPTH,
    source::Source,
    tokens::{Kind, Token},
};

/// `head;`, `head { body }` or `head [list] …`.
pub(super) struct Statement {
    /// With `;` or `}` at its end.
    pub(super) span: Span,
    /// The value after `=`, where it is more than one word.
    pub(super) value: Option<Value>,
    /// The options in brackets.
    pub(super) list: Option<List>,
    pub(super) body: Option<Body>,
}

/// `{ statements }`
pub(super) struct Body {
    pub(super) open: u32,
    pub(super) statements: Vec<Statement>,
}

/// `[name = value, …]`
pub(super) struct List {
    pub(super) span: Span,
    pub(super) entries: Vec<Entry>,
}

/// `name = value` in a list of options.
pub(super) struct Entry {
    /// Up to and with `=`.
    pub(super) name: Span,
    pub(super) value: Value,
}

/// What an option is set to.
pub(super) enum Value {
    /// A word or number, with its sign.
    Word(Span),
    /// Strings side by side.
    Strings(Span),
    /// `{ fields }`, or the same in angle brackets.
    Message(Span, Vec<Field>),
    /// `[ values ]`
    List(Span, Vec<Value>),
}

/// `name: value` in a value.
pub(super) struct Field {
    pub(super) name: Span,
    pub(super) colon: Option<u32>,
    pub(super) value: Value,
}

impl Value {
    pub(super) fn span(&self) -> Span {
        match self {
            Self::Word(span) | Self::Strings(span) | Self::Message(span, _) | Self::List(span, _) => *span,
        }
    }
}

/// The outline of a file.
pub(super) struct Outline {
    pub(super) statements: Vec<Statement>,
    /// Of each token whether it is left out: separators that mean nothing.
    pub(super) dropped: Vec<bool>,
}

/// A value that cannot be read.
pub(super) struct Wrong {
    pub(super) token: u32,
    pub(super) message: String,
}

type Read<T> = Result<T, Wrong>;

impl Outline {
    pub(super) fn new(source: &Source, tokens: &[Token]) -> Read<Self> {
        let dropped = vec![false; tokens.len()];
        let mut reader = Reader { text: source.text(), tokens, at: 0, dropped, depth: 0 };
        let statements = reader.statements()?;
        if !reader.at_end() {
            return reader.wrong("Unmatched \"}\".");
        }
        Ok(Self { statements, dropped: reader.dropped })
    }
}

struct Reader<'a> {
    text: &'a [u8],
    tokens: &'a [Token],
    at: usize,
    dropped: Vec<bool>,
    /// How deep in values.
    depth: usize,
}

impl Reader<'_> {
    fn kind(&self) -> Kind {
        self.tokens[self.at].kind
    }

    fn at_end(&self) -> bool {
        self.kind() == Kind::End
    }

    /// The symbol at hand, or 0.
    fn symbol(&self) -> u8 {
        let token = self.tokens[self.at];
        if token.kind == Kind::Symbol { self.text[token.start as usize] } else { 0 }
    }

    fn index(&self) -> u32 {
        self.at as u32
    }

    /// From a token on to the last one passed.
    fn since(&self, first: u32) -> Span {
        Span { first, last: self.index().saturating_sub(1).max(first) }
    }

    fn advance(&mut self) {
        if !self.at_end() {
            self.at += 1;
        }
    }

    fn drop(&mut self) {
        self.dropped[self.at] = true;
        self.advance();
    }

    fn wrong<T>(&self, message: impl Into<String>) -> Read<T> {
        Err(Wrong { token: self.index(), message: message.into() })
    }

    fn consume(&mut self, symbol: u8) -> Read<()> {
        if self.symbol() != symbol {
            return self.wrong(format!("Expected \"{}\".", char::from(symbol)));
        }
        self.advance();
        Ok(())
    }

    /// Up to a closing brace or the end of the file. How deep bodies nest the parser has bounded.
    fn statements(&mut self) -> Read<Vec<Statement>> {
        let mut statements = Vec::new();
        while !self.at_end() && self.symbol() != b'}' {
            if self.symbol() == b';' {
                self.drop();
            } else {
                statements.push(self.statement()?);
            }
        }
        Ok(statements)
    }

    fn statement(&mut self) -> Read<Statement> {
        let first = self.index();
        let (mut value, mut list, mut body) = (None, None, None);
        loop {
            match self.symbol() {
                b';' => {
                    self.advance();
                    break;
                }
                b'=' => {
                    self.advance();
                    if self.kind() == Kind::String || self.symbol() == b'{' {
                        value = Some(self.value()?);
                    }
                }
                b'[' => list = Some(self.options()?),
                b'{' => {
                    let open = self.index();
                    self.advance();
                    let statements = self.statements()?;
                    self.consume(b'}')?;
                    body = Some(Body { open, statements });
                    break;
                }
                _ if self.at_end() => return self.wrong("Expected \";\"."),
                _ => self.advance(),
            }
        }
        Ok(Statement { span: self.since(first), value, list, body })
    }

    /// `[name = value, …]`
    fn options(&mut self) -> Read<List> {
        let first = self.index();
        self.consume(b'[')?;
        let mut entries = Vec::new();
        loop {
            let name = self.index();
            while !matches!(self.symbol(), b'=' | b',' | b']') && !self.at_end() {
                self.advance();
            }
            self.consume(b'=')?;
            entries.push(Entry { name: self.since(name), value: self.value()? });
            if self.symbol() != b',' {
                break;
            }
            self.advance();
        }
        self.consume(b']')?;
        Ok(List { span: self.since(first), entries })
    }

    fn value(&mut self) -> Read<Value> {
        let first = self.index();
        match (self.symbol(), self.kind()) {
            (open @ (b'{' | b'<' | b'['), _) => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return self.wrong(format!(
                        "Message is too deep, the parser exceeded the configured recursion limit of {MAX_DEPTH}."
                    ));
                }
                self.advance();
                let value = if open == b'[' {
                    let values = self.values()?;
                    Value::List(self.since(first), values)
                } else {
                    let fields = self.fields(if open == b'{' { b'}' } else { b'>' })?;
                    Value::Message(self.since(first), fields)
                };
                self.depth -= 1;
                Ok(value)
            }
            (_, Kind::String) => {
                while self.kind() == Kind::String {
                    self.advance();
                }
                let span = self.since(first);
                Ok(if span.first == span.last { Value::Word(span) } else { Value::Strings(span) })
            }
            (symbol, _) => {
                if symbol == b'-' {
                    self.advance();
                }
                if !matches!(self.kind(), Kind::Identifier | Kind::Integer | Kind::Float) {
                    return self.wrong("Expected option value.");
                }
                self.advance();
                Ok(Value::Word(self.since(first)))
            }
        }
    }

    /// The rest of a list.
    fn values(&mut self) -> Read<Vec<Value>> {
        let mut values = Vec::new();
        if self.symbol() != b']' {
            values.push(self.value()?);
            while self.symbol() == b',' {
                self.advance();
                values.push(self.value()?);
            }
        }
        self.consume(b']')?;
        Ok(values)
    }

    /// The rest of a message value.
    fn fields(&mut self, close: u8) -> Read<Vec<Field>> {
        let mut fields = Vec::new();
        while self.symbol() != close {
            let first = self.index();
            if self.symbol() == b'[' {
                self.bracketed_name()?;
            } else if self.kind() == Kind::Identifier {
                self.advance();
            } else {
                let close = char::from(close);
                return self.wrong(format!("Expected identifier or \"{close}\"."));
            }
            let name = self.since(first);
            let colon = (self.symbol() == b':').then(|| self.index());
            if colon.is_some() {
                self.advance();
            } else if !matches!(self.symbol(), b'{' | b'<' | b'[') {
                return self.wrong("Expected \":\".");
            }
            fields.push(Field { name, colon, value: self.value()? });
            if matches!(self.symbol(), b',' | b';') {
                self.drop();
            }
        }
        self.consume(close)?;
        Ok(fields)
    }

    /// `[package.extension]` or `[domain/package.Type]`.
    fn bracketed_name(&mut self) -> Read<()> {
        self.consume(b'[')?;
        loop {
            if !matches!(self.kind(), Kind::Identifier | Kind::String) {
                return self.wrong("Expected identifier.");
            }
            self.advance();
            if !matches!(self.symbol(), b'.' | b'/' | b'-') {
                return self.consume(b']');
            }
            self.advance();
        }
    }
}
