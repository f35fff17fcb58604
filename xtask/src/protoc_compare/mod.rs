//! `cargo xtask protoc-compare`: the compiler beside protoc and grpcio-tools, on files that others wrote.
//!
//! Descriptor sets, plugin requests and what real plugins generate are compared with protoc 36, generated Python with
//! grpcio-tools, byte for byte; what `lint` and `breaking` find with buf, rule by rule and place by place, and what `fmt` writes with what buf does. A difference
//! is an error unless `crates/protoc/tests/differences.txt` lists it with its reason; one that is listed and does not show
//! is an error too, so that the list can only shrink.

mod buf;
pub(crate) mod corpora;
mod format;
mod plugins;
pub(crate) mod tools;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use corpora::{Batch, Corpus};
use tools::Tools;

use crate::console::{note, step};
use crate::{process, project};

/// The differences that are known: `corpus: file: what # REASON` a line.
const DIFFERENCES: &str = "crates/protoc/tests/differences.txt";

const RUN_LIMIT: Duration = Duration::from_secs(600);

/// What is compared with: protoc 36 and grpcio-tools, what plugins make of our requests, buf.
const PARTS: [&str; 4] = ["protoc", "plugins", "buf", "fmt"];

/// The options of `cargo xtask protoc-compare`.
#[derive(Default)]
pub(crate) struct Options {
    short: bool,
    /// Only these of [`PARTS`].
    only: Option<Vec<String>>,
}

impl Options {
    pub(crate) fn parse(words: &[String]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match (word.as_str(), words.as_slice()) {
                ("--short", _) => options.short = true,
                ("--only", [names, ..]) => {
                    let names: Vec<String> = names.split(',').map(str::to_owned).collect();
                    if let Some(name) = names.iter().find(|name| !PARTS.contains(&name.as_str())) {
                        return Err(format!("there is no part {name:?}, but {}", PARTS.join(", ")));
                    }
                    options.only = Some(names);
                    words.next();
                }
                _ => return Err(format!("protoc-compare takes --short and --only LIST, not {word}")),
            }
        }
        Ok(options)
    }

    fn wants(&self, part: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.iter().any(|one| one == part))
    }
}

/// `cargo xtask protoc-compare`.
pub(crate) fn run(options: Options) -> Result<(), String> {
    compare(&options).map(|summary| note(&summary))
}

/// The comparison that `cargo xtask test` makes: the corpora that are quick to compile.
pub(crate) fn short() -> Result<String, String> {
    compare(&Options { short: true, only: None })
}

/// What is compared of a batch of files: the name, and the flags that make it.
const SETS: [(&str, &[&str]); 4] = [
    ("set", &[]),
    ("set with imports", &["--include_imports"]),
    ("set with source info", &["--include_imports", "--include_source_info"]),
    ("set with all options", &["--include_imports", "--include_source_info", "--retain_options"]),
];
const REQUEST: &str = "plugin request";
const DEFAULTS: &str = "edition defaults";
/// What is compared of generated Python: the name, and the parameter of `--grpc_python_out`.
const PYTHON: [(&str, &str); 2] = [("python", ""), ("python with the beta API", "grpc_1_0,google.:")];

/// What came of the comparisons.
struct Tally {
    /// The differences that are listed and have not shown yet.
    listed: BTreeSet<String>,
    compared: usize,
    wrong: Vec<String>,
}

impl Tally {
    /// Takes what was compared, by the line that may list it, with what differs, if anything does.
    fn take(&mut self, line: &str, difference: Option<String>) {
        self.compared += 1;
        if let Some(difference) = difference
            && !self.listed.remove(line)
        {
            self.wrong.push(format!("{line}: {difference}"));
        }
    }
}

fn compare(options: &Options) -> Result<String, String> {
    let short = options.short;
    step("protoc 36, grpcio-tools, buf and the corpora");
    let tools = Tools::ensure(short)?;
    let scratch = project::cache().join("protoc-compare/out");
    let corpora = corpora::all(&tools, short)?;
    let mut tally =
        Tally { listed: project::entries_with_reasons(DIFFERENCES)?, compared: 0, wrong: Vec::new() };
    if options.wants("protoc") {
        step("Comparing with protoc and grpcio-tools");
        for corpus in &corpora {
            let (mut files, mut count) = (0, 0);
            for batch in &corpus.batches {
                files += batch.files.len();
                for (what, difference) in differences(&tools, corpus, batch, &scratch)? {
                    count += 1;
                    tally.take(&format!("{}: {}: {what}", corpus.name, batch.name()), difference);
                }
            }
            note(&format!("{}: {files} files, {count} comparisons", corpus.name));
        }
    }
    if options.wants("plugins") {
        for (line, difference) in plugins::compare(&tools, &scratch, short)? {
            tally.take(&line, difference);
        }
    }
    if options.wants("buf") {
        step("Comparing with buf");
        let rules = buf::compare(&tools, short)?;
        tally.compared += rules.agreed;
        for (line, difference) in rules.differences {
            tally.take(&line, Some(difference));
        }
    }
    if options.wants("fmt") {
        step("Formatting, beside buf");
        for (line, difference) in format::compare(&tools, &corpora)? {
            tally.take(&line, difference);
        }
    }
    let Tally { listed, compared, mut wrong } = tally;
    if !short && options.only.is_none() {
        wrong.extend(listed.iter().map(|line| format!("{line}: is listed as different and is not")));
    }
    if wrong.is_empty() {
        Ok(format!("{compared} comparisons, no difference that is not listed"))
    } else {
        Err(format!("{} of {compared} comparisons differ:\n{}", wrong.len(), wrong.join("\n")))
    }
}

