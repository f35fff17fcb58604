"""The synchronous client: channels, the callables of methods, and the objects that calls become.

The call path is in the extension module: a unary call hands headers, message and end of stream over at once and
waits, without the interpreter's lock, to be woken once. What is here gives it grpcio's shape.
"""

import logging
import threading
import time

from carom import _carom
from grpc import _credentials
from grpc import _interfaces
from grpc._enums import CONNECTIVITY_STATES, ChannelConnectivity, StatusCode, status_code
from grpc._grpcio_metadata import __version__

_LOGGER = logging.getLogger(__name__)

_USER_AGENT = f"grpc-python/{__version__}"
_CANCELLED_LOCALLY = "Locally cancelled by application!"
_INSECURE_FOR_CALL_CREDENTIALS = (
    "Established channel does not have a sufficient security level to transfer call credential."
)

_UNARY_RESULT = (
    "<{} of RPC that terminated with:\n\tstatus = {}\n\tdetails = \"{}\"\n>",
    "<{} of RPC that terminated with:\n\tstatus = {}\n\tdetails = \"{}\"\n\tdebug_error_string = \"{}\"\n>",
)


def _describe(name, code, details, debug_error_string):
    if code is StatusCode.OK:
        return _UNARY_RESULT[0].format(name, code, details)
    return _UNARY_RESULT[1].format(name, code, details, debug_error_string)


class _RPCState:
    """How a call ended."""

    __slots__ = ("code", "details", "initial_metadata", "trailing_metadata", "debug_error_string")

    def __init__(self, code, details, initial_metadata=(), trailing_metadata=(), debug_error_string=None):
        self.code = code
        self.details = details
        self.initial_metadata = initial_metadata
        self.trailing_metadata = trailing_metadata
        self.debug_error_string = debug_error_string

    @classmethod
    def of(cls, call):
        """The state of an ended call of the extension module."""
        number, details, debug_error_string = call.status()
        return cls(
            status_code(number), details, call.initial_metadata(), call.trailing_metadata(), debug_error_string
        )


class _InactiveRpcError(_interfaces.RpcError, _interfaces.Call, _interfaces.Future):
    """The error of a call that was waited for: it has ended, so nothing of it blocks."""

    def __init__(self, state):
        super().__init__(state)
        self._state = state

    def initial_metadata(self):
        return self._state.initial_metadata

    def trailing_metadata(self):
        return self._state.trailing_metadata

    def code(self):
        return self._state.code

    def details(self):
        return self._state.details

    def debug_error_string(self):
        return self._state.debug_error_string

    def _repr(self):
        state = self._state
        return _describe(self.__class__.__name__, state.code, state.details, state.debug_error_string)

    def __repr__(self):
        return self._repr()

    def __str__(self):
        return self._repr()

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
        raise self

    def exception(self, timeout=None):
        return self

    def traceback(self, timeout=None):
        try:
            raise self
        except _interfaces.RpcError as error:
            return error.__traceback__

    def add_callback(self, callback):
        return False

    def add_done_callback(self, fn):
        fn(self)


class _Rendezvous(_interfaces.RpcError, _interfaces.RpcContext):
    """A call that may still run. Where it is an error, it is raised as itself."""

    def __init__(self, call, response_deserializer):
        super().__init__(call)
        self._call = call
        self._response_deserializer = response_deserializer
        self._cancelled = False

    def is_active(self):
        return not self._call.done()

    def time_remaining(self):
        return self._call.time_remaining()

    def cancel(self):
        if self._call.cancel(StatusCode.CANCELLED.value[0], _CANCELLED_LOCALLY):
            self._cancelled = True
        return True

    def add_callback(self, callback):
        return self._call.add_done_callback(callback)

    def initial_metadata(self):
        return self._call.initial_metadata()

    def trailing_metadata(self):
        return self._call.trailing_metadata()

    def code(self):
        self._call.wait(None)
        return status_code(self._call.status()[0])

    def details(self):
        self._call.wait(None)
        return self._call.status()[1]

    def debug_error_string(self):
        self._call.wait(None)
        return self._call.status()[2]

    def _fail(self, code, details):
        self._call.cancel(code.value[0], details)
        self._call.wait(None)

    def __iter__(self):
        return self

    def __next__(self):
        return self._next()

    def _next(self):
        # By this name tracers wrap it.
        message = self._call.read()
        if message is not None:
            if self._response_deserializer is None:
                return message
            try:
                return self._response_deserializer(message)
            except Exception:
                _LOGGER.exception("Exception deserializing message!")
                self._fail(StatusCode.INTERNAL, "Exception deserializing response!")
                raise self from None
        self._call.wait(None)
        if self._call.status()[0] == 0:
            raise StopIteration()
        raise self

    def next(self):
        """The next response; as `next(call)`."""
        return self._next()

    def _repr(self):
        if not self._call.done():
            return f"<{self.__class__.__name__} object>"
        number, details, debug_error_string = self._call.status()
        return _describe(self.__class__.__name__, status_code(number), details, debug_error_string)

    def __repr__(self):
        return self._repr()

    def __str__(self):
        return self._repr()

    def __del__(self):
        call = getattr(self, "_call", None)
        if call is not None and not call.done():
            call.cancel(StatusCode.CANCELLED.value[0], "Cancelled upon garbage collection!")


