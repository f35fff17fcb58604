//! The files that are compiled, in batches that can be compiled together.

use std::path::{Path, PathBuf};

use super::tools::Tools;
use crate::project;

/// Files of one origin.
pub(crate) struct Corpus {
    pub(crate) name: &'static str,
    pub(crate) includes: Vec<PathBuf>,
    pub(crate) batches: Vec<Batch>,
}

/// Files for one run, by their import names.
pub(crate) struct Batch {
    pub(crate) files: Vec<String>,
    /// Whether grpcio-tools knows all that is in them.
    pub(crate) python: bool,
}

impl Batch {
    /// Whether protoc has to be told that edition UNSTABLE is meant.
    pub(super) fn is_experimental(&self) -> bool {
        self.files.iter().any(|file| file.ends_with(UNSTABLE))
    }

    pub(crate) fn name(&self) -> &str {
        match self.files.as_slice() {
            [file] => file,
            _ => "all files",
        }
    }
}

/// Protobuf's own tests, which use the same names more than once.
const PROTOBUF_TESTS: &str = "google/protobuf/";
/// What protoc 36 takes only as an experiment.
const UNSTABLE: &str = "_unstable.proto";

/// All corpora; with `short` those that are small.
pub(crate) fn all(tools: &Tools, short: bool) -> Result<Vec<Corpus>, String> {
    let mut corpora = vec![
        own(tools)?,
        common(tools)?,
        Corpus {
            name: "protobuf",
            batches: singly(protos(&tools.include())?, short),
            includes: vec![tools.include()],
        },
    ];
    if let Some(root) = tools.google() {
        let (tests, rest): (Vec<String>, Vec<String>) =
            protos(root)?.into_iter().partition(|file| file.starts_with(PROTOBUF_TESTS));
        corpora.push(Corpus {
            name: "google-proto-files",
            batches: vec![Batch { files: rest, python: true }],
            includes: vec![root.to_path_buf(), tools.include()],
        });
        corpora.push(Corpus {
            name: "protobuf's tests",
            batches: singly(tests, false),
            includes: vec![root.to_path_buf(), tools.include()],
        });
    }
    if let Some(root) = tools.envoy() {
        let includes = project_folders(root)?;
        let mut files = Vec::new();
        for include in &includes {
            files.extend(protos(include)?);
        }
        files.sort();
        files.dedup();
        let includes = [includes, vec![tools.include()]].concat();
        corpora.push(Corpus { name: "envoy-types", batches: vec![Batch { files, python: true }], includes });
    }
    Ok(corpora)
}

/// The corpora that plugins are run on. The first one has what others import of it.
pub(super) fn for_plugins(tools: &Tools) -> Result<Vec<Corpus>, String> {
    let well_known = Corpus {
        name: "well-known files",
        batches: vec![Batch { files: below(&tools.include(), "google")?, python: true }],
        includes: vec![tools.include()],
    };
    Ok(vec![well_known, common(tools)?, own(tools)?])
}

fn own(tools: &Tools) -> Result<Corpus, String> {
    let own = project::root().join("crates/protoc/tests/valid");
    Ok(Corpus {
        name: "own files",
        batches: vec![Batch { files: protos(&own)?, python: true }],
        includes: vec![own, tools.include()],
    })
}

fn common(tools: &Tools) -> Result<Corpus, String> {
    Ok(Corpus {
        name: "googleapis-common-protos",
        batches: vec![Batch { files: below(tools.python_packages(), "google")?, python: true }],
        includes: vec![tools.python_packages().to_path_buf(), tools.include()],
    })
}

/// One batch a file. In the short form only the conformance messages, which use most of the language.
fn singly(files: Vec<String>, short: bool) -> Vec<Batch> {
    files
        .into_iter()
        .filter(|file| !short || file.starts_with("conformance/messages/"))
        .map(|file| {
            // The protoc in grpcio-tools does not know edition 2026.
            let python = !USE_EDITION_2026.contains(&file.as_str()) && !file.ends_with(UNSTABLE);
            Batch { files: vec![file], python }
        })
        .collect()
}

const USE_EDITION_2026: [&str; 5] = [
    "google/protobuf/internal_options.proto",
    "google/protobuf/json/json_enumval_custom_string.proto",
    "google/protobuf/late_loaded_option.proto",
    "google/protobuf/late_loaded_option_user.proto",
    "google/protobuf/sample_messages_edition.proto",
];

/// The import names of the `.proto` files below a root.
fn protos(root: &Path) -> Result<Vec<String>, String> {
    let files = project::files_below(root)?;
    let is_proto = |file: &&PathBuf| file.extension().is_some_and(|extension| extension == "proto");
    let name = |file: &PathBuf| Some(file.strip_prefix(root).ok()?.to_string_lossy().into_owned());
    Ok(files.iter().filter(is_proto).filter_map(name).collect())
}

fn below(root: &Path, folder: &str) -> Result<Vec<String>, String> {
    Ok(protos(&root.join(folder))?.into_iter().map(|file| format!("{folder}/{file}")).collect())
}

/// The folders of a collection of projects, each of which imports are relative to.
fn project_folders(root: &Path) -> Result<Vec<PathBuf>, String> {
    let fail = |error: std::io::Error| format!("cannot read {}: {error}", root.display());
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(root).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        // Some projects keep them one level down.
        let inner = ["proto", "api"].map(|name| path.join(name)).into_iter().find(|path| path.is_dir());
        if path.is_dir() {
            folders.push(inner.unwrap_or(path));
        }
    }
    folders.sort();
    Ok(folders)
}
