//! Generated files: gathered in memory, joined at insertion points, then written.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use super::{args::Args, zip};
use crate::{generate::GeneratedFile, loader::IncludePaths, session::Compilation};

/// The files of each output directory.
#[derive(Default)]
pub(super) struct Outputs {
    directories: Vec<(PathBuf, BTreeMap<String, Vec<u8>>)>,
}

/// An I/O error in the words of the operating system, without its number.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// An output location that is one file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Archive {
    Zip,
    /// With a manifest.
    Jar,
}

impl Archive {
    fn of(location: &Path) -> Option<Self> {
        match location.extension()?.to_str()? {
            "zip" => Some(Self::Zip),
            "jar" => Some(Self::Jar),
            _ => None,
        }
    }
}

impl Outputs {
    /// Adds what a generator made for a directory.
    pub(super) fn add(
        &mut self,
        location: &Path,
        files: Vec<GeneratedFile>,
        may_escape: bool,
    ) -> Result<(), String> {
        let index = match self.directories.iter().position(|(path, _)| path == location) {
            Some(index) => index,
            None => {
                self.directories.push((location.to_owned(), BTreeMap::new()));
                self.directories.len() - 1
            }
        };
        let directory = &mut self.directories[index].1;
        for file in files {
            match &file.insertion_point {
                Some(point) => insert(directory, &file, point)?,
                None => {
                    let escapes = file.name.split('/').any(|part| part == "..");
                    if escapes && !may_escape {
                        return Err(format!(
                            "Output file names must never have a relative path. ({}). Use \
                             --unsafe_allow_out_dir_escape to disable this error if intentional.",
                            file.name
                        ));
                    }
                    if directory.insert(file.name.clone(), file.content).is_some() {
                        return Err(format!("{}: Tried to write the same file twice.", file.name));
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes everything. The output directories must exist; directories below them are made.
    pub(super) fn write(&self) -> Result<(), String> {
        for (location, files) in &self.directories {
            if let Some(kind) = Archive::of(location) {
                fs::write(location, zip::archive(files, kind == Archive::Jar))
                    .map_err(|error| format!("{}: {}", location.display(), reason(&error)))?;
                continue;
            }
            let shown = format!("{}/", location.display().to_string().trim_end_matches('/'));
            if !location.as_os_str().is_empty() && !location.is_dir() {
                let reason = if location.exists() { "Not a directory" } else { "No such file or directory" };
                return Err(format!("{shown}: {reason}"));
            }
            for (name, content) in files {
                let path = location.join(name.trim_start_matches('/'));
                let made = path.parent().map_or(Ok(()), fs::create_dir_all);
                made.and_then(|()| fs::write(&path, content))
                    .map_err(|error| format!("{}: {}", path.display(), reason(&error)))?;
            }
        }
        Ok(())
    }

    fn paths(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.directories.iter().flat_map(|(location, files)| {
            let archive = Archive::of(location).map(|_| location.clone());
            let inside = files.keys().filter(|_| archive.is_none()).map(move |name| location.join(name));
            archive.clone().into_iter().chain(inside.collect::<Vec<_>>())
        })
    }
}

/// Puts text above the line with `@@protoc_insertion_point(point)`, as far in as that line is.
fn insert(
    directory: &mut BTreeMap<String, Vec<u8>>,
    file: &GeneratedFile,
    point: &str,
) -> Result<(), String> {
    let Some(target) = directory.get_mut(&file.name) else {
        return Err(format!("{}: Tried to insert into file that doesn't exist.", file.name));
    };
    let magic = format!("@@protoc_insertion_point({point})");
    let Some(at) = target.windows(magic.len()).position(|window| window == magic.as_bytes()) else {
        return Err(format!("{}: insertion point \"{point}\" not found.", file.name));
    };
    // Inside a one-line comment with text before it, the insertion goes right before the comment.
    let in_block_comment = target[..at].ends_with(b"/* ");
    let start = if in_block_comment {
        at - 3
    } else {
        target[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1)
    };
    let indent: Vec<u8> =
        target[start..at].iter().copied().take_while(|byte| matches!(byte, b' ' | b'\t')).collect();
    let mut text = Vec::with_capacity(file.content.len());
    for line in file.content.split_inclusive(|byte| *byte == b'\n') {
        if !in_block_comment {
            text.extend_from_slice(&indent);
        }
        text.extend_from_slice(line);
    }
    // What stands at the insertion point goes on a line of its own.
    if text.last().is_some_and(|last| *last != b'\n') {
        text.push(b'\n');
    }
    target.splice(start..start, text);
    Ok(())
}

/// Writes the rule of make: outputs depend on the files that were read.
pub(super) fn write_dependencies(
    path: &Path,
    args: &Args,
    outputs: &Outputs,
    compilation: &Compilation,
    paths: &IncludePaths,
) -> Result<(), String> {
    let mut targets: Vec<String> = outputs.paths().map(|path| path.display().to_string()).collect();
    targets.extend(args.descriptor_set_out.iter().map(|path| path.display().to_string()));
    let sources: Vec<String> = compilation
        .files()
        .filter_map(|file| paths.disk_path(file.name()))
        .map(|path| super::shown(&path))
        .collect();
    let text = format!("{}: {}", targets.join(" \\\n"), sources.join("\\\n "));
    fs::write(path, text).map_err(|error| format!("{}: {}", path.display(), reason(&error)))
}
