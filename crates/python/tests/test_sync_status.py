"""How calls end: codes, details, metadata, deadlines, cancellation."""

import threading
import time

import grpc
import pytest

from conftest import Recorder, path, serving

UNARY = grpc.unary_unary_rpc_method_handler
STREAM = grpc.unary_stream_rpc_method_handler


def call_one(handler, request=b"", *, server_options=None, **options):
    """(response, call) of a call to a server that has just this handler."""
    with serving({"M": UNARY(handler)}, **(server_options or {})) as (_, address):
        with grpc.insecure_channel(address) as channel:
            return channel.unary_unary(path("M")).with_call(request, timeout=10, **options)


def error_of(handler, request=b"", **options):
    with pytest.raises(grpc.RpcError) as caught:
        call_one(handler, request, **options)
    return caught.value


def test_exception():
    def handler(request, context):
        raise ValueError("bad é")

    error = error_of(handler)
    assert error.code() is grpc.StatusCode.UNKNOWN
    assert error.details() == "Exception calling application: bad é"
    assert str(error) == (
        "<_InactiveRpcError of RPC that terminated with:\n"
        "\tstatus = StatusCode.UNKNOWN\n"
        '\tdetails = "Exception calling application: bad é"\n'
        '\tdebug_error_string = "UNKNOWN:Exception calling application: bad é"\n'
        ">"
    )
    assert isinstance(error, grpc.Call) and isinstance(error, grpc.Future)


def test_abort():
    def handler(request, context):
        context.set_trailing_metadata((("why", "because"),))
        context.abort(grpc.StatusCode.NOT_FOUND, "50% é")

    error = error_of(handler)
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert error.details() == "50% é"
    assert [tuple(pair) for pair in error.trailing_metadata()] == [("why", "because")]


def test_abort_with_ok_is_unknown():
    assert error_of(lambda request, context: context.abort(grpc.StatusCode.OK, "x")).code() is grpc.StatusCode.UNKNOWN


def test_abort_with_status():
    class Status(grpc.Status):
        code = grpc.StatusCode.DATA_LOSS
        details = "gone"
        trailing_metadata = (("grpc-status-details-bin", b"\x08\x0f"), ("k", "v"))

    error = error_of(lambda request, context: context.abort_with_status(Status()))
    assert (error.code(), error.details()) == (grpc.StatusCode.DATA_LOSS, "gone")
    assert sorted(tuple(pair) for pair in error.trailing_metadata()) == [
        ("grpc-status-details-bin", b"\x08\x0f"),
        ("k", "v"),
    ]


def test_set_code_and_details():
    def handler(request, context):
        context.set_code(grpc.StatusCode.INVALID_ARGUMENT)
        context.set_details("no")
        assert context.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert context.details() == b"no"
        return b"ignored"

    error = error_of(handler)
    assert (error.code(), error.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "no")


def test_code_set_before_an_exception_stays():
    def handler(request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("Method not implemented!")
        raise NotImplementedError("Method not implemented!")

    error = error_of(handler)
    assert (error.code(), error.details()) == (grpc.StatusCode.UNIMPLEMENTED, "Method not implemented!")


def test_metadata_both_ways():
    def handler(request, context):
        received = [tuple(pair) for pair in context.invocation_metadata() if pair.key.startswith("x-")]
        assert context.invocation_metadata()[0].key == "user-agent"
        context.send_initial_metadata(received)
        context.set_trailing_metadata((("t", "1"), ("t", "2"), ("t-bin", bytes(range(256)))))
        return request

    sent = (("x-a", "1"), ("x-a", "2"), ("x-bin", b"\x00\xff"), ("x-empty", ""))
    _, call = call_one(handler, metadata=sent)
    assert [tuple(pair) for pair in call.initial_metadata()] == list(sent)
    assert [tuple(pair) for pair in call.trailing_metadata()] == [("t", "1"), ("t", "2"), ("t-bin", bytes(range(256)))]
    assert call.trailing_metadata()[0].key == "t" and call.trailing_metadata()[0].value == "1"


def test_initial_metadata_once():
    def handler(request, context):
        context.send_initial_metadata((("a", "b"),))
        with pytest.raises(ValueError):
            context.send_initial_metadata((("a", "b"),))
        return b""

    assert call_one(handler)[0] == b""


@pytest.mark.parametrize("metadata", [(("Upper", "x"),), (("key", "new\nline"),), (("a b", "x"),)])
def test_invalid_metadata(channel, metadata):
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(path("Echo"))(b"", metadata=metadata)
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.INTERNAL, "Invalid metadata")


def test_context_facts():
    def handler(request, context):
        assert context.peer().startswith("ipv4:127.0.0.1:")
        assert 0 < context.time_remaining() <= 10.1
        assert context.is_active()
        assert context.peer_identities() is None and context.peer_identity_key() is None
        assert context.auth_context()["transport_security_type"] == [b"insecure"]
        assert isinstance(context, grpc.ServicerContext)
        return b"ok"

    assert call_one(handler)[0] == b"ok"


def test_unknown_method(channel):
    for method in ("/test.Echo/None", "/no.Such/Echo"):
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(method)(b"")
        assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.UNIMPLEMENTED, "Method not found!")


def test_deadline_ends_both_sides():
    ended = Recorder()

    def handler(request, context):
        context.add_callback(lambda: ended(context.is_active()))
        ended.wait()
        return b"late"

    with serving({"M": UNARY(handler)}) as (_, address), grpc.insecure_channel(address) as channel:
        begin = time.monotonic()
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(path("M"))(b"", timeout=0.3)
        assert 0.25 < time.monotonic() - begin < 5
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert caught.value.details() == "Deadline Exceeded"
        assert ended.wait() is False


