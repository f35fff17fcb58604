"""The abstract classes of channels in grpc.aio."""

import abc

from typing import Generic

from grpc.aio._typing import RequestType, ResponseType


class UnaryUnaryMultiCallable(Generic[RequestType, ResponseType], abc.ABC):
    """A method with one request and one response."""

    @abc.abstractmethod
    def __call__(
        self, request, *, timeout=None, metadata=None, credentials=None, wait_for_ready=None, compression=None
    ):
        """Makes the call: a UnaryUnaryCall."""


class UnaryStreamMultiCallable(Generic[RequestType, ResponseType], abc.ABC):
    """A method with one request and a stream of responses."""

    @abc.abstractmethod
    def __call__(
        self, request, *, timeout=None, metadata=None, credentials=None, wait_for_ready=None, compression=None
    ):
        """Makes the call: a UnaryStreamCall."""


class StreamUnaryMultiCallable(Generic[RequestType, ResponseType], abc.ABC):
    """A method with a stream of requests and one response."""

    @abc.abstractmethod
    def __call__(
        self,
        request_iterator=None,
        timeout=None,
        metadata=None,
        credentials=None,
        wait_for_ready=None,
        compression=None,
    ):
        """Makes the call: a StreamUnaryCall. Without `request_iterator` requests are sent by `write`."""


class StreamStreamMultiCallable(Generic[RequestType, ResponseType], abc.ABC):
    """A method with streams both ways."""

    @abc.abstractmethod
    def __call__(
        self,
        request_iterator=None,
        timeout=None,
        metadata=None,
        credentials=None,
        wait_for_ready=None,
        compression=None,
    ):
        """Makes the call: a StreamStreamCall. Without `request_iterator` requests are sent by `write`."""


class Channel(abc.ABC):
    """A virtual connection to a server."""

    @abc.abstractmethod
    async def __aenter__(self):
        """The channel itself."""

    @abc.abstractmethod
    async def __aexit__(self, exc_type, exc_val, exc_tb):
        """Closes the channel."""

    @abc.abstractmethod
    async def close(self, grace=None):
        """Closes the channel.

        Args:
            grace: seconds that running calls may go on; None cancels them at once.
        """

    @abc.abstractmethod
    def get_state(self, try_to_connect=False):
        """The ChannelConnectivity now."""

    @abc.abstractmethod
    async def wait_for_state_change(self, last_observed_state):
        """Waits until the state is not `last_observed_state`."""

    @abc.abstractmethod
    async def channel_ready(self):
        """Connects and waits until the channel is READY."""

    @abc.abstractmethod
    def unary_unary(self, method, request_serializer=None, response_deserializer=None, _registered_method=False):
        """The UnaryUnaryMultiCallable of a method; arguments as for `grpc.Channel.unary_unary`."""

    @abc.abstractmethod
    def unary_stream(self, method, request_serializer=None, response_deserializer=None, _registered_method=False):
        """The UnaryStreamMultiCallable of a method."""

    @abc.abstractmethod
    def stream_unary(self, method, request_serializer=None, response_deserializer=None, _registered_method=False):
        """The StreamUnaryMultiCallable of a method."""

    @abc.abstractmethod
    def stream_stream(self, method, request_serializer=None, response_deserializer=None, _registered_method=False):
        """The StreamStreamMultiCallable of a method."""
