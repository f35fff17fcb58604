"""The abstract classes of the gRPC API, which programs subclass and test with isinstance.

What a method does is said here once; the classes that implement it stay in `_channel`, `_server` and the
extension module.
"""

import abc

from typing import Protocol, runtime_checkable


class FutureTimeoutError(Exception):
    """A wait on a future ended before the future did."""


class FutureCancelledError(Exception):
    """The computation behind a future was cancelled."""


class Future(abc.ABC):
    """A computation that runs elsewhere. All methods may be called from any thread."""

    @abc.abstractmethod
    def cancel(self):
        """Asks for cancellation; does not block. True if the computation will not give a result."""
        raise NotImplementedError()

    @abc.abstractmethod
    def cancelled(self):
        """True if the computation was cancelled before it had a result."""
        raise NotImplementedError()

    @abc.abstractmethod
    def running(self):
        """True while the computation is neither done nor cancelled."""
        raise NotImplementedError()

    @abc.abstractmethod
    def done(self):
        """True once there is a result, an exception or a cancellation."""
        raise NotImplementedError()

    @abc.abstractmethod
    def result(self, timeout=None):
        """Waits for the result and returns it, or raises what the computation raised.

        Args:
            timeout: seconds to wait; None waits without end.

        Raises:
            FutureTimeoutError: not done within the timeout.
            FutureCancelledError: the computation was cancelled.
        """
        raise NotImplementedError()

    @abc.abstractmethod
    def exception(self, timeout=None):
        """Waits for the end and returns the exception raised, or None. Arguments and errors as for `result`."""
        raise NotImplementedError()

    @abc.abstractmethod
    def traceback(self, timeout=None):
        """Waits for the end and returns the traceback of the exception raised, or None."""
        raise NotImplementedError()

    @abc.abstractmethod
    def add_done_callback(self, fn):
        """Has `fn(self)` called at the end, or at once if it is over."""
        raise NotImplementedError()


class RpcContext(abc.ABC):
    """What both sides of a call know about it."""

    @abc.abstractmethod
    def is_active(self):
        """True while the call has not ended."""
        raise NotImplementedError()

    @abc.abstractmethod
    def time_remaining(self):
        """Seconds left until the deadline, not below zero; None without a deadline."""
        raise NotImplementedError()

    @abc.abstractmethod
    def cancel(self):
        """Ends the call with CANCELLED. Without effect on a call that has ended."""
        raise NotImplementedError()

    @abc.abstractmethod
    def add_callback(self, callback):
        """Has `callback()` called when the call ends.

        Returns:
            True if it will be called later, False if the call has already ended.
        """
        raise NotImplementedError()


class Call(RpcContext, metaclass=abc.ABCMeta):
    """A call as its client sees it."""

    @abc.abstractmethod
    def initial_metadata(self):
        """The metadata the server sent first; waits for it."""
        raise NotImplementedError()

    @abc.abstractmethod
    def trailing_metadata(self):
        """The metadata the server sent last; waits for it."""
        raise NotImplementedError()

    @abc.abstractmethod
    def code(self):
        """The StatusCode; waits for it."""
        raise NotImplementedError()

    @abc.abstractmethod
    def details(self):
        """The status message; waits for it."""
        raise NotImplementedError()


class RpcError(Exception):
    """A call did not end with OK. What the client raises is a `Call` too: see `code()` and `details()`."""


class Status(abc.ABC):
    """A status for `ServicerContext.abort_with_status`.

    Attributes:
        code: a StatusCode.
        details: the message, a string.
        trailing_metadata: metadata to send with it.
    """


class ClientCallDetails(abc.ABC):
    """A call that is about to be made, as client interceptors see it.

    Attributes:
        method: the full method name, "/package.Service/Method".
        timeout: seconds, or None.
        metadata: a sequence of (key, value), or None.
        credentials: CallCredentials, or None.
        wait_for_ready: True, False, or None for the default.
        compression: a Compression, or None for the default.
    """


