//! Where imported files come from.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use crate::bundled;

/// Finds the text of a file by the name that imports use.
pub trait Loader {
    /// The text, or `None` where there is no such file. An error is any other reason why it cannot be read.
    fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// The encoded `FileDescriptorProto` of a file that has no text. Default: there is none.
    fn descriptor(&self, _name: &str) -> Option<Vec<u8>> {
        None
    }
}

/// Files in memory, by import name; the well-known files are there too.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles {
    files: BTreeMap<String, Vec<u8>>,
}

impl MemoryFiles {
    /// Adds a file or replaces it.
    pub fn insert(&mut self, name: impl Into<String>, text: impl Into<Vec<u8>>) -> &mut Self {
        self.files.insert(name.into(), text.into());
        self
    }
}

impl Loader for MemoryFiles {
    fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.files.get(name).cloned().or_else(|| bundled::bundled(name).map(<[u8]>::to_vec)))
    }
}

/// A directory of the include path, and the prefix under which its files are imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Prefix of import names; mostly empty.
    pub virtual_path: String,
    /// Directory or file on disk.
    pub disk_path: PathBuf,
}

/// Directories searched in order, as protoc's `--proto_path`.
#[derive(Clone, Debug, Default)]
pub struct IncludePaths {
    mappings: Vec<Mapping>,
    bundled: bool,
}

/// How a path on the command line relates to the include path.
#[derive(Debug, PartialEq, Eq)]
pub enum VirtualName {
    /// Files import it by this name.
    Found(String),
    /// An earlier directory has another file of this name.
    Shadowed(PathBuf),
    /// No directory of the include path is a prefix of it.
    NoMapping,
}

impl IncludePaths {
    /// The given directories, and after them the well-known files where `bundled` is set.
    pub fn new(mappings: Vec<Mapping>, bundled: bool) -> Self {
        Self { mappings, bundled }
    }

    /// Directories without a virtual prefix, and after them the well-known files.
    pub fn directories<P: Into<PathBuf>>(directories: impl IntoIterator<Item = P>) -> Self {
        let mapping = |path: P| Mapping { virtual_path: String::new(), disk_path: path.into() };
        Self { mappings: directories.into_iter().map(mapping).collect(), bundled: true }
    }

    /// The paths on disk at which a file of that import name is looked for, in order.
    pub(crate) fn candidates<'a>(&'a self, name: &'a str) -> impl Iterator<Item = PathBuf> + 'a {
        // A name from the root on would leave the directory.
        let is_below = is_import_name(name) && !name.starts_with('/') && !name.is_empty();
        let mappings = if is_below { self.mappings.as_slice() } else { &[] };
        mappings.iter().filter_map(move |mapping| apply(name, mapping))
    }

    /// Where a file of that import name lies on disk.
    pub fn disk_path(&self, name: &str) -> Option<PathBuf> {
        self.candidates(name).find(|path| path.is_file())
    }

    /// The import name of a file on disk.
    pub fn virtual_name(&self, disk: &str) -> VirtualName {
        let disk = canonical(disk);
        for mapping in &self.mappings {
            let root = canonical(&mapping.disk_path.to_string_lossy());
            let rest = if root.is_empty() {
                if disk.starts_with("../") || disk.starts_with('/') || disk == ".." {
                    None
                } else {
                    Some(disk.as_str())
                }
            } else if disk == root {
                Some("")
            } else {
                disk.strip_prefix(&root)
                    .and_then(|rest| if root.ends_with('/') { Some(rest) } else { rest.strip_prefix('/') })
            };
            let Some(rest) = rest else { continue };
            let name = match (mapping.virtual_path.is_empty(), rest.is_empty()) {
                (true, _) => rest.to_owned(),
                (false, true) => mapping.virtual_path.clone(),
                (false, false) => format!("{}/{rest}", mapping.virtual_path.trim_end_matches('/')),
            };
            let own = apply(&name, mapping);
            for earlier in self.mappings.iter().take_while(|earlier| *earlier != mapping) {
                if let Some(path) =
                    apply(&name, earlier).filter(|path| path.exists() && Some(path) != own.as_ref())
                {
                    return VirtualName::Shadowed(path);
                }
            }
            return VirtualName::Found(name);
        }
        VirtualName::NoMapping
    }
}

/// Whether a name is plain: it must mean one place whatever directory it is looked up in.
fn is_import_name(name: &str) -> bool {
    !name.contains("//") && name.split('/').all(|part| !matches!(part, "." | ".."))
}

/// The path on disk that a mapping gives an import name.
fn apply(name: &str, mapping: &Mapping) -> Option<PathBuf> {
    if mapping.virtual_path.is_empty() {
        return Some(join(&mapping.disk_path, name));
    }
    let rest = name.strip_prefix(&mapping.virtual_path)?;
    if rest.is_empty() {
        return Some(mapping.disk_path.clone());
    }
    let rest = if mapping.virtual_path.ends_with('/') { rest } else { rest.strip_prefix('/')? };
    Some(join(&mapping.disk_path, rest))
}

fn join(directory: &Path, name: &str) -> PathBuf {
    if directory.as_os_str().is_empty() { PathBuf::from(name) } else { directory.join(name) }
}

/// Drops `.` and empty parts; `..` stays, as protoc does not look at the disk here.
fn canonical(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let joined = parts.join("/");
    if path.starts_with('/') { format!("/{joined}") } else { joined }
}

impl Loader for IncludePaths {
    fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        if !is_import_name(name) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "Backslashes, consecutive slashes, \".\", or \"..\" are not allowed in the virtual path",
            ));
        }
        for path in self.candidates(name) {
            match fs::read(&path) {
                Ok(text) => return Ok(Some(text)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) if error.kind() == io::ErrorKind::NotADirectory => {}
                Err(error) if error.kind() == io::ErrorKind::IsADirectory => {}
                Err(error) => return Err(error),
            }
        }
        Ok(if self.bundled { bundled::bundled(name).map(<[u8]>::to_vec) } else { None })
    }
}