/// Everything that is compared of a batch, with what differs, if anything does.
fn differences(
    tools: &Tools,
    corpus: &Corpus,
    batch: &Batch,
    scratch: &Path,
) -> Result<Vec<(&'static str, Option<String>)>, String> {
    let mut found = Vec::new();
    for (what, flags) in SETS {
        let make = |command: Command, out: &Path| {
            let target = out.join("set.bin");
            run_compiler(command, corpus, batch, |command| {
                command.args(flags).arg("--descriptor_set_out").arg(&target);
            })
        };
        found.push((what, both(scratch, [tools.protoc(), tools.carom()], make)?));
    }
    let make = |mut command: Command, out: &Path| {
        command.env("CAROM_DUMP", out.join("request.bin"));
        run_compiler(command, corpus, batch, |command| {
            let plugin = format!("--plugin=protoc-gen-dump={}", tools.dump_plugin().display());
            command.arg(plugin).arg("--dump_out").arg(out);
        })?;
        tools::without_version(&out.join("request.bin"))
    };
    found.push((REQUEST, both(scratch, [tools.protoc(), tools.carom()], make)?));
    // Most files know of no features, which is refused: by both, or it is a difference.
    let make = |command: Command, out: &Path| {
        run_compiler(command, corpus, batch, |command| {
            command.arg("--edition_defaults_out").arg(out.join("defaults.bin"));
        })
    };
    found.push((DEFAULTS, both(scratch, [tools.protoc(), tools.carom()], make)?));
    for (what, parameter) in PYTHON.into_iter().filter(|_| batch.python) {
        let make = |command: Command, out: &Path| {
            run_compiler(command, corpus, batch, |command| {
                command.arg("--python_out").arg(out).arg("--pyi_out").arg(out);
                command.arg(format!("--grpc_python_out={parameter}{}", out.display()));
            })
        };
        found.push((what, both(scratch, [tools.grpc_tools(), tools.carom()], make)?));
    }
    Ok(found)
}

/// Compiles a batch; what to make of it `add` says.
fn run_compiler(
    mut command: Command,
    corpus: &Corpus,
    batch: &Batch,
    add: impl FnOnce(&mut Command),
) -> Result<(), String> {
    for include in &corpus.includes {
        command.arg(format!("-I{}", include.display()));
    }
    if batch.is_experimental() {
        command.arg("--experimental_editions");
    }
    add(&mut command);
    // A command line has an end; a file of arguments has none.
    let list = project::cache().join("protoc-compare/files.txt");
    let text: String = batch.files.iter().map(|file| format!("{file}\n")).collect();
    fs::write(&list, text).map_err(|error| format!("cannot write {}: {error}", list.display()))?;
    command.arg(format!("@{}", list.display()));
    process::quietly(&mut command, RUN_LIMIT).map(|_| ())
}

/// Has both programs make the same thing and says how the outcomes differ, if they do. What both refuse is the same.
fn both(
    scratch: &Path,
    programs: [Command; 2],
    mut make: impl FnMut(Command, &Path) -> Result<(), String>,
) -> Result<Option<String>, String> {
    let folders = [scratch.join("theirs"), scratch.join("ours")];
    let mut outcomes = Vec::new();
    for (program, folder) in programs.into_iter().zip(&folders) {
        project::fresh_folder(folder)?;
        outcomes.push(make(program, folder));
    }
    match outcomes.as_slice() {
        [Err(_), Err(_)] => Ok(None),
        [Err(_), _] => Ok(Some("is refused by the other and not by us".to_owned())),
        [_, Err(reason)] => Ok(Some(format!("is refused: {reason}"))),
        _ => first_difference(&folders),
    }
}

fn first_difference(folders: &[PathBuf; 2]) -> Result<Option<String>, String> {
    let names = |folder: &PathBuf| -> Result<Vec<PathBuf>, String> {
        let files = project::files_below(folder)?;
        Ok(files.iter().filter_map(|file| file.strip_prefix(folder).ok()).map(Path::to_path_buf).collect())
    };
    let (theirs, ours) = (names(&folders[0])?, names(&folders[1])?);
    if let Some(name) = theirs.iter().find(|name| !ours.contains(name)) {
        return Ok(Some(format!("{} is missing", name.display())));
    }
    if let Some(name) = ours.iter().find(|name| !theirs.contains(name)) {
        return Ok(Some(format!("{} is too many", name.display())));
    }
    for name in theirs {
        let read = |folder: &PathBuf| {
            fs::read(folder.join(&name)).map_err(|error| format!("cannot read {}: {error}", name.display()))
        };
        let (their_bytes, our_bytes) = (read(&folders[0])?, read(&folders[1])?);
        if their_bytes != our_bytes {
            let at = their_bytes.iter().zip(&our_bytes).take_while(|(one, other)| one == other).count();
            return Ok(Some(format!("{} differs from byte {at} on", name.display())));
        }
    }
    Ok(None)
}
