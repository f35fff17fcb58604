"""What the tests share. They use the public API alone, so that they run over grpcio too and show what it does."""

import contextlib
import threading
from concurrent import futures

import grpc
import pytest

SERVICE = "test.Echo"


def path(method):
    """The full name of a method of the test service."""
    return f"/{SERVICE}/{method}"


@contextlib.contextmanager
def serving(handlers, *, workers=8, **options):
    """A server with handlers by method name, on a port of its own: (server, address)."""
    pool = futures.ThreadPoolExecutor(max_workers=workers)
    server = grpc.server(pool, **options)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield server, f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait(10)
        pool.shutdown(wait=False)


class Recorder:
    """Keeps what it is called with; `wait` returns the first that fits."""

    def __init__(self):
        self._condition = threading.Condition()
        self.seen = []

    def __call__(self, item=None):
        with self._condition:
            self.seen.append(item)
            self._condition.notify_all()

    def wait(self, wanted=lambda item: True, timeout=10):
        with self._condition:
            assert self._condition.wait_for(lambda: any(map(wanted, self.seen)), timeout), self.seen
            return next(item for item in self.seen if wanted(item))


def echo(request, context):
    return request


def repeat(request, context):
    for _ in range(int(request)):
        yield request


def join(request_iterator, context):
    return b"".join(request_iterator)


def mirror(request_iterator, context):
    for request in request_iterator:
        yield request


ECHO = {
    "Echo": grpc.unary_unary_rpc_method_handler(echo),
    "Repeat": grpc.unary_stream_rpc_method_handler(repeat),
    "Join": grpc.stream_unary_rpc_method_handler(join),
    "Mirror": grpc.stream_stream_rpc_method_handler(mirror),
}


@pytest.fixture
def echo_address():
    """The address of a server with the four kinds of methods."""
    with serving(ECHO) as (_, address):
        yield address


@pytest.fixture
def channel(echo_address):
    with grpc.insecure_channel(echo_address) as channel:
        yield channel


