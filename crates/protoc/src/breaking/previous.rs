//! The version that sources are compared with: a descriptor set, a directory, or a revision in git.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    path::Path,
};

use super::git::Tree;
use crate::{
    bundled,
    check::inputs::{self, Inputs},
    diagnostics::Diagnostic,
    driver, encoded,
    loader::{IncludePaths, Loader, Mapping, VirtualName},
    session::{Compilation, compile},
};

/// What is found at the other end of `--against`.
pub(super) struct Previous {
    /// How messages name it.
    name: String,
    files: Files,
    /// The import names of the files to compare.
    names: Vec<String>,
}

enum Files {
    Directory(IncludePaths),
    Set(SetFiles),
    Revision(RevisionFiles),
}

impl Previous {
    /// Finds out what `against` names and which of its files are those of `inputs`, which `paths` name on the command line.
    /// The include path of the new version has what the old one imports from elsewhere.
    ///
    /// # Errors
    /// What cannot be read, or is nothing of the kind.
    pub(super) fn open(
        against: &str,
        inputs: &Inputs,
        paths: &[String],
        bundled_includes: bool,
    ) -> Result<Self, String> {
        let name = against.to_owned();
        let mappings = &inputs.mappings[..];
        let path = Path::new(against);
        if path.is_dir() {
            let own = Mapping { virtual_path: String::new(), disk_path: path.to_owned() };
            let all = [&[own], mappings].concat();
            let found = Inputs::find(all, std::slice::from_ref(&name), bundled_includes)?;
            return Ok(Self { name, files: Files::Directory(found.paths), names: found.names });
        }
        if path.is_file() {
            let set = SetFiles::read(path, IncludePaths::new(mappings.to_vec(), bundled_includes))?;
            let names = set.compared(inputs);
            return Ok(Self { name, files: Files::Set(set), names });
        }
        let tree = Tree::open(against, mappings)?;
        let files = RevisionFiles::new(tree, mappings, bundled_includes)?;
        let names = files.compared(paths, mappings)?;
        Ok(Self { name, files: Files::Revision(files), names })
    }

    /// Compiles it. Errors name files so that one sees that they are of the old version.
    pub(super) fn compile(&self) -> Result<Compilation, Vec<Diagnostic>> {
        let loader: &dyn Loader = match &self.files {
            Files::Directory(paths) => paths,
            Files::Set(set) => set,
            Files::Revision(files) => files,
        };
        compile(&self.names, loader).map_err(|found| found.with_files(|file| self.shown(file)).collect())
    }

    fn shown(&self, file: &str) -> String {
        match &self.files {
            Files::Directory(paths) => driver::shown_import(paths, file),
            Files::Set(_) | Files::Revision(_) => format!("{}:{file}", self.name),
        }
    }
}

/// The files of a `FileDescriptorSet`; what they import and it does not have comes from elsewhere.
struct SetFiles {
    /// By name, in the order of the set.
    names: Vec<String>,
    descriptors: HashMap<String, Vec<u8>>,
    elsewhere: IncludePaths,
}

impl SetFiles {
    fn read(path: &Path, elsewhere: IncludePaths) -> Result<Self, String> {
        let set =
            fs::read(path).map_err(|error| format!("{}: {}", path.display(), driver::reason(&error)))?;
        let files = encoded::files_of_set(&set).filter(|files| !files.is_empty());
        let files = files.ok_or_else(|| {
            format!("{}: This is no FileDescriptorSet, as --descriptor_set_out writes it.", path.display())
        })?;
        let names = files.iter().map(|(name, _)| name.clone()).collect();
        Ok(Self { names, descriptors: files.into_iter().collect(), elsewhere })
    }

    /// The files that are compared: those of the inputs, and those that are nowhere any more. What is left of a set with
    /// all imports are files of others.
    fn compared(&self, inputs: &Inputs) -> Vec<String> {
        let asked_for: HashSet<&String> = inputs.names.iter().collect();
        let is_gone =
            |name: &str| bundled::bundled(name).is_none() && self.elsewhere.disk_path(name).is_none();
        self.names.iter().filter(|name| asked_for.contains(name) || is_gone(name)).cloned().collect()
    }
}

impl Loader for SetFiles {
    fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        if self.descriptors.contains_key(name) { Ok(None) } else { self.elsewhere.load(name) }
    }

    fn descriptor(&self, name: &str) -> Option<Vec<u8>> {
        self.descriptors.get(name).cloned()
    }
}

/// The files of a revision; what they import from outside the repository comes from the disk.
struct RevisionFiles {
    tree: Tree,
    /// The include path as paths in the repository.
    inside: IncludePaths,
    outside: IncludePaths,
}

impl RevisionFiles {
    fn new(tree: Tree, mappings: &[Mapping], bundled_includes: bool) -> Result<Self, String> {
        let (mut inside, mut outside) = (Vec::new(), Vec::new());
        for mapping in mappings {
            match tree.path_of(&mapping.disk_path)? {
                Some(path) => inside.push(Mapping { disk_path: path.into(), ..mapping.clone() }),
                None => outside.push(mapping.clone()),
            }
        }
        let inside = IncludePaths::new(inside, false);
        Ok(Self { tree, inside, outside: IncludePaths::new(outside, bundled_includes) })
    }

    /// The files that the revision has at the paths of the command line or below them, sorted.
    fn compared(&self, paths: &[String], mappings: &[Mapping]) -> Result<Vec<String>, String> {
        let include = IncludePaths::new(mappings.to_vec(), false);
        let mut names = Vec::new();
        for path in paths {
            let Some(root) = self.tree.path_of(Path::new(path))? else {
                return Err(format!("{path}: This is not in the repository that the revision is of."));
            };
            for rest in self.tree.below(&root) {
                let disk = inputs::below(path, rest);
                match include.virtual_name(&disk) {
                    VirtualName::Found(name) => names.push(name),
                    VirtualName::Shadowed(_) | VirtualName::NoMapping => {
                        return Err(format!("{disk}: No directory of the include path (-I) has this file."));
                    }
                }
            }
        }
        names.sort();
        names.dedup();
        Ok(names)
    }
}

impl Loader for RevisionFiles {
    fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        for path in self.inside.candidates(name) {
            if let Some(text) = self.tree.read(&path.to_string_lossy())? {
                return Ok(Some(text));
            }
        }
        self.outside.load(name)
    }
}
