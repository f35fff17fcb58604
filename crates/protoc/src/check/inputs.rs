//! Files and directories of a command line to compiled files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    diagnostics::{Diagnostic, Diagnostics},
    driver,
    loader::{IncludePaths, Mapping},
    session::{Compilation, compile},
};

/// How deep directories of sources may nest.
const MAX_DEPTH: usize = 64;

/// Files to compile and where they are found.
#[derive(Debug)]
pub(crate) struct Inputs {
    pub(crate) paths: IncludePaths,
    /// The directories of `paths`.
    pub(crate) mappings: Vec<Mapping>,
    /// Import names, sorted, each once.
    pub(crate) names: Vec<String>,
}

impl Inputs {
    /// Finds all files. A directory stands for all `.proto` files below it, and is a root of imports where no include
    /// path is given; without one, files are imported relative to the current directory.
    pub(crate) fn find(
        mut mappings: Vec<Mapping>,
        inputs: &[String],
        bundled_includes: bool,
    ) -> Result<Self, String> {
        let root = |path: &str| Mapping { virtual_path: String::new(), disk_path: PathBuf::from(path) };
        if mappings.is_empty() {
            mappings = inputs.iter().filter(|input| Path::new(input).is_dir()).map(|dir| root(dir)).collect();
            if mappings.len() < inputs.len() || inputs.is_empty() {
                mappings.push(root("."));
            }
        }
        let paths = IncludePaths::new(mappings.clone(), bundled_includes);
        let mut names = Vec::new();
        for input in inputs {
            let mut files = vec![input.clone()];
            if Path::new(input).is_dir() {
                files = Vec::new();
                protos_below(Path::new(input), MAX_DEPTH, &mut files)?;
                if files.is_empty() {
                    return Err(format!("{input}: There are no .proto files in this directory."));
                }
            }
            for file in files {
                names.push(driver::import_name(&paths, &file)?);
            }
        }
        names.sort();
        names.dedup();
        Ok(Self { paths, mappings, names })
    }

    /// Compiles all of them. Errors name files as the user would open them.
    pub(crate) fn compile(&self) -> Result<Compilation, Vec<Diagnostic>> {
        compile(&self.names, &self.paths).map_err(|diagnostics| self.with_shown_files(&diagnostics))
    }

    fn with_shown_files(&self, diagnostics: &Diagnostics) -> Vec<Diagnostic> {
        let shown = |diagnostic: &Diagnostic| {
            let mut diagnostic = diagnostic.clone();
            diagnostic.file = self.shown(&diagnostic.file);
            diagnostic
        };
        diagnostics.iter().map(shown).collect()
    }

    /// A file as the user would open it, by its import name.
    pub(crate) fn shown(&self, name: &str) -> String {
        self.paths.disk_path(name).map_or_else(|| name.to_owned(), |path| driver::shown(&path))
    }
}

/// The path of a file below a directory, or of the file itself where `rest` is empty.
pub(crate) fn below(path: &str, rest: &str) -> String {
    if rest.is_empty() { path.to_owned() } else { format!("{}/{rest}", path.trim_end_matches('/')) }
}

/// All `.proto` files below a directory. Links to directories are not followed: they may lead round in circles.
pub(crate) fn protos_below(directory: &Path, depth: usize, out: &mut Vec<String>) -> Result<(), String> {
    let fail = |error: std::io::Error| format!("{}: {}", directory.display(), driver::reason(&error));
    if depth == 0 {
        return Err(format!("{}: Directories are nested too deep.", directory.display()));
    }
    for entry in fs::read_dir(directory).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let path = entry.path();
        if entry.file_type().map_err(fail)?.is_dir() {
            protos_below(&path, depth - 1, out)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            let name = path.to_str().ok_or_else(|| format!("{}: The name is not UTF-8.", path.display()))?;
            out.push(name.to_owned());
        }
    }
    Ok(())
}
