//! Plugins that others wrote, run by protoc and by Carom: what they generate has to be the same.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::corpora::{self, Batch, Corpus};
use super::tools::Tools;
use super::{both, run_compiler};
use crate::console::note;
use crate::packages::{self, Needed};
use crate::{process, project, python};

const FETCH_LIMIT: Duration = Duration::from_secs(600);

const GO: &str = "v1.36.12";
const GO_GRPC: &str = "v1.6.2";
const ES: &str = "2.17.0";
/// Debian's, and older than the generator that is built in.
const GRPC_PYTHON: &str = "/usr/bin/grpc_python_plugin";
const MYPY: &str = "mypy-protobuf==5.1.0";

/// A plugin, and what is to be known to run it.
struct Plugin {
    /// `X` of `--X_out`: not always its own name, which may be that of a generator that is built in.
    name: &'static str,
    options: &'static str,
    install: fn() -> Result<PathBuf, String>,
    /// Whether each file needs a Go package, by option where it names none.
    go: bool,
    /// Whether it knows editions.
    editions: bool,
    /// Our own files that it refuses: a message set, or names that only a newer protobuf lets pass.
    without: &'static [&'static str],
    /// Whether it is quick to install.
    short: bool,
}

const PLUGINS: [Plugin; 6] = [
    Plugin {
        name: "go",
        options: "paths=source_relative",
        install: || go("protoc-gen-go", "google.golang.org/protobuf/cmd/protoc-gen-go", GO),
        go: true,
        editions: true,
        without: &["lang2.proto", "lang3.proto"],
        short: false,
    },
    Plugin {
        name: "go-grpc",
        options: "paths=source_relative",
        install: || go("protoc-gen-go-grpc", "google.golang.org/grpc/cmd/protoc-gen-go-grpc", GO_GRPC),
        go: true,
        editions: true,
        without: &["lang2.proto", "lang3.proto"],
        short: false,
    },
    Plugin {
        name: "es",
        options: "target=ts+js+dts",
        install: es,
        go: false,
        editions: true,
        without: &[],
        short: false,
    },
    Plugin {
        name: "grpc-python-of-debian",
        options: "",
        install: grpc_python,
        go: false,
        editions: false,
        without: &["lang3.proto"],
        short: false,
    },
    Plugin {
        name: "mypy",
        options: "",
        install: || mypy("protoc-gen-mypy"),
        go: false,
        editions: true,
        without: &[],
        short: true,
    },
    Plugin {
        name: "mypy_grpc",
        options: "",
        install: || mypy("protoc-gen-mypy_grpc"),
        go: false,
        editions: true,
        without: &[],
        short: true,
    },
];

fn folder() -> PathBuf {
    project::cache().join("protoc-compare/plugins")
}

fn go(name: &str, package: &str, version: &str) -> Result<PathBuf, String> {
    let folder = folder().join(version);
    packages::go_install(&folder, &[name], &[format!("{package}@{version}")])?;
    Ok(folder.join(name))
}

fn es() -> Result<PathBuf, String> {
    packages::ensure(&[
        Needed { program: "node", package: "nodejs" },
        Needed { program: "npm", package: "npm" },
    ])?;
    let folder = folder().join(format!("es-{ES}"));
    let program = folder.join("node_modules/.bin/protoc-gen-es");
    if !program.exists() {
        project::fresh_folder(&folder)?;
        let mut npm = Command::new("npm");
        npm.current_dir(&folder).args([
            "install",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--prefix",
            ".",
        ]);
        process::quietly(npm.arg(format!("@bufbuild/protoc-gen-es@{ES}")), FETCH_LIMIT)?;
    }
    Ok(program)
}

fn grpc_python() -> Result<PathBuf, String> {
    let program = PathBuf::from(GRPC_PYTHON);
    if !program.exists() {
        packages::install(&["protobuf-compiler-grpc"])?;
    }
    Ok(program)
}

fn mypy(name: &str) -> Result<PathBuf, String> {
    let environment = python::tools()?;
    environment.ensure_packages("mypy-protobuf", &[MYPY])?;
    Ok(environment.script(name))
}

