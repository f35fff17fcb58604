//! `cargo xtask demo`: programs written for grpcio, and their Rust twins, on Carom.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::console::{self, Outcome, Row, note, quote, step};
use crate::programs::{self, ask, expected, prepare, script, serve};
use crate::python::{self, Build, Environment};
use crate::{interop, process};

/// What the demo can show, by number.
const PARTS: [(u8, &str, Part); 8] = [
    (1, "AddNumber", add_number),
    (2, "helloworld.Greeter", greeter),
    (3, "RouteGuide", route_guide),
    (4, "aio Greeter", aio_greeter),
    (5, "UserRecommend", user_recommend),
    (6, "Rust, and crosswise with Python", rust),
    (7, "grpcio, crosswise with Carom", crosswise),
    (8, "Bad input", bad_input),
];

type Part = fn(&mut Demo) -> Result<(), String>;

/// The options of `cargo xtask demo`.
pub(crate) struct Options {
    only: Vec<u8>,
    /// An interpreter to run the programs with instead of Carom's, to see whether the demo itself is right.
    python_under_test: Option<PathBuf>,
}

impl Options {
    pub(crate) fn parse(words: &[String]) -> Result<Self, String> {
        let mut options = Self { only: PARTS.iter().map(|part| part.0).collect(), python_under_test: None };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
            match word.as_str() {
                "--only" => {
                    let numbers = value.split(',').map(|number| {
                        let known = |number: &u8| PARTS.iter().any(|part| part.0 == *number);
                        number.parse().ok().filter(known).ok_or(format!("there is no part {number:?}"))
                    });
                    options.only = numbers.collect::<Result<_, _>>()?;
                }
                "--python-under-test" => {
                    let path = std::path::absolute(value).map_err(|error| format!("{value}: {error}"))?;
                    options.python_under_test = Some(path);
                }
                _ => return Err(format!("demo does not know {word}")),
            }
        }
        Ok(options)
    }
}

struct Demo {
    tested: interop::Tested,
    /// Made when a part first asks for it.
    grpcio: Option<Environment>,
    rows: Vec<Row>,
}

/// `cargo xtask demo`.
pub(crate) fn run(options: Options) -> Result<(), String> {
    let start = Instant::now();
    let tested = match &options.python_under_test {
        Some(interpreter) => interop::Tested::other(Environment::of(interpreter)),
        None => interop::Tested::carom(python::install_carom(Build::Optimised)?),
    };
    let mut demo = Demo { tested, grpcio: None, rows: Vec::new() };
    if options.python_under_test.is_none() {
        demo.row("environment", |demo| only_carom(&demo.tested.environment));
    }
    for (number, name, part) in PARTS.iter().filter(|part| options.only.contains(&part.0)) {
        println!("\n================ {number}. {name} ================");
        let began = Instant::now();
        // A part that could not even be set up is a line of the table like any other failure.
        if let Err(reason) = part(&mut demo) {
            quote(&reason);
            demo.rows.push(Row {
                name: (*name).to_owned(),
                outcome: Outcome::Failed(reason),
                took: began.elapsed(),
            });
        }
    }
    console::table("What was asked, and what came back:", &demo.rows);
    let console::Counts { passed, failed, .. } = console::count(&demo.rows);
    println!("\n{passed} as expected, {failed} not, in {:.0} s", start.elapsed().as_secs_f64());
    if failed == 0 { Ok(()) } else { Err(format!("{failed} answers were not the expected ones")) }
}

impl Demo {
    /// Runs one line of the table.
    fn row(&mut self, name: &str, run: impl FnOnce(&mut Self) -> Result<String, String>) {
        step(name);
        let start = Instant::now();
        let outcome = run(self);
        match &outcome {
            Ok(text) => note(&format!("as expected: {text}")),
            Err(reason) => quote(&format!("NOT AS EXPECTED: {reason}")),
        }
        self.rows.push(Row { name: name.to_owned(), outcome: outcome.into(), took: start.elapsed() });
    }

