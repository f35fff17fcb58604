//! `SourceCodeInfo`: where each element stands, and its comments, in the order in which protoc records them.

mod comments;
mod walk;

use std::sync::OnceLock;

use foldhash::HashMap;

use comments::{After, Gap};

use crate::{
    ast,
    diagnostics::Diagnostics,
    parse, raw,
    source::Source,
    tokens::{self, Kind, Token},
    wire::Writer,
};

/// The locations of a file that is being built. Where an option stands is known before what it means, so its path is
/// completed when the locations are encoded.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    locations: Vec<Location>,
    /// The paths of all locations, one behind the other.
    paths: Vec<u32>,
    comments: Vec<Comments>,
}

/// The encoded `SourceCodeInfo` of a file that has been built: a few bytes a location, where the recorded form has tens.
#[derive(Debug)]
pub(crate) struct SourceInfo {
    encoded: OnceLock<Encoded>,
    /// What it is made of where nobody has asked for it yet.
    deferred: Option<Box<Deferred>>,
}

#[derive(Debug)]
struct Encoded {
    stripped: Box<[u8]>,
    /// That of descriptors that keep options for the source only, where it is another one.
    retained: Option<Box<[u8]>>,
}

/// A file whose places will hardly be asked for.
#[derive(Debug)]
struct Deferred {
    source: Source,
    option_paths: OptionPaths,
}

impl Deferred {
    /// Reads the file once more. That it can be read is known.
    fn read(&self) -> Encoded {
        let mut none = Diagnostics::default();
        let tokens = tokens::tokenize(&self.source, &mut none);
        let tree = parse::parse(&self.source, &tokens, &mut none);
        Recorded::new(&self.source, &tokens, &tree).encode_both(&self.option_paths)
    }
}

#[derive(Debug)]
struct Location {
    path_start: u32,
    path_length: u32,
    /// Start line and column, end line and column, from 0.
    span: [u32; 4],
    /// One more than the index of its comments, or 0.
    comments: u32,
    /// The first token of an option, whose own path follows that of the options.
    option: Option<u32>,
    /// The brackets of options: gone where none of the options has a place in descriptors.
    brackets: Option<ast::Span>,
}

#[derive(Debug, Default)]
struct Comments {
    leading: String,
    trailing: String,
    detached: Vec<String>,
}

/// What an option means, for its location.
#[derive(Debug)]
pub(crate) struct OptionPath {
    /// Field numbers from the options message on, and an index where the last is repeated.
    pub(crate) path: Vec<u32>,
    pub(crate) kept: Kept,
}

/// What is left of an option in descriptors without options for the source only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Whole,
    /// The message that it was in, empty or not.
    Enclosing,
    Nothing,
}

/// The interpreted paths of options by their first token.
pub(crate) type OptionPaths = HashMap<u32, OptionPath>;

impl SourceInfo {
    /// What a descriptor has.
    pub(crate) fn from_encoded(encoded: Vec<u8>) -> Self {
        Encoded { stripped: encoded.into(), retained: None }.into()
    }

    /// That of a file which has been built and of which nothing was recorded.
    pub(crate) fn deferred(source: Source, option_paths: OptionPaths) -> Self {
        Self { encoded: OnceLock::new(), deferred: Some(Box::new(Deferred { source, option_paths })) }
    }

    /// The encoded form for descriptors with or without options for the source only.
    pub(crate) fn encoded(&self, retain_options: bool) -> &[u8] {
        let Some(encoded) = self.encoded.get().or_else(|| {
            let deferred = self.deferred.as_ref()?;
            Some(self.encoded.get_or_init(|| deferred.read()))
        }) else {
            return &[];
        };
        encoded.retained.as_ref().filter(|_| retain_options).unwrap_or(&encoded.stripped)
    }