class UnaryUnaryClientInterceptor(abc.ABC):
    """Stands between the program and its unary-unary calls."""

    @abc.abstractmethod
    def intercept_unary_unary(self, continuation, client_call_details, request):
        """Makes the call, or answers in its place.

        Args:
            continuation: `continuation(client_call_details, request)` goes on with the call and returns an object
                that is a Call and a Future.
            client_call_details: ClientCallDetails.
            request: the request message.

        Returns:
            An object that is a Call and a Future.
        """
        raise NotImplementedError()


class UnaryStreamClientInterceptor(abc.ABC):
    """Stands between the program and its unary-stream calls."""

    @abc.abstractmethod
    def intercept_unary_stream(self, continuation, client_call_details, request):
        """As `intercept_unary_unary`; what is returned is a Call and an iterator of responses."""
        raise NotImplementedError()


class StreamUnaryClientInterceptor(abc.ABC):
    """Stands between the program and its stream-unary calls."""

    @abc.abstractmethod
    def intercept_stream_unary(self, continuation, client_call_details, request_iterator):
        """As `intercept_unary_unary`, with an iterator of requests."""
        raise NotImplementedError()


class StreamStreamClientInterceptor(abc.ABC):
    """Stands between the program and its stream-stream calls."""

    @abc.abstractmethod
    def intercept_stream_stream(self, continuation, client_call_details, request_iterator):
        """As `intercept_unary_stream`, with an iterator of requests."""
        raise NotImplementedError()


class AuthMetadataContext(abc.ABC):
    """What an AuthMetadataPlugin is told about a call.

    Attributes:
        service_url: the URL of the service, "https://host/package.Service".
        method_name: the method's name without its service.
    """


class AuthMetadataPluginCallback(abc.ABC):
    """Takes what a plugin has to say."""

    def __call__(self, metadata, error):
        """Hands over the metadata, or the exception that kept the plugin from making it.

        Args:
            metadata: a sequence of (key, value).
            error: an Exception, or None.
        """
        raise NotImplementedError()


class AuthMetadataPlugin(abc.ABC):
    """Makes authentication metadata for each call."""

    def __call__(self, context, callback):
        """Makes the metadata and calls `callback`, now or later, in this thread or in another.

        Args:
            context: an AuthMetadataContext.
            callback: an AuthMetadataPluginCallback.
        """
        raise NotImplementedError()


_MULTI_CALLABLE_ARGS = """
        Args:
            timeout: seconds the call may take; None for no deadline.
            metadata: (key, value) pairs to send.
            credentials: CallCredentials for this call.
            wait_for_ready: True waits for a connection where False (the default) fails at once.
            compression: a Compression for this call."""


class UnaryUnaryMultiCallable(abc.ABC):
    """A method with one request and one response."""

    @abc.abstractmethod
    def __call__(self, request, timeout=None, metadata=None, credentials=None, wait_for_ready=None, compression=None):
        """Makes the call and waits for the response."""
        raise NotImplementedError()

    @abc.abstractmethod
    def with_call(self, request, timeout=None, metadata=None, credentials=None, wait_for_ready=None, compression=None):
        """Makes the call and waits: (response, Call)."""
        raise NotImplementedError()

    @abc.abstractmethod
    def future(self, request, timeout=None, metadata=None, credentials=None, wait_for_ready=None, compression=None):
        """Makes the call without waiting: an object that is a Call and a Future."""
        raise NotImplementedError()


class UnaryStreamMultiCallable(abc.ABC):
    """A method with one request and a stream of responses."""

    @abc.abstractmethod
    def __call__(self, request, timeout=None, metadata=None, credentials=None, wait_for_ready=None, compression=None):
        """Makes the call: an object that is a Call and an iterator of responses."""
        raise NotImplementedError()


class StreamUnaryMultiCallable(abc.ABC):
    """A method with a stream of requests and one response."""

    @abc.abstractmethod
    def __call__(
        self, request_iterator, timeout=None, metadata=None, credentials=None, wait_for_ready=None, compression=None
    ):
        """Makes the call and waits for the response."""
        raise NotImplementedError()

    @abc.abstractmethod
    def with_call(
        self, request_iterator, timeout=None, metadata=None, credentials=None, wait_for_ready=None, compression=None
    ):
        """Makes the call and waits: (response, Call)."""
        raise NotImplementedError()

    @abc.abstractmethod
    def future(
        self, request_iterator, timeout=None, metadata=None, credentials=None, wait_for_ready=None, compression=None
    ):
        """Makes the call without waiting: an object that is a Call and a Future."""
        raise NotImplementedError()


