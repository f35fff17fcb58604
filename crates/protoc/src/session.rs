//! One run: files are loaded with what they import, parsed once each, and built in dependency order.

use std::io::{self, Write};

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};

use crate::{
    ast::{Edition, FileItem, ImportKind},
    bundled,
    descriptor::{Detail, Encoded},
    diagnostics::{Diagnostics, Severity},
    encoded,
    ir::{self, FileId, Imported, MessageId, ParsedFile, Places, Pool, Symbol},
    loader::Loader,
    message::{self, DecodeError, Dynamic},
    parse,
    source::{MAX_SOURCE_BYTES, Source},
    source_info::{Recorded, SourceInfo},
    tokens::{self, Kind, Token},
    wire::Writer,
};

/// The file whose messages give options their meaning.
const DESCRIPTOR_PROTO: &str = "google/protobuf/descriptor.proto";

/// Compiled files and what they import.
#[derive(Debug)]
pub struct Compilation {
    pool: Pool,
    requested: Vec<FileId>,
    /// The requested files and all they import, each after its imports.
    order: Vec<FileId>,
    warnings: Diagnostics,
}

/// Compiles the files of the given import names. They and what they import are found by the loader. Compiling ends
/// with the first of the files that is refused.
///
/// # Errors
/// Everything that is wrong with any of the files, and warnings.
pub fn compile<S: AsRef<str>>(
    files: impl IntoIterator<Item = S>,
    loader: &dyn Loader,
) -> Result<Compilation, Diagnostics> {
    compile_with(files, loader, false)
}

/// The same; `experimental`: the files may be of edition UNSTABLE.
pub(crate) fn compile_with<S: AsRef<str>>(
    files: impl IntoIterator<Item = S>,
    loader: &dyn Loader,
    experimental: bool,
) -> Result<Compilation, Diagnostics> {
    let mut session = Session {
        loader,
        pool: Pool::default(),
        states: HashMap::new(),
        finished: Vec::new(),
        requested: HashSet::new(),
        late: HashMap::new(),
        diagnostics: Diagnostics::default(),
    };
    let files: Vec<S> = files.into_iter().collect();
    session.requested = files.iter().map(|name| name.as_ref().to_owned()).collect();
    session.require(DESCRIPTOR_PROTO);
    let mut requested = Vec::new();
    for name in &files {
        // As protoc, go no further than the first file with errors: the next would mostly repeat them.
        match session.require(name.as_ref()) {
            Some(id) => requested.push(id),
            None => break,
        }
    }
    if session.diagnostics.has_errors() {
        return Err(session.diagnostics);
    }
    // As protoc, for the files that were asked for and not for what they import.
    for file in requested.iter().map(|id| session.pool.file(*id)) {
        if file.edition == Edition::Unstable && !experimental {
            let text = "is a file using edition UNSTABLE, which is later than the protoc maximum supported edition 2026.";
            session.diagnostics.about_file(true, file.source.name(), text.to_owned());
            return Err(session.diagnostics);
        }
    }
    for late in requested.iter().filter_map(|id| session.late.remove(id)) {
        session.diagnostics.extend(late);
    }
    if session.diagnostics.has_errors() {
        return Err(session.diagnostics);
    }
    let order = session.reachable(&requested);
    Ok(Compilation { pool: session.pool, requested, order, warnings: session.diagnostics })
}

enum State {
    /// Its imports are being loaded.
    Open,
    /// Built, or refused.
    Done(Option<FileId>),
}

struct Session<'a> {
    loader: &'a dyn Loader,
    pool: Pool,
    states: HashMap<String, State>,
    /// In the order in which they were built.
    finished: Vec<FileId>,
    /// The names of the files that were asked for.
    requested: HashSet<String>,
    /// What protoc finds in the files that were asked for when all of them are built, where it finds anything.
    late: HashMap<FileId, Diagnostics>,
    diagnostics: Diagnostics,
}

/// A file whose imports are being loaded.
struct Pending {
    name: String,
    parsed: ParsedFile,
    /// The import of the file before it on the stack that asked for it.
    import_token: u32,
    imports: std::vec::IntoIter<(String, u32)>,
}

