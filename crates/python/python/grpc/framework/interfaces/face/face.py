"""The upper layer: calls of methods, as programs make and serve them."""

import abc
import collections
import enum

from grpc.framework.common import cardinality  # noqa: F401
from grpc.framework.common import style  # noqa: F401
from grpc.framework.foundation import abandonment  # noqa: F401
from grpc.framework.foundation import future  # noqa: F401
from grpc.framework.foundation import stream  # noqa: F401


class NoSuchMethodError(Exception):
    """There is no such method.

    Attributes:
        group: its service.
        method: its name.
    """

    def __init__(self, group, method):
        super().__init__()
        self.group = group
        self.method = method

    def __repr__(self):
        return f"face.NoSuchMethodError({self.group}, {self.method})"


class Abortion(
    collections.namedtuple("Abortion", ("kind", "initial_metadata", "terminal_metadata", "code", "details"))
):
    """How a call failed.

    Attributes:
        kind: a Kind.
        initial_metadata, terminal_metadata, code, details: what the other side had sent, each None if it had not.
    """

    @enum.unique
    class Kind(enum.Enum):
        """The ways in which calls fail."""

        CANCELLED = "cancelled"
        EXPIRED = "expired"
        LOCAL_SHUTDOWN = "local shutdown"
        REMOTE_SHUTDOWN = "remote shutdown"
        NETWORK_FAILURE = "network failure"
        LOCAL_FAILURE = "local failure"
        REMOTE_FAILURE = "remote failure"


class AbortionError(Exception, metaclass=abc.ABCMeta):
    """A call failed. Its attributes are those of Abortion but `kind`."""

    def __init__(self, initial_metadata, terminal_metadata, code, details):
        super().__init__()
        self.initial_metadata = initial_metadata
        self.terminal_metadata = terminal_metadata
        self.code = code
        self.details = details

    def __str__(self):
        return f'{self.__class__.__name__}(code={self.code}, details="{self.details}")'


class CancellationError(AbortionError):
    """The call was cancelled."""


class ExpirationError(AbortionError):
    """The call's time was over."""


class LocalShutdownError(AbortionError):
    """This side takes part in no more calls."""


class RemoteShutdownError(AbortionError):
    """The other side takes part in no more calls."""


class NetworkError(AbortionError):
    """The network failed."""


class LocalError(AbortionError):
    """This side failed."""


class RemoteError(AbortionError):
    """The other side failed."""


class RpcContext(abc.ABC):
    """What either side knows of a call, and does with it as a whole."""

    @abc.abstractmethod
    def is_active(self):
        """Whether the call goes on."""
        raise NotImplementedError()

    @abc.abstractmethod
    def time_remaining(self):
        """Seconds until the call expires."""
        raise NotImplementedError()

    @abc.abstractmethod
    def add_abortion_callback(self, abortion_callback):
        """Has `abortion_callback(abortion)` called if the call fails."""
        raise NotImplementedError()

    @abc.abstractmethod
    def cancel(self):
        """Cancels the call."""
        raise NotImplementedError()

    @abc.abstractmethod
    def protocol_context(self):
        """An object of the protocol under the call."""
        raise NotImplementedError()


class Call(RpcContext, metaclass=abc.ABCMeta):
    """A call, to who made it. Each method waits for what it returns, which is None if the service sent none."""

    @abc.abstractmethod
    def initial_metadata(self):
        """The metadata that the service sent first."""
        raise NotImplementedError()

    @abc.abstractmethod
    def terminal_metadata(self):
        """The metadata that the service sent last."""
        raise NotImplementedError()

    @abc.abstractmethod
    def code(self):
        """The service's code."""
        raise NotImplementedError()

    @abc.abstractmethod
    def details(self):
        """The service's details."""
        raise NotImplementedError()


