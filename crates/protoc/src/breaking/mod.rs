//! `carom-protoc breaking`: what has changed since an earlier version of the sources that breaks programs or data, by
//! the rules of buf, under its names and at its places.
//!
//! ```text
//! --against → previous version (directory, descriptor set, git revision), compiled ─┐
//! inputs → new version, compiled ───────────────────────────────────────────────────┴→ pairs → rules → findings
//! ```
//! A rule is a function below `rules`, called as it is named: `ENUM_SAME_TYPE` is `rules::enums::same_type`.

mod git;
mod pairs;
mod previous;
mod rules;

use std::{ffi::OsString, io::Write};

use pairs::{Context, Version};
use previous::Previous;

use crate::{
    check::{
        Command,
        arguments::Flags,
        inputs::Inputs,
        rule::{self, Report},
        view::FileView,
    },
    driver::Options,
    ir::FileId,
    session::Compilation,
};

type Check = fn(&Context<'_>, &mut Report);

const FLAGS: Flags = Flags { switches: &[], valued: &["--against"] };

const HELP: &str = "\
Usage: carom-protoc breaking --against=FILE|DIRECTORY|REVISION [OPTION] FILES|DIRECTORIES
Check .proto files against an earlier version of them, for changes that break programs or data. A directory stands for
all .proto files below it.
  --against=FILE             The earlier version as a FileDescriptorSet, as --descriptor_set_out writes it.
  --against=DIRECTORY        ... as a directory of .proto files, itself the root of imports.
  --against=REVISION         ... as a git revision (a branch, a tag, a commit) of the repository that the sources are in.
                             What is a file or a directory is taken as such: write refs/heads/NAME for a branch of that
                             name.
  -IPATH, --proto_path=PATH  Directory in which to search for imports, as for compiling. Default: the directories that
                             are checked, or the current one for files.
  --category=LIST            Apply the rules of these categories, with commas between:
                             FILE (the default) keeps generated code compiling, file by file; PACKAGE the same, but for
                             what moves within a package; WIRE_JSON keeps binary and JSON data readable; WIRE binary data.
  --rules=LIST               Apply these rules, or categories, in place of those.
  --except=LIST              Leave these rules, or categories, out.
  --list-rules               Show all rules with their categories and exit.
  --error_format=FORMAT      Form of findings: text (default), gcc, msvs or json.
  --json                     One JSON object a line, with path (unless the file is gone), start_line, start_column,
                             end_line, end_column, type (the rule), message and suggestion.
  -h, --help                 Show this text and exit.
Exit code: 0 where nothing was found, 100 where something was, 1 where files cannot be read or do not compile.
";

const COMMAND: Command<Check> =
    Command { help: HELP, flags: FLAGS, rules: rules::TABLE, default_category: "FILE" };

/// Runs the command. `args` do not contain its name. Returns the exit code.
pub(crate) fn run(
    options: Options,
    args: &[OsString],
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> i32 {
    COMMAND.run(options.source_lines, args, stdout, stderr, |arguments, rules, output| {
        let bundled = options.bundled_includes;
        let against =
            arguments.value("--against").ok_or("Missing flag: --against=FILE|DIRECTORY|REVISION")?;
        let inputs = Inputs::find(arguments.mappings.clone(), &arguments.inputs, bundled)?;
        let previous = Previous::open(against, &inputs, &arguments.inputs, bundled)?;
        let (new, old) = match (inputs.compile(), previous.compile()) {
            (Ok(new), Ok(old)) => (new, old),
            (new, old) => {
                let errors = [new.err(), old.err()].into_iter().flatten();
                return output.errors(&errors.flatten().collect::<Vec<_>>());
            }
        };
        let context = Context {
            old: version(&old, old.requested_ids(), &|name| name.to_owned()),
            new: version(&new, new.all_ids(), &|name| inputs.shown(name)),
        };
        output.findings(rule::apply(rules, None, |check, report| check(&context, report)))
    })
}

fn version<'a>(
    compilation: &'a Compilation,
    files: &[FileId],
    shown: &dyn Fn(&str) -> String,
) -> Version<'a> {
    let pool = compilation.pool();
    let view = |id: &FileId| FileView::new(pool, *id, shown(pool.file(*id).source.name()));
    Version::new(pool, files.iter().map(view).collect())
}
