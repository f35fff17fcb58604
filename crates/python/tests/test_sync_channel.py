"""Channels, servers and their ports; interceptors; TLS."""

import json
import socket
import sys
import threading
import uuid

import grpc
import pytest

from conftest import ECHO, SERVICE, Recorder, path, serving


def test_server_away(unused_port):
    with grpc.insecure_channel(f"127.0.0.1:{unused_port}") as channel:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(path("Echo"))(b"", timeout=10)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert f"127.0.0.1:{unused_port}" in caught.value.details()
    assert "Connection refused" in caught.value.details()


@pytest.fixture
def unused_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def bound(address):
    """A server at that address: (server, port)."""
    from concurrent import futures

    server = grpc.server(futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, ECHO),))
    port = server.add_insecure_port(address)
    server.start()
    return server, port


def start_at(port):
    server, bound_port = bound(f"127.0.0.1:{port}")
    assert bound_port == port
    return server


def test_server_comes_and_goes(unused_port):
    with grpc.insecure_channel(
        f"127.0.0.1:{unused_port}", options=(("grpc.initial_reconnect_backoff_ms", 100),)
    ) as channel:
        echo = channel.unary_unary(path("Echo"))
        waiting = echo.future(b"early", wait_for_ready=True, timeout=20)
        server = start_at(unused_port)
        assert waiting.result(timeout=20) == b"early"
        server.stop(0).wait(10)
        with pytest.raises(grpc.RpcError) as caught:
            echo(b"", timeout=10)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        server = start_at(unused_port)
        assert echo(b"again", wait_for_ready=True, timeout=20) == b"again"
        server.stop(0).wait(10)


def test_port_taken():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        server = grpc.server(None)
        with pytest.raises(RuntimeError, match=f"Failed to bind to address 127.0.0.1:{port}"):
            server.add_insecure_port(f"127.0.0.1:{port}")


def test_port_taken_without_reuseport():
    with serving(ECHO) as (_, address):
        server = grpc.server(None, options=(("grpc.so_reuseport", 0),))
        with pytest.raises(RuntimeError, match="Failed to bind to address"):
            server.add_insecure_port(address)


def test_bad_address():
    with pytest.raises(RuntimeError, match="Failed to bind to address nonsense"):
        grpc.server(None).add_insecure_port("nonsense")


def test_unix_socket(tmp_path):
    address = f"unix:{tmp_path}/socket"
    server, port = bound(address)
    assert port
    with grpc.insecure_channel(address) as channel:
        assert channel.unary_unary(path("Echo"))(b"local") == b"local"
    server.stop(0).wait(10)


def test_start_twice():
    with serving(ECHO) as (server, _):
        with pytest.raises(ValueError, match="already-started"):
            server.start()


def test_graceful_stop():
    begun, release = threading.Event(), threading.Event()

    def hold(request, context):
        begun.set()
        release.wait(10)
        return b"done"

    with serving({"M": grpc.unary_unary_rpc_method_handler(hold)}) as (server, address):
        with grpc.insecure_channel(address) as channel:
            call = channel.unary_unary(path("M")).future(b"")
            assert begun.wait(10)
            stopped = server.stop(10)
            assert not stopped.is_set()
            with grpc.insecure_channel(address) as late, pytest.raises(grpc.RpcError):
                late.unary_unary(path("M"))(b"", timeout=5)
            release.set()
            assert call.result(timeout=10) == b"done"
            assert stopped.wait(10)
            assert server.wait_for_termination(timeout=1) is False


def test_wait_for_termination_times_out():
    with serving(ECHO) as (server, _):
        assert server.wait_for_termination(timeout=0.05) is True


def test_connectivity(echo_address):
    states = Recorder()
    channel = grpc.insecure_channel(echo_address)
    channel.subscribe(states)
    states.wait(lambda state: state is grpc.ChannelConnectivity.IDLE)
    grpc.channel_ready_future(channel).result(timeout=10)
    states.wait(lambda state: state is grpc.ChannelConnectivity.READY)
    channel.unsubscribe(states)
    channel.close()


def test_channel_ready_future_times_out(unused_port):
    with grpc.insecure_channel(f"127.0.0.1:{unused_port}") as channel:
        future = grpc.channel_ready_future(channel)
        with pytest.raises(grpc.FutureTimeoutError):
            future.result(timeout=0.1)
        assert future.cancel()


def test_closed_channel(echo_address):
    channel = grpc.insecure_channel(echo_address)
    echo = channel.unary_unary(path("Echo"))
    assert echo(b"x") == b"x"
    channel.close()
    with pytest.raises(ValueError):
        echo(b"x")


def test_closing_cancels():
    begun, release = threading.Event(), threading.Event()

    def hold(request, context):
        begun.set()
        release.wait(10)
        return b""

    with serving({"M": grpc.unary_unary_rpc_method_handler(hold)}) as (_, address):
        channel = grpc.insecure_channel(address)
        call = channel.unary_unary(path("M")).future(b"")
        assert begun.wait(10)
        channel.close()
        assert call.code() is grpc.StatusCode.CANCELLED
        release.set()


class Counting(grpc.UnaryUnaryClientInterceptor, grpc.StreamStreamClientInterceptor):
    def __init__(self, name, log):
        self.name = name
        self.log = log

    def intercept_unary_unary(self, continuation, details, request):
        self.log.append((self.name, details.method))
        details = details._replace(metadata=tuple(details.metadata or ()) + (("x-by", self.name),))
        return continuation(details, request)

    def intercept_stream_stream(self, continuation, details, request_iterator):
        self.log.append((self.name, details.method))
        return continuation(details, (one + b"!" for one in request_iterator))


