"""grpc.aio: the four kinds, status, cancellation, several loops."""

import asyncio
import contextlib
import threading
from concurrent import futures

import grpc
import pytest
from grpc import aio

from conftest import SERVICE, path


def run(coroutine, timeout=30):
    async def bounded():
        return await asyncio.wait_for(coroutine, timeout)

    return asyncio.run(bounded())


@contextlib.asynccontextmanager
async def serving(handlers, **options):
    server = aio.server(**options)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield server, f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


async def echo(request, context):
    return request


async def repeat(request, context):
    for _ in range(int(request)):
        yield request


async def repeat_by_write(request, context):
    for _ in range(int(request)):
        await context.write(request)


async def join(request_iterator, context):
    return b"".join([request async for request in request_iterator])


async def mirror(request_iterator, context):
    async for request in request_iterator:
        yield request


async def mirror_by_read(request_iterator, context):
    while True:
        request = await context.read()
        if request is aio.EOF:
            return
        await context.write(request)


ECHO = {
    "Echo": grpc.unary_unary_rpc_method_handler(echo),
    "Repeat": grpc.unary_stream_rpc_method_handler(repeat),
    "RepeatByWrite": grpc.unary_stream_rpc_method_handler(repeat_by_write),
    "Join": grpc.stream_unary_rpc_method_handler(join),
    "Mirror": grpc.stream_stream_rpc_method_handler(mirror),
    "MirrorByRead": grpc.stream_stream_rpc_method_handler(mirror_by_read),
}


def with_echo(body, handlers=ECHO, server_options=None, **channel_options):
    """Runs `body(channel)` against a server in the same loop."""

    async def main():
        async with serving(handlers, **(server_options or {})) as (_, address):
            async with aio.insecure_channel(address, **channel_options) as channel:
                return await body(channel)

    return run(main())


def test_unary_unary():
    async def body(channel):
        call = channel.unary_unary(path("Echo"))(b"hello", timeout=10)
        assert not call.done() and 9 < call.time_remaining() <= 10
        assert await call == b"hello"
        assert await call == b"hello"
        assert call.done() and not call.cancelled()
        assert await call.code() is grpc.StatusCode.OK
        assert await call.details() == ""

    with_echo(body)


def test_many_at_once():
    async def body(channel):
        echo = channel.unary_unary(path("Echo"))
        answers = await asyncio.gather(*[echo(b"%d" % number) for number in range(500)])
        assert [int(answer) for answer in answers] == list(range(500))

    with_echo(body)


@pytest.mark.parametrize("method", ["Repeat", "RepeatByWrite"])
def test_unary_stream(method):
    async def body(channel):
        repeat = channel.unary_stream(path(method))
        assert [one async for one in repeat(b"5")] == [b"5"] * 5
        call = repeat(b"2")
        assert [await call.read() for _ in range(3)] == [b"2", b"2", aio.EOF]
        assert await call.code() is grpc.StatusCode.OK
        assert len([one async for one in repeat(b"5000")]) == 5000

    with_echo(body)


def test_stream_unary():
    async def requests():
        for one in (b"a", b"b"):
            yield one

    async def body(channel):
        join = channel.stream_unary(path("Join"))
        assert await join(iter([b"x", b"y"])) == b"xy"
        assert await join(requests()) == b"ab"
        call = join()
        await call.write(b"1")
        await call.write(b"2")
        await call.done_writing()
        assert await call == b"12"
        with pytest.raises(asyncio.InvalidStateError):
            await call.write(b"3")
        assert len(await join(b"12345678" for _ in range(5000))) == 40000

    with_echo(body)


@pytest.mark.parametrize("method", ["Mirror", "MirrorByRead"])
def test_stream_stream(method):
    async def body(channel):
        mirror = channel.stream_stream(path(method))
        call = mirror()
        for number in range(20):
            await call.write(b"%d" % number)
            assert await call.read() == b"%d" % number
        await call.done_writing()
        assert await call.read() is aio.EOF
        assert [one async for one in mirror(iter([b"a", b"b"]))] == [b"a", b"b"]

    with_echo(body)