class _SingleThreadedRendezvous(_Rendezvous, _interfaces.Call):
    """A stream of responses for one thread; no Future."""


class _MultiThreadedRendezvous(_Rendezvous, _interfaces.Call, _interfaces.Future):
    """A call that is a Future of its response, or an iterator of its responses."""

    _response = None
    _taken = False

    def cancelled(self):
        return self._cancelled

    def running(self):
        return not self._call.done()

    def done(self):
        return self._call.done()

    def _wait(self, timeout):
        if not self._call.wait(timeout):
            raise _interfaces.FutureTimeoutError()
        if self._cancelled and self._call.status()[0] == StatusCode.CANCELLED.value[0]:
            raise _interfaces.FutureCancelledError()

    def result(self, timeout=None):
        self._wait(timeout)
        if self._call.status()[0] != 0:
            raise self
        if not self._taken:
            message = self._call.unary_message()
            if message is not None and self._response_deserializer is not None:
                try:
                    message = self._response_deserializer(message)
                except Exception:
                    _LOGGER.exception("Exception deserializing message!")
                    self._call.overrule(StatusCode.INTERNAL.value[0], "Exception deserializing response!")
                    raise self from None
            self._response = message
            self._taken = True
        return self._response

    def exception(self, timeout=None):
        self._wait(timeout)
        return None if self._call.status()[0] == 0 else self

    def traceback(self, timeout=None):
        self._wait(timeout)
        if self._call.status()[0] == 0:
            return None
        try:
            raise self
        except _interfaces.RpcError as error:
            return error.__traceback__

    def add_done_callback(self, fn):
        def done():
            fn(self)

        if not self._call.add_done_callback(done):
            fn(self)


def _send_all(call, request_iterator, serializer):
    """Feeds a call from the program's iterator, until that or the call ends."""
    write = call.write
    code, details = StatusCode.UNKNOWN, "Exception iterating requests!"
    try:
        for request in request_iterator:
            if serializer is not None:
                try:
                    request = serializer(request)
                except Exception:
                    code, details = StatusCode.INTERNAL, "Exception serializing request!"
                    raise
            if request is None:
                code, details = StatusCode.INTERNAL, "Exception serializing request!"
                raise TypeError("a request is None")
            if not write(request):
                return
        call.half_close()
    except Exception:
        if call.cancel(code.value[0], details):
            _LOGGER.exception(details)


def _send_requests(call, request_iterator, serializer):
    """Runs a thread that feeds a call, since the program's iterator may block."""
    threading.Thread(target=_send_all, args=(call, request_iterator, serializer), daemon=True).start()


def _run_callbacks():
    """The thread that calls what was given to `add_done_callback`."""
    while True:
        for callback in _carom.next_callbacks():
            try:
                callback()
            except Exception:
                _LOGGER.exception("Exception calling a call's done callback")
        # What it holds must not live until the next call ends.
        callback = None


class _MultiCallable:
    """What the callables of the four kinds of methods share."""

    __slots__ = ("_channel", "_method", "_request_serializer", "_response_deserializer")

    def __init__(self, channel, method, request_serializer, response_deserializer):
        self._channel = channel
        self._method = method.decode() if isinstance(method, bytes) else method
        self._request_serializer = request_serializer
        self._response_deserializer = response_deserializer

    def _serialize(self, request):
        """The request's bytes. None would leave the request to come, for ever: it is an error as in grpcio."""
        if self._request_serializer is not None:
            try:
                request = self._request_serializer(request)
            except Exception:
                _LOGGER.exception("Exception serializing message!")
                request = None
        if request is None:
            raise _InactiveRpcError(_RPCState(StatusCode.INTERNAL, "Exception serializing request!")) from None
        return request

    def _start(self, payload, one_response, timeout, metadata, credentials, wait_for_ready, compression):
        """Starts the call; `payload` None leaves its requests to come."""
        channel = self._channel
        if credentials is not None or channel._plugins:
            metadata, timeout = channel._authenticate(self._method, metadata, credentials, timeout)
        return channel._core.start(
            self._method, payload, one_response, timeout, metadata, wait_for_ready, compression
        )

    def _unary_response(self, call):
        """Waits for the end of a call with one response."""
        call.wait(None)
        if call.status()[0] != 0:
            raise _InactiveRpcError(_RPCState.of(call))
        return self._deserialize(call.unary_message())

    def _deserialize(self, message):
        if self._response_deserializer is None:
            return message
        try:
            return self._response_deserializer(message)
        except Exception:
            _LOGGER.exception("Exception deserializing message!")
            raise _InactiveRpcError(_RPCState(StatusCode.INTERNAL, "Exception deserializing response!")) from None