def test_client_interceptors():
    def who(request, context):
        return b",".join(pair.value.encode() for pair in context.invocation_metadata() if pair.key == "x-by")

    handlers = {"Who": grpc.unary_unary_rpc_method_handler(who), "Mirror": ECHO["Mirror"], "Join": ECHO["Join"]}
    with serving(handlers) as (_, address), grpc.insecure_channel(address) as plain:
        log = []
        channel = grpc.intercept_channel(plain, Counting("a", log), Counting("b", log))
        assert channel.unary_unary(path("Who"))(b"") == b"a,b"
        assert channel.unary_unary(path("Who")).future(b"").result(timeout=10) == b"a,b"
        assert list(channel.stream_stream(path("Mirror"))(iter([b"x"]))) == [b"x!!"]
        assert channel.stream_unary(path("Join"))(iter([b"y"])) == b"y"
        assert [name for name, _ in log] == ["a", "b"] * 3
    with pytest.raises(TypeError):
        grpc.intercept_channel(plain, object())


def test_client_interceptor_sees_errors(channel):
    class Retry(grpc.UnaryUnaryClientInterceptor):
        def intercept_unary_unary(self, continuation, details, request):
            outcome = continuation(details._replace(method="/no/such"), request)
            assert outcome.code() is grpc.StatusCode.UNIMPLEMENTED
            return continuation(details, request)

    assert grpc.intercept_channel(channel, Retry()).unary_unary(path("Echo"))(b"x") == b"x"


def test_server_interceptors():
    log = []

    class Gate(grpc.ServerInterceptor):
        def __init__(self, name):
            self.name = name

        def intercept_service(self, continuation, details):
            log.append((self.name, details.method))
            if ("deny", self.name) in [tuple(pair) for pair in details.invocation_metadata]:
                return grpc.unary_unary_rpc_method_handler(
                    lambda request, context: context.abort(grpc.StatusCode.PERMISSION_DENIED, self.name)
                )
            return continuation(details)

    with serving(ECHO, interceptors=(Gate("a"), Gate("b"))) as (_, address), grpc.insecure_channel(address) as channel:
        echo = channel.unary_unary(path("Echo"))
        assert echo(b"x") == b"x"
        assert log == [("a", path("Echo")), ("b", path("Echo"))]
        with pytest.raises(grpc.RpcError) as caught:
            echo(b"x", metadata=(("deny", "b"),))
        assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.PERMISSION_DENIED, "b")
        assert list(channel.unary_stream(path("Repeat"))(b"2")) == [b"2", b"2"]


def test_simple_stub(echo_address):
    assert grpc.experimental.unary_unary(b"x", echo_address, path("Echo"), insecure=True) == b"x"


def test_version_check():
    from grpc._utilities import first_version_is_lower

    assert first_version_is_lower("1.60.0", "1.60.1") and not first_version_is_lower(grpc.__version__, "1.85.0")


RETRIES = json.dumps(
    {
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 3,
                    "initialBackoff": "0.001s",
                    "maxBackoff": "0.01s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ]
    }
)


@pytest.mark.parametrize("retries", [True, False])
def test_retries_of_a_service_config(retries):
    attempts = []

    def flaky(request, context):
        attempts.append(dict(context.invocation_metadata()).get("grpc-previous-rpc-attempts"))
        if len(attempts) < 3:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not yet")
        return request

    options = [("grpc.service_config", RETRIES), ("grpc.enable_retries", int(retries))]
    with serving({"Flaky": grpc.unary_unary_rpc_method_handler(flaky)}) as (_, address):
        with grpc.insecure_channel(address, options=options) as channel:
            call = channel.unary_unary(path("Flaky"))
            if retries:
                assert call(b"x", timeout=20) == b"x"
                assert attempts == [None, "1", "2"]
            else:
                with pytest.raises(grpc.RpcError) as caught:
                    call(b"x", timeout=20)
                assert caught.value.details() == "not yet"
                assert attempts == [None]


def test_a_service_config_that_is_none():
    with grpc.insecure_channel("localhost:1", options=[("grpc.service_config", "{")]) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(path("Echo"))(b"", timeout=10)
    assert "invalid service config: not JSON" in caught.value.details()


@pytest.mark.parametrize("address", ["localhost:0", "0.0.0.0:0", "[::]:0"])
def test_servers_listen_at_both_families(address):
    server, port = bound(address)
    for host in ("localhost", "127.0.0.1", "[::1]"):
        with grpc.insecure_channel(f"{host}:{port}") as channel:
            assert channel.unary_unary(path("Echo"))(b"x", timeout=20) == b"x"
    server.stop(0).wait(10)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has abstract socket names")
def test_abstract_unix_sockets():
    address = f"unix-abstract:carom-{uuid.uuid4().hex}"
    server, port = bound(address)
    assert port == 1
    with grpc.insecure_channel(address) as channel:
        assert channel.unary_unary(path("Echo"))(b"x", timeout=20) == b"x"
    server.stop(0).wait(10)


def test_targets_may_be_bytes(echo_address):
    with grpc.insecure_channel(echo_address.encode()) as channel:
        assert channel.unary_unary(path("Echo"))(b"x", timeout=20) == b"x"


def test_paths_need_no_slash():
    class Handler(grpc.GenericRpcHandler):
        def service(self, details):
            return ECHO["Echo"] if details.method == "test.Echo/Echo" else None

    with serving({}, handlers=[Handler()]) as (_, address), grpc.insecure_channel(address) as channel:
        assert channel.unary_unary("test.Echo/Echo")(b"x", timeout=20) == b"x"
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary("Echo")(b"x", timeout=20)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_binary_metadata_is_bytes(channel):
    with pytest.raises(TypeError, match="a-bin"):
        channel.unary_unary(path("Echo"))(b"x", metadata=(("a-bin", "text"),), timeout=20)
