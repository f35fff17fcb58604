//! Names to what they mean: types of fields and methods, extendees.

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};

use super::{
    EnumId, Field, FileId, Import, MessageId, Pool, Range, Symbol, Type,
    build::BuiltFile,
    check_numbers, join,
    symbols::{Entry, ExtensionAt},
    visibility,
};
use crate::{ast::ImportKind, diagnostics::Diagnostics};

/// Which files' names a file may use: its own, its imports' and what those import publicly.
pub(crate) struct Visible {
    file: FileId,
    files: HashSet<FileId>,
    used: HashSet<FileId>,
}

/// Why a name was not found.
pub(crate) enum Missing {
    /// Nothing has the name.
    Undefined,
    /// A file that is not imported defines it.
    NotImported { name: String, file: FileId },
    /// Its first part means something that has no such member.
    NoMember { resolved: String },
}

impl Visible {
    fn new(pool: &Pool, file: FileId) -> Self {
        let mut visible = Self { file, files: HashSet::from_iter([file]), used: HashSet::new() };
        visible.admit(pool, |kind| kind != ImportKind::Option);
        visible
    }

    /// From here on the names of what is imported for options only can be used, too.
    pub(crate) fn admit_option_imports(&mut self, pool: &Pool) {
        self.admit(pool, |kind| kind == ImportKind::Option);
    }

    fn admit(&mut self, pool: &Pool, wanted: impl Fn(ImportKind) -> bool) {
        let imports = pool.file(self.file).imports.iter().filter(|import| wanted(import.kind));
        let mut open: Vec<FileId> = imports.filter_map(|import| import.file).collect();
        while let Some(id) = open.pop() {
            if self.files.insert(id) {
                let imports = &pool.file(id).imports;
                open.extend(imports.iter().filter(|i| i.kind == ImportKind::Public).filter_map(|i| i.file));
            }
        }
    }

    fn sees(&self, pool: &Pool, name: &str, entry: Entry) -> bool {
        match entry.symbol {
            Symbol::Package => pool.symbols.package_files(name).iter().any(|id| self.files.contains(id)),
            _ => self.files.contains(&entry.file),
        }
    }

    /// The symbol of a full name, where this file may use it.
    pub(crate) fn find(&mut self, pool: &Pool, name: &str, missing: &mut Missing) -> Option<Entry> {
        let entry = pool.symbols.get(name)?;
        if self.sees(pool, name, entry) {
            if entry.symbol != Symbol::Package {
                self.used.insert(entry.file);
            }
            return Some(entry);
        }
        if entry.symbol != Symbol::Package {
            *missing = Missing::NotImported { name: name.to_owned(), file: entry.file };
        }
        None
    }

    /// Resolves `name` as seen from inside the element `from`: innermost scope first; the first part decides.
    /// With `types_only`, what is not a type is passed over.
    pub(crate) fn resolve(
        &mut self,
        pool: &Pool,
        name: &str,
        from: &str,
        types_only: bool,
    ) -> Result<(String, Entry), Missing> {
        let mut missing = Missing::Undefined;
        if let Some(absolute) = name.strip_prefix('.') {
            let found = self.find(pool, absolute, &mut missing);
            return found.map(|entry| (absolute.to_owned(), entry)).ok_or(missing);
        }
        let first = name.split('.').next().unwrap_or(name);
        let mut scope = from;
        loop {
            let outer = scope.rfind('.').map_or("", |dot| &scope[..dot]);
            if outer.is_empty() {
                let found = self.find(pool, name, &mut missing);
                return found.map(|entry| (name.to_owned(), entry)).ok_or(missing);
            }
            let candidate = join(outer, first);
            if let Some(entry) = self.find(pool, &candidate, &mut missing) {
                if first.len() < name.len() {
                    if entry.symbol.is_aggregate() {
                        let full = candidate + &name[first.len()..];
                        return match self.find(pool, &full, &mut missing) {
                            Some(entry) => Ok((full, entry)),
                            None if matches!(missing, Missing::NotImported { .. }) => Err(missing),
                            None => Err(Missing::NoMember { resolved: full }),
                        };
                    }
                } else if !types_only || entry.symbol.is_type() {
                    return Ok((candidate, entry));
                }
            }
            scope = outer;
        }
    }

    /// Marks imports that nothing was taken from and warns of them.
    pub(crate) fn report_unused(&self, pool: &mut Pool, diagnostics: &mut Diagnostics) {
        let is_unused = |import: &Import| {
            let counts = matches!(import.kind, ImportKind::Plain | ImportKind::Option);
            counts && import.file.is_some_and(|id| !self.reaches_used(pool, id))
        };
        let unused: Vec<bool> = pool.file(self.file).imports.iter().map(is_unused).collect();
        let file = &mut pool.files[self.file.0 as usize];
        for (import, unused) in file.imports.iter_mut().zip(unused) {
            import.unused = unused;
        }
        let file = pool.file(self.file);
        for import in file.imports.iter().filter(|import| import.unused) {
            file.warning(diagnostics, import.token, format!("Import {} is unused.", import.path));
        }
    }