class _UnaryUnaryMultiCallable(_MultiCallable, _interfaces.UnaryUnaryMultiCallable):
    __slots__ = ()

    def __call__(self, request, timeout=None, metadata=None, credentials=None, wait_for_ready=None, compression=None):
        channel = self._channel
        if credentials is not None or channel._plugins:
            return self.with_call(request, timeout, metadata, credentials, wait_for_ready, compression)[0]
        payload = self._serialize(request)
        try:
            message = channel._core.unary(self._method, payload, timeout, metadata, wait_for_ready, compression)
        except _carom.InvalidMetadata:
            raise _invalid_metadata() from None
        if type(message) is not bytes:
            raise _InactiveRpcError(_RPCState.of(message))
        return self._deserialize(message)

    def with_call(self, request, timeout=None, metadata=None, credentials=None, wait_for_ready=None, compression=None):
        payload = self._serialize(request)
        try:
            call = self._start(payload, True, timeout, metadata, credentials, wait_for_ready, compression)
        except _carom.InvalidMetadata:
            raise _invalid_metadata() from None
        return self._unary_response(call), _MultiThreadedRendezvous(call, self._response_deserializer)

    def future(self, request, timeout=None, metadata=None, credentials=None, wait_for_ready=None, compression=None):
        payload = self._serialize(request)
        try:
            call = self._start(payload, True, timeout, metadata, credentials, wait_for_ready, compression)
        except _carom.InvalidMetadata:
            raise _invalid_metadata() from None
        return _MultiThreadedRendezvous(call, self._response_deserializer)


class _UnaryStreamMultiCallable(_MultiCallable, _interfaces.UnaryStreamMultiCallable):
    __slots__ = ()

    def __call__(self, request, timeout=None, metadata=None, credentials=None, wait_for_ready=None, compression=None):
        payload = self._serialize(request)
        try:
            call = self._start(payload, False, timeout, metadata, credentials, wait_for_ready, compression)
        except _carom.InvalidMetadata:
            raise _invalid_metadata() from None
        return self._channel._response_stream(call, self._response_deserializer)


class _StreamUnaryMultiCallable(_MultiCallable, _interfaces.StreamUnaryMultiCallable):
    __slots__ = ()

    def _begin(self, request_iterator, timeout, metadata, credentials, wait_for_ready, compression):
        try:
            call = self._start(None, True, timeout, metadata, credentials, wait_for_ready, compression)
        except _carom.InvalidMetadata:
            raise _invalid_metadata() from None
        _send_requests(call, request_iterator, self._request_serializer)
        return call

    def __call__(
        self, request_iterator, timeout=None, metadata=None, credentials=None, wait_for_ready=None, compression=None
    ):
        return self._unary_response(
            self._begin(request_iterator, timeout, metadata, credentials, wait_for_ready, compression)
        )

    def with_call(
        self, request_iterator, timeout=None, metadata=None, credentials=None, wait_for_ready=None, compression=None
    ):
        call = self._begin(request_iterator, timeout, metadata, credentials, wait_for_ready, compression)
        return self._unary_response(call), _MultiThreadedRendezvous(call, self._response_deserializer)

    def future(
        self, request_iterator, timeout=None, metadata=None, credentials=None, wait_for_ready=None, compression=None
    ):
        call = self._begin(request_iterator, timeout, metadata, credentials, wait_for_ready, compression)
        return _MultiThreadedRendezvous(call, self._response_deserializer)


class _StreamStreamMultiCallable(_MultiCallable, _interfaces.StreamStreamMultiCallable):
    __slots__ = ()

    def __call__(
        self, request_iterator, timeout=None, metadata=None, credentials=None, wait_for_ready=None, compression=None
    ):
        try:
            call = self._start(None, False, timeout, metadata, credentials, wait_for_ready, compression)
        except _carom.InvalidMetadata:
            raise _invalid_metadata() from None
        _send_requests(call, request_iterator, self._request_serializer)
        return _MultiThreadedRendezvous(call, self._response_deserializer)