    fn grpcio(&mut self) -> Result<Environment, String> {
        if self.grpcio.is_none() {
            self.grpcio = Some(python::grpcio()?);
        }
        self.grpcio.clone().ok_or_else(|| "no environment with grpcio".to_owned())
    }
}

/// The environment has Carom under the names grpc and grpcio.
fn only_carom(environment: &Environment) -> Result<String, String> {
    let program = "import importlib.metadata as m\n\
                   grpcio, tools = m.version('grpcio'), m.version('grpcio-tools')\n\
                   assert grpcio == tools and grpcio.endswith('+carom.' + m.version('carom')), (grpcio, tools)\n\
                   import grpc, grpc.aio, grpc_tools.protoc\n\
                   assert grpc.__name__ == 'grpc'\n\
                   print('carom', m.version('carom'), 'answers `import grpc`; grpcio is', grpcio)";
    let mut python = environment.python();
    process::quietly(python.args(["-c", program]), Duration::from_secs(60)).map(|said| said.trim().to_owned())
}

/// The arguments for a server and its client: none where the program's own port is free.
fn addresses(default_port: u16, server_host: &str) -> Result<(Vec<String>, Vec<String>), String> {
    if programs::is_free(default_port) {
        return Ok((vec![], vec![]));
    }
    let port = programs::free_port()?;
    note(&format!("another program listens on port {default_port}: port {port} is used instead"));
    Ok((vec![format!("{server_host}:{port}")], vec![format!("localhost:{port}")]))
}

/// One Python server, one Python client, at the program's own port.
fn python_pair(
    demo: &Demo,
    folder: &str,
    proto: &str,
    (server, client): (&str, &str),
    (port, host): (u16, &str),
) -> Result<String, String> {
    let place = prepare(&demo.tested.environment, folder, proto)?;
    let (server_arguments, client_arguments) = addresses(port, host)?;
    let mut command = script(&demo.tested.environment, &place, server);
    command.args(server_arguments);
    let mut running = serve(command)?;
    let mut command = script(&demo.tested.environment, &place, client);
    command.args(client_arguments);
    ask(&mut running, command, &expected(folder)?)
}

fn add_number(demo: &mut Demo) -> Result<(), String> {
    demo.row("AddNumber", |demo| {
        python_pair(demo, "add_number", "data.proto", ("server.py", "client.py"), (8888, "localhost"))
    });
    Ok(())
}

fn greeter(demo: &mut Demo) -> Result<(), String> {
    let programs = ("greeter_server.py", "greeter_client.py");
    for (row, folder) in
        [("Greeter: SayHello", "helloworld/v1"), ("Greeter: SayHelloAgain added", "helloworld/v2")]
    {
        demo.row(row, |demo| python_pair(demo, folder, "helloworld.proto", programs, (50051, "[::]")));
    }
    Ok(())
}

fn route_guide(demo: &mut Demo) -> Result<(), String> {
    let programs = ("route_guide_server.py", "route_guide_client.py");
    demo.row("RouteGuide: four kinds", |demo| {
        python_pair(demo, "route_guide", "route_guide.proto", programs, (50051, "[::]"))
    });
    Ok(())
}

fn aio_greeter(demo: &mut Demo) -> Result<(), String> {
    demo.row("aio Greeter: five clients at once", |demo| {
        python_pair(demo, "aio_greeter", "helloworld.proto", ("server.py", "client.py"), (50051, "[::]"))
    });
    Ok(())
}

fn user_recommend(demo: &mut Demo) -> Result<(), String> {
    demo.row("UserRecommend: field number 0 is refused", refused_proto);
    demo.row("UserRecommend: ten articles", |demo| {
        python_pair(demo, "user_recommend", "reco.proto", ("server.py", "client.py"), (50051, "localhost"))
    });
    Ok(())
}

