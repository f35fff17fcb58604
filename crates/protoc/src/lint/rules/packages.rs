//! Rules about packages and what their files have in common.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{
    check::{
        names,
        rule::Report,
        view::{FileView, number},
    },
    ir::{File, FileId},
    lint::Context,
};

/// Fields of `FileOptions`.
mod option {
    pub(super) const JAVA_PACKAGE: u32 = 1;
    pub(super) const JAVA_MULTIPLE_FILES: u32 = 10;
    pub(super) const GO_PACKAGE: u32 = 11;
    pub(super) const CSHARP_NAMESPACE: u32 = 37;
    pub(super) const SWIFT_PREFIX: u32 = 39;
    pub(super) const PHP_NAMESPACE: u32 = 41;
    pub(super) const RUBY_PACKAGE: u32 = 45;
}

/// The files that have a package.
fn with_package<'a>(context: &'a Context<'a>) -> impl Iterator<Item = &'a FileView<'a>> {
    context.files.iter().filter(|file| !file.file.package.is_empty())
}

/// The files by package, those without one together.
fn by_package<'a>(context: &'a Context<'a>) -> BTreeMap<&'a str, Vec<&'a FileView<'a>>> {
    let mut packages: BTreeMap<&str, Vec<&FileView<'_>>> = BTreeMap::new();
    for file in context.files {
        packages.entry(&file.file.package).or_default().push(file);
    }
    packages
}

/// The files of a package in words.
fn files_of(package: &str) -> String {
    if package.is_empty() {
        return "the files without a package".to_owned();
    }
    format!("the files of the package \"{package}\"")
}

pub(super) fn defined(context: &Context<'_>, report: &mut Report) {
    for file in context.files.iter().filter(|file| file.file.package.is_empty()) {
        let directory = file.directory();
        let example = if directory == "." { "foo.v1".to_owned() } else { directory.replace('/', ".") };
        report.about(
            file,
            "the file has no package".to_owned(),
            format!("add a line such as: package {example};"),
        );
    }
}

pub(super) fn directory_match(context: &Context<'_>, report: &mut Report) {
    for file in with_package(context) {
        let package = &file.file.package;
        let expected = package.replace('.', "/");
        if file.directory() != expected {
            report.at(
                file,
                &[number::PACKAGE],
                format!("a file of the package \"{package}\" lies in the directory \"{}\"", file.directory()),
                format!("move it to \"{expected}\", below a directory of the include path"),
            );
        }
    }
}

pub(super) fn lower_snake_case(context: &Context<'_>, report: &mut Report) {
    for file in with_package(context) {
        let package = &file.file.package;
        let parts: Vec<String> = package.split('.').map(names::lower_snake_case).collect();
        let expected = parts.join(".");
        if *package != expected {
            report.at(
                file,
                &[number::PACKAGE],
                format!("the package name \"{package}\" is not lower_snake.case"),
                format!("write \"{expected}\""),
            );
        }
    }
}

pub(super) fn same_directory(context: &Context<'_>, report: &mut Report) {
    for (package, files) in by_package(context) {
        let directories: BTreeSet<&str> = files.iter().map(|file| file.directory()).collect();
        if directories.len() < 2 {
            continue;
        }
        let list: Vec<&str> = directories.into_iter().collect();
        for file in files {
            report.at(
                file,
                &[number::PACKAGE],
                format!("{} lie in several directories: {}", files_of(package), list.join(", ")),
                "keep them in one".to_owned(),
            );
        }
    }
}

pub(super) fn version_suffix(context: &Context<'_>, report: &mut Report) {
    for file in with_package(context) {
        let package = &file.file.package;
        if version_of_package(package).is_none() {
            report.at(
                file,
                &[number::PACKAGE],
                format!("the package name \"{package}\" does not end in a version"),
                format!("write \"{package}.v1\""),
            );
        }
    }
}

/// Whether what a version names may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stability {
    Stable,
    /// Alpha, beta or test.
    Unstable,
}

/// `v1`, `v1test…`, `v1alpha`, `v1alpha1`, `v1p1beta`, `v1p1beta1`: the numbers are from 1 on and of 31 bits.
fn version(part: &str) -> Option<Stability> {
    let rest = after_number(part.strip_prefix('v')?)?;
    if rest.is_empty() {
        return Some(Stability::Stable);
    }
    if rest.starts_with("test") {
        return Some(Stability::Unstable);
    }
    let rest = match rest.strip_prefix('p') {
        Some(patch) => after_number(patch)?,
        None => rest,
    };
    let number = rest.strip_prefix("alpha").or_else(|| rest.strip_prefix("beta"))?;
    (number.is_empty() || after_number(number) == Some("")).then_some(Stability::Unstable)
}

/// The version that a package ends in, after a dot.
fn version_of_package(package: &str) -> Option<Stability> {
    version(package.rsplit_once('.')?.1)
}

