//! h2spec: what a server makes of right and wrong HTTP/2, case by case.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::Trial;
use super::kit::{self, Kit};
use crate::console::{note, step};
use crate::{packages, process, project};

const VERSION: &str = "v2.2.1+incompatible";
const LIMIT: Duration = Duration::from_secs(300);

/// Cases without a report mean that the suite did not run.
const AT_LEAST: usize = 140;

/// Runs the suite against the engine alone, plain and by TLS, and against the gRPC server.
pub(crate) fn run(kit: &Kit, short: bool) -> Result<Vec<Trial>, String> {
    step("h2spec");
    let folder = project::cache().join("peers/h2spec");
    let package = format!("github.com/summerwind/h2spec/cmd/h2spec@{VERSION}");
    packages::go_install(&folder, &["h2spec"], &[package])?;
    let testee = |port: u16| {
        let mut command = kit.program("h2-testee");
        command.arg(port.to_string());
        command
    };
    let mut trials = suite(kit, &folder, "h2spec to carom engine", false, testee)?;
    if !short {
        let tls = |port| {
            let mut command = testee(port);
            command.arg(kit.file("server.pem")).arg(kit.file("server.key"));
            command
        };
        trials.extend(suite(kit, &folder, "h2spec to carom engine, TLS", true, tls)?);
        let grpc = |port: u16| {
            let mut command = kit.program("interop-server");
            command.arg(format!("--port={port}"));
            command
        };
        trials.extend(suite(kit, &folder, "h2spec to carom gRPC server", false, grpc)?);
    }
    Ok(trials)
}

fn suite(
    kit: &Kit,
    folder: &Path,
    place: &str,
    tls: bool,
    testee: impl Fn(u16) -> Command,
) -> Result<Vec<Trial>, String> {
    let (mut server, port) = kit::serve(|port| Some(testee(port)))?;
    let report = kit.file("h2spec.xml");
    let mut h2spec = Command::new(folder.join("h2spec"));
    h2spec.args(["--strict", "--port", &port.to_string(), "--junit-report"]).arg(&report);
    if tls {
        h2spec.args(["--tls", "--insecure"]);
    }
    let start = Instant::now();
    // It fails when a case does; which one, and whether that is expected, the report tells.
    let finished = process::capture(&mut h2spec, LIMIT)?;
    let took = start.elapsed();
    let text = std::fs::read_to_string(&report).map_err(|error| {
        format!("h2spec left no report ({error}); it said:\n{}", process::last_lines(&finished.stderr, 10))
    })?;
    let trials: Vec<Trial> = read(&text)
        .into_iter()
        .map(|(case, outcome)| Trial { place: place.to_owned(), case, outcome, took })
        .collect();
    if trials.len() < AT_LEAST {
        return Err(format!("{place}: h2spec reported {} cases only", trials.len()));
    }
    if !server.is_running() {
        return Err(server.failure("ended under h2spec"));
    }
    let passed = trials.iter().filter(|trial| trial.outcome.is_ok()).count();
    note(&format!("{place}: {passed} of {} cases passed in {:.1} s", trials.len(), took.as_secs_f64()));
    Ok(trials)
}

/// The cases of a JUnit report, named by section and number: `http2/5.1/8`.
fn read(report: &str) -> Vec<(String, Result<(), String>)> {
    let attribute = |text: &str, name: &str| -> String {
        let start = format!("{name}=\"");
        let value = text.split_once(&start).and_then(|(_, rest)| rest.split_once('"'));
        value.map(|(value, _)| value.to_owned()).unwrap_or_default()
    };
    let mut cases: Vec<(String, Result<(), String>)> = Vec::new();
    let (mut section, mut number) = (String::new(), 0);
    for part in report.split("<testcase ").skip(1) {
        let package = attribute(part, "package");
        number = if package == section { number + 1 } else { 1 };
        section = package;
        let body = part.split("</testcase>").next().unwrap_or_default();
        let outcome = if body.contains("<skipped") {
            Err(format!("skipped: {}", attribute(part, "classname")))
        } else if body.contains("<failure") || body.contains("<error") {
            let told = body.split_once("<failure>").map_or("", |(_, told)| told);
            Err(format!("{}: {}", attribute(part, "classname"), told.replace("</failure>", "").trim()))
        } else {
            Ok(())
        };
        cases.push((format!("{section}/{number}"), outcome));
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_report_is_read() {
        let report = "<testsuites><testsuite>\
            <testcase package=\"http2/5.1\" classname=\"one\" time=\"0\"></testcase>\
            <testcase package=\"http2/5.1\" classname=\"two\"><failure>no RST</failure></testcase></testsuite>\
            <testcase package=\"hpack/4\" classname=\"three\"><skipped></skipped></testcase></testsuites>";
        let cases = read(report);
        assert_eq!(cases[0], ("http2/5.1/1".to_owned(), Ok(())));
        assert_eq!(cases[1], ("http2/5.1/2".to_owned(), Err("two: no RST".to_owned())));
        assert_eq!(cases[2], ("hpack/4/1".to_owned(), Err("skipped: three".to_owned())));
    }
}