def test_styles_do_not_mix():
    async def body(channel):
        call = channel.unary_stream(path("Repeat"))(b"3")
        await call.read()
        with pytest.raises(aio.UsageError):
            async for _ in call:
                pass
        call = channel.stream_unary(path("Join"))(iter([b"a"]))
        with pytest.raises(aio.UsageError):
            await call.write(b"b")
        assert await call == b"a"

    with_echo(body)


def test_large_messages():
    async def body(channel):
        message = bytes(3 << 20)
        assert await channel.unary_unary(path("Echo"))(message) == message
        sent = (bytes(1 << 20) for _ in range(10))
        assert sum([len(one) async for one in channel.stream_stream(path("Mirror"))(sent)]) == 10 << 20

    with_echo(body)


def test_metadata():
    async def handler(request, context):
        received = [tuple(pair) for pair in context.invocation_metadata() if pair[0].startswith("x-")]
        await context.send_initial_metadata(received)
        context.set_trailing_metadata((("t", "1"), ("t-bin", b"\0\xff")))
        return request

    async def body(channel):
        metadata = aio.Metadata(("x-a", "1"), ("x-b-bin", b"\1\2"), ("x-a", "2"))
        call = channel.unary_unary(path("M"))(b"", metadata=metadata)
        await call
        initial = await call.initial_metadata()
        assert initial.get_all("x-a") == ["1", "2"] and initial["x-b-bin"] == b"\1\2"
        assert await call.trailing_metadata() == aio.Metadata(("t", "1"), ("t-bin", b"\0\xff"))

    with_echo(body, {"M": grpc.unary_unary_rpc_method_handler(handler)})


async def error_of(call):
    with pytest.raises(aio.AioRpcError) as caught:
        await call
    return caught.value


