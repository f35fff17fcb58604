"""What must go wrong in the right way. Uses only grpc's public API, so it runs on grpcio and on Carom.

    python trouble.py

Prints a line for each case, `ok NAME` or `FAILED NAME: reason`; the exit code is 1 where one failed.
"""
import contextlib
import os
import socket
import ssl
import sys
import time
import traceback
from concurrent import futures

import grpc

import rig_pb2
import rig_pb2_grpc
from rig_server import Rig

PATIENCE_SECONDS = 20
# A refusal that takes longer is not quick any more.
QUICK_SECONDS = 5

CASES = []


def case(function):
    CASES.append(function)
    return function


def expect(truth, problem):
    if not truth:
        raise AssertionError(problem)


@contextlib.contextmanager
def serving(address="127.0.0.1:0"):
    """A rig server in this process; gives its port."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    rig_pb2_grpc.add_RigServicer_to_server(Rig(), server)
    port = server.add_insecure_port(address)
    server.start()
    try:
        yield port
    finally:
        expect(server.stop(0).wait(PATIENCE_SECONDS), "the server did not stop")


def echo(stub, number, **options):
    reply = stub.Echo(rig_pb2.Payload(number=number), timeout=PATIENCE_SECONDS, **options)
    expect(reply.number == number, f"{number} came back as {reply.number}")


def expect_away(stub, port):
    """Fails quickly with UNAVAILABLE, and says where it tried and why it failed."""
    start = time.monotonic()
    try:
        echo(stub, 1)
    except grpc.RpcError as error:
        took = time.monotonic() - start
        expect(error.code() is grpc.StatusCode.UNAVAILABLE, f"code is {error.code()}: {error.details()}")
        expect(took < QUICK_SECONDS, f"it took {took:.1f} s to say so")
        return error.details()
    raise AssertionError(f"port {port} answered though nobody listens")


@case
def port_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
        try:
            server.add_insecure_port(address)
        except RuntimeError as error:
            expect(address in str(error), f"the message does not name {address}: {error}")
            return
        raise AssertionError("a port that another program listens on was taken all the same")


@case
def server_away():
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        details = expect_away(rig_pb2_grpc.RigStub(channel), port)
    expect(f"127.0.0.1:{port}" in details, f"the details do not name the address: {details}")
    expect("refused" in details.lower(), f"the details do not name the cause: {details}")


@case
def server_back():
    """One channel sees its server go and come back."""
    with contextlib.ExitStack() as first:
        port = first.enter_context(serving())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = rig_pb2_grpc.RigStub(channel)
            echo(stub, 1)
            first.close()
            expect_away(stub, port)
            with serving(f"127.0.0.1:{port}"):
                echo(stub, 2, wait_for_ready=True)
                echo(stub, 3)


def expect_closed(port, greeting):
    """The server ends a connection that begins so."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as connection:
        connection.settimeout(PATIENCE_SECONDS)
        connection.sendall(greeting)
        with contextlib.suppress(ConnectionResetError):
            while connection.recv(4096):
                pass


@case
def not_grpc():
    """HTTP/1.1, noise and TLS come to a plain port: closed, and the others notice nothing."""
    outgoing = ssl.MemoryBIO()
    handshake = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        handshake.do_handshake()
    greetings = [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\xff" + os.urandom(200), outgoing.read()]
    with serving() as port, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = rig_pb2_grpc.RigStub(channel)
        for number, greeting in enumerate(greetings):
            echo(stub, number)
            expect_closed(port, greeting)
            echo(stub, number)


@case
def plaintext_to_a_silent_port():
    """Somebody listens and never says a word: the deadline ends the call."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with grpc.insecure_channel("127.0.0.1:%d" % silent.getsockname()[1]) as channel:
            start = time.monotonic()
            try:
                rig_pb2_grpc.RigStub(channel).Echo(rig_pb2.Payload(), timeout=0.5)
            except grpc.RpcError as error:
                expect(error.code() is grpc.StatusCode.DEADLINE_EXCEEDED, f"code is {error.code()}")
                expect(time.monotonic() - start < QUICK_SECONDS, "the deadline of 0.5 s came late")
                return
    raise AssertionError("a port that never spoke answered")


@case
def handler_raises():
    """The caller is told in grpcio's words; the server goes on."""
    with serving() as port, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = rig_pb2_grpc.RigStub(channel)
        try:
            stub.Break(rig_pb2.Payload(), timeout=PATIENCE_SECONDS)
        except grpc.RpcError as error:
            expect(error.code() is grpc.StatusCode.UNKNOWN, f"code is {error.code()}")
            wanted = "Exception calling application: the rig broke as asked"
            expect(error.details() == wanted, f"details are {error.details()!r}, not {wanted!r}")
        else:
            raise AssertionError("a handler that raised answered")
        echo(stub, 1)


def main():
    failed = 0
    for function in CASES:
        try:
            function()
        except Exception as error:  # noqa: BLE001 - one case must not hide the others
            failed += 1
            reason = f"{type(error).__name__}: {error}".replace("\n", " ")
            print(f"FAILED {function.__name__}: {reason[:400]}", flush=True)
            traceback.print_exc(limit=-3, file=sys.stderr)
        else:
            print(f"ok {function.__name__}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
