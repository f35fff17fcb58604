//! Tokens to syntax tree: recursive descent with protoc's messages.
//!
//! A statement that does not parse is reported and skipped, and the rest of the file is read on. Recursion follows
//! message nesting only, which is bounded by [`MAX_NESTING`].

mod field;
mod message;
mod options;
mod service;

use crate::{
    ast::{Edition, File, FileItem, Import, ImportKind, Package, Scalar, Span, Syntax, TypePath, Visibility},
    diagnostics::{Diagnostics, Severity},
    source::Source,
    tokens::{self, Kind, Token},
};

/// How deep messages may nest: protoc's limit of 32 levels, of which the file is one.
const MAX_NESTING: usize = 31;

/// A statement was given up; its error is already reported.
#[derive(Debug)]
struct GaveUp;

type Parsed<T> = Result<T, GaveUp>;

struct Parser<'a> {
    source: &'a Source,
    tokens: &'a [Token],
    at: usize,
    diagnostics: &'a mut Diagnostics,
    edition: Edition,
    /// Whether there was an `import option`, which has to come after the other imports.
    option_imports: bool,
    depth: usize,
}

/// Why an edition that exists cannot be used.
fn unsupported(name: &str) -> Option<String> {
    match name {
        "LEGACY" | "1_TEST_ONLY" | "2_TEST_ONLY" => {
            Some(format!("Edition {name} is earlier than the minimum supported edition PROTO2"))
        }
        "99997_TEST_ONLY" | "99998_TEST_ONLY" | "99999_TEST_ONLY" | "MAX" => {
            Some(format!("Edition {name} is later than the maximum supported edition 2026"))
        }
        _ => None,
    }
}

/// Reads a file. The tree is whole only where no error was added.
pub(crate) fn parse(source: &Source, tokens: &[Token], diagnostics: &mut Diagnostics) -> File {
    Parser { source, tokens, at: 0, diagnostics, edition: Edition::Proto2, option_imports: false, depth: 0 }
        .file()
}

