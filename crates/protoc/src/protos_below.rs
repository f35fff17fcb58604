//! The `.proto` files that a directory on a command line stands for.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::driver::reason;

/// How deep directories of sources may nest.
const MAX_DEPTH: usize = 64;

/// What becomes of hidden directories below the one that was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hidden {
    Searched,
    PassedBy,
}

/// All `.proto` files below a directory. Links to directories are not followed: they may lead round in circles.
///
/// # Errors
/// There are none, or something cannot be read, or nests too deep.
pub(crate) fn protos_below(root: &Path, hidden: Hidden) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut directories = vec![(root.to_owned(), 0)];
    while let Some((directory, depth)) = directories.pop() {
        let fail = |error: io::Error| format!("{}: {}", directory.display(), reason(&error));
        if depth == MAX_DEPTH {
            return Err(format!("{}: Directories are nested too deep.", directory.display()));
        }
        for entry in fs::read_dir(&directory).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let path = entry.path();
            if entry.file_type().map_err(fail)?.is_dir() {
                if hidden == Hidden::Searched || !entry.file_name().as_encoded_bytes().starts_with(b".") {
                    directories.push((path, depth + 1));
                }
            } else if path.extension().is_some_and(|extension| extension == "proto") {
                found.push(path);
            }
        }
    }
    if found.is_empty() {
        return Err(format!("{}: There are no .proto files in this directory.", root.display()));
    }
    Ok(found)
}
