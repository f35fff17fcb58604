//! Where the files of a run come from: directories, and descriptor sets.

use std::{collections::HashMap, fs, io, path::PathBuf};

use super::output;
use crate::{
    encoded,
    loader::{IncludePaths, Loader},
};

/// The include path, and behind it the files of descriptor sets.
pub(super) struct Files {
    pub(super) paths: IncludePaths,
    /// Whether sources are read from disk at all: not where there is nothing but descriptor sets.
    disk: bool,
    descriptors: HashMap<String, Vec<u8>>,
}

impl Files {
    /// Reads the descriptor sets. Of two files with one name the first counts.
    pub(super) fn new(paths: IncludePaths, disk: bool, sets: &[PathBuf]) -> Result<Self, String> {
        let mut descriptors = HashMap::new();
        for path in sets {
            let set =
                fs::read(path).map_err(|error| format!("{}: {}", path.display(), output::reason(&error)))?;
            let files =
                encoded::files_of_set(&set).ok_or_else(|| format!("{}: Unable to parse.", path.display()))?;
            for (name, descriptor) in files {
                descriptors.entry(name).or_insert(descriptor);
            }
        }
        Ok(Self { paths, disk, descriptors })
    }

    /// Whether a descriptor set has the file.
    pub(super) fn has_descriptor(&self, name: &str) -> bool {
        self.descriptors.contains_key(name)
    }
}

impl Loader for Files {
    fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let on_disk = self.disk && (self.paths.disk_path(name).is_some() || !self.has_descriptor(name));
        if on_disk {
            return self.paths.load(name);
        }
        // A run without sources has no well-known files but those of its sets.
        Ok(None)
    }

    fn descriptor(&self, name: &str) -> Option<Vec<u8>> {
        self.descriptors.get(name).cloned()
    }
}