    fn reaches_used(&self, pool: &Pool, id: FileId) -> bool {
        let mut seen = HashSet::new();
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            if self.used.contains(&id) {
                return true;
            }
            if seen.insert(id) {
                let imports = &pool.file(id).imports;
                open.extend(imports.iter().filter(|i| i.kind == ImportKind::Public).filter_map(|i| i.file));
            }
        }
        false
    }
}

impl Missing {
    /// protoc's words for a name that was not found.
    pub(crate) fn message(&self, pool: &Pool, name: &str, user: FileId) -> String {
        match self {
            Self::Undefined => format!("\"{name}\" is not defined."),
            Self::NotImported { name: full, file } => {
                let defined = pool.file(*file).source.name();
                let user = pool.file(user).source.name();
                let full = if name.starts_with('.') { name } else { full };
                format!(
                    "\"{full}\" seems to be defined in \"{defined}\", which is not imported by \"{user}\".  To use it \
                     here, please add the necessary import."
                )
            }
            Self::NoMember { resolved } => format!(
                "\"{name}\" is resolved to \"{resolved}\", which is not defined. The innermost scope is searched \
                 first in name resolution. Consider using a leading '.'(i.e., \".{name}\") to start from the \
                 outermost scope."
            ),
        }
    }
}

/// What a name in the place of a type turned out to be.
enum Found {
    Message(MessageId),
    Enum(EnumId),
}

struct Linker<'a> {
    pool: &'a Pool,
    visible: &'a mut Visible,
    diagnostics: &'a mut Diagnostics,
}

/// The names that linking found for one field.
struct Linked {
    ty: Option<(Type, String)>,
    extendee: Option<(MessageId, String)>,
}

/// Resolves all names of a file and checks that numbers are used once.
pub(super) fn link(pool: &mut Pool, built: &BuiltFile, diagnostics: &mut Diagnostics) -> Visible {
    let mut visible = Visible::new(pool, built.id);
    for id in built.messages() {
        let mut linker = Linker { pool, visible: &mut visible, diagnostics };
        let message = linker.pool.message(id);
        let fields: Vec<Linked> = message.fields.iter().map(|field| linker.field(field)).collect();
        linker.check_unique_numbers(id);
        let extensions: Vec<Linked> = message.extensions.iter().map(|field| linker.field(field)).collect();
        let message = &mut pool.messages[id.0 as usize];
        apply(&mut message.fields, fields);
        apply(&mut message.extensions, extensions);
        register_extensions(pool, built.id, Some(id), diagnostics);
    }
    let mut linker = Linker { pool, visible: &mut visible, diagnostics };
    let file = linker.pool.file(built.id);
    let extensions: Vec<Linked> = file.extensions.iter().map(|field| linker.field(field)).collect();
    let methods = linker.methods(built.id);
    let file = &mut pool.files[built.id.0 as usize];
    apply(&mut file.extensions, extensions);
    let all = file.services.iter_mut().flat_map(|service| service.methods.iter_mut());
    for (method, (input, output)) in all.zip(methods) {
        method.input.name = input;
        method.output.name = output;
    }
    register_extensions(pool, built.id, None, diagnostics);
    visible
}

fn apply(fields: &mut [Field], linked: Vec<Linked>) {
    for (field, linked) in fields.iter_mut().zip(linked) {
        if let Some((ty, name)) = linked.ty {
            field.ty = ty;
            field.type_name = name;
        }
        if let (Some(extendee), Some((message, name))) = (&mut field.extendee, linked.extendee) {
            extendee.message = Some(message);
            extendee.name = name;
        }
    }
}