class ServicerContext(RpcContext, metaclass=abc.ABCMeta):
    """A call, to who serves it."""

    @abc.abstractmethod
    def invocation_metadata(self):
        """The metadata of who made the call, or None."""
        raise NotImplementedError()

    @abc.abstractmethod
    def initial_metadata(self, initial_metadata):
        """Sends metadata ahead of the responses."""
        raise NotImplementedError()

    @abc.abstractmethod
    def terminal_metadata(self, terminal_metadata):
        """Sets the metadata to send last."""
        raise NotImplementedError()

    @abc.abstractmethod
    def code(self, code):
        """Sets the code to send last."""
        raise NotImplementedError()

    @abc.abstractmethod
    def details(self, details):
        """Sets the details to send last."""
        raise NotImplementedError()


class ResponseReceiver(abc.ABC):
    """Is handed what a call's service sends."""

    @abc.abstractmethod
    def initial_metadata(self, initial_metadata):
        """Takes the metadata that was sent first."""
        raise NotImplementedError()

    @abc.abstractmethod
    def response(self, response):
        """Takes a response."""
        raise NotImplementedError()

    @abc.abstractmethod
    def complete(self, terminal_metadata, code, details):
        """Takes what was sent last."""
        raise NotImplementedError()


class UnaryUnaryMultiCallable(abc.ABC):
    """A method with one request and one response, to be called in any style."""

    @abc.abstractmethod
    def __call__(self, request, timeout, metadata=None, with_call=False, protocol_options=None):
        """Calls it and waits for the response.

        Args:
            request: the request.
            timeout: the call's seconds.
            metadata: the call's metadata.
            with_call: whether to return the Call too, as `(response, call)`.
            protocol_options: what the protocol under the call understands.

        Raises:
            AbortionError: the call failed.
        """
        raise NotImplementedError()

    @abc.abstractmethod
    def future(self, request, timeout, metadata=None, protocol_options=None):
        """Calls it and returns an object that is a Call and a future.Future of the response; arguments as for a call."""
        raise NotImplementedError()

    @abc.abstractmethod
    def event(self, request, receiver, abortion_callback, timeout, metadata=None, protocol_options=None):
        """Calls it and returns the Call; a ResponseReceiver is handed the answer, or the callback an Abortion."""
        raise NotImplementedError()


class UnaryStreamMultiCallable(abc.ABC):
    """A method with one request and a stream of responses, to be called in any style."""

    @abc.abstractmethod
    def __call__(self, request, timeout, metadata=None, protocol_options=None):
        """Calls it and returns an object that is a Call and an iterator of responses, which may raise AbortionError."""
        raise NotImplementedError()

    @abc.abstractmethod
    def event(self, request, receiver, abortion_callback, timeout, metadata=None, protocol_options=None):
        """As `UnaryUnaryMultiCallable.event`."""
        raise NotImplementedError()


class StreamUnaryMultiCallable(abc.ABC):
    """A method with a stream of requests and one response, to be called in any style."""

    @abc.abstractmethod
    def __call__(self, request_iterator, timeout, metadata=None, with_call=False, protocol_options=None):
        """As `UnaryUnaryMultiCallable`, with an iterator of requests."""
        raise NotImplementedError()

    @abc.abstractmethod
    def future(self, request_iterator, timeout, metadata=None, protocol_options=None):
        """As `UnaryUnaryMultiCallable.future`, with an iterator of requests."""
        raise NotImplementedError()

    @abc.abstractmethod
    def event(self, receiver, abortion_callback, timeout, metadata=None, protocol_options=None):
        """As `UnaryUnaryMultiCallable.event`; what is returned is also a stream.Consumer of requests."""
        raise NotImplementedError()


class StreamStreamMultiCallable(abc.ABC):
    """A method with streams both ways, to be called in any style."""

    @abc.abstractmethod
    def __call__(self, request_iterator, timeout, metadata=None, protocol_options=None):
        """As `UnaryStreamMultiCallable`, with an iterator of requests."""
        raise NotImplementedError()

    @abc.abstractmethod
    def event(self, receiver, abortion_callback, timeout, metadata=None, protocol_options=None):
        """As `StreamUnaryMultiCallable.event`."""
        raise NotImplementedError()


class MethodImplementation(abc.ABC):
    """How a method is served: one callable, by kind and style. `utilities` has functions that make these.

    Attributes:
        cardinality: a cardinality.Cardinality.
        style: a style.Service.
        unary_unary_inline, unary_stream_inline, stream_unary_inline, stream_stream_inline, unary_unary_event,
            unary_stream_event, stream_unary_event, stream_stream_event: None, but for the one of that kind and style.
    """


