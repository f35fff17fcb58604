//! Files of a revision, read by running git.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use crate::{driver, loader::Mapping, source::MAX_SOURCE_BYTES};

/// The `.proto` files of one revision of a repository.
pub(super) struct Tree {
    /// The root of the working tree, without links.
    root: PathBuf,
    /// The object of each file by its path from the root.
    objects: BTreeMap<String, String>,
    reader: RefCell<Reader>,
}

impl Tree {
    /// Opens a revision of the repository that the sources are in.
    ///
    /// # Errors
    /// git is missing, the sources are in no repository, or it has no such revision.
    pub(super) fn open(revision: &str, mappings: &[Mapping]) -> Result<Self, String> {
        if revision.is_empty() || revision.starts_with('-') {
            return Err(format!("--against={revision}: This is no file, no directory and no revision."));
        }
        let start = mappings.first().map_or(Path::new("."), |mapping| &mapping.disk_path);
        let start = if start.as_os_str().is_empty() { Path::new(".") } else { start };
        let start = if start.is_file() { start.parent().unwrap_or(start) } else { start };
        let unknown =
            |why: &str| format!("--against={revision}: There is no such file or directory, and {why}");
        let root = git(start, &["rev-parse", "--show-toplevel"])?
            .map_err(|said| unknown(&format!("{} is in no git repository: {said}", start.display())))?;
        let root = PathBuf::from(root.trim_end_matches('\n'));
        let root = fs::canonicalize(&root)
            .map_err(|error| format!("{}: {}", root.display(), driver::reason(&error)))?;
        let peeled = format!("{revision}^{{commit}}");
        let commit = git(&root, &["rev-parse", "--verify", "--quiet", &peeled])?
            .map_err(|_| unknown(&format!("git knows no such revision in {}.", root.display())))?;
        let commit = commit.trim();
        let list = git(&root, &["ls-tree", "-r", "-z", commit])?
            .map_err(|said| format!("git cannot list the files of {revision}: {said}"))?;
        let objects = list.split('\0').filter_map(object_of_line).collect();
        let reader = RefCell::new(Reader::start(&root)?);
        Ok(Self { root, objects, reader })
    }

    /// Where something on disk is in the repository, as a path from its root; `None` where it is outside.
    pub(super) fn path_of(&self, disk: &Path) -> Result<Option<String>, String> {
        let disk = if disk.as_os_str().is_empty() { Path::new(".") } else { disk };
        let full = match fs::canonicalize(disk) {
            Ok(full) => full,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{}: {}", disk.display(), driver::reason(&error))),
        };
        let Ok(path) = full.strip_prefix(&self.root) else { return Ok(None) };
        match path.to_str() {
            Some(path) => Ok(Some(path.to_owned())),
            None => Err(format!("{}: The name is not UTF-8.", disk.display())),
        }
    }

    /// What follows on `path` in the paths of all files at it or below it; nothing for the file itself.
    pub(super) fn below(&self, path: &str) -> impl Iterator<Item = &str> {
        self.objects.keys().filter_map(move |file| {
            let rest = file.strip_prefix(path)?;
            if path.is_empty() || rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
        })
    }

    /// The text of a file, by its path from the root.
    pub(super) fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        match self.objects.get(path) {
            Some(object) => self.reader.borrow_mut().read(object).map(Some),
            None => Ok(None),
        }
    }
}

/// Path and object of a line of `git ls-tree`: `mode type object\tpath`. Links and submodules are no sources.
fn object_of_line(line: &str) -> Option<(String, String)> {
    const LINK: &str = "120000";
    let (entry, path) = line.split_once('\t')?;
    let mut parts = entry.split(' ');
    let (mode, kind, object) = (parts.next()?, parts.next()?, parts.next()?);
    let is_source = mode != LINK && kind == "blob" && path.ends_with(".proto");
    is_source.then(|| (path.to_owned(), object.to_owned()))
}

fn cannot_start(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "git is not installed, or not in the path: it is needed to compare with a revision.".to_owned()
        }
        _ => format!("git cannot be started: {}", driver::reason(error)),
    }
}

/// git in a folder. Which repository that is in is not for the environment to say: a hook sets variables for its own.
fn git_in(folder: &Path) -> Command {
    let mut git = Command::new("git");
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        git.env_remove(variable);
    }
    git.arg("-C").arg(folder);
    git
}

/// Runs git in a folder. The outer error is that it cannot be run; the inner one is what it said.
fn git(folder: &Path, arguments: &[&str]) -> Result<Result<String, String>, String> {
    let output =
        git_in(folder).args(arguments).stdin(Stdio::null()).output().map_err(|error| cannot_start(&error))?;
    if output.status.success() {
        return Ok(Ok(String::from_utf8_lossy(&output.stdout).into_owned()));
    }
    Ok(Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

/// `git cat-file --batch`, which answers one object after the other.
struct Reader {
    child: Child,
    /// Until it is dropped, which ends the program.
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Reader {
    fn start(root: &Path) -> Result<Self, String> {
        let mut child = git_in(root)
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| cannot_start(&error))?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(questions), Some(answers)) => {
                Ok(Self { child, questions: Some(questions), answers: BufReader::new(answers) })
            }
            _ => Err("git cannot be talked to.".to_owned()),
        }
    }

    /// The content of an object.
    fn read(&mut self, object: &str) -> io::Result<Vec<u8>> {
        let unexpected = |said: &str| io::Error::other(format!("git cannot read {object}: {}", said.trim()));
        let questions = self.questions.as_mut().ok_or_else(|| unexpected("it has ended"))?;
        writeln!(questions, "{object}")?;
        questions.flush()?;
        // `object type size`, then the content and the end of a line.
        let mut header = String::new();
        self.answers.read_line(&mut header)?;
        let size: usize = header
            .trim_end()
            .rsplit_once(' ')
            .and_then(|(_, size)| size.parse().ok())
            .filter(|size| *size <= MAX_SOURCE_BYTES)
            .ok_or_else(|| unexpected(&header))?;
        let mut text = Vec::new();
        (&mut self.answers).take(size as u64 + 1).read_to_end(&mut text)?;
        if text.pop() != Some(b'\n') || text.len() != size {
            return Err(unexpected("it has ended"));
        }
        Ok(text)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        drop(self.questions.take());
        // It ends with its questions; one that does not is ended.
        let _already_gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