def test_cancel_ends_both_sides():
    begun, ended = Recorder(), Recorder()

    def handler(request, context):
        context.add_callback(ended)
        begun()
        ended.wait()
        return b"late"

    with serving({"M": UNARY(handler)}) as (_, address), grpc.insecure_channel(address) as channel:
        future = channel.unary_unary(path("M")).future(b"")
        begun.wait()
        assert future.cancel()
        assert future.cancelled() and future.done()
        assert future.code() is grpc.StatusCode.CANCELLED
        with pytest.raises(grpc.FutureCancelledError):
            future.result()
        ended.wait()


def test_cancelled_stream_ends_the_requests():
    seen = Recorder()

    def handler(request_iterator, context):
        try:
            for request in request_iterator:
                seen(request)
                yield request
        except grpc.RpcError:
            seen("ended")
            raise

    handlers = {"M": grpc.stream_stream_rpc_method_handler(handler)}
    with serving(handlers) as (_, address), grpc.insecure_channel(address) as channel:
        hold = threading.Event()

        def requests():
            yield b"1"
            hold.wait(10)

        call = channel.stream_stream(path("M"))(requests())
        assert next(call) == b"1"
        call.cancel()
        assert seen.wait(lambda item: item == "ended") == "ended"
        with pytest.raises(grpc.RpcError) as caught:
            next(call)
        assert caught.value is call and call.code() is grpc.StatusCode.CANCELLED
        hold.set()


def test_cancelled_stream_of_responses_stops_the_handler():
    ended = Recorder()

    def handler(request, context):
        context.add_callback(lambda: ended("callback"))
        while context.is_active():
            yield b"x" * 1000
        ended("left")

    with serving({"M": STREAM(handler)}) as (_, address), grpc.insecure_channel(address) as channel:
        call = channel.unary_stream(path("M"))(b"")
        for _ in range(3):
            next(call)
        call.cancel()
        assert ended.wait() in ("callback", "left")


def test_back_pressure():
    sent = []

    def handler(request, context):
        for number in range(10_000):
            sent.append(number)
            yield bytes(10_000)

    with serving({"M": STREAM(handler)}) as (_, address), grpc.insecure_channel(address) as channel:
        call = channel.unary_stream(path("M"))(b"")
        next(call)
        time.sleep(0.3)
        assert len(sent) < 5000, "a client that does not read holds the handler back"
        call.cancel()


def test_error_while_streaming():
    def handler(request, context):
        yield b"1"
        raise RuntimeError("mid")

    with serving({"M": STREAM(handler)}) as (_, address), grpc.insecure_channel(address) as channel:
        call = channel.unary_stream(path("M"))(b"")
        assert next(call) == b"1"
        with pytest.raises(grpc.RpcError) as caught:
            next(call)
        assert caught.value is call
        assert call.code() is grpc.StatusCode.UNKNOWN
        assert call.details() == "Exception iterating responses: mid"


def test_faulty_serializers(channel):
    def fail(_):
        raise ValueError("no")

    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(path("Echo"), request_serializer=fail)(b"")
    assert (caught.value.code(), caught.value.details()) == (
        grpc.StatusCode.INTERNAL,
        "Exception serializing request!",
    )
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(path("Echo"), response_deserializer=fail)(b"")
    assert caught.value.code() is grpc.StatusCode.INTERNAL

    handlers = {
        "In": UNARY(lambda request, context: b"", request_deserializer=fail),
        "Out": UNARY(lambda request, context: b"", response_serializer=fail),
    }
    with serving(handlers) as (_, address), grpc.insecure_channel(address) as other:
        for method, details in (("In", "Exception deserializing request!"), ("Out", "Failed to serialize response!")):
            with pytest.raises(grpc.RpcError) as caught:
                other.unary_unary(path(method))(b"")
            assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.INTERNAL, details)


def test_faulty_request_iterator(channel):
    def requests():
        yield b"a"
        raise KeyError("b")

    with pytest.raises(grpc.RpcError) as caught:
        channel.stream_unary(path("Join"))(requests())
    assert (caught.value.code(), caught.value.details()) == (
        grpc.StatusCode.UNKNOWN,
        "Exception iterating requests!",
    )


def test_limits(channel, echo_address):
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(path("Echo"))(bytes(5_000_000))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert channel.unary_unary(path("Echo"))(b"still here") == b"still here"

    options = (("grpc.max_receive_message_length", 10), ("grpc.max_send_message_length", 20))
    with grpc.insecure_channel(echo_address, options=options) as small:
        for size in (15, 50):
            with pytest.raises(grpc.RpcError) as caught:
                small.unary_unary(path("Echo"))(bytes(size))
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert small.unary_unary(path("Echo"))(bytes(10)) == bytes(10)


def test_maximum_concurrent_rpcs():
    begun, release = threading.Event(), threading.Event()

    def hold(request, context):
        begun.set()
        release.wait(10)
        return b""

    with serving({"M": UNARY(hold)}, maximum_concurrent_rpcs=1) as (_, address):
        with grpc.insecure_channel(address) as channel:
            first = channel.unary_unary(path("M")).future(b"")
            assert begun.wait(10)
            with pytest.raises(grpc.RpcError) as caught:
                channel.unary_unary(path("M"))(b"")
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert caught.value.details() == "Concurrent RPC limit exceeded!"
            release.set()
            assert first.result(timeout=10) == b""


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_compression(compression):
    with serving({"M": UNARY(lambda request, context: request)}, compression=compression) as (_, address):
        with grpc.insecure_channel(address, compression=compression) as channel:
            message = b"again and " * 10_000
            assert channel.unary_unary(path("M"))(message) == message
            assert channel.unary_unary(path("M"))(message, compression=grpc.Compression.NoCompression) == message
