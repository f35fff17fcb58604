//! The example programs: prepared in a folder of their own, started, and compared with what they should say.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::console::{note, quote};
use crate::process::{self, Finished, Server};
use crate::project;
use crate::python::Environment;

pub(crate) const PROTOC_LIMIT: Duration = Duration::from_secs(60);
const CLIENT_LIMIT: Duration = Duration::from_secs(60);
const READY_LIMIT: Duration = Duration::from_secs(30);

/// Copies `examples/python/NAME` to `target/demo/NAME` and generates its modules there.
pub(crate) fn prepare(environment: &Environment, name: &str, proto: &str) -> Result<PathBuf, String> {
    let folder = copy(name)?;
    let finished = generate(environment, &folder, proto)?;
    finished.successful("the compiler")?;
    Ok(folder)
}

/// Copies `examples/python/NAME` to `target/demo/NAME`.
pub(crate) fn copy(name: &str) -> Result<PathBuf, String> {
    let folder = project::target().join("demo").join(name);
    project::fresh_folder(&folder)?;
    project::copy_folder(&project::root().join("examples/python").join(name), &folder)?;
    Ok(folder)
}

/// Runs the compiler as every grpcio user does.
pub(crate) fn generate(environment: &Environment, folder: &Path, proto: &str) -> Result<Finished, String> {
    let mut protoc = environment.python();
    protoc.current_dir(folder);
    protoc.args(["-m", "grpc_tools.protoc", "-I.", "--python_out=.", "--grpc_python_out=.", proto]);
    ran(&protoc);
    process::capture(&mut protoc, PROTOC_LIMIT)
}

/// Shows a command before it runs.
pub(crate) fn ran(command: &Command) {
    let place = command.get_current_dir().unwrap_or(Path::new("."));
    let place = place.strip_prefix(project::root()).unwrap_or(place);
    note(&format!("{} $ {}", place.display(), process::typed(command)));
}

/// A Python program of a prepared folder.
pub(crate) fn script(environment: &Environment, folder: &Path, file: &str) -> Command {
    let mut command = environment.python();
    command.current_dir(folder).arg(file);
    command
}

/// Starts a server that says `... listens on ADDRESS` when it is ready.
pub(crate) fn serve(mut command: Command) -> Result<Server, String> {
    ran(&command);
    let server = Server::start(&mut command, "listens on", READY_LIMIT)?;
    quote(&server.ready_line);
    Ok(server)
}

/// Runs a client against a running server and compares what it prints.
pub(crate) fn ask(server: &mut Server, mut client: Command, expected: &str) -> Result<String, String> {
    ran(&client);
    let finished = process::capture(&mut client, CLIENT_LIMIT)?;
    quote(&finished.stdout);
    if !finished.status.success() {
        quote(&finished.stderr);
        return Err(server.failure(&format!(
            "answered a client that ended with {}: {}",
            finished.status,
            process::last_lines(&finished.stderr, 3).trim()
        )));
    }
    if !server.is_running() {
        return Err(server.failure("ended while it was asked"));
    }
    same_lines(&finished.stdout, expected)?;
    let last = finished.stdout.lines().last().unwrap_or_default();
    Ok(match finished.stdout.lines().count() {
        1 => last.to_owned(),
        count => format!("{count} lines as expected, the last: {last}"),
    })
}

/// Compares line by line. In an expected line `*` stands for whatever may differ from run to run.
pub(crate) fn same_lines(got: &str, expected: &str) -> Result<(), String> {
    let mut got = got.lines();
    for (number, wanted) in expected.lines().enumerate() {
        let line = got.next();
        if !line.is_some_and(|line| fits(line, wanted)) {
            let line = line.map_or("nothing".to_owned(), |line| format!("{line:?}"));
            return Err(format!("line {} is {line}, expected {wanted:?}", number + 1));
        }
    }
    got.next().map_or(Ok(()), |line| Err(format!("more than expected: {line:?}")))
}

fn fits(line: &str, wanted: &str) -> bool {
    match wanted.split_once('*') {
        None => line == wanted,
        Some((before, after)) => {
            line.len() >= before.len() + after.len() && line.starts_with(before) && line.ends_with(after)
        }
    }
}

/// What the client of an example prints.
pub(crate) fn expected(name: &str) -> Result<String, String> {
    let path = project::root().join("examples/python").join(name).join("expected.txt");
    std::fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// A port of the loopback interface that is free now.
pub(crate) fn free_port() -> Result<u16, String> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("cannot find a free port on 127.0.0.1: {error}"))
}

/// Whether this port can be listened on, which it cannot while another program does.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::same_lines;

    #[test]
    fn a_star_stands_for_what_may_differ() {
        assert_eq!(same_lines("took 3 seconds\n", "took * seconds\n"), Ok(()));
        assert!(same_lines("took 3 minutes\n", "took * seconds\n").is_err());
    }

    #[test]
    fn missing_and_surplus_lines_are_told() {
        assert!(same_lines("a\n", "a\nb\n").unwrap_err().contains("line 2 is nothing"));
        assert!(same_lines("a\nb\n", "a\n").unwrap_err().contains("\"b\""));
    }
}