def test_errors():
    async def raises(request, context):
        raise ValueError("bad é")

    async def aborts(request, context):
        await context.abort(grpc.StatusCode.NOT_FOUND, "no é%", (("k", "v"),))

    async def sets(request, context):
        context.set_code(grpc.StatusCode.INVALID_ARGUMENT)
        context.set_details("dd")
        return b""

    async def streams(request, context):
        yield b"1"
        await context.abort(grpc.StatusCode.DATA_LOSS, "lost")

    async def body(channel):
        error = await error_of(channel.unary_unary(path("Raises"))(b""))
        assert error.code() is grpc.StatusCode.UNKNOWN
        assert error.details() == "Unexpected <class 'ValueError'>: bad é"
        error = await error_of(channel.unary_unary(path("Aborts"))(b""))
        assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "no é%")
        assert error.trailing_metadata()["k"] == "v"
        error = await error_of(channel.unary_unary(path("Sets"))(b""))
        assert (error.code(), error.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "dd")
        error = await error_of(channel.unary_unary(path("None"))(b""))
        assert (error.code(), error.details()) == (grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        call = channel.unary_stream(path("Streams"))(b"")
        assert await call.read() == b"1"
        error = await error_of(call.read())
        assert (error.code(), error.details()) == (grpc.StatusCode.DATA_LOSS, "lost")

    handlers = {
        "Raises": grpc.unary_unary_rpc_method_handler(raises),
        "Aborts": grpc.unary_unary_rpc_method_handler(aborts),
        "Sets": grpc.unary_unary_rpc_method_handler(sets),
        "Streams": grpc.unary_stream_rpc_method_handler(streams),
    }
    with_echo(body, handlers)


def test_deadline_cancels_the_handler():
    async def main():
        cancelled = asyncio.Event()

        async def handler(request, context):
            try:
                await asyncio.sleep(20)
            except asyncio.CancelledError:
                cancelled.set()
                raise

        async with serving({"M": grpc.unary_unary_rpc_method_handler(handler)}) as (_, address):
            async with aio.insecure_channel(address) as channel:
                error = await error_of(channel.unary_unary(path("M"))(b"", timeout=0.3))
                assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
                assert error.details() == "Deadline Exceeded"
                await cancelled.wait()

    run(main())


@pytest.mark.parametrize("how", ["cancel", "task"])
def test_cancellation(how):
    async def main():
        begun, cancelled = asyncio.Event(), asyncio.Event()

        async def handler(request, context):
            begun.set()
            try:
                await asyncio.sleep(20)
            except asyncio.CancelledError:
                cancelled.set()
                raise

        async with serving({"M": grpc.unary_unary_rpc_method_handler(handler)}) as (_, address):
            async with aio.insecure_channel(address) as channel:
                call = channel.unary_unary(path("M"))(b"")

                async def wait():
                    return await call

                task = asyncio.create_task(wait())
                await begun.wait()
                if how == "cancel":
                    assert call.cancel()
                else:
                    task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert call.cancelled() and call.done() and not call.cancel()
                assert await call.code() is grpc.StatusCode.CANCELLED
                await cancelled.wait()

    run(main())


def test_cancelled_stream():
    async def body(channel):
        call = channel.stream_stream(path("Mirror"))()
        await call.write(b"1")
        assert await call.read() == b"1"
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call.read()
        with pytest.raises(asyncio.InvalidStateError):
            await call.write(b"2")

    with_echo(body)


def test_done_callbacks():
    async def body(channel):
        done = asyncio.Event()
        seen = []
        call = channel.unary_unary(path("Echo"))(b"x")
        call.add_done_callback(lambda one: (seen.append(one), done.set()))
        await done.wait()
        assert seen == [call] and await call == b"x"

    with_echo(body)


def test_server_interceptor():
    class Deny(aio.ServerInterceptor):
        async def intercept_service(self, continuation, details):
            if details.method.endswith("Join"):
                async def deny(request_iterator, context):
                    await context.abort(grpc.StatusCode.PERMISSION_DENIED, "denied")

                return grpc.stream_unary_rpc_method_handler(deny)
            return await continuation(details)

    async def body(channel):
        assert await channel.unary_unary(path("Echo"))(b"x") == b"x"
        error = await error_of(channel.stream_unary(path("Join"))(iter([b"x"])))
        assert error.code() is grpc.StatusCode.PERMISSION_DENIED

    with_echo(body, server_options={"interceptors": (Deny(),)})


def test_client_interceptors():
    class Upper(aio.UnaryUnaryClientInterceptor):
        async def intercept_unary_unary(self, continuation, details, request):
            assert details.method == path("Echo").encode()
            call = await continuation(details, request.upper())
            assert await call == request.upper()
            return call

    class Short(aio.UnaryUnaryClientInterceptor):
        async def intercept_unary_unary(self, continuation, details, request):
            return b"short"

    class Exclaim(aio.StreamStreamClientInterceptor):
        async def intercept_stream_stream(self, continuation, details, request_iterator):
            async def louder():
                async for one in request_iterator:
                    yield one + b"!"

            return await continuation(details, louder())

    async def with_upper(channel):
        call = channel.unary_unary(path("Echo"))(b"x")
        assert await call == b"X"
        assert await call.code() is grpc.StatusCode.OK

    async def with_short(channel):
        assert await channel.unary_unary(path("Echo"))(b"x") == b"short"

    async def with_exclaim(channel):
        call = channel.stream_stream(path("Mirror"))()
        await call.write(b"a")
        assert await call.read() == b"a!"
        await call.done_writing()
        assert await call.read() is aio.EOF

    with_echo(with_upper, interceptors=[Upper()])
    with_echo(with_short, interceptors=[Short()])
    with_echo(with_exclaim, interceptors=[Exclaim()])


def test_handlers_that_are_no_coroutines():
    def sync_echo(request, context):
        assert context.peer().startswith("ipv4:")
        return request

    def sync_repeat(request, context):
        for _ in range(int(request)):
            yield request

    def sync_join(request_iterator, context):
        return b"".join(request_iterator)

    def sync_abort(request, context):
        context.abort(grpc.StatusCode.ABORTED, "stop")

    async def body(channel):
        assert await channel.unary_unary(path("Echo"))(b"x") == b"x"
        assert [one async for one in channel.unary_stream(path("Repeat"))(b"3")] == [b"3"] * 3
        assert await channel.stream_unary(path("Join"))(iter([b"a", b"b"])) == b"ab"
        assert (await error_of(channel.unary_unary(path("Abort"))(b""))).code() is grpc.StatusCode.ABORTED

    handlers = {
        "Echo": grpc.unary_unary_rpc_method_handler(sync_echo),
        "Repeat": grpc.unary_stream_rpc_method_handler(sync_repeat),
        "Join": grpc.stream_unary_rpc_method_handler(sync_join),
        "Abort": grpc.unary_unary_rpc_method_handler(sync_abort),
    }
    with futures.ThreadPoolExecutor(4) as pool:
        with_echo(body, handlers, server_options={"migration_thread_pool": pool})


def test_graceful_stop():
    async def main():
        begun, release = asyncio.Event(), asyncio.Event()

        async def hold(request, context):
            begun.set()
            await release.wait()
            return b"done"

        async with serving({"M": grpc.unary_unary_rpc_method_handler(hold)}) as (server, address):
            async with aio.insecure_channel(address) as channel:
                call = channel.unary_unary(path("M"))(b"")
                await begun.wait()
                stopping = asyncio.create_task(server.stop(10))
                await asyncio.sleep(0.05)
                assert not stopping.done()
                release.set()
                assert await call == b"done"
                await stopping
                assert await server.wait_for_termination(1) is False

    run(main())


def test_wait_for_termination_times_out():
    async def main():
        async with serving(ECHO) as (server, _):
            assert await server.wait_for_termination(0.05) is True

    run(main())


def test_connectivity():
    async def body(channel):
        assert channel.get_state() is grpc.ChannelConnectivity.IDLE
        await channel.channel_ready()
        assert channel.get_state() is grpc.ChannelConnectivity.READY
        call = channel.unary_unary(path("Echo"))(b"x")
        await call.wait_for_connection()
        assert await call == b"x"

    with_echo(body)


def test_closed_channel():
    async def main():
        async with serving(ECHO) as (_, address):
            channel = aio.insecure_channel(address)
            assert await channel.unary_unary(path("Echo"))(b"x") == b"x"
            await channel.close()
            with pytest.raises(aio.UsageError):
                await channel.unary_unary(path("Echo"))(b"x")

    run(main())


def test_closing_cancels():
    async def main():
        begun = asyncio.Event()

        async def hold(request, context):
            begun.set()
            await asyncio.sleep(20)

        async with serving({"M": grpc.unary_unary_rpc_method_handler(hold)}) as (_, address):
            channel = aio.insecure_channel(address)
            call = channel.unary_unary(path("M"))(b"")
            await begun.wait()
            await channel.close()
            with pytest.raises(asyncio.CancelledError):
                await call

    run(main())


def test_several_loops_at_once():
    """A server in one loop, clients in three others, each in a thread of its own."""
    ready, stop = threading.Event(), threading.Event()
    address = []

    async def serve():
        async with serving(ECHO) as (_, bound):
            address.append(bound)
            ready.set()
            await asyncio.get_running_loop().run_in_executor(None, stop.wait, 30)

    async def use(number):
        async with aio.insecure_channel(address[0]) as channel:
            echo = channel.unary_unary(path("Echo"))
            answers = await asyncio.gather(*[echo(b"%d" % number) for _ in range(100)])
            return set(answers) == {b"%d" % number}

    with futures.ThreadPoolExecutor(4) as pool:
        server = pool.submit(run, serve())
        assert ready.wait(10)
        clients = [pool.submit(run, use(number)) for number in range(3)]
        assert all(client.result(30) for client in clients)
        stop.set()
        server.result(30)


def test_loops_one_after_another():
    for _ in range(5):
        with_echo(_one_call)


async def _one_call(channel):
    assert await channel.unary_unary(path("Echo"))(b"x") == b"x"


def test_uvloop():
    uvloop = pytest.importorskip("uvloop")

    async def main():
        async with serving(ECHO) as (_, address), aio.insecure_channel(address) as channel:
            assert await channel.unary_unary(path("Echo"))(b"x") == b"x"
            assert [one async for one in channel.unary_stream(path("Repeat"))(b"3")] == [b"3"] * 3

    loop = uvloop.new_event_loop()
    try:
        loop.run_until_complete(asyncio.wait_for(main(), 30))
    finally:
        loop.close()


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("no words")


def leave_metadata(context):
    context.set_trailing_metadata((("Upper", "x"),))


def leave_dict(context):
    context.set_trailing_metadata({"key": "value"})


def leave_metadata_and_raise(context):
    leave_metadata(context)
    raise ValueError("boom")


def leave_metadata_and_code(context):
    leave_metadata(context)
    context.set_code(grpc.StatusCode.NOT_FOUND)


def leave_metadata_and_cancel(context):
    leave_metadata(context)
    raise asyncio.CancelledError()


def leave_surrogate(context):
    context.set_code(grpc.StatusCode.NOT_FOUND)
    context.set_details("a\ud800b")


def raise_surrogate(context):
    raise ValueError("a\ud800b")


def raise_unprintable(context):
    raise Unprintable()


def raise_generator_exit(context):
    raise GeneratorExit()


LEFT_BEHIND = {
    leave_metadata: ("INTERNAL", "Invalid metadata"),
    leave_dict: ("INTERNAL", "Invalid metadata"),
    leave_metadata_and_raise: ("INTERNAL", "Invalid metadata"),
    leave_metadata_and_code: ("INTERNAL", "Invalid metadata"),
    leave_metadata_and_cancel: ("INTERNAL", "Invalid metadata"),
    leave_surrogate: ("NOT_FOUND", "a\\ud800b"),
    raise_surrogate: ("UNKNOWN", "Unexpected <class 'ValueError'>: a\\ud800b"),
    raise_unprintable: ("UNKNOWN", f"Unexpected {Unprintable}"),
    raise_generator_exit: ("INTERNAL", "The handler ended without an answer"),
}


@pytest.mark.parametrize("streams", [False, True])
def test_whatever_a_handler_leaves_behind_its_call_ends(streams):
    """The client does not wait for its deadline, and the server can be stopped."""

    async def unary(request, context):
        list(LEFT_BEHIND)[int(request)](context)
        return b"fine"

    async def stream(request, context):
        yield await unary(request, context)

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        server = aio.server()
        methods = {
            "Unary": grpc.unary_unary_rpc_method_handler(unary),
            "Stream": grpc.unary_stream_rpc_method_handler(stream),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            for number, (code, details) in enumerate(LEFT_BEHIND.values()):
                request = str(number).encode()
                with pytest.raises(aio.AioRpcError) as caught:
                    if streams:
                        [_ async for _ in channel.unary_stream(path("Stream"))(request, timeout=20)]
                    else:
                        await channel.unary_unary(path("Unary"))(request, timeout=20)
                assert (caught.value.code().name, caught.value.details()) == (code, details)
        await asyncio.wait_for(server.stop(0), 20)

    asyncio.run(main())


def test_an_abort_with_metadata_that_cannot_be_sent():
    async def main():
        async def gone(request, context):
            await context.abort(grpc.StatusCode.NOT_FOUND, "gone", (("Upper", "x"),))

        server = aio.server()
        methods = {"Gone": grpc.unary_unary_rpc_method_handler(gone)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            with pytest.raises(aio.AioRpcError) as caught:
                await channel.unary_unary(path("Gone"))(b"", timeout=20)
            assert (caught.value.code().name, caught.value.details()) == ("INTERNAL", "Invalid metadata")
        await server.stop(0)

    asyncio.run(main())
