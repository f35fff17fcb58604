//! Where things lie in the repository.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process;

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// A cargo command at the root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root()).args(arguments);
    cargo
}

/// Where cargo builds.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// Tools, second environments and downloads; may be deleted at any time.
pub(crate) fn cache() -> PathBuf {
    root().join(".cache")
}

/// Copies a folder of source files, without what earlier runs generated.
pub(crate) fn copy_folder(from: &Path, to: &Path) -> Result<(), String> {
    let fail = |error: std::io::Error| format!("cannot copy {} to {}: {error}", from.display(), to.display());
    std::fs::create_dir_all(to).map_err(fail)?;
    for entry in std::fs::read_dir(from).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let target = to.join(entry.file_name());
        if entry.file_name() == "__pycache__" {
            continue;
        } else if entry.file_type().map_err(fail)?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target).map_err(fail)?;
        }
    }
    Ok(())
}

/// Makes the folder anew, empty.
pub(crate) fn fresh_folder(path: &Path) -> Result<(), String> {
    let fail = |error: std::io::Error| format!("cannot make {} anew: {error}", path.display());
    if path.exists() {
        std::fs::remove_dir_all(path).map_err(fail)?;
    }
    std::fs::create_dir_all(path).map_err(fail)
}

/// All files below a folder, in order, hidden folders and build output left out.
pub(crate) fn files_below(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let fail = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
    let mut found = Vec::new();
    let mut entries =
        std::fs::read_dir(folder).map_err(fail)?.collect::<Result<Vec<_>, _>>().map_err(fail)?;
    entries.sort_by_key(std::fs::DirEntry::path);
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if entry.file_type().map_err(fail)?.is_dir() {
            if !name.starts_with('.') && name != "target" {
                found.extend(files_below(&entry.path())?);
            }
        } else {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// The entries of a list below the root, `ENTRY # REASON` a line, without their reasons. A line that starts with `#` is none.
pub(crate) fn entries_with_reasons(list: &str) -> Result<BTreeSet<String>, String> {
    let text =
        std::fs::read_to_string(root().join(list)).map_err(|error| format!("cannot read {list}: {error}"))?;
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| match line.split_once(" # ") {
            Some((entry, _)) => Ok(entry.trim().to_owned()),
            None => Err(format!("{list}: no reason is given: {line}")),
        })
        .collect()
}

/// The triple of this machine, as rustc names it.
pub(crate) fn host() -> Result<String, String> {
    let said = process::quietly(Command::new("rustc").arg("-vV"), Duration::from_secs(60))?;
    said.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or_else(|| "rustc -vV names no host".to_owned())
}