class StreamStreamMultiCallable(abc.ABC):
    """A method with streams both ways."""

    @abc.abstractmethod
    def __call__(
        self, request_iterator, timeout=None, metadata=None, credentials=None, wait_for_ready=None, compression=None
    ):
        """Makes the call: an object that is a Call and an iterator of responses."""
        raise NotImplementedError()


for _class in (UnaryUnaryMultiCallable, UnaryStreamMultiCallable, StreamUnaryMultiCallable, StreamStreamMultiCallable):
    _class.__call__.__doc__ += "\n" + _MULTI_CALLABLE_ARGS
del _class


class Channel(abc.ABC):
    """A virtual connection to a server; makes the callables through which methods are called."""

    @abc.abstractmethod
    def subscribe(self, callback, try_to_connect=False):
        """Has `callback(ChannelConnectivity)` called with the state now and after each change.

        Args:
            callback: the callable.
            try_to_connect: whether to leave IDLE.
        """
        raise NotImplementedError()

    @abc.abstractmethod
    def unsubscribe(self, callback):
        """Undoes `subscribe`."""
        raise NotImplementedError()

    @abc.abstractmethod
    def unary_unary(self, method, request_serializer=None, response_deserializer=None, _registered_method=False):
        """The UnaryUnaryMultiCallable of a method.

        Args:
            method: the full name, "/package.Service/Method".
            request_serializer: turns a request into bytes; None where requests are bytes.
            response_deserializer: turns bytes into a response; None gives the bytes.
        """
        raise NotImplementedError()

    @abc.abstractmethod
    def unary_stream(self, method, request_serializer=None, response_deserializer=None, _registered_method=False):
        """The UnaryStreamMultiCallable of a method; arguments as for `unary_unary`."""
        raise NotImplementedError()

    @abc.abstractmethod
    def stream_unary(self, method, request_serializer=None, response_deserializer=None, _registered_method=False):
        """The StreamUnaryMultiCallable of a method; arguments as for `unary_unary`."""
        raise NotImplementedError()

    @abc.abstractmethod
    def stream_stream(self, method, request_serializer=None, response_deserializer=None, _registered_method=False):
        """The StreamStreamMultiCallable of a method; arguments as for `unary_unary`."""
        raise NotImplementedError()

    @abc.abstractmethod
    def close(self):
        """Closes the channel: calls that run are cancelled, later ones are a ValueError."""
        raise NotImplementedError()

    def __enter__(self):
        raise NotImplementedError()

    def __exit__(self, exc_type, exc_val, exc_tb):
        raise NotImplementedError()


class ServicerContext(RpcContext, metaclass=abc.ABCMeta):
    """A call as its handler sees it."""

    @abc.abstractmethod
    def invocation_metadata(self):
        """The metadata the client sent, a tuple of (key, value) with attributes `key` and `value`."""
        raise NotImplementedError()

    @abc.abstractmethod
    def peer(self):
        """The client's address, such as "ipv4:127.0.0.1:50123"."""
        raise NotImplementedError()

    @abc.abstractmethod
    def peer_identities(self):
        """The identities the client proved, as bytes; None where it proved none."""
        raise NotImplementedError()

    @abc.abstractmethod
    def peer_identity_key(self):
        """The auth property that holds the identities, or None."""
        raise NotImplementedError()

    @abc.abstractmethod
    def auth_context(self):
        """The auth properties of the connection: a dict of lists of bytes."""
        raise NotImplementedError()

    def set_compression(self, compression):
        """Sets the compression of the responses; before the first is sent."""
        raise NotImplementedError()

    @abc.abstractmethod
    def send_initial_metadata(self, initial_metadata):
        """Sends the initial metadata now. At most once a call."""
        raise NotImplementedError()

    @abc.abstractmethod
    def set_trailing_metadata(self, trailing_metadata):
        """Sets the metadata that goes out with the status."""
        raise NotImplementedError()

    def trailing_metadata(self):
        """The trailing metadata set so far."""
        raise NotImplementedError()

    @abc.abstractmethod
    def abort(self, code, details):
        """Ends the call with a status that is not OK, by raising an exception.

        Args:
            code: a StatusCode other than OK.
            details: the status message.
        """
        raise NotImplementedError()

    @abc.abstractmethod
    def abort_with_status(self, status):
        """As `abort`, with a Status, trailing metadata included."""
        raise NotImplementedError()

    @abc.abstractmethod
    def set_code(self, code):
        """Sets the status code the call will end with."""
        raise NotImplementedError()

    @abc.abstractmethod
    def set_details(self, details):
        """Sets the status message the call will end with."""
        raise NotImplementedError()

    def code(self):
        """The status code set so far, or None."""
        raise NotImplementedError()

    def details(self):
        """The status message set so far, or None."""
        raise NotImplementedError()

    def disable_next_message_compression(self):
        """Sends the next response uncompressed."""
        raise NotImplementedError()


