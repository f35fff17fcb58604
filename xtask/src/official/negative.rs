//! Servers that misbehave: the negative HTTP/2 cases of the gRPC project. The server is `misbehaving_server.py` on the
//! package h2; other clients show that it does what the description says.

use std::process::Command;
use std::time::{Duration, Instant};

use super::Trial;
use super::kit::{self, Kit};
use super::peers::{Carom, GrpcGo, GrpcJava, Peer};
use crate::console::{note, quote, step};
use crate::process::Server;
use crate::project;

/// The cases; the last is not among those of the other clients.
const CASES: [&str; 7] = [
    "goaway",
    "rst_after_header",
    "rst_during_data",
    "rst_after_data",
    "ping",
    "max_streams",
    "data_frame_padding",
];

const LIMIT: Duration = Duration::from_secs(60);
/// The server sees the end of a connection when the client's process is gone.
const VERDICT_LIMIT: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

type Client<'a> = Box<dyn Fn(&str, u16) -> Command + 'a>;

/// Runs the cases with Carom's client, and with those peers' that are there and have them.
pub(crate) fn run(kit: &Kit, present: &[Box<dyn Peer>]) -> Result<Vec<Trial>, String> {
    step("Misbehaving servers");
    kit.grpcio.ensure_packages("h2", &["h2>=4.1,<5"])?;
    let mut clients: Vec<(&str, Client<'_>)> =
        vec![("carom", Box::new(|case, port| Carom.client(kit, None, case, port)))];
    for peer in present {
        match peer.name() {
            "grpc-go" => clients.push(("grpc-go", Box::new(|case, port| GrpcGo.http2_client(case, port)))),
            "grpc-java" => clients.push((
                "grpc-java",
                Box::new(|case, port| GrpcJava { okhttp: false }.http2_client(case, port)),
            )),
            _ => {}
        }
    }
    let mut trials = Vec::new();
    for (name, client) in clients {
        let place = format!("{name} client to misbehaving server");
        for case in CASES {
            let start = Instant::now();
            let outcome = run_case(kit, &place, case, &client);
            let trial = Trial { place: place.clone(), case: case.to_owned(), outcome, took: start.elapsed() };
            match &trial.outcome {
                Ok(()) => note(&format!("{place}: {case} passed")),
                Err(reason) => {
                    note(&format!("{place}: {case} failed"));
                    quote(reason);
                }
            }
            trials.push(trial);
        }
    }
    Ok(trials)
}

fn run_case(kit: &Kit, place: &str, case: &str, client: &Client<'_>) -> Result<(), String> {
    let script = project::root().join("interop/python/misbehaving_server.py");
    let (mut server, port) = kit::serve(|port| {
        let mut command = kit.grpcio.python();
        command.arg(script).args([port.to_string(), case.to_owned()]);
        Some(command)
    })?;
    kit::attempt(place, case, client(case, port), LIMIT, &mut server).outcome?;
    verdict(&server, if case == "goaway" { 2 } else { 1 })
}

/// What the server saw of the client's part: a line a connection.
fn verdict(server: &Server, connections: usize) -> Result<(), String> {
    let deadline = Instant::now() + VERDICT_LIMIT;
    loop {
        let said = server.said();
        if said.lines().any(|line| line.starts_with("FAILED:")) {
            return Err(format!("the server saw what should not be:\n{said}"));
        }
        if said.lines().filter(|line| line.starts_with("ok:")).count() >= connections {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("the server saw fewer than {connections} good connections:\n{said}"));
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}