impl Session<'_> {
    /// Loads a file and what it imports, depth first, without recursion: chains of imports may be long.
    fn require(&mut self, name: &str) -> Option<FileId> {
        let mut stack: Vec<Pending> = Vec::new();
        if let Some(State::Done(id)) = self.states.get(name) {
            return *id;
        }
        stack.extend(self.open(name, 0));
        while let Some(top) = stack.last_mut() {
            let Some((import, token)) = top.imports.next() else {
                let done = stack.pop()?;
                let asked_for = self.requested.contains(&done.name);
                let mut late = Diagnostics::default();
                let id = ir::build(&mut self.pool, done.parsed, asked_for, &mut self.diagnostics, &mut late);
                self.finished.extend(id);
                if let Some(id) = id.filter(|_| !late.is_empty()) {
                    self.late.insert(id, late);
                }
                self.states.insert(done.name, State::Done(id));
                if let Some(parent) = stack.last_mut() {
                    parent.parsed.imports.push(id.map_or(Imported::Refused, Imported::File));
                }
                continue;
            };
            match self.states.get(&import) {
                Some(State::Done(id)) => {
                    top.parsed.imports.push(id.map_or(Imported::Refused, Imported::File));
                }
                Some(State::Open) => {
                    let itself = top.name == import;
                    top.parsed.imports.push(if itself { Imported::Itself } else { Imported::Refused });
                    self.report_cycle(&stack, &import, token);
                }
                None => match self.open(&import, token) {
                    Some(pending) => stack.push(pending),
                    None => top.parsed.imports.push(Imported::Refused),
                },
            }
        }
        match self.states.get(name) {
            Some(State::Done(id)) => *id,
            _ => None,
        }
    }

    /// Reports a cycle at the import that leads into it. `token` is the import that closes it.
    fn report_cycle(&mut self, stack: &[Pending], import: &str, token: u32) {
        let from = stack.iter().position(|pending| pending.name == import).unwrap_or(0);
        let chain: Vec<&str> = stack[from..].iter().map(|pending| pending.name.as_str()).collect();
        let text = format!("File recursively imports itself: {} -> {import}", chain.join(" -> "));
        let source = &stack[from].parsed.source;
        let token = stack.get(from + 1).map_or(token, |next| next.import_token);
        let offset = stack[from].parsed.tokens[token as usize].start;
        self.diagnostics.at(Severity::Error, source, offset, text);
    }

    /// Reads and parses a file. Where that fails it is done with.
    fn open(&mut self, name: &str, import_token: u32) -> Option<Pending> {
        self.states.insert(name.to_owned(), State::Done(None));
        let text = match self.loader.load(name) {
            Ok(Some(text)) => text,
            Ok(None) if let Some(descriptor) = self.loader.descriptor(name) => {
                return self.open_descriptor(name, import_token, &descriptor);
            }
            Ok(None) => match bundled::bundled(name).filter(|_| name == DESCRIPTOR_PROTO) {
                Some(text) => text.to_vec(),
                None => {
                    self.diagnostics.about(Severity::Error, name, "File not found.".to_owned());
                    return None;
                }
            },
            Err(error) => {
                self.diagnostics.about(Severity::Error, name, error.to_string());
                return None;
            }
        };
        if text.len() > MAX_SOURCE_BYTES {
            let message = format!("File is larger than {MAX_SOURCE_BYTES} bytes.");
            self.diagnostics.about(Severity::Error, name, message);
            return None;
        }
        let source = Source::new(name, text);
        let mut own = Diagnostics::default();
        let tokens = tokens::tokenize(&source, &mut own);
        let tree = parse::parse(&source, &tokens, &mut own);
        own.sort();
        let failed = own.has_errors();
        self.diagnostics.extend(own);
        if failed {
            return None;
        }
        // Every run reads this file, and next to none wants its places.
        let places = match name == DESCRIPTOR_PROTO && !self.requested.contains(name) {
            true => Places::Deferred,
            false => Places::Recorded(Recorded::new(&source, &tokens, &tree)),
        };
        Some(self.pending(import_token, ParsedFile { source, tokens, tree, places, imports: Vec::new() }))
    }

    /// A file of which there is only the descriptor.
    fn open_descriptor(&mut self, name: &str, import_token: u32, descriptor: &[u8]) -> Option<Pending> {
        let source = Source::placeless(name);
        let (tree, source_info) = match encoded::file(descriptor) {
            Ok(read) => read,
            Err(message) => {
                self.diagnostics.about(Severity::Error, name, message);
                return None;
            }
        };
        let tokens = vec![Token { kind: Kind::End, start: 0, end: 0 }];
        let places = Places::Encoded(source_info.map(SourceInfo::from_encoded));
        Some(self.pending(import_token, ParsedFile { source, tokens, tree, places, imports: Vec::new() }))
    }

    fn pending(&mut self, import_token: u32, parsed: ParsedFile) -> Pending {
        let import = |item: &FileItem| match item {
            FileItem::Import(import) => Some((import.path.clone(), import.span.first)),
            _ => None,
        };
        let imports: Vec<(String, u32)> = parsed.tree.items.iter().filter_map(import).collect();
        let name = parsed.source.name().to_owned();
        self.states.insert(name.clone(), State::Open);
        Pending { name, parsed, import_token, imports: imports.into_iter() }
    }

    /// The files and all they import, each once and after its imports.
    fn reachable(&self, requested: &[FileId]) -> Vec<FileId> {
        imports_first(&self.pool, requested, |_| true)
    }
}