class RpcMethodHandler(abc.ABC):
    """How one method is served.

    Attributes:
        request_streaming: whether requests are a stream.
        response_streaming: whether responses are a stream.
        request_deserializer: turns bytes into a request; None hands over the bytes.
        response_serializer: turns a response into bytes; None where responses are bytes.
        unary_unary, unary_stream, stream_unary, stream_stream: the behaviour, in the one that fits the two flags.
    """


@runtime_checkable
class HandlerCallDetails(Protocol):
    """An incoming call, as generic handlers and server interceptors see it.

    Attributes:
        method: the full method name.
        invocation_metadata: the client's metadata.
    """

    method: str
    invocation_metadata: tuple


class GenericRpcHandler(abc.ABC):
    """Finds the handler of a method."""

    @abc.abstractmethod
    def service(self, handler_call_details):
        """The RpcMethodHandler of the call, or None if this is none of its methods."""
        raise NotImplementedError()


class ServiceRpcHandler(GenericRpcHandler, metaclass=abc.ABCMeta):
    """A GenericRpcHandler for one service."""

    @abc.abstractmethod
    def service_name(self):
        """The service's full name."""
        raise NotImplementedError()


class ServerInterceptor(abc.ABC):
    """Stands before the handlers of a server."""

    @abc.abstractmethod
    def intercept_service(self, continuation, handler_call_details):
        """Finds the handler of a call, mostly by `continuation(handler_call_details)`.

        Returns:
            An RpcMethodHandler, or None where the method has none.
        """
        raise NotImplementedError()


class Server(abc.ABC):
    """Serves calls."""

    @abc.abstractmethod
    def add_generic_rpc_handlers(self, generic_rpc_handlers):
        """Adds GenericRpcHandlers; before `start`."""
        raise NotImplementedError()

    def add_registered_method_handlers(self, service_name, method_handlers):
        """Adds a service's handlers by method name; before `start`."""

    @abc.abstractmethod
    def add_insecure_port(self, address):
        """Listens on an address without encryption.

        Args:
            address: "host:port", "[::]:port", "unix:path"; port 0 takes a free one.

        Returns:
            The port that is listened on.

        Raises:
            RuntimeError: the address cannot be listened on.
        """
        raise NotImplementedError()

    @abc.abstractmethod
    def add_secure_port(self, address, server_credentials):
        """As `add_insecure_port`, with ServerCredentials."""
        raise NotImplementedError()

    @abc.abstractmethod
    def start(self):
        """Begins to serve; returns at once. Once only."""
        raise NotImplementedError()

    @abc.abstractmethod
    def stop(self, grace):
        """Refuses new calls and ends the running ones.

        Args:
            grace: seconds the running calls may go on; None ends them at once.

        Returns:
            A threading.Event that is set when all have ended.
        """
        raise NotImplementedError()

    def wait_for_termination(self, timeout=None):
        """Waits until the server has stopped.

        Args:
            timeout: seconds to wait, or None.

        Returns:
            True if the timeout came first.
        """
        raise NotImplementedError()
