"""gRPC for Python: grpcio's API on Carom's engine.

Programs, generated code and libraries written for grpcio import this package and run unchanged.
"""

import atexit
import logging
import os

# First: whatever else is imported might be grpcio's.
from grpc import _installation  # noqa: F401

from carom import _carom
from grpc import _utilities
from grpc._credentials import (
    CallCredentials,
    ChannelCredentials,
    ServerCertificateConfiguration,
    ServerCredentials,
    access_token_call_credentials,
    alts_channel_credentials,
    alts_server_credentials,
    composite_call_credentials,
    composite_channel_credentials,
    compute_engine_channel_credentials,
    dynamic_ssl_server_credentials,
    insecure_server_credentials,
    local_channel_credentials,
    local_server_credentials,
    metadata_call_credentials,
    ssl_channel_credentials,
    ssl_server_certificate_configuration,
    ssl_server_credentials,
    xds_channel_credentials,
    xds_server_credentials,
)
from grpc._enums import ChannelConnectivity, Compression, LocalConnectionType, StatusCode
from grpc._grpcio_metadata import __version__
from grpc._interfaces import (
    AuthMetadataContext,
    AuthMetadataPlugin,
    AuthMetadataPluginCallback,
    Call,
    Channel,
    ClientCallDetails,
    Future,
    FutureCancelledError,
    FutureTimeoutError,
    GenericRpcHandler,
    HandlerCallDetails,
    RpcContext,
    RpcError,
    RpcMethodHandler,
    Server,
    ServerInterceptor,
    ServicerContext,
    ServiceRpcHandler,
    Status,
    StreamStreamClientInterceptor,
    StreamStreamMultiCallable,
    StreamUnaryClientInterceptor,
    StreamUnaryMultiCallable,
    UnaryStreamClientInterceptor,
    UnaryStreamMultiCallable,
    UnaryUnaryClientInterceptor,
    UnaryUnaryMultiCallable,
)

logging.getLogger(__name__).addHandler(logging.NullHandler())


def unary_unary_rpc_method_handler(behavior, request_deserializer=None, response_serializer=None):
    """An RpcMethodHandler for a method with one request and one response.

    Args:
        behavior: `behavior(request, context)` returns the response.
        request_deserializer: turns bytes into a request; None hands over the bytes.
        response_serializer: turns a response into bytes; None where responses are bytes.
    """
    return _utilities.RpcMethodHandler(
        False, False, request_deserializer, response_serializer, behavior, None, None, None
    )


def unary_stream_rpc_method_handler(behavior, request_deserializer=None, response_serializer=None):
    """An RpcMethodHandler for a method with one request and a stream of responses.

    Args:
        behavior: `behavior(request, context)` returns an iterator of responses.
        request_deserializer, response_serializer: as for `unary_unary_rpc_method_handler`.
    """
    return _utilities.RpcMethodHandler(
        False, True, request_deserializer, response_serializer, None, behavior, None, None
    )


def stream_unary_rpc_method_handler(behavior, request_deserializer=None, response_serializer=None):
    """An RpcMethodHandler for a method with a stream of requests and one response.

    Args:
        behavior: `behavior(request_iterator, context)` returns the response.
        request_deserializer, response_serializer: as for `unary_unary_rpc_method_handler`.
    """
    return _utilities.RpcMethodHandler(
        True, False, request_deserializer, response_serializer, None, None, behavior, None
    )


def stream_stream_rpc_method_handler(behavior, request_deserializer=None, response_serializer=None):
    """An RpcMethodHandler for a method with streams both ways.

    Args:
        behavior: `behavior(request_iterator, context)` returns an iterator of responses.
        request_deserializer, response_serializer: as for `unary_unary_rpc_method_handler`.
    """
    return _utilities.RpcMethodHandler(
        True, True, request_deserializer, response_serializer, None, None, None, behavior
    )


def method_handlers_generic_handler(service, method_handlers):
    """A GenericRpcHandler from a service's name and its RpcMethodHandlers by method name."""
    return _utilities.DictionaryGenericHandler(service, method_handlers)


def channel_ready_future(channel):
    """A Future that is done when the channel is READY."""
    return _utilities.channel_ready_future(channel)


def insecure_channel(target, options=None, compression=None):
    """A Channel without encryption.

    Args:
        target: "host:port", "dns:///host:port", "ipv4:address:port", "ipv6:[address]:port", "unix:path".
        options: (name, value) pairs with grpcio's names, such as ("grpc.max_receive_message_length", bytes).
        compression: the Compression of the channel's calls.
    """
    from grpc import _channel, _credentials

    return _channel.Channel(target, options, _credentials.insecure_channel_credentials(), compression)


