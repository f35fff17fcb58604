"""The stubs of the beta API, over the channels of `grpc`."""

import grpc
from grpc import _utilities
from grpc.beta import _metadata
from grpc.beta import interfaces
from grpc.framework.common import cardinality
from grpc.framework.foundation import future
from grpc.framework.interfaces.face import face

_FAILURES = {
    grpc.StatusCode.CANCELLED: (face.Abortion.Kind.CANCELLED, face.CancellationError),
    grpc.StatusCode.UNKNOWN: (face.Abortion.Kind.REMOTE_FAILURE, face.RemoteError),
    grpc.StatusCode.DEADLINE_EXCEEDED: (face.Abortion.Kind.EXPIRED, face.ExpirationError),
    grpc.StatusCode.UNIMPLEMENTED: (face.Abortion.Kind.LOCAL_FAILURE, face.LocalError),
}
_OTHER_FAILURE = (face.Abortion.Kind.LOCAL_FAILURE, face.AbortionError)


def _said(error):
    """What the service of a failed call had sent."""
    return error.initial_metadata(), error.trailing_metadata(), error.code(), error.details()


def _abortion(error):
    return face.Abortion(_FAILURES.get(error.code(), _OTHER_FAILURE)[0], *_said(error))


def _abortion_error(error):
    return _FAILURES.get(error.code(), _OTHER_FAILURE)[1](*_said(error))


class _Raising:
    """A context that turns the exceptions of `grpc` into those of this API."""

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_val, exc_tb):
        if isinstance(exc_val, grpc.RpcError):
            raise _abortion_error(exc_val) from exc_val
        if isinstance(exc_val, grpc.FutureTimeoutError):
            raise future.TimeoutError() from exc_val
        if isinstance(exc_val, grpc.FutureCancelledError):
            raise future.CancelledError() from exc_val
        return False


class _InvocationContext(interfaces.GRPCInvocationContext):
    """The protocol_context of a call. Requests of this API are not compressed as it is."""

    def disable_next_request_compression(self):
        pass


class Future(future.Future):
    """A Future of `grpc` as one of this API."""

    def __init__(self, adapted):
        self._adapted = adapted

    def cancel(self):
        return self._adapted.cancel()

    def cancelled(self):
        return self._adapted.cancelled()

    def running(self):
        return self._adapted.running()

    def done(self):
        return self._adapted.done()

    def result(self, timeout=None):
        with _Raising():
            return self._adapted.result(timeout=timeout)

    def exception(self, timeout=None):
        with _Raising():
            error = self._adapted.exception(timeout=timeout)
        return None if error is None else _abortion_error(error)

    def traceback(self, timeout=None):
        with _Raising():
            return self._adapted.traceback(timeout=timeout)

    def add_done_callback(self, fn):
        self._adapted.add_done_callback(lambda _: fn(self))


class _Rendezvous(Future, face.Call):
    """A call of `grpc` as one of this API: a Call, a future of the response, an iterator of responses."""

    def __iter__(self):
        return self

    def __next__(self):
        with _Raising():
            return next(self._adapted)

    def next(self):
        """The next response; as `next(call)`."""
        return self.__next__()

    def is_active(self):
        return self._adapted.is_active()

    def time_remaining(self):
        return self._adapted.time_remaining()

    def add_abortion_callback(self, abortion_callback):
        def ended():
            if self.code() is not grpc.StatusCode.OK:
                abortion_callback(_abortion(self._adapted))

        if not self._adapted.add_callback(ended):
            ended()

    def protocol_context(self):
        return _InvocationContext()

    def initial_metadata(self):
        return _metadata.beta(self._adapted.initial_metadata())

    def terminal_metadata(self):
        return _metadata.beta(self._adapted.trailing_metadata())

    def code(self):
        return self._adapted.code()

    def details(self):
        return self._adapted.details()


class _Method:
    """A method by name, to be called in any style. The base of the four kinds."""

    def __init__(self, stub, kind, group, method):
        name = (group, method)
        self._transform = stub.metadata_transformer
        self._callable = getattr(stub.channel, kind)(
            _utilities.fully_qualified_method(group, method),
            request_serializer=stub.request_serializers.get(name),
            response_deserializer=stub.response_deserializers.get(name),
        )

    def _options(self, timeout, metadata, protocol_options):
        metadata = () if metadata is None else metadata
        if self._transform is not None:
            metadata = self._transform(metadata)
        credentials = None if protocol_options is None else protocol_options.credentials
        return {"timeout": timeout, "metadata": _metadata.unbeta(metadata), "credentials": credentials}

    def _call(self, request, timeout, metadata, with_call, protocol_options):
        options = self._options(timeout, metadata, protocol_options)
        with _Raising():
            if not with_call:
                return self._callable(request, **options)
            response, call = self._callable.with_call(request, **options)
        return response, _Rendezvous(call)

    def _future(self, request, timeout, metadata, protocol_options):
        return _Rendezvous(self._callable.future(request, **self._options(timeout, metadata, protocol_options)))

    def _iterator(self, request, timeout, metadata, protocol_options):
        return _Rendezvous(self._callable(request, **self._options(timeout, metadata, protocol_options)))


