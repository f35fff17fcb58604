"""Where Carom is other than grpcio on purpose: the first table of docs/python/differences.md, row by row."""

import asyncio
import copy
import pickle
import weakref

import grpc
import pytest
from grpc import aio

from conftest import SERVICE, path, serving


def test_credentials_of_nothing_are_tls(echo_address):
    with grpc.secure_channel(echo_address, grpc.ChannelCredentials(None)) as channel:
        with pytest.raises(grpc.RpcError, match="not TLS"):
            channel.unary_unary(path("Echo"))(b"secret", timeout=20)


@pytest.mark.parametrize("timeout", [1e10, float("inf")])
def test_a_far_deadline_is_none(channel, timeout):
    assert channel.unary_unary(path("Echo"))(b"x", timeout=timeout) == b"x"


@pytest.mark.parametrize("through", [copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_errors_can_be_copied(channel, through):
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(path("NoSuch"))(b"x", timeout=20)
    copied = through(caught.value)
    assert copied.code() is grpc.StatusCode.UNIMPLEMENTED
    assert copied.details() == caught.value.details()


def test_aio_contexts_take_attributes_and_weak_references():
    seen = []

    async def look(request, context):
        context.mark = "mine"
        seen.append((context.mark, weakref.ref(context)() is context))
        return request

    async def main():
        server = aio.server()
        handler = grpc.unary_unary_rpc_method_handler(look)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Look": handler}),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            await channel.unary_unary(path("Look"))(b"x", timeout=20)
        await server.stop(None)

    asyncio.run(main())
    assert seen == [("mine", True)]


@pytest.mark.parametrize(
    "target, words",
    [("http://localhost:1", "write host:port"), ("foo:///x", "unknown"), (":::", "no IPv6 address"), ("", "empty")],
)
def test_what_is_wrong_with_a_target_is_said(target, words):
    with grpc.insecure_channel(target) as channel:
        with pytest.raises(grpc.RpcError, match=words) as caught:
            channel.unary_unary(path("Echo"))(b"x", timeout=20)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_reserved_metadata_is_not_sent():
    seen = []

    def look(request, context):
        seen.extend(key for key, _ in context.invocation_metadata())
        return request

    with serving({"Look": grpc.unary_unary_rpc_method_handler(look)}) as (_, address):
        with grpc.insecure_channel(address) as channel:
            channel.unary_unary(path("Look"))(b"x", metadata=(("grpc-mine", "a"), ("mine", "b")), timeout=20)
    assert "mine" in seen and "grpc-mine" not in seen


def test_metadata_can_be_pickled():
    def look(request, context):
        context.set_trailing_metadata((("mine", "blue"),))
        return request

    with serving({"Look": grpc.unary_unary_rpc_method_handler(look)}) as (_, address):
        with grpc.insecure_channel(address) as channel:
            _, call = channel.unary_unary(path("Look")).with_call(b"x", timeout=20)
    trailing = call.trailing_metadata()
    assert pickle.loads(pickle.dumps(trailing))[0].key == "mine"