impl Parser<'_> {
    fn token(&self) -> Token {
        self.tokens[self.at]
    }

    fn index(&self) -> u32 {
        self.at as u32
    }

    /// From a token on to the last one consumed.
    fn since(&self, first: u32) -> Span {
        Span { first, last: self.index().saturating_sub(1).max(first) }
    }

    fn text_of(&self, token: Token) -> &str {
        let bytes = &self.source.text()[token.start as usize..token.end as usize];
        // Only strings can hold bytes beyond ASCII, and those are read as bytes.
        std::str::from_utf8(bytes).unwrap_or("")
    }

    fn text(&self) -> &str {
        self.text_of(self.token())
    }

    fn looking_at(&self, text: &str) -> bool {
        let token = self.token();
        let bytes = &self.source.text()[token.start as usize..token.end as usize];
        token.kind != Kind::String && bytes == text.as_bytes() && !self.at_end()
    }

    fn kind(&self) -> Kind {
        self.token().kind
    }

    fn at_end(&self) -> bool {
        self.kind() == Kind::End
    }

    fn advance(&mut self) {
        if !self.at_end() {
            self.at += 1;
        }
    }

    fn error_at(&mut self, token: u32, message: impl Into<String>) {
        let offset = self.tokens[token as usize].start;
        self.diagnostics.reach(self.index());
        self.diagnostics.at(Severity::Error, self.source, offset, message.into());
    }

    fn error(&mut self, message: impl Into<String>) {
        self.error_at(self.index(), message);
    }

    fn warning_at(&mut self, token: u32, message: String) {
        let offset = self.tokens[token as usize].start;
        self.diagnostics.reach(self.index());
        self.diagnostics.at(Severity::Warning, self.source, offset, message);
    }

    fn fail<T>(&mut self, message: impl Into<String>) -> Parsed<T> {
        self.error(message);
        Err(GaveUp)
    }

    fn try_consume(&mut self, text: &str) -> bool {
        let found = self.looking_at(text);
        if found {
            self.at += 1;
        }
        found
    }

    fn consume(&mut self, text: &str) -> Parsed<()> {
        self.consume_or(text, || format!("Expected \"{text}\"."))
    }

    fn consume_or(&mut self, text: &str, message: impl FnOnce() -> String) -> Parsed<()> {
        if self.try_consume(text) { Ok(()) } else { self.fail(message()) }
    }

    fn identifier(&mut self, message: &str) -> Parsed<String> {
        if self.kind() != Kind::Identifier {
            return self.fail(message);
        }
        let text = self.text().to_owned();
        self.advance();
        Ok(text)
    }

    /// An integer up to `max`; a greater one is reported and read as 0.
    fn integer(&mut self, max: u64, message: &str) -> Parsed<u64> {
        if self.kind() != Kind::Integer {
            return self.fail(message);
        }
        let value = match tokens::integer_value(self.text()) {
            Some(value) if value <= max => value,
            _ => {
                self.error("Integer out of range.");
                0
            }
        };
        self.advance();
        Ok(value)
    }

    fn int32(&mut self, message: &str) -> Parsed<i32> {
        Ok(self.integer(i32::MAX as u64, message)? as i32)
    }

    fn signed_int32(&mut self, message: &str) -> Parsed<i32> {
        let negative = self.try_consume("-");
        let value = self.integer(i32::MAX as u64 + u64::from(negative), message)? as i64;
        Ok(if negative { -value } else { value } as i32)
    }

    /// A string, or several side by side that make one.
    fn string(&mut self, message: &str) -> Parsed<Vec<u8>> {
        if self.kind() != Kind::String {
            return self.fail(message);
        }
        let mut value = Vec::new();
        while self.kind() == Kind::String {
            let token = self.token();
            tokens::unquote(&self.source.text()[token.start as usize..token.end as usize], &mut value);
            self.advance();
        }
        Ok(value)
    }

    /// A dotted name of a message, or of an enum where a field has it as its type.
    fn type_path(&mut self) -> Parsed<TypePath> {
        let first = self.index();
        if Scalar::from_word(self.text()).is_some() || self.looking_at("group") {
            self.error("Expected message type.");
            let text = self.text().to_owned();
            self.advance();
            return Ok(TypePath { text, span: self.since(first) });
        }
        let mut text = String::new();
        if self.try_consume(".") {
            text.push('.');
        }
        text += &self.identifier("Expected type name.")?;
        while self.try_consume(".") {
            text.push('.');
            text += &self.identifier("Expected identifier.")?;
        }
        Ok(TypePath { text, span: self.since(first) })
    }

    /// Passes the rest of a statement that failed: up to `;`, over a whole block, or up to the `}` around it.
    fn skip_statement(&mut self) {
        while !self.at_end() {
            if self.kind() == Kind::Symbol {
                match self.text() {
                    ";" => return self.advance(),
                    "{" => {
                        self.advance();
                        return self.skip_rest_of_block();
                    }
                    "}" => return,
                    _ => {}
                }
            }
            self.advance();
        }
    }

    /// Passes the rest of a block with the blocks in it. As in protoc, the token after each brace inside is passed
    /// unseen, so that what is reported after the block is the same.
    fn skip_rest_of_block(&mut self) {
        let mut depth = 1usize;
        while !self.at_end() {
            let is_symbol = self.kind() == Kind::Symbol;
            if is_symbol && self.text() == "{" {
                depth += 1;
                self.advance();
            } else if is_symbol && self.text() == "}" {
                depth -= 1;
                self.advance();
                if depth == 0 {
                    return;
                }
            }
            self.advance();
        }
    }

    fn file(mut self) -> File {
        let mut file = File::default();
        if self.looking_at("syntax") || self.looking_at("edition") {
            match self.syntax() {
                Ok(syntax) => file.syntax = Some(syntax),
                Err(GaveUp) => return file,
            }
        }
        while !self.at_end() {
            match self.file_item() {
                Ok(Some(item)) => file.items.push(item),
                Ok(None) => {}
                Err(GaveUp) => {
                    self.skip_statement();
                    if self.looking_at("}") {
                        self.error("Unmatched \"}\".");
                        self.advance();
                    }
                }
            }
        }
        file.span = self.since(0);
        self.check_single_package(&mut file);
        file
    }

    fn syntax(&mut self) -> Parsed<Syntax> {
        let first = self.index();
        let by_edition = self.try_consume("edition");
        if !by_edition {
            self.consume("syntax")?;
        }
        self.consume("=")?;
        let value_token = self.index();
        let text = self.string("Expected syntax identifier.")?;
        self.consume(";")?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let known = if by_edition {
            Edition::NAMED.into_iter().find(|(name, _)| *name == text).map(|(_, edition)| edition)
        } else {
            match text.as_str() {
                "proto2" => Some(Edition::Proto2),
                "proto3" => Some(Edition::Proto3),
                _ => None,
            }
        };
        let Some(edition) = known else {
            if let Some(message) = unsupported(&text).filter(|_| by_edition) {
                self.error_at(0, message);
                return Err(GaveUp);
            }
            let message = if by_edition {
                format!("Unknown edition \"{text}\".")
            } else {
                format!(
                    "Unrecognized syntax identifier \"{text}\".  This parser only recognizes \"proto2\" and \
                     \"proto3\"."
                )
            };
            self.error_at(value_token, message);
            return Err(GaveUp);
        };
        self.edition = edition;
        Ok(Syntax { edition, span: self.since(first) })
    }

    fn file_item(&mut self) -> Parsed<Option<FileItem>> {
        if self.try_consume(";") {
            return Ok(None);
        }
        let visibility = self.visibility()?;
        let word = if self.kind() == Kind::Identifier { self.text() } else { "" };
        Ok(Some(match word {
            "message" => FileItem::Message(self.message(visibility)?),
            "enum" => FileItem::Enum(self.enumeration(visibility)?),
            "service" => FileItem::Service(self.service()?),
            "extend" => FileItem::Extend(self.extend()?),
            "import" => FileItem::Import(self.import()?),
            "package" => FileItem::Package(self.package()?),
            "option" => FileItem::Option(self.option_statement()?),
            _ => return self.fail("Expected top-level statement (e.g. \"message\")."),
        }))
    }

    /// `export` or `local`, where one stands before a message or enum.
    fn visibility(&mut self) -> Parsed<Option<Visibility>> {
        if self.edition < Edition::Edition2024 {
            return Ok(None);
        }
        let visibility = if self.try_consume("export") {
            Visibility::Export
        } else if self.try_consume("local") {
            Visibility::Local
        } else {
            return Ok(None);
        };
        if !self.looking_at("message") && !self.looking_at("enum") {
            return self
                .fail("'local' and 'export' visibility modifiers are valid only on 'message' and 'enum'");
        }
        Ok(Some(visibility))
    }

    fn import(&mut self) -> Parsed<Import> {
        let first = self.index();
        self.consume("import")?;
        let kind_token = self.index();
        if self.option_imports && !self.looking_at("option") {
            self.error("imports should precede any option imports to ensure proto files can roundtrip.");
        }
        let kind = if self.try_consume("public") {
            ImportKind::Public
        } else if self.try_consume("weak") {
            if self.edition >= Edition::Edition2024 {
                let text = "weak import is not supported in edition 2024 and above. Consider using option import \
                            instead.";
                self.error_at(kind_token, text);
            }
            ImportKind::Weak
        } else if self.try_consume("option") {
            if self.edition < Edition::Edition2024 {
                self.error_at(kind_token, "option import is not supported before edition 2024.");
            }
            self.option_imports = true;
            ImportKind::Option
        } else {
            ImportKind::Plain
        };
        let kind_token = (kind != ImportKind::Plain).then_some(kind_token);
        let path = self.string("Expected a string naming the file to import.")?;
        self.consume(";")?;
        let path = String::from_utf8_lossy(&path).into_owned();
        Ok(Import { kind, kind_token, path, span: self.since(first) })
    }

    fn package(&mut self) -> Parsed<Package> {
        let first = self.index();
        self.consume("package")?;
        let mut name = String::new();
        loop {
            name += &self.identifier("Expected identifier.")?;
            if !self.try_consume(".") {
                break;
            }
            name.push('.');
        }
        self.consume(";")?;
        Ok(Package { name, span: self.since(first) })
    }

    fn check_single_package(&mut self, file: &mut File) {
        let packages = file.items.iter().filter_map(|item| match item {
            FileItem::Package(package) => Some(package.span.first),
            _ => None,
        });
        for token in packages.skip(1).collect::<Vec<_>>() {
            self.error_at(token, "Multiple package definitions.");
        }
    }
}
