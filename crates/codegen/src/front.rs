//! From `.proto` files to descriptors: the compiler, called as a build script needs it.

use std::fs;
use std::path::{Path, PathBuf};

use buffa_codegen::{decode_failure, tooling_decode_options};
use buffa_descriptor::generated::descriptor::FileDescriptorSet;
use carom_protoc::{Diagnostics, IncludePaths, Severity, VirtualName};

use crate::error::Error;

/// Compiled files.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// The files and all that they import, imports first, with source information.
    pub(crate) set: FileDescriptorSet,
    /// The names of those that were asked for, as imports would use them.
    pub(crate) asked: Vec<String>,
    /// The files that lie on disk; the others came with the compiler.
    pub(crate) sources: Vec<PathBuf>,
    pub(crate) warnings: Vec<String>,
}

/// Compiles files, given by their path on disk or by the name that imports would use.
pub(crate) fn compile(files: &[PathBuf], includes: &[PathBuf]) -> Result<Compiled, Error> {
    // Without a directory to search it is the current one, as with protoc.
    let current = [PathBuf::from(".")];
    let includes = if includes.is_empty() { &current } else { includes };
    let loader = IncludePaths::directories(includes);
    let names =
        files.iter().map(|file| import_name(file, &loader, includes)).collect::<Result<Vec<_>, _>>()?;
    let compilation =
        carom_protoc::compile(&names, &loader).map_err(|found| Error::Compile(render(&found)))?;

    let options = tooling_decode_options().map_err(Error::Generate)?;
    let set: FileDescriptorSet =
        options.decode_from_slice(&compilation.file_descriptor_set(true)).map_err(|error| {
            Error::Generate(decode_failure("FileDescriptorSet", &error, options.element_memory_limit()))
        })?;
    let sources = compilation.files().filter_map(|file| loader.disk_path(file.name())).collect();
    let warnings = compilation.warnings().iter().map(ToString::to_string).collect();
    Ok(Compiled { set, asked: names, sources, warnings })
}

/// The name that imports use for a file.
fn import_name(file: &Path, loader: &IncludePaths, includes: &[PathBuf]) -> Result<String, Error> {
    let text = file.to_string_lossy();
    if !file.exists() {
        // Whether there is a file of that name is the compiler's to say.
        return Ok(text.into_owned());
    }
    match loader.virtual_name(&text) {
        VirtualName::Found(name) => Ok(name),
        VirtualName::Shadowed(other) => Err(Error::Compile(format!(
            "{text}: the file is shadowed by {}, which an earlier include directory has under the same name",
            other.display()
        ))),
        VirtualName::NoMapping => {
            // One of them relative and the other absolute, or one through a link: compare what they really are.
            let by_name = || loader.disk_path(&text).filter(|_| file.is_relative()).map(|_| text.to_string());
            real_name(file, includes).or_else(by_name).ok_or_else(|| {
                let includes: Vec<_> = includes.iter().map(|include| include.display().to_string()).collect();
                Error::Compile(format!(
                    "{text}: the file lies in none of the include directories ({}); add the directory that its \
                     imports are relative to",
                    includes.join(", ")
                ))
            })
        }
    }
}

fn real_name(file: &Path, includes: &[PathBuf]) -> Option<String> {
    let file = fs::canonicalize(file).ok()?;
    includes.iter().find_map(|include| {
        let include = fs::canonicalize(include).ok()?;
        Some(file.strip_prefix(include).ok()?.to_string_lossy().into_owned())
    })
}

/// The compiler's errors, each with the source line that it is about. What it warns of besides would hide them.
fn render(diagnostics: &Diagnostics) -> String {
    let errors = diagnostics.iter().filter(|found| found.severity == Severity::Error);
    let rendered: Vec<String> = errors.map(|found| found.render_with_source()).collect();
    rendered.join("\n")
}