class MultiMethodImplementation(abc.ABC):
    """Serves methods of any name."""

    @abc.abstractmethod
    def service(self, group, method, response_consumer, context):
        """Serves a call and returns a stream.Consumer of its requests, which may never be told of their end.

        Args:
            group, method: the method's service and name.
            response_consumer: a stream.Consumer of the responses.
            context: a ServicerContext.

        Raises:
            abandonment.Abandoned: the call has failed meanwhile.
            NoSuchMethodError: the method is not known here.
        """
        raise NotImplementedError()


class GenericStub(abc.ABC):
    """Calls methods by name. Arguments are those of the callables of the method's kind."""

    @abc.abstractmethod
    def blocking_unary_unary(
        self, group, method, request, timeout, metadata=None, with_call=False, protocol_options=None
    ):
        """Calls a method as `UnaryUnaryMultiCallable` does."""
        raise NotImplementedError()

    @abc.abstractmethod
    def future_unary_unary(self, group, method, request, timeout, metadata=None, protocol_options=None):
        """Calls a method as `UnaryUnaryMultiCallable.future` does."""
        raise NotImplementedError()

    @abc.abstractmethod
    def inline_unary_stream(self, group, method, request, timeout, metadata=None, protocol_options=None):
        """Calls a method as `UnaryStreamMultiCallable` does."""
        raise NotImplementedError()

    @abc.abstractmethod
    def blocking_stream_unary(
        self, group, method, request_iterator, timeout, metadata=None, with_call=False, protocol_options=None
    ):
        """Calls a method as `StreamUnaryMultiCallable` does."""
        raise NotImplementedError()

    @abc.abstractmethod
    def future_stream_unary(self, group, method, request_iterator, timeout, metadata=None, protocol_options=None):
        """Calls a method as `StreamUnaryMultiCallable.future` does."""
        raise NotImplementedError()

    @abc.abstractmethod
    def inline_stream_stream(self, group, method, request_iterator, timeout, metadata=None, protocol_options=None):
        """Calls a method as `StreamStreamMultiCallable` does."""
        raise NotImplementedError()

    @abc.abstractmethod
    def event_unary_unary(
        self, group, method, request, receiver, abortion_callback, timeout, metadata=None, protocol_options=None
    ):
        """Calls a method as `UnaryUnaryMultiCallable.event` does."""
        raise NotImplementedError()

    @abc.abstractmethod
    def event_unary_stream(
        self, group, method, request, receiver, abortion_callback, timeout, metadata=None, protocol_options=None
    ):
        """Calls a method as `UnaryStreamMultiCallable.event` does."""
        raise NotImplementedError()

    @abc.abstractmethod
    def event_stream_unary(
        self, group, method, receiver, abortion_callback, timeout, metadata=None, protocol_options=None
    ):
        """Calls a method as `StreamUnaryMultiCallable.event` does; returns the Call and the stream.Consumer."""
        raise NotImplementedError()

    @abc.abstractmethod
    def event_stream_stream(
        self, group, method, receiver, abortion_callback, timeout, metadata=None, protocol_options=None
    ):
        """Calls a method as `StreamStreamMultiCallable.event` does; returns the Call and the stream.Consumer."""
        raise NotImplementedError()

    @abc.abstractmethod
    def unary_unary(self, group, method):
        """The UnaryUnaryMultiCallable of a method."""
        raise NotImplementedError()

    @abc.abstractmethod
    def unary_stream(self, group, method):
        """The UnaryStreamMultiCallable of a method."""
        raise NotImplementedError()

    @abc.abstractmethod
    def stream_unary(self, group, method):
        """The StreamUnaryMultiCallable of a method."""
        raise NotImplementedError()

    @abc.abstractmethod
    def stream_stream(self, group, method):
        """The StreamStreamMultiCallable of a method."""
        raise NotImplementedError()


class DynamicStub(abc.ABC):
    """Calls the methods of one service: each is an attribute, of the MultiCallable class of its kind."""
