//! protoc's command line, served by Carom's compiler, and its commands beside it.

use std::{
    env,
    io::{self, IsTerminal},
    process::ExitCode,
};

use carom_protoc::{commands, driver};

fn main() -> ExitCode {
    let options = driver::Options { source_lines: io::stderr().is_terminal(), ..driver::Options::default() };
    let args = env::args_os().skip(1);
    let code = commands::run(options, args, &mut io::stdout().lock(), &mut io::stderr().lock());
    u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
}
