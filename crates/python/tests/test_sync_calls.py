"""The four kinds of calls, synchronous on both sides."""

import threading

import grpc
import pytest

from conftest import ECHO, Recorder, path, serving


def test_unary_unary(channel):
    assert channel.unary_unary(path("Echo"))(b"hello") == b"hello"


def test_empty_message(channel):
    assert channel.unary_unary(path("Echo"))(b"") == b""


def test_with_call(channel):
    response, call = channel.unary_unary(path("Echo")).with_call(b"hello", timeout=5)
    assert response == b"hello"
    assert call.code() is grpc.StatusCode.OK
    assert call.details() == ""
    assert call.done() and not call.is_active()


def test_future(channel):
    future = channel.unary_unary(path("Echo")).future(b"hello")
    done = Recorder()
    future.add_done_callback(done)
    assert future.result(timeout=10) == b"hello"
    assert future.done() and not future.running() and not future.cancelled()
    assert future.exception() is None and future.traceback() is None
    assert done.wait() is future


def test_many_futures(channel):
    echo = channel.unary_unary(path("Echo"))
    pending = [echo.future(b"%d" % number) for number in range(300)]
    assert [int(future.result(timeout=20)) for future in pending] == list(range(300))


def test_unary_stream(channel):
    responses = channel.unary_stream(path("Repeat"))(b"5")
    assert list(responses) == [b"5"] * 5
    assert responses.code() is grpc.StatusCode.OK


def test_stream_unary(channel):
    join = channel.stream_unary(path("Join"))
    assert join(iter([b"a", b"b", b"c"])) == b"abc"
    assert join(iter([])) == b""
    assert join.future(iter([b"x", b"y"])).result(timeout=10) == b"xy"
    assert join.with_call(iter([b"z"]))[0] == b"z"


def test_stream_stream_ping_pong(channel):
    go_on = threading.Semaphore(1)

    def requests():
        for number in range(20):
            assert go_on.acquire(timeout=10)
            yield b"%d" % number

    count = 0
    for count, response in enumerate(channel.stream_stream(path("Mirror"))(requests()), 1):
        assert response == b"%d" % (count - 1)
        go_on.release()
    assert count == 20


def test_long_streams(channel):
    assert sum(1 for _ in channel.unary_stream(path("Repeat"))(b"20000")) == 20000
    assert len(channel.stream_unary(path("Join"))(b"12345678" for _ in range(20000))) == 160000


@pytest.mark.parametrize("size", [1, 65_535, 65_536, 1 << 20, 4 * 1024 * 1024 - 64])
def test_large_messages(channel, size):
    message = bytes(size)
    assert channel.unary_unary(path("Echo"))(message) == message


def test_large_messages_in_streams(channel):
    message = bytes(1 << 20)
    assert sum(len(one) for one in channel.stream_stream(path("Mirror"))(message for _ in range(20))) == 20 << 20


def test_serializers():
    handlers = {
        "Add": grpc.unary_unary_rpc_method_handler(
            lambda request, context: request + 1,
            request_deserializer=lambda data: int(data),
            response_serializer=lambda number: b"%d" % number,
        )
    }
    with serving(handlers) as (_, address), grpc.insecure_channel(address) as channel:
        add = channel.unary_unary(path("Add"), lambda number: b"%d" % number, lambda data: int(data))
        assert add(3) == 4


def test_threads_share_a_channel(channel):
    echo = channel.unary_unary(path("Echo"))
    wrong = []

    def work(number):
        for _ in range(50):
            if echo(b"%d" % number) != b"%d" % number:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not wrong


def test_blocking_handlers_run_at_once():
    barrier = threading.Barrier(6)

    def meet(request, context):
        barrier.wait(10)
        return request

    with serving({"Meet": grpc.unary_unary_rpc_method_handler(meet)}, workers=6) as (_, address):
        with grpc.insecure_channel(address) as channel:
            meetings = [channel.unary_unary(path("Meet")).future(b"x") for _ in range(6)]
            assert [meeting.result(timeout=10) for meeting in meetings] == [b"x"] * 6


def test_at_most_max_workers_run():
    running, most, lock = [0], [0], threading.Lock()
    release = threading.Event()

    def hold(request, context):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        release.wait(0.05)
        with lock:
            running[0] -= 1
        return request

    with serving({"Hold": grpc.unary_unary_rpc_method_handler(hold)}, workers=3) as (_, address):
        with grpc.insecure_channel(address) as channel:
            pending = [channel.unary_unary(path("Hold")).future(b"") for _ in range(12)]
            for one in pending:
                one.result(timeout=20)
    assert most[0] == 3


def test_handler_calls_its_own_server():
    def outer(request, context):
        return inner_channel.unary_unary(path("Echo"))(request)

    handlers = {**ECHO, "Outer": grpc.unary_unary_rpc_method_handler(outer)}
    with serving(handlers, workers=2) as (_, address):
        with grpc.insecure_channel(address) as inner_channel, grpc.insecure_channel(address) as channel:
            assert channel.unary_unary(path("Outer"))(b"deep", timeout=10) == b"deep"


def test_context_variables_do_not_leak():
    import contextvars

    variable = contextvars.ContextVar("variable", default="unset")

    def look(request, context):
        before = variable.get()
        variable.set("set")
        return before.encode()

    with serving({"Look": grpc.unary_unary_rpc_method_handler(look)}) as (_, address):
        with grpc.insecure_channel(address) as channel:
            assert {channel.unary_unary(path("Look"))(b"") for _ in range(20)} == {b"unset"}


def test_generic_handler_is_asked_for_each_call():
    class Any(grpc.GenericRpcHandler):
        def service(self, details):
            if details.method.startswith("/any/"):
                return grpc.unary_unary_rpc_method_handler(lambda request, context: details.method.encode())
            return None

    with serving({}, handlers=(Any(),)) as (_, address), grpc.insecure_channel(address) as channel:
        assert channel.unary_unary("/any/thing")(b"") == b"/any/thing"
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary("/other/thing")(b"")
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
