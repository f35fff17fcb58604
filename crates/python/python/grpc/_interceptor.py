"""Channels with client interceptors."""

import collections
import sys

from grpc import _interfaces


class _ClientCallDetails(
    collections.namedtuple(
        "_ClientCallDetails", ("method", "timeout", "metadata", "credentials", "wait_for_ready", "compression")
    ),
    _interfaces.ClientCallDetails,
):
    """The details of a call as a named tuple."""


def _complete(call_details, defaults):
    """The details an interceptor passed on, with those it left out taken from `defaults`."""
    return _ClientCallDetails(*(getattr(call_details, name, getattr(defaults, name)) for name in defaults._fields))


class _FailureOutcome(_interfaces.RpcError, _interfaces.Future, _interfaces.Call):
    """What an interceptor that raised comes to: an ended call that raises it again."""

    def __init__(self, exception, traceback):
        super().__init__()
        self._exception = exception
        self._traceback = traceback

    def initial_metadata(self):
        return None

    def trailing_metadata(self):
        return None

    def code(self):
        from grpc._enums import StatusCode

        return StatusCode.INTERNAL

    def details(self):
        return "Exception raised while intercepting the RPC"

    def cancel(self):
        return False

    def cancelled(self):
        return False

    def is_active(self):
        return False

    def time_remaining(self):
        return None

    def running(self):
        return False

    def done(self):
        return True

    def result(self, timeout=None):
        raise self._exception

    def exception(self, timeout=None):
        return self._exception

    def traceback(self, timeout=None):
        return self._traceback

    def add_callback(self, callback):
        return False

    def add_done_callback(self, fn):
        fn(self)

    def __iter__(self):
        return self

    def __next__(self):
        raise self._exception

    def next(self):
        """As `next(outcome)`: raises."""
        return self.__next__()


class _UnaryOutcome(_interfaces.Call, _interfaces.Future):
    """A call that has ended well, with its response."""

    def __init__(self, response, call):
        self._response = response
        self._call = call

    def initial_metadata(self):
        return self._call.initial_metadata()

    def trailing_metadata(self):
        return self._call.trailing_metadata()

    def code(self):
        return self._call.code()

    def details(self):
        return self._call.details()

    def is_active(self):
        return self._call.is_active()

    def time_remaining(self):
        return self._call.time_remaining()

    def cancel(self):
        return self._call.cancel()

    def add_callback(self, callback):
        return self._call.add_callback(callback)

    def cancelled(self):
        return False

    def running(self):
        return False

    def done(self):
        return True

    def result(self, timeout=None):
        return self._response

    def exception(self, timeout=None):
        return None

    def traceback(self, timeout=None):
        return None

    def add_done_callback(self, fn):
        fn(self)


class _Intercepted:
    """What the intercepted callables of the four kinds of methods share."""

    def __init__(self, thunk, method, interceptor):
        self._thunk = thunk
        self._method = method
        self._interceptor = interceptor

    def _details(self, timeout, metadata, credentials, wait_for_ready, compression):
        return _ClientCallDetails(self._method, timeout, metadata, credentials, wait_for_ready, compression)

    def _proceed(self, details, defaults, invoke):
        """Goes on with the call: `invoke(callable, keyword arguments)`."""
        details = _complete(details, defaults)
        return invoke(
            self._thunk(details.method),
            {
                "timeout": details.timeout,
                "metadata": details.metadata,
                "credentials": details.credentials,
                "wait_for_ready": details.wait_for_ready,
                "compression": details.compression,
            },
        )


class _UnaryResponse(_Intercepted):
    """Intercepted methods with one response; `_intercept` is the interceptor's method for the kind."""

    def __call__(self, request, timeout=None, metadata=None, credentials=None, wait_for_ready=None, compression=None):
        return self.with_call(request, timeout, metadata, credentials, wait_for_ready, compression)[0]

    def with_call(self, request, timeout=None, metadata=None, credentials=None, wait_for_ready=None, compression=None):
        defaults = self._details(timeout, metadata, credentials, wait_for_ready, compression)

        def continuation(details, request):
            try:
                response, call = self._proceed(
                    details, defaults, lambda callable_, options: callable_.with_call(request, **options)
                )
                return _UnaryOutcome(response, call)
            except _interfaces.RpcError as error:
                return error
            except Exception as error:
                return _FailureOutcome(error, sys.exc_info()[2])

        call = self._intercept()(continuation, defaults, request)
        return call.result(), call

    def future(self, request, timeout=None, metadata=None, credentials=None, wait_for_ready=None, compression=None):
        defaults = self._details(timeout, metadata, credentials, wait_for_ready, compression)

        def continuation(details, request):
            return self._proceed(details, defaults, lambda callable_, options: callable_.future(request, **options))

        try:
            return self._intercept()(continuation, defaults, request)
        except Exception as error:
            return _FailureOutcome(error, sys.exc_info()[2])


