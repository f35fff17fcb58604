//! The project's own commands. Each sets up what it needs, shows what it does, and can be run again.

mod bench;
mod codegen_corpora;
mod conformance;
mod console;
mod demo;
mod fuzz;
mod instructions;
mod interop;
mod official;
mod packages;
mod process;
mod programs;
mod project;
mod protoc;
mod protoc_compare;
mod python;
mod rules;
mod test;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  demo     runs programs written for grpcio, and their Rust twins, on Carom and prints what came back
           --only LIST   only these parts (numbers by commas: 1 AddNumber, 2 Greeter, 3 RouteGuide, 4 aio,
                         5 UserRecommend, 6 Rust, 7 grpcio crosswise, 8 bad input)
  test     format, clippy, docs, dependency rules, Rust tests, Python tests, installing, interop,
           fuzz smoke
           --only LIST   only these steps (names by commas, as the summary shows them)
  interop  the official gRPC interop cases with each peer, h2spec, misbehaving servers, proxies in between
           --only LIST   only these of cases, h2spec, negative, proxies
           --peers LIST  only these peers (carom, grpc-go, grpcio, ...)
           --cases LIST  only these cases
           --short       what the test command runs: Carom, grpcio, h2spec
  python   builds the wheels of carom and of its stand-ins, optimised, into dist and installs them into .venv
           --dev         the quick build instead, into .cache/wheels-dev and .cache/venv-dev, which `test` uses
           --try         afterwards installs, replaces and removes them in fresh environments, with every installer
  protoc   builds carom-protoc, optimised, as one program that needs no shared library, and says where it is
  instructions
           counts what a call costs the engine, under callgrind, and compares with what is written down
           --refresh     writes the figures down
  protoc-compare
           compiles what others wrote with protoc 36, grpcio-tools and Carom's compiler and compares the bytes;
           checks it with buf and Carom's `lint` and `breaking` and compares the findings
           --short       only the corpora that take seconds
           --only LIST   only these of protoc, plugins, buf, fmt
  codegen-corpora
           builds the Rust code of 300 files that others wrote, with every warning an error
           --all         of all files instead: an hour, and 8 GB of memory
           --corpus NAME of those of one corpus, as protoc-compare names them
  conformance
           runs protobuf's own conformance suite, required and recommended cases, on generated messages
  bench    builds bench-server and bench-client and runs them beside the peers
           --peers DIR   the harness that compares gRPC servers and clients (or CAROM_PEERS)
           --pybench DIR the harness that compares Python packages (or CAROM_PYBENCH)
           --full        all sections and three runs of each; otherwise a short look";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, options)) = arguments.split_first() else {
        return usage("no command given");
    };
    let outcome = match command.as_str() {
        "demo" => demo::Options::parse(options).map(demo::run),
        "test" => test::Options::parse(options).map(test::run),
        "interop" => official::Options::parse(options).map(official::run),
        "python" => python::Options::parse(options).map(python::run),
        "protoc" => no_options(command, options).map(|()| protoc::run()),
        "instructions" => instructions::Options::parse(options).map(instructions::run),
        "protoc-compare" => protoc_compare::Options::parse(options).map(protoc_compare::run),
        "codegen-corpora" => codegen_corpora::Options::parse(options).map(codegen_corpora::run),
        "conformance" => no_options(command, options).map(|()| conformance::run()),
        "bench" => bench::Options::parse(options).map(bench::run),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        other => Err(format!("there is no command {other:?}")),
    };
    match outcome {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(message)) => {
            eprintln!("\nxtask {command}: {message}");
            ExitCode::FAILURE
        }
        Err(message) => usage(&message),
    }
}

fn no_options(command: &str, words: &[String]) -> Result<(), String> {
    match words {
        [] => Ok(()),
        _ => Err(format!("{command} takes no options, not {}", words.join(" "))),
    }
}

fn usage(problem: &str) -> ExitCode {
    eprintln!("xtask: {problem}\n\n{USAGE}");
    ExitCode::from(2)
}
