"""The order in which a program sees what happens to its calls."""

import asyncio
import contextlib
import threading

import grpc
import pytest
from grpc import aio

from conftest import ECHO, path, serving


@contextlib.contextmanager
def serving_streams():
    """A server whose method `Three` answers with three messages, and an event that is set when it has done so."""
    over = threading.Event()

    def three(request, context):
        context.add_callback(over.set)
        return iter([request] * 3)

    with serving({**ECHO, "Three": grpc.unary_stream_rpc_method_handler(three)}) as (_, address):
        yield address, over


def stream_that_arrived(channel, over):
    """A stream of which one message of three is read, and all of it has arrived."""
    call = channel.unary_stream(path("Three"))(b"x", timeout=20)
    next(call)
    assert over.wait(20)
    # Its answer comes after the end of the stream, on the same connection.
    channel.unary_unary(path("Echo"))(b"x", timeout=20)
    return call


@pytest.mark.parametrize(
    "make, finish",
    [
        (lambda channel: channel.unary_unary(path("Echo")).future(b"x", timeout=20), lambda call: call.result()),
        (lambda channel: channel.unary_stream(path("Repeat"))(b"3", timeout=20), list),
        (lambda channel: channel.stream_stream(path("Mirror"))(iter([b"a", b"b"]), timeout=20), list),
    ],
    ids=["unary", "stream", "bidi"],
)
def test_done_callbacks_have_run_when_the_end_is_known(channel, make, finish):
    late = 0
    for _ in range(200):
        done = []
        call = make(channel)
        call.add_done_callback(done.append)
        finish(call)
        late += not done
    assert late == 0


def test_a_callback_that_needs_what_the_waiting_thread_holds_is_not_waited_for(channel):
    lock, done = threading.Lock(), threading.Event()

    def callback(_):
        with lock:
            done.set()

    with lock:
        call = channel.unary_unary(path("Echo")).future(b"x", timeout=20)
        call.add_done_callback(callback)
        assert call.result() == b"x"
    assert done.wait(20)


def test_a_callback_may_ask_the_call_for_its_result(channel):
    results = []
    call = channel.unary_unary(path("Echo")).future(b"x", timeout=20)
    call.add_done_callback(lambda call: results.append(call.result()))
    call.result()
    assert results == [b"x"]


def test_a_stream_is_active_until_it_is_read():
    with serving_streams() as (address, over), grpc.insecure_channel(address) as channel:
        call = stream_that_arrived(channel, over)
        assert call.is_active()
        codes = []
        waiting = threading.Thread(target=lambda: codes.append(call.code()))
        waiting.start()
        done = threading.Event()
        call.add_callback(done.set)
        assert not done.wait(0.1) and not codes
        assert list(call) == [b"x", b"x"]
        waiting.join(20)
        assert codes == [grpc.StatusCode.OK] and done.wait(20)
        assert not call.is_active()


def test_the_last_message_is_enough_to_know_the_status():
    with serving_streams() as (address, over), grpc.insecure_channel(address) as channel:
        call = stream_that_arrived(channel, over)
        next(call), next(call)
        assert call.code() is grpc.StatusCode.OK


def test_a_cancelled_stream_yields_nothing_more():
    with serving_streams() as (address, over), grpc.insecure_channel(address) as channel:
        call = stream_that_arrived(channel, over)
        done = threading.Event()
        call.add_callback(done.set)
        call.cancel()
        with pytest.raises(grpc.RpcError) as error:
            next(call)
        assert error.value.code() is grpc.StatusCode.CANCELLED
        assert done.wait(20)


def test_an_aio_stream_is_not_done_until_it_is_read():
    async def main(address, over):
        async with aio.insecure_channel(address) as channel:
            call = channel.unary_stream(path("Three"))(b"x", timeout=20)
            assert await call.read() == b"x"
            assert await asyncio.to_thread(over.wait, 20)
            await channel.unary_unary(path("Echo"))(b"x", timeout=20)
            assert not call.done()
            code = asyncio.ensure_future(call.code())
            assert [await call.read() for _ in range(3)] == [b"x", b"x", aio.EOF]
            assert await asyncio.wait_for(code, 20) is grpc.StatusCode.OK
            assert call.done()

    with serving_streams() as (address, over):
        asyncio.run(main(address, over))