/// The outcome of each comparison: what was compared, and what differs, if anything does.
pub(super) fn compare(
    tools: &Tools,
    scratch: &Path,
    short: bool,
) -> Result<Vec<(String, Option<String>)>, String> {
    let corpora = corpora::for_plugins(tools)?;
    let mut found = Vec::new();
    for plugin in PLUGINS.iter().filter(|plugin| plugin.short || !short) {
        let program = (plugin.install)()?;
        let (mut files, mut count) = (0, 0);
        for corpus in &corpora {
            let batch = Batch { files: plugin.files(corpus)?, python: false };
            let options = match plugin.go {
                // What is imported needs a package too, and it is among the first corpus or in this one.
                true => format!("{}{}", plugin.options, go_packages(&[&corpora[0], corpus])?),
                false => plugin.options.to_owned(),
            };
            let difference = plugin.compare(tools, &program, &options, corpus, &batch, scratch)?;
            found.push((format!("{}: all files: plugin {}", corpus.name, plugin.name), difference));
            files += batch.files.len();
            count += 1;
        }
        note(&format!("plugin {}: {files} files, {count} comparisons", plugin.name));
    }
    Ok(found)
}

impl Plugin {
    /// The files of a corpus that it knows.
    fn files(&self, corpus: &Corpus) -> Result<Vec<String>, String> {
        let mut files = Vec::new();
        for file in corpus.batches.iter().flat_map(|batch| &batch.files) {
            let is_edition =
                || Ok::<_, String>(source(corpus, file)?.lines().any(|line| line.starts_with("edition")));
            if !self.without.contains(&file.as_str()) && (self.editions || !is_edition()?) {
                files.push(file.clone());
            }
        }
        Ok(files)
    }

    fn compare(
        &self,
        tools: &Tools,
        program: &Path,
        options: &str,
        corpus: &Corpus,
        batch: &Batch,
        scratch: &Path,
    ) -> Result<Option<String>, String> {
        let name = self.name;
        let mut refused = None;
        let make = |command: Command, out: &Path| {
            let made = run_compiler(command, corpus, batch, |command| {
                command.arg(format!("--plugin=protoc-gen-{name}={}", program.display()));
                command.arg(format!("--{name}_out={options}:{}", out.display()));
            });
            if let Err(reason) = made {
                refused = Some(reason.clone());
                return Err(reason);
            }
            project::files_below(out)?.iter().try_for_each(|file| without_compiler_version(file))
        };
        let difference = both(scratch, [tools.protoc(), tools.carom()], make)?;
        // A plugin that refuses its files compares nothing, even if it does so with either compiler.
        Ok(difference.or(refused))
    }
}

/// Options that give a Go package to each file that names none.
fn go_packages(corpora: &[&Corpus]) -> Result<String, String> {
    let mut options = BTreeSet::new();
    for corpus in corpora {
        for file in corpus.batches.iter().flat_map(|batch| &batch.files) {
            if !source(corpus, file)?.contains("option go_package") {
                let package = file.trim_end_matches(".proto");
                options.insert(format!(",M{file}=example.com/{package}"));
            }
        }
    }
    Ok(options.into_iter().collect())
}

/// The text of a file, by its import name.
fn source(corpus: &Corpus, file: &str) -> Result<String, String> {
    let path = corpus.includes.iter().map(|include| include.join(file)).find(|path| path.exists());
    let path = path.ok_or_else(|| format!("{file} is in no folder of {}", corpus.name))?;
    fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// Takes out the compiler's version, which Go's plugins write at the top of each file: the one thing in which two
/// compilers have to differ.
fn without_compiler_version(file: &Path) -> Result<(), String> {
    let fail = |error: std::io::Error| format!("cannot rewrite {}: {error}", file.display());
    let text = fs::read_to_string(file).map_err(fail)?;
    let is_version = |line: &&str| {
        let words: Vec<&str> = line.split_whitespace().filter(|word| *word != "-").collect();
        matches!(words.as_slice(), ["//", "protoc", version] if version.starts_with("v7."))
    };
    match text.lines().find(is_version) {
        Some(line) => fs::write(file, text.replacen(line, "", 1)).map_err(fail),
        None => Ok(()),
    }
}