class _StreamResponse(_Intercepted):
    """Intercepted methods with a stream of responses."""

    def __call__(self, request, timeout=None, metadata=None, credentials=None, wait_for_ready=None, compression=None):
        defaults = self._details(timeout, metadata, credentials, wait_for_ready, compression)

        def continuation(details, request):
            return self._proceed(details, defaults, lambda callable_, options: callable_(request, **options))

        try:
            return self._intercept()(continuation, defaults, request)
        except Exception as error:
            return _FailureOutcome(error, sys.exc_info()[2])


class _UnaryUnaryMultiCallable(_UnaryResponse, _interfaces.UnaryUnaryMultiCallable):
    def _intercept(self):
        return self._interceptor.intercept_unary_unary


class _UnaryStreamMultiCallable(_StreamResponse, _interfaces.UnaryStreamMultiCallable):
    def _intercept(self):
        return self._interceptor.intercept_unary_stream


class _StreamUnaryMultiCallable(_UnaryResponse, _interfaces.StreamUnaryMultiCallable):
    def _intercept(self):
        return self._interceptor.intercept_stream_unary


class _StreamStreamMultiCallable(_StreamResponse, _interfaces.StreamStreamMultiCallable):
    def _intercept(self):
        return self._interceptor.intercept_stream_stream


class _Channel(_interfaces.Channel):
    """A channel with one interceptor before another channel."""

    def __init__(self, channel, interceptor):
        self._channel = channel
        self._interceptor = interceptor

    def subscribe(self, callback, try_to_connect=False):
        self._channel.subscribe(callback, try_to_connect=try_to_connect)

    def unsubscribe(self, callback):
        self._channel.unsubscribe(callback)

    def _callable(self, kind, interceptor_class, wrapper, method, serializer, deserializer, registered):
        make = getattr(self._channel, kind)

        def thunk(method):
            return make(method, serializer, deserializer, _registered_method=registered)

        if isinstance(self._interceptor, interceptor_class):
            return wrapper(thunk, method, self._interceptor)
        return thunk(method)

    def unary_unary(self, method, request_serializer=None, response_deserializer=None, _registered_method=False):
        return self._callable(
            "unary_unary",
            _interfaces.UnaryUnaryClientInterceptor,
            _UnaryUnaryMultiCallable,
            method,
            request_serializer,
            response_deserializer,
            _registered_method,
        )

    def unary_stream(self, method, request_serializer=None, response_deserializer=None, _registered_method=False):
        return self._callable(
            "unary_stream",
            _interfaces.UnaryStreamClientInterceptor,
            _UnaryStreamMultiCallable,
            method,
            request_serializer,
            response_deserializer,
            _registered_method,
        )

    def stream_unary(self, method, request_serializer=None, response_deserializer=None, _registered_method=False):
        return self._callable(
            "stream_unary",
            _interfaces.StreamUnaryClientInterceptor,
            _StreamUnaryMultiCallable,
            method,
            request_serializer,
            response_deserializer,
            _registered_method,
        )

    def stream_stream(self, method, request_serializer=None, response_deserializer=None, _registered_method=False):
        return self._callable(
            "stream_stream",
            _interfaces.StreamStreamClientInterceptor,
            _StreamStreamMultiCallable,
            method,
            request_serializer,
            response_deserializer,
            _registered_method,
        )

    def close(self):
        self._channel.close()

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_val, exc_tb):
        self.close()
        return False


_CLASSES = (
    _interfaces.UnaryUnaryClientInterceptor,
    _interfaces.UnaryStreamClientInterceptor,
    _interfaces.StreamUnaryClientInterceptor,
    _interfaces.StreamStreamClientInterceptor,
)


def intercept_channel(channel, *interceptors):
    """A channel whose calls pass through `interceptors`, the first of them first.

    Raises:
        TypeError: an interceptor is none of the four client interceptor classes.
    """
    for interceptor in reversed(interceptors):
        if not isinstance(interceptor, _CLASSES):
            raise TypeError(
                "interceptor must be either a grpc.UnaryUnaryClientInterceptor, a grpc.UnaryStreamClientInterceptor, "
                "a grpc.StreamUnaryClientInterceptor, or a grpc.StreamStreamClientInterceptor."
            )
        channel = _Channel(channel, interceptor)
    return channel
