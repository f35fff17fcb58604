//! Which files go into one crate.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::project;
use crate::protoc_compare::corpora::Corpus;

/// Files that become one crate.
pub(super) struct Group {
    pub(super) files: Vec<String>,
    /// How many they are with all that they import, Google's well-known files left out.
    pub(super) with_imports: usize,
}

/// rustc needs about 2 GB of memory for each of these megabytes.
const GROUP_SOURCE: usize = 2 << 20;

/// Types of these files are those of buffa-types and buffa-descriptor; they are not generated.
const WELL_KNOWN: &str = "google/protobuf/";

/// A file of the sample may be so large, so that no single one takes the time of many.
const SAMPLE_SOURCE: u64 = 40_000;

/// The API files of google-proto-files.
pub(super) fn google_files(root: &Path) -> Result<Vec<String>, String> {
    let files = project::files_below(root)?;
    let names =
        files.iter().filter_map(|file| Some(file.strip_prefix(root).ok()?.to_string_lossy().into_owned()));
    Ok(names.filter(|name| name.ends_with(".proto") && !name.starts_with(WELL_KNOWN)).collect())
}

/// About `size` files in an order that has nothing to do with their names, each with all that it imports; always the
/// same ones.
pub(super) fn sample(
    files: &[String],
    failing: &BTreeSet<String>,
    root: &Path,
    size: usize,
) -> Result<Vec<String>, String> {
    let mut order: Vec<&String> = files.iter().collect();
    order.sort_by_key(|file| (hash(file), *file));
    let mut imports = Imports::new(vec![root.to_path_buf()]);
    let mut sample = BTreeSet::new();
    for file in order {
        let closure = imports.closure(std::slice::from_ref(file))?;
        let large =
            |file: &String| fs::metadata(root.join(file)).map_or(0, |data| data.len()) > SAMPLE_SOURCE;
        let fits = sample.union(&closure).count() <= size;
        if fits && !closure.iter().any(|file| failing.contains(file) || large(file)) {
            sample.extend(closure);
        }
        if sample.len() == size {
            break;
        }
    }
    Ok(sample.into_iter().collect())
}

/// The files in two groups of about the same amount of source.
pub(super) fn halves(files: &[String], root: &Path) -> Result<[Vec<String>; 2], String> {
    let (mut halves, mut sizes) = ([Vec::new(), Vec::new()], [0, 0]);
    for file in files {
        let size =
            fs::metadata(root.join(file)).map_err(|error| format!("cannot read {file}: {error}"))?.len();
        let smaller = usize::from(sizes[1] < sizes[0]);
        halves[smaller].push(file.clone());
        sizes[smaller] += size;
    }
    Ok(halves)
}

/// All files of a corpus that are not listed as failing and import none that is: folders together, until a crate is
/// large enough.
pub(super) fn of_corpus(corpus: &Corpus, failing: &BTreeSet<String>) -> Result<Vec<Group>, String> {
    let mut imports = Imports::new(corpus.includes.clone());
    let mut groups = Vec::new();
    for batch in &corpus.batches {
        let mut folders: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for file in &batch.files {
            if imports.closure(std::slice::from_ref(file))?.is_disjoint(failing) {
                let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
                folders.entry(folder).or_default().push(file.clone());
            }
        }
        let mut open: Vec<String> = Vec::new();
        for members in folders.into_values() {
            let together = [open.as_slice(), members.as_slice()].concat();
            if !open.is_empty() && imports.source(&together)? > GROUP_SOURCE {
                groups.push(imports.group(std::mem::take(&mut open))?);
                open = members;
            } else {
                open = together;
            }
        }
        if !open.is_empty() {
            groups.push(imports.group(open)?);
        }
    }
    Ok(groups)
}

/// FNV-1a: the same on every machine and in every version.
fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// What files import, read once each.
struct Imports {
    includes: Vec<PathBuf>,
    known: BTreeMap<String, (Vec<String>, usize)>,
}

impl Imports {
    fn new(includes: Vec<PathBuf>) -> Self {
        Self { includes, known: BTreeMap::new() }
    }

    /// The files and all that they import.
    fn closure(&mut self, files: &[String]) -> Result<BTreeSet<String>, String> {
        let mut closure: BTreeSet<String> = files.iter().cloned().collect();
        let mut open = files.to_vec();
        while let Some(file) = open.pop() {
            for import in &self.of(&file)?.0 {
                if closure.insert(import.clone()) {
                    open.push(import.clone());
                }
            }
        }
        Ok(closure)
    }

    /// The bytes of the closure.
    fn source(&mut self, files: &[String]) -> Result<usize, String> {
        let closure = self.closure(files)?;
        closure.iter().map(|file| self.of(file).map(|(_, size)| *size)).sum()
    }

    fn group(&mut self, files: Vec<String>) -> Result<Group, String> {
        let with_imports = self.closure(&files)?.len();
        Ok(Group { files, with_imports })
    }

    fn of(&mut self, file: &str) -> Result<&(Vec<String>, usize), String> {
        if !self.known.contains_key(file) {
            let path = self.includes.iter().map(|include| include.join(file)).find(|path| path.is_file());
            // What is missing the compiler tells.
            let text = match path {
                Some(path) => fs::read_to_string(&path)
                    .map_err(|error| format!("cannot read {}: {error}", path.display()))?,
                None => String::new(),
            };
            self.known.insert(file.to_owned(), (imported(&text), text.len()));
        }
        Ok(&self.known[file])
    }
}

/// The names that a file's import statements have, Google's well-known files left out.
fn imported(text: &str) -> Vec<String> {
    let statements = text.lines().map(str::trim).filter(|line| line.starts_with("import"));
    let names = statements.filter_map(|line| line.split('"').nth(1));
    names.filter(|name| !name.starts_with(WELL_KNOWN)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::{hash, imported};

    #[test]
    fn imports_are_read() {
        let text = "syntax = \"proto3\";\nimport \"a/b.proto\";\n  import public \"c.proto\"; // why\n\
                    import \"google/protobuf/any.proto\";\nmessage M { string import_id = 1; }\n";
        assert_eq!(imported(text), ["a/b.proto", "c.proto"]);
    }

    #[test]
    fn the_order_of_the_sample_is_fixed() {
        assert_eq!(hash("a"), 0xaf63_dc4c_8601_ec8c);
    }
}
