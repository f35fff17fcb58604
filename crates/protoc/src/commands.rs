//! Commands in front of protoc's command line: a first argument that names one selects it. A file of that name can
//! still be compiled as `./fmt`.

use std::{
    ffi::OsString,
    io::{self, Write},
};

use crate::{driver, fmt};

/// Runs the command that the first argument names, or else protoc's command line. `args` do not contain the program's
/// name. Returns the exit code: that of [`driver::run_with`], or that of [`fmt::run`].
pub fn run(
    options: driver::Options,
    args: impl IntoIterator<Item = OsString>,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> i32 {
    let args: Vec<OsString> = args.into_iter().collect();
    let command = args.first().and_then(|first| first.to_str()).unwrap_or_default();
    match command {
        "fmt" => fmt::run(options, &args[1..], &mut io::stdin().lock(), stdout, stderr),
        _ => driver::run_with(options, args, stdout, stderr),
    }
}
