//! The command line of `carom-protoc fmt`.

use std::{
    ffi::OsString,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use super::{
    files,
    report::{self, Finished},
};
use crate::{
    driver::{self, reason},
    protos_below::{Hidden, protos_below},
};

const HELP: &str = "\
Usage: carom-protoc fmt [OPTION] [FILES|DIRECTORIES|-]
Format .proto files in the style of `buf format`. One file, or - for the standard input, is printed formatted. A
directory stands for all .proto files below it, but for hidden directories; several files need one of the options.
  -w, --write   Rewrite files that are not formatted. Without FILES: those below the current directory.
  --check       Print the paths of files that are not formatted.
  -d, --diff    Print what changes, as a unified diff.
  --json        Print one JSON object a file, with path, changed, errors (each with line, column and message; line and
                column only where there is a place), and with --diff also diff.
  -h, --help    Show this text and exit.
Exit code: 0; 100 where --check, --diff or --json found files that are not formatted; 1 where files cannot be read,
parsed or written. Such a file is left as it is, and the others are done.
";

/// At least one file is not formatted.
const NOT_FORMATTED: i32 = 100;

/// What is formatted.
enum Inputs {
    Stdin,
    Files(Vec<PathBuf>),
}

/// What the arguments say.
#[derive(Debug, Default)]
struct Arguments {
    inputs: Vec<OsString>,
    write: bool,
    check: bool,
    diff: bool,
    json: bool,
    help: bool,
}

impl Arguments {
    fn parse(arguments: &[OsString]) -> Result<Self, String> {
        let mut parsed = Self::default();
        let mut flags_are_over = false;
        for argument in arguments {
            let text = argument.to_string_lossy();
            if flags_are_over || text == "-" || !text.starts_with('-') {
                parsed.inputs.push(argument.clone());
                continue;
            }
            match text.as_ref() {
                "--" => flags_are_over = true,
                "-w" | "--write" => parsed.write = true,
                "--check" => parsed.check = true,
                "-d" | "--diff" => parsed.diff = true,
                "--json" => parsed.json = true,
                "-h" | "--help" => parsed.help = true,
                _ => {
                    return Err(format!(
                        "Unknown flag: {text}. `carom-protoc fmt --help` lists those there are."
                    ));
                }
            }
        }
        Ok(parsed)
    }

    /// Whether the formatted text itself is what is printed.
    fn prints_text(&self) -> bool {
        !(self.write || self.check || self.diff || self.json)
    }

    /// The files to format.
    fn inputs(&self) -> Result<Inputs, String> {
        let stdin = self.inputs.iter().any(|input| input == "-");
        if stdin && self.inputs.len() > 1 {
            return Err("The standard input cannot be formatted together with files.".to_owned());
        }
        if stdin && self.write {
            return Err("The standard input cannot be rewritten: leave --write out.".to_owned());
        }
        if stdin {
            return Ok(Inputs::Stdin);
        }
        if self.inputs.is_empty() && self.prints_text() {
            return Err("Missing input: name a file, or - for the standard input.".to_owned());
        }
        let here = [OsString::from(".")];
        let inputs = if self.inputs.is_empty() { &here[..] } else { &self.inputs };
        let mut found = Vec::new();
        for input in inputs.iter().map(Path::new) {
            if input.is_dir() {
                found.extend(protos_below(input, Hidden::PassedBy)?);
            } else {
                found.push(PathBuf::from(input));
            }
        }
        found.sort();
        found.dedup();
        if self.prints_text() && found.len() > 1 {
            return Err(format!(
                "{} files cannot be printed as one: add --write, --check, --diff or --json.",
                found.len()
            ));
        }
        Ok(Inputs::Files(found))
    }
}

/// Runs the command. `args` do not contain its name; `stdin` is what `-` stands for. Returns the exit code: 0, 100 where
/// a file is not formatted and the arguments ask for that, 1 where something failed.
pub fn run(
    options: driver::Options,
    args: &[OsString],
    stdin: &mut dyn Read,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> i32 {
    try_run(options, args, stdin, stdout, stderr).unwrap_or_else(|message| {
        // Where even the message cannot be written, the exit code has to say it.
        let _unwritable = writeln!(stderr, "{message}");
        1
    })
}

fn try_run(
    options: driver::Options,
    args: &[OsString],
    stdin: &mut dyn Read,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> Result<i32, String> {
    let unwritable = |error: std::io::Error| format!("Cannot write the output: {}", reason(&error));
    let arguments = Arguments::parse(args)?;
    if arguments.help {
        stdout.write_all(HELP.as_bytes()).map_err(unwritable)?;
        return Ok(0);
    }
    let finished = match arguments.inputs()? {
        Inputs::Stdin => vec![stdin_finished(stdin, &arguments)],
        Inputs::Files(paths) => files::each(&paths, |path| file_finished(path, &arguments)),
    };
    for one in &finished {
        if !arguments.json {
            report::print_errors(one, options.source_lines, stderr).map_err(unwritable)?;
        }
        if arguments.json {
            report::print_json(one, arguments.diff, stdout).map_err(unwritable)?;
        } else if arguments.diff {
            stdout.write_all(one.diff.as_bytes()).map_err(unwritable)?;
        } else if arguments.check && one.changed {
            writeln!(stdout, "{}", one.name).map_err(unwritable)?;
        }
        stdout.write_all(&one.text).map_err(unwritable)?;
    }
    stdout.flush().map_err(unwritable)?;
    let tells = arguments.check || arguments.diff || (arguments.json && !arguments.write);
    Ok(if finished.iter().any(Finished::failed) {
        1
    } else if tells && finished.iter().any(|one| one.changed) {
        NOT_FORMATTED
    } else {
        0
    })
}

/// What errors and diffs call the standard input.
const STDIN: &str = "<stdin>";

fn stdin_finished(stdin: &mut dyn Read, arguments: &Arguments) -> Finished {
    match files::read_from(stdin) {
        Ok(text) => formatted(STDIN, text, arguments).0,
        Err(error) => Finished::unreadable(STDIN, &reason(&error)),
    }
}

fn file_finished(path: &Path, arguments: &Arguments) -> Finished {
    let name = driver::shown(path);
    let text = match files::read(path) {
        Ok(text) => text,
        Err(error) => return Finished::unreadable(&name, &reason(&error)),
    };
    let (mut finished, new) = formatted(&name, text, arguments);
    if arguments.write
        && finished.changed
        && let Err(error) = files::replace(path, &new)
    {
        finished.fail(&format!("Cannot be rewritten: {}", reason(&error)));
    }
    finished
}

/// What there is to tell of a text, and the formatted text.
fn formatted(name: &str, old: Vec<u8>, arguments: &Arguments) -> (Finished, Vec<u8>) {
    let new = match super::format(name, old.clone()) {
        Ok(new) => new,
        Err(diagnostics) => return (Finished::refused(name, diagnostics), Vec::new()),
    };
    let mut finished = Finished::new(name, old != new);
    if arguments.diff {
        finished.diff = super::diff::unified(name, &old, &new);
    }
    if arguments.prints_text() {
        finished.text.clone_from(&new);
    }
    (finished, new)
}

#[cfg(test)]
mod tests;