/// What follows a number from 1 on.
fn after_number(text: &str) -> Option<&str> {
    let end = text.find(|ch: char| !ch.is_ascii_digit()).unwrap_or(text.len());
    let number: i32 = text[..end].parse().ok()?;
    (number > 0).then(|| &text[end..])
}

macro_rules! same_option {
    ($($function:ident $name:literal $number:ident;)*) => {
        $(pub(super) fn $function(context: &Context<'_>, report: &mut Report) {
            same_option(context, report, $name, option::$number);
        })*
    };
}

same_option! {
    same_csharp_namespace "csharp_namespace" CSHARP_NAMESPACE;
    same_go_package "go_package" GO_PACKAGE;
    same_java_multiple_files "java_multiple_files" JAVA_MULTIPLE_FILES;
    same_java_package "java_package" JAVA_PACKAGE;
    same_php_namespace "php_namespace" PHP_NAMESPACE;
    same_ruby_package "ruby_package" RUBY_PACKAGE;
    same_swift_prefix "swift_prefix" SWIFT_PREFIX;
}

/// The value of an option of a file as text; an empty one counts as none.
fn option_text(file: &File, number: u32) -> Option<String> {
    let options = &file.options.value;
    let text = match options.bytes(number) {
        Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        None => (options.varint(number)? != 0).to_string(),
    };
    (!text.is_empty()).then_some(text)
}

fn same_option(context: &Context<'_>, report: &mut Report, name: &str, number: u32) {
    for (package, files) in by_package(context) {
        let values: BTreeSet<Option<String>> =
            files.iter().map(|file| option_text(file.file, number)).collect();
        if values.len() < 2 {
            continue;
        }
        let list: Vec<String> = values
            .iter()
            .map(|value| value.as_ref().map_or("none".to_owned(), |value| format!("\"{value}\"")))
            .collect();
        for file in files {
            report.at(
                file,
                &[number::FILE_OPTIONS, number],
                format!("{} have several values of {name}: {}", files_of(package), list.join(", ")),
                format!("give all of them one {name}"),
            );
        }
    }
}

/// Which packages a package imports, with the imports: the file and the index among its imports.
type Imported<'a> = BTreeMap<&'a str, BTreeMap<&'a str, Vec<(FileId, usize)>>>;

pub(super) fn no_import_cycle(context: &Context<'_>, report: &mut Report) {
    let mut graph: Imported<'_> = BTreeMap::new();
    // Also by way of files that were not asked for may packages come back to themselves.
    for (id, file) in context.pool.files.iter().enumerate() {
        for (index, import) in file.imports.iter().enumerate() {
            let Some(target) = import.file.map(|id| context.pool.file(id).package.as_str()) else { continue };
            let package = file.package.as_str();
            if !package.is_empty() && !target.is_empty() && package != target {
                let imports = graph.entry(package).or_default().entry(target).or_default();
                imports.push((FileId(id as u32), index));
            }
        }
    }
    for (package, imported) in &graph {
        for (target, imports) in imported {
            let Some(way) = way_back(&graph, target, package) else { continue };
            let cycle = [&[*package], way.as_slice()].concat().join(" -> ");
            for (id, index) in imports {
                let Some(file) = context.files.iter().find(|file| file.id == *id) else { continue };
                report.at(
                    file,
                    &file.import_path(*index),
                    format!("the packages import each other in a circle: {cycle}"),
                    "move what they share into a package of its own".to_owned(),
                );
            }
        }
    }
}

pub(super) fn stable_no_import_unstable(context: &Context<'_>, report: &mut Report) {
    let asked_for: BTreeSet<FileId> = context.files.iter().map(|file| file.id).collect();
    for file in context.files {
        let package = file.file.package.as_str();
        if version_of_package(package) != Some(Stability::Stable) {
            continue;
        }
        for (index, import) in file.file.imports.iter().enumerate() {
            let Some(id) = import.file.filter(|id| asked_for.contains(id)) else { continue };
            let imported = context.pool.file(id).package.as_str();
            if version_of_package(imported) == Some(Stability::Unstable) {
                report.at(
                    file,
                    &file.import_path(index),
                    format!("the stable package \"{package}\" imports from \"{imported}\", which may change"),
                    "import from a stable version".to_owned(),
                );
            }
        }
    }
}

/// The packages on the shortest way from one to another, both included.
fn way_back<'a>(graph: &Imported<'a>, from: &'a str, to: &str) -> Option<Vec<&'a str>> {
    let mut came_from: BTreeMap<&str, Option<&str>> = BTreeMap::from([(from, None)]);
    let mut open = VecDeque::from([from]);
    while let Some(package) = open.pop_front() {
        if package == to {
            let mut way = vec![package];
            while let Some(Some(before)) = way.last().and_then(|last| came_from.get(last)) {
                way.push(before);
            }
            way.reverse();
            return Some(way);
        }
        for next in graph.get(package).into_iter().flat_map(BTreeMap::keys) {
            if !came_from.contains_key(next) {
                came_from.insert(next, Some(package));
                open.push_back(next);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests;
