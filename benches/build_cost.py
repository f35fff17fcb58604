#!/usr/bin/env python3
"""What a greeter server costs to build: seconds from clean, and the size of the program.

    build_cost.py [RUNS]

Makes crates with the same server on Carom (of this repository) and on tonic and builds each in release mode from clean, in
turn; the medians of RUNS (3) are printed. Each library is built with its client too, with what a server needs alone, and
with TLS and gzip beside that. Sources are fetched before. tonic needs a protoc in the path.
"""
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROTO = ROOT / "benches/proto/helloworld.proto"

MAIN = """\
mod hello {{
    {include}
}}

use hello::greeter_server::{{Greeter, GreeterServer}};
use hello::{{HelloReply, HelloRequest}};
use {crate_}::{{Request, Response, Status}};

struct Hello;

{attribute}impl Greeter for Hello {{
    async fn say_hello(&self, request: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {{
        let message = format!("Hello {{}}", request.into_inner().name);
        Ok(Response::new(HelloReply {{ message{rest} }}))
    }}
}}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {{
    let address: std::net::SocketAddr = "127.0.0.1:50051".parse()?;
    {serve}
    Ok(())
}}
"""

BUILD = """\
fn main() {{
    {crate_}::configure().build_client(false).compile_protos(&["helloworld.proto"], &["."]).unwrap();
}}
"""

CAROM = {
    "main": MAIN.format(
        include='carom::include_proto!("helloworld");',
        crate_="carom",
        attribute="",
        rest=", ..Default::default()",
        serve="carom::server::Server::builder().add_service(GreeterServer::new(Hello)).bind(address).serve().await?;",
    ),
    "build": BUILD.format(crate_="carom_codegen"),
    "features": {
        "": '"client", "server", "buffa"',
        "-server": '"server", "buffa"',
        "-server-tls": '"server", "buffa", "tls", "gzip"',
    },
    "dependencies": lambda features: f"""\
carom = {{ path = "{ROOT}/crates/carom", default-features = false, features = [{features}] }}
buffa = "0.9"
tokio = {{ version = "1", features = ["rt-multi-thread", "macros"] }}

[build-dependencies]
carom-codegen = {{ path = "{ROOT}/crates/codegen" }}
""",
}

TONIC = {
    "main": MAIN.format(
        include='tonic::include_proto!("helloworld");',
        crate_="tonic",
        attribute="#[tonic::async_trait]\n",
        rest="",
        serve="tonic::transport::Server::builder().add_service(GreeterServer::new(Hello)).serve(address).await?;",
    ),
    "build": BUILD.format(crate_="tonic_prost_build"),
    "features": {
        "": '"codegen", "router", "server", "channel"',
        "-server": '"codegen", "router", "server"',
        "-server-tls": '"codegen", "router", "server", "tls-ring", "gzip"',
    },
    "dependencies": lambda features: f"""\
tonic = {{ version = "0.14.9", default-features = false, features = [{features}] }}
tonic-prost = "0.14.9"
prost = "0.14"
tokio = {{ version = "1", features = ["rt-multi-thread", "macros"] }}

[build-dependencies]
tonic-prost-build = "0.14.9"
""",
}


def write(folder, kind, features):
    (folder / "src").mkdir(parents=True)
    shutil.copy(PROTO, folder / "helloworld.proto")
    (folder / "src/main.rs").write_text(kind["main"])
    (folder / "build.rs").write_text(kind["build"])
    head = '[package]\nname = "greeter"\nversion = "0.0.0"\nedition = "2024"\n\n[workspace]\n\n[dependencies]\n'
    (folder / "Cargo.toml").write_text(head + kind["dependencies"](features))
    subprocess.run(["cargo", "fetch", "--quiet"], cwd=folder, check=True)


def build(folder):
    """Seconds, CPU seconds, and bytes of the program with and without its symbols."""
    target = folder / "target"
    shutil.rmtree(target, ignore_errors=True)
    before, start = os.times(), time.monotonic()
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target)}
    subprocess.run(["cargo", "build", "--release", "--quiet", "--offline"], cwd=folder, check=True, env=environment)
    wall, after = time.monotonic() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    program = target / "release/greeter"
    whole = program.stat().st_size
    subprocess.run(["strip", program], check=True)
    return wall, cpu, whole, program.stat().st_size


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory() as work:
        cases = []
        for name, kind in (("carom", CAROM), ("tonic", TONIC)):
            for suffix, features in kind["features"].items():
                folder = pathlib.Path(work) / f"{name}{suffix}"
                write(folder, kind, features)
                cases.append((folder, []))
        for _ in range(runs):
            for folder, figures in cases:
                figures.append(build(folder))
        print(f"{'server':17} {'wall s':>7} {'CPU s':>7} {'MB':>6} {'stripped MB':>12}")
        for folder, figures in cases:
            wall, cpu, whole, stripped = (statistics.median(column) for column in zip(*figures))
            print(f"{folder.name:17} {wall:7.1f} {cpu:7.1f} {whole / 1e6:6.2f} {stripped / 1e6:12.2f}")


if __name__ == "__main__":
    main()