def secure_channel(target, credentials, options=None, compression=None):
    """A Channel with ChannelCredentials; the other arguments are those of `insecure_channel`."""
    from grpc import _channel

    return _channel.Channel(target, options, credentials, compression)


def intercept_channel(channel, *interceptors):
    """A Channel whose calls pass through client interceptors, the first of them first.

    Raises:
        TypeError: an interceptor is none of the four client interceptor classes.
    """
    from grpc import _interceptor

    return _interceptor.intercept_channel(channel, *interceptors)


def server(
    thread_pool,
    handlers=None,
    interceptors=None,
    options=None,
    maximum_concurrent_rpcs=None,
    compression=None,
    xds=False,
):
    """A Server.

    Args:
        thread_pool: the concurrent.futures.ThreadPoolExecutor in which handlers run.
        handlers: GenericRpcHandlers.
        interceptors: ServerInterceptors, the first of them first.
        options: (name, value) pairs with grpcio's names.
        maximum_concurrent_rpcs: more calls than this at a time are answered RESOURCE_EXHAUSTED; None for no limit.
        compression: the Compression of responses.
        xds: accepted for compatibility; there is no xDS control plane.
    """
    from grpc import _server

    return _server.create_server(
        thread_pool,
        () if handlers is None else handlers,
        () if interceptors is None else interceptors,
        () if options is None else options,
        maximum_concurrent_rpcs,
        compression,
        xds,
    )


def protos(protobuf_path):
    """The module of messages of a .proto file, compiled now: what `X_pb2` holds. Needs `grpc_tools`.

    Args:
        protobuf_path: the file, relative to an entry of sys.path, such as "helloworld.proto".
    """
    from grpc import _runtime_protos

    return _runtime_protos.protos(protobuf_path)


def services(protobuf_path):
    """The module of services of a .proto file, compiled now: what `X_pb2_grpc` holds. Argument as for `protos`."""
    from grpc import _runtime_protos

    return _runtime_protos.services(protobuf_path)


def protos_and_services(protobuf_path):
    """`(protos(path), services(path))`."""
    from grpc import _runtime_protos

    return _runtime_protos.protos_and_services(protobuf_path)


__all__ = (
    "AuthMetadataContext",
    "AuthMetadataPlugin",
    "AuthMetadataPluginCallback",
    "Call",
    "CallCredentials",
    "Channel",
    "ChannelConnectivity",
    "ChannelCredentials",
    "ClientCallDetails",
    "Compression",
    "Future",
    "FutureCancelledError",
    "FutureTimeoutError",
    "GenericRpcHandler",
    "HandlerCallDetails",
    "LocalConnectionType",
    "RpcContext",
    "RpcError",
    "RpcMethodHandler",
    "Server",
    "ServerCertificateConfiguration",
    "ServerCredentials",
    "ServerInterceptor",
    "ServiceRpcHandler",
    "ServicerContext",
    "Status",
    "StatusCode",
    "StreamStreamClientInterceptor",
    "StreamStreamMultiCallable",
    "StreamUnaryClientInterceptor",
    "StreamUnaryMultiCallable",
    "UnaryStreamClientInterceptor",
    "UnaryStreamMultiCallable",
    "UnaryUnaryClientInterceptor",
    "UnaryUnaryMultiCallable",
    "access_token_call_credentials",
    "alts_channel_credentials",
    "alts_server_credentials",
    "channel_ready_future",
    "composite_call_credentials",
    "composite_channel_credentials",
    "compute_engine_channel_credentials",
    "dynamic_ssl_server_credentials",
    "insecure_channel",
    "insecure_server_credentials",
    "intercept_channel",
    "local_channel_credentials",
    "local_server_credentials",
    "metadata_call_credentials",
    "method_handlers_generic_handler",
    "protos",
    "protos_and_services",
    "secure_channel",
    "server",
    "services",
    "ssl_channel_credentials",
    "ssl_server_certificate_configuration",
    "ssl_server_credentials",
    "stream_stream_rpc_method_handler",
    "stream_unary_rpc_method_handler",
    "unary_stream_rpc_method_handler",
    "unary_unary_rpc_method_handler",
    "xds_channel_credentials",
    "xds_server_credentials",
)

# Threads that wait inside the extension module stay there when the interpreter ends.
atexit.register(_carom.before_exit)

# The threads of the parent do not exist in the child of a fork.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_carom.after_fork_in_child)

# Public names say where they are public, in messages and in pickles.
for _name in __all__:
    globals()[_name].__module__ = __name__
del _name

from grpc import aio  # noqa: E402  (programs use grpc.aio after `import grpc` alone)
from grpc import experimental  # noqa: E402  (generated code uses grpc.experimental likewise)
