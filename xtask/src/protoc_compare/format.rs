//! `fmt` beside `buf format`: the same text; and what holds of any file: formatting it again changes nothing, and its
//! descriptors are the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::corpora::{Batch, Corpus};
use super::tools::Tools;
use super::{RUN_LIMIT, run_compiler};
use crate::console::note;
use crate::{process, project};

/// Edition UNSTABLE, which buf does not know.
const UNKNOWN: &str = "_unstable.proto";

/// What was compared, by the line that may list it, with what differs, if anything does.
type Compared = Vec<(String, Option<String>)>;

/// Formats all files of the corpora, and those that are made for it.
pub(super) fn compare(tools: &Tools, corpora: &[Corpus]) -> Result<Compared, String> {
    let made = project::root().join("crates/protoc/tests/format/buf");
    let name = |file: &PathBuf| Some(file.strip_prefix(&made).ok()?.to_string_lossy().into_owned());
    let is_proto = |file: &&PathBuf| file.extension().is_some_and(|extension| extension == "proto");
    let files = project::files_below(&made)?.iter().filter(is_proto).filter_map(name).collect();
    let own =
        Corpus { name: "files for fmt", batches: vec![Batch { files, python: false }], includes: vec![made] };
    let mut compared = Vec::new();
    for corpus in corpora.iter().chain([&own]) {
        compare_corpus(tools, corpus, &mut compared)?;
    }
    Ok(compared)
}

