//! Commands in front of protoc's command line: a first argument that names one selects it. A file of that name can
//! still be compiled as `./lint`.

use std::{
    ffi::OsString,
    io::{self, IsTerminal, Write},
};

use crate::{breaking, driver, fmt, lint};

/// Runs the command that the first argument names, or else protoc's command line. `args` do not contain the program's
/// name. Returns the exit code: that of [`driver::run_with`], or for the commands 0 where nothing was found,
/// 100 where something was, and 1 where the work could not be done.
pub fn run(
    options: driver::Options,
    args: impl IntoIterator<Item = OsString>,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> i32 {
    let args: Vec<OsString> = args.into_iter().collect();
    // What the rules find goes to the standard output.
    let source_lines = options.source_lines && io::stdout().is_terminal();
    let for_rules = driver::Options { source_lines, ..options };
    let command = args.first().map(|first| first.to_str().unwrap_or_default());
    match command {
        Some("breaking") => breaking::run(for_rules, &args[1..], stdout, stderr),
        Some("fmt") => fmt::run(options, &args[1..], &mut io::stdin().lock(), stdout, stderr),
        Some("lint") => lint::run(for_rules, &args[1..], stdout, stderr),
        None | Some("-h" | "--help") => {
            let code = driver::run_with(options, args, stdout, stderr);
            // Where even the help cannot be written, the exit code has to say it.
            if write!(stdout, "{COMMANDS}").is_err() { 1 } else { code }
        }
        Some(_) => driver::run_with(options, args, stdout, stderr),
    }
}

/// What follows on protoc's help.
const COMMANDS: &str = "
Commands, as the first argument; each has a --help of its own:
  breaking                    Find changes since an earlier version that break programs or data.
  fmt                         Format .proto files.
  lint                        Check .proto files against rules of style.
";
