//! How protobuf files and types are called in Python.

const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def",
    "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
    "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

pub(super) fn is_keyword(name: &str) -> bool {
    KEYWORDS.contains(&name)
}

/// `Outer.Inner` in the module that has it, where a part may be a keyword.
pub(super) fn class(path: &str) -> String {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let outermost = if is_keyword(first) { format!("globals()['{first}']") } else { first.to_owned() };
    match rest {
        Some(rest) => member(&outermost, rest),
        None => outermost,
    }
}

/// `Outer.Inner` of something that has it, as `module.Outer.Inner`.
pub(super) fn member(of: &str, path: &str) -> String {
    path.split('.').fold(of.to_owned(), |name, part| {
        if is_keyword(part) { format!("getattr({name}, '{part}')") } else { format!("{name}.{part}") }
    })
}

/// The file's name without its suffix.
pub(super) fn without_suffix(file: &str) -> &str {
    file.strip_suffix(".protodevel").or_else(|| file.strip_suffix(".proto")).unwrap_or(file)
}

/// `a/b-c.proto` as `a.b_c_pb2`
pub(super) fn module(file: &str) -> String {
    without_suffix(file).replace('-', "_").replace('/', ".") + "_pb2"
}

/// The name under which generated code imports a module: no dots, and distinct for distinct modules.
pub(super) fn module_alias(file: &str) -> String {
    module(file).replace('_', "__").replace('.', "_dot_")
}

/// The path of a generated file; `suffix` is `.py` or the like.
pub(super) fn path(file: &str, suffix: &str) -> String {
    module(file).replace('.', "/") + suffix
}

/// `import c as alias` or `from a.b import c as alias`.
pub(super) fn import(module: &str, alias: &str) -> String {
    match module.rsplit_once('.') {
        Some((package, name)) => format!("from {package} import {name} as {alias}"),
        None => format!("import {module} as {alias}"),
    }
}

/// How generated modules import each other: by absolute names, as protoc has it, or relative to their own package, so
/// that they may lie below any other one.
#[derive(Clone, Debug, Default)]
pub(super) struct Imports {
    relative: bool,
    /// Folders of files whose modules come from elsewhere, and are imported by absolute names all the same.
    absolute: Vec<String>,
}

impl Imports {
    /// The modules of this folder come with the runtime.
    const RUNTIME: &str = "google/protobuf";

    /// Takes an option of a generator, `relative_imports` or `absolute_imports=FOLDER`. Returns whether it was one.
    pub(super) fn take(&mut self, option: &str) -> bool {
        match option.split_once('=') {
            None if option == "relative_imports" => self.relative = true,
            Some(("absolute_imports", folder)) => self.absolute.push(folder.trim_matches('/').to_owned()),
            _ => return false,
        }
        true
    }

    /// Whether the module of a file is imported relative to that of another.
    pub(super) fn is_relative(&self, file: &str) -> bool {
        let is_in = |folder: &str| file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        self.relative && !is_in(Self::RUNTIME) && !self.absolute.iter().any(|folder| is_in(folder))
    }

    /// The module of `file` as that of `from` names it: `a.b.c_pb2`, or `..b.c_pb2`.
    pub(super) fn module(&self, from: &str, file: &str) -> String {
        let module = module(file);
        if !self.is_relative(file) {
            return module;
        }
        let from = self::module(from);
        let folders: Vec<&str> = from.split('.').collect();
        let folders = &folders[..folders.len() - 1];
        let parts: Vec<&str> = module.split('.').collect();
        let pairs = folders.iter().zip(&parts[..parts.len() - 1]);
        let common = pairs.take_while(|(one, other)| one == other).count();
        format!("{}{}", ".".repeat(folders.len() - common + 1), parts[common..].join("."))
    }

    /// The statement by which the module of `from` imports that of `file`.
    pub(super) fn statement(&self, from: &str, file: &str, alias: &str) -> String {
        let module = self.module(from, file);
        match module.rfind('.').filter(|_| self.is_relative(file)) {
            Some(dot) => {
                let (package, name) = module.split_at(dot + 1);
                let package = match package.trim_end_matches('.') {
                    "" => package,
                    named => named,
                };
                format!("from {package} import {name} as {alias}")
            }
            None => import(&module, alias),
        }
    }

    /// The expression for a module whose name has keywords in it.
    pub(super) fn dynamic(&self, from: &str, file: &str) -> String {
        let module = self.module(from, file);
        let package = if self.is_relative(file) { ", __package__" } else { "" };
        format!("importlib.import_module('{module}'{package})")
    }
}

/// Whether a dotted module name cannot stand in an import statement.
pub(super) fn has_keyword(module: &str) -> bool {
    module.split('.').any(is_keyword)
}
