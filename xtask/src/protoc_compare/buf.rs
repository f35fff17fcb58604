//! `lint` and `breaking` beside buf: both have to find the same rules broken at the same places.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::tools::Tools;
use crate::console::note;
use crate::{process, project};

const RUN_LIMIT: Duration = Duration::from_secs(600);

/// How a program counts columns.
#[derive(Clone, Copy)]
struct Columns {
    tab_width: usize,
    /// Whether a character counts once however many bytes it has.
    characters: bool,
}

const BUF: Columns = Columns { tab_width: 4, characters: true };
/// As protoc.
const CAROM: Columns = Columns { tab_width: 8, characters: false };

const DEFAULT: &[u8] = b"default";

/// How often each finding came: `file:line:byte: RULE`.
type Findings = BTreeMap<String, usize>;

/// How many findings both have, and each that one has more often than the other, by the line that may list it.
pub(super) struct Compared {
    pub(super) agreed: usize,
    pub(super) differences: Vec<(String, String)>,
}

/// Compares all corpora; with `short` those that take seconds.
pub(super) fn compare(tools: &Tools, short: bool) -> Result<Compared, String> {
    let mut all = Compared { agreed: 0, differences: Vec::new() };
    let scratch = project::cache().join("protoc-compare/rules");
    project::fresh_folder(&scratch)?;
    let tests = project::root().join("crates/protoc/tests");
    let common = scratch.join("common");
    project::copy_folder(&tools.python_packages().join("google"), &common.join("google"))?;
    let old_common = tools.old_common_protos();
    all.lint(tools, "own files", &tests.join("lint"))?;
    all.lint(tools, "googleapis-common-protos", &common)?;
    for category in CATEGORIES {
        let versions = [tests.join("breaking/before"), tests.join("breaking/after")];
        all.breaking(tools, "own files", &versions, &[category])?;
        all.breaking(
            tools,
            "googleapis-common-protos",
            &[old_common.to_path_buf(), common.clone()],
            &[category],
        )?;
    }
    if let (Some(old), Some(new)) = (tools.old_google(), tools.google())
        && !short
    {
        let versions = [scratch.join("google-before"), scratch.join("google")];
        for (from, to) in [old, new].into_iter().zip(&versions) {
            project::copy_folder(from, to)?;
            // Protobuf's own tests, which use the same names more than once.
            let tests = to.join("google/protobuf");
            fs::remove_dir_all(&tests)
                .map_err(|error| format!("cannot remove {}: {error}", tests.display()))?;
        }
        all.lint(tools, "google-proto-files", &versions[1])?;
        all.breaking(tools, "google-proto-files", &versions, &CATEGORIES)?;
    }
    // What two categories have in common differs in both.
    all.differences.sort();
    all.differences.dedup_by(|one, other| one.0 == other.0);
    Ok(all)
}

/// The categories of `breaking`.
const CATEGORIES: [&str; 4] = ["FILE", "PACKAGE", "WIRE_JSON", "WIRE"];

