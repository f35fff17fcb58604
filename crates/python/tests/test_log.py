"""What the server says of peers that do not speak gRPC. grpcio has other words, so this is Carom's own."""

import importlib.metadata
import subprocess
import sys

import pytest

PROGRAM = """
import socket
from concurrent import futures

import grpc

server = grpc.server(futures.ThreadPoolExecutor(1))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
with socket.create_connection(("127.0.0.1", port), 10) as peer:
    peer.sendall(b"GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
    while peer.recv(4096):
        pass
server.stop(None).wait()
"""


def _is_carom():
    try:
        return bool(importlib.metadata.version("carom"))
    except importlib.metadata.PackageNotFoundError:
        return False


@pytest.mark.skipif(not _is_carom(), reason="Carom's own words")
@pytest.mark.parametrize("verbosity, told", [(None, True), ("DEBUG", True), ("NONE", False)])
def test_a_peer_that_is_not_grpc_is_logged(monkeypatch, verbosity, told):
    if verbosity is None:
        monkeypatch.delenv("GRPC_VERBOSITY", raising=False)
    else:
        monkeypatch.setenv("GRPC_VERBOSITY", verbosity)
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert ("does not speak HTTP/2; this looks like HTTP/1.1" in done.stderr) == told, done.stderr


RESERVED = """
import grpc

with grpc.insecure_channel("127.0.0.1:1") as channel:
    try:
        channel.unary_unary("/a.B/C")(b"", metadata=[("te", "x"), ("mine", "y")], timeout=10)
    except grpc.RpcError:
        pass
"""


@pytest.mark.skipif(not _is_carom(), reason="grpcio drops it without a word")
def test_metadata_that_is_not_sent_is_logged(monkeypatch):
    monkeypatch.setenv("GRPC_VERBOSITY", "DEBUG")
    done = subprocess.run([sys.executable, "-c", RESERVED], capture_output=True, text=True, timeout=30)
    lines = [line for line in done.stderr.splitlines() if "reserved metadata is not sent" in line]
    assert len(lines) == 1 and "te" in lines[0], done.stderr