    /// Each location: its path, its span as start line and column, end line and column from 0, and the comment that
    /// leads it.
    pub(crate) fn locations(&self) -> impl Iterator<Item = (Vec<u32>, [u32; 4], &str)> {
        raw::all(self.encoded(true), 1).filter_map(|location| {
            let numbers = |field| raw::packed(raw::first(location, field)).map(|number| number as u32);
            let span = match numbers(2).collect::<Vec<_>>()[..] {
                [line, column, end_column] => [line, column, line, end_column],
                [line, column, end_line, end_column] => [line, column, end_line, end_column],
                _ => return None,
            };
            let comment = std::str::from_utf8(raw::first(location, 3)).unwrap_or_default();
            Some((numbers(1).collect(), span, comment))
        })
    }
}

impl From<Encoded> for SourceInfo {
    fn from(encoded: Encoded) -> Self {
        Self { encoded: encoded.into(), deferred: None }
    }
}

impl Recorded {
    /// The locations of a parsed file.
    pub(crate) fn new(source: &Source, tokens: &[Token], tree: &ast::File) -> Self {
        let mut recorder = Recorder::new(source, tokens);
        walk::file(&mut recorder, tree);
        recorder.info
    }

    /// Encodes the locations, now that it is known what the options mean.
    pub(crate) fn finish(&self, option_paths: &OptionPaths) -> SourceInfo {
        self.encode_both(option_paths).into()
    }

    fn encode_both(&self, option_paths: &OptionPaths) -> Encoded {
        let differs = option_paths.values().any(|path| path.kept != Kept::Whole);
        Encoded {
            stripped: self.encode(option_paths, false).into(),
            retained: differs.then(|| self.encode(option_paths, true).into()),
        }
    }

    fn encode(&self, option_paths: &OptionPaths, retain_options: bool) -> Vec<u8> {
        let kept = |token: &u32| {
            option_paths.get(token).map(|path| if retain_options { Kept::Whole } else { path.kept })
        };
        let kept = |location: &&Location| match (location.option, location.brackets) {
            (Some(token), _) => kept(&token) == Some(Kept::Whole),
            (None, Some(span)) => {
                (span.first..span.last).any(|token| kept(&token).is_some_and(|kept| kept != Kept::Nothing))
            }
            (None, None) => true,
        };
        let mut out = Writer::default();
        for location in self.locations.iter().filter(kept) {
            out.message(1, |out| self.encode_location(location, option_paths, out));
        }
        out.into_bytes()
    }

    fn encode_location(&self, location: &Location, option_paths: &OptionPaths, out: &mut Writer) {
        let start = location.path_start as usize;
        let path = &self.paths[start..start + location.path_length as usize];
        let option = location.option.and_then(|token| option_paths.get(&token));
        if !path.is_empty() || option.is_some() {
            out.message(1, |out| {
                path.iter()
                    .chain(option.into_iter().flat_map(|option| &option.path))
                    .for_each(|part| out.varint(u64::from(*part)));
            });
        }
        let [line, column, end_line, end_column] = location.span;
        out.message(2, |out| {
            out.varint(u64::from(line));
            out.varint(u64::from(column));
            if end_line != line {
                out.varint(u64::from(end_line));
            }
            out.varint(u64::from(end_column));
        });
        let Some(comments) = location.comments.checked_sub(1).map(|index| &self.comments[index as usize])
        else {
            return;
        };
        if !comments.leading.is_empty() {
            out.string(3, &comments.leading);
        }
        if !comments.trailing.is_empty() {
            out.string(4, &comments.trailing);
        }
        comments.detached.iter().for_each(|comment| out.string(6, comment));
    }
}

/// An index into [`Recorded::locations`].
#[derive(Clone, Copy)]
pub(crate) struct LocationId(usize);

/// Records locations and gives comments to them as declarations end.
struct Recorder<'a> {
    source: &'a Source,
    tokens: &'a [Token],
    /// Start line, start column and end column of each token, from 0.
    places: Vec<[u32; 3]>,
    info: Recorded,
    /// The path of the element that is being walked.
    path: Vec<u32>,
    /// The comments before the next declaration.
    upcoming_leading: String,
    upcoming_detached: Vec<String>,
    /// The token after the last end of a declaration.
    next: u32,
}