/// The files and those that they import by way of `wanted` files, each once and after its imports.
fn imports_first(pool: &Pool, requested: &[FileId], wanted: impl Fn(FileId) -> bool) -> Vec<FileId> {
    let mut seen = HashSet::new();
    let mut order = Vec::new();
    let mut stack: Vec<(FileId, usize)> = Vec::new();
    for id in requested {
        if seen.insert(*id) {
            stack.push((*id, 0));
        }
        while let Some((id, next)) = stack.last_mut() {
            let imports = &pool.file(*id).imports;
            match imports.get(*next) {
                Some(import) => {
                    *next += 1;
                    if let Some(file) = import.file.filter(|file| wanted(*file) && seen.insert(*file)) {
                        stack.push((file, 0));
                    }
                }
                None => {
                    order.push(*id);
                    stack.pop();
                }
            }
        }
    }
    order
}

/// Text and binary forms of the messages of one type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Codec<'a> {
    pool: &'a Pool,
    id: MessageId,
}

/// A binary message as text, and what is missing in it.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) text: String,
    /// The paths of required fields that are not there.
    pub(crate) missing: Vec<String>,
}

impl Codec<'_> {
    /// Text to binary.
    pub(crate) fn encode(&self, text: Vec<u8>) -> Result<Vec<u8>, String> {
        message::encode_text(self.pool, self.id, text)
    }

    /// Binary to text.
    pub(crate) fn decode(&self, bytes: &[u8]) -> Result<Decoded, DecodeError> {
        let value = Dynamic::decode(self.pool, self.id, bytes)?;
        let missing = value.missing_required(self.pool, self.id);
        Ok(Decoded { text: message::print(self.pool, self.id, &value), missing })
    }
}

/// What goes into a descriptor besides the declarations. Default: nothing of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct DescriptorDetail {
    /// Places and comments.
    pub source_info: bool,
    /// Options that are meant for the source only (`retention = RETENTION_SOURCE`).
    pub retain_options: bool,
}

/// One compiled file.
#[derive(Clone, Copy, Debug)]
pub struct CompiledFile<'a> {
    compilation: &'a Compilation,
    id: FileId,
}

