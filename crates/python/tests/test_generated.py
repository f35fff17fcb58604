"""What the generators do beyond protoc's: package-relative imports, typed stubs, older runtimes."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from grpc_tools import protoc

EXTRAS = pathlib.Path(__file__).parent / "extras"
PROTOS = EXTRAS / "protos"
FILES = sorted(str(file.relative_to(PROTOS)) for file in PROTOS.rglob("*.proto"))

# Interpreters of environments with old releases of protobuf, with colons between; `cargo xtask test` makes them.
OLD_RUNTIMES = os.environ.get("CAROM_OLD_PROTOBUF", "").split(":")


def generate(folder, **parameters):
    """Runs generators by name, each with its parameter, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    outputs = [f"--{name}_out={parameter}:{folder}" for name, parameter in parameters.items()]
    assert protoc.main(["protoc", f"-I{PROTOS}", *outputs, *FILES]) == 0


def run(*command, **more):
    """Runs a program that has to succeed; returns what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def package(tmp_path):
    """A program beside a package that has all that is generated, two folders down."""
    relative = "relative_imports"
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").touch()
    generate(
        tmp_path / "pkg" / "gen", python=relative, pyi=f"{relative},strict", grpc_python=relative, grpc_pyi=relative
    )
    shutil.copy(EXTRAS / "program.py", tmp_path)
    return tmp_path


def test_modules_import_each_other_within_their_package(package):
    assert run(sys.executable, "program.py", cwd=package) == "used\n"
    text = (package / "pkg/gen/shop/order_pb2.py").read_text()
    assert "from .parts import part_pb2 as " in text
    assert "from .. import base_pb2 as " in text
    assert "from google.protobuf import timestamp_pb2" in (package / "pkg/gen/shop/parts/part_pb2.py").read_text()


def test_some_folders_are_imported_by_absolute_names(tmp_path):
    generate(tmp_path, python="relative_imports,absolute_imports=shop/parts")
    text = (tmp_path / "shop/order_pb2.py").read_text()
    assert "from shop.parts import part_pb2 as " in text
    assert "from . import ids_pb2 as " in text


def test_stubs_satisfy_a_strict_type_checker(package):
    mypy = [sys.executable, "-m", "mypy", "--strict", "--no-incremental"]
    assert run(*mypy, "program.py", "pkg", cwd=package).startswith("Success")
    program = package / "program.py"
    program.write_text(program.read_text().replace("placed: ids_pb2.Id =", "placed: int ="))
    wrong = subprocess.run([*mypy, "program.py"], cwd=package, capture_output=True, text=True, timeout=60)
    assert wrong.returncode == 1
    assert wrong.stdout.count('expression has type "Id", variable has type "int"') == 2, wrong.stdout


@pytest.mark.parametrize("python", OLD_RUNTIMES)
def test_old_runtimes_are_served_where_that_is_asked_for(python, tmp_path):
    if not python:
        pytest.skip("CAROM_OLD_PROTOBUF names no interpreters")
    generate(tmp_path / "old", python="oldest_runtime=4.25.0")
    for implementation in ("upb", "python"):
        environment = {**os.environ, "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": implementation}
        version = run(python, EXTRAS / "read_options.py", tmp_path / "old", env=environment)
        assert version.startswith(("4.25.", "5.29.")), version
    generate(tmp_path / "new", python="")
    refused = subprocess.run(
        [python, EXTRAS / "read_options.py", tmp_path / "new"], capture_output=True, text=True, timeout=60
    )
    assert refused.returncode != 0, "protoc's own check refuses old runtimes"


def test_a_runtime_that_is_too_old_is_told(tmp_path):
    generate(tmp_path, python="oldest_runtime=7.0.0")
    for file in tmp_path.rglob("*_pb2.py"):
        file.write_text(file.read_text().replace("< (7, 0, 0)", "< (999, 0, 0)"))
    command = [sys.executable, EXTRAS / "read_options.py", tmp_path]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "needs protobuf 7.0.0 or newer; installed is" in refused.stderr


def test_parameters_that_make_no_sense_are_refused(tmp_path, capfd):
    for name, parameter, message in [
        ("python", "oldest_runtime=5", "oldest_runtime needs a version"),
        ("python", "oldest_runtime=3.19.0", "modules can be made for runtimes from 3.20.0"),
        ("grpc_pyi", "grpc_2_0", "Unknown generator option: grpc_2_0"),
        ("pyi", "relative", "Unknown generator option: relative"),
    ]:
        assert protoc.main(["protoc", f"-I{PROTOS}", f"--{name}_out={parameter}:{tmp_path}", "base.proto"]) == 1
        assert message in capfd.readouterr().err


KEYWORDS = """
syntax = "proto3";
package a.in.v1;
import "a/is/other.proto";
message class { message def { string x = 1; } }
service None {
  rpc import(class) returns (class.def);
  rpc import_(a.is.lambda) returns (a.is.lambda);
  rpc Plain(class.def) returns (stream class.def);
}
"""
KEYWORDS_PROGRAM = """
import importlib
from concurrent import futures

import grpc

grpc_module = importlib.import_module("a.in.v1.words_pb2_grpc")
messages = importlib.import_module("a.in.v1.words_pb2")
outer = getattr(messages, "class")
inner = getattr(outer, "def")


class Servicer(grpc_module.NoneServicer):
    def import__(self, request, context):
        return inner(x="imported")

    def import_(self, request, context):
        return request


server = grpc.server(futures.ThreadPoolExecutor(2))
grpc_module.add_NoneServicer_to_server(Servicer(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
    print(grpc_module.NoneStub(channel).import__(outer(), timeout=20).x)
    call = channel.unary_unary("/a.in.v1.None/import", response_deserializer=inner.FromString)
    print(call(b"", timeout=20).x)
print(grpc_module.None_.Plain.__name__)
server.stop(0).wait()
"""


def test_names_that_are_keywords_get_an_underscore(tmp_path):
    """What grpcio-tools makes of such files is no Python."""
    (tmp_path / "a/in/v1").mkdir(parents=True)
    (tmp_path / "a/is").mkdir()
    (tmp_path / "a/in/v1/words.proto").write_text(KEYWORDS)
    (tmp_path / "a/is/other.proto").write_text('syntax = "proto3"; package a.is; message lambda {}')
    arguments = ["--python_out=.", "--grpc_python_out=.", "--grpc_pyi_out=.", "-I."]
    files = ["a/in/v1/words.proto", "a/is/other.proto"]
    run(sys.executable, "-m", "grpc_tools.protoc", *arguments, *files, cwd=tmp_path)
    for file in [*tmp_path.rglob("*.py"), *tmp_path.rglob("*_grpc.pyi")]:
        compile(file.read_text(), str(file), "exec")
    assert run(sys.executable, "-c", KEYWORDS_PROGRAM, cwd=tmp_path) == "imported\nimported\nPlain\n"
