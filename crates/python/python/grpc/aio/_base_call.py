"""The abstract classes of calls in grpc.aio."""

import abc

from typing import Generic

from grpc.aio._typing import RequestType, ResponseType


class RpcContext(metaclass=abc.ABCMeta):
    """What is known about a call without waiting."""

    @abc.abstractmethod
    def cancelled(self):
        """True if the call ended by cancellation."""

    @abc.abstractmethod
    def done(self):
        """True if the call has ended, in whatever way."""

    @abc.abstractmethod
    def time_remaining(self):
        """Seconds left until the deadline, or None."""

    @abc.abstractmethod
    def cancel(self):
        """Cancels the call. False if it has ended already."""

    @abc.abstractmethod
    def add_done_callback(self, callback):
        """Has `callback(call)` called at the end, or at once if it is over."""


class Call(RpcContext, metaclass=abc.ABCMeta):
    """A call as its client sees it."""

    @abc.abstractmethod
    async def initial_metadata(self):
        """The metadata the server sent first."""

    @abc.abstractmethod
    async def trailing_metadata(self):
        """The metadata the server sent last."""

    @abc.abstractmethod
    async def code(self):
        """The StatusCode."""

    @abc.abstractmethod
    async def details(self):
        """The status message."""

    @abc.abstractmethod
    async def wait_for_connection(self):
        """Waits until the channel is connected; raises AioRpcError if the call ended before."""


class UnaryUnaryCall(Generic[RequestType, ResponseType], Call, metaclass=abc.ABCMeta):
    """A call with one request and one response: await it."""

    @abc.abstractmethod
    def __await__(self):
        """Waits for the response."""


class UnaryStreamCall(Generic[RequestType, ResponseType], Call, metaclass=abc.ABCMeta):
    """A call with one request and a stream of responses: iterate over it, or read."""

    @abc.abstractmethod
    def __aiter__(self):
        """The responses. Not to be mixed with `read`."""

    @abc.abstractmethod
    async def read(self):
        """The next response, or EOF."""


class StreamUnaryCall(Generic[RequestType, ResponseType], Call, metaclass=abc.ABCMeta):
    """A call with a stream of requests and one response."""

    @abc.abstractmethod
    async def write(self, request):
        """Sends a request."""

    @abc.abstractmethod
    async def done_writing(self):
        """Says that no more requests follow."""

    @abc.abstractmethod
    def __await__(self):
        """Waits for the response."""


class StreamStreamCall(Generic[RequestType, ResponseType], Call, metaclass=abc.ABCMeta):
    """A call with streams both ways."""

    @abc.abstractmethod
    def __aiter__(self):
        """The responses. Not to be mixed with `read`."""

    @abc.abstractmethod
    async def read(self):
        """The next response, or EOF."""

    @abc.abstractmethod
    async def write(self, request):
        """Sends a request."""

    @abc.abstractmethod
    async def done_writing(self):
        """Says that no more requests follow."""