def _invalid_metadata():
    return _InactiveRpcError(_RPCState(StatusCode.INTERNAL, "Invalid metadata", debug_error_string=""))


class _Subscriptions:
    """Delivers connectivity changes to callbacks, each in order, from a thread that runs while there are any."""

    def __init__(self, core):
        self._core = core
        self._lock = threading.Lock()
        self._callbacks = []
        self._running = False

    def add(self, callback, try_to_connect):
        with self._lock:
            self._callbacks.append([callback, None])
            if try_to_connect:
                self._core.state(True)
            if self._running:
                self._core.poke_watchers()
                return
            self._running = True
        threading.Thread(target=self._run, daemon=True).start()

    def remove(self, callback):
        with self._lock:
            for index, (subscribed, _) in enumerate(self._callbacks):
                if subscribed == callback:
                    self._callbacks.pop(index)
                    break
        self._core.poke_watchers()

    def _run(self):
        while True:
            with self._lock:
                if not self._callbacks:
                    self._running = False
                    return
                state = self._core.state(False)
                due = [entry for entry in self._callbacks if entry[1] != state]
                for entry in due:
                    entry[1] = state
            for entry in due:
                try:
                    entry[0](CONNECTIVITY_STATES[state])
                except Exception:
                    _LOGGER.exception("Exception calling connectivity callback")
            if CONNECTIVITY_STATES[state] is ChannelConnectivity.SHUTDOWN:
                with self._lock:
                    self._callbacks.clear()
                    self._running = False
                return
            if not due:
                self._core.wait_for_state_change(state)


class Channel(_interfaces.Channel):
    """The channel that `insecure_channel` and `secure_channel` make."""

    def __init__(self, target, options, credentials, compression):
        from grpc import experimental

        options = tuple(options or ())
        transport, self._plugins, self._secure = _credentials.split_channel(credentials)
        single_threaded = (experimental.ChannelOptions.SingleThreadedUnaryStream, 1)
        self._rendezvous = _SingleThreadedRendezvous if single_threaded in options else _MultiThreadedRendezvous
        self._core = _carom.Channel(
            target,
            [(key, value) for key, value in options if key != single_threaded[0]],
            None
            if transport is None
            else (transport.root_certificates, transport.private_key, transport.certificate_chain),
            _USER_AGENT,
            compression,
        )
        self._subscriptions = _Subscriptions(self._core)

    def _response_stream(self, call, response_deserializer):
        return self._rendezvous(call, response_deserializer)

    def _authenticate(self, method, metadata, credentials, timeout):
        """The metadata with what call credentials add, and what is left of the timeout."""
        plugins = self._plugins + (_credentials.call_plugins(credentials) if credentials is not None else ())
        if not self._secure:
            raise _InactiveRpcError(
                _RPCState(
                    StatusCode.UNAUTHENTICATED,
                    _INSECURE_FOR_CALL_CREDENTIALS,
                    debug_error_string=f"UNAUTHENTICATED:{_INSECURE_FOR_CALL_CREDENTIALS}",
                )
            )
        context = _credentials.auth_metadata_context(self._core.authority(), method)
        begin = time.monotonic()
        try:
            added = _credentials.call_metadata(plugins, context, timeout)
        except TimeoutError:
            raise _InactiveRpcError(_RPCState(StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")) from None
        except _credentials.PluginError as error:
            raise _InactiveRpcError(
                _RPCState(StatusCode.UNAVAILABLE, str(error), debug_error_string=f"UNAVAILABLE:{error}")
            ) from error
        if timeout is not None:
            timeout -= time.monotonic() - begin
        return tuple(metadata or ()) + added, timeout

    def subscribe(self, callback, try_to_connect=False):
        self._subscriptions.add(callback, try_to_connect)

    def unsubscribe(self, callback):
        self._subscriptions.remove(callback)

    def unary_unary(self, method, request_serializer=None, response_deserializer=None, _registered_method=False):
        return _UnaryUnaryMultiCallable(self, method, request_serializer, response_deserializer)

    def unary_stream(self, method, request_serializer=None, response_deserializer=None, _registered_method=False):
        return _UnaryStreamMultiCallable(self, method, request_serializer, response_deserializer)

    def stream_unary(self, method, request_serializer=None, response_deserializer=None, _registered_method=False):
        return _StreamUnaryMultiCallable(self, method, request_serializer, response_deserializer)

    def stream_stream(self, method, request_serializer=None, response_deserializer=None, _registered_method=False):
        return _StreamStreamMultiCallable(self, method, request_serializer, response_deserializer)

    def close(self):
        self._core.close()

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_val, exc_tb):
        self.close()
        return False