fn compare_corpus(tools: &Tools, corpus: &Corpus, compared: &mut Compared) -> Result<(), String> {
    let scratch = project::cache().join("protoc-compare/format");
    project::fresh_folder(&scratch)?;
    let [original, theirs, ours] = ["original", "theirs", "ours"].map(|name| scratch.join(name));
    let batches: Vec<&Batch> = corpus
        .batches
        .iter()
        .filter(|batch| !batch.files.iter().any(|file| file.ends_with(UNKNOWN)))
        .collect();
    let files: Vec<&String> = batches.iter().flat_map(|batch| &batch.files).collect();
    for file in &files {
        let from = corpus.includes.iter().map(|include| include.join(file)).find(|path| path.is_file());
        let from = from.ok_or_else(|| format!("{file} is not below the folders of {}", corpus.name))?;
        copy(&from, &original.join(file))?;
        copy(&from, &ours.join(file))?;
    }
    let mut buf = tools.buf();
    let started = Instant::now();
    process::quietly(buf.arg("format").arg(&original).arg("-o").arg(&theirs), RUN_LIMIT)?;
    let their_time = started.elapsed();
    let started = Instant::now();
    process::quietly(tools.carom().args(["fmt", "--write"]).arg(&ours), RUN_LIMIT)?;
    let our_time = started.elapsed();
    let line = |what: &str| format!("fmt: {}: {what}", corpus.name);
    let mut same = 0;
    for file in &files {
        let [theirs, ours] = [read(&theirs.join(file))?, read(&ours.join(file))?];
        same += usize::from(theirs == ours);
        compared.push((line(file), first_difference(&theirs, &ours)));
    }
    let mut check = tools.carom();
    let again = process::quietly(check.args(["fmt", "--check"]).arg(&ours), RUN_LIMIT).err();
    compared.push((line("formatted again"), again));
    for batch in batches {
        let difference = set_difference(tools, corpus, batch, [&original, &ours], &scratch)?;
        compared.push((line(&format!("set of {}", batch.name())), difference));
    }
    note(&format!(
        "{}: {same} of {} files as by buf; buf took {:.1} s, carom-protoc {:.1} s",
        corpus.name,
        files.len(),
        their_time.as_secs_f64(),
        our_time.as_secs_f64()
    ));
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let fail = |error: std::io::Error| format!("cannot copy {}: {error}", from.display());
    to.parent().map_or(Ok(()), fs::create_dir_all).map_err(fail)?;
    fs::write(to, fs::read(from).map_err(fail)?).map_err(fail)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn first_difference(theirs: &[u8], ours: &[u8]) -> Option<String> {
    let lines = |text: &[u8]| text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let (theirs, ours) = (lines(theirs), lines(ours));
    let count = theirs.len().max(ours.len());
    (0..count)
        .find(|line| theirs.get(*line) != ours.get(*line))
        .map(|line| format!("differs in line {}", line + 1))
}

/// How the descriptors of a batch differ, once compiled from either folder.
fn set_difference(
    tools: &Tools,
    corpus: &Corpus,
    batch: &Batch,
    folders: [&PathBuf; 2],
    scratch: &Path,
) -> Result<Option<String>, String> {
    let mut sets = Vec::new();
    for folder in folders {
        let includes = [vec![folder.clone()], corpus.includes.clone()].concat();
        let from = Corpus { name: corpus.name, includes, batches: Vec::new() };
        let target = scratch.join("set.bin");
        let compiled = run_compiler(tools.carom(), &from, batch, |command| {
            command.arg("--descriptor_set_out").arg(&target);
        });
        sets.push(match compiled {
            Ok(()) => Some(files_of_set(&read(&target)?).ok_or("a descriptor set cannot be read")?),
            Err(_) => None,
        });
    }
    Ok(match sets.as_slice() {
        [None, None] => None,
        [Some(before), Some(after)] => {
            let name = before.keys().chain(after.keys()).find(|name| before.get(*name) != after.get(*name));
            name.map(|name| format!("the descriptor of {} differs", String::from_utf8_lossy(name)))
        }
        _ => Some("only one of original and formatted files compiles".to_owned()),
    })
}

/// A field of a message: its number and all its bytes.
type Field = (u64, Vec<u8>);

/// The files of a set by name. What formatting sorts, imports and options, is sorted in all of them.
fn files_of_set(set: &[u8]) -> Option<BTreeMap<Vec<u8>, Vec<Field>>> {
    const NAME: u64 = 1;
    const DEPENDENCY: u64 = 3;
    const OPTIONS: u64 = 8;
    const PUBLIC_DEPENDENCY: u64 = 10;
    const WEAK_DEPENDENCY: u64 = 11;
    const OPTION_DEPENDENCY: u64 = 15;
    let mut files = BTreeMap::new();
    for (_, file) in fields(set)? {
        let all = fields(&file)?;
        let name = all.iter().find(|(number, _)| *number == NAME)?.1.clone();
        let dependencies: Vec<&Vec<u8>> =
            all.iter().filter(|(number, _)| *number == DEPENDENCY).map(|(_, path)| path).collect();
        let mut normal = Vec::new();
        let mut sorted = Vec::new();
        for (number, value) in &all {
            match *number {
                DEPENDENCY | OPTION_DEPENDENCY => sorted.push((*number, value.clone())),
                PUBLIC_DEPENDENCY | WEAK_DEPENDENCY => {
                    let (index, _) = varint(value)?;
                    sorted.push((*number, dependencies.get(index as usize)?.to_vec()));
                }
                OPTIONS => {
                    let mut options = fields(value)?;
                    options.sort_by_key(|(number, _)| *number);
                    normal.extend(options.into_iter().map(|(number, value)| (OPTIONS << 32 | number, value)));
                }
                _ => normal.push((*number, value.clone())),
            }
        }
        sorted.sort();
        normal.append(&mut sorted);
        files.insert(name, normal);
    }
    Some(files)
}

/// The fields of a message, each with its content: without tag and length.
fn fields(mut bytes: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let (tag, rest) = varint(bytes)?;
        let (length, rest) = match tag & 7 {
            0 => (rest.len() - varint(rest)?.1.len(), rest),
            1 => (8, rest),
            2 => {
                let (length, rest) = varint(rest)?;
                (usize::try_from(length).ok()?, rest)
            }
            5 => (4, rest),
            _ => return None,
        };
        fields.push((tag >> 3, rest.get(..length)?.to_vec()));
        bytes = &rest[length..];
    }
    Some(fields)
}

/// A number, and what follows it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let length = bytes.iter().take(10).position(|byte| byte & 0x80 == 0)? + 1;
    let value = bytes[..length].iter().rev().fold(0_u64, |value, byte| value << 7 | u64::from(byte & 0x7f));
    Some((value, &bytes[length..]))
}

#[cfg(test)]
mod tests {
    use super::files_of_set;

    #[test]
    fn only_the_order_of_imports_and_options_does_not_matter() {
        let file = |body: &[u8]| files_of_set(&[&[10, body.len() as u8][..], body].concat()).expect("a set");
        let two = b"\x0a\x01x\x1a\x01a\x1a\x01b\x50\x01\x42\x04\x08\x01\x10\x02";
        assert_eq!(file(two), file(b"\x0a\x01x\x1a\x01b\x1a\x01a\x50\x00\x42\x04\x10\x02\x08\x01"));
        assert_ne!(file(two), file(b"\x0a\x01x\x1a\x01a\x1a\x01b\x50\x00\x42\x04\x08\x01\x10\x02"));
        assert_ne!(file(two), file(b"\x0a\x01x\x1a\x01a\x1a\x01b\x50\x01\x42\x04\x08\x01\x10\x03"));
        assert!(files_of_set(b"\x0a\x05x").is_none());
    }
}
