"""Channels, stubs, servers and credentials of the beta API."""

import collections

import grpc
from grpc import _auth
from grpc.beta import _client_adaptations
from grpc.beta import _metadata
from grpc.beta import _server_adaptations
from grpc.beta import interfaces  # noqa: F401
from grpc.framework.common import cardinality  # noqa: F401
from grpc.framework.interfaces.face import face  # noqa: F401

ChannelCredentials = grpc.ChannelCredentials
ssl_channel_credentials = grpc.ssl_channel_credentials
CallCredentials = grpc.CallCredentials
access_token_call_credentials = grpc.access_token_call_credentials
composite_call_credentials = grpc.composite_call_credentials
composite_channel_credentials = grpc.composite_channel_credentials
ServerCredentials = grpc.ServerCredentials
ssl_server_credentials = grpc.ssl_server_credentials


def metadata_call_credentials(metadata_plugin, name=None):
    """CallCredentials of a plugin that answers with metadata of this API."""

    def plugin(context, callback):
        metadata_plugin(context, lambda metadata, error: callback(_metadata.unbeta(metadata), error))

    return grpc.metadata_call_credentials(plugin, name=name)


def google_call_credentials(credentials):
    """CallCredentials of `GoogleCredentials` of the package oauth2client."""
    return metadata_call_credentials(_auth.GoogleCallCredentials(credentials))


class Channel:
    """A channel. Made by `insecure_channel` and `secure_channel`."""

    def __init__(self, channel):
        self._channel = channel

    def subscribe(self, callback, try_to_connect=None):
        """Has `callback(connectivity)` called now and at each change; `try_to_connect`: has the channel connect."""
        self._channel.subscribe(callback, try_to_connect=try_to_connect)

    def unsubscribe(self, callback):
        """Ends what `subscribe` began."""
        self._channel.unsubscribe(callback)


def _target(host, port):
    return host if port is None else f"{host}:{port}"


def insecure_channel(host, port):
    """A Channel without encryption; `port` None leaves the target to `host`."""
    return Channel(grpc.insecure_channel(_target(host, port)))


def secure_channel(host, port, channel_credentials):
    """A Channel with ChannelCredentials; `port` None leaves the target to `host`."""
    return Channel(grpc.secure_channel(_target(host, port), channel_credentials))


class StubOptions(
    collections.namedtuple(
        "StubOptions",
        (
            "host",
            "request_serializers",
            "response_deserializers",
            "metadata_transformer",
            "thread_pool",
            "thread_pool_size",
        ),
    )
):
    """Options of a stub. Made by `stub_options`; opaque."""


def stub_options(
    host=None,
    request_serializers=None,
    response_deserializers=None,
    metadata_transformer=None,
    thread_pool=None,
    thread_pool_size=None,
):
    """Options of a stub.

    Args:
        host: accepted for compatibility; not used.
        request_serializers: callables by (service, method) that turn a request into bytes.
        response_deserializers: callables by (service, method) that turn bytes into a response.
        metadata_transformer: a callable through which each call's metadata goes.
        thread_pool, thread_pool_size: accepted for compatibility; calls need no threads.
    """
    return StubOptions(
        host, request_serializers, response_deserializers, metadata_transformer, thread_pool, thread_pool_size
    )


def generic_stub(channel, options=None):
    """A face.GenericStub over a Channel, with StubOptions."""
    return _client_adaptations.GenericStub(channel._channel, options or stub_options())


def dynamic_stub(channel, service, cardinalities, options=None):
    """A face.DynamicStub over a Channel.

    Args:
        channel: the Channel.
        service: the full name of the service.
        cardinalities: the cardinality.Cardinality of each method, by name.
        options: StubOptions.
    """
    return _client_adaptations.DynamicStub(generic_stub(channel, options), service, cardinalities)


class ServerOptions(
    collections.namedtuple(
        "ServerOptions",
        (
            "multi_method_implementation",
            "request_deserializers",
            "response_serializers",
            "thread_pool",
            "thread_pool_size",
            "default_timeout",
            "maximum_timeout",
        ),
    )
):
    """Options of a server. Made by `server_options`; opaque."""


def server_options(
    multi_method_implementation=None,
    request_deserializers=None,
    response_serializers=None,
    thread_pool=None,
    thread_pool_size=None,
    default_timeout=None,
    maximum_timeout=None,
):
    """Options of a server.

    Args:
        request_deserializers: callables by (service, method) that turn bytes into a request.
        response_serializers: callables by (service, method) that turn a response into bytes.
        thread_pool: the executor in which methods run; None for one of `thread_pool_size` threads, by default 8.
        multi_method_implementation, default_timeout, maximum_timeout: accepted for compatibility; not used, as in grpcio.
    """
    return ServerOptions(
        multi_method_implementation,
        request_deserializers,
        response_serializers,
        thread_pool,
        thread_pool_size,
        default_timeout,
        maximum_timeout,
    )


def server(service_implementations, options=None):
    """An interfaces.Server of face.MethodImplementations by (service, method), with ServerOptions."""
    return _server_adaptations.server(service_implementations, options or server_options())
