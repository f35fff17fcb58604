"""Objects that programs hold on to, look into and hang things on, as they do with grpcio's."""

import asyncio
import weakref

import grpc
import pytest
from grpc import aio
from grpc.aio import _interceptor

from conftest import SERVICE, path, serving


def test_contexts_and_request_iterators_take_attributes_and_weak_references():
    seen = []

    def look(request_iterator, context):
        for thing in (request_iterator, context):
            thing.mark = "mine"
            seen.append((thing.mark, weakref.ref(thing)() is thing))
        context.set_code(grpc.StatusCode.NOT_FOUND)
        context.set_details("gone")
        seen.append((context._state.code, context._state.details, context._state.client))
        return b"".join(request_iterator)

    with serving({"Look": grpc.stream_unary_rpc_method_handler(look)}) as (_, address):
        with grpc.insecure_channel(address) as channel:
            with pytest.raises(grpc.RpcError):
                channel.stream_unary(path("Look"))(iter([b"x"]), timeout=20)
    assert seen == [("mine", True), ("mine", True), (grpc.StatusCode.NOT_FOUND, b"gone", "open")]


def test_handler_call_details_are_known_by_isinstance():
    found = []

    class Interceptor(grpc.ServerInterceptor):
        def intercept_service(self, continuation, details):
            found.append(isinstance(details, grpc.HandlerCallDetails))
            return continuation(details)

    echo = grpc.unary_unary_rpc_method_handler(lambda request, context: request)
    with serving({"Echo": echo}, interceptors=[Interceptor()]) as (_, address):
        with grpc.insecure_channel(address) as channel:
            assert channel.unary_unary(path("Echo"))(b"x", timeout=20) == b"x"
    assert found == [True]
    assert not isinstance(object(), grpc.HandlerCallDetails)


@pytest.mark.parametrize("before", [True, False])
def test_interceptors_that_are_appended_to_an_aio_channel_run(before):
    ran = []

    class Interceptor(aio.UnaryUnaryClientInterceptor):
        async def intercept_unary_unary(self, continuation, details, request):
            ran.append(details.method)
            return await continuation(details, request)

    async def echo(request, context):
        context.mark = "mine"
        assert weakref.ref(context)() is context
        return request

    async def main():
        server = aio.server()
        methods = {"Echo": grpc.unary_unary_rpc_method_handler(echo)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            if before:
                channel._unary_unary_interceptors.append(Interceptor())
            call = channel.unary_unary(path("Echo"))
            if not before:
                channel._unary_unary_interceptors.append(Interceptor())
            assert await call(b"x", timeout=20) == b"x"
            assert [channel._unary_stream_interceptors, channel._stream_unary_interceptors] == [[], []]
            assert channel._stream_stream_interceptors == []
        await server.stop(0)

    asyncio.run(main())
    assert len(ran) == 1


def test_calls_are_found_where_instrumentation_imports_them():
    for name in ("UnaryUnaryCall", "UnaryStreamCall", "StreamUnaryCall", "StreamStreamCall"):
        assert getattr(_interceptor, name) is getattr(aio._call, name)


def test_credentials_that_work_elsewhere_only_can_be_made():
    token = grpc.access_token_call_credentials("token")
    grpc.secure_channel("localhost:1", grpc.compute_engine_channel_credentials(token)).close()
    alts = [grpc.alts_channel_credentials(), grpc.composite_channel_credentials(grpc.alts_channel_credentials(), token)]
    for credentials in alts:
        with pytest.raises(RuntimeError, match="ALTS works inside Google's network only"):
            grpc.secure_channel("localhost:1", credentials)
    server = grpc.server(None)
    with pytest.raises(RuntimeError, match="ALTS works inside Google's network only"):
        server.add_secure_port("localhost:0", grpc.alts_server_credentials())


def test_names_of_the_compiled_module_that_programs_use():
    from grpc._cython import cygrpc

    options = [(cygrpc.ChannelArgKey.max_send_message_length, -1), (cygrpc.ChannelArgKey.max_receive_message_length, 7)]
    echo = grpc.unary_unary_rpc_method_handler(lambda request, context: request)
    with serving({"Echo": echo}) as (_, address):
        with grpc.insecure_channel(address, options=options) as channel:
            assert channel.unary_unary(path("Echo"))(b"x" * 7, timeout=20) == b"x" * 7
            with pytest.raises(grpc.RpcError) as caught:
                channel.unary_unary(path("Echo"))(b"x" * 8, timeout=20)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert cygrpc.StatusCode.resource_exhausted == 8 and cygrpc.StatusCode.unauthenticated == 16
    assert cygrpc.OperationType.receive_status_on_client == 6


def test_plugins_are_reached_through_composite_credentials():
    """As pytest-grpc does it, for calls that it makes without a channel."""
    from grpc._cython.cygrpc import CompositeChannelCredentials, _Metadatum

    token = grpc.access_token_call_credentials("blue")
    credentials = grpc.composite_channel_credentials(grpc.ssl_channel_credentials(), token)
    assert isinstance(credentials._credentials, CompositeChannelCredentials)
    found = []
    for call_credentials in credentials._credentials._call_credentialses:
        call_credentials._metadata_plugin._metadata_plugin(None, lambda metadata, error: found.extend(metadata))
    assert [_Metadatum(*pair) for pair in found] == [("authorization", "Bearer blue")]


@pytest.mark.parametrize("signs", [False, True])
def test_google_call_credentials_ask_for_tokens(signs):
    from grpc._auth import GoogleCallCredentials

    class Token:
        access_token = "blue"

    class Credentials:
        def get_access_token(self):
            return Token()

    class SigningCredentials:
        def get_access_token(self, additional_claims=None):
            assert additional_claims == {"aud": "https://here/service"}
            return Token()

    class Context:
        service_url = "https://here/service"

    answers = []
    plugin = GoogleCallCredentials(SigningCredentials() if signs else Credentials())
    plugin(Context(), lambda metadata, error: answers.append((metadata, error)))
    assert answers == [((("authorization", "Bearer blue"),), None)]


def test_google_call_credentials_pass_errors_on():
    from grpc._auth import GoogleCallCredentials

    class Credentials:
        def get_access_token(self):
            raise OSError("no metadata server")

    answers = []
    GoogleCallCredentials(Credentials())(None, lambda metadata, error: answers.append(error))
    assert str(answers[0]) == "no metadata server"


def test_private_helpers_that_programs_import():
    import time

    from grpc._plugin_wrapping import metadata_plugin_call_credentials
    from grpc.aio._utils import _timeout_to_deadline

    assert isinstance(metadata_plugin_call_credentials(lambda context, callback: None, None), grpc.CallCredentials)
    assert _timeout_to_deadline(None) is None
    assert abs(_timeout_to_deadline(5) - time.time() - 5) < 1


def test_tracers_see_each_response_of_a_stream(monkeypatch):
    from grpc._channel import _MultiThreadedRendezvous

    seen = []
    original = _MultiThreadedRendezvous._next

    def traced(call):
        response = original(call)
        seen.append(response)
        return response

    monkeypatch.setattr(_MultiThreadedRendezvous, "_next", traced)
    repeat = grpc.unary_stream_rpc_method_handler(lambda request, context: iter([request] * 2))
    with serving({"Repeat": repeat}) as (_, address):
        with grpc.insecure_channel(address) as channel:
            assert list(channel.unary_stream(path("Repeat"))(b"x", timeout=20)) == [b"x", b"x"]
    assert seen == [b"x", b"x"]