def _no_events():
    # Neither does grpcio, whose own adaptation of this API never had them.
    raise NotImplementedError("calls in the style of events are not supported; use a future or an iterator")


class _UnaryUnaryMultiCallable(_Method, face.UnaryUnaryMultiCallable):
    def __call__(self, request, timeout, metadata=None, with_call=False, protocol_options=None):
        return self._call(request, timeout, metadata, with_call, protocol_options)

    def future(self, request, timeout, metadata=None, protocol_options=None):
        return self._future(request, timeout, metadata, protocol_options)

    def event(self, request, receiver, abortion_callback, timeout, metadata=None, protocol_options=None):
        _no_events()


class _UnaryStreamMultiCallable(_Method, face.UnaryStreamMultiCallable):
    def __call__(self, request, timeout, metadata=None, protocol_options=None):
        return self._iterator(request, timeout, metadata, protocol_options)

    def event(self, request, receiver, abortion_callback, timeout, metadata=None, protocol_options=None):
        _no_events()


class _StreamUnaryMultiCallable(_Method, face.StreamUnaryMultiCallable):
    def __call__(self, request_iterator, timeout, metadata=None, with_call=False, protocol_options=None):
        return self._call(request_iterator, timeout, metadata, with_call, protocol_options)

    def future(self, request_iterator, timeout, metadata=None, protocol_options=None):
        return self._future(request_iterator, timeout, metadata, protocol_options)

    def event(self, receiver, abortion_callback, timeout, metadata=None, protocol_options=None):
        _no_events()


class _StreamStreamMultiCallable(_Method, face.StreamStreamMultiCallable):
    def __call__(self, request_iterator, timeout, metadata=None, protocol_options=None):
        return self._iterator(request_iterator, timeout, metadata, protocol_options)

    def event(self, receiver, abortion_callback, timeout, metadata=None, protocol_options=None):
        _no_events()


class GenericStub(face.GenericStub):
    """Calls methods by name over a channel of `grpc`, with implementations.StubOptions."""

    def __init__(self, channel, options):
        self.channel = channel
        self.metadata_transformer = options.metadata_transformer
        self.request_serializers = options.request_serializers or {}
        self.response_deserializers = options.response_deserializers or {}

    def blocking_unary_unary(
        self, group, method, request, timeout, metadata=None, with_call=False, protocol_options=None
    ):
        return self.unary_unary(group, method)(request, timeout, metadata, with_call, protocol_options)

    def future_unary_unary(self, group, method, request, timeout, metadata=None, protocol_options=None):
        return self.unary_unary(group, method).future(request, timeout, metadata, protocol_options)

    def inline_unary_stream(self, group, method, request, timeout, metadata=None, protocol_options=None):
        return self.unary_stream(group, method)(request, timeout, metadata, protocol_options)

    def blocking_stream_unary(
        self, group, method, request_iterator, timeout, metadata=None, with_call=False, protocol_options=None
    ):
        return self.stream_unary(group, method)(request_iterator, timeout, metadata, with_call, protocol_options)

    def future_stream_unary(self, group, method, request_iterator, timeout, metadata=None, protocol_options=None):
        return self.stream_unary(group, method).future(request_iterator, timeout, metadata, protocol_options)

    def inline_stream_stream(self, group, method, request_iterator, timeout, metadata=None, protocol_options=None):
        return self.stream_stream(group, method)(request_iterator, timeout, metadata, protocol_options)

    def event_unary_unary(
        self, group, method, request, receiver, abortion_callback, timeout, metadata=None, protocol_options=None
    ):
        _no_events()

    def event_unary_stream(
        self, group, method, request, receiver, abortion_callback, timeout, metadata=None, protocol_options=None
    ):
        _no_events()

    def event_stream_unary(
        self, group, method, receiver, abortion_callback, timeout, metadata=None, protocol_options=None
    ):
        _no_events()

    def event_stream_stream(
        self, group, method, receiver, abortion_callback, timeout, metadata=None, protocol_options=None
    ):
        _no_events()

    def unary_unary(self, group, method):
        return _UnaryUnaryMultiCallable(self, "unary_unary", group, method)

    def unary_stream(self, group, method):
        return _UnaryStreamMultiCallable(self, "unary_stream", group, method)

    def stream_unary(self, group, method):
        return _StreamUnaryMultiCallable(self, "stream_unary", group, method)

    def stream_stream(self, group, method):
        return _StreamStreamMultiCallable(self, "stream_stream", group, method)

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_val, exc_tb):
        return False


class DynamicStub(face.DynamicStub):
    """Calls the methods of one service by a GenericStub."""

    def __init__(self, stub, group, cardinalities):
        self._stub = stub
        self._group = group
        self._cardinalities = cardinalities

    def __getattr__(self, name):
        kind = self._cardinalities.get(name)
        if not isinstance(kind, cardinality.Cardinality):
            raise AttributeError(f'_DynamicStub object has no attribute "{name}"!')
        return getattr(self._stub, kind.name.lower())(self._group, name)

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_val, exc_tb):
        return False