impl Linker<'_> {
    fn error(&mut self, token: u32, text: String) {
        self.pool.file(self.visible.file).error(self.diagnostics, token, text);
    }

    fn find_type(
        &mut self,
        name: &str,
        from: &str,
        token: u32,
        messages_only: bool,
        role: &str,
    ) -> Option<(Found, String)> {
        let text = match self.visible.resolve(self.pool, name, from, true) {
            Ok((full, entry)) => match entry.symbol {
                Symbol::Message(id) => {
                    if let Some(fault) = visibility::message_fault(self.pool, id, self.visible.file, role) {
                        self.error(token, fault);
                        return None;
                    }
                    return Some((Found::Message(id), [".", &full].concat()));
                }
                Symbol::Enum(id) if !messages_only => {
                    if let Some(fault) = visibility::enum_fault(self.pool, id, self.visible.file) {
                        self.error(token, fault);
                        return None;
                    }
                    return Some((Found::Enum(id), [".", &full].concat()));
                }
                _ if messages_only => format!("\"{name}\" is not a message type."),
                _ => format!("\"{name}\" is not a type."),
            },
            Err(missing) => missing.message(self.pool, name, self.visible.file),
        };
        self.error(token, text);
        None
    }

    fn field(&mut self, field: &Field) -> Linked {
        let extendee = field.extendee.as_ref().and_then(|extendee| {
            match self.find_type(
                &extendee.name,
                &field.full_name,
                extendee.token,
                true,
                "target of extend",
            )? {
                (Found::Message(id), name) => Some((id, name)),
                (Found::Enum(_), _) => None,
            }
        });
        if let Some((message, _)) = &extendee {
            self.check_extension_number(field, *message);
        }
        let ty = match field.ty {
            Type::Group(id) => Some((field.ty, format!(".{}", self.pool.message(id).full_name))),
            Type::Unresolved | Type::UnresolvedGroup => self
                .find_type(&field.type_name, &field.full_name, field.at.ty, false, "")
                .map(|(found, name)| match found {
                    Found::Message(id) if field.ty == Type::UnresolvedGroup => (Type::Group(id), name),
                    Found::Message(id) => (Type::Message(id), name),
                    Found::Enum(id) => (Type::Enum(id), name),
                }),
            _ => None,
        };
        self.check_default(field, ty.as_ref().map_or(field.ty, |(ty, _)| *ty));
        Linked { ty, extendee }
    }

    fn check_default(&mut self, field: &Field, ty: Type) {
        let Some(default) = &field.default else { return };
        let text = match ty {
            Type::Message(_) | Type::Group(_) => "Messages can't have default values.".to_owned(),
            // Reported already.
            _ if field.is_repeated() => return,
            Type::Enum(id) => {
                let definition = self.pool.enumeration(id);
                let name = String::from_utf8_lossy(default);
                if !default.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_') {
                    "Default value for an enum field must be an identifier.".to_owned()
                } else if definition.values.iter().any(|value| value.name == *name) {
                    return;
                } else {
                    format!("Enum type \"{}\" has no value named \"{name}\".", definition.full_name)
                }
            }
            Type::Scalar(_) | Type::Unresolved | Type::UnresolvedGroup => return,
        };
        self.error(field.at.default, text);
    }

    fn check_extension_number(&mut self, field: &Field, message: MessageId) {
        let message = self.pool.message(message);
        let declared = |range: &Range| range.start <= field.number && field.number < range.end;
        if !message.extension_ranges.iter().any(declared) {
            let text = format!(
                "\"{}\" does not declare {} as an extension number.",
                message.full_name, field.number
            );
            self.error(field.at.number, text);
        }
    }

    fn check_unique_numbers(&mut self, id: MessageId) {
        let message = self.pool.message(id);
        let mut seen = HashMap::new();
        for field in &message.fields {
            let Some(other) = seen.insert(field.number, &field.name) else { continue };
            seen.insert(field.number, other);
            let text = format!(
                "Field number {} has already been used in \"{}\" by field \"{other}\". Next available field number \
                 is {}.",
                field.number,
                message.full_name,
                check_numbers::next_free(message)
            );
            self.error(field.at.number, text);
        }
    }

    fn methods(&mut self, id: FileId) -> Vec<(String, String)> {
        let file = self.pool.file(id);
        let mut linked = Vec::new();
        for service in &file.services {
            for method in &service.methods {
                let from = join(&service.full_name, &method.name);
                let mut resolve = |side: &super::MethodType| {
                    self.find_type(&side.name, &from, side.token, true, "").map(|(_, name)| name)
                };
                let input = resolve(&method.input).unwrap_or_default();
                let output = resolve(&method.output).unwrap_or_default();
                linked.push((input, output));
            }
        }
        linked
    }
}

fn register_extensions(
    pool: &mut Pool,
    file: FileId,
    scope: Option<MessageId>,
    diagnostics: &mut Diagnostics,
) {
    let extensions = match scope {
        Some(id) => &pool.messages[id.0 as usize].extensions,
        None => &pool.files[file.0 as usize].extensions,
    };
    for (index, field) in (0..).zip(extensions) {
        let Some(extendee) = field.extendee.as_ref().and_then(|extendee| extendee.message) else { continue };
        let at = ExtensionAt { file, scope, index };
        let Some(taken) = pool.symbols.add_extension(extendee, field.number, at) else { continue };
        let other = match taken.scope {
            Some(id) => pool.messages[id.0 as usize].extensions.get(taken.index as usize),
            None => pool.files[taken.file.0 as usize].extensions.get(taken.index as usize),
        };
        let place = if taken.file == file {
            String::new()
        } else {
            format!(" defined in {}", pool.files[taken.file.0 as usize].source.name())
        };
        let text = format!(
            "Extension number {} has already been used in \"{}\" by extension \"{}\"{place}.",
            field.number,
            pool.messages[extendee.0 as usize].full_name,
            other.map_or("", |other| &other.full_name),
        );
        pool.files[file.0 as usize].error(diagnostics, field.at.number, text);
    }
}