impl Compared {
    fn lint(&mut self, tools: &Tools, name: &str, root: &Path) -> Result<(), String> {
        let further = r#""use":["COMMENTS","UNARY_RPC","STABLE_PACKAGE_NO_IMPORT_UNSTABLE"]"#;
        for (rules, chosen) in [
            ("STANDARD", r#""use":["STANDARD"],"except":["PROTOVALIDATE"]"#),
            ("COMMENTS,UNARY_RPC,STABLE_PACKAGE_NO_IMPORT_UNSTABLE", further),
        ] {
            let config = format!(r#"{{"version":"v2","lint":{{{chosen}}}}}"#);
            let mut buf = tools.buf();
            buf.args(["lint", ".", "--error-format", "msvs", "--config", &config]);
            let theirs = findings(&mut buf, root, BUF)?;
            let mut carom = tools.carom();
            let ours =
                findings(carom.args(["lint", ".", "--error_format=msvs", "--rules", rules]), root, CAROM)?;
            self.add(&format!("lint: {name}"), &theirs, &ours);
        }
        Ok(())
    }

    /// Compares what each of two versions breaks of the other.
    fn breaking(
        &mut self,
        tools: &Tools,
        name: &str,
        [before, after]: &[PathBuf; 2],
        categories: &[&str],
    ) -> Result<(), String> {
        let listed: Vec<String> = categories.iter().map(|category| format!("\"{category}\"")).collect();
        let config = format!(r#"{{"version":"v2","breaking":{{"use":[{}]}}}}"#, listed.join(","));
        for (direction, old, new) in [("forth", before, after), ("back", after, before)] {
            let mut buf = tools.buf();
            buf.args(["breaking", ".", "--error-format", "msvs", "--config", &config, "--against"]).arg(old);
            let theirs = findings(&mut buf, new, BUF)?;
            let mut carom = tools.carom();
            carom.args(["breaking", ".", "--error_format=msvs", "--category", &categories.join(",")]);
            let ours = findings(carom.arg("--against").arg(old), new, CAROM)?;
            note(&format!("categories {}", categories.join(", ")));
            self.add(&format!("breaking {direction}: {name}"), &theirs, &ours);
        }
        Ok(())
    }

    fn add(&mut self, name: &str, theirs: &Findings, ours: &Findings) {
        let both = |(finding, count): &(&String, &usize)| ours.get(*finding) == Some(count);
        let agreed: usize = theirs.iter().filter(both).map(|(_, count)| count).sum();
        note(&format!("{name}: {agreed} findings"));
        self.agreed += agreed;
        let all: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
        for finding in all {
            let times = |findings: &Findings| findings.get(finding).copied().unwrap_or_default();
            let (buf, carom) = (times(theirs), times(ours));
            if buf != carom {
                let difference = format!("found {buf} times by buf and {carom} times by us");
                self.differences.push((format!("{name}: {finding}"), difference));
            }
        }
    }
}

/// Runs a program in a folder and reads its findings, which are more than is kept of an output: they go by way of a
/// file.
fn findings(command: &mut Command, root: &Path, columns: Columns) -> Result<Findings, String> {
    let out = &project::cache().join("protoc-compare/findings.txt");
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$@\" > \"$0\""]).arg(out).arg(command.get_program()).args(command.get_args());
    let finished = process::capture(shell.current_dir(root), RUN_LIMIT)?;
    let text = fs::read_to_string(out).map_err(|error| format!("cannot read {}: {error}", out.display()))?;
    // 100 says that there are findings.
    if finished.status.code() != Some(if text.is_empty() { 0 } else { 100 }) {
        let said = process::last_lines(&format!("{text}{}", finished.stderr), 20);
        return Err(format!(
            "`{}` in {} ended with {}:\n{said}",
            process::typed(command),
            root.display(),
            finished.status
        ));
    }
    let mut lines_of: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    let mut findings = Findings::new();
    for line in text.lines() {
        let (file, row, column, rule) =
            parse(line).ok_or_else(|| format!("`{}` printed: {line}", process::typed(command)))?;
        let lines = lines_of.entry(file.to_owned()).or_insert_with(|| {
            let text = fs::read(root.join(file)).unwrap_or_default();
            text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
        });
        let text = lines.get(row - 1).map_or(&[][..], Vec::as_slice);
        let mut byte = columns.byte(text, column);
        if rule == "FIELD_SAME_DEFAULT" {
            // buf's place is the word `default`; ours is that of descriptors, the value.
            let upto = &text[..(byte - 1 + DEFAULT.len()).min(text.len())];
            byte = upto.windows(DEFAULT.len()).rposition(|word| word == DEFAULT).map_or(byte, |at| at + 1);
        }
        // How each calls a file that is gone.
        let file = if file == "<input>" { "<deleted>" } else { file };
        *findings.entry(format!("{file}:{row}:{byte}: {rule}")).or_default() += 1;
    }
    Ok(findings)
}

/// `file(line,column) : error RULE : message`
fn parse(line: &str) -> Option<(&str, usize, usize, &str)> {
    let (place, rest) = line.split_once(") : error ")?;
    let (file, place) = place.rsplit_once('(')?;
    let (row, column) = place.split_once(',')?;
    let (rule, _) = rest.split_once(" : ")?;
    Some((file, row.parse().ok().filter(|row| *row > 0)?, column.parse().ok()?, rule))
}

impl Columns {
    /// The byte of a line, from 1, that a column means.
    fn byte(self, line: &[u8], column: usize) -> usize {
        let mut at = 0;
        for (index, byte) in line.iter().enumerate() {
            let continues = self.characters && byte & 0xc0 == 0x80;
            if at + 1 >= column && !continues {
                return index + 1;
            }
            at += match byte {
                b'\t' => self.tab_width - at % self.tab_width,
                _ => usize::from(!continues),
            };
        }
        line.len() + 1
    }
}

#[cfg(test)]
mod tests;
