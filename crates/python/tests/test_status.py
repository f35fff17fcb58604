"""grpc_status: google.rpc.Status messages with the calls of `grpc` and of `grpc.aio`."""

import asyncio

import grpc
import grpc.aio
import pytest
from google.protobuf import wrappers_pb2
from google.rpc import code_pb2, status_pb2
from grpc_status import rpc_status

from conftest import SERVICE, path, serving

KEY = "grpc-status-details-bin"


def rich():
    """A status with a detail."""
    message = status_pb2.Status(code=code_pb2.RESOURCE_EXHAUSTED, message="no more é")
    message.details.add().Pack(wrappers_pb2.StringValue(value="tomorrow"))
    return message


def abort(request, context):
    context.abort_with_status(rpc_status.to_status(rich()))


def mismatched_code(request, context):
    context.set_trailing_metadata(((KEY, rich().SerializeToString()),))
    context.abort(grpc.StatusCode.ABORTED, "no more é")


def mismatched_message(request, context):
    context.set_trailing_metadata(((KEY, rich().SerializeToString()),))
    context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "another")


def without(request, context):
    context.set_trailing_metadata((("other-bin", b"x"),))
    context.abort(grpc.StatusCode.ABORTED, "plain")


HANDLERS = {
    name: grpc.unary_unary_rpc_method_handler(handler)
    for name, handler in {
        "Abort": abort,
        "Code": mismatched_code,
        "Message": mismatched_message,
        "Without": without,
    }.items()
}
CODE = r"Code in Status proto \(StatusCode.RESOURCE_EXHAUSTED\) doesn't match status code \(StatusCode.ABORTED\)"
MESSAGE = r"Message in Status proto \(no more é\) doesn't match status details \(another\)"


def by_sync(method):
    """What `from_call` makes of a call's error."""
    with serving(HANDLERS) as (_, address), grpc.insecure_channel(address) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(path(method))(b"", timeout=10)
        return rpc_status.from_call(caught.value)


def by_aio(method):
    """What `aio.from_call` makes of a call."""

    async def body(address):
        async with grpc.aio.insecure_channel(address) as channel:
            return await rpc_status.aio.from_call(channel.unary_unary(path(method))(b"", timeout=10))

    with serving(HANDLERS) as (_, address):
        return asyncio.run(body(address))


@pytest.mark.parametrize("of", [by_sync, by_aio])
class TestFromCall:
    def test_message(self, of):
        assert of("Abort") == rich()

    def test_none_without_details(self, of):
        assert of("Without") is None

    @pytest.mark.parametrize("method, words", [("Code", CODE), ("Message", MESSAGE)])
    def test_what_does_not_fit_the_call_is_an_error(self, of, method, words):
        with pytest.raises(ValueError, match=words):
            of(method)


def test_none_without_trailing_metadata():
    class Bare:
        def trailing_metadata(self):
            return None

        def code(self):
            return grpc.StatusCode.OK

        def details(self):
            return ""

    assert rpc_status.from_call(Bare()) is None


def test_to_status():
    status = rpc_status.to_status(rich())
    assert isinstance(status, grpc.Status)
    assert status.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert status.details == "no more é"
    assert status.trailing_metadata == ((KEY, rich().SerializeToString()),)
    with pytest.raises(ValueError, match="Invalid status code 99"):
        rpc_status.to_status(status_pb2.Status(code=99))


def test_an_aio_server_aborts_with_it():
    async def handler(request, context):
        await context.abort_with_status(rpc_status.to_status(rich()))

    async def body():
        server = grpc.aio.server()
        methods = {"Abort": grpc.unary_unary_rpc_method_handler(handler)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                return await rpc_status.aio.from_call(channel.unary_unary(path("Abort"))(b"", timeout=10))
        finally:
            await server.stop(0)

    assert asyncio.run(body()) == rich()