impl<'a> Recorder<'a> {
    fn new(source: &'a Source, tokens: &'a [Token]) -> Self {
        let mut recorder = Self {
            source,
            tokens,
            places: places(source, tokens),
            info: Recorded::default(),
            path: Vec::new(),
            upcoming_leading: String::new(),
            upcoming_detached: Vec::new(),
            next: 0,
        };
        let gap = recorder.gap_before(0);
        recorder.upcoming_leading = gap.leading;
        recorder.upcoming_detached = gap.detached;
        recorder
    }

    /// The comments before a token.
    fn gap_before(&self, token: u32) -> Gap {
        let next = self.tokens[token as usize];
        let start = token.checked_sub(1).map_or(0, |previous| self.tokens[previous as usize].end);
        let text = &self.source.text()[start as usize..next.start as usize];
        let after = match (next.kind, self.source.text().get(next.start as usize)) {
            (Kind::End, _) => After::End,
            (Kind::Symbol, Some(b'}' | b']' | b')')) => After::Closing,
            _ => After::Token,
        };
        comments::read(text, token == 0, after)
    }

    /// Adds a location at the current path with `parts` behind it.
    fn add(&mut self, parts: &[u32], span: ast::Span) -> LocationId {
        let path_start = self.info.paths.len() as u32;
        self.info.paths.extend_from_slice(&self.path);
        self.info.paths.extend_from_slice(parts);
        let [line, column, _] = self.places[span.first as usize];
        let [end_line, _, end_column] = match self.tokens[span.last as usize].kind {
            // A file without tokens. protoc takes the end of the token before, which is not there.
            Kind::End => [0; 3],
            _ => self.places[span.last as usize],
        };
        self.info.locations.push(Location {
            path_start,
            path_length: (self.path.len() + parts.len()) as u32,
            span: [line, column, end_line, end_column],
            comments: 0,
            option: None,
            brackets: None,
        });
        LocationId(self.info.locations.len() - 1)
    }

    fn token(&mut self, parts: &[u32], token: u32) -> LocationId {
        self.add(parts, ast::Span::token(token))
    }

    /// Walks what stands inside the element at `parts` from the current path.
    fn inside(&mut self, parts: &[u32], content: impl FnOnce(&mut Self)) {
        self.path.extend_from_slice(parts);
        content(self);
        self.path.truncate(self.path.len() - parts.len());
    }

    /// Passes empty statements up to a token: they too end declarations.
    fn reach(&mut self, token: u32) {
        while self.next < token {
            if self.source.text().get(self.tokens[self.next as usize].start as usize) == Some(&b';') {
                self.end(self.next, None);
            } else {
                self.next += 1;
            }
        }
    }

    /// A declaration ends at a token: `;`, `{` or `}`. Its location, if it has one, gets the comments before it and
    /// those behind the token.
    fn end(&mut self, token: u32, location: Option<LocationId>) {
        self.next = token + 1;
        let gap = self.gap_before(token + 1);
        let leading = std::mem::replace(&mut self.upcoming_leading, gap.leading);
        let is_close = self.source.text().get(self.tokens[token as usize].start as usize) == Some(&b'}');
        match location {
            Some(location) => {
                let detached = std::mem::replace(&mut self.upcoming_detached, gap.detached);
                if !leading.is_empty() || !gap.trailing.is_empty() || !detached.is_empty() {
                    self.info.comments.push(Comments { leading, trailing: gap.trailing, detached });
                    self.info.locations[location.0].comments = self.info.comments.len() as u32;
                }
            }
            None if is_close => self.upcoming_detached = gap.detached,
            None => self.upcoming_detached.extend(gap.detached),
        }
    }
}

/// Lines and columns of all tokens in one pass.
fn places(source: &Source, tokens: &[Token]) -> Vec<[u32; 3]> {
    let mut position = source.positions();
    let place = |token: &Token| {
        let (start, end) = (position(token.start), position(token.end));
        [start.line - 1, start.column - 1, end.column - 1]
    };
    tokens.iter().map(place).collect()
}
