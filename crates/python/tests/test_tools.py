"""grpc_tools: the compiler's command line, modules made at import, and a service from generated code."""

import subprocess
import sys

import pytest

GREETER = """syntax = "proto3";
package greet;
import "google/protobuf/timestamp.proto";

service Greeter {
  rpc SayHello (Request) returns (Reply) {}
  rpc Count (Request) returns (stream Reply) {}
}

message Request { string name = 1; }
message Reply { string message = 1; google.protobuf.Timestamp at = 2; }
"""

PROGRAM = """
from concurrent import futures
import grpc
import greet_pb2
import greet_pb2_grpc

class Greeter(greet_pb2_grpc.GreeterServicer):
    def SayHello(self, request, context):
        return greet_pb2.Reply(message=f"Hello, {request.name}!")

server = grpc.server(futures.ThreadPoolExecutor(2))
greet_pb2_grpc.add_GreeterServicer_to_server(Greeter(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
target = f"127.0.0.1:{port}"
with grpc.insecure_channel(target) as channel:
    stub = greet_pb2_grpc.GreeterStub(channel)
    print(stub.SayHello(greet_pb2.Request(name="you")).message)
    try:
        list(stub.Count(greet_pb2.Request()))
    except grpc.RpcError as error:
        print(error.code().name, error.details())
print(greet_pb2_grpc.Greeter.SayHello(greet_pb2.Request(name="static"), target, insecure=True).message)
server.stop(0).wait()
"""

EXPECTED = ["Hello, you!", "UNIMPLEMENTED Method not implemented!", "Hello, static!"]


def protoc(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "greet.proto").write_text(GREETER)
    return tmp_path


def program(folder, text):
    ended = subprocess.run(
        [sys.executable, "-c", text],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    return ended.stdout.splitlines(), ended.stderr


def test_generated_code(folder):
    ended = protoc(folder, "-I.", "--python_out=.", "--pyi_out=.", "--grpc_python_out=.", "greet.proto")
    assert (ended.returncode, ended.stderr) == (0, "")
    names = {"greet.proto", "greet_pb2.py", "greet_pb2.pyi", "greet_pb2_grpc.py"}
    assert {path.name for path in folder.iterdir()} == names
    out, err = program(folder, PROGRAM)
    assert out == EXPECTED, err


def test_modules_at_import(folder):
    text = PROGRAM.replace(
        "import greet_pb2\nimport greet_pb2_grpc", 'greet_pb2, greet_pb2_grpc = grpc.protos_and_services("greet.proto")'
    )
    out, err = program(folder, text)
    assert out == EXPECTED, err


def test_well_known_files_are_in_the_package(folder):
    from grpc_tools import protoc as module

    include = module._get_resource_file_name("grpc_tools", "_proto")
    ended = protoc(folder, f"-I{include}", "--python_out=.", "google/protobuf/any.proto")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (folder / "google/protobuf/any_pb2.py").exists()
    ended = protoc(folder, "-I.", f"--proto_path={include}", "--python_out=.", "greet.proto")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_errors(folder):
    (folder / "bad.proto").write_text('syntax = "proto3";\nmessage M {\n  string a = 0;\n}\n')
    ended = protoc(folder, "-I.", "--python_out=.", "bad.proto")
    assert ended.returncode == 1
    assert ended.stderr.startswith("bad.proto:3:14: Field numbers must be positive integers.\n")
    assert not (folder / "bad_pb2.py").exists()


def test_main():
    from grpc_tools import protoc as module

    assert module.main(["protoc", "--version"]) == 0
    assert module.main(["protoc", "--no_such_option"]) != 0
