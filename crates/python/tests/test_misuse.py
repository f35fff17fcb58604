"""Arguments that make no sense are refused before anything is bound or sent, as grpcio refuses them."""

import asyncio
from concurrent import futures

import grpc
import pytest
from grpc import aio

from conftest import ECHO, path, serving

SERVER = [(b"no key", b"no certificate")]


def not_channel_credentials():
    """What is no ChannelCredentials, None above all: that must never mean plaintext."""
    return [
        None,
        "credentials",
        grpc.ssl_server_credentials(SERVER),
        grpc.access_token_call_credentials("token"),
    ]


def not_server_credentials():
    return [None, "credentials", grpc.ssl_channel_credentials(b"roots"), grpc.access_token_call_credentials("token")]


@pytest.mark.parametrize("index", range(4))
def test_a_channel_takes_nothing_but_channel_credentials(index):
    credentials = not_channel_credentials()[index]
    with pytest.raises((AttributeError, TypeError)):
        grpc.secure_channel("127.0.0.1:1", credentials)
    with pytest.raises((AttributeError, TypeError)):
        grpc.composite_channel_credentials(credentials, grpc.access_token_call_credentials("token"))

    async def over_aio():
        with pytest.raises((AttributeError, TypeError)):
            aio.secure_channel("127.0.0.1:1", credentials)

    asyncio.run(over_aio())


@pytest.mark.parametrize("index", range(4))
def test_a_port_takes_nothing_but_server_credentials(index):
    credentials = not_server_credentials()[index]
    server = grpc.server(futures.ThreadPoolExecutor(1))
    with pytest.raises((AttributeError, TypeError)):
        server.add_secure_port("127.0.0.1:0", credentials)
    server.stop(0)

    async def over_aio():
        server = aio.server()
        with pytest.raises((AttributeError, TypeError)):
            server.add_secure_port("127.0.0.1:0", credentials)
        await server.stop(0)

    asyncio.run(over_aio())


def test_none_raises_what_programs_for_grpcio_expect():
    with pytest.raises(AttributeError, match="_credentials"):
        grpc.secure_channel("127.0.0.1:1", None)
    server = grpc.server(futures.ThreadPoolExecutor(1))
    with pytest.raises(AttributeError, match="_credentials"):
        server.add_secure_port("127.0.0.1:0", None)
    server.stop(0)


def test_calls_take_nothing_but_call_credentials():
    tls = grpc.secure_channel("127.0.0.1:1", grpc.ssl_channel_credentials())
    for credentials in ("credentials", grpc.ssl_channel_credentials(b"roots")):
        with pytest.raises((AttributeError, TypeError)):
            tls.unary_unary(path("Echo"))(b"x", credentials=credentials, timeout=5)
    tls.close()
    for credentials in (None, "credentials", grpc.ssl_channel_credentials(b"roots")):
        with pytest.raises((AttributeError, TypeError)):
            grpc.composite_call_credentials(credentials)


def test_certificates_are_bytes():
    for arguments in (("roots",), (5,), (None, "key"), (None, b"key", 5)):
        with pytest.raises(TypeError):
            grpc.ssl_channel_credentials(*arguments)
    for pairs in (5, [(None, None)], [("key", "chain")], [b"x"]):
        with pytest.raises((TypeError, ValueError)):
            grpc.ssl_server_credentials(pairs)
    with pytest.raises(TypeError):
        grpc.ssl_server_credentials(SERVER, "roots")
    with pytest.raises(TypeError):
        grpc.ssl_server_certificate_configuration([(None, None)])
    with pytest.raises(ValueError):
        grpc.ssl_server_credentials([])


def nothing(request):
    return None


def test_a_request_that_is_none_is_an_internal_error():
    with serving(ECHO) as (_, address), grpc.insecure_channel(address) as channel:
        calls = {
            "unary": lambda: channel.unary_unary(path("Echo"), nothing)(b"x", timeout=10),
            "unary, no serializer": lambda: channel.unary_unary(path("Echo"))(None, timeout=10),
            "future": lambda: channel.unary_unary(path("Echo"), nothing).future(b"x", timeout=10).result(),
            "stream": lambda: list(channel.unary_stream(path("Repeat"))(None, timeout=10)),
            "item": lambda: channel.stream_unary(path("Join"), nothing)(iter([b"x"]), timeout=10),
            "item, no serializer": lambda: channel.stream_unary(path("Join"))(iter([None]), timeout=10),
        }
        for name, call in calls.items():
            with pytest.raises(grpc.RpcError) as error:
                call()
            assert error.value.code() is grpc.StatusCode.INTERNAL, name


def test_a_serializer_of_aio_that_gives_none_sends_an_empty_message():
    async def run(address):
        async with aio.insecure_channel(address) as channel:
            assert await channel.unary_unary(path("Echo"), nothing)(b"x", timeout=10) == b""
            call = channel.stream_stream(path("Mirror"), nothing)(timeout=10)
            await call.write(b"x")
            await call.done_writing()
            assert [message async for message in call] == [b""]

    with serving(ECHO) as (_, address):
        asyncio.run(run(address))


@pytest.mark.parametrize(
    "option",
    [
        (b"grpc.max_receive_message_length", 5),
        ("grpc.max_receive_message_length", 5.0),
        ["grpc.max_receive_message_length", 5],
    ],
)
def test_options_by_other_types(option):
    with serving(ECHO) as (_, address):
        with grpc.insecure_channel(address, options=[option]) as channel:
            assert channel.unary_unary(path("Echo"))(b"x", wait_for_ready=1, timeout=20) == b"x"
            with pytest.raises(grpc.RpcError) as caught:
                channel.unary_unary(path("Echo"))(b"longer", timeout=20)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_text_is_no_number():
    """grpcio's core ignores it and says so in the log."""
    with serving(ECHO, options=[("grpc.max_connection_age_ms", "5")], maximum_concurrent_rpcs=10.0) as (_, address):
        with grpc.insecure_channel(address, options=[("grpc.max_receive_message_length", "5")]) as channel:
            assert channel.unary_unary(path("Echo"))(b"longer", timeout=20) == b"longer"


@pytest.mark.parametrize("value", [None, [], object()])
def test_options_of_no_kind(value):
    for name in ("grpc.max_receive_message_length", "not.known"):
        with pytest.raises(TypeError, match="Expected int, bytes, or behavior, got"):
            grpc.insecure_channel("localhost:1", options=[(name, value)])


def test_options_out_of_range():
    with pytest.raises(OverflowError):
        grpc.insecure_channel("localhost:1", options=[("grpc.max_receive_message_length", 1 << 40)])


def test_metadata_by_other_types(echo_address):
    with grpc.insecure_channel(echo_address) as channel:
        echo = channel.unary_unary(path("Echo"))
        assert echo(b"x", metadata=((b"key", b"value"),), timeout=20) == b"x"
        for pairs in ((("key", "value", "more"),), (("key",),)):
            with pytest.raises(ValueError):
                echo(b"x", metadata=pairs, timeout=20)


@pytest.mark.parametrize("timeout", [0, -0.0, None])
def test_a_timeout_of_zero_is_none(echo_address, timeout):
    with grpc.insecure_channel(echo_address) as channel:
        assert channel.unary_unary(path("Echo"))(b"x", timeout=timeout) == b"x"
        assert list(channel.unary_stream(path("Repeat"))(b"1", timeout=timeout)) == [b"1"]
        assert channel.unary_unary(path("Echo")).future(b"x", timeout=timeout).result(timeout=20) == b"x"
