//! The files of a run: formatted side by side, replaced as a whole.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write as _},
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::source::MAX_SOURCE_BYTES;

/// Does the same with each file, on as many threads as there are cores; the results are in the order of the files.
pub(super) fn each<T: Send + Sync>(paths: &[PathBuf], work: impl Fn(&Path) -> T + Sync) -> Vec<T> {
    let results: Vec<OnceLock<T>> = paths.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let take = || {
        while let Some((path, result)) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            paths.get(index).zip(results.get(index))
        } {
            result.get_or_init(|| work(path));
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 1..cores.min(paths.len()) {
            scope.spawn(take);
        }
        take();
    });
    results.into_iter().filter_map(OnceLock::into_inner).collect()
}

/// The text of a file.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    read_from(&mut File::open(path)?)
}

/// All that there is to read, but not much more than can be formatted.
pub(super) fn read_from(input: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    input.take(MAX_SOURCE_BYTES as u64 + 1).read_to_end(&mut text)?;
    Ok(text)
}

/// Puts a text in a file's place: at any time there is either the whole old file or the whole new one. Permissions
/// are kept, and a link stays a link.
pub(super) fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let permissions = fs::metadata(&path)?.permissions();
    if permissions.readonly() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "Permission denied: it is read-only"));
    }
    let (temporary, file) = create_beside(&path)?;
    let written = write_to(file, text, permissions).and_then(|()| fs::rename(&temporary, &path));
    if written.is_err() {
        // The error that is told is the first one.
        let _left_behind = fs::remove_file(&temporary);
    }
    written
}

fn write_to(mut file: File, text: &[u8], permissions: fs::Permissions) -> io::Result<()> {
    file.write_all(text)?;
    file.set_permissions(permissions)?;
    file.sync_all()
}

/// How many names are tried for a new file.
const MOST_NAMES: usize = 100;

/// A new hidden file in the directory of another one, whose content can take that one's place.
fn create_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut taken = io::Error::from(io::ErrorKind::AlreadyExists);
    for number in 0..MOST_NAMES {
        let temporary = path.with_file_name(format!(".{name}.{}-{number}.tmp", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&temporary) {
            Ok(file) => return Ok((temporary, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => taken = error,
            Err(error) => return Err(error),
        }
    }
    Err(taken)
}
