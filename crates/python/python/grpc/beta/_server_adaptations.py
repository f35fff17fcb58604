"""The server of the beta API, over that of `grpc`."""

import threading

import grpc
from grpc import _utilities
from grpc.beta import _metadata
from grpc.beta import interfaces
from grpc.framework.common import style
from grpc.framework.foundation import abandonment
from grpc.framework.foundation import logging_pool
from grpc.framework.foundation import stream_util
from grpc.framework.interfaces.face import face

_DEFAULT_POOL_SIZE = 8


class _ServerContext(interfaces.GRPCServicerContext):
    """The protocol_context of a call."""

    def __init__(self, context):
        self._context = context

    def peer(self):
        return self._context.peer()

    def disable_next_response_compression(self):
        self._context.disable_next_message_compression()


class _FaceServicerContext(face.ServicerContext):
    """The context of `grpc` as one of this API."""

    def __init__(self, context):
        self._context = context

    def is_active(self):
        return self._context.is_active()

    def time_remaining(self):
        return self._context.time_remaining()

    def add_abortion_callback(self, abortion_callback):
        raise NotImplementedError("add_abortion_callback no longer supported server-side!")

    def cancel(self):
        self._context.cancel()

    def protocol_context(self):
        return _ServerContext(self._context)

    def invocation_metadata(self):
        return _metadata.beta(self._context.invocation_metadata())

    def initial_metadata(self, initial_metadata):
        self._context.send_initial_metadata(_metadata.unbeta(initial_metadata))

    def terminal_metadata(self, terminal_metadata):
        self._context.set_trailing_metadata(_metadata.unbeta(terminal_metadata))

    def code(self, code):
        self._context.set_code(code)

    def details(self, details):
        self._context.set_details(details)


class _Responses(stream_util.IterableConsumer):
    """What an implementation in the style of events hands over, to be drawn by the thread that serves the call."""

    def __init__(self, context):
        super().__init__()
        self._abandoned = False
        if not context.add_callback(self._abandon):
            raise abandonment.Abandoned()

    def _abandon(self):
        self._abandoned = True
        self.terminate()

    def next(self):
        """The next response; raises StopIteration after the last, and Abandoned once the call has ended."""
        try:
            return super().next()
        finally:
            if self._abandoned:
                raise abandonment.Abandoned()


def _feed(request_iterator, consumer, context):
    """Hands requests to an implementation in the style of events, from a thread of its own."""

    def feed():
        for request in request_iterator:
            if not context.is_active():
                return
            consumer.consume(request)
        consumer.terminate()

    threading.Thread(target=feed, daemon=True).start()


def _begin(behavior, request_streaming, response_streaming, request, context):
    """Starts an implementation in the style of events; returns its responses."""
    responses = _Responses(context)
    output = responses if response_streaming else responses.consume_and_terminate
    face_context = _FaceServicerContext(context)
    if request_streaming:
        _feed(request, behavior(output, face_context), context)
    else:
        behavior(request, output, face_context)
    return responses


def _adapted(implementation, kind, request_streaming, response_streaming):
    """The behaviour of a MethodImplementation as `grpc` calls it."""
    behavior = getattr(implementation, f"{kind}_{implementation.style.value}")
    if implementation.style is style.Service.INLINE:
        return lambda request, context: behavior(request, _FaceServicerContext(context))
    if response_streaming:
        return lambda request, context: iter(_begin(behavior, request_streaming, True, request, context))
    return lambda request, context: next(iter(_begin(behavior, request_streaming, False, request, context)))


def _handler(implementation, deserializer, serializer):
    """The grpc.RpcMethodHandler of a MethodImplementation."""
    kind = implementation.cardinality.name.lower()
    request_streaming, response_streaming = kind.startswith("stream"), kind.endswith("stream")
    behavior = _adapted(implementation, kind, request_streaming, response_streaming)
    make = getattr(grpc, f"{kind}_rpc_method_handler")
    return make(behavior, deserializer, serializer)


def _by_path(by_name):
    """A dictionary from (service, method) as one from paths."""
    return {_utilities.fully_qualified_method(*name): value for name, value in (by_name or {}).items()}


class _GenericRpcHandler(grpc.GenericRpcHandler):
    """The methods of a server of this API."""

    def __init__(self, implementations, deserializers, serializers):
        deserializers, serializers = _by_path(deserializers), _by_path(serializers)
        self._handlers = {
            path: _handler(implementation, deserializers.get(path), serializers.get(path))
            for path, implementation in _by_path(implementations).items()
        }

    def service(self, handler_call_details):
        return self._handlers.get(handler_call_details.method)


class _Server(interfaces.Server):
    """A server of `grpc` as one of this API."""

    def __init__(self, server):
        self._server = server

    def add_insecure_port(self, address):
        return self._server.add_insecure_port(address)

    def add_secure_port(self, address, server_credentials):
        return self._server.add_secure_port(address, server_credentials)

    def start(self):
        self._server.start()

    def stop(self, grace):
        return self._server.stop(grace)

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, exc_type, exc_val, exc_tb):
        self._server.stop(None)
        return False


def server(service_implementations, options):
    """An interfaces.Server, with implementations.ServerOptions."""
    pool = options.thread_pool
    if pool is None:
        size = options.thread_pool_size
        pool = logging_pool.pool(_DEFAULT_POOL_SIZE if size is None else size)
    handler = _GenericRpcHandler(
        service_implementations, options.request_deserializers, options.response_serializers
    )
    return _Server(grpc.server(pool, handlers=(handler,)))
