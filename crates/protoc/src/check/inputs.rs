//! Files and directories of a command line to compiled files.

use std::path::{Path, PathBuf};

use crate::{
    diagnostics::Diagnostic,
    driver,
    loader::{IncludePaths, Mapping},
    protos_below::{Hidden, protos_below},
    session::{Compilation, compile},
};

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
                let found = protos_below(Path::new(input), Hidden::Searched)?;
                files = found.into_iter().map(utf8).collect::<Result<_, _>>()?;
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
        compile(&self.names, &self.paths).map_err(|found| found.with_files(|file| self.shown(file)).collect())
    }

    /// A file as the user would open it, by its import name.
    pub(crate) fn shown(&self, name: &str) -> String {
        driver::shown_import(&self.paths, name)
    }
}

/// The path of a file below a directory, or of the file itself where `rest` is empty.
pub(crate) fn below(path: &str, rest: &str) -> String {
    if rest.is_empty() { path.to_owned() } else { format!("{}/{rest}", path.trim_end_matches('/')) }
}

fn utf8(path: PathBuf) -> Result<String, String> {
    let path = path.into_os_string().into_string();
    path.map_err(|path| format!("{}: The name is not UTF-8.", Path::new(&path).display()))
}