fn refused_proto(demo: &mut Demo) -> Result<String, String> {
    let folder = programs::copy("user_recommend/first_try")?;
    let finished = programs::generate(&demo.tested.environment, &folder, "reco.proto")?;
    quote(&finished.stderr);
    if finished.status.code() != Some(1) {
        return Err(format!("the compiler ended with {}, expected exit code 1", finished.status));
    }
    // The compiler may show the source below a message; the messages themselves are protoc's.
    let messages: String = finished
        .stderr
        .lines()
        .filter(|line| line.starts_with("reco.proto:"))
        .map(|l| format!("{l}\n"))
        .collect();
    let wanted = "reco.proto:14:21: Field numbers must be positive integers.\n\
                  reco.proto:14:21: Suggested field numbers for UserRequest: 4\n";
    programs::same_lines(&messages, wanted)?;
    match ["reco_pb2.py", "reco_pb2_grpc.py"].iter().find(|file| folder.join(file).exists()) {
        None => Ok("exit code 1 and protoc's two messages".to_owned()),
        Some(file) => Err(format!("{file} was written in spite of the error")),
    }
}

/// One side of a Rust or Python pair.
struct Program {
    language: &'static str,
    server: Box<dyn Fn() -> Command>,
    client: Box<dyn Fn() -> Command>,
}

fn rust(demo: &mut Demo) -> Result<(), String> {
    step("Rust examples");
    if !crate::project::root().join("examples/rust/Cargo.toml").exists() {
        return Err("there are no Rust examples in this checkout".to_owned());
    }
    let binaries = interop::build_package("carom-examples", "release")?;
    for (name, folder, proto, stem) in [
        ("Greeter", "helloworld/v2", "helloworld.proto", "greeter"),
        ("RouteGuide", "route_guide", "route_guide.proto", "route_guide"),
    ] {
        step(&format!("{name}: Python modules"));
        let place = prepare(&demo.tested.environment, folder, proto)?;
        let python = |role: &str| {
            let (environment, place, file) =
                (demo.tested.environment.clone(), place.clone(), format!("{stem}_{role}.py"));
            Box::new(move || script(&environment, &place, &file)) as Box<dyn Fn() -> Command>
        };
        let rust = |role: &str| {
            let program = binaries.join(format!("{}-{role}", stem.replace('_', "-")));
            Box::new(move || Command::new(&program)) as Box<dyn Fn() -> Command>
        };
        let sides = [
            Program { language: "Rust", server: rust("server"), client: rust("client") },
            Program { language: "Python", server: python("server"), client: python("client") },
        ];
        let wanted = expected(folder)?;
        // Python to Python was a part of its own.
        for (client, server) in [(0, 0), (0, 1), (1, 0)] {
            let (client, server) = (&sides[client], &sides[server]);
            let row = format!("{name}: {} client to {} server", client.language, server.language);
            demo.row(&row, |_| {
                let address = format!("127.0.0.1:{}", programs::free_port()?);
                let mut command = (server.server)();
                command.arg(&address);
                let mut running = serve(command)?;
                let mut command = (client.client)();
                command.arg(&address);
                ask(&mut running, command, &wanted)
            });
        }
    }
    Ok(())
}

fn crosswise(demo: &mut Demo) -> Result<(), String> {
    let grpcio = demo.grpcio()?;
    step("Rust programs of the rig");
    let (binaries, missing) = match interop::build_rust("release") {
        Ok(binaries) => (Some(binaries), Ok(())),
        // The others are still worth seeing; the demo fails all the same.
        Err(reason) => (None, Err(reason)),
    };
    let rows = interop::matrix(&grpcio, &interop::parties(&grpcio, &demo.tested, binaries))?;
    demo.rows.extend(rows);
    missing
}

fn bad_input(demo: &mut Demo) -> Result<(), String> {
    let rows = interop::trouble(&demo.tested)?;
    demo.rows.extend(rows);
    Ok(())
}
