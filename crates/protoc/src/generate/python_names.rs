//! How protobuf files and types are called in Python.

const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def",
    "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
    "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

pub(super) fn is_keyword(name: &str) -> bool {
    KEYWORDS.contains(&name)
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

/// Whether a dotted module name cannot stand in an import statement.
pub(super) fn has_keyword(module: &str) -> bool {
    module.split('.').any(is_keyword)
}