impl Compilation {
    /// The files that were asked for, in the order in which they were.
    pub fn requested(&self) -> impl Iterator<Item = CompiledFile<'_>> {
        self.requested.iter().map(|id| CompiledFile { compilation: self, id: *id })
    }

    /// The files that were asked for, each after those of them that it imports: the order of protoc's descriptor sets.
    pub fn requested_in_order(&self) -> impl Iterator<Item = CompiledFile<'_>> {
        let asked_for: HashSet<FileId> = self.requested.iter().copied().collect();
        let order = imports_first(&self.pool, &self.requested, |id| asked_for.contains(&id));
        order.into_iter().map(|id| CompiledFile { compilation: self, id })
    }

    /// The files that were asked for and all they import, each after its imports.
    pub fn files(&self) -> impl Iterator<Item = CompiledFile<'_>> {
        self.order.iter().map(|id| CompiledFile { compilation: self, id: *id })
    }

    /// Encodes and decodes messages of a type that the files, or those that they import, define.
    pub(crate) fn codec(&self, name: &str) -> Option<Codec<'_>> {
        match self.pool.symbols.get(name)?.symbol {
            Symbol::Message(id) => Some(Codec { pool: &self.pool, id }),
            _ => None,
        }
    }

    /// The free field numbers of all messages that were asked for, one message a line.
    pub(crate) fn free_field_numbers(&self) -> String {
        ir::free_field_numbers(&self.pool, &self.requested)
    }

    /// The linked form of all files.
    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The files that were asked for and all they import, each after its imports.
    pub(crate) fn all_ids(&self) -> &[FileId] {
        &self.order
    }

    /// The files that were asked for, in the order in which they were.
    pub(crate) fn requested_ids(&self) -> &[FileId] {
        &self.requested
    }

    /// What was found strange but not wrong.
    pub fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }

    /// The encoded `FileDescriptorSet` of all files, as protoc writes it with `--include_imports`.
    pub fn file_descriptor_set(&self, source_info: bool) -> Vec<u8> {
        let mut out = Writer::default();
        let detail = DescriptorDetail { source_info, retain_options: false };
        self.files().for_each(|file| out.bytes(1, &file.descriptor(detail)));
        out.into_bytes()
    }
}

/// Writes a `FileDescriptorSet`, file by file: a set can be larger than all that is kept for it.
pub(crate) fn write_descriptor_set<'a>(
    files: impl Iterator<Item = CompiledFile<'a>>,
    detail: DescriptorDetail,
    out: &mut dyn Write,
) -> io::Result<()> {
    for file in files {
        let descriptor = file.encoded(detail);
        let mut header = Writer::default();
        header.bytes_header(1, descriptor.pieces().iter().map(|piece| piece.len()).sum());
        out.write_all(&header.into_bytes())?;
        for piece in descriptor.pieces() {
            out.write_all(piece)?;
        }
    }
    out.flush()
}

impl CompiledFile<'_> {
    /// The name under which the file is imported.
    pub fn name(&self) -> &str {
        self.compilation.pool.file(self.id).source.name()
    }

    /// The encoded `FileDescriptorProto` as descriptor sets and plugins get it: every field has its JSON name.
    pub fn descriptor(&self, detail: DescriptorDetail) -> Vec<u8> {
        self.encoded(detail).pieces().concat()
    }

    fn encoded(&self, detail: DescriptorDetail) -> Encoded<'_> {
        let DescriptorDetail { source_info, retain_options } = detail;
        let detail = Detail { json_names: true, source_info, retain_options };
        Encoded::new(&self.compilation.pool, self.id, detail)
    }

    /// The encoded `FileDescriptorProto` as generated code embeds it: JSON names only where they were written.
    pub fn embedded_descriptor(&self) -> Vec<u8> {
        Encoded::new(&self.compilation.pool, self.id, Detail::default()).pieces().concat()
    }

    /// Whether its descriptor with all options is another one than that without those for the source only.
    pub(crate) fn differs_retained(&self) -> bool {
        self.compilation.pool.file(self.id).differs_retained
    }

    /// The names of the files it imports, but for those that only options need.
    pub fn imports(&self) -> impl Iterator<Item = &str> {
        let imports = self.compilation.pool.file(self.id).imports.iter();
        imports.filter(|import| import.kind != ImportKind::Option).map(|import| import.path.as_str())
    }

    /// The names of the files that it imports for options only (`import option`).
    pub fn option_imports(&self) -> impl Iterator<Item = &str> {
        let imports = self.compilation.pool.file(self.id).imports.iter();
        imports.filter(|import| import.kind == ImportKind::Option).map(|import| import.path.as_str())
    }

    /// Whether `cc_generic_services`, `java_generic_services` or `py_generic_services` is on.
    pub(crate) fn has_generic_services(&self) -> bool {
        let options = &self.compilation.pool.file(self.id).options.value;
        [16, 17, 18].into_iter().any(|number| options.varint(number) == Some(1))
    }

    /// Whether it defines services.
    pub fn has_services(&self) -> bool {
        !self.compilation.pool.file(self.id).services.is_empty()
    }

    /// Whether it imports the named file publicly.
    pub fn imports_publicly(&self, name: &str) -> bool {
        let imports = &self.compilation.pool.file(self.id).imports;
        imports.iter().any(|import| import.kind == ImportKind::Public && import.path == name)
    }
}
